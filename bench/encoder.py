"""What classifying costs: latency by length, throughput by clients, start and memory, in one run.

    make bench-encoder                    # or: python -m bench.encoder --rounds 7
    make bench-encoder BENCH=--write      # also bench/results/encoder.json; `make docs` draws tables from it
    make bench-encoder TRAIN=python3      # a Python with the extra `train` writes those to compare with

Every round measures everything once, in another order, so that what the machine does besides hits all alike:

- `network`       one bare pass over random tokens
- `engine`        `Encoder.answer_now` with every head on a text it has not seen, from text to probabilities
- `remembered`    the same with a text that was asked about before
- the others      one bare pass of one classifier; a router that asks three such models pays for three

CPU time is the process's, which is one thread's: every session has one, and the engine one worker. Its lower
quartile is nearly free of what others do to caches and clocks; wall time is the median. Only for throughput
has the engine as many workers as it takes by default. Nothing here asserts a time.
"""

import argparse
import asyncio
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from bench.encoder_report import tables
from waypost.encoder.cpus import usable_cpus
from waypost.encoder.engine import Encoder
from waypost.encoder.manifest import MODEL, Artefact
from waypost.encoder.onnx import Model, open_session
from waypost.encoder.plan import HEADS
from waypost.encoder.settings import EncoderSettings
from waypost.encoder.tokenise import LOWER, Tokeniser
from waypost.needs import Encode, Failed
from waypost.request.text import fold
from waypost.signals.base import Examples
from waypost.train.synth import humanities, sciences, tasks
from waypost.train.synth.draw import Generator, generator

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "encoder.json"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "waypost-bench"
LENGTHS = (16, 32, 64, 128, 256, 512)
"""Tokens, special ones included. The engine's window has 256, so 512 are several passes for it."""
CLIENTS = (1, 8, 32)
RIVALS = ("BERT-base", "ModernBERT-base")
PASSES = 3
"""Domain, jailbreak and personal data: one model each in a router that has no shared network."""

AT_MOST, ENOUGH_SECONDS = 12, 0.15
"""Calls of one variant at one length in one round; at least one, after one that is not counted."""
PROMPTS, ASKED = 400, 120
"""Prompts there are, and how many of them one round sends for each number of clients."""
STARTS = 7
FAST = {"avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8"}
"""Instructions that decide how fast small integers are multiplied."""
_PATIENT = 60.0

EXAMPLES = Examples(("How do I reset my password?", "Where is my parcel?", "I want to return my shoes."))


class Sample(NamedTuple):
    """One call, in seconds."""

    cpu: float
    wall: float


class Variant(NamedTuple):
    """Something that is timed: `run` is, `feed` is not."""

    feed: Callable[[int], Any]
    run: Callable[[Any], object]


def random_ids(rng: Generator, *shape: int) -> NDArray[np.int64]:
    """Any tokens but special ones; what is read does not change how long it takes."""
    return rng.integers(1000, 20_000, shape)


def network(artefact: Artefact, rng: Generator) -> Variant:
    """Our network alone."""
    model = Model.open(artefact.folder / MODEL, "cpu")
    return Variant(
        lambda tokens: (random_ids(rng, tokens), np.full(tokens, LOWER, np.int64)),
        lambda fed: model.run(*fed),
    )


def rival(path: Path, rng: Generator) -> Variant:
    """Another model, with the session settings of our own."""
    session = open_session(path, "CPUExecutionProvider")
    mask = np.ones((1, max(LENGTHS)), np.int64)
    return Variant(
        lambda tokens: {"input_ids": random_ids(rng, 1, tokens), "attention_mask": mask[:, :tokens]},
        lambda fed: session.run(None, fed),
    )


def fresh(encoder: Encoder, texts: "Texts") -> Variant:
    """The whole engine, another text each time."""
    return Variant(lambda tokens: question(texts.cut(tokens)), lambda need: ask(encoder, need))


def remembered(encoder: Encoder, texts: "Texts") -> Variant:
    """The whole engine, one text for each length."""
    needs = {tokens: question(texts.cut(tokens)) for tokens in LENGTHS}
    return Variant(needs.__getitem__, lambda need: ask(encoder, need))


class Texts:
    """Cuts texts of an exact number of tokens out of a long one, each time another."""

    def __init__(self, rows: Sequence[str], tokeniser: Tokeniser, rng: Generator) -> None:
        self._text = fold("\n\n".join(rows), case_sensitive=True).text
        self._tokeniser, self._rng = tokeniser, rng
        self._tokens = tokeniser.read(self._text)

    def cut(self, tokens: int) -> str:
        """From the start of a word to the end of one; `tokens` counts the special ones."""
        places, count = self._tokens, tokens - 2
        while True:
            start = int(self._rng.integers(1, len(places) - count))
            text = self._text[places.starts[start] : places.ends[start + count - 1]]
            edges = places.words[[start - 1, start, start + count - 1, start + count]]
            if edges[0] != edges[1] and edges[2] != edges[3] and len(self._tokeniser.read(text)) == count:
                return text


