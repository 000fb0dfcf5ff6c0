"""Work that need not wait is done at once; the rest goes on in a task."""

import asyncio

import pytest

from waypost.transport.fronts.eager import begin


def test_work_that_never_waits_needs_no_task() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    async def main() -> None:
        assert begin(work()) is None

    asyncio.run(main())
    assert done == [1]


def test_work_that_waits_goes_on_in_a_task() -> None:
    steps: list[str] = []

    async def main() -> None:
        opened = asyncio.Event()

        async def work() -> None:
            steps.append("begun")
            await opened.wait()
            steps.append("ended")

        task = begin(work())
        assert (steps, task is not None) == (["begun"], True)
        opened.set()
        await task  # type: ignore[misc]

    asyncio.run(main())
    assert steps == ["begun", "ended"]


def test_what_fails_at_once_fails_here_and_what_fails_later_fails_there() -> None:
    async def main() -> None:
        async def work(*, wait: bool) -> None:
            if wait:
                await asyncio.sleep(0)
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            begin(work(wait=False))
        task = begin(work(wait=True))
        with pytest.raises(ValueError, match="no"):
            await task  # type: ignore[misc]

    asyncio.run(main())


def test_a_task_can_be_cancelled_while_it_waits() -> None:
    async def main() -> None:
        task = begin(asyncio.Event().wait())  # type: ignore[arg-type]
        assert task is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
