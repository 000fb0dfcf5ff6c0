"""The store that forgets when its process ends: for tests, and for who wants nothing on disk."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from waypost.configurable import configurable
from waypost.stores.base import (
    OVERHEAD,
    Candidate,
    Clock,
    Entry,
    Extent,
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
from waypost.stores.index import Index

_MOST: Final = 100_000
"""Entries whose vectors are searched in about a millisecond: the event loop waits for it."""

Key = tuple[bytes, bytes]
Rank = tuple[float, ...]


@configurable
class MemorySettings(Limits):
    """Answers in the memory of each worker; nothing is on disk, and nothing outlives the worker."""

    max_entries: int = 10_000
    """How many answers are kept, at most 100,000; beyond it the policy `eviction` decides what goes."""

    max_bytes: int = 128 * 1024 * 1024
    """How many bytes they may take in each worker."""

    def __post_init__(self) -> None:
        Limits.__post_init__(self)
        if self.max_entries > _MOST:
            raise ValueError(f"max_entries must be at most {_MOST}; use the store on disk for more")

    def open(self, clock: Clock = wall, on_failure: OnFailure = ignore) -> "MemoryStore":
        """An empty store."""
        return MemoryStore(self, clock, on_failure)


@dataclass(slots=True)
class _Kept:
    """An entry in memory."""

    number: int
    entry: Entry
    row: Row


class MemoryStore:
    """Entries in dictionaries; used from one event loop."""

    def __init__(self, limits: Limits, clock: Clock, on_failure: OnFailure) -> None:
        self._limits = limits
        self._clock = clock
        self._on_failure = on_failure
        self._kept: dict[Key, _Kept] = {}
        self._keys: dict[int, Key] = {}
        self._indexes: dict[bytes, Index] = {}
        self._ranks: list[tuple[Rank, int]] = []
        self._late: list[tuple[float, int]] = []
        self._size = self._number = 0
        self._evicted = self._expired = 0
        self._closed = False

    async def exact(self, partition: bytes, key: bytes) -> Found | None:
        """The answer under this key."""
        now = self._begin()
        kept = self._kept.get((partition, key))
        if kept is None or kept.row.expires <= now:
            return None
        found = Found(kept.row, kept.entry.answer)
        kept.row = replace(kept.row, used=now, hits=kept.row.hits + 1)
        self._rank(kept)
        return found

    async def nearest(self, partition: bytes, vector: bytes, count: int) -> Sequence[Candidate]:
        """The nearest entries of a partition."""
        self._begin()
        wanted, index = unit(vector), self._indexes.get(partition)
        if index is None:
            return ()
        found = [
            (self._kept[self._keys[near.id]].entry, near.cosine) for near in index.nearest(wanted, count)
        ]
        return [Candidate(entry.exact, cosine, entry.features) for entry, cosine in found]

    async def put(self, entry: Entry) -> None:
        """Keep an entry, in memory."""
        now = self._begin()
        check(entry)
        key = entry.partition, entry.exact
        if key in self._kept:
            self._remove(key)
        size = OVERHEAD + len(entry.answer) + len(entry.features) + len(entry.vector)
        self._make_room(size)
        self._number += 1
        row = Row(*key, entry.about, entry.created, entry.expires, entry.created, 0, size)
        kept = self._kept[key] = _Kept(self._number, entry, row)
        self._keys[self._number] = key
        self._size += size
        heapq.heappush(self._late, (entry.expires, self._number))
        self._rank(kept)
        if entry.vector:
            vector = unit(entry.vector)
            index = self._indexes.setdefault(entry.partition, Index(len(vector)))
            if index.width == len(vector):
                index.add(np.array([self._number], np.int64), vector[np.newaxis])
        self._drop_expired(now)

    async def invalidate(self, which: Filter, *, dry_run: bool = False) -> Extent:
        """Remove every entry that `which` meets."""
        self._begin()
        met = [key for key, kept in self._kept.items() if which.matches(kept.row)]
        size = sum(self._kept[key].row.size for key in met)
        if not dry_run:
            for key in met:
                self._remove(key)
        return Extent(len(met), size)

    async def browse(self, which: Filter, limit: int) -> Sequence[Row]:
        """Entries, the latest first."""
        self._begin()
        latest = reversed(self._kept.values())
        return [
            kept.row
            for kept, _ in zip((k for k in latest if which.matches(k.row)), range(limit), strict=False)
        ]

    async def stats(self) -> Stats:
        """How full it is."""
        self._begin()
        indexes = self._indexes.values()
        return Stats(
            len(self._kept),
            self._size,
            len({partition for partition, _ in self._kept}),
            0,
            sum(map(len, indexes)),
            sum(index.size for index in indexes),
            self._evicted,
            self._expired,
        )

    async def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._kept.clear()
        self._indexes.clear()

    def _begin(self) -> float:
        """The time, at which nothing is left that has expired by then."""
        if self._closed:
            raise StoreError("closed", "the cache is closed")
        now = self._clock()
        self._drop_expired(now)
        return now

    def _rank(self, kept: _Kept) -> None:
        """Put an entry in its place among those that may have to go."""
        heapq.heappush(self._ranks, (self._rank_of(kept), kept.number))
        if len(self._ranks) > 2 * len(self._kept) + 64:
            self._ranks = [(self._rank_of(each), each.number) for each in self._kept.values()]
            heapq.heapify(self._ranks)

    def _rank_of(self, kept: _Kept) -> Rank:
        match self._limits.eviction:
            case "lru":
                return (kept.row.used,)
            case "lfu":
                return (kept.row.hits, kept.row.used)
            case "fifo":
                return (kept.number,)

    def _make_room(self, coming: int) -> None:
        """Remove what ranks lowest; places in the heap that are out of date are passed over."""
        limits = self._limits
        while self._kept and (
            len(self._kept) >= limits.max_entries or self._size + coming > limits.max_bytes
        ):
            rank, number = heapq.heappop(self._ranks)
            key = self._keys.get(number)
            if key is not None and self._rank_of(self._kept[key]) == rank:
                self._remove(key)
                self._evicted += 1

    def _drop_expired(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            key = self._keys.get(heapq.heappop(self._late)[1])
            if key is not None:
                self._remove(key)
                self._expired += 1

    def _remove(self, key: Key) -> None:
        gone = self._kept.pop(key)
        del self._keys[gone.number]
        self._size -= gone.row.size
        index = self._indexes.get(key[0])
        if gone.entry.vector and index:
            index.remove([gone.number])
            if not len(index):
                del self._indexes[key[0]]
