"""What the embedded store costs: look-ups by size, inserts, memory, and reading the vectors after a start.

    python -m bench.cache                  # 1k, 10k and 100k entries in one partition, 100k in a thousand
    python -m bench.cache --million        # also a million in one partition: some minutes and 3 GB of disk
    python -m bench.cache --write          # also bench/results/cache.json

Every case is filled by one process and asked by a fresh one. Vectors are mixes of two embeddings of sentences
by the encoder that comes with the package, so that neighbourhoods are crowded as with real questions; random
ones would be too easy to tell apart.

- `near`      a query at cosine 0.80 to 0.97 from an entry: what a cache must find
- `far`       the embedding of a sentence that was never put: what should miss
- `recall`    how often the first one found is the nearest of all entries
- `search`    finding the five nearest and reading their features, without the hop to another thread
- `nearest`, `exact`    the same and a look-up by key, as the event loop sees them
- `cold`      the first search in a partition, read from the file for it; where there are many

Wall and CPU time are medians and upper deciles of single calls. Nothing here asserts a time.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from waypost.encoder.engine import Encoder
from waypost.encoder.settings import EncoderSettings
from waypost.stores.base import About, Entry, Floats
from waypost.stores.file import File
from waypost.stores.indexes import Indexes, Question
from waypost.stores.sqlite import SqliteSettings, SqliteStore
from waypost.train.synth import humanities, sciences, tasks

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "cache.json"
CASES = ((1_000, 1), (10_000, 1), (100_000, 1), (100_000, 1_000))
MILLION = (1_000_000, 1)
BASE = 1_000
"""Sentences of each kind that are embedded."""

QUERIES, FAR = 200, 50
AT_ONCE = 250
"""Writers at the same time, where the rate of inserting is measured."""

NOW = 1.8e9
PLENTY = 1 << 40
ANSWER = (
    b"The deposit is returned within fourteen days of the end of the contract, less what is owed for damage "
    b"beyond ordinary wear. Ask in writing, name the account it should go to, and keep a copy of the record "
    b"made when the keys were handed over; it decides in most disputes. If nothing has come by then, a "
    b"reminder with a last date helps, and after that the court for small claims, whose fee the other side "
    b"bears if you are right."
)


def embeddings(file: Path) -> None:
    """Embeddings of sentences, float32[n, d], and some more that are never put."""
    encoder = Encoder.open(EncoderSettings(device="cpu", threads=1))
    rows = [row.text for maker in (tasks, humanities, sciences) for row in maker.generate(1, BASE)]
    texts = list(dict.fromkeys(rows))
    order = np.random.default_rng(1).permutation(len(texts))
    np.save(file, np.stack([encoder.read(texts[place]).embedding for place in order]))


def blocks(base: Floats, count: int) -> Iterator[tuple[int, Floats]]:
    """The vectors of `count` entries in pieces, each with the number of its first."""
    for start in range(0, count, 10_000):
        rng = np.random.default_rng(start)
        size = min(10_000, count - start)
        first, second = rng.integers(0, len(base), (2, size))
        share = rng.uniform(0.3, 0.7, (size, 1)).astype(np.float32)
        yield start, unit(share * base[first] + (1 - share) * base[second])


def unit(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def beside(vector: Floats, other: Floats, cosine: float) -> Floats:
    """A direction at this cosine from `vector`, towards `other`."""
    rest = other - (other @ vector) * vector
    return (cosine * vector + np.sqrt(1 - cosine**2) * unit(rest)).astype(np.float32)


def partition_of(number: int, partitions: int) -> bytes:
    return b"partition %d" % (number % partitions)


def key_of(number: int) -> bytes:
    return b"%032d" % number


def settings(file: Path) -> SqliteSettings:
    return SqliteSettings(path=file, max_entries=10_000_000, max_bytes=PLENTY, memory_bytes=PLENTY)


def entry(number: int, vector: Floats, partitions: int) -> Entry:
    about = About(b"scope", b"", "gpt-4o", "semantic")
    keys = partition_of(number, partitions), key_of(number)
    return Entry(*keys, about, b"f" * 120, vector.astype("<f4").tobytes(), ANSWER, NOW, 4e9)


def neighbours(base: Floats, count: int) -> Floats:
    """Queries that lie beside entries."""
    rng = np.random.default_rng(7)
    wanted = rng.choice(count, min(QUERIES, count), replace=False)
    made: list[Floats] = []
    for start, vectors in blocks(base, count):
        for number in wanted[(wanted >= start) & (wanted < start + len(vectors))]:
            other = base[rng.integers(len(base))]
            made.append(beside(vectors[number - start], other, rng.uniform(0.80, 0.97)))
    return np.stack(made)


async def fill(folder: Path, count: int, partitions: int) -> dict[str, Any]:
    """Put every entry, and note what will be asked."""
    known: Floats = np.load(folder / "base.npy")
    base, unseen = known[FAR:], known[:FAR]
    store = settings(folder / "cache.db").open(folder)
    queries = np.concatenate([neighbours(base, count), unseen])
    best, found = np.full(len(queries), -2.0, np.float32), np.zeros(len(queries), np.int64)
    seconds = 0.0
    for start, vectors in blocks(base, count):
        cosines = vectors @ queries.T
        better = cosines.max(axis=0) > best
        found[better], best[better] = start + cosines.argmax(axis=0)[better], cosines.max(axis=0)[better]
        entries = [entry(start + place, vector, partitions) for place, vector in enumerate(vectors)]
        began = time.perf_counter()
        for some in range(0, len(entries), AT_ONCE):
            await asyncio.gather(*map(store.put, entries[some : some + AT_ONCE]))
        seconds += time.perf_counter() - began
    alone = await single_puts(store, base, partitions)
    stats = await store.stats()
    await store.close()
    near, far = slice(0, -FAR), slice(-FAR, None)
    kept = {"near": queries[near], "near_id": found[near], "far": queries[far], "far_id": found[far]}
    np.savez(folder / "queries.npz", **kept)
    return {
        "inserts_per_second": round(count / seconds),
        "insert_alone": alone,
        "file_bytes_per_entry": round(stats.file_bytes / stats.entries),
    }


async def single_puts(store: SqliteStore, base: Floats, partitions: int) -> dict[str, float]:
    """One writer that waits for each; into a partition that nobody asks."""
    times: list[float] = []
    for number in range(200):
        made = entry(10_000_000 + number, base[number], partitions)
        began = time.perf_counter()
        await store.put(
            Entry(b"alone", made.exact, made.about, made.features, made.vector, made.answer, NOW, 4e9)
        )
        times.append(time.perf_counter() - began)
    return figures(times)


def figures(seconds: Sequence[float]) -> dict[str, float]:
    """In milliseconds."""
    return {
        name: round(1e3 * float(np.quantile(seconds, at)), 3) for name, at in (("p50", 0.5), ("p90", 0.9))
    }


def resident() -> int:
    """Bytes of memory this process takes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def timed(calls: Sequence[Callable[[], Any]]) -> tuple[list[Any], dict[str, Any]]:
    """Answers, and what they took by wall and CPU."""
    answers: list[Any] = []
    wall: list[float] = []
    cpu: list[float] = []
    for call in calls:
        worked, began = time.thread_time(), time.perf_counter()
        answers.append(call())
        wall.append(time.perf_counter() - began)
        cpu.append(time.thread_time() - worked)
    return answers, {**figures(wall), "cpu": figures(cpu)}


