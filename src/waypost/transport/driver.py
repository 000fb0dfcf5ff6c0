"""Runs a journey: the one place where its needs meet the world."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from waypost.journey import Journey, Outcome
from waypost.needs import Ask, Encode, Failed, Recall, Remembered
from waypost.signals.base import Encoded


async def _no_classifiers(_need: Encode) -> Encoded | Failed:
    return Failed("no classifiers are loaded")


def _nothing(_need: Recall) -> Remembered:
    return Remembered()


@dataclass(frozen=True, slots=True)
class Ports:
    """What stands behind each need."""

    encode: Callable[[Encode], Awaitable[Encoded | Failed]] = _no_classifiers
    recall: Callable[[Recall], Remembered] = _nothing


NO_PORTS: Final = Ports()


async def drive(journey: Journey, ports: Ports = NO_PORTS, *, aside: bool = False) -> Outcome:
    """Run a journey to its end.

    Args:
        journey: not started yet.
        ports: answer its needs.
        aside: work in a thread, so that a long text does not hold up everybody else's requests.
    """
    told: Any = None
    while True:
        reached = await asyncio.to_thread(_step, journey, told) if aside else _step(journey, told)
        if not isinstance(reached, Ask):
            return reached
        told = await _answer(reached, ports)


def _step(journey: Journey, told: object) -> Ask[Any] | Outcome:
    try:
        return journey.send(told)
    except StopIteration as stop:
        return stop.value


async def _answer(need: Ask[Any], ports: Ports) -> object:
    match need:
        case Encode():
            await asyncio.sleep(0)  # a front may have begun this without a task, which time limits need
            return await ports.encode(need)
        case Recall():
            return ports.recall(need)
        case _:
            raise TypeError(f"no port answers {type(need).__name__}")
