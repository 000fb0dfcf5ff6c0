"""What the guard finds of attacks in disguise, padded or cut apart, and what harmless text it takes for one.

    python -m bench.quality.evasions                  # the artefact that comes with Waypost
    python -m bench.quality.evasions --artefact DIR

Writes `bench/quality/results/evasions.md`. Attacks are those of `data/guard_attacks.jsonl` that are not in
disguise already; nothing was tuned on them. `before` is the classifier on the text as sent.
"""

import argparse
import base64
import codecs
import html
import json
import string
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench.quality.run import RESULTS, engine
from bench.quality.sets import BLIND
from bench.quality.tables import markdown
from waypost.asking import need_of
from waypost.encoder.engine import Encoder
from waypost.evaluate.figures import Figure, share
from waypost.evaluate.task import encoded
from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.jailbreak import JailbreakDetection

BEFORE: Final = "before"
METHODS: Final = ("patterns", "classifier", "hybrid")
WAYS: Final = (BEFORE, *METHODS)
SEED_WORDS: Final = (
    "We spent the morning repainting the shed behind the house, and the green turned out darker than on the "
    "tin. My brother says it will fade by autumn. After lunch the neighbours brought a basket of plums, so "
    "the kitchen smelled of cinnamon until the evening. I have promised to return it with a jar of jam. "
)
"""Harmless words around a padded attack."""

_LOOKALIKE: Final = str.maketrans("aceopxyijsABEHKMOPTX", "асеорхуіјѕАВЕНКМОРТХ")  # noqa: RUF001
_LEET: Final = str.maketrans("aeiost", "431057")
_SHIFT: Final = str.maketrans(
    string.ascii_letters, string.ascii_lowercase[3:] + "abc" + string.ascii_uppercase[3:] + "ABC"
)


def lines(text: str, width: int) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


def encode64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DISGUISES: Final[Mapping[str, Callable[[str], str]]] = {
    "as it is": lambda text: text,
    "base64": encode64,
    "base64 in lines": lambda text: lines(encode64(text), 60),
    "base64, url-safe": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: encode64(encode64(text)),
    "base64 in groups of 4": lambda text: " ".join(lines(encode64(text), 4).split()),
    "hex": lambda text: text.encode().hex(),
    "hex, spaced": lambda text: text.encode().hex(" "),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "Caesar cipher": lambda text: text.translate(_SHIFT),
    "reversed": lambda text: text[::-1],
    "words in reverse order": lambda text: " ".join(reversed(text.split())),
    "leetspeak": lambda text: text.translate(_LEET),
    "letters set apart": lambda text: "  ".join(" ".join(word) for word in text.split()),
    "words run together": lambda text: "".join(text.split()),
    "hyphens in words": lambda text: " ".join(w[:2] + "-" + w[2:] if len(w) > 3 else w for w in text.split()),
    "vowels left out": lambda text: " ".join(
        w[:1] + "".join(c for c in w[1:] if c not in "aeiou") for w in text.split()
    ),
    "invisible characters in words": "\u200b".join,
    "invisible characters for spaces": lambda text: "\u200b".join(text.split()),
    "look-alike letters": lambda text: text.translate(_LOOKALIKE),
    "wide letters": lambda text: text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),
    "HTML entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "percent-encoding": lambda text: urllib.parse.quote(text, safe=""),
    "tag characters": lambda text: (
        "Nice weather. " + "".join(chr(0xE0000 + ord(c)) for c in html.unescape(text) if c.isascii())
    ),
    "75 words in front": lambda text: f"{SEED_WORDS}\n{text}",
    "150 words on both sides": lambda text: f"{SEED_WORDS * 2}\n{text}\n{SEED_WORDS * 2}",
    "1,200 words on both sides": lambda text: f"{SEED_WORDS * 16}\n{text}\n{SEED_WORDS * 16}",
}


