"""What a journey may ask of the world. A need is yielded and told its answer by the driver."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from waypost.signals.base import Encoded

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
    """One encoder pass for the union of the heads that open questions read."""

    heads: frozenset[str]
