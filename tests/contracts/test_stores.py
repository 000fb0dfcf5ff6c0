"""What every store of answers must keep, wherever it keeps them; a further store is one line in `STORES`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.stores.base import About, Entry, Extent, Failure, Filter, Limits, Store, StoreError
from waypost.stores.memory import MemorySettings
from waypost.stores.sqlite import SqliteSettings

WIDTH = 32
NOW = 1_800_000_000.0
MEBIBYTE = 1024 * 1024


@dataclass(slots=True)
class World:
    """What a store stands in: time that a test moves, and failures it hears of."""

    now: float = NOW
    failures: list[Failure] = field(default_factory=list[Failure])

    def clock(self) -> float:
        return self.now


Opener = Callable[[Limits, Path, World], Store]


def in_memory(limits: Limits, folder: Path, world: World) -> Store:
    return MemorySettings(**fields(limits)).open(world.clock, world.failures.append)


def on_disk(limits: Limits, folder: Path, world: World) -> Store:
    return SqliteSettings(**fields(limits)).open(folder, world.clock, world.failures.append)


STORES: dict[str, Opener] = {"memory": in_memory, "sqlite": on_disk}

Script = Callable[[Store, World], Awaitable[None]]
Run = Callable[..., None]


def fields(limits: Limits) -> dict[str, Any]:
    return {"max_entries": limits.max_entries, "max_bytes": limits.max_bytes, "eviction": limits.eviction}


@asynccontextmanager
async def opened(kind: str, limits: Limits, folder: Path) -> AsyncIterator[tuple[Store, World]]:
    world = World()
    store = STORES[kind](limits, folder, world)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        yield store, world


@pytest.fixture(params=sorted(STORES))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def run(kind: str, tmp_path: Path) -> Run:
    """Run a script against a fresh store."""

    def start(script: Script, limits: Limits | None = None) -> None:
        async def main() -> None:
            async with opened(kind, limits or Limits(max_entries=1000), tmp_path) as (store, world):
                await script(store, world)

        asyncio.run(main())

    return start


def vector(seed: int, near: int | None = None, share: float = 0.0) -> bytes:
    """A direction of its own, or one at cosine `share` from that of `near`."""
    own = np.random.default_rng(seed).standard_normal(WIDTH)
    if near is not None:
        other = np.frombuffer(vector(near), "<f4").astype(np.float64)
        own -= (own @ other) * other
        own = share * other + np.sqrt(1 - share**2) * own / np.linalg.norm(own)
    return (own / np.linalg.norm(own)).astype("<f4").tobytes()


def entry(number: int, partition: str = "p", **changed: Any) -> Entry:
    made = Entry(
        partition.encode(),
        f"key {number}".encode(),
        About(b"scope", b"text", "gpt", "rule"),
        f"features {number}".encode(),
        vector(number),
        f"answer {number}".encode() * 40,
        NOW,
        NOW + 60,
    )
    return replace(made, **changed)


async def keys(store: Store, partition: str = "p", count: int = 1000) -> set[bytes]:
    return {row.exact for row in await store.browse(Filter(partition=partition.encode()), count)}


def test_what_was_put_is_found_by_its_key(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        put = entry(1)
        await store.put(put)
        found = await store.exact(b"p", put.exact)
        assert found
        assert found.answer == put.answer
        assert found.row.about == put.about
        assert (found.row.created, found.row.expires, found.row.hits) == (NOW, NOW + 60, 0)
        assert await store.exact(b"p", b"another key") is None
        assert await store.exact(b"q", put.exact) is None

    run(script)


@pytest.mark.parametrize("answer", [b"", b"x", bytes(range(256)) * 40, b"a" * 3 * MEBIBYTE])
def test_an_answer_comes_back_byte_for_byte(run: Run, answer: bytes) -> None:
    async def script(store: Store, world: World) -> None:
        await store.put(entry(1, answer=answer))
        found = await store.exact(b"p", b"key 1")
        assert found
        assert found.answer == answer

    run(script)


def test_neighbours_come_best_first_with_their_cosine(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        for number, share in ((1, 0.5), (2, 0.95), (3, -0.5), (4, 0.8)):
            await store.put(entry(number, vector=vector(number, 9, share)))
        found = await store.nearest(b"p", vector(9), 3)
        assert [each.exact for each in found] == [b"key 2", b"key 4", b"key 1"]
        assert [each.cosine for each in found] == pytest.approx([0.95, 0.8, 0.5], abs=1e-3)
        assert found[0].features == b"features 2"
        assert len(await store.nearest(b"p", vector(9), 10)) == 4
        assert not await store.nearest(b"p", vector(9), 0)

    run(script)


def test_an_entry_without_a_vector_is_found_by_its_key_alone(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        await store.put(entry(1, vector=b""))
        assert await store.exact(b"p", b"key 1")
        assert not await store.nearest(b"p", vector(1), 5)

    run(script)


def test_an_entry_put_after_a_search_is_found_by_the_next(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        assert not await store.nearest(b"p", vector(1), 5)
        await store.put(entry(1))
        assert [each.exact for each in await store.nearest(b"p", vector(1), 5)] == [b"key 1"]

    run(script)


def test_a_later_entry_replaces_the_one_with_its_key(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        await store.put(entry(1))
        assert await store.nearest(b"p", vector(1), 5)
        await store.put(entry(1, answer=b"new", vector=vector(2)))
        found = await store.exact(b"p", b"key 1")
        assert found
        assert found.answer == b"new"
        near = await store.nearest(b"p", vector(2), 5)
        assert [(each.exact, round(each.cosine, 2)) for each in near] == [(b"key 1", 1.0)]
        assert (await store.stats()).entries == 1

    run(script)


def test_of_answers_put_at_once_under_one_key_one_is_kept(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        await asyncio.gather(*(store.put(entry(1, answer=b"%d" % number)) for number in range(9)))
        found = await store.exact(b"p", b"key 1")
        assert found
        assert found.answer == b"8"
        assert (await store.stats()).entries == 1
        assert len(await store.nearest(b"p", vector(1), 9)) == 1

    run(script)


def test_what_has_expired_is_not_found(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        for number in range(30):
            await store.put(entry(number, expires=NOW + 10, vector=vector(number, 99, 0.99)))
        await store.put(entry(40, vector=vector(40, 99, 0.9)))
        world.now = NOW + 10
        assert await store.exact(b"p", b"key 0") is None
        assert [each.exact for each in await store.nearest(b"p", vector(99), 5)] == [b"key 40"]
        world.now = NOW + 60
        assert not await store.nearest(b"p", vector(99), 5)

    run(script)


def test_uses_are_counted(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        await store.put(entry(1))
        for _ in range(3):
            world.now += 1
            await store.exact(b"p", b"key 1")
        await store.put(entry(2))  # stores may write uses down with the next entry
        (row,) = [row for row in await store.browse(Filter(), 9) if row.exact == b"key 1"]
        assert (row.hits, row.used) == (3, NOW + 3)

    run(script)


@pytest.mark.parametrize(
    ("eviction", "stays"), [("lru", {0, 2, 3, 9}), ("lfu", {0, 2, 3, 9}), ("fifo", {1, 2, 3, 9})]
)
def test_what_goes_first_is_what_the_policy_says(run: Run, eviction: Any, stays: set[int]) -> None:
    async def script(store: Store, world: World) -> None:
        for number in range(4):
            await store.put(entry(number, created=NOW + number))
        for number in (3, 2, 0):
            world.now += 10
            await store.exact(b"p", f"key {number}".encode())
        await store.put(entry(9, created=world.now, expires=world.now + 60))
        assert await keys(store) == {f"key {number}".encode() for number in stays}
        assert not {each.exact for each in await store.nearest(b"p", vector(1), 9)} - await keys(store)
        assert (await store.stats()).evicted == 1

    run(script, Limits(max_entries=4, eviction=eviction))


def test_what_has_expired_goes_before_anything_else(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        await store.put(entry(1))
        await store.put(entry(2, expires=NOW + 1))
        world.now = NOW + 2
        await store.put(entry(3))
        assert await keys(store) == {b"key 1", b"key 3"}
        stats = await store.stats()
        assert (stats.evicted, stats.expired) == (0, 1)

    run(script, Limits(max_entries=2))


def test_bytes_are_limited(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        noise = np.random.default_rng(1).bytes
        for number in range(12):
            await store.put(entry(number, answer=noise(MEBIBYTE)))
            stats = await store.stats()
            assert stats.size <= 8 * MEBIBYTE
        assert stats.entries == 7
        assert await keys(store) == {f"key {number}".encode() for number in range(5, 12)}

    run(script, Limits(max_bytes=8 * MEBIBYTE))


@pytest.mark.parametrize(
    ("which", "gone"),
    [
        (Filter(), {0, 1, 2, 3, 4, 5}),
        (Filter(partition=b"p"), {0, 1, 2}),
        (Filter(partition=b"p", exact=b"key 1"), {1}),
        (Filter(exact=b"key 4"), {4}),
        (Filter(scope=b"scope 5"), {5}),
        (Filter(text=b"text 0"), {0}),
        (Filter(model="claude"), {1, 4}),
        (Filter(model="claude", partition=b"q"), {4}),
        (Filter(rule="other"), {2}),
        (Filter(before=NOW + 2), {0, 1}),
        (Filter(before=NOW), set[int]()),
        (Filter(partition=b"r"), set[int]()),
        (Filter(model=""), set[int]()),
    ],
)
def test_a_filter_removes_what_it_meets_and_a_dry_run_nothing(
    run: Run, which: Filter, gone: set[int]
) -> None:
    async def script(store: Store, world: World) -> None:
        for number in range(6):
            about = About(
                b"scope %d" % number,
                b"text %d" % number,
                "claude" if number in {1, 4} else "gpt",
                "other" if number == 2 else "rule",
            )
            await store.put(entry(number, "p" if number < 3 else "q", about=about, created=NOW + number))
        before = await store.stats()
        would = await store.invalidate(which, dry_run=True)
        assert would.entries == len(gone)
        assert (await store.stats()).entries == 6
        assert await store.invalidate(which) == would
        after = await store.stats()
        assert (after.entries, after.size) == (6 - len(gone), before.size - would.size)
        assert await keys(store) | await keys(store, "q") == {b"key %d" % n for n in {*range(6)} - gone}
        for number in gone:
            partition = b"p" if number < 3 else b"q"
            near = await store.nearest(partition, vector(number), 9)
            assert b"key %d" % number not in {each.exact for each in near}
        assert await store.invalidate(which) == Extent()

    run(script)


def test_many_entries_are_removed_whole(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        for start in (0, 600):
            puts = (store.put(entry(number, parity(number))) for number in range(start, start + 600))
            await asyncio.gather(*puts)
        assert (await store.invalidate(Filter(model="gpt"), dry_run=True)).entries == 1200
        assert (await store.invalidate(Filter(partition=b"even"))).entries == 600
        assert (await store.invalidate(Filter(model="gpt"))).entries == 600
        assert (await store.stats()).entries == 0

    def parity(number: int) -> str:
        return "odd" if number % 2 else "even"

    run(script, Limits(max_entries=2000))


def test_rows_are_browsed_the_latest_first(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        for number in range(5):
            await store.put(entry(number, "p" if number % 2 else "q"))
        assert [row.exact for row in await store.browse(Filter(), 3)] == [b"key 4", b"key 3", b"key 2"]
        assert [row.exact for row in await store.browse(Filter(partition=b"p"), 9)] == [b"key 3", b"key 1"]
        assert not await store.browse(Filter(), 0)

    run(script)


def test_stats_count(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        for number in range(3):
            await store.put(entry(number, f"p{number % 2}"))
        await store.nearest(b"p0", vector(0), 1)
        await store.nearest(b"p1", vector(0), 1)
        stats = await store.stats()
        assert (stats.entries, stats.partitions, stats.indexed) == (3, 2, 3)
        assert stats.size > 0
        assert stats.index_bytes > 0

    run(script)


@pytest.mark.parametrize(
    "wrong",
    [
        {"partition": b""},
        {"exact": b"k" * 65},
        {"answer": b"a" * (4 * MEBIBYTE + 1)},
        {"vector": b"\0" * 4 * WIDTH},
        {"vector": b"abc"},
        {"vector": np.full(WIDTH, np.nan, "<f4").tobytes()},
        {"vector": np.full(WIDTH, np.inf, "<f4").tobytes()},
        {"expires": NOW - 1},
        {"expires": float("nan")},
        {"expires": float("inf")},
        {"created": float("-inf")},
    ],
    ids=str,
)
def test_what_cannot_be_an_entry_is_refused(run: Run, wrong: dict[str, Any]) -> None:
    async def script(store: Store, world: World) -> None:
        with pytest.raises(StoreError) as refused:
            await store.put(replace(entry(1), **wrong))
        assert refused.value.kind == "invalid"
        assert (await store.stats()).entries == 0

    run(script)


@pytest.mark.parametrize("wrong", [b"", b"abc", b"\0" * 4 * WIDTH, np.ones(5000, "<f4").tobytes()])
def test_a_vector_that_is_none_is_refused(run: Run, wrong: bytes) -> None:
    async def script(store: Store, world: World) -> None:
        with pytest.raises(StoreError):
            await store.nearest(b"p", wrong, 5)

    run(script)


def test_a_vector_of_another_length_finds_nothing_and_spoils_nothing(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        longer = np.zeros(2 * WIDTH, "<f4")
        longer[0] = 1
        await store.put(entry(1))
        assert not await store.nearest(b"p", longer.tobytes(), 5)
        await store.put(entry(2, vector=longer.tobytes()))
        assert [each.exact for each in await store.nearest(b"p", vector(1), 5)] == [b"key 1"]
        await store.invalidate(Filter())
        assert not await store.nearest(b"p", vector(1), 5)

    run(script)


def test_a_closed_store_says_so(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        await store.close()
        await store.close()
        for call in (
            store.exact(b"p", b"k"),
            store.nearest(b"p", vector(1), 5),
            store.put(entry(1)),
            store.invalidate(Filter()),
            store.browse(Filter(), 1),
            store.stats(),
        ):
            with pytest.raises(StoreError) as closed:
                await call
            assert closed.value.kind == "closed"

    run(script)


def test_calls_may_be_cancelled_at_any_moment(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        for number in range(40):
            calls: Sequence[asyncio.Future[Any]] = [
                asyncio.ensure_future(store.put(entry(number))),
                asyncio.ensure_future(store.nearest(b"p", vector(number), 3)),
                asyncio.ensure_future(store.exact(b"p", b"key %d" % number)),
            ]
            for _ in range(number % 5):
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        await store.put(entry(100))
        assert await store.exact(b"p", b"key 100")
        kept = await keys(store)
        assert (await store.stats()).entries == len(kept)
        for key in kept:
            assert await store.exact(b"p", key)

    run(script)


def test_concurrent_writers_and_readers_agree(run: Run) -> None:
    async def script(store: Store, world: World) -> None:
        async def one(number: int) -> None:
            partition = f"p{number % 7}"
            await store.put(entry(number, partition))
            found = await store.exact(partition.encode(), b"key %d" % number)
            assert found
            near = await store.nearest(partition.encode(), vector(number), 1)
            assert near[0].exact == b"key %d" % number

        await asyncio.gather(*(one(number) for number in range(200)))
        assert (await store.stats()).entries == 200

    run(script)


@settings(max_examples=25)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "put", "drop", "wait"]), st.integers(0, 3), st.integers(0, 5)),
        max_size=30,
    )
)
@pytest.mark.parametrize("store_kind", sorted(STORES))
def test_a_store_is_a_mapping_with_walls(
    store_kind: str, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """What is found is what was put last under that key, in that partition, and still holds."""

    async def main() -> None:
        folder, model = tmp_path_factory.mktemp("store"), dict[tuple[str, int], Entry]()
        async with opened(store_kind, Limits(), folder) as (store, world):
            for count, (what, place, number) in enumerate(steps):
                partition = f"p{place}"
                if what == "put":
                    put = entry(
                        number, partition, answer=b"%d" % count, created=world.now, expires=world.now + 5
                    )
                    await store.put(put)
                    model[partition, number] = put
                elif what == "drop":
                    await store.invalidate(Filter(partition=partition.encode(), exact=b"key %d" % number))
                    model.pop((partition, number), None)
                else:
                    world.now += number
                await agrees(store, partition, {k: v for k, v in model.items() if v.expires > world.now})

    async def agrees(store: Store, partition: str, model: dict[tuple[str, int], Entry]) -> None:
        mine = {number: put for (where, number), put in model.items() if where == partition}
        for number in range(6):
            found = await store.exact(partition.encode(), b"key %d" % number)
            assert (found and found.answer) == (mine[number].answer if number in mine else None)
        near = await store.nearest(partition.encode(), vector(0), 10)
        assert {each.exact for each in near} == {put.exact for put in mine.values()}

    asyncio.run(main())
