"""`domain` and `intent`: heads that choose one of several labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Literal

import numpy as np

from waypost.encoder.engine import Encoder
from waypost.evaluate.figures import (
    Figure,
    Floats,
    Ints,
    calibration_error,
    harmonic,
    ratio,
    reliability,
    resampled,
    share,
)
from waypost.evaluate.files import BadRowError, Row
from waypost.evaluate.task import Confusion, Curve, Measured, Task, encoded
from waypost.needs import Encode
from waypost.signals.labelled import canonical, known

Head = Literal["domain", "intent"]

FIELDS: Final[Mapping[Head, str]] = {"domain": "label", "intent": "intent"}
"""The field with the right answer, as in the shared data."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and its labels.

    Attributes:
        labels: any of them counts as right; the first is the one it is filed under when none was given.
    """

    text: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen.

    Attributes:
        right: number of the label it is filed under: the one given if that is right, else the first.
        given: number of the likeliest label.
        confidence: probability of the likeliest label.
    """

    right: int
    given: int
    confidence: float


class Choice(Task[Labelled, Chosen]):
    """Accuracy, F1 by label, confusion and calibration of `domain` or `intent`.

    Asked as a request of one turn would be: the head-and-tail window of the text, temperature applied.
    """

    def __init__(self, encoder: Encoder, head: Head, threshold: float = 0.5) -> None:
        """`threshold` is what a condition would demand of the likeliest label."""
        self._encoder = encoder
        self._head: Head = head
        self._threshold = threshold
        heads = encoder.artefact.heads
        self._labels = (heads.domain if head == "domain" else heads.intent).labels
        self._number = {label: number for number, label in enumerate(self._labels)}

    def read(self, row: Row) -> Labelled | None:
        """Text and label; `label_alt`, or `intent_alt`, is a second answer that counts as right."""
        name = FIELDS[self._head]
        given = row.value(name)
        if given is None:
            return None
        labels = [self._label(name, given)]
        other = f"{name}_alt"
        if row.values.get(other) is not None:
            labels.append(self._label(other, row.values[other]))
        return Labelled(row.text("text"), tuple(labels))

    def ask(self, sample: Labelled) -> Chosen:
        """The likeliest label."""
        found = encoded(self._encoder, Encode(frozenset({self._head}), sample.text)).heads[self._head]
        given = max(found, key=lambda label: found[label])
        right = given if given in sample.labels else sample.labels[0]
        return Chosen(self._number[right], self._number[given], found[given])

    def measure(self, answers: Sequence[Chosen]) -> Measured:
        """Macro F1 is over the labels that the data hold, and needs two of them."""
        right = np.array([answer.right for answer in answers], np.int64)
        given = np.array([answer.given for answer in answers], np.int64)
        confidence = np.array([answer.confidence for answer in answers], np.float64)
        hit = right == given
        sure = confidence >= self._threshold
        size = len(self._labels)
        matrix = np.bincount(right * size + given, minlength=size * size).reshape(size, size)
        bins = reliability(confidence, hit.astype(np.float64))
        return Measured(
            len(answers),
            {
                "accuracy": share(int(hit.sum()), len(hit)),
                "macro_f1": _macro_f1(matrix),
                "ece": calibration_error(confidence, hit.astype(np.float64)),
                "sure": share(int(sure.sum()), len(sure)),
                "accuracy_when_sure": share(int((hit & sure).sum()), int(sure.sum())),
            },
            self._by_label(matrix),
            Confusion(self._labels, tuple(tuple(map(int, line)) for line in matrix)),
            {"reliability": Curve(*zip(*bins, strict=True))} if bins else {},
        )

    @property
    def name(self) -> str:
        """The head."""
        return self._head

    @property
    def settings(self) -> Mapping[str, Any]:
        """From which probability an answer counts as sure."""
        return {"threshold": self._threshold}

    def _by_label(self, matrix: Ints) -> dict[str, dict[str, Figure]]:
        """Labels that occur in the data or among the answers."""
        groups: dict[str, dict[str, Figure]] = {}
        for number, label in enumerate(self._labels):
            hits, held, said = (
                int(matrix[number, number]),
                int(matrix[number].sum()),
                int(matrix[:, number].sum()),
            )
            if held or said:
                f1 = Figure(2 * hits / (held + said), held) if held else Figure(None, 0)
                groups[label] = {"precision": share(hits, said), "recall": share(hits, held), "f1": f1}
        return groups

    def _label(self, name: str, given: object) -> str:
        if not isinstance(given, str):
            raise BadRowError(name, f"{name!r} must be a label", f"known ones: {', '.join(self._labels)}")
        label = known(given, self._labels)
        if label is None:
            near = get_close_matches(canonical(given), self._labels, n=1, cutoff=0.6)
            remedy = f"did you mean {near[0]}?" if near else f"known ones: {', '.join(self._labels)}"
            raise BadRowError(name, f"the model has no {self._head} {given!r}", remedy)
        return label


def _macro_f1(matrix: Ints) -> Figure:
    """Mean F1 of the labels that the data hold, each with the same weight."""
    size = len(matrix)
    if (matrix.sum(1) > 0).sum() < 2:  # noqa: PLR2004 - of one label it would be no more than its recall
        return Figure(None, int(matrix.sum()))

    def of(cells: Floats) -> Floats:
        square = cells.reshape(-1, size, size)
        hits = np.diagonal(square, axis1=1, axis2=2)
        held = square.sum(2)
        f1 = harmonic(np.nan_to_num(ratio(hits, square.sum(1))), np.nan_to_num(ratio(hits, held)))
        # A rare label may be missing from a resample; it is then no part of the mean.
        return np.nanmean(np.where(held > 0, f1, np.nan), axis=1)

    cells = matrix.reshape(-1)
    drawn = np.flatnonzero(cells)
    return resampled(np.eye(size * size)[drawn], cells[drawn], of)
