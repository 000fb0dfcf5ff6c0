"""Figures and how sure they are. Intervals are of 95 %, two-sided; resampling is seeded.

Sources: Wilson 1927 (shares); DeLong, DeLong and Clarke-Pearson 1988 in the form of Sun and Xu 2014 (area
under the curve); Efron 1979, percentile intervals (everything without a formula); Guo et al. 2017
(calibration error); Bonett and Wright 2000 (Spearman).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Z: Final = 1.959963984540054
DRAWS: Final = 1000
"""Resamples of a bootstrap: the ends of an interval then move by about a tenth of its width."""
BINS: Final = 15
"""As in Guo et al. 2017."""

_SEED: Final = 20_240_607
_AT_ONCE: Final = 4_000_000
"""Weights in memory at a time while resampling, 32 MB."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Attributes:
        value: None = it is not defined here: a recall without attacks, an area with one class.
        n: rows, or spans, that it rests on.
        low: lower end of the interval; None = none is given.
        high: upper end.
    """

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


def share(hits: float, n: int) -> Figure:
    """`hits` of `n` with Wilson's score interval, which stays sensible at 0 and at `n`."""
    if not n:
        return Figure(None, 0)
    p, z2 = hits / n, Z * Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Figure(p, n, max(0.0, middle - half), min(1.0, middle + half))


def area(scores: Floats, positive: Bools) -> Figure:
    """Area under the ROC curve = P(a positive scores higher than a negative), ties count half.

    DeLong's variance on the logit scale. Where the classes are parted completely that variance is 0 and says
    nothing; then the lower end is Wilson's for as many successes as disjoint pairs can be formed.
    """
    upper, lower = scores[positive], scores[~positive]
    m, n = len(upper), len(lower)
    if not m or not n:
        return Figure(None, len(scores))
    both = midranks(np.concatenate([upper, lower]))
    wins = (both[:m] - midranks(upper)) / n  # for each positive, the share of negatives below it
    losses = 1 - (both[m:] - midranks(lower)) / m
    value = float(wins.mean())
    if value in {0.0, 1.0} or m == 1 or n == 1:
        parted = share(value * min(m, n), min(m, n))
        return Figure(value, m + n, parted.low, parted.high)
    variance = float(wins.var(ddof=1)) / m + float(losses.var(ddof=1)) / n
    logit, half = math.log(value / (1 - value)), Z * math.sqrt(variance) / (value * (1 - value))
    return Figure(value, m + n, _logistic(logit - half), _logistic(logit + half))


def recall_at(scores: Floats, positive: Bools, rate: float) -> Figure:
    """Largest recall of any threshold at which at most `rate` of the negatives are called positive.

    Below 1 / `rate` negatives that means: none of them. Bootstrap, both classes resampled apart.
    """
    upper, lower = scores[positive], scores[~positive]
    if not len(upper) or not len(lower):
        return Figure(None, len(upper))
    rng = seeded()
    found = [
        _recall(rng.choice(upper, len(upper)), rng.choice(lower, len(lower)), rate) for _ in range(DRAWS)
    ]
    return _ended(percentiles(_recall(upper, lower, rate), len(upper), np.asarray(found)))


def threshold_at(lower: Floats, rate: float) -> float:
    """What a score must exceed so that at most `rate` of the scores of negatives `lower` do."""
    allowed = math.floor(rate * len(lower) + 1e-9)
    return float(np.sort(lower)[len(lower) - 1 - allowed]) if allowed < len(lower) else -math.inf


def calibration_error(predicted: Floats, actual: Floats) -> Figure:
    """Mean gap between what was predicted and what was the case over equal bins, weighted by their size.

    `actual` may be shares as well as 0 and 1. No interval: resampling does not only
    make the error unsure, it makes it larger.
    """
    if not len(predicted):
        return Figure(None, 0)
    gaps = [n * abs(said - was) for said, was, n in reliability(predicted, actual)]
    return Figure(sum(gaps) / len(predicted), len(predicted))


