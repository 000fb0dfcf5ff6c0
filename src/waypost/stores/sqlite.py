"""The embedded store: one file of SQLite as the durable record, vectors in memory for searching.

Three threads, each with its own connection: one looks answers up, one searches vectors, one writes. What
waits to be written goes into one transaction, and `put` returns once it is committed. That survives the
death of the process at any moment; a power cut may take the last moments, and never leaves half an entry.
Several processes may use one file, on a disk of their machine.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from waypost.configurable import configurable
from waypost.stores import writing
from waypost.stores.base import (
    Candidate,
    Clock,
    Entry,
    Extent,
    Failure,
    Filter,
    Found,
    Limits,
    OnFailure,
    Row,
    Stats,
    StoreError,
    check,
    ignore,
    unit,
    wall,
)
from waypost.stores.file import File
from waypost.stores.hand import Hand, explain
from waypost.stores.indexes import PIECE, Indexes, Question

NAME: Final = "answers.db"
"""The file's name in the state folder, below `cache`."""

SWEEP_SECONDS: Final = 30.0
"""How often what has expired is removed, and uses are written down."""

_USES: Final = 20_000
"""Most entries whose uses wait to be written down."""

_PATIENCE: Final = 4
"""How often a search waits for a partition to be read, its own or the one before it."""

_QUEUE_BYTES: Final = 64 * 1024 * 1024
"""Most bytes of answers that wait to be written."""

_AT_ONCE: Final = 256
"""Entries in one transaction."""

log = logging.getLogger(__name__)


@configurable
class SqliteSettings(Limits):
    """Answers in one file on this machine, shared by all workers on it."""

    path: Path | None = None
    """The file, on a disk of this machine. Default: `cache/answers.db` in the state folder."""

    memory_bytes: int = 256 * 1024 * 1024
    """Memory for vectors in each worker, about 0.8 kB each in a large partition and 1.5 kB in a small one.
    A partition that is larger than all of it is still searched, alone."""

    queue_entries: int = 1_000
    """How many answers may wait to be written; beyond it they are not kept."""

    def __post_init__(self) -> None:
        Limits.__post_init__(self)
        if self.memory_bytes < 0:
            raise ValueError("memory_bytes must not be negative")
        if self.queue_entries < 1:
            raise ValueError("queue_entries must be at least 1")

    def open(self, state_dir: Path, clock: Clock = wall, on_failure: OnFailure = ignore) -> "SqliteStore":
        """Take the file. Blocks on the disk, and on other processes that are opening it: at start only.

        Raises:
            StoreError: it cannot be used; what to do.
        """
        file = File.open(self.path or state_dir / "cache" / NAME)
        try:
            file.prepare(self.eviction)
            return SqliteStore(self, file, clock, on_failure)
        except sqlite3.Error as error:
            file.close()
            raise explain(error) from error


