"""The nearest vectors of one partition: exact while it is small, bit codes with rescoring when it is large.

A small index is one float32 matrix and one product, 4 bytes a dimension and 8 for the id: 1,544 bytes an
entry at 384 dimensions. A large one compares signs, one bit a dimension, and computes the cosine of the best
alone, from half precision: 824 bytes. Nothing is ever built anew; a removed row is replaced by the last one.

Not for use by several threads.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from waypost.stores.base import Floats

Halves = NDArray[np.float16]
Ids = NDArray[np.int64]
Rows = NDArray[np.intp]
Codes = NDArray[np.uint64]

SMALL: Final = 4096
"""Most rows that are compared in full. Beyond, codes take as little time, and BLAS would share the product
out among threads and wait for them where cores are busy: 8 ms for 10,000 rows, not 0.4."""

RESCORED: Final = 128
"""How many of the nearest codes are compared in full."""

BLOCK: Final = 1 << 15
"""Rows of a large index that are compared at once: what lies in between stays in the processor's cache."""

_FIRST: Final = 8
"""Rows there is room for at first: most partitions stay tiny."""


class Near(NamedTuple):
    """A neighbour."""

    id: int
    cosine: float


class Index:
    """Vectors of one length, found by direction.

    Attributes:
        width: how many numbers a vector has.
    """

    __slots__ = ("_rows", "width")

    def __init__(self, width: int) -> None:
        self.width = width
        self._rows: _Full | _Coded = _Full(width)

    def __len__(self) -> int:
        return self._rows.count

    @property
    def size(self) -> int:
        """Bytes of memory that the rows take, room for more included."""
        return self._rows.size

    def add(self, ids: Ids, vectors: Floats | Halves) -> None:
        """Take in vectors, float[n, width] of unit length; an id that is here already is not looked for."""
        if isinstance(self._rows, _Full) and len(self) + len(ids) > SMALL:
            self._rows = _coded(self._rows)
        self._rows.add(ids, vectors)

    def remove(self, ids: Sequence[int]) -> None:
        """Forget vectors; unknown ids are passed over."""
        for row in reversed(self._rows.find(np.asarray(ids, np.int64)).tolist()):
            self._rows.drop(row)
        self._rows.shrink()

    def nearest(self, vector: Floats, count: int) -> list[Near]:
        """The nearest, best first, at most `count`; none for a vector of another length."""
        count = min(count, len(self))
        if count < 1 or len(vector) != self.width:
            return []
        ids, cosines = self._rows.scores(vector, count)
        best = np.argpartition(cosines, -count)[-count:]
        best = best[np.argsort(-cosines[best], kind="stable")]
        limited = np.clip(cosines[best], -1.0, 1.0)
        return [Near(each, cosine) for each, cosine in zip(ids[best].tolist(), limited.tolist(), strict=True)]


class _Full:
    """A matrix that is compared whole."""

    __slots__ = ("_ids", "_vectors", "count")

    def __init__(self, width: int) -> None:
        self.count = 0
        self._ids: Ids = np.empty(_FIRST, np.int64)
        self._vectors: Floats = np.empty((_FIRST, width), np.float32)

    @property
    def size(self) -> int:
        return self._ids.nbytes + self._vectors.nbytes

    @property
    def ids(self) -> Ids:
        return self._ids[: self.count]

    @property
    def vectors(self) -> Floats:
        return self._vectors[: self.count]

    def add(self, ids: Ids, vectors: Floats | Halves) -> None:
        end = self.count + len(ids)
        if end > len(self._ids):
            self._resize(max(end, 2 * len(self._ids)))
        self._ids[self.count : end] = ids
        self._vectors[self.count : end] = vectors
        self.count = end

    def find(self, ids: Ids) -> Rows:
        return np.flatnonzero(np.isin(self.ids, ids))

    def drop(self, row: int) -> None:
        self.count -= 1
        self._ids[row] = self._ids[self.count]
        self._vectors[row] = self._vectors[self.count]

    def shrink(self) -> None:
        if len(self._ids) > _FIRST and 4 * self.count < len(self._ids):
            self._resize(max(_FIRST, 2 * self.count))

    def scores(self, vector: Floats, count: int) -> tuple[Ids, Floats]:
        return self.ids, self.vectors @ vector

    def _resize(self, room: int) -> None:
        ids, vectors = np.empty(room, np.int64), np.empty((room, self._vectors.shape[1]), np.float32)
        ids[: self.count], vectors[: self.count] = self.ids, self.vectors
        self._ids, self._vectors = ids, vectors


class _Block(NamedTuple):
    """Room for `BLOCK` rows; memory that was never written is not taken from the machine."""

    ids: Ids
    codes: Codes
    """uint64[width / 64, BLOCK], so that one word of all rows lies together."""
    vectors: Halves


