"""What a store of answers is: the values it takes and gives, and what every one of them must keep.

Rule 1: a partition is a wall. Nothing that a store gives back for one partition was put into another.
Rule 2: whatever fails is a `StoreError`, which the caller turns into a miss.
Rule 3: text, answers and keys never stand in a message.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from waypost.configurable import configurable
from waypost.errors import EngineError

Floats = NDArray[np.float32]

Clock = Callable[[], float]
"""Wall time, in seconds since 1970."""

Eviction = Literal["lru", "lfu", "fifo"]

Failure = Literal["busy", "closed", "damaged", "failed", "full", "invalid", "overloaded"]
"""Why a store could not do what it was asked; the label of a metric.

`busy`: another process wrote for too long; `full`: no room on the disk; `overloaded`: too much waits to be
written; `invalid`: the entry or the vector cannot be one.
"""

OnFailure = Callable[[Failure], None]
"""Told of every failure of the engine once, also where nobody waits; not of what was wrongly asked."""

ENTRY_BYTES: Final = 4 * 1024 * 1024
"""Most that the answer and the features of one entry may take together."""

OVERHEAD: Final = 512
"""Bytes an entry takes beside its answer, features and vector: keys, times, indexes; rounded up."""

_WIDEST: Final = 4096
"""Most numbers in a vector."""

_UNIT: Final = 1e-2
"""How far the length of a vector may be from 1."""


class StoreError(EngineError):
    """A store could not answer; the caller goes on as if there were nothing.

    Attributes:
        kind: one word for it.
    """

    def __init__(self, kind: Failure, message: str) -> None:
        self.kind: Failure = kind
        super().__init__(message)


def wall() -> float:
    """The wall clock."""
    return datetime.now(UTC).timestamp()


def ignore(kind: Failure) -> None:
    """Tell nobody of a failure."""


@dataclass(frozen=True, slots=True)
class About:
    """What an operator may find entries by; digests where it would say who asked what.

    Attributes:
        scope: keyed digest of whom the entry belongs to, so that all of it can be erased.
        text: keyed digest of the question.
        model: that answered.
        rule: that decided.
    """

    scope: bytes = b""
    text: bytes = b""
    model: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer, and under which conditions it is one.

    Attributes:
        partition: digest of everything that shapes an answer, but for the last question; 1 to 64 bytes.
        exact: digest of the whole request; 1 to 64 bytes. A later entry with the same two replaces this one.
        features: what the verifier wants to know of the question; opaque here.
        vector: float32[d], little-endian, unit length; empty = found by its exact key alone.
        answer: opaque here.
        created: seconds since 1970.
        expires: seconds since 1970; from then on it is not found.
    """

    partition: bytes
    exact: bytes
    about: About
    features: bytes
    vector: bytes
    answer: bytes
    created: float
    expires: float