def question(text: str) -> Encode:
    """Everything there is to ask about one text."""
    return Encode(HEADS, text, (text,), (EXAMPLES,))


def ask(encoder: Encoder, need: Encode) -> None:
    answer = encoder.answer_now(need)
    if isinstance(answer, Failed) or answer.coverage < 1:
        sys.exit(f"the encoder did not answer: {answer}")


def samples(variant: Variant, tokens: int) -> Iterator[Sample]:
    """Calls of one variant in one round."""
    variant.run(variant.feed(tokens))
    end = time.perf_counter() + ENOUGH_SECONDS
    for _ in range(AT_MOST):
        fed = variant.feed(tokens)
        wall, cpu = time.perf_counter(), time.process_time()
        variant.run(fed)
        yield Sample(time.process_time() - cpu, time.perf_counter() - wall)
        if time.perf_counter() > end:
            break


@dataclass(frozen=True, slots=True)
class Load:
    """One round of one number of clients."""

    requests_per_second: float
    cpu: float
    latencies: Sequence[float]


async def load(encoder: Encoder, prompts: Sequence[str], clients: int) -> Load:
    """Clients that send one prompt after the other until there are none left."""
    waiting, latencies = iter(prompts), list[float]()

    async def client() -> None:
        for prompt in waiting:
            begin = time.perf_counter()
            answer = await encoder.answer(question(prompt))
            latencies.append(time.perf_counter() - begin)
            if isinstance(answer, Failed):
                sys.exit(f"the encoder did not answer: {answer}")

    begin, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    seconds = time.perf_counter() - begin
    return Load(len(prompts) / seconds, (time.process_time() - cpu) / len(prompts), latencies)


def lifelike(lengths: Sequence[int], count: int) -> list[int]:
    """Indices of rows as long as real prompts: 57 tokens on average, one in twenty above 200.

    Many prompts are short and a few are long: a log-normal distribution with those two figures.
    """
    left = sorted(range(len(lengths)), key=lengths.__getitem__)
    normal = NormalDist(3.45, 1.15)
    chosen: list[int] = []
    for number in range(count):
        wanted = math.exp(normal.inv_cdf((number + 0.5) / count))
        near = min(range(len(left)), key=lambda place: abs(lengths[left[place]] - wanted))
        chosen.append(left.pop(near))
    return chosen


@dataclass
class Run:
    """Everything measured so far; one entry per round in every list."""

    latency: dict[tuple[str, int], list[list[Sample]]] = field(default_factory=dict)
    loads: dict[int, list[Load]] = field(default_factory=dict)
    gflops: list[float] = field(default_factory=list)


def measure(
    variants: Mapping[str, Variant], encoder: Encoder, prompts: Sequence[str], rounds: int, rng: Generator
) -> Run:
    run = Run()
    for number in range(rounds):
        run.gflops.append(probe("--speed"))
        for tokens in LENGTHS:
            for name in rng.permutation(list(variants)):
                found = list(samples(variants[name], tokens))
                run.latency.setdefault((str(name), tokens), []).append(found)
        for clients in rng.permutation(CLIENTS).tolist():
            sent = [prompts[place] for place in rng.permutation(len(prompts))[:ASKED]]
            run.loads.setdefault(clients, []).append(asyncio.run(load(encoder, sent, clients)))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return run


def probe(*words: str) -> Any:  # noqa: ANN401 - JSON
    """What `bench.encoder_start` finds, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.encoder_start", *words],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return json.loads(done.stdout)


def starts(artefact: Path | None) -> dict[str, Any]:
    """Medians over fresh processes; the files are in the page cache."""
    words = ["--artefact", str(artefact)] if artefact else []
    found = [probe(*words) for _ in range(STARTS)]
    memory = {
        stage: {kind: middle([each["memory_mb"][stage][kind] for each in found], 1) for kind in kinds}
        for stage, kinds in found[0]["memory_mb"].items()
    }
    seconds = {name: middle([each[name] for each in found]) for name in ("import_seconds", "open_seconds")}
    return {**seconds, "memory_mb": memory}


def middle(values: Sequence[float], digits: int = 3) -> float:
    return round(float(np.median(values)), digits)


def lowest(values: Sequence[float]) -> float:
    """Lower quartile."""
    return float(np.quantile(values, 0.25))


def latency_rows(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "variant": name,
            "tokens": tokens,
            "calls": sum(map(len, of)),
            "cpu_ms": round(lowest([each.cpu for found in of for each in found]) * 1000, 3),
            "wall_ms": middle([each.wall * 1000 for found in of for each in found]),
        }
        for (name, tokens), of in sorted(run.latency.items(), key=lambda item: item[0][::-1])
    ]


def ratios(run: Run, names: Sequence[str]) -> list[dict[str, Any]]:
    """CPU time of `PASSES` passes of another model for that of one answer of the engine, round by round."""
    rows: list[dict[str, Any]] = []
    for tokens in LENGTHS:
        ours = [lowest([each.cpu for each in found]) for found in run.latency["engine", tokens]]
        for name in names:
            theirs = [lowest([each.cpu for each in found]) for found in run.latency[name, tokens]]
            found = [PASSES * their / our for their, our in zip(theirs, ours, strict=True)]
            rows.append(
                {
                    "rival": name,
                    "tokens": tokens,
                    "ratio": middle(found, 1),
                    "range": [round(min(found), 1), round(max(found), 1)],
                }
            )
    return rows


def throughput_rows(run: Run) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for clients, of in sorted(run.loads.items()):
        latencies = [each * 1000 for one in of for each in one.latencies]
        rows.append(
            {
                "clients": clients,
                "requests_per_second": middle([one.requests_per_second for one in of], 1),
                "cpu_ms": middle([one.cpu * 1000 for one in of]),
                "p50_ms": middle(latencies),
                "p95_ms": round(float(np.quantile(latencies, 0.95)), 3),
            }
        )
    return rows


def passes(encoder: Encoder, texts: Texts) -> dict[int, int]:
    """How often the network runs for one answer."""
    counted: dict[int, int] = {}
    for tokens in LENGTHS:
        before = encoder.stats.passes
        ask(encoder, question(texts.cut(tokens)))
        counted[tokens] = encoder.stats.passes - before
    return counted


def machine() -> dict[str, Any]:
    """Processor and versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().split("\n\n", 1)[0].splitlines() if info.exists() else []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    family = f"family {told['cpu family']} model {told['model']}" if "cpu family" in told else ""
    flags = set(told.get("flags", "").split())
    return {
        "machine": f"{told.get('model name', platform.machine())} {family}".strip(),
        "instructions": sorted(flags & FAST),
        "cores": usable_cpus(),
        "python": platform.python_version(),
        "onnxruntime": ort.__version__,
    }


