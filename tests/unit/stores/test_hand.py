"""Work on another thread: order, errors as ours, closing."""

import asyncio
import sqlite3
import threading
import zlib
from collections.abc import Awaitable, Callable

import pytest

from waypost.stores.base import Failure, StoreError
from waypost.stores.hand import Hand, explain


def raised(code: int, words: str = "words") -> sqlite3.Error:
    error = sqlite3.DatabaseError(words)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, "busy"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "busy"),
        (sqlite3.SQLITE_LOCKED, "busy"),
        (sqlite3.SQLITE_CORRUPT, "damaged"),
        (sqlite3.SQLITE_NOTADB, "damaged"),
        (sqlite3.SQLITE_FULL, "full"),
        (sqlite3.SQLITE_IOERR_READ, "failed"),
    ],
)
def test_an_error_has_a_kind(code: int, kind: Failure) -> None:
    assert explain(raised(code)).kind == kind


def test_an_error_without_a_code_is_a_failure() -> None:
    told = explain(sqlite3.ProgrammingError("closed database"))
    assert (told.kind, str(told)) == ("failed", "the cache: closed database")


def test_an_answer_that_cannot_be_unpacked_is_damage() -> None:
    assert explain(zlib.error("incorrect header")).kind == "damaged"


def run(script: Callable[[Hand, list[Failure]], Awaitable[None]]) -> None:
    async def main() -> None:
        failures: list[Failure] = []
        hand = Hand(sqlite3.connect(":memory:", check_same_thread=False), "test", failures.append)
        try:
            await script(hand, failures)
        finally:
            await hand.close()

    asyncio.run(main())


def test_work_is_done_elsewhere_and_in_order() -> None:
    async def script(hand: Hand, failures: list[Failure]) -> None:
        seen: list[int] = []
        threads = await asyncio.gather(
            *(hand.do(lambda _, n=n: seen.append(n) or threading.get_ident()) for n in range(9))
        )
        assert seen == [*range(9)]
        assert set(threads) - {threading.get_ident()} == {threads[0]}

    run(script)


def test_a_failure_is_told_and_raised() -> None:
    async def script(hand: Hand, failures: list[Failure]) -> None:
        with pytest.raises(StoreError):
            await hand.do(lambda db: db.execute("SELECT * FROM nothing"))
        assert failures == ["failed"]
        assert await hand.do(lambda db: db.execute("SELECT 1").fetchone()) == (1,)

    run(script)


def test_a_failure_nobody_waits_for_is_told() -> None:
    async def script(hand: Hand, failures: list[Failure]) -> None:
        hand.start(lambda db: db.execute("SELECT * FROM nothing"))
        await hand.do(lambda _: None)
        await asyncio.sleep(0)
        assert failures == ["failed"]

    run(script)


def test_a_bug_is_not_made_a_failure_of_the_store() -> None:
    async def script(hand: Hand, failures: list[Failure]) -> None:
        with pytest.raises(ZeroDivisionError):
            await hand.do(lambda _: 1 / 0)
        assert failures == []

    run(script)


def test_closing_does_the_last_thing_and_no_more() -> None:
    async def script(hand: Hand, failures: list[Failure]) -> None:
        done: list[str] = []
        first = hand.start(lambda _: done.append("first"))
        await hand.close(lambda _: done.append("last"))
        await first
        assert done == ["first", "last"]
        await hand.close(lambda _: done.append("again"))
        with pytest.raises(StoreError) as closed:
            await hand.do(lambda _: None)
        assert closed.value.kind == "closed"
        assert len(done) == 2

    run(script)


def test_a_last_thing_that_fails_does_not_keep_it_open() -> None:
    async def script(hand: Hand, failures: list[Failure]) -> None:
        await hand.close(lambda db: db.execute("SELECT * FROM nothing"))
        with pytest.raises(StoreError):
            await hand.do(lambda _: None)

    run(script)
