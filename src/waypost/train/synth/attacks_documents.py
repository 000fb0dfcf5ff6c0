"""Indirect injection: documents with an instruction that is foreign to them, and their benign twins.

A twin is the same document in the same wrapping, with nothing in the place of the instruction, or with
one that a person gives to a person.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from waypost.train.synth.attacks_banks import Banks, Draft, bundle, strings, table, weighted, words
from waypost.train.synth.draw import Generator, chance, fill, pick

BUNDLES = 8
"""Documents and instructions are dealt into so many groups and meet only inside a group."""

MARK = "§"
SORTS: Mapping[str, float] = {
    "to_machine": 0.36,
    "bare": 0.3,
    "exfiltration": 0.12,
    "tools": 0.13,
    "memory": 0.09,
}
"""Share of each sort of instruction."""

PLACES: Mapping[str, float] = {"sentence": 0.3, "start": 0.12, "end": 0.26, "line": 0.32}
"""Share of each place in prose; between two lines where there are no two sentences in one."""

LONG_ENOUGH = 5
"""Lines from which one is sometimes left out."""

SEVERAL, WRAPPED = 0.4, 0.55
"""Shares of texts with several documents, and of those with a caller's question around them."""

HUMAN_TOO, HUMAN_INSTEAD = 0.35, 0.65
"""Shares of documents in which people ask something of people anyway, and of twins in which they do so in
the place of the instruction."""

TWO, SHOUTED, LOWERED = 0.15, 0.05, 0.06
"""Shares of instructions that are doubled, in capitals, in small letters."""

_LEFT_EMPTY = re.compile(r"^[ \t]*(?:#|//|--|<!--\s*-->|hint:)[ \t]*$\n?", re.MULTILINE)
_JOINTS = ("\n\n---\n\n", "\n\n\n", "\n\n", "\n\n=====\n\n", "")


@dataclass(frozen=True, slots=True)
class Document:
    """One carrier: its format decides where something fits in and how it is escaped."""

    format: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """A document that is cut open where something can be put in.

    Attributes:
        head: text before the place.
        tail: text after it.
        glue: stands between what is put in and its two sides.
        escape: makes what is put in valid in the document's syntax.
    """

    head: str
    tail: str
    glue: str
    escape: Callable[[str], str]

    def holding(self, text: str) -> str:
        """The document with `text` in the place; with an empty one, as if there were no place."""
        if self.glue:
            return self.glue.join(part for part in (self.head, self.escape(text), self.tail) if part)
        return _LEFT_EMPTY.sub("", self.head + self.escape(text) + self.tail)


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


ESCAPES: Mapping[str, Callable[[str], str]] = {
    "prose": str,
    "html": lambda text: _line(text).replace('"', "'"),
    "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "csv": lambda text: _line(text).replace('"', '""'),
    "log": _line,
    "code": lambda text: _line(text).replace('"', "'"),
}


def injected(rng: Generator) -> Iterator[list[Draft]]:
    """An attacked text and its twin, forever."""
    documents = [
        Document(str(d["format"]), str(d["text"]).strip("\n")) for d in table("documents")["documents"]
    ]
    banks = words("injections", "documents")
    while True:
        index = int(rng.integers(BUNDLES))
        dealt = bundle(documents, index, BUNDLES)
        chosen, *rest = [dealt[int(at)] for at in rng.permutation(len(dealt))]
        place = opened(rng, chosen, banks)
        wish = _wish(rng, banks) if chance(rng, HUMAN_INSTEAD) else ""
        texts = [place.holding(_instruction(rng, index, banks)), place.holding(wish)]
        if chance(rng, SEVERAL):
            texts = _among_others(rng, texts, rest, banks)
        if chance(rng, WRAPPED):
            texts = _wrapped(rng, texts, banks)
        group = f"indirect/{index}"
        yield [Draft(texts[0], group, "indirect"), Draft(texts[1], group, "indirect_twin")]


