"""Templates of the humanities: what a bank file holds, and how one template becomes a text.

A bank file has tables of English templates by intent: `frames` with slots, `questions` without, `posts` of
several sentences. `readings` are texts, and tasks on them; `contexts` are sentences in front of a question,
`details` sentences behind a post; `terms` are words for the slots; `abroad` has terms and frames by language.

In a template `{slot}` takes a word of the bank of that name, and `<a|b>` is one of the alternatives.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from waypost.train.synth import draw

UNKNOWN_INTENT: Final = "free"
"""The key of templates whose intent is a matter of taste."""

_ALTERNATIVES = re.compile(r"<([^<>]*\|[^<>]*)>")
_SLOT = re.compile(r"\{([a-z_]+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=(?!eu|one\b|once|uni(?!n)|us[aeu]|util|u\b)[aeiouAEIO])")
_SPACES = re.compile(r"  +")
_PASSES: Final = 8
"""Slots inside the words of slots are filled too, this deep."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One way of putting a template, and what the user wants by it; None where that is not certain."""

    text: str
    intent: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """What stands on one side of a split: a frame, a question, a post, or a text to read with its tasks.

    Attributes:
        key: digest of the wording, so that a new template changes the name of no other.
        kind: the table it stands in.
        wordings: one, or for a reading one for each task.
    """

    key: str
    kind: str
    wordings: tuple[Wording, ...]


@dataclass(frozen=True, slots=True)
class Bank:
    """Everything of one domain in one language."""

    language: str
    templates: tuple[Template, ...]
    contexts: tuple[str, ...]
    details: tuple[str, ...]
    terms: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Courtesies:
    """What any text may have in it, in front of it or behind it; the latter two by language."""

    terms: Mapping[str, Sequence[str]]
    openers: Mapping[str, Sequence[str]]
    closers: Mapping[str, Sequence[str]]


def render(rng: draw.Generator, text: str, terms: Mapping[str, Sequence[str]]) -> str:
    """A text of a template: alternatives chosen, slots filled, no word twice for slots of one name.

    Raises:
        KeyError: a slot without a bank.
    """
    used: set[str] = set()

    def choose(match: re.Match[str]) -> str:
        return draw.pick(rng, match[1].split("|"))

    def fill(match: re.Match[str]) -> str:
        words = terms[match[1]]
        word = draw.pick(rng, [fresh for fresh in words if fresh not in used] or words)
        used.add(word)
        return word

    filled = text
    for _ in range(_PASSES):
        before = filled
        filled = _SLOT.sub(fill, _ALTERNATIVES.sub(choose, filled))
        if filled == before:
            break
    filled = tidy(filled)
    # A word of a bank starts in lower case; in a chat it often stays so.
    if text.startswith("{") and draw.chance(rng, 0.6):
        filled = filled[:1].upper() + filled[1:]
    return filled


def tidy(text: str) -> str:
    """`text` without the gaps that empty alternatives and removed marks leave; line breaks stay."""
    return _SPACES.sub(" ", text).strip()


def mend_articles(text: str) -> str:
    """English `a` before a vowel becomes `an`, as the word behind it may come from a bank."""
    return _ARTICLE.sub(lambda match: f"{match[1]}n ", text)


@cache
def courtesies() -> Courtesies:
    """The words that are not of one domain."""
    table = _table("humanities")
    return Courtesies(table["terms"], table["openers"], table["closers"])


@cache
def load(domain: str) -> Mapping[str, Bank]:
    """The banks of a domain by language, English first.

    Raises:
        FileNotFoundError: no bank of that name.
    """
    table = _table(domain)
    common = courtesies()
    english = Bank(
        language="en",
        templates=(
            *_single(table, "frames"),
            *_single(table, "questions"),
            *_single(table, "posts"),
            *_readings(table["readings"]),
        ),
        contexts=tuple(table["contexts"]),
        details=tuple(table["details"]),
        terms={**common.terms, **table["terms"]},
    )
    abroad: dict[str, dict[str, Any]] = table["abroad"]
    others = {
        language: Bank(language, tuple(_single(part, "frames")), (), (), {**common.terms, **part["terms"]})
        for language, part in abroad.items()
    }
    return {"en": english, **others}


def _table(name: str) -> dict[str, Any]:
    path = files("waypost.train.synth") / "banks" / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _single(table: Mapping[str, Any], kind: str) -> Iterator[Template]:
    by_intent: dict[str, list[str]] = table[kind]
    for intent, texts in by_intent.items():
        for text in texts:
            yield Template(_key(text), kind, (Wording(text, _intent(intent)),))


def _readings(tables: Sequence[Mapping[str, Any]]) -> Iterator[Template]:
    for table in tables:
        tasks: dict[str, list[str]] = table["tasks"]
        texts: list[str] = table["texts"]
        for text in texts:
            wordings = tuple(
                Wording(task.replace("{text}", text), _intent(intent))
                for intent, some in tasks.items()
                for task in some
            )
            yield Template(_key(text), "readings", wordings)


def _intent(name: str) -> str | None:
    return None if name == UNKNOWN_INTENT else name


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