class _Coded:
    """Rows in blocks, compared by their signs first."""

    __slots__ = ("_blocks", "_counted", "_distance", "_met", "_width", "count")

    def __init__(self, width: int) -> None:
        self.count = 0
        self._width = width
        self._blocks: list[_Block] = []
        self._met = np.empty(BLOCK, np.uint64)
        self._counted = np.empty(BLOCK, np.uint8)
        self._distance = np.empty(BLOCK, np.uint16)

    @property
    def size(self) -> int:
        return self.count * (8 + 8 * _words(self._width) + 2 * self._width)

    def add(self, ids: Ids, vectors: Floats | Halves) -> None:
        codes, done = _codes(vectors), 0
        while done < len(ids):
            place = self.count % BLOCK
            if not place:
                self._blocks.append(self._room())
            block = self._blocks[-1]
            some = slice(done, done + BLOCK - place)
            here = slice(place, place + len(ids[some]))
            block.ids[here], block.codes[:, here], block.vectors[here] = (
                ids[some],
                codes[some].T,
                vectors[some],
            )
            done += here.stop - here.start
            self.count += here.stop - here.start

    def find(self, ids: Ids) -> Rows:
        found = [
            np.flatnonzero(np.isin(block.ids[:filled], ids)) + start
            for block, start, filled in self._filled()
        ]
        return np.concatenate([*found, np.empty(0, np.intp)])

    def drop(self, row: int) -> None:
        self.count -= 1
        to, at = self._blocks[row // BLOCK], row % BLOCK
        last, end = self._blocks[-1], self.count % BLOCK
        to.ids[at], to.codes[:, at], to.vectors[at] = last.ids[end], last.codes[:, end], last.vectors[end]
        if not end:
            self._blocks.pop()

    def shrink(self) -> None:
        """A block goes with its last row."""

    def scores(self, vector: Floats, count: int) -> tuple[Ids, Floats]:
        rows = self._likely(_codes(vector[np.newaxis])[0], max(RESCORED, 4 * count))
        ids, cosines = np.empty(len(rows), np.int64), np.empty(len(rows), np.float32)
        numbers, places = rows // BLOCK, rows % BLOCK
        touched: set[int] = set(numbers.tolist())
        for number in touched:
            here, block = numbers == number, self._blocks[number]
            ids[here] = block.ids[places[here]]
            cosines[here] = block.vectors[places[here]].astype(np.float32) @ vector
        return ids, cosines

    def _likely(self, code: Codes, wanted: int) -> Rows:
        """Rows whose codes are nearest, about `wanted`; among equals whichever comes first."""
        rows, distances, limit = np.empty(0, np.intp), np.empty(0, np.uint16), 64 * len(code) + 1
        for block, start, filled in self._filled():
            distance = self._distances(block, code, filled)
            nearer = np.flatnonzero(distance < limit)
            if not len(nearer):
                continue
            rows = np.concatenate((rows, nearer + start))
            distances = np.concatenate((distances, distance[nearer]))
            if len(rows) > wanted:
                best = np.argpartition(distances, wanted - 1)[:wanted]
                rows, distances = rows[best], distances[best]
                limit = int(distances.max())
        return rows

    def _distances(self, block: _Block, code: Codes, filled: int) -> NDArray[np.uint16]:
        """How many signs differ, in an array that the next call writes over."""
        met, counted, distance = self._met[:filled], self._counted[:filled], self._distance[:filled]
        distance[:] = 0
        for word, bits in zip(block.codes, code, strict=True):
            np.bitwise_xor(word[:filled], bits, out=met)
            np.bitwise_count(met, out=counted)
            np.add(distance, counted, out=distance)
        return distance

    def _filled(self) -> list[tuple[_Block, int, int]]:
        """Blocks, the row each begins with, and how many rows it holds."""
        starts = range(0, self.count, BLOCK)
        return [
            (block, start, min(BLOCK, self.count - start))
            for block, start in zip(self._blocks, starts, strict=True)
        ]

    def _room(self) -> _Block:
        return _Block(
            np.empty(BLOCK, np.int64),
            np.empty((_words(self._width), BLOCK), np.uint64),
            np.empty((BLOCK, self._width), np.float16),
        )


def _coded(rows: _Full) -> _Coded:
    made = _Coded(rows.vectors.shape[1])
    made.add(rows.ids, rows.vectors)
    return made


def _words(width: int) -> int:
    return -(-width // 64)


def _codes(vectors: Floats | Halves) -> Codes:
    """Signs, uint64[n, words]; bits beyond the width are 0."""
    count, width = vectors.shape
    bits = np.zeros((count, 8 * _words(width)), np.uint8)
    bits[:, : -(-width // 8)] = np.packbits(vectors > 0, axis=1)
    return bits.view(np.uint64)