def cut(text: str, pieces: int) -> list[str]:
    """A text in pieces of as many words each."""
    words = text.split()
    size = -(-len(words) // pieces)
    return [" ".join(words[at : at + size]) for at in range(0, len(words), size)]


def said(text: str) -> ChatRequest:
    return talk(("user", text))


def talk(*turns: tuple[str, str]) -> ChatRequest:
    messages = tuple(
        Message(role, (Part("text", text, f"messages[{n}].content"),)) for n, (role, text) in enumerate(turns)
    )
    return ChatRequest("openai_chat", b"", "auto", messages=messages)


def in_parts(pieces: Sequence[str]) -> ChatRequest:
    parts = tuple(Part("text", piece, f"messages[0].content[{n}].text") for n, piece in enumerate(pieces))
    return ChatRequest("openai_chat", b"", "auto", messages=(Message("user", parts),))


def answered(pieces: Sequence[str]) -> ChatRequest:
    turns = [turn for piece in pieces for turn in (("user", piece), ("assistant", "Go on."))]
    return talk(*turns[:-1])


REQUESTS: Final[Mapping[str, Callable[[str], ChatRequest]]] = {
    **{name: lambda text, change=change: said(change(text)) for name, change in DISGUISES.items()},
    "cut over 2 messages": lambda text: talk(*(("user", piece) for piece in cut(text, 2))),
    "cut over 3 messages": lambda text: talk(*(("user", piece) for piece in cut(text, 3))),
    "cut over 4 messages": lambda text: talk(*(("user", piece) for piece in cut(text, 4))),
    "cut over 3 messages, answered between": lambda text: answered(cut(text, 3)),
    "cut over 3 parts": lambda text: in_parts(cut(text, 3)),
    "base64 cut over 3 messages": lambda text: talk(
        *(("user", p) for p in lines(encode64(text), 60).split("\n"))
    ),
}

BENIGN: Final = ("guard_benign", "guard_long_benign", "guard_encoded_benign")


@dataclass(frozen=True, slots=True)
class Told:
    """What was found in one request, by way; and how many texts were read besides those sent."""

    found: Mapping[str, bool]
    more: int


def tell(encoder: Encoder, request: ChatRequest, threshold: float) -> Told:
    """Ask the guard in every way, with one look of the encoder."""
    signal = JailbreakDetection(scope="all", unreadable="ignore", threshold=threshold, method="classifier")
    answer = encoded(encoder, need_of(request, [signal]))
    sent = {part.text for part in signal.parts(request) if part.text}
    found = {BEFORE: any(answer.scans[text].attack >= threshold for text in sent)}
    for method in METHODS:
        found[method] = replace(signal, method=method).evaluate(request, answer).label is not None
    return Told(found, len(set(signal.scanned(request)) - sent))


def rows(name: str) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in (BLIND / f"{name}.jsonl").read_text().splitlines()]


def figures(told: Sequence[Told]) -> list[Figure]:
    return [share(sum(each.found[way] for each in told), len(told)) for way in WAYS]


def shown(figure: Figure) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return "–"  # noqa: RUF001
    return f"{figure.value:.0%} ({figure.low:.0%} to {figure.high:.0%})"


def caught(encoder: Encoder, threshold: float, every: int) -> Iterator[tuple[str, list[Told]]]:
    """Every evasion, and what was told of each attack."""
    texts = [row["text"] for row in rows("guard_attacks") if row["kind"] != "obfuscated"][::every]
    for name, make in REQUESTS.items():
        told = [tell(encoder, make(text), threshold) for text in texts]
        print(name, *(shown(figure) for figure in figures(told)), sep=" | ", flush=True)
        yield name, told


def alarms(encoder: Encoder, threshold: float) -> Iterator[tuple[str, list[Told]]]:
    """Every harmless set, and what was told of each row."""
    for name in BENIGN:
        kept = rows(name)
        told = [tell(encoder, said(row["text"]), threshold) for row in kept]
        print(name, *(shown(figure) for figure in figures(told)), sep=" | ", flush=True)
        yield name, told
        if name == "guard_encoded_benign":
            for kind in dict.fromkeys(row["kind"] for row in kept):
                yield f"– {kind}", [t for t, row in zip(told, kept, strict=True) if row["kind"] == kind]  # noqa: RUF001


def page(
    version: str, threshold: float, found: Mapping[str, list[Told]], wrong: Mapping[str, list[Told]]
) -> str:
    """The report."""
    head = ["", "n", *WAYS]
    table = [[name, str(len(told)), *map(shown, figures(told))] for name, told in found.items()]
    missed = [name for name, told in found.items() if (figures(told)[-1].value or 0) < 0.5]
    false = [
        [name, str(len(told)), *map(shown, figures(told)), str(sum(each.more for each in told))]
        for name, told in wrong.items()
    ]
    turns = [
        talk(*((turn["role"], turn["content"]) for turn in row["messages"])) for row in rows("conversations")
    ]
    signal = JailbreakDetection(scope="all")
    more = sum(len(signal.scanned(r)) - sum(bool(p.text) for p in signal.parts(r)) for r in turns)
    about = (
        f"Attacks of `guard_attacks.jsonl` at a threshold of {threshold:g}; intervals of 95 % (Wilson). "
        "`before`: the classifier on the text as sent; `patterns`, `classifier`, `hybrid`: the methods of "
        "`jailbreak_detection`, on every reading of the text. Written by `python -m bench.quality.evasions`."
    )
    paragraphs = (
        f"# Evasions of the guard, model {version}",
        about,
        f"**Still found less than half of the time**: {', '.join(missed) or 'none'}.",
        "## Attacks found",
        "\n".join(markdown(head, table)),
        "## False alarms",
        "`more`: texts that were read besides those sent.",
        "\n".join(markdown([*head, "more"], false)),
        f"In {len(turns)} harmless conversations (`conversations.jsonl`) {more} texts more were read.",
    )
    return "\n\n".join(paragraphs) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artefact", type=Path, help="folder of another model")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--threshold", type=float, default=JailbreakDetection().threshold)
    parser.add_argument("--every", type=int, default=1, help="only every so many-th attack, for a trial")
    parser.add_argument("--out", type=Path, default=RESULTS / "evasions.md")
    options = parser.parse_args()
    with engine(options.artefact, options.threads) as encoder:
        found = dict(caught(encoder, options.threshold, options.every))
        wrong = dict(alarms(encoder, options.threshold))
        version = encoder.artefact.version
    options.out.write_text(page(version, options.threshold, found, wrong))


if __name__ == "__main__":
    main()
