"""Runs a journey: the one place where its needs meet the world."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from waypost.journey import Journey, Outcome
from waypost.needs import Ask, Encode, Failed
from waypost.signals.base import Encoded


async def _no_classifiers(_need: Encode) -> Encoded | Failed:
    return Failed("this version has no classifiers")


@dataclass(frozen=True, slots=True)
class Ports:
    """What stands behind each need."""

    encode: Callable[[Encode], Awaitable[Encoded | Failed]] = _no_classifiers


NO_PORTS: Final = Ports()


async def drive(journey: Journey, ports: Ports = NO_PORTS) -> Outcome:
    """Run a journey to its end."""
    told: Any = None
    while True:
        try:
            need = journey.send(told)
        except StopIteration as stop:
            return stop.value
        told = await _answer(need, ports)


async def _answer(need: Ask[Any], ports: Ports) -> object:
    match need:
        case Encode():
            return await ports.encode(need)
        case _:
            raise TypeError(f"no port answers {type(need).__name__}")
