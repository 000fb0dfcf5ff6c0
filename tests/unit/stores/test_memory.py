"""What the store in memory adds to the contract (tests/contracts/test_stores.py): its own bounds."""

import asyncio

import numpy as np
import pytest
from pydantic import ValidationError

from waypost.configurable import build, schema
from waypost.stores.base import About, Entry, Filter
from waypost.stores.memory import MemorySettings, MemoryStore

VECTOR = np.eye(8, dtype="<f4")[0].tobytes()


class Clock:
    now = 10.0

    def __call__(self) -> float:
        return self.now


def entry(number: int, partition: bytes = b"p", expires: float = 100.0) -> Entry:
    return Entry(partition, b"%d" % number, About(), b"", VECTOR, b"answer", 1.0, expires)


def test_settings_are_checked_and_described() -> None:
    assert build(MemorySettings, {}).max_entries == 10_000
    with pytest.raises(ValidationError, match="use the store on disk for more"):
        build(MemorySettings, {"max_entries": 100_001})
    with pytest.raises(ValidationError):
        build(MemorySettings, {"max_entries": 0})
    assert all(row["description"] for row in schema(MemorySettings)["properties"].values())


@pytest.mark.parametrize("eviction", ["lru", "lfu", "fifo"])
def test_what_is_remembered_of_uses_is_bounded(eviction: str) -> None:
    async def script() -> None:
        store = build(MemorySettings, {"max_entries": 10, "eviction": eviction}).open(Clock())
        for number in range(1000):
            await store.put(entry(number))
            await store.exact(b"p", b"%d" % number)
            for _ in range(3):
                await store.exact(b"p", b"%d" % (number - 2))
        assert len(store._kept) == 10
        assert len(store._ranks) <= 2 * 10 + 65

    asyncio.run(script())


def test_a_partition_without_entries_takes_nothing() -> None:
    async def script() -> None:
        clock = Clock()
        store = MemorySettings().open(clock)
        for number in range(50):
            await store.put(entry(number, b"%d" % number, expires=20.0 if number % 2 else 100.0))
        clock.now = 20.0
        assert (await store.stats()).expired == 25
        assert len(store._indexes) == 25
        await store.invalidate(Filter())
        assert _left(store) == [0, 0, 0]

    asyncio.run(script())


def _left(store: MemoryStore) -> list[int]:
    return [len(store._kept), len(store._keys), len(store._indexes)]
