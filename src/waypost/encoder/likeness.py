"""How near a text is to an operator's examples."""

from dataclasses import dataclass

import numpy as np

from waypost.encoder.heads import Floats, sigmoid
from waypost.signals.base import Likeness


@dataclass(frozen=True, slots=True)
class Closeness:
    """From cosines to a probability.

    Attributes:
        slope: of the logistic curve.
        middle: cosine at which the probability is one half.
    """

    slope: float = 12.0
    middle: float = 0.5

    def likeness(self, embedding: Floats, examples: Floats) -> Likeness:
        """Compare one embedding with those of examples, a row for each, all of unit length."""
        cosines: list[float] = np.clip(examples @ embedding, -1.0, 1.0).tolist() if len(examples) else []
        best = max(cosines, default=-1.0)
        return Likeness(tuple(cosines), sigmoid(self.slope * (best - self.middle)))