def opened(rng: Generator, document: Document, banks: Banks) -> Place:
    """The document with its slots filled, cut open at one of its places."""
    text = fill(rng, document.text, banks)
    if document.format == "prose":
        return _prose(rng, text, banks)
    escape = ESCAPES[document.format]
    keep = int(rng.integers(text.count(MARK)))
    pieces = text.split(MARK)
    fillers = [MARK if at == keep else escape(_filler(rng, banks)) for at in range(len(pieces) - 1)]
    text = "".join(part for pair in zip(pieces, [*fillers, ""], strict=True) for part in pair)
    head, _, tail = text.partition(MARK)
    return Place(head, tail, "", escape)


def _prose(rng: Generator, text: str, banks: Banks) -> Place:
    """Between two lines, or between two sentences of a line; some lines are left out, some wishes added."""
    lines = text.split("\n")
    if len(lines) >= LONG_ENOUGH and chance(rng, 0.5):
        del lines[int(rng.integers(2, len(lines) - 1))]
    if chance(rng, HUMAN_TOO):
        lines.insert(int(rng.integers(2, len(lines) + 1)), _wish(rng, banks))
    text = "\n".join(lines)
    stops = [match.end() for match in re.finditer(r"[.!?](?= )", text)]
    match weighted(rng, PLACES):
        case "start":
            return Place("", text, pick(rng, ("\n", "\n\n")), str)
        case "end":
            return Place(text, "", pick(rng, ("\n", "\n\n", " ")), str)
        case "sentence" if stops:
            return _cut(text, pick(rng, stops))
        case _:
            return _cut(text, pick(rng, [match.start() for match in re.finditer("\n", text)]))


def _cut(text: str, at: int) -> Place:
    """Open in the place of the white space at `at`, which then stands on both sides."""
    return Place(text[:at], text[at + 1 :], text[at], str)


def _filler(rng: Generator, banks: Banks) -> str:
    """What stands in the places that hold no instruction, so that a full place alone gives nothing away."""
    bank = pick(rng, ("note", "note", "human", ""))
    return fill(rng, pick(rng, strings("injections", bank)), banks) if bank else ""


def _wish(rng: Generator, banks: Banks) -> str:
    wishes = strings("injections", "human")
    return " ".join(fill(rng, pick(rng, wishes), banks) for _ in range(2 if chance(rng, 0.2) else 1))


def _instruction(rng: Generator, index: int, banks: Banks) -> str:
    parts: list[str] = []
    for _ in range(2 if chance(rng, TWO) else 1):
        sort = weighted(rng, SORTS)
        parts.append(fill(rng, pick(rng, bundle(strings("injections", sort), index, BUNDLES)), banks))
    text = pick(rng, (" ", "\n")).join(parts)
    roll = rng.random()
    if roll < SHOUTED:
        return text.upper()
    return text.lower() if roll < SHOUTED + LOWERED else text


def _among_others(rng: Generator, texts: list[str], rest: Sequence[Document], banks: Banks) -> list[str]:
    """Each text in the same place among the same one to four documents."""
    others = [opened(rng, other, banks).holding("") for other in rest[: 1 + int(rng.integers(4))]]
    at = int(rng.integers(len(others) + 1))
    joint = pick(rng, _JOINTS)
    return [_joined([*others[:at], text, *others[at:]], joint) for text in texts]


def _joined(texts: Sequence[str], joint: str) -> str:
    if joint:
        return joint.join(texts)
    return "\n\n".join(f"Document {number}:\n{text}" for number, text in enumerate(texts, 1))


def _wrapped(rng: Generator, texts: list[str], banks: Banks) -> list[str]:
    """The same request of a caller before each text, behind it, or on both sides."""
    side = pick(rng, ("before", "before", "after", "both"))
    before = "" if side == "after" else fill(rng, pick(rng, strings("injections", "before")), banks) + "\n\n"
    after = "" if side == "before" else "\n\n" + fill(rng, pick(rng, strings("injections", "after")), banks)
    return [before + text + after for text in texts]
