"""Time of keyword rules on a fresh request: fold, search and verdict, nothing remembered.

CPU time is what an idle machine would show; wall time also shows who else was busy on this one.

    python bench/keywords.py [--json FILE]

10,000 keywords over a conversation of 32 KB (UTF-8) in eight messages that holds about 100 of them.
"""

import argparse
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from waypost.request.chat import ChatRequest, Message, Part
from waypost.request.text import read, readings
from waypost.signals.base import Signal
from waypost.signals.keyword import KeywordMatch

KEYWORDS = 10_000
TEXT_BYTES = 32 * 1024
HITS = 100
MESSAGES = 8
SCRIPTS = {
    "ascii": "abcdefghijklmnopqrstuvwxyz",
    "latin-1 accents": "abcdefghijklmnopqrstuvwxyzéèàüöäçñ",
    "german": "abcdefghijklmnopqrstuvwxyz" * 8 + "äöü" * 4 + "ß",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "chinese": "".join(map(chr, range(0x4E00, 0x5600))),
}


@dataclass(frozen=True)
class Row:
    """Medians of one case in microseconds: CPU time, wall time, and CPU time of folding alone."""

    case: str
    rules: int
    characters: int
    hits: int
    cpu_us: float
    wall_us: float
    fold_cpu_us: float


def words(alphabet: str, count: int, rng: random.Random) -> list[str]:
    short, long = (2, 4) if alphabet[0] == "一" else (4, 12)
    made: dict[str, None] = {}
    while len(made) < count:
        made["".join(rng.choices(alphabet, k=rng.randint(short, long)))] = None
    return list(made)


def prose(
    vocabulary: Sequence[str], keywords: Sequence[str], extras: Sequence[str], rng: random.Random
) -> str:
    """Sentences and paragraphs with `HITS` keywords strewn in, cut to size."""
    chosen: list[str] = []
    size = 0
    while size < TEXT_BYTES:
        word = rng.choice(extras) if extras and rng.random() < 0.1 else rng.choice(vocabulary)
        if rng.random() < 0.12:
            word = word.capitalize() + rng.choice([",", ".", ".\n\n", ":"])
        chosen.append(word)
        size += len(word.encode()) + 1
    for keyword in rng.sample(keywords, HITS):
        chosen[rng.randrange(len(chosen))] = keyword
    return " ".join(chosen)


def conversation(text: str) -> ChatRequest:
    size = -(-len(text) // MESSAGES)
    messages = [
        Message(
            "assistant" if n % 2 else "user",
            (Part("text", text[n * size : (n + 1) * size], f"messages[{n}]"),),
        )
        for n in range(MESSAGES)
    ]
    return ChatRequest("openai_chat", b"", "auto", messages=tuple(messages))


def timed(run: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median CPU and wall time of a call, in microseconds."""
    for _ in range(max(3, rounds // 10)):
        run()
    cpu: list[float] = []
    wall: list[float] = []
    for _ in range(rounds):
        begin, began = time.perf_counter(), time.thread_time()
        run()
        cpu.append((time.thread_time() - began) * 1e6)
        wall.append((time.perf_counter() - begin) * 1e6)
    return round(statistics.median(cpu), 1), round(statistics.median(wall), 1)


def measure(case: str, signals: Sequence[Signal], text: str, rounds: int) -> Row:
    def decide() -> int:
        request = conversation(text)
        return sum(bool(signal.evaluate(request, None).holds) for signal in signals)

    def fold_only() -> None:
        request = conversation(text)
        for part in read(request, "conversation"):
            readings(request, part.text)

    request = conversation(text)
    found = sum(len(signal.evaluate(request, None).matches) for signal in signals)
    cpu, wall = timed(decide, rounds)
    return Row(case, len(signals), len(text), found, cpu, wall, timed(fold_only, rounds)[0])


def rows(rounds: int) -> list[Row]:
    made: list[Row] = []
    for case, alphabet in SCRIPTS.items():
        rng = random.Random(7)
        vocabulary, keywords = words(alphabet, 4000, rng), words(alphabet, KEYWORDS, rng)
        text = prose([w for w in vocabulary if w not in set(keywords)], keywords, (), rng)
        signals = KeywordMatch.bind([KeywordMatch(keywords=tuple(keywords))], {})
        made.append(measure(case, signals, text, rounds))
        if case == "ascii":
            emoji = prose(vocabulary, keywords, ["😀", "❤️", "👩‍💻", "👍🏽", "…"], rng)
            made.append(measure("ascii with emoji", signals, emoji, rounds))
            many = KeywordMatch.bind([KeywordMatch(keywords=(word,)) for word in keywords], {})
            made.append(measure("ascii, one keyword a rule", many, text, max(20, rounds // 10)))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--rounds", type=int, default=400)
    options = parser.parse_args()
    results = rows(options.rounds)
    print(f"{'case':<28}{'rules':>7}{'chars':>8}{'hits':>6}{'cpu us':>12}{'wall us':>10}{'fold us':>10}")
    for row in results:
        print(
            f"{row.case:<28}{row.rules:>7}{row.characters:>8}{row.hits:>6}"
            f"{row.cpu_us:>12.1f}{row.wall_us:>10.1f}{row.fold_cpu_us:>10.1f}"
        )
    if options.json:
        document = {
            "benchmark": "keywords",
            "keywords": KEYWORDS,
            "text_bytes": TEXT_BYTES,
            "machine": machine(),
            "cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1),
            "python": platform.python_version(),
            "rows": [asdict(row) for row in results],
        }
        options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def machine() -> str:
    """Processor name as the kernel gives it, else the architecture."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return f"{next(names, platform.machine())}, shared, {platform.system()}"


if __name__ == "__main__":
    main()
