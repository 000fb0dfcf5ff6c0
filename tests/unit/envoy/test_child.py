"""Processes are restarted, given up in the end, stopped in time, and never outlive their parent."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waypost.envoy import child
from waypost.envoy.child import Child, Command, EndedError

Events = list[dict[str, Any]]
ENVIRON = {"PATH": os.environ["PATH"]}


def shell(script: str, log: Path | None = None) -> Command:
    return Command("toy", ("/bin/sh", "-c", script), ENVIRON, log=log)


def listener(events: Events) -> Callable[..., None]:
    def tell(event: str, **fields: object) -> None:
        events.append({"event": event, **fields})

    return tell


def ready() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


def gone(pid: int) -> bool:
    """Whether a process has ended, be it waited for or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "DELAYS", (0.0, 0.0, 0.0))


@pytest.mark.usefixtures("impatient")
def test_it_is_started_again_and_given_up_in_the_end() -> None:
    events: Events = []
    toy = Child(shell("exit 7"), listener(events))

    with pytest.raises(EndedError, match="toy ended with exit code 7 4 times in a row") as raised:
        asyncio.run(toy.keep(ready()))

    assert raised.value.code == 7
    assert [event["restarts"] for event in events] == [1, 2, 3]
    assert events[0] == {"event": "restart", "child": "toy", "exit": 7, "restarts": 1, "delay_seconds": 0.0}


@pytest.mark.usefixtures("impatient")
def test_a_child_that_lived_long_enough_starts_with_a_clean_slate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "STEADY_SECONDS", 0.0)
    events: Events = []
    toy = Child(shell("exit 1"), listener(events))

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(toy.keep(ready()))
            await until(lambda: toy.restarts > len(child.DELAYS) + 2)
            keeper.cancel()
        await toy.stop(signal.SIGKILL, 5)

    asyncio.run(scenario())

    assert {event["delay_seconds"] for event in events} == {0.0}


def test_who_ends_before_being_ready_is_not_started_again() -> None:
    events: Events = []

    with pytest.raises(EndedError, match="ended with exit code 3 before it was ready") as raised:
        asyncio.run(Child(shell("exit 3"), listener(events)).keep(asyncio.Event()))

    assert raised.value.code == 3
    assert events == []


def test_a_signal_is_named() -> None:
    with pytest.raises(EndedError, match="toy was ended by SIGSEGV before it was ready"):
        asyncio.run(Child(shell("kill -SEGV $$"), listener([])).keep(asyncio.Event()))


def test_what_cannot_be_started_is_named() -> None:
    command = Command("toy", ("/nowhere/toy",), ENVIRON)

    with pytest.raises(EndedError, match="toy cannot be started: /nowhere/toy: No such file"):
        asyncio.run(Child(command, listener([])).keep(ready()))


def test_its_last_grave_words_are_shown_and_the_log_is_named(tmp_path: Path) -> None:
    log = tmp_path / "toy.log"
    script = "echo 'x [critical] bad thing' >&2; echo 'x [info] bye' >&2; exit 1"

    with pytest.raises(EndedError) as raised:
        asyncio.run(Child(shell(script, log), listener([])).keep(asyncio.Event()))

    message = "toy ended with exit code 1 before it was ready: x [critical] bad thing"
    assert str(raised.value) == f"{message} (log: {log})"
    assert log.read_text() == "x [critical] bad thing\nx [info] bye\n"


def test_a_flood_of_words_is_one_line(tmp_path: Path) -> None:
    script = "head -c 5000 /dev/zero | tr '\\0' x >&2; exit 1"

    with pytest.raises(EndedError) as raised:
        asyncio.run(Child(shell(script, tmp_path / "log"), listener([])).keep(asyncio.Event()))

    assert len(str(raised.value)) < 700
    assert "\n" not in str(raised.value)


