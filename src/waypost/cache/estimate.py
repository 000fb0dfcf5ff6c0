"""How often semantic hits are wrong, measured while they are served, and what follows for their threshold.

A share of what would be hits goes to the model all the same, and somebody compares the two answers.

Rule 1: pure values; whoever keeps them decides where, and how they are told.
Rule 2: what counts is not the rate that was seen but how high the true one may be: few samples prove nothing.
Rule 3: a threshold never falls below the configured one.

Source of the bound: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in
the case of the binomial", Biometrika 26, 1934; of the function in it: NIST DLMF, 8.17(v), 8.17.22.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Self

from waypost.configurable import configurable

STEP: Final = 0.01
"""How far a threshold moves at once."""

HIGHEST: Final = 0.99
"""Where a threshold stops: above it there is hardly more than the exact tier has."""

SURE: Final = 0.999
"""Confidence in a rate that is too high, after which nobody waits for enough samples. It is looked at after
each of them, so it must be more than once is enough for."""

CALM: Final = 0.5
"""Share of the budget that the bound must stay within before a threshold that was raised falls again. Raising
and falling look at the same bound, so between the two nothing happens."""

MOST: Final = 100_000
"""Samples that are counted; from there on older ones lose weight."""

_EVEN: Final = 0.5  # at which a bound is as often exceeded as not
_WORD: Final = 2**64
_TINY: Final = 1e-300
_CLOSE: Final = 1e-12
_HALVINGS: Final = 50  # of an interval of 1: finer than anything it is compared with
_TERMS: Final = 2000  # the fraction needs about the root of MOST of them


@configurable
class ErrorBudget:
    """How wrong the semantic cache of a route may be, and how that is found out."""

    max_error_rate: float = 0.03
    """Largest share of semantic hits that may be wrong, above 0 and below 1. When the measured rate may be
    higher, the route raises its own threshold."""

    sample_rate: float = 0.02
    """Share of would-be hits that are sent to the model all the same, to compare the answers, from 0 to 1.
    These cost what misses cost."""

    confidence: float = 0.95
    """How sure the bound on the error rate is, above 0.5 and below 1."""

    def __post_init__(self) -> None:
        """Raises: ValueError, a number is out of its range."""
        if not 0 < self.max_error_rate < 1:
            raise ValueError("max_error_rate must lie between 0 and 1")
        if not 0 <= self.sample_rate <= 1:
            raise ValueError("sample_rate must lie in [0, 1]")
        if not _EVEN < self.confidence < 1:
            raise ValueError("confidence must lie between 0.5 and 1")

    @property
    def enough(self) -> int:
        """Samples after which a rate without one error would be within the budget."""
        return math.ceil(math.log(1 - self.confidence) / math.log1p(-self.max_error_rate))


def is_sampled(secret: bytes, request_id: str, share: float) -> bool:
    """Whether this would-be hit goes to the model all the same: the same for the same request everywhere.

    Args:
        secret: 1 to 64 bytes; who knows it can tell which requests are drawn.
        request_id: made by the gateway, so that nobody can choose it.
        share: of all, from 0 to 1.
    """
    drawn = blake2b(request_id.encode("utf-8", "replace"), digest_size=8, key=secret).digest()
    return int.from_bytes(drawn) < share * _WORD


@dataclass(frozen=True, slots=True)
class Counts:
    """Samples that were judged, and those of them whose stored answer was wrong."""

    n: int = 0
    wrong: int = 0

    def add(self, *, wrong: bool) -> Self:
        """One more."""
        n, bad = self.n, self.wrong
        if n >= MOST:
            n, bad = n // 2, (bad + 1) // 2
        return type(self)(n + 1, bad + wrong)

    @property
    def rate(self) -> float | None:
        """Share that was wrong; None = nothing was judged."""
        return self.wrong / self.n if self.n else None

    def upper(self, confidence: float) -> float:
        """What the true rate is at most, with this confidence."""
        return upper_bound(self.wrong, self.n, confidence)

    def may_exceed(self, rate: float, confidence: float) -> bool:
        """Whether `upper` is above a rate between 0 and 1; fifty times as fast."""
        return not _is_within(self.wrong, self.n, rate, confidence)

    def surely_exceeds(self, rate: float) -> bool:
        """Whether the true rate is above this one, so surely that no more samples are waited for."""
        return _is_within(self.n - self.wrong, self.n, 1 - rate, SURE)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of one route since its threshold moved last.

    Attributes:
        threshold: smallest cosine of a hit; it moves between the configured one and `HIGHEST`.
    """

    threshold: float
    counts: Counts = Counts()

    def judged(self, budget: ErrorBudget, configured: float, *, wrong: bool) -> Self:
        """Another sample was judged. If the threshold moves, counting begins anew.

        It rises when the true rate may be above the budget although there were samples enough to show that it
        is not, and at once when it surely is. It falls when the bound is far within the budget.

        Args:
            budget: in force.
            configured: threshold of the file in force, which this one never falls below.
            wrong: the stored answer was not what the model says.
        """
        now = type(self)(max(self.threshold, configured), self.counts.add(wrong=wrong))
        if now.is_over(budget):
            raised = min(round(now.threshold + STEP, 4), max(HIGHEST, configured))
            return type(self)(raised) if raised > now.threshold else now
        calm = budget.max_error_rate * CALM
        if now.threshold > configured and not now.counts.may_exceed(calm, budget.confidence):
            return type(self)(max(round(now.threshold - STEP, 4), configured))
        return now

    def is_over(self, budget: ErrorBudget) -> bool:
        """Whether the true rate may be above the budget.

        At the highest threshold, all that is left then is not to serve semantic hits of this route.
        """
        counts, rate = self.counts, budget.max_error_rate
        is_enough = counts.n >= budget.enough
        return counts.surely_exceeds(rate) or (is_enough and counts.may_exceed(rate, budget.confidence))


def upper_bound(wrong: int, n: int, confidence: float) -> float:
    """The exact one-sided upper bound on a rate (Clopper-Pearson).

    Args:
        wrong: 0 to `n`.
        n: samples; of none at all the bound is 1.
        confidence: between 0 and 1.
    """
    if wrong >= n:
        return 1.0
    if wrong == 0:
        return -math.expm1(math.log1p(-confidence) / n)
    low, high = wrong / n, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _is_within(wrong, n, middle, confidence):
            high = middle
        else:
            low = middle
    return high


def _is_within(wrong: int, n: int, rate: float, confidence: float) -> bool:
    """Whether the bound is not above a rate between 0 and 1."""
    return wrong < n and _incomplete_beta(wrong + 1, n - wrong, rate) >= confidence


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised one, I_x(a, b), for 0 < x < 1."""
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly
        return 1 - _incomplete_beta(b, a, 1 - x)
    log_scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_scale) / (a * _fraction(_terms(a, b, x)))


def _terms(a: float, b: float, x: float) -> Iterator[float]:
    """Numerators of the continued fraction 1 + d1/(1 + d2/(1 + ...))."""
    for m in range(_TERMS):
        yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        k = m + 1
        yield k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))


def _fraction(terms: Iterator[float]) -> float:
    """1 + d1/(1 + d2/(1 + ...)), from the front, as long as it changes."""
    value, c, d = 1.0, 1.0, 0.0
    for term in terms:
        d = 1 / ((1 + term * d) or _TINY)
        c = (1 + term / c) or _TINY
        value *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return value
