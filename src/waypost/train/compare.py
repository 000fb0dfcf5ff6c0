"""The network in eight bits against itself in 32-bit floats, on the same rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from waypost.encoder.manifest import Heads
from waypost.train.readings import Reading
from waypost.train.tagging import Tally, search, tallies

LIMIT: Final = 0.5
"""Points of accuracy that eight bits may cost a head."""

_HARD: Final = 0.5
_ATTACK: Final = 0.5


@dataclass(frozen=True, slots=True)
class Compared:
    """One head.

    Attributes:
        n: rows, or marks of personal data.
        eight: accuracy in eight bits, or F1.
        full: the same in 32-bit floats.
        same: share of rows with the same answer, right or wrong.
    """

    n: int
    eight: float
    full: float
    same: float

    @property
    def points(self) -> float:
        """What eight bits gain, in percentage points; below 0 = lose."""
        return 100 * (self.eight - self.full)

    @property
    def close(self) -> bool:
        """Whether they lose no more than they may, or a single row: fewer cannot be lost."""
        return self.points >= -max(LIMIT, 100 / max(1, self.n)) - 1e-9


def compare(eight: Sequence[Reading], full: Sequence[Reading], heads: Heads) -> dict[str, Compared]:
    """Every head that the rows have labels for; both sequences are of the same rows in the same order."""
    pairs = list(zip(eight, full, strict=True))
    found: dict[str, Compared] = {}
    for name, answer, right in _HEADS:
        known = [
            (answer(a, heads), answer(b, heads), truth) for a, b in pairs if (truth := right(a)) is not None
        ]
        if known:
            count = len(known)
            found[name] = Compared(
                count,
                sum(a == truth for a, _, truth in known) / count,
                sum(b == truth for _, b, truth in known) / count,
                sum(a == b for a, b, _ in known) / count,
            )
    marked = [(a, b) for a, b in pairs if a.row.personal is not None]
    if marked:
        found["pii"] = _personal(marked, heads)
    return found


def _domain(reading: Reading, heads: Heads) -> object:
    return heads.domain.labels[int(reading.domain.argmax())]


def _intent(reading: Reading, heads: Heads) -> object:
    return heads.intent.labels[int(reading.intent.argmax())]


def _hard(reading: Reading, heads: Heads) -> object:
    return heads.complexity.hard(reading.difficulty) >= _HARD


def _attack(reading: Reading, heads: Heads) -> object:
    return heads.jailbreak.attack(reading.margins) >= _ATTACK


def _is_hard(reading: Reading) -> object:
    return None if reading.row.difficulty is None else reading.row.difficulty > _HARD


_Answer = Callable[[Reading, Heads], object]
_Truth = Callable[[Reading], object]

_HEADS: Final[Sequence[tuple[str, _Answer, _Truth]]] = (
    ("domain", _domain, lambda reading: reading.row.domain),
    ("intent", _intent, lambda reading: reading.row.intent),
    ("complexity", _hard, _is_hard),
    ("jailbreak", _attack, lambda reading: reading.row.attack),
)


def _personal(pairs: Sequence[tuple[Reading, Reading]], heads: Heads) -> Compared:
    tagger = heads.pii
    both = [tuple(search(reading, tagger.o_bias) for reading in pair) for pair in pairs]
    eight, full = (
        sum(tallies([pair[side] for pair in both], tagger.thresholds).values(), Tally()) for side in (0, 1)
    )
    places = [[{(s.type, s.start, s.end) for s in found.found} for found in pair] for pair in both]
    same = sum(a == b for a, b in places) / len(both)
    return Compared(eight.held, eight.f1, full.f1, same)
