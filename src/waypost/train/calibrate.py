"""From logits to probabilities that mean what they say, on rows the training never saw."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from waypost.evaluate.figures import calibration_error

Floats = NDArray[np.float64]

_GOLDEN: Final = (math.sqrt(5) - 1) / 2
_STEPS: Final = 60
_NEWTON: Final = 30
_MARGIN: Final = 0.05
"""Above the highest of the hard texts, where none of them may be flagged."""
_STEP: Final = 0.05
"""Of the search for a penalty."""


def temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """The divisor of the logits [n, classes] that makes the labels most likely; Guo et al. 2017.

    Raises:
        ValueError: no rows.
    """
    if not len(labels):
        raise ValueError("no rows to calibrate on")

    def loss(log_t: float) -> float:
        scaled = logits / math.exp(log_t)
        top = scaled.max(1, keepdims=True)
        total = np.log(np.exp(scaled - top).sum(1)) + top[:, 0]
        return float((total - scaled[np.arange(len(labels)), labels]).mean())

    return math.exp(_least(loss, math.log(0.1), math.log(10)))


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Golden-section search for the minimum of a function with one valley."""
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if function(left) < function(right) else (left, high)
    return (low + high) / 2


def line(logits: Floats, shares: Floats) -> tuple[float, float]:
    """Slope and bias with which sigmoid(slope * logit + bias) is nearest to shares in [0, 1]; Platt 1999.

    1, 0 where there is nothing to learn from, or what there is would turn the order round.
    """
    design = np.stack([logits, np.ones_like(logits)], 1)
    weights = np.array([1.0, 0.0])
    for _ in range(_NEWTON):
        said = 1 / (1 + np.exp(-(design @ weights)))
        gradient = design.T @ (said - shares)
        curvature = (design.T * (said * (1 - said))) @ design + 1e-6 * np.eye(2)
        weights = weights - np.linalg.solve(curvature, gradient)
    slope, bias = weights.tolist()
    return (slope, bias) if math.isfinite(slope) and slope > 0 and math.isfinite(bias) else (1.0, 0.0)


@dataclass(frozen=True, slots=True)
class GuardScale:
    """P(attack) = sigmoid(margin / temperature + bias - length_penalty * ln(windows)).

    Attributes:
        temperature: makes the slope honest.
        bias: puts 0.5 at the wanted rate of false alarms.
        length_penalty: the highest of many windows is higher by chance.
    """

    temperature: float
    bias: float
    length_penalty: float


def guard_scale(margins: Floats, attacks: NDArray[np.bool_], hard: Floats, rate: float) -> GuardScale:
    """Scale of single windows.

    Args:
        margins: attack logit minus benign logit, per text.
        attacks: labels.
        hard: margins of benign texts that look like attacks, at least one. All count alike: the mean of their
            sources would be that of the smallest, and leap with one of its texts.
        rate: share of them that P >= 0.5 may take for attacks.
    """
    logits = np.stack([np.zeros_like(margins), margins], 1)
    slope = temperature(logits, attacks.astype(np.int64))
    ordered = np.sort(hard)
    allowed = min(math.floor(rate * len(hard) + 1e-9), len(hard) - 1)
    last = float(ordered[len(hard) - 1 - allowed])
    above = ordered[ordered > last]
    # Half way to the next: a text at the cut itself must not reach 0.5 by rounding.
    cut = (last + float(above[0])) / 2 if len(above) else last + _MARGIN
    return GuardScale(slope, -cut / slope, 0.0)


def length_penalty(
    scale: GuardScale, documents: Sequence[Floats], rate: float, limit: float = 4.0
) -> GuardScale:
    """The least penalty that keeps false alarms on long benign documents within `rate`.

    Args:
        scale: of single windows.
        documents: margins of the windows of each benign document.
        rate: share of documents that may reach P >= 0.5.
        limit: largest penalty; more would blind the guard on long texts.
    """
    if not documents:
        return scale
    best = np.asarray([d.max() / scale.temperature + scale.bias for d in documents])
    size = np.log(np.asarray([len(d) for d in documents], np.float64))
    penalty = 0.0
    while penalty < limit and float((best - penalty * size >= 0).mean()) > rate:
        penalty += _STEP
    return GuardScale(scale.temperature, scale.bias, round(penalty, 2))


def expected_error(probabilities: Floats, correct: NDArray[np.bool_]) -> float:
    """Mean gap between confidence and accuracy over equal bins, Guo et al. 2017; 0 without rows."""
    return calibration_error(probabilities, correct.astype(np.float64)).value or 0.0
