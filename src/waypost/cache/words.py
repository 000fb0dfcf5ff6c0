"""Words that the cache's checks know, as `words.toml` lists them.

Rule 1: read once, when this module is imported; a request only looks up sets.
Rule 2: closed lists, so that an auditor can read why an answer was not shared.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

Pairs = Mapping[str, frozenset[str]]

_SUFFIXES: Final = ("ing", "ied", "ies", "ed", "s", "ly")
_STEM: Final = 3
_DOUBLED: Final = frozenset("bdgmnprt")


@dataclass(frozen=True, slots=True)
class Affixes:
    """What tells words apart that are else the same.

    Attributes:
        turning: beginnings that turn a word around.
        beginnings: words with two of them mean different things.
        endings: likewise.
    """

    turning: tuple[str, ...]
    beginnings: tuple[str, ...]
    endings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frames:
    """Words without content that say what a sentence is.

    Attributes:
        telling: what stands for each, where one of them may not stand for another.
        polar: what a question opens with that is answered by yes or no.
        open: what one opens with that is not.
    """

    telling: Mapping[str, str]
    polar: frozenset[str]
    open: frozenset[str]


@dataclass(frozen=True, slots=True)
class Words:
    """What `verify` compares texts with.

    Attributes:
        stop: words without content.
        english: frequent words that hardly another language has.
        fillers: words that are said beside the matter, and those an order may open with.
        negation: words that turn a sentence around.
        synonyms: what stands for a stem; a stem that is missing stands for itself.
        opposites: by what stands for a stem.
        foreign: frequent words of other languages that are no words of English.
        numbers: digits by word; ordinals begin with `#`.
        slots: kind and what stands for it, by term of one or more words.
        aspects: what may be asked about a thing, by word.
        affixes: what tells words apart that are else the same.
        frames: what words without content tell.
    """

    stop: frozenset[str]
    english: frozenset[str]
    fillers: frozenset[str]
    negation: frozenset[str]
    synonyms: Mapping[str, str]
    opposites: Pairs
    foreign: frozenset[str]
    numbers: Mapping[str, str]
    slots: Mapping[tuple[str, ...], tuple[str, str]]
    aspects: Pairs
    affixes: Affixes
    frames: Frames


def stem(word: str) -> str:
    """The word without its ending, where at least three letters stay: cause and causing are one."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and not word.endswith("ss") and len(word) - len(suffix) >= _STEM:
            word = word[: -len(suffix)] + ("i" if suffix.startswith("ie") else "")
            break
    if len(word) > _STEM and word[-1] == word[-2] and word[-1] in _DOUBLED:
        return word[:-1]
    if len(word) <= _STEM:
        return word
    return word[:-1] + "i" if word.endswith("y") else word.removesuffix("e")


def term(written: str) -> tuple[str, ...]:
    """The words of an entry."""
    return tuple(written.split("_"))


def terms(written: str) -> frozenset[tuple[str, ...]]:
    """The entries of a list."""
    return frozenset(map(term, written.split()))


def _lines(written: str) -> Iterator[list[str]]:
    return (line.split() for line in written.splitlines() if line.strip())


def _synonyms(written: str) -> dict[str, str]:
    groups = [group.split("/") for group in written.split()]
    return {stem(word): stem(group[0]) for group in groups for word in group}


def _opposites(written: str, synonyms: Mapping[str, str]) -> Pairs:
    found: dict[str, set[str]] = {}
    for pair in written.split():
        one, other = (synonyms.get(stem(word), stem(word)) for word in pair.split("/"))
        if one != other:
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}


def _numbers(written: Mapping[str, str]) -> dict[str, str]:
    cardinals = written["cardinal"].split()
    found = {word: str(n if n == 0 else n + 1) for n, word in enumerate(cardinals)}
    found |= {word: f"#{n}" for n, word in enumerate(written["ordinal"].split(), 1)}
    found |= {word: str(n * 10) for n, word in enumerate(written["tens"].split(), 2)}
    found |= {word: f"#{n * 10}" for n, word in enumerate(written["ordinal_tens"].split(), 2)}
    return found | dict(_equations(written["other"].split()))


def _equations(written: Iterable[str]) -> Iterator[tuple[str, str]]:
    for each in written:
        word, _, value = each.partition("=")
        yield word, value


def _slots(written: Mapping[str, str]) -> dict[tuple[str, ...], tuple[str, str]]:
    return {
        term(entry): (kind, line[0])
        for kind, table in written.items()
        for line in _lines(table)
        for entry in line
    }


def _aspects(written: str) -> Pairs:
    found: dict[str, set[str]] = {}
    for line in _lines(written):
        for word in line:
            found.setdefault(word, set()).add(line[0])
    return {word: frozenset(lines) for word, lines in found.items()}


def _load() -> tuple[Words, Mapping[str, Any]]:
    tables = tomllib.loads(files("waypost.cache").joinpath("words.toml").read_text("utf-8"))
    about = tables["verify"]
    synonyms = _synonyms(about["synonyms"])
    stop, openers = (frozenset(about[name].split()) for name in ("stop", "openers"))
    fillers = openers | frozenset(about["fillers"].split())
    words = Words(
        stop=stop,
        english=(stop | fillers) - frozenset(about["ambiguous"].split()),
        fillers=fillers,
        negation=frozenset(about["negation"].split()),
        synonyms=synonyms,
        opposites=_opposites(about["antonyms"], synonyms),
        foreign=frozenset(word for text in about["foreign"].values() for word in text.split()) - stop,
        numbers=_numbers(about["numbers"]),
        slots=_slots(about["slots"]),
        aspects=_aspects(about["aspects"]["words"]),
        affixes=Affixes(*(tuple(about[name].split()) for name in ("prefixes", "beginnings", "endings"))),
        frames=Frames(
            {word: line[0] for line in _lines(about["frames"]["words"]) for word in line},
            *(frozenset(about["questions"][name].split()) for name in ("polar", "open")),
        ),
    )
    return words, tables


WORDS, _TABLES = _load()

ROMAN: Final[Mapping[str, str]] = dict(
    zip(
        _TABLES["verify"]["numbers"]["roman"].split(),
        [str(n) for n in (*range(2, 5), *range(6, 10), *range(11, 21))],
        strict=True,
    )
)
"""Digits by Roman numeral; those of one letter are left out."""

ORDINALS: Final = frozenset(_TABLES["verify"]["numbers"]["endings"].split())
"""What makes digits an ordinal."""

TIME: Final = terms(" ".join(_TABLES["time"].values()))
"""What makes an answer true for a moment only."""

_PERSONAL: Final[Mapping[str, str]] = _TABLES["personal"]
OWN: Final = frozenset(
    word for name, text in _PERSONAL.items() if name not in {"matters", "self"} for word in text.split()
)
"""What says that a question is about whoever asks."""

SELF: Final = frozenset(_PERSONAL["self"].split())
MATTERS: Final = frozenset(_PERSONAL["matters"].split())
"""What belongs to somebody, so that it says the same together with a word of `SELF`."""
