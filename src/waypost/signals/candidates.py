"""What detectors of identifiers share: how a find looks, how much may be looked at, what stands around it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import re2

from waypost.signals.linear import encode, spans


class Found(NamedTuple):
    """One identifier: character offsets and how sure the detector is."""

    start: int
    end: int
    score: float


@dataclass(slots=True)
class Budget:
    """How much may still be looked at: a text full of candidates must not hold up everybody else.

    Attributes:
        left: in units of about 3 us, the cost of a match; below 0 when a candidate went unchecked.
    """

    left: int = 50_000

    def spend(self, units: int = 1) -> bool:
        """Take from the budget; False when it is used up."""
        self.left -= units
        return self.left >= 0

    def candidates(self, pattern: "re2.Pattern", text: str) -> Iterator[tuple[int, int]]:
        """Matches in characters, as long as the budget lasts."""
        for span in spans(pattern, encode(text)):
            # A long row of numbers is one match, and is looked through.
            if not self.spend(1 + (span[1] - span[0]) // _CHARACTERS):
                return
            yield span


CHECK: Final = 10
"""What a check with arithmetic costs, in units of a budget."""

_CHARACTERS: Final = 64

DASHES: Final = r"\-\x{2010}-\x{2015}"
"""For a character class of the linear engine."""

DIGITS: Final = re.compile("[0-9]+")
IN_IBAN: Final = re.compile(r"\b[A-Za-z]{2}[0-9]{2}(?: [A-Za-z0-9]{4})* ?$")
"""Groups of an account number in front of a candidate."""


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit touches the span, not even across a point, dash or slash."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before[-1:].isalnum() or before[-1:] in {"_", "$", "€", "£"} or after[:1].isalnum():
        return False
    joined_before = before[-1:] in _JOINTS and before[:1].isdigit()
    return not joined_before and not (after[:1] in _JOINTS and after[1:].isdigit())


_JOINTS: Final = frozenset({".", "-", "/"})
