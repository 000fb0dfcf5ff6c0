"""Work that runs at once as far as it can: most of it never waits, and a task costs more than the work."""

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any


def begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Run `work` to its first wait; only then a task takes over. None = it is done.

    Until its first wait it runs in the caller's task: a timeout around that part would be the caller's.
    """
    context = copy_context()
    try:
        awaited = context.run(work.send, None)
    except StopIteration:
        return None
    return asyncio.get_running_loop().create_task(_Rest(work, awaited), context=context)


class _Rest(Coroutine[Any, Any, None]):
    """A coroutine that has run up to its first wait, for a task to go on with."""

    def __init__(self, work: Coroutine[Any, Any, None], awaited: object) -> None:
        self._work = work
        self._awaited: list[object] = [awaited]

    def send(self, value: object) -> object:
        return self._awaited.pop() if self._awaited else self._work.send(value)

    def throw(self, *raised: Any) -> object:  # noqa: ANN401 - one, two or three things, for the task to say
        self._awaited.clear()
        return self._work.throw(*raised)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._work.__await__()
