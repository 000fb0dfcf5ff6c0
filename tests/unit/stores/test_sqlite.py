"""What the embedded store adds to the contract (tests/contracts/test_stores.py): disks, processes, deaths."""

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from waypost.configurable import build, schema
from waypost.stores import indexes, sqlite, writing
from waypost.stores.base import About, Entry, Failure, Filter, StoreError
from waypost.stores.sqlite import SqliteSettings, SqliteStore

WIDTH = 32
Script = Callable[[SqliteStore, list[Failure]], Awaitable[None]]


def vector(seed: int) -> bytes:
    made = np.random.default_rng(seed).standard_normal(WIDTH)
    return (made / np.linalg.norm(made)).astype("<f4").tobytes()


def entry(number: int, partition: bytes = b"p", answer: bytes = b"answer", expires: float = 4e9) -> Entry:
    return Entry(partition, b"%d" % number, About(), b"", vector(number), answer, 1.0, expires)


def run(folder: Path, script: Script, **settings: Any) -> None:
    async def main() -> None:
        failures: list[Failure] = []
        store = SqliteSettings(**settings).open(folder, on_failure=failures.append)
        try:
            await script(store, failures)
        finally:
            await store.close()

    asyncio.run(main())


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1_000_000):
        if is_so():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came to be")


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_settings_are_checked_and_described() -> None:
    assert build(SqliteSettings, {"path": "/somewhere/else.db"}).path == Path("/somewhere/else.db")
    for wrong in ({"memory_bytes": -1}, {"queue_entries": 0}, {"max_entries": 0}, {"file": "x"}):
        with pytest.raises(ValidationError):
            build(SqliteSettings, wrong)
    assert all(row["description"] for row in schema(SqliteSettings)["properties"].values())


def test_answers_and_uses_are_there_after_a_restart(tmp_path: Path) -> None:
    async def first(store: SqliteStore, failures: list[Failure]) -> None:
        await store.put(entry(1))
        await store.exact(b"p", b"1")

    async def second(store: SqliteStore, failures: list[Failure]) -> None:
        found = await store.exact(b"p", b"1")
        assert found
        assert (found.answer, found.row.hits) == (b"answer", 1)
        assert [each.exact for each in await store.nearest(b"p", vector(1), 1)] == [b"1"]

    run(tmp_path, first)
    run(tmp_path, second)
    assert sorted(each.name for each in (tmp_path / "cache").iterdir()) == ["answers.db", "answers.db.lock"]


def test_two_processes_see_what_the_other_does(tmp_path: Path) -> None:
    async def script(one: SqliteStore, failures: list[Failure]) -> None:
        other = SqliteSettings().open(tmp_path)
        await one.put(entry(1))
        assert await other.exact(b"p", b"1")
        assert await other.nearest(b"p", vector(1), 1)
        await other.put(entry(2))
        assert [each.exact for each in await one.nearest(b"p", vector(2), 1)] == [b"2"]
        assert (await one.invalidate(Filter(exact=b"2"))).entries == 1
        assert [each.exact for each in await other.nearest(b"p", vector(2), 5)] == [b"1"]
        assert await other.exact(b"p", b"2") is None
        await asyncio.gather(
            *(store.put(entry(number)) for number in range(10, 60) for store in (one, other))
        )
        assert (await one.stats()).entries == 51
        await other.close()
        assert await one.exact(b"p", b"30")

    run(tmp_path, script)