def test_a_line_without_end_is_not_kept_in_memory(tmp_path: Path) -> None:
    script = "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo done >&2; exit 1"
    toy = Child(shell(script, tmp_path / "log"), listener([]))

    with pytest.raises(EndedError):
        asyncio.run(toy.keep(asyncio.Event()))

    assert toy.last_words[-1] == "done"


def test_the_log_begins_anew_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LOG_BYTES", 100)
    monkeypatch.setattr(child, "LINE_BYTES", 32)
    log = tmp_path / "log"

    with pytest.raises(EndedError):
        asyncio.run(
            Child(
                shell("for i in 1 2 3 4 5 6 7 8 9; do echo line-number-$i-of-the-log >&2; done", log),
                listener([]),
            ).keep(asyncio.Event())
        )

    assert log.stat().st_size <= 132
    assert log.read_text().endswith("line-number-9-of-the-log\n")


def test_stop_waits_for_an_orderly_end(tmp_path: Path) -> None:
    done = tmp_path / "done"
    toy = Child(
        shell(f"trap 'echo > {done}; exit 0' TERM; echo > {tmp_path}/up; while :; do sleep 0.01; done"),
        listener([]),
    )

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(toy.keep(ready()))
            await until((tmp_path / "up").exists)
            keeper.cancel()
        assert toy.pid is not None
        await toy.stop(signal.SIGTERM, 20)
        assert toy.pid is None

    asyncio.run(scenario())

    assert done.exists()


def test_stop_does_not_wait_for_ever(tmp_path: Path) -> None:
    events: Events = []
    toy = Child(shell(f"trap '' TERM; echo > {tmp_path}/up; while :; do sleep 0.01; done"), listener(events))

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(toy.keep(ready()))
            await until((tmp_path / "up").exists)
            keeper.cancel()
        await toy.stop(signal.SIGTERM, 0.05)

    asyncio.run(scenario())

    assert toy.pid is None
    assert events == [{"event": "killed", "child": "toy", "after_seconds": 0.05}]


def test_who_was_never_started_is_stopped_at_once() -> None:
    asyncio.run(Child(shell("exit 0"), listener([])).stop(signal.SIGTERM, 5))


def test_it_has_the_environment_and_descriptors_it_was_given_and_no_others(tmp_path: Path) -> None:
    inherited, ours = os.pipe()
    script = f"env > {tmp_path}/env; ls /proc/self/fd > {tmp_path}/fd; exit 1"
    command = Command("toy", ("/bin/sh", "-c", script), {**ENVIRON, "ONE": "1"}, keep=(inherited,))

    with pytest.raises(EndedError):
        asyncio.run(Child(command, listener([])).keep(asyncio.Event()))
    os.close(inherited)
    os.close(ours)

    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "ONE"}
    descriptors = {int(line) for line in (tmp_path / "fd").read_text().split()}
    assert inherited in descriptors
    assert ours not in descriptors


def orphan(guard: str, processes: int) -> int:
    """Kill a parent outright once it has started everything; returns its child, a sleep of a minute."""
    script = textwrap.dedent(
        f"""
        import asyncio, os
        from pathlib import Path
        from waypost.envoy import child
        child._HAS_PARENT_SIGNAL = {guard}
        toy = child.Child(child.Command("toy", ("/bin/sleep", "60"), {{}}), print)
        async def main():
            ready = asyncio.Event(); ready.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(toy.keep(ready))
                children = Path(f"/proc/self/task/{{os.getpid()}}/children")
                while len(children.read_text().split()) < {processes}: await asyncio.sleep(0.01)
                print(toy.pid, flush=True)
        asyncio.run(main())
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    return pid


@pytest.mark.parametrize(("guard", "processes"), [("True", 1), ("False", 2)], ids=["parent signal", "leash"])
def test_a_child_never_outlives_its_parent(guard: str, processes: int) -> None:
    pid = orphan(guard, processes)

    asyncio.run(until(lambda: gone(pid)))
