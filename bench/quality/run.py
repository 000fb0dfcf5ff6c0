"""Every head on every text it has not seen, in one command.

    python -m bench.quality.run --data FOLDER                 # the artefact that comes with Waypost
    python -m bench.quality.run --data FOLDER --artefact DIR  # another one; without --data: blind texts only

Writes `bench/quality/results/VERSION.json`, `.md` and a folder of plots. FOLDER holds the public sets under
the names of `waypost/train/sets.py`. What fails stands at the top of the page.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.quality import sets, tables
from waypost.encoder.engine import Encoder
from waypost.encoder.settings import EncoderSettings
from waypost.evaluate.choice import Choice
from waypost.evaluate.difficulty import Difficulty
from waypost.evaluate.embedding import Embedding
from waypost.evaluate.guard import Guard
from waypost.evaluate.pii import Pii
from waypost.evaluate.plots import draw
from waypost.evaluate.report import document
from waypost.evaluate.run import On, Report, Source, evaluate, from_files, identity
from waypost.evaluate.task import Task

RESULTS = Path(__file__).parent / "results"
MEMO = 512 * 2**20
"""Every window that was read once: the same texts are asked about several heads."""

DEFINITIONS = (
    "Intervals are of 95 %. Accuracy, recall and false positive rate: Wilson. AUC: DeLong. The rest: seeded "
    "bootstrap. Recall at 1 % FPR: at the threshold that 1 % of the benign rows of the same table exceed. "
    "PII: overlap with a span of the same type; only types that the source marks count."
)


def tasks(encoder: Encoder) -> Iterator[Task[Any, Any]]:
    """The six questions, with shipped thresholds."""
    yield Choice(encoder, "domain")
    yield Choice(encoder, "intent")
    yield Guard(encoder)
    yield Pii(encoder)
    yield Difficulty(encoder)
    yield Embedding(encoder)


def measure(
    encoder: Encoder, data: Path | None, limit: int | None, only: frozenset[str]
) -> tuple[dict[str, dict[str, Report]], int]:
    """Reports by task, blind and held out; and how many rows were left out because they leaked."""
    held = sets.held_out(data) if data else sets.HeldOut({}, 0)
    reports: dict[str, dict[str, Report]] = {}
    for task in tasks(encoder):
        if only and task.name not in only:
            continue
        found = {"blind": named(from_files(task, sets.blind(task.name), limit=limit))}
        if data:
            found["held out"] = public(task, data, held.rows, limit)
        for kind, sources in found.items():
            if sources:
                say(f"{task.name}, {kind}: {sum(source.count for source in sources):,} rows")
                reports.setdefault(task.name, {})[kind] = evaluate(task, sources, encoder, progress())
    return reports, held.leaked


def public(
    task: Task[Any, Any], data: Path, rows: Mapping[str, Sequence[sets.Kept]], limit: int | None
) -> list[Source[Any]]:
    """What the public sets hold for a task."""
    if task.name == "difficulty":
        return sets.questions(data, limit)
    if task.name == "embedding":
        paths = [data / f"{name}.jsonl.gz" for name in sets.PAIRS]
        return named(from_files(task, [path for path in paths if path.is_file()], limit=limit))
    return sets.sources(task, rows, limit)


def named(found: Sequence[Source[Any]]) -> list[Source[Any]]:
    """Files by the names of their sets: where they lie is nobody's business."""
    return [replace(source, name=Path(source.name).name.partition(".")[0]) for source in found]


def say(line: str) -> None:
    """To whoever waits."""
    sys.stderr.write(f"{line}\n")


def progress() -> On:
    """A count on a terminal, a line for every quarter elsewhere."""
    live = sys.stderr.isatty()

    def on(done: int, total: int) -> None:
        if live:
            sys.stderr.write(f"\r{done:,} of {total:,}" + ("\n" if done == total else ""))
        elif done * 4 // total != (done - 1) * 4 // total:
            say(f"  {done:,} of {total:,}")

    return on


@contextmanager
def engine(artefact: Path | None, threads: int | None) -> Iterator[Encoder]:
    """The model, open; without a deadline, since only what it says is measured."""
    encoder = Encoder.open(
        EncoderSettings(
            artefact=artefact, threads=threads, device="cpu", deadline_seconds=600, memo_bytes=MEMO
        )
    )
    try:
        yield encoder
    finally:
        encoder.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artefact", type=Path, help="folder of another model")
    parser.add_argument("--data", type=Path, help="folder with the public sets")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--task", action="append", default=[], help="only these")
    parser.add_argument("--limit", type=int, help="rows of each set, for a trial")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    with engine(options.artefact, options.threads) as encoder:
        reports, leaked = measure(encoder, options.data, options.limit, frozenset(options.task))
        artefact = encoder.artefact
    about: dict[str, Any] = {
        "schema": "waypost/quality.v1",
        "model": identity(artefact),
        "limit": options.limit,
        "leaked": leaked,
        "definitions": DEFINITIONS,
    }
    told = {
        name: {kind: document(report) for kind, report in kinds.items()} for name, kinds in reports.items()
    }
    options.out.mkdir(parents=True, exist_ok=True)
    place = options.out / artefact.version
    pictures = [
        path
        for kinds in reports.values()
        for kind, report in kinds.items()
        for path in draw(report, place / kind.replace(" ", "-"))
    ]
    (options.out / f"{artefact.version}.json").write_text(json.dumps(about | {"tasks": told}) + "\n")
    names = [str(path.relative_to(options.out)) for path in pictures]
    page = tables.page(about | {"tasks": told}, names)
    (options.out / f"{artefact.version}.md").write_text(page)
    say(f"written: {options.out / artefact.version}.md, .json and {len(pictures)} plots")


if __name__ == "__main__":
    main()
