"""A thread with its own connection to a file of SQLite: whatever touches the disk happens there."""

import asyncio
import sqlite3
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from waypost.stores.base import Failure, OnFailure, StoreError

T = TypeVar("T")

_KINDS: Final[dict[int, Failure]] = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_FULL: "full",
}

_SAID: Final[dict[Failure, str]] = {
    "busy": "another process writes to it for too long",
    "damaged": "the file is damaged; it is put aside at the next start",
    "full": "the disk is full",
}


def explain(error: sqlite3.Error | zlib.error) -> StoreError:
    """What an error of SQLite means here; its own words may hold names of ours, never what a client sent."""
    if isinstance(error, zlib.error):
        return StoreError("damaged", f"the cache: an answer cannot be read: {_SAID['damaged']}")
    code: int = getattr(error, "sqlite_errorcode", 0)
    kind = _KINDS.get(code & 0xFF, "failed")
    return StoreError(kind, f"the cache: {_SAID.get(kind, str(error))}")


class Hand:
    """One thread and its connection; work is done in the order it was handed over."""

    def __init__(self, connection: sqlite3.Connection, name: str, on_failure: OnFailure) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, name)
        self._on_failure = on_failure
        self._closed = False

    def start(self, work: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """Hand work over; a `StoreError` of it is told of, even if nobody waits for it.

        Raises:
            StoreError: the hand is closed.
        """
        if self._closed:
            raise StoreError("closed", "the cache is closed")
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)
        done.add_done_callback(self._tell)
        return done

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work`, which is done even if nobody waits for it any more, once it has begun.

        Raises:
            StoreError: it failed.
        """
        return await self.start(work)

    async def close(self, last: Callable[[sqlite3.Connection], object] | None = None) -> None:
        """Finish what was handed over, do `last` as well as may be, and close the connection."""
        if self._closed:
            return
        if last:
            await asyncio.wait([self.start(last)])
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown(wait=False)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._connection)
        except (sqlite3.Error, zlib.error) as error:
            raise explain(error) from error

    def _tell(self, done: "asyncio.Future[T]") -> None:
        if not done.cancelled() and isinstance(error := done.exception(), StoreError):
            self._on_failure(error.kind)
