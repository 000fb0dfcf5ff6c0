"""What the searching thread does: vectors of the partitions that are asked for, kept level with the file.

A partition is read when it is asked for, a piece at a time so that others are not kept waiting, and dropped
when memory runs out, the longest unused first. Rows of all processes are followed by their number, which only
grows; removals by a short list in the file. Whatever is found is looked up in the file before it is given
back, so an index that lags behind misses an answer, and never gives a removed one.
"""

import sqlite3
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from waypost.stores.base import Candidate, Floats
from waypost.stores.index import Halves, Ids, Index, Near

PIECE: Final = 5_000
"""Rows that are read at once; about 10 ms."""

FOLLOWED: Final = 1_000
"""New rows, and removals, that are taken in before one search; some milliseconds."""

_SPARE: Final = 8
"""Neighbours asked for beyond the wanted, since some may have gone or expired."""

_WIDENED: Final = 3
"""How often the search is widened when too many of its finds have gone."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is looked for.

    Attributes:
        now: seconds since 1970; what expires by then is not found.
    """

    partition: bytes
    vector: Floats
    count: int
    now: float


@dataclass(slots=True)
class _Loaded:
    """A partition in memory.

    Attributes:
        reached: rows up to this number were read from the file.
        upto: rows beyond this number are followed as they come; equal to `reached` once all is read.
    """

    index: Index
    reached: int
    upto: int