def reliability(predicted: Floats, actual: Floats) -> list[tuple[float, float, int]]:
    """Mean prediction, mean outcome and rows of each bin that has any."""
    place = np.minimum((predicted * BINS).astype(int), BINS - 1)
    found: list[tuple[float, float, int]] = []
    for number in range(BINS):
        here = place == number
        if here.any():
            found.append((float(predicted[here].mean()), float(actual[here].mean()), int(here.sum())))
    return found


def spearman(left: Floats, right: Floats) -> Figure:
    """Correlation of ranks, ties sharing theirs."""
    n = len(left)
    if n < 4 or np.ptp(left) == 0 or np.ptp(right) == 0:  # noqa: PLR2004 - the interval divides by n - 3
        return Figure(None, n)
    value = float(np.corrcoef(midranks(left), midranks(right))[0, 1])
    inside = min(max(value, -0.999999), 0.999999)
    half = Z * math.sqrt((1 + inside * inside / 2) / (n - 3))
    low, high = math.tanh(math.atanh(inside) - half), math.tanh(math.atanh(inside) + half)
    return Figure(value, n, low, high)


def resampled(kinds: Floats, sizes: Ints, of: Callable[[Floats], Floats], n: int | None = None) -> Figure:
    """A figure made of sums over rows, with its bootstrap interval.

    Args:
        kinds: [kinds, k], what a row adds to the sums, equal rows once.
        sizes: [kinds], how many such rows there are.
        of: from sums [draws, k] to figures [draws]; nan = not defined.
        n: what the figure rests on, if not on the rows.
    """
    rows = int(sizes.sum())
    count = rows if n is None else n
    if not rows:
        return Figure(None, count)
    value = float(of((sizes @ kinds)[None, :])[0])
    if math.isnan(value):
        return Figure(None, count)
    rng = seeded()
    step = max(1, _AT_ONCE // len(kinds))
    found = [
        of(rng.multinomial(rows, sizes / rows, min(step, DRAWS - done)) @ kinds)
        for done in range(0, DRAWS, step)
    ]
    return _ended(percentiles(value, count, np.concatenate(found)))


def seeded() -> np.random.Generator:
    """The same draws on every run."""
    return np.random.default_rng(_SEED)


def roc(scores: Floats, positive: Bools) -> tuple[Floats, Floats]:
    """False positive rate and recall at every threshold, from none called positive to all."""
    order = np.argsort(-scores, kind="stable")
    hits, ordered = positive[order], scores[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    right, wrong = np.cumsum(hits)[last], np.cumsum(~hits)[last]
    return (
        np.concatenate([[0.0], wrong / max(1, int(wrong[-1]))]),
        np.concatenate([[0.0], right / max(1, int(right[-1]))]),
    )


def midranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the middle of theirs."""
    _, where, sizes = np.unique(values, return_inverse=True, return_counts=True)
    behind = np.cumsum(sizes)
    return (behind - (sizes - 1) / 2)[where]


def harmonic(left: Floats, right: Floats) -> Floats:
    """F1 of precisions and recalls; 0 where both are 0."""
    total = left + right
    return np.where(total > 0, 2 * left * right / np.where(total > 0, total, 1), 0.0)


def ratio(part: Floats, whole: Floats) -> Floats:
    """`part` / `whole`, nan where there is nothing to divide by."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def percentiles(value: float, n: int, found: Floats) -> Figure:
    """A figure with the middle 95 % of its resamples; those that are not a number do not count."""
    sound = found[~np.isnan(found)]
    if math.isnan(value):
        return Figure(None, n)
    if not len(sound):
        return Figure(value, n)
    low, high = np.percentile(sound, [2.5, 97.5])
    return Figure(value, n, float(low), float(high))


def _recall(upper: Floats, lower: Floats, rate: float) -> float:
    return float((upper > threshold_at(lower, rate)).mean())


def _ended(figure: Figure) -> Figure:
    """Equal resamples, as at 0 and at 1 or of one document, are no certainty: Wilson's interval instead."""
    if figure.value is not None and figure.low == figure.high:
        return share(figure.value * figure.n, figure.n)
    return figure


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
