"""Frames and word lists of the sciences, read from the TOML files in `banks/`.

A file holds, for each language:

- `slots`: lists of words; an entry may name other slots. `sciences.toml` adds what all domains share.
- `frames`: texts with slots, by intent, `any` where the frame does not settle it. A frame that is only a
  slot stands for every entry of that list.
- `questions`: complete texts, by intent.

Outside a slot, curly brackets around one lower-case word (LaTeX and code need them) are written ⟦ ⟧, and
`a(n)` becomes the article that fits the word behind it.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from statistics import median
from typing import Final

from waypost.train.synth.draw import Generator, generator, pick

SCIENCES: Final = ("biology", "chemistry", "computer science", "engineering", "health", "math", "physics")
"""The domains written here; the other seven have banks of their own."""

_CARRIERS: Final = ("passage", "problem", "word_problem", "stub", "spec")
# Lists whose entries are templates of their own and outweigh the frame around them.

_SLOT = re.compile(r"\{([a-z_]+)\}")
_ARTICLE = re.compile(r"\b([Aa])\(n\)(\s+)(?=[\"'*]?(\w+))")
_SAMPLES = 7
# 120 and 500 characters: the lengths of natural questions, of posts with context, of pasted text.
_EDGES = (120, 500)

Slots = Mapping[str, Sequence[str]]
_Document = Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]


@dataclass(frozen=True, slots=True)
class Frame:
    """A text to fill in, or a complete question.

    Attributes:
        name: digest of the text, stable when others are added or moved; part of a row's group.
        carrier: the slot whose entry, rather than this text, names the group; empty if there is none.
        size: 0 = up to 120 characters when filled, 1 = up to 500, 2 = longer; the median of a few fillings.
    """

    text: str
    name: str
    language: str
    intent: str | None
    size: int
    carrier: str


@dataclass(frozen=True, slots=True)
class Bank:
    """What one domain has: frames, complete questions, and word lists by language."""

    domain: str
    frames: tuple[Frame, ...]
    questions: tuple[Frame, ...]
    slots: Mapping[str, Slots]


@cache
def banks() -> Mapping[str, Bank]:
    """The bank of every domain, the frames that suit all of them included."""
    shared = _read("sciences")
    return {domain: _bank(domain, shared, _read(domain.replace(" ", "_"))) for domain in SCIENCES}


def fill(rng: Generator, template: str, slots: Slots) -> str:
    """`template` with its slots filled; no word is taken twice as long as the list has others.

    Raises:
        KeyError: a slot without a list.
    """
    text, used = template, set[str]()
    while found := _SLOT.search(text):
        words = slots[found[1]]
        word = pick(rng, [word for word in words if word not in used] or words)
        if not _SLOT.search(word):
            used.add(word)
        text = text[: found.start()] + word + text[found.end() :]
    return _ARTICLE.sub(_article, text).replace("⟦", "{").replace("⟧", "}")


def digest(text: str) -> str:
    """Name of a template, the same wherever it is used."""
    return sha256(text.encode()).hexdigest()[:8]


def _article(found: re.Match[str]) -> str:
    word = found[3]
    if word[0].isdigit():
        vowel = word[0] == "8" or word in {"11", "18"}
    elif word.isupper() or word[1:2].isupper():  # spelled out: an MRI, a UV lamp, an mRNA
        vowel = word[0] in "AEFHILMNORSXaefhilmnorsx"
    else:
        vowel = word[0].lower() in "aeiou" and not re.match(r"uni|us|eu|one\b", word.lower())
    return found[1] + ("n" if vowel else "") + found[2]


def _read(name: str) -> _Document:
    return tomllib.loads(files("waypost.train.synth").joinpath("banks", f"{name}.toml").read_text("utf-8"))


def _bank(domain: str, shared: _Document, own: _Document) -> Bank:
    slots = {language: _slots((shared, "all"), (shared, language), (own, language)) for language in own}
    frames = [*_frames(shared, "frames", slots), *_frames(own, "frames", slots)]
    return Bank(domain, tuple(frames), tuple(_frames(own, "questions", slots)), slots)


def _slots(*parts: tuple[_Document, str]) -> Slots:
    merged: dict[str, Sequence[str]] = {}
    for document, language in parts:
        merged |= document.get(language, {}).get("slots", {})
    return merged


def _frames(document: _Document, section: str, slots: Mapping[str, Slots]) -> Iterator[Frame]:
    for language, sections in document.items():
        for intent, texts in sections.get(section, {}).items():
            for text in _spread(texts, slots[language]):
                purpose = None if intent == "any" else intent
                size = _size(text, slots[language])
                yield Frame(text, digest(text), language, purpose, size, _carrier(text))


def _carrier(text: str) -> str:
    found = [slot for slot in _SLOT.findall(text) if slot in _CARRIERS]
    return found[0] if len(found) == 1 else ""


def _spread(texts: Sequence[str], slots: Slots) -> Iterator[str]:
    """The texts; one that is nothing but a slot stands for every entry of its list."""
    for text in texts:
        if slot := _SLOT.fullmatch(text):
            yield from slots[slot[1]]
        else:
            yield text


def _size(text: str, slots: Slots) -> int:
    rng = generator(0, "size", text)
    length = median(len(fill(rng, text, slots)) for _ in range(_SAMPLES if _SLOT.search(text) else 1))
    return sum(length > edge for edge in _EDGES)