@dataclass(frozen=True, slots=True)
class Row:
    """An entry without what it says.

    Attributes:
        used: seconds since 1970 when it was last given out, or else put in; may lag by a minute.
        hits: how often it was given out; may lag by a minute.
        size: bytes that count towards the limit.
    """

    partition: bytes
    exact: bytes
    about: About
    created: float
    expires: float
    used: float
    hits: int
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """An answer that was kept."""

    row: Row
    answer: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A neighbour; its answer is asked for by its exact key, once it has been verified.

    Attributes:
        cosine: in [-1, 1], off by less than 0.001 since vectors are kept in half precision.
        features: as they were put in.
    """

    exact: bytes
    cosine: float
    features: bytes


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are meant: those on which everything holds that is not None; `Filter()` means all.

    Attributes:
        before: created earlier than this, in seconds since 1970.
    """

    partition: bytes | None = None
    exact: bytes | None = None
    scope: bytes | None = None
    text: bytes | None = None
    model: str | None = None
    rule: str | None = None
    before: float | None = None

    def matches(self, row: Row) -> bool:
        """Whether `row` is one of those meant."""
        wanted = (self.partition, self.exact, self.scope, self.text, self.model, self.rule)
        about = row.about
        given = (row.partition, row.exact, about.scope, about.text, about.model, about.rule)
        return (self.before is None or row.created < self.before) and all(
            want is None or want == have for want, have in zip(wanted, given, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a filter meets.

    Attributes:
        size: bytes that no longer count towards the limit.
    """

    entries: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """How full a store is. Expired entries count until they are swept.

    Attributes:
        size: bytes that count towards the limit.
        file_bytes: on disk; 0 = nothing is on disk here.
        indexed: vectors in memory in this process.
        index_bytes: memory they take.
        evicted: entries that this process removed to make room, since it started.
        expired: entries that this process swept.
    """

    entries: int
    size: int
    partitions: int
    file_bytes: int
    indexed: int
    index_bytes: int
    evicted: int
    expired: int


class Store(Protocol):
    """A place where answers are kept.

    A caller with a deadline wraps a call in `asyncio.timeout`: any of them may be cancelled at any time, and
    what was begun is then finished or undone, never left half done. All but `close` raise `StoreError`.
    """

    async def exact(self, partition: bytes, key: bytes) -> Found | None:
        """The answer under this key, which counts as used; None = there is none that still holds."""
        ...

    async def nearest(self, partition: bytes, vector: bytes, count: int) -> Sequence[Candidate]:
        """The nearest entries of one partition, best first, at most `count`; `vector` as in `Entry`."""
        ...

    async def put(self, entry: Entry) -> None:
        """Keep an entry; on return it survives the end of this process, if the store is one that does."""
        ...

    async def invalidate(self, which: Filter, *, dry_run: bool = False) -> Extent:
        """Remove every entry put before the call that `which` meets, or only say how many those are."""
        ...

    async def browse(self, which: Filter, limit: int) -> Sequence[Row]:
        """Entries that `which` meets, the latest first."""
        ...

    async def stats(self) -> Stats:
        """How full it is."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go; the store cannot be used again."""
        ...


@configurable
class Limits:
    """How much a store keeps, and what goes when there is no more room."""

    max_entries: int = 100_000
    """How many answers are kept; beyond it the policy `eviction` decides what goes."""

    max_bytes: int = 1024 * 1024 * 1024
    """How many bytes they may take, as they are stored; files are somewhat larger."""

    eviction: Eviction = "lru"
    """What goes first when there is no more room, after what has expired: `lru` the longest unused, `lfu` the
    least often used, `fifo` the oldest."""

    def __post_init__(self) -> None:
        if self.max_entries < 1:
            raise ValueError("max_entries must be at least 1")
        if self.max_bytes < 2 * ENTRY_BYTES:
            raise ValueError(f"max_bytes must be at least {2 * ENTRY_BYTES}")


def unit(vector: bytes) -> Floats:
    """The numbers of a vector.

    Raises:
        StoreError: it is empty, too long, not made of finite numbers or not of unit length.
    """
    if not 0 < len(vector) <= 4 * _WIDEST or len(vector) % 4:
        raise StoreError("invalid", f"a vector of {len(vector)} bytes is none of float32")
    read = np.frombuffer(vector, "<f4").astype(np.float32, copy=False)
    length = float(read @ read)
    if not abs(length - 1.0) <= _UNIT:  # a NaN is not near 1 either
        raise StoreError("invalid", "a vector to keep or to look for must be of unit length")
    return read


def check(entry: Entry) -> None:
    """See that an entry can be one.

    Raises:
        StoreError: it cannot; what is wrong with it.
    """
    if not all(0 < len(key) <= 64 for key in (entry.partition, entry.exact)):  # noqa: PLR2004 - named below
        raise StoreError("invalid", "keys of an entry must have 1 to 64 bytes")
    if len(entry.answer) + len(entry.features) > ENTRY_BYTES:
        raise StoreError("invalid", f"an entry of more than {ENTRY_BYTES} bytes is not kept")
    if not 0 <= entry.created <= entry.expires < float("inf"):
        raise StoreError("invalid", "an entry must be created before it expires")
    if entry.vector:
        unit(entry.vector)