def others(cache: Path, train: str, rng: Generator) -> dict[str, Variant]:
    """The other models, made first where they are missing; none, if that is not possible here."""
    paths = {name: (cache / f"{name}-fp32.onnx", cache / f"{name}-int8.onnx") for name in RIVALS}
    for name, files in paths.items():
        if not all(file.exists() for file in files):
            print(f"writing {name} to {cache}", file=sys.stderr)
            source = {**os.environ, "PYTHONPATH": str(HERE.parent / "src")}
            command = [train, "-m", "bench.encoder_rivals", name, *files]
            if subprocess.run(command, cwd=HERE.parent, env=source, check=False).returncode:
                print(
                    "left out: the models to compare with need the extra `train`; see --train",
                    file=sys.stderr,
                )
                return {}
    return {
        f"{name} {kind}": rival(file, rng)
        for name, files in paths.items()
        for kind, file in zip(("fp32", "int8"), files, strict=True)
    }


def measured(options: argparse.Namespace) -> dict[str, Any]:
    rng = generator(1, "encoder bench")
    result: dict[str, Any] = {"benchmark": "encoder", **machine(), "rounds": options.rounds}
    result["load_average"] = round(os.getloadavg()[0], 1)
    result["start"] = starts(options.artefact)
    settings = EncoderSettings(artefact=options.artefact, device="cpu", threads=1, deadline_seconds=_PATIENT)
    encoder = Encoder.open(settings)
    many = EncoderSettings(device="cpu", deadline_seconds=_PATIENT, memo_bytes=0)
    busy = Encoder(encoder.artefact, encoder.network, encoder.tokeniser, many)
    for each in (encoder, busy):
        each.prepare((EXAMPLES,))
    rows = [row.text for maker in (tasks, sciences, humanities) for row in maker.generate(1, PROMPTS)]
    lengths = [len(encoder.tokeniser.read(text)) + 2 for text in rows]
    mix = lifelike(lengths, PROMPTS)
    texts = Texts(rows, encoder.tokeniser, rng)
    compared = others(options.cache, options.train, rng)
    variants = {
        "network": network(encoder.artefact, rng),
        "engine": fresh(encoder, texts),
        "remembered": remembered(encoder, texts),
        **compared,
    }
    count = passes(encoder, texts)
    run = measure(variants, busy, [rows[place] for place in mix], options.rounds, rng)
    spread = [lengths[place] for place in mix]
    artefact = encoder.artefact
    return result | {
        "artefact": {"name": artefact.name, "version": artefact.version, "sha256": artefact.sha256},
        "gflops": middle(run.gflops, 0),
        "window": artefact.window,
        "passes": count,
        "latency": latency_rows(run),
        "ratios": ratios(run, list(compared)),
        "prompts": {
            "count": len(spread),
            "mean_tokens": round(float(np.mean(spread)), 1),
            "p95_tokens": round(float(np.quantile(spread, 0.95))),
        },
        "throughput": throughput_rows(run),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--artefact", type=Path, help="folder with another model than the built-in one")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the models to compare are kept")
    parser.add_argument(
        "--train", default=sys.executable, help="a Python with the extra `train`, to write them"
    )
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(HERE.parent)}")
    options = parser.parse_args()
    result = measured(options)
    print(tables(json.loads(json.dumps(result))))
    if options.write:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
