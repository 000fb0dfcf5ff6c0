"""What a journey may ask of the world. A need is yielded and told its answer by the driver."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from waypost.selection.base import Live
from waypost.signals.base import Encoded, Examples

T = TypeVar("T")


class Ask(Generic[T]):
    """Base of all needs: `answer = yield from Need(...)` is typed like an `await`."""

    __slots__ = ()

    def __iter__(self) -> Generator["Ask[Any]", Any, T]:
        return (yield self)


@dataclass(frozen=True, slots=True)
class Failed:
    """The world could not answer; the reason is for the trace, not for the client."""

    reason: str


@dataclass(frozen=True, slots=True)
class Encode(Ask[Encoded | Failed]):
    """What all open questions want to know of the encoder; asked at most once in a journey.

    Attributes:
        heads: `jailbreak` and `pii` read the scan; `domain`, `intent`, `complexity` and `similarity`
            the focus.
        focus: what the request is about; empty unless a head reads it.
        scan: texts as sent, each once; empty unless a guard's head reads them.
        examples: what the focus is compared with.
        wished: what it is compared with if there is time; an answer without them is an answer.
    """

    heads: frozenset[str]
    focus: str = ""
    scan: tuple[str, ...] = ()
    examples: tuple[Examples, ...] = ()
    wished: tuple[Examples, ...] = ()


@dataclass(frozen=True, slots=True)
class Remembered:
    """What this process remembers; another replica may remember something else.

    Attributes:
        kept: endpoint that served the conversation last; None = nobody knows.
        live: how endpoints did lately; one that is missing was not tried.
        cooling: seconds that providers want to be left alone, by endpoint; one that is missing is ready.
        absent: endpoints whose model their provider did not know lately.
    """

    kept: str | None = None
    live: Mapping[str, Live] = field(default_factory=dict[str, Live])
    cooling: Mapping[str, float] = field(default_factory=dict[str, float])
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Recall(Ask[Remembered]):
    """What a choice among models wants to know of what happened before.

    Attributes:
        key: of the conversation; None = nothing tells conversations apart.
        endpoints: names of the candidates.
    """

    key: str | None
    endpoints: tuple[str, ...]
