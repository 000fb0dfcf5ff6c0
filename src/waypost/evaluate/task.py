"""What the six questions have in common: a sample, how it is asked, and what is made of the answers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Generic, TypeVar

from waypost.encoder.engine import Encoder
from waypost.errors import EngineError
from waypost.evaluate.figures import Figure, Floats
from waypost.evaluate.files import Row
from waypost.needs import Encode, Failed
from waypost.signals.base import Encoded

S = TypeVar("S")
A = TypeVar("A")

POINTS: Final = 400
"""Most points of a curve that is kept to be drawn."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often which label was given for which.

    Attributes:
        labels: of rows and columns.
        counts: [right label, given label].
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """Points to be drawn.

    Attributes:
        sizes: rows behind each point, for a reliability diagram.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    sizes: tuple[int, ...] = ()

    @classmethod
    def of(cls, x: Floats, y: Floats) -> "Curve":
        """At most `POINTS` of them, both ends included."""
        step = max(1, -(-len(x) // POINTS))
        kept = sorted({*range(0, len(x), step), len(x) - 1}) if len(x) else []
        return cls(tuple(float(x[n]) for n in kept), tuple(float(y[n]) for n in kept))


@dataclass(frozen=True, slots=True)
class Measured:
    """What some answers amount to.

    Attributes:
        n: answers.
        figures: headline figures by name, in order.
        groups: figures by label or type.
        confusion: None where there are no labels to confuse.
        curves: by name: `roc`, `reliability`, `pr PERSON`.
    """

    n: int
    figures: Mapping[str, Figure]
    groups: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict[str, Mapping[str, Figure]])
    confusion: Confusion | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict[str, Curve])


class Task(ABC, Generic[S, A]):
    """One question: `S` is what is asked about and the right answer, `A` the answer beside the right one.

    Answers hold no text, so that a long file does not fill the memory.
    """

    slices: ClassVar[tuple[str, ...]] = ("kind",)
    """Fields whose values are reported apart where a file has them and nobody says which."""

    @abstractmethod
    def read(self, row: Row) -> S | None:
        """The sample in a row; None = it says that nobody knows the answer.

        Raises:
            BadRowError: it cannot be used.
        """

    @abstractmethod
    def ask(self, sample: S) -> A:
        """Ask the engine; called from several threads.

        Raises:
            EngineError: it has no answer.
        """

    def finish(self, answers: Sequence[A]) -> Sequence[A]:
        """Complete the answers of one source with what only all of them tell."""
        return answers

    @abstractmethod
    def measure(self, answers: Sequence[A]) -> Measured:
        """Make figures of answers, at least one."""

    @property
    @abstractmethod
    def name(self) -> str:
        """As the command line calls it."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What else the figures depend on; JSON values."""
        return {}


def encoded(encoder: Encoder, need: Encode) -> Encoded:
    """The engine's answer.

    Raises:
        EngineError: it has none, so that no row goes missing.
    """
    answer = encoder.answer_now(need)
    if isinstance(answer, Failed):
        raise EngineError(f"the engine gave no answer: {answer.reason}")
    return answer
