"""Reads the hand-written frames and words of the attack generators.

What is drawn, and how often, is decided in the modules beside this one.
"""

import tomllib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from waypost.train.synth.draw import Generator

T = TypeVar("T")
Banks = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A text on its way to becoming a row.

    Attributes:
        group: frame, or bundle of frames that are mixed with one another; the unit of a split.
        kind: slice of a report; twins end in `_twin` and are benign.
        language: ISO 639-1.
    """

    text: str
    group: str
    kind: str
    language: str = "en"

    @property
    def attack(self) -> bool:
        """Whether the text tries to take over a model."""
        return not self.kind.endswith("_twin")


@cache
def table(name: str) -> Mapping[str, Any]:
    """The file `banks/attacks_{name}.toml`."""
    path = files("waypost.train.synth").joinpath("banks", f"attacks_{name}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def strings(name: str, *keys: str) -> tuple[str, ...]:
    """The list of strings under `keys` in one of the files."""
    found: Any = table(name)
    for key in keys:
        found = found[key]
    return tuple(str(item) for item in found)


@cache
def words(*names: str) -> Banks:
    """Slots of `attacks_slots.toml` and of the files named, each also as `{slot_up}`, with a capital."""
    merged: dict[str, Sequence[str]] = {}
    for name in ("slots", *names):
        for slot, items in table(name)["slots"].items():
            merged[slot] = tuple(items)
    return raised(merged)


def raised(banks: Banks) -> Banks:
    """`banks` and, for each slot, a `slot_up` whose words begin with a capital, through nested slots too."""
    return {**banks, **{f"{slot}_up": tuple(map(capital, items)) for slot, items in banks.items()}}


def capital(text: str) -> str:
    """`text` with its first letter in upper case; a leading slot becomes its raised form."""
    if text.startswith("{"):
        slot, _, rest = text[1:].partition("}")
        return f"{{{slot}_up}}{rest}"
    return text[:1].upper() + text[1:]


def group(kind: str, frame: str) -> str:
    """A name for a frame that stays the same when frames are added around it."""
    return f"{kind}/{zlib.crc32(frame.encode()):08x}"


def deck(rng: Generator, items: Sequence[T]) -> Iterator[T]:
    """Every item once per round, each round in a new order: rare items are not left to chance."""
    while True:
        for index in rng.permutation(len(items)):
            yield items[int(index)]


def bundle(items: Sequence[T], index: int, bundles: int) -> Sequence[T]:
    """Every `bundles`-th item: parts that are mixed freely inside a group and never outside of it."""
    return items[index::bundles]


def weighted(rng: Generator, shares: Mapping[str, float]) -> str:
    """One of the names, by its share; the shares add up to 1."""
    return str(rng.choice(list(shares), p=list(shares.values())))