@dataclass(slots=True)
class Indexes:
    """Loaded partitions, used by one thread with one connection.

    Attributes:
        limit: bytes of memory; one partition may take more, but then it is the only one.
        size: bytes that are taken.
        vectors: how many are in memory.
    """

    limit: int
    size: int = 0
    vectors: int = 0
    _loaded: OrderedDict[bytes, _Loaded] = field(default_factory=OrderedDict[bytes, _Loaded])
    _version: int = -1
    _row: int = 0
    _removal: int = 0

    def nearest(self, db: sqlite3.Connection, asked: Question) -> list[Candidate] | None:
        """The nearest, best first; None = the partition has not been read whole, ask again."""
        self._follow(db)
        here = self._loaded.get(asked.partition)
        if here is None or here.index.width != len(asked.vector):
            here = self._begin(asked)
        self._loaded.move_to_end(asked.partition)
        if here.reached < here.upto:
            self._read(db, asked.partition, here)
        self._make_room()
        return self._look(db, here, asked) if here.reached == here.upto else None

    def drop(self) -> None:
        """Forget every vector; they are read again when they are asked for."""
        self._loaded.clear()
        self.size = self.vectors = 0

    def _begin(self, asked: Question) -> _Loaded:
        """Room for a partition, of which rows are read up to where all are followed."""
        self._forget(asked.partition)
        made = _Loaded(Index(len(asked.vector)), 0, self._row)
        self._loaded[asked.partition] = made
        self.size += made.index.size
        return made

    def _forget(self, partition: bytes) -> None:
        if known := self._loaded.pop(partition, None):
            self.size -= known.index.size
            self.vectors -= len(known.index)

    def _make_room(self) -> None:
        """Forget what is longest unused; what was asked for last stays."""
        while self.size > self.limit and len(self._loaded) > 1:
            self._forget(next(iter(self._loaded)))

    def _read(self, db: sqlite3.Connection, partition: bytes, here: _Loaded) -> None:
        """The next piece of a partition."""
        rows = db.execute(
            "SELECT id, vector FROM vectors WHERE partition = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?",
            (partition, here.reached, here.upto, PIECE),
        ).fetchall()
        here.reached = here.upto if len(rows) < PIECE else rows[-1][0]
        self._add(here, rows)

    def _add(self, here: _Loaded, rows: list[tuple[int, bytes]]) -> None:
        """Take in rows; a vector of another length could not be compared and is passed over."""
        fitting = [row for row in rows if len(row[1]) == 2 * here.index.width]
        if not fitting:
            return
        before, count = here.index.size, len(here.index)
        ids: Ids = np.array([row[0] for row in fitting], np.int64)
        halves: Halves = np.frombuffer(b"".join(row[1] for row in fitting), np.float16)
        here.index.add(ids, halves.reshape(len(fitting), here.index.width))
        self._account(here, before, count)

    def _remove(self, here: _Loaded, ids: list[int]) -> None:
        before, count = here.index.size, len(here.index)
        here.index.remove(ids)
        self._account(here, before, count)

    def _account(self, here: _Loaded, before: int, count: int) -> None:
        self.size += here.index.size - before
        self.vectors += len(here.index) - count

    def _follow(self, db: sqlite3.Connection) -> None:
        """Take in what has changed since the last look, a bounded piece of it."""
        version: int = db.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        if not self._loaded or self._is_behind(db):
            self.drop()
            self._row = db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchone()[0]
            self._removal = db.execute("SELECT coalesce(max(seq), 0) FROM removed").fetchone()[0]
            self._version = version
        elif self._follow_removals(db) and self._follow_rows(db):
            self._version = version

    def _is_behind(self, db: sqlite3.Connection) -> bool:
        """Whether more was removed than the file remembers."""
        oldest = db.execute("SELECT min(seq) FROM removed").fetchone()[0]
        return oldest is not None and oldest > self._removal + 1

    def _follow_removals(self, db: sqlite3.Connection) -> bool:
        """Whether all removals are known now."""
        rows = db.execute(
            "SELECT seq, partition, id FROM removed WHERE seq > ? ORDER BY seq LIMIT ?",
            (self._removal, FOLLOWED),
        ).fetchall()
        gone: dict[bytes, list[int]] = {}
        for self._removal, partition, number in rows:
            gone.setdefault(partition, []).append(number)
        for partition, ids in gone.items():
            if here := self._loaded.get(partition):
                self._remove(here, ids)
        return len(rows) < FOLLOWED

    def _follow_rows(self, db: sqlite3.Connection) -> bool:
        """Whether all rows are known now."""
        rows = db.execute(
            "SELECT id, partition FROM entries WHERE id > ? ORDER BY id LIMIT ?", (self._row, FOLLOWED)
        ).fetchall()
        new: dict[bytes, list[tuple[int, bytes]]] = {}
        for self._row, partition in rows:
            if partition in self._loaded:
                found = db.execute(
                    "SELECT id, vector FROM vectors WHERE partition = ? AND id = ?", (partition, self._row)
                )
                new.setdefault(partition, []).extend(found)
        for partition, vectors in new.items():
            self._add(self._loaded[partition], vectors)
        return len(rows) < FOLLOWED

    def _look(self, db: sqlite3.Connection, here: _Loaded, asked: Question) -> list[Candidate]:
        """Search, and look up what was found; wider if much of it has gone."""
        width, good = asked.count + _SPARE, list[Candidate]()
        for _ in range(_WIDENED):
            near = here.index.nearest(asked.vector, width)
            good, gone = _alive(db, near, asked)
            if gone:
                self._remove(here, gone)
            if len(good) >= asked.count or len(near) < width:
                break
            width *= 4
        return good[: asked.count]


def _alive(db: sqlite3.Connection, near: list[Near], asked: Question) -> tuple[list[Candidate], list[int]]:
    """Those that still hold, until there are enough; and those that are no longer in the file."""
    good: list[Candidate] = []
    gone: list[int] = []
    for each in near:
        found = db.execute(
            "SELECT exact, expires, features FROM entries JOIN bodies USING (id)"
            " WHERE id = ? AND partition = ?",
            (each.id, asked.partition),
        ).fetchone()
        if found is None:
            gone.append(each.id)
        elif found[1] > asked.now:
            good.append(Candidate(found[0], each.cosine, found[2]))
        if len(good) == asked.count:
            break
    return good, gone
