"""`guard`: does `jailbreak_detection` find attacks, and what else does it take for one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from waypost.encoder.engine import Encoder
from waypost.evaluate.figures import Bools, Figure, Floats, area, recall_at, roc, share
from waypost.evaluate.files import Row
from waypost.evaluate.task import Curve, Measured, Task, encoded
from waypost.needs import Encode

_LENGTHS: Final = ((1, "1 window"), (4, "2 to 4 windows"), (math.inf, "5 windows or more"))


@dataclass(frozen=True, slots=True)
class Suspect:
    """A text, and whether it is an attack."""

    text: str
    attack: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What the guard said.

    Attributes:
        score: P(attack) of the whole text.
        coverage: share of the text that was read.
        windows: how many it took.
    """

    attack: bool
    score: float
    coverage: float
    windows: int


class Guard(Task[Suspect, Judged]):
    """Area, recall and false alarms of the jailbreak head.

    Asked as the condition asks: all windows of the text, the highest of them less the penalty for their
    number. A text that was not read to its end counts by what was read; in service it would be refused.
    """

    slices: ClassVar[tuple[str, ...]] = ("kind", "variant")

    def __init__(self, encoder: Encoder, threshold: float | None = None) -> None:
        """`threshold` None = the one the artefact comes with."""
        self._encoder = encoder
        self._threshold = encoder.artefact.heads.jailbreak.threshold if threshold is None else threshold

    def read(self, row: Row) -> Suspect | None:
        """`text` and `attack`, 0 or 1."""
        attack = row.flag("attack")
        return None if attack is None else Suspect(row.text("text"), attack)

    def ask(self, sample: Suspect) -> Judged:
        """P(attack) of the text."""
        answer = encoded(self._encoder, Encode(frozenset({"jailbreak"}), scan=(sample.text,)))
        scan = answer.scans[sample.text]
        tokens = sum(window.tokens for window in answer.windows)
        windows = math.ceil(tokens / self._encoder.artefact.window)
        return Judged(sample.attack, scan.attack, scan.coverage, windows)

    def measure(self, answers: Sequence[Judged]) -> Measured:
        """Recall and false alarms are at the threshold, and at the rates of 1 % and 5 % of these rows."""
        scores = np.array([answer.score for answer in answers], np.float64)
        attack = np.array([answer.attack for answer in answers], np.bool_)
        whole = sum(answer.coverage == 1 for answer in answers)
        figures = {
            "auc": area(scores, attack),
            "recall_at_fpr_1": recall_at(scores, attack, 0.01),
            "recall_at_fpr_5": recall_at(scores, attack, 0.05),
            **self._at_threshold(scores, attack),
            "read_whole": share(whole, len(answers)),
        }
        groups: dict[str, Mapping[str, Figure]] = {}
        sizes = np.array([answer.windows for answer in answers], np.int64)
        least = 0.0
        for most, name in _LENGTHS:
            here = (sizes > least) & (sizes <= most)
            least = most
            if here.any():
                groups[name] = self._at_threshold(scores[here], attack[here])
        drawn = attack.any() and not attack.all()
        return Measured(
            len(answers), figures, groups, curves={"roc": Curve.of(*roc(scores, attack))} if drawn else {}
        )

    @property
    def name(self) -> str:
        """The question."""
        return "guard"

    @property
    def settings(self) -> Mapping[str, Any]:
        """From which probability a text is called an attack."""
        return {"threshold": self._threshold}

    def _at_threshold(self, scores: Floats, attack: Bools) -> dict[str, Figure]:
        called = scores >= self._threshold
        return {
            "recall": share(int((called & attack).sum()), int(attack.sum())),
            "fpr": share(int((called & ~attack).sum()), int((~attack).sum())),
        }
