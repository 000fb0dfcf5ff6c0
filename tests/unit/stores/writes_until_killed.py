"""A process that keeps answers and says of each that it is kept, until it is killed: `FILE NAME`."""

import asyncio
import os
import sys
from pathlib import Path

import numpy as np

from waypost.stores.base import About, Entry, Limits
from waypost.stores.sqlite import SqliteSettings


async def main(path: Path, name: str) -> None:
    limits = Limits(max_entries=1_000_000)
    store = SqliteSettings(path=path, max_entries=limits.max_entries).open(path.parent)
    rng = np.random.default_rng(1)

    async def one(writer: int) -> None:
        number = 0
        while True:
            key = f"{name} {writer} {number}".encode()
            vector = rng.standard_normal(32)
            unit = (vector / np.linalg.norm(vector)).astype("<f4").tobytes()
            await store.put(Entry(b"p", key, About(), b"", unit, b"answer to " + key, 1.0, 4e9))
            os.write(1, key + b"\n")
            number += 1

    await asyncio.gather(*(one(writer) for writer in range(8)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
