"""What a score is worth for routing: quality against how much goes to the dear model.

Two models, as Ong et al. 2024 ("RouteLLM", arXiv 2406.18665, section 3) define it. Performance gap recovered
PGR = (quality - weak) / (strong - weak); APGR = its area over the share of calls that go to the strong model;
CPT(x) = the smallest share at which PGR reaches x. Their published code (lm-sys/RouteLLM,
`routellm/evals/evaluate.py`) takes ten steps, the trapezoid rule and straight lines in between; so is done
here. A router that knows nothing has APGR .5, CPT(50) .5 and CPT(80) .8.

Several models: for each question the model with the best expected quality less its price times how much
quality a unit of price must buy; that exchange rate, swept from nothing to everything, draws the curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from waypost.evaluate.figures import DRAWS, Figure, Floats, Ints, percentiles, seeded

STEPS: Final = 10
FOLDS: Final = 5
SHRINK: Final = 20.0
"""Questions' worth of belief that a cell is like all others."""

_RATES: Final = 80


@dataclass(frozen=True, slots=True)
class Recovered:
    """How well a score parts the questions that need the strong model.

    Attributes:
        weak: quality of the weak model alone.
        strong: of the strong one.
        apgr: area under the performance gap recovered.
        cpt50: share of calls to the strong model that recovers half of the gap.
        cpt80: four fifths of it.
        shares: of calls to the strong model, from 0 to 1, for the curve.
        quality: at each of them.
    """

    n: int
    weak: Figure
    strong: Figure
    apgr: Figure
    cpt50: Figure
    cpt80: Figure
    shares: tuple[float, ...]
    quality: tuple[float, ...]


def recovered(scores: Floats, weak: Floats, strong: Floats) -> Recovered:
    """Send the questions with the highest scores to the strong model.

    Args:
        scores: [n], any scale; equal ones are sent in no order, by expectation.
        weak: [n], quality of the weak model's answers, 0 to 1.
        strong: [n], of the strong model's.
    """
    order = np.argsort(-scores, kind="stable")
    gains = _without_order(scores[order], (strong - weak)[order])
    base = weak[order]
    grid = np.linspace(0, 1, STEPS + 1)
    rng, n = seeded(), len(scores)
    drawn = [_two(np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64), base, gains, grid)
             for _ in range(DRAWS)]  # fmt: skip
    value = _two(np.ones(n), base, gains, grid)
    found = np.array(drawn)
    apgr, cpt50, cpt80, low, high = (percentiles(float(value[k]), n, found[:, k]) for k in range(len(value)))
    quality = _quality(np.ones(n), base, gains, grid)
    return Recovered(n, low, high, apgr, cpt50, cpt80, tuple(grid.tolist()), tuple(quality.tolist()))


def oracle(weak: Floats, strong: Floats) -> Floats:
    """Scores of a router that knows the outcome: gains first, losses last."""
    return strong - weak


def _without_order(scores: Floats, gains: Floats) -> Floats:
    """Gains in order of their scores; where scores are equal, their mean."""
    groups: Ints = np.unique(-scores, return_inverse=True)[1]
    means = np.asarray(np.bincount(groups, gains) / np.bincount(groups), np.float64)
    return means[groups]


def _quality(weights: Floats, base: Floats, gains: Floats, grid: Floats) -> Floats:
    total = float(weights.sum())
    shares: Floats = np.concatenate([[0.0], np.cumsum(weights)]) / total
    quality: Floats = np.concatenate([[0.0], np.cumsum(weights * gains)]) + float(weights @ base)
    return np.interp(grid, shares, quality / total)


def _two(weights: Floats, base: Floats, gains: Floats, grid: Floats) -> Floats:
    """APGR, CPT(50), CPT(80), quality of the weak and of the strong model."""
    quality = _quality(weights, base, gains, grid)
    gap = quality[-1] - quality[0]
    if gap <= 0:
        return np.array([np.nan, np.nan, np.nan, quality[0], quality[-1]])
    pgr = (quality - quality[0]) / gap
    area = float(np.trapezoid(pgr, grid))
    return np.array([area, _first(pgr, grid, 0.5), _first(pgr, grid, 0.8), quality[0], quality[-1]])


def _first(pgr: Floats, grid: Floats, wanted: float) -> float:
    """The smallest share at which the straight line through the points reaches `wanted`."""
    at = int(np.argmax(pgr >= wanted))
    low, high = float(pgr[at - 1]), float(pgr[at])
    return float(grid[at - 1] + (wanted - low) / (high - low) * (grid[at] - grid[at - 1]))