@pytest.mark.parametrize("processes", [1, 2])
def test_death_under_load_takes_nothing_that_was_kept(tmp_path: Path, processes: int) -> None:
    path = tmp_path / "answers.db"
    program = Path(__file__).with_name("writes_until_killed.py")
    running = [
        subprocess.Popen([sys.executable, program, path, f"writer{n}"], stdout=subprocess.PIPE)
        for n in range(processes)
    ]
    told: list[bytes] = []
    for process in running:
        assert process.stdout
        told += [process.stdout.readline() for _ in range(300)]
    for process in running:
        process.send_signal(signal.SIGKILL)
    for process in running:
        told += process.communicate()[0].splitlines(keepends=True)
    kept = [line.strip() for line in told if line.endswith(b"\n")]
    assert len(kept) >= 300 * processes

    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        for key in kept:
            found = await store.exact(b"p", key)
            assert found
            assert found.answer == b"answer to " + key
        stats = await store.stats()
        assert len(kept) <= stats.entries <= len(kept) + 8 * processes  # written, but not told before death
        await store.nearest(b"p", vector(1), 1)
        assert (await store.stats()).indexed == stats.entries
        assert failures == []

    run(tmp_path, script, path=path)
    assert sound(path)


def test_a_full_disk_is_a_failure_that_passes(tmp_path: Path) -> None:
    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        await store.put(entry(1))
        pages = await store._writer.do(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
        await store._writer.do(lambda db: db.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall())
        noise = np.random.default_rng(1).bytes(100_000)
        with pytest.raises(StoreError, match="disk is full") as full:
            await store.put(entry(2, answer=noise))
        assert (full.value.kind, failures) == ("full", ["full"])
        assert await store.exact(b"p", b"1")
        assert await store.exact(b"p", b"2") is None
        assert await store.nearest(b"p", vector(1), 1)
        await store._writer.do(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchall())
        await store.put(entry(2, answer=noise))
        assert await store.exact(b"p", b"2")

    run(tmp_path, script)
    assert sound(tmp_path / "cache" / "answers.db")


def test_damage_found_in_use_is_told_and_the_file_put_aside_at_the_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def first(store: SqliteStore, failures: list[Failure]) -> None:
        await store.put(entry(1, answer=b"long" * 1000))
        await store._writer.do(lambda db: db.execute("UPDATE bodies SET answer = x'01ff'"))
        for _ in range(2):
            with pytest.raises(StoreError) as damaged:
                await store.exact(b"p", b"1")
            assert damaged.value.kind == "damaged"
        assert failures == ["damaged", "damaged"]

    async def second(store: SqliteStore, failures: list[Failure]) -> None:
        assert (await store.stats()).entries == 0

    with caplog.at_level(logging.ERROR):
        run(tmp_path, first)
    assert caplog.text.count("restart all workers") == 1
    run(tmp_path, second)
    assert (tmp_path / "cache" / "answers.db.damaged-1").exists()


def test_a_writer_that_hangs_refuses_more_than_its_queue(tmp_path: Path) -> None:
    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        free = threading.Event()
        store._writer.start(lambda _: free.wait(30))
        first = asyncio.ensure_future(store.put(entry(0)))  # goes to the thread
        await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(store.put(entry(number))) for number in range(1, 5)]
        await asyncio.sleep(0)
        with pytest.raises(StoreError) as refused:
            await store.put(entry(9))
        assert (refused.value.kind, failures) == ("overloaded", ["overloaded"])
        assert await store.exact(b"p", b"0") is None  # reading goes on
        waiting[0].cancel()
        free.set()
        await asyncio.gather(first, *waiting[1:])
        assert await store.exact(b"p", b"4")
        assert await store.exact(b"p", b"1") is None  # who gave up in time wants nothing kept

    run(tmp_path, script, queue_entries=4)


def test_what_waits_is_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_QUEUE_BYTES", 10_000)

    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        free = threading.Event()
        store._writer.start(lambda _: free.wait(30))
        puts = [asyncio.ensure_future(store.put(entry(number, answer=b"a" * 4000))) for number in range(4)]
        await asyncio.sleep(0)
        free.set()
        told = await asyncio.gather(*puts, return_exceptions=True)
        assert [each is None for each in told] == [True, True, True, False]  # the first waits no more
        await store.put(entry(5, answer=b"a" * 4000))

    run(tmp_path, script)


