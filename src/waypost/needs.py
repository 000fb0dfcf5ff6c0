"""What a journey may ask of the world. A need is yielded and told its answer by the driver."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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
    """

    heads: frozenset[str]
    focus: str = ""
    scan: tuple[str, ...] = ()
    examples: tuple[Examples, ...] = ()
