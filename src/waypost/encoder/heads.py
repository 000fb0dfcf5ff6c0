"""From the network's outputs to probabilities; the figures are those of the artefact's calibration."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Choice:
    """A head that tells labels apart which exclude one another.

    Attributes:
        temperature: logits are divided by it, so that a probability is how often the head is right.
    """

    labels: tuple[str, ...]
    temperature: float = 1.0

    def probabilities(self, logits: Floats) -> Mapping[str, float]:
        """Softmax over one vector of logits, by label in the head's order."""
        scaled = logits.astype(np.float64) / self.temperature
        weights = np.exp(scaled - scaled.max())
        return dict(zip(self.labels, (weights / weights.sum()).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How hard a request is: the network's expected share of models that fail, mapped in the logit domain."""

    slope: float = 1.0
    bias: float = 0.0

    def hard(self, share: float) -> float:
        """The probability reported for a share in [0, 1]."""
        inside = min(max(share, 1e-6), 1 - 1e-6)
        return sigmoid(self.slope * math.log(inside / (1 - inside)) + self.bias)


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether a text attacks the model that reads it.

    Attributes:
        length_penalty: taken off for each factor of e in the number of windows: the largest of many is large
            by chance alone.
        threshold: probability from which the artefact's authors call it an attack.
    """

    temperature: float = 1.0
    bias: float = 0.0
    length_penalty: float = 0.0
    threshold: float = 0.5

    def attack(self, margins: Sequence[float]) -> float:
        """P(attack) of a text from the margin, attack over benign, of each window that was read."""
        if not margins:
            return 0.0
        evidence = max(margins) / self.temperature + self.bias
        return sigmoid(evidence - self.length_penalty * math.log(len(margins)))


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), for any x."""
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    grown = math.exp(max(x, -700.0))
    return grown / (1 + grown)
