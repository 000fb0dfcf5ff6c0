"""What only a fresh process can tell: how fast the engine starts, what memory it takes, how fast a core is.

    python -m bench.encoder_start [--artefact FOLDER]     seconds and memory, as JSON
    python -m bench.encoder_start --speed                 GFLOP/s of one thread

Nothing of the engine is imported before the clock runs.
"""

import argparse
import json
import time
from importlib import import_module
from pathlib import Path
from typing import Any

SIDE = 1024
REPEATS = 7
TEXT = "The water of the river runs past the old town and the people go to work on the other side. " * 25
"""About 500 tokens."""


def memory() -> dict[str, float]:
    """Resident and proportional set size in MB; empty where the kernel does not tell."""
    file = Path("/proc/self/smaps_rollup")
    fields = (line.split() for line in file.read_text().splitlines()[1:]) if file.exists() else ()
    sizes = {words[0]: int(words[1]) / 1024 for words in fields}
    return {name.lower().rstrip(":"): round(sizes[name], 1) for name in ("Rss:", "Pss:") if name in sizes}


def start(artefact: Path | None) -> dict[str, Any]:
    """Import, open and ask once about a text of several windows."""
    used = {"python": memory()}
    begin = time.perf_counter()
    engine = import_module("waypost.encoder.engine")
    imported = time.perf_counter()
    used["imported"] = memory()
    opening = time.perf_counter()
    encoder = engine.Encoder.open(engine.EncoderSettings(artefact=artefact))
    opened = time.perf_counter()
    used["open"] = memory()
    encoder.answer_now(engine.Encode(engine.HEADS, TEXT, (TEXT,)))
    used["used"] = memory()
    encoder.close()
    return {"import_seconds": imported - begin, "open_seconds": opened - opening, "memory_mb": used}


def speed() -> float:
    """Products of square matrices in 32-bit floats; with `OPENBLAS_NUM_THREADS=1` those of one thread."""
    numpy = import_module("numpy")
    left, right = numpy.random.default_rng(1).standard_normal((2, SIDE, SIDE), dtype="float32")
    times: list[float] = []
    for _ in range(REPEATS):
        begin = time.thread_time()
        left @ right
        times.append(time.thread_time() - begin)
    return 2 * SIDE**3 / min(times) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artefact", type=Path)
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    print(json.dumps(speed() if options.speed else start(options.artefact)))


if __name__ == "__main__":
    main()
