"""`embedding`: are texts that mean the same nearer to each other than texts that do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from waypost.encoder.engine import Encoder
from waypost.evaluate.figures import Bools, Figure, Floats, area, harmonic, ratio, roc, share
from waypost.evaluate.files import Row
from waypost.evaluate.task import Curve, Measured, Task

SERVED: Final = (0.80, 0.85, 0.90, 0.95)
"""Cosines at which a cache might serve one text the answer of the other."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts, and whether they ask for the same answer."""

    first: str
    second: str
    same: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """Cosine of the embeddings of a pair."""

    same: bool
    cosine: float


class Embedding(Task[Pair, Compared]):
    """Area, what thresholds would serve, and the best F1 of the embedding's cosine.

    The first window of each text is read, as for examples and for the cache.
    """

    def __init__(self, encoder: Encoder, threshold: float | None = None) -> None:
        """`threshold` is reported beside `SERVED`."""
        self._encoder = encoder
        self._served = tuple(sorted({*SERVED} if threshold is None else {*SERVED, threshold}))

    def read(self, row: Row) -> Pair | None:
        """`text_a`, `text_b` and `label`: 1 = the same, 0 = different."""
        same = row.flag("label")
        return None if same is None else Pair(row.text("text_a"), row.text("text_b"), same)

    def ask(self, sample: Pair) -> Compared:
        """The cosine of a pair."""
        first, second = (self._encoder.read(text).embedding for text in (sample.first, sample.second))
        return Compared(sample.same, float(first @ second))

    @property
    def name(self) -> str:
        """The question."""
        return "embedding"

    def measure(self, answers: Sequence[Compared]) -> Measured:
        """The best F1 is at a threshold chosen on these very pairs: an upper bound."""
        cosines = np.array([answer.cosine for answer in answers], np.float64)
        same = np.array([answer.same for answer in answers], np.bool_)
        best, where = _best_f1(cosines, same)
        groups: dict[str, Mapping[str, Figure]] = {}
        for served in self._served:
            over = cosines >= served
            groups[f"at {served:.2f}"] = {
                "same_served": share(int((over & same).sum()), int(same.sum())),
                "different_served": share(int((over & ~same).sum()), int((~same).sum())),
            }
        figures = {"auc": area(cosines, same), "best_f1": best, "best_f1_at": where}
        drawn = same.any() and not same.all()
        return Measured(
            len(answers), figures, groups, curves={"roc": Curve.of(*roc(cosines, same))} if drawn else {}
        )


def _best_f1(cosines: Floats, same: Bools) -> tuple[Figure, Figure]:
    """The best F1 of `same` over all thresholds, and the threshold."""
    n = len(cosines)
    if same.all() or not same.any():
        return Figure(None, n), Figure(None, n)
    order = np.argsort(-cosines, kind="stable")
    ordered = cosines[order]
    hits = np.cumsum(same[order]).astype(np.float64)
    f1 = harmonic(ratio(hits, np.arange(1.0, n + 1)), hits / hits[-1])
    f1[np.flatnonzero(np.diff(ordered) == 0)] = 0  # no threshold parts equal cosines
    best = int(f1.argmax())
    return Figure(float(f1[best]), n), Figure(float(ordered[best]), n)