@dataclass(frozen=True, slots=True)
class Traded:
    """What a way of choosing among several models buys.

    Attributes:
        costs: mean price of a question, ascending, for the curve.
        quality: share of right answers at each of them.
        at_half: quality at half the price of the best single model.
        to_match: share of that model's price at which its quality is reached; None = never.
    """

    costs: tuple[float, ...]
    quality: tuple[float, ...]
    at_half: Figure
    to_match: Figure


def traded(expected: Floats, correct: Floats, prices: Floats) -> Traded:
    """Choose for every question by expected quality and price.

    Args:
        expected: [n, models], what the router believes.
        correct: [n, models], what is the case, 0 or 1.
        prices: [models], of one question, any unit.
    """
    chosen = choices(expected, prices)
    rows = np.arange(len(correct))
    hits = np.stack([correct[rows, choice] for choice in chosen], 1)
    spent = np.stack([prices[choice] for choice in chosen], 1)
    best = int(correct.mean(0).argmax())
    single, n = correct[:, best], len(correct)

    def of(weights: Floats) -> Floats:
        costs, quality = _frontier(weights @ spent / n, weights @ hits / n)
        half = np.interp(prices[best : best + 1] / 2, costs, quality)[0]
        reached = np.flatnonzero(quality >= float(weights @ single) / n - 1e-12)
        return np.array([half, costs[reached[0]] / prices[best] if len(reached) else np.nan])

    rng = seeded()
    found = np.array(
        [of(np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)) for _ in range(DRAWS)]
    )
    half, match = of(np.ones(n)).tolist()
    costs, quality = _frontier(spent.mean(0), hits.mean(0))
    matched = Figure(None, n) if np.isnan(match) else percentiles(match, n, found[:, 1])
    return Traded(tuple(costs.tolist()), tuple(quality.tolist()), percentiles(half, n, found[:, 0]), matched)


def choices(expected: Floats, prices: Floats) -> list[Ints]:
    """The model chosen for each question at every exchange rate, from the dearest taste to the cheapest."""
    rates = np.append(0.0, np.geomspace(1e-4, 10, _RATES) / prices.max())
    return [np.argmax(expected - rate * prices, 1) for rate in rates]


def mixed(qualities: Floats, prices: Floats) -> tuple[Floats, Floats]:
    """The best that drawing lots between single models offers: cost and quality at the corners."""
    order = np.argsort(prices, kind="stable")
    corners: list[tuple[float, float]] = []
    for price, quality in zip(prices[order].tolist(), qualities[order].tolist(), strict=True):
        if corners and quality <= corners[-1][1]:
            continue
        while len(corners) > 1 and _slope(corners[-2], corners[-1]) <= _slope(corners[-2], (price, quality)):
            corners.pop()
        if len(corners) == 1 and corners[0][0] == price:
            corners.pop()
        corners.append((price, quality))
    costs, best = zip(*corners, strict=True)
    return np.array(costs), np.array(best)


def table(cells: Ints, correct: Floats, folds: Ints) -> Floats:
    """Expected quality of each model for each question: how it did on other questions of the same cell.

    Args:
        cells: [n], number of the cell, from 0.
        correct: [n, models].
        folds: [n]; a question is never judged by its own fold.

    Returns:
        [n, models], drawn to the mean of all cells by `SHRINK` questions.
    """
    expected = np.zeros_like(correct)
    size = int(cells.max()) + 1
    for fold in np.unique(folds).tolist():
        others, own = folds != fold, folds == fold
        overall = correct[others].mean(0)
        counts = np.bincount(cells[others], minlength=size).astype(np.float64)
        sums = np.stack([np.bincount(cells[others], column[others], size) for column in correct.T], 1)
        expected[own] = ((sums + SHRINK * overall) / (counts + SHRINK)[:, None])[cells[own]]
    return expected


def together(tables: Sequence[Floats], correct: Floats) -> Floats:
    """What several tables say at once: their differences from the mean added up, in [0, 1]."""
    overall = correct.mean(0)
    return np.clip(overall + sum((each - overall for each in tables), np.zeros_like(correct)), 0, 1)


def bins(scores: Floats, count: int) -> Ints:
    """Scores in so many groups of equal size, by rank; equal scores stay together."""
    edges = np.quantile(scores, np.linspace(0, 1, count + 1)[1:-1])
    return np.searchsorted(edges, scores, side="right")


def _slope(left: tuple[float, float], right: tuple[float, float]) -> float:
    return (right[1] - left[1]) / (right[0] - left[0])


def _frontier(costs: Floats, quality: Floats) -> tuple[Floats, Floats]:
    """Points by cost, each as good as any cheaper one: nobody pays more for less."""
    order = np.lexsort((quality, costs))
    return costs[order], np.maximum.accumulate(quality[order])
