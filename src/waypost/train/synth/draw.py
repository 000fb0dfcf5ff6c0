"""Deterministic choices; numpy's generator, so that a seed means the same everywhere."""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Generator = np.random.Generator

_SLOT = re.compile(r"\{([a-z_]+)\}")


def generator(seed: int, *names: str) -> Generator:
    """A stream of its own for each generator, so that adding one does not change the others."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def pick(rng: Generator, items: Sequence[T]) -> T:
    """One item, uniformly."""
    return items[int(rng.integers(len(items)))]


def chance(rng: Generator, probability: float) -> bool:
    """True with this probability."""
    return bool(rng.random() < probability)


def fill(rng: Generator, template: str, banks: Mapping[str, Sequence[str]]) -> str:
    """`template` with each `{slot}` replaced by a word of the bank of that name; nested slots are filled too.

    Raises:
        KeyError: a slot without a bank.
    """
    text = template
    for _ in range(8):
        filled = _SLOT.sub(lambda slot: pick(rng, banks[slot[1]]), text)
        if filled == text:
            break
        text = filled
    return text