def test_a_busy_file_is_a_failure(tmp_path: Path) -> None:
    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        await store._writer.do(lambda db: db.execute("PRAGMA busy_timeout = 1").fetchall())
        with closing(sqlite3.connect(tmp_path / "cache" / "answers.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError) as busy:
                await store.put(entry(1))
            assert (busy.value.kind, failures) == ("busy", ["busy"])
            other.execute("ROLLBACK")
        await store.put(entry(1))

    run(tmp_path, script)


def test_a_large_partition_is_read_on_though_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "PIECE", 10)

    async def fill(store: SqliteStore, failures: list[Failure]) -> None:
        await asyncio.gather(*(store.put(entry(number)) for number in range(200)))

    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        impatient = [asyncio.ensure_future(store.nearest(b"p", vector(7), 1)) for _ in range(3)]
        await until(lambda: store._loading is not None)
        loading = store._loading
        for each in impatient:
            each.cancel()
        await asyncio.gather(*impatient, return_exceptions=True)
        await loading
        assert (await store.stats()).indexed == 200
        found = await asyncio.gather(*(store.nearest(b"p", vector(number), 1) for number in range(20)))
        assert [near[0].exact for near in found] == [b"%d" % number for number in range(20)]

    run(tmp_path, fill)
    run(tmp_path, script)


def test_closing_while_a_partition_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "PIECE", 2)

    async def fill(store: SqliteStore, failures: list[Failure]) -> None:
        await asyncio.gather(*(store.put(entry(number)) for number in range(200)))

    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        waiting = asyncio.ensure_future(store.nearest(b"p", vector(7), 1))
        await until(lambda: store._loading is not None)
        await store.close()
        with pytest.raises(StoreError):
            await waiting

    run(tmp_path, fill)
    run(tmp_path, script)


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    async def first(store: SqliteStore, failures: list[Failure]) -> None:
        puts = [asyncio.ensure_future(store.put(entry(number))) for number in range(700)]
        await asyncio.sleep(0)
        await store.close()
        await asyncio.gather(*puts)

    async def second(store: SqliteStore, failures: list[Failure]) -> None:
        assert (await store.stats()).entries == 700

    run(tmp_path, first)
    run(tmp_path, second)


def test_what_expired_is_swept_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(writing, "AT_ONCE", 10)

    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        await asyncio.gather(*(store.put(entry(number, expires=2.0)) for number in range(25)))
        await until(lambda: store._expired == 25)
        assert (await store.stats()).entries == 0

    run(tmp_path, script)


def test_there_is_one_timer(tmp_path: Path) -> None:
    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        await store.put(entry(1))
        for _ in range(5):
            store._sweep()
        await store.stats()
        loop: Any = asyncio.get_running_loop()
        sweeps = [each for each in loop._scheduled if not each.cancelled() and each._callback == store._sweep]
        assert len(sweeps) == 1

    run(tmp_path, script)


def test_uses_are_written_down_before_they_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_USES", 10)

    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        for number in range(30):
            await store.put(entry(number))
        for number in range(30):
            await store.exact(b"p", b"%d" % number)
            assert len(store._uses) <= 11
        assert sum(row.hits for row in await store.browse(Filter(), 99)) >= 20

    run(tmp_path, script)


def test_the_file_is_private(tmp_path: Path) -> None:
    async def script(store: SqliteStore, failures: list[Failure]) -> None:
        await store.put(entry(1))
        modes = {each.name: os.stat(each).st_mode & 0o777 for each in (tmp_path / "cache").iterdir()}  # noqa: PTH116
        assert len(modes) == 4
        assert set(modes.values()) == {0o600}

    run(tmp_path, script)


def test_a_file_that_cannot_be_used_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("my notes")
    with pytest.raises(StoreError, match="name another file under `path`"):
        SqliteSettings(path=tmp_path / "notes.txt").open(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "my notes"