class SqliteStore:
    """An open file; used from one event loop."""

    def __init__(self, settings: SqliteSettings, file: File, clock: Clock, on_failure: OnFailure) -> None:
        self._settings = settings
        self._file = file
        self._clock = clock
        self._on_failure = on_failure
        self._writer, self._reader, self._searcher = (
            Hand(file.connect(), f"waypost-cache-{name}", self._failed)
            for name in ("write", "read", "search")
        )
        self._indexes = Indexes(settings.memory_bytes)
        self._loading: asyncio.Future[None] | None = None
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._queued = 0
        self._is_writing = False
        self._uses: dict[int, tuple[int, float]] = {}
        self._evicted = self._expired = 0
        self._timer: asyncio.TimerHandle | None = None
        self._suspected = self._closed = False

    async def exact(self, partition: bytes, key: bytes) -> Found | None:
        """The answer under this key."""
        self._begin()
        now = self._clock()
        kept = await self._reader.do(partial(_exact, partition=partition, key=key, now=now))
        if kept is None:
            return None
        number, found = kept
        self._uses[number] = self._uses.get(number, (0, now))[0] + 1, now
        if len(self._uses) > _USES:
            self._sweep()
        return found

    async def nearest(self, partition: bytes, vector: bytes, count: int) -> Sequence[Candidate]:
        """The nearest entries; while a large partition is read for the first time, this waits for it."""
        self._begin()
        asked = Question(partition, unit(vector), count, self._clock())
        look = partial(self._indexes.nearest, asked=asked)
        found = await self._searcher.do(look)
        for _ in range(_PATIENCE):
            if found is not None:
                break
            if self._loading is None:
                self._loading = asyncio.get_running_loop().create_future()
                self._load(look, 2 + self._settings.max_entries // PIECE)
            await asyncio.shield(self._loading)
            found = await self._searcher.do(look)
        return found or ()

    async def put(self, entry: Entry) -> None:
        """Keep an entry; on return it is committed."""
        self._begin()
        check(entry)
        queued = self._queued + len(entry.answer)
        if len(self._waiting) >= self._settings.queue_entries or queued > _QUEUE_BYTES:
            self._failed("overloaded")
            raise StoreError("overloaded", "the cache: too many answers wait to be written")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, done))
        self._queued = queued
        self._write()
        await done

    async def invalidate(self, which: Filter, *, dry_run: bool = False) -> Extent:
        """Remove entries, some hundred at a time, so that others may write in between."""
        self._begin()
        await self._settled()
        above, upto = 0, await self._writer.do(writing.newest)
        entries = size = 0
        step = writing.measure if dry_run else writing.remove
        while above < upto:
            above, gone = await self._writer.do(partial(step, which=which, above=above, upto=upto))
            entries, size = entries + gone.entries, size + gone.size
        if entries and not dry_run:
            await self._writer.do(writing.wipe)
        return Extent(entries, size)

    async def browse(self, which: Filter, limit: int) -> Sequence[Row]:
        """Entries, the latest first; reads all of them where `which` names no partition."""
        self._begin()
        await self._settled()
        return await self._writer.do(partial(writing.browse, which=which, limit=limit))

    async def stats(self) -> Stats:
        """How full it is; counts every partition, a tenth of a second where there are a million entries."""
        self._begin()
        await self._settled()
        entries, size, partitions = await self._writer.do(_totals)
        indexes = self._indexes
        return Stats(
            entries,
            size,
            partitions,
            self._file.size(),
            indexes.vectors,
            indexes.size,
            self._evicted,
            self._expired,
        )

    async def close(self) -> None:
        """Write what waits, and let go of the file."""
        if self._closed:
            return
        self._closed = True
        if self._timer:
            self._timer.cancel()
        while self._waiting:
            await self._settled()
        await self._searcher.close()
        await self._reader.close()
        await self._writer.close(partial(writing.sweep, uses=self._uses, now=self._clock()))
        self._file.close()

    def _begin(self) -> None:
        if self._closed:
            raise StoreError("closed", "the cache is closed")
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    async def _settled(self) -> None:
        """Wait for what was put before."""
        if self._waiting:
            await asyncio.wait([done for _, done in self._waiting])

    def _write(self) -> None:
        """Have what waits written, unless that is being done; who gave up waiting wants nothing kept."""
        if self._is_writing:
            return
        wanted = [each for each in self._waiting if not each[1].done()]
        batch, self._waiting = wanted[:_AT_ONCE], wanted[_AT_ONCE:]
        self._queued = sum(len(entry.answer) for entry, _ in self._waiting)
        if batch:
            self._is_writing = True
            uses, self._uses = self._uses, {}
            keep = partial(_keep, batch=[entry for entry, _ in batch], uses=uses, limits=self._settings)
            written = self._writer.start(partial(keep, now=self._clock()))
            written.add_done_callback(partial(self._written, [done for _, done in batch]))

    def _written(
        self, waiting: Sequence["asyncio.Future[None]"], written: "asyncio.Future[writing.Gone]"
    ) -> None:
        self._is_writing = False
        error = written.exception()
        if error is None:
            gone = written.result()
            self._evicted, self._expired = self._evicted + gone.evicted, self._expired + gone.expired
        for done in waiting:
            if done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
        self._write()

    def _load(self, look: Callable[[sqlite3.Connection], object], pieces: int) -> None:
        """Go on reading a partition, whether or not somebody still waits for it."""
        self._searcher.start(look).add_done_callback(partial(self._loaded, look, pieces))

    def _loaded(
        self, look: Callable[[sqlite3.Connection], object], pieces: int, read: "asyncio.Future[object]"
    ) -> None:
        whole = read.exception() is not None or read.result() is not None
        if not (whole or self._closed) and pieces > 1:
            self._load(look, pieces - 1)
        elif self._loading:
            self._loading.set_result(None)
            self._loading = None

    def _sweep(self) -> None:
        """Write uses down and remove some of what has expired; goes on by itself."""
        if self._timer:
            self._timer.cancel()
        uses, self._uses = self._uses, {}
        swept = self._writer.start(partial(writing.sweep, uses=uses, now=self._clock()))
        swept.add_done_callback(self._swept)

    def _swept(self, swept: "asyncio.Future[int]") -> None:
        error = swept.exception()
        if error and not isinstance(error, StoreError):
            raise error
        gone = 0 if error else swept.result()
        self._expired += gone
        if not self._closed:
            if self._timer:
                self._timer.cancel()
            pause = 0.0 if gone == writing.AT_ONCE else SWEEP_SECONDS
            self._timer = asyncio.get_running_loop().call_later(pause, self._sweep)

    def _failed(self, kind: Failure) -> None:
        if kind == "damaged" and not self._suspected:
            self._suspected = True
            with suppress(OSError):
                self._file.suspect()
            log.error(
                "the cache %r is damaged; restart all workers, and a new one is begun", str(self._file.path)
            )
        self._on_failure(kind)


def _exact(db: sqlite3.Connection, partition: bytes, key: bytes, now: float) -> tuple[int, Found] | None:
    kept = db.execute(
        "SELECT id, partition, exact, scope, text, model, rule, created, expires, used, hits, size, answer"
        " FROM entries JOIN bodies USING (id) WHERE partition = ? AND exact = ? AND expires > ?",
        (partition, key, now),
    ).fetchone()
    if kept is None:
        return None
    return kept[0], Found(writing.row_of(kept[1:-1]), writing.unpack(kept[-1]))


def _keep(
    db: sqlite3.Connection, batch: Sequence[Entry], uses: writing.Uses, limits: Limits, now: float
) -> writing.Gone:
    return writing.write(db, [(entry, writing.pack(entry.answer)) for entry in batch], uses, limits, now)


def _totals(db: sqlite3.Connection) -> tuple[int, int, int]:
    return db.execute(
        "SELECT entries, size, (SELECT count(DISTINCT partition) FROM entries) FROM totals"
    ).fetchone()
