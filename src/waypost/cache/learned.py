"""What one entry has learned about who may be served its answer: a layer on request, behind all other checks.

How alike two questions must be to have one answer differs from entry to entry. Each entry keeps what was
found out about it, and has a threshold of its own as soon as that shows where its answer holds.

Rule 1: it can only refuse; what it lets pass has passed the threshold of the route and the verifier.
Rule 2: a fit is made when an observation comes, in the background; a request reads numbers.
Rule 3: an entry of which little is known refuses always.

After the idea of arXiv 2502.03771, with two differences. A prior stands in for observations that a line parts
cleanly, which have no most likely line. And an answer is served if it is right with enough probability, never
by lot: the lot bounds wrong answers per request, misses included, and of entries that are always wrong it
still serves some (of what it served of those, 98 in 100 were wrong in our simulation).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

FEWEST: Final = 6
"""Observations below which an entry refuses."""

MOST: Final = 64
"""Observations that are kept; the oldest go, so that an entry whose answer has aged learns it."""

NEVER: Final = math.inf
"""A threshold that nothing reaches."""

_CENTRE: Final = 0.9
_WIDTH: Final = 0.05
"""Cosines are fitted as (s - centre) / width, which makes numbers of about 1 of them."""

_PRIOR: Final = (-3.0, 3.0)
"""Log odds at the centre and their rise per width, where a fit begins: even at 0.95, 20 to 1 at 1."""

_LOOSE: Final = (3.0, 1.5)
"""Standard deviations of the prior. With it, in simulations of good, bad and mixed entries, less than half as
many answers served were wrong as allowed; a spread with a floor under it only served fewer."""

_FLATTEST: Final = 0.2  # rise per width, below which a middle says nothing
_LONGEST: Final = 3.0  # step of a fit
_STEPS: Final = 40
_CLOSE: Final = 1e-9
_SURE: Final = 30.0  # log odds, beyond which a probability is 0 or 1

_LEVELS: Final = (
    *((0.3, 0.5244), (0.2, 0.8416), (0.1, 1.2816), (0.05, 1.6449), (0.03, 1.8808), (0.02, 2.0537)),
    *((0.01, 2.3263), (0.005, 2.5758), (0.002, 2.8782), (0.001, 3.0902), (0.0005, 3.2905), (0.0001, 3.719)),
)
"""Chances that the true middle lies above a bound, and how many spreads above the fitted one the bound is
(normal distribution)."""


class Observation(NamedTuple):
    """What was found out about a question whose nearest entry this was.

    Attributes:
        similarity: cosine of the question and the entry's, in [-1, 1].
        right: the stored answer was right for it.
    """

    similarity: float
    right: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """Odds of a right answer as a line: log odds = steepness * (cosine - middle).

    Attributes:
        middle: cosine at which the odds are even; may lie outside of [-1, 1].
        steepness: per unit of cosine, above 0.
        spread: standard deviation of the middle.
    """

    middle: float
    steepness: float
    spread: float

    def threshold(self, max_error_rate: float) -> float:
        """Smallest cosine at which the answer is right often enough; `NEVER`, or above 1, if there is none.

        For each chance that the middle lies still higher than a bound, the answer is right with at least the
        rest of the chance times the probability at that bound. All of this holds, so the lowest is taken.
        """
        right = 1 - max_error_rate  # and at each bound right / (1 - chance), whose odds these are
        found = (
            self.middle + spreads * self.spread + math.log(right / (max_error_rate - chance)) / self.steepness
            for chance, spreads in _LEVELS
            if chance < max_error_rate
        )
        return min(found, default=NEVER)


@dataclass(frozen=True, slots=True)
class Learned:
    """What one entry knows.

    Attributes:
        seen: oldest first.
        fit: None = they are too few, or closer questions are answered no better.
    """

    seen: tuple[Observation, ...] = ()
    fit: Fit | None = None

    @classmethod
    def of(cls, seen: Sequence[Observation]) -> Self:
        """Learn from these; of many, from the last."""
        kept = tuple(seen[-MOST:])
        return cls(kept, _fit(kept) if len(kept) >= FEWEST else None)

    def observe(self, similarity: float, *, right: bool) -> Self:
        """One more.

        Raises:
            ValueError: it is no cosine.
        """
        if not -1 <= similarity <= 1:
            raise ValueError("a cosine lies in [-1, 1]")
        return self.of((*self.seen, Observation(similarity, right)))

    def threshold(self, max_error_rate: float) -> float:
        """Smallest cosine at which the answer may be served, beside all that else is asked for.

        What lies below goes to the model, whose answer is compared with the stored one and observed. Of what
        lies above, sampled hits are observed.

        Args:
            max_error_rate: share of answers served that may be wrong, in (0, 1).
        """
        return NEVER if self.fit is None else self.fit.threshold(max_error_rate)


def _fit(seen: Sequence[Observation]) -> Fit | None:
    """The most likely line; its spread by the delta method, from the curvature there."""
    points = [((each.similarity - _CENTRE) / _WIDTH, float(each.right)) for each in seen]
    level, rise = _PRIOR
    bend = _bend(points, level, rise)
    for _ in range(_STEPS):
        down, up = bend.step()
        length = abs(down) + abs(up)
        if length < _CLOSE:
            break
        short = min(1.0, _LONGEST / length)  # far from its top a curve misleads
        level, rise = level + short * down, rise + short * up
        bend = _bend(points, level, rise)
    if rise < _FLATTEST:
        return None
    return Fit(_CENTRE - _WIDTH * level / rise, rise / _WIDTH, _WIDTH * bend.spread(level, rise))


class _Bend(NamedTuple):
    """Slope of the log likelihood, prior included, at a line (level + rise * x), and its curvature there."""

    by_level: float
    by_rise: float
    level2: float
    both: float
    rise2: float

    def step(self) -> tuple[float, float]:
        """Newton's, toward the top."""
        det = self.level2 * self.rise2 - self.both * self.both
        down = (self.rise2 * self.by_level - self.both * self.by_rise) / det
        return down, (self.level2 * self.by_rise - self.both * self.by_level) / det

    def spread(self, level: float, rise: float) -> float:
        """Standard deviation of level / rise."""
        det = self.level2 * self.rise2 - self.both * self.both
        slope = level / rise
        variance = (self.rise2 + 2 * slope * self.both + slope * slope * self.level2) / (det * rise * rise)
        return math.sqrt(max(0.0, variance))


def _bend(points: Sequence[tuple[float, float]], level: float, rise: float) -> _Bend:
    by_level, by_rise = ((m - v) / s**2 for m, v, s in zip(_PRIOR, (level, rise), _LOOSE, strict=True))
    level2, both, rise2 = 1 / _LOOSE[0] ** 2, 0.0, 1 / _LOOSE[1] ** 2
    for x, right in points:
        p = 1 / (1 + math.exp(-max(-_SURE, min(_SURE, level + rise * x))))
        weight = p * (1 - p)
        by_level += right - p
        by_rise += (right - p) * x
        level2 += weight
        both += weight * x
        rise2 += weight * x * x
    return _Bend(by_level, by_rise, level2, both, rise2)
