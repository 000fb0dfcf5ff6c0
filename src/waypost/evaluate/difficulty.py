"""`difficulty`: does P(hard) tell what small models fail at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from waypost.encoder.engine import Encoder
from waypost.evaluate.figures import area, calibration_error, reliability, roc, share, spearman
from waypost.evaluate.files import BadRowError, Row
from waypost.evaluate.task import Curve, Measured, Task, encoded
from waypost.needs import Encode


@dataclass(frozen=True, slots=True)
class Question:
    """A text and how hard it is.

    Attributes:
        failed: share of models that fail, in [0, 1]; where a person decided, 0 or 1.
    """

    text: str
    failed: float


@dataclass(frozen=True, slots=True)
class Rated:
    """How hard it was said to be, as a probability, and how hard it is."""

    failed: float
    hard: float


class Difficulty(Task[Question, Rated]):
    """Area, rank correlation and calibration of the complexity head.

    A row counts as hard when more than half of the models fail.
    """

    slices: ClassVar[tuple[str, ...]] = ("kind", "control")

    def __init__(self, encoder: Encoder, threshold: float = 0.5) -> None:
        """`threshold` is the smallest P(hard) that calls a text hard."""
        self._encoder = encoder
        self._threshold = threshold

    def read(self, row: Row) -> Question | None:
        """`text`, and `hard` (0 or 1) or `correct`: a bit for each model, 1 = it answered correctly."""
        if "correct" in row.values and "hard" not in row.values:
            return Question(row.text("text"), _failed(row))
        hard = row.flag("hard")
        return None if hard is None else Question(row.text("text"), float(hard))

    def ask(self, sample: Question) -> Rated:
        """P(hard) of the text."""
        found = encoded(self._encoder, Encode(frozenset({"complexity"}), sample.text))
        return Rated(sample.failed, found.heads["complexity"]["hard"])

    def measure(self, answers: Sequence[Rated]) -> Measured:
        """The calibration error compares P(hard) with the share of models that fail."""
        said = np.array([answer.hard for answer in answers], np.float64)
        failed = np.array([answer.failed for answer in answers], np.float64)
        hard, called = failed > 0.5, said >= self._threshold  # noqa: PLR2004 - more than half
        curves = {"reliability": Curve(*zip(*reliability(said, failed), strict=True))}
        if hard.any() and not hard.all():
            curves["roc"] = Curve.of(*roc(said, hard))
        return Measured(
            len(answers),
            {
                "auc": area(said, hard),
                "spearman": spearman(said, failed),
                "ece": calibration_error(said, failed),
                "hard_called_hard": share(int((called & hard).sum()), int(hard.sum())),
                "easy_called_hard": share(int((called & ~hard).sum()), int((~hard).sum())),
            },
            curves=curves,
        )

    @property
    def name(self) -> str:
        """The question."""
        return "difficulty"

    @property
    def settings(self) -> Mapping[str, Any]:
        """From which probability a text is called hard."""
        return {"threshold": self._threshold}


def _failed(row: Row) -> float:
    bits = row.value("correct")
    if not isinstance(bits, str) or not bits or set(bits) - {"0", "1"}:
        raise BadRowError("correct", "'correct' must be a string of 0 and 1", "one character for each model")
    named = len(row.header.get("models") or bits)
    if named != len(bits):
        raise BadRowError("correct", f"'correct' has {len(bits)} bits, the header names {named} models")
    return bits.count("0") / len(bits)