def searches(folder: Path, partitions: int, asked: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """The searching thread's work, done here."""
    file = File.open(folder / "cache.db")
    indexes = Indexes(PLENTY)
    before = resident()
    with closing(file.connect()) as db:

        def call(partition: bytes, vector: Floats) -> list[bytes]:
            while (found := indexes.nearest(db, Question(partition, vector, 5, NOW))) is None:
                pass
            return [each.exact for each in found]

        places = [partition_of(number, partitions) for number in range(partitions)]
        began = time.perf_counter()
        _, cold = timed([partial(call, place, asked["near"][0]) for place in places])
        rebuilt = time.perf_counter() - began
        memory = resident() - before
        near = [
            partial(call, partition_of(n, partitions), v)
            for n, v in zip(asked["near_id"], asked["near"], strict=True)
        ]
        far = [
            partial(call, partition_of(n, partitions), v)
            for n, v in zip(asked["far_id"], asked["far"], strict=True)
        ]
        timed(near[:20])
        found, near_times = timed(near)
        found_far, far_times = timed(far)
    result = {
        "rebuild_seconds": round(rebuilt, 3),
        "index_bytes_per_entry": round(indexes.size / indexes.vectors),
        "resident_bytes_per_entry": round(memory / indexes.vectors),
        "search_near": near_times | {"recall_at_1": recall(found, asked["near_id"])},
        "search_far": far_times | {"recall_at_1": recall(found_far, asked["far_id"])},
    }
    file.close()
    return result | ({"cold": cold} if partitions > 1 else {})


def recall(found: Sequence[Sequence[bytes]], wanted: NDArray[Any]) -> float:
    hits = [bool(each) and each[0] == key_of(number) for each, number in zip(found, wanted, strict=True)]
    return round(float(np.mean(hits)), 3)


async def calls(folder: Path, partitions: int, asked: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """What the event loop sees."""
    store = settings(folder / "cache.db").open(folder)
    pairs = list(zip(asked["near_id"].tolist(), asked["near"], strict=True))
    result: dict[str, Any] = {}
    for name in ("warm-up", "nearest", "exact"):
        times: list[float] = []
        for number, vector in pairs:
            partition, began = partition_of(number, partitions), time.perf_counter()
            if name == "exact":
                await store.exact(partition, key_of(number))
            else:
                await store.nearest(partition, vector.tobytes(), 5)
            times.append(time.perf_counter() - began)
        result[name] = figures(times)
    await store.close()
    del result["warm-up"]
    return result


def ask(folder: Path, partitions: int) -> dict[str, Any]:
    with np.load(folder / "queries.npz") as kept:
        asked = dict(kept)
    found = searches(folder, partitions, asked)
    return found | asyncio.run(calls(folder, partitions, asked))


def case(folder: Path, count: int, partitions: int) -> dict[str, Any]:
    """One row, by two processes of its own."""
    row: dict[str, Any] = {"entries": count, "partitions": partitions}
    for step in ("fill", "ask"):
        command = [
            sys.executable,
            "-m",
            "bench.cache",
            "--step",
            step,
            str(folder),
            str(count),
            str(partitions),
        ]
        told = subprocess.run(command, cwd=HERE.parent, check=True, capture_output=True, text=True)
        row |= json.loads(told.stdout)
    for name in folder.glob("cache.db*"):
        name.unlink()
    return row | {"load_average": round(os.getloadavg()[0], 1)}


def table(rows: Sequence[dict[str, Any]]) -> str:
    head = "entries partitions search nearest exact far_r1 near_r1 inserts/s index_B rss_B rebuild_s"
    lines = [head.replace(" ", "\t")]
    for row in rows:
        cells = (
            row["entries"],
            row["partitions"],
            *(
                f"{row[name]['p50']:.3f}/{row[name]['p90']:.3f}"
                for name in ("search_near", "nearest", "exact")
            ),
            row["search_far"]["recall_at_1"],
            row["search_near"]["recall_at_1"],
            row["inserts_per_second"],
            row["index_bytes_per_entry"],
            row["resident_bytes_per_entry"],
            row["rebuild_seconds"],
        )
        lines.append("\t".join(map(str, cells)))
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return {
        "machine": f"{next(names, platform.machine())}, shared",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--million", action="store_true", help="also a million entries in one partition")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(HERE.parent)}")
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step, folder, count, partitions = options.step
        place, split = Path(folder), int(partitions)
        told = asyncio.run(fill(place, int(count), split)) if step == "fill" else ask(place, split)
        print(json.dumps(told))
        return
    with tempfile.TemporaryDirectory(prefix="waypost-bench-") as name:
        folder = Path(name)
        embeddings(folder / "base.npy")
        cases = (*CASES, *([MILLION] if options.million else []))
        rows = [case(folder, *each) for each in cases]
    print(table(rows))
    if options.write:
        RESULTS.write_text(json.dumps({"benchmark": "cache", **machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
