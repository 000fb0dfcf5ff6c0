"""Sources left out in turn: what a head is worth on data of a kind it has never seen.

    python -m bench.quality.sources table FOLD.json ...  > bench/quality/results/sources.md
    python -m bench.quality.sources measure --artefact DIR --data FOLDER --without guard_deepset --out FOLD

A fold is one training run without some sources, measured on all rows of those sources but the ones whose text
another source has, too. `measure` writes its file for an artefact; a training that measures by itself writes
the same:

    {"schema": "waypost/fold.v1",
     "fold": "guard_deepset",                  name, unique
     "without": ["guard_deepset"],             sources that were left out
     "note": "1 seed, 1,800 steps",            optional: whatever the reader must know
     "rows": [
       {"source": "guard_deepset", "task": "guard", "n": 527,
        "figures": {"auc": {"value": 0.91, "low": 0.88, "high": 0.93, "n": 527},
                    "recall": 0.81, "fpr": 0.02},
        "attacks": 211, "benign": 316}]}       optional: what recall and fpr rest on

A figure is an object as in `waypost/eval.v1`, or a bare number: a share then gets Wilson's interval from `n`,
or from `attacks` for recall and `benign` for fpr; others get none. Several seeds of a fold are several files:
equal (source, task) are shown one below the other, never averaged away.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from bench.quality import sets
from bench.quality.run import engine, progress, tasks
from bench.quality.tables import LOW_IS_GOOD, markdown
from waypost.evaluate.figures import Figure, share
from waypost.evaluate.report import called, document, shown
from waypost.evaluate.run import Case, Source, evaluate
from waypost.evaluate.task import Task
from waypost.train.sets import normal

SHARES = frozenset({"accuracy", "recall", "fpr", "precision", "clean_flagged", "any_type_recall"})
FIRST = {
    "domain": ("accuracy", "macro_f1", "ece"),
    "intent": ("accuracy", "macro_f1", "ece"),
    "guard": ("auc", "recall_at_fpr_1", "recall_at_fpr_5", "recall", "fpr"),
    "pii": ("f1", "precision", "recall", "strict_f1", "any_type_recall", "clean_flagged"),
    "difficulty": ("auc", "spearman", "ece"),
}
"""Columns of each task's table; the first that a row has sorts it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One left-out source in one fold."""

    fold: str
    note: str
    source: str
    task: str
    n: int
    figures: Mapping[str, Figure]


def read(paths: Iterable[Path]) -> list[Row]:
    """All rows of all folds.

    Raises:
        SystemExit: a file is no fold, with the place and the problem.
    """
    rows: list[Row] = []
    for path in paths:
        try:
            told = json.loads(path.read_text())
            for number, row in enumerate(told["rows"]):
                if row["source"] not in told["without"]:
                    refuse(path, f"rows[{number}]: {row['source']!r} was not left out of this fold")
                found = {name: _figure(name, value, row) for name, value in row["figures"].items()}
                rows.append(
                    Row(told["fold"], told.get("note", ""), row["source"], row["task"], row["n"], found)
                )
        except (ValueError, KeyError, TypeError, OSError) as error:
            refuse(path, f"no fold: {type(error).__name__} {error}")
    return rows


def refuse(path: Path, problem: str) -> NoReturn:
    """End with the place and the problem."""
    sys.exit(f"{path}: {problem}")


def _figure(name: str, value: Mapping[str, Any] | float | None, row: Mapping[str, Any]) -> Figure:
    if isinstance(value, Mapping):
        return Figure(value["value"], value["n"], value.get("low"), value.get("high"))
    n = row.get({"recall": "attacks", "fpr": "benign"}.get(name, "n"), row["n"])
    if value is None or name not in SHARES:
        return Figure(value, n)
    return share(value * n, n)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Every task, the weakest source first."""
    yield "# Sources left out in turn"
    yield ""
    yield "<!-- Written by bench/quality/sources.py. -->"
    yield ""
    yield (
        "Each row is a source of which the training saw no text, neither to learn from nor to choose a "
        "threshold, measured on all of its rows; the weakest first. A guard source that has attacks only, or "
        "benign texts only, is ranked against held-out rows of the other class from the sources that stayed."
    )
    for task in dict.fromkeys(row.task for row in rows):
        mine = [row for row in rows if row.task == task]
        names = [name for name in FIRST[task] if any(_has(row, name) for row in mine)]
        yield ""
        yield f"## {task}"
        yield ""
        cells = [
            [row.source, row.fold, f"{row.n:,}", *(shown(row.figures.get(k, Figure(None, 0))) for k in names)]
            for row in sorted(mine, key=partial(_rank, task))
        ]
        yield from markdown(["source", "fold", "n", *map(called, names)], [*cells, _means(mine, names)])
        for note in dict.fromkeys(f"{row.fold}: {row.note}" for row in mine if row.note):
            yield ""
            yield note


def _has(row: Row, name: str) -> bool:
    return name in row.figures and row.figures[name].value is not None


def _rank(task: str, row: Row) -> float:
    for name in FIRST[task]:
        if _has(row, name):
            value = row.figures[name].value or 0.0
            return 1 - value if name in LOW_IS_GOOD else value
    return 1.0


def _means(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Each source with the same weight; over those for which the figure is defined."""
    cells: list[str] = []
    for name in names:
        values = [row.figures[name].value or 0.0 for row in rows if _has(row, name)]
        cells.append(f"{sum(values) / len(values):.3f} of {len(values)}" if values else "-")
    return ["**mean of sources**", "", f"{sum(row.n for row in rows):,}", *cells]


def measure(options: argparse.Namespace) -> None:
    """Write the file of one fold."""
    without: list[str] = options.without
    rows: list[dict[str, Any]] = []
    stayed = {
        normal(each.raw["text"])
        for name in sets.SETS
        if name not in without and (options.data / f"{name}.jsonl.gz").is_file()
        for each in sets.kept(options.data, name)
    }
    every = {
        name: [each for each in sets.kept(options.data, name) if normal(each.raw["text"]) not in stayed]
        for name in without
    }
    others = {name: each for name, each in sets.held_out(options.data).rows.items() if name not in without}
    with engine(options.artefact, options.threads) as encoder:
        for task in tasks(encoder):
            if options.task and task.name not in options.task:
                continue
            for source in sets.sources(task, every, options.limit):
                against = _against(task, source, others) if task.name == "guard" else None
                report = evaluate(task, [against or source], encoder, progress())
                figures = document(report)["files"][0]["figures"]
                if against:  # what was added is not what was left out
                    own = document(evaluate(task, [source], encoder))["files"][0]["figures"]
                    ranked = ("auc", "recall_at_fpr_1", "recall_at_fpr_5") if own["recall"]["n"] else ("auc",)
                    figures = {k: figures[k] for k in ranked} | {k: own[k] for k in ("recall", "fpr")}
                rows.append({"source": source.name, "task": task.name, "n": source.count, "figures": figures})
    told = {"schema": "waypost/fold.v1", "fold": options.fold or "+".join(without), "without": without}
    options.out.write_text(json.dumps(told | {"note": options.note, "rows": rows}, indent=1) + "\n")


def _against(
    task: Task[Any, Any], source: Source[Any], others: Mapping[str, Sequence[sets.Kept]]
) -> Source[Any] | None:
    """A source of one class with the held-out rows of the other class beside it; None = it has both."""
    own = list(source.cases())
    classes = {case.sample.attack for case in own}
    if len(classes) != 1:
        return None
    wanted = not classes.pop()
    rest: list[Case[Any]] = [
        case for other in sets.sources(task, others) for case in other.cases() if case.sample.attack is wanted
    ]
    return Source(source.name, len(own) + len(rest), partial(iter, [*own, *rest]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    drawn = verbs.add_parser("table", help="print the table of these folds")
    drawn.add_argument("folds", nargs="+", type=Path)
    made = verbs.add_parser("measure", help="write the file of one fold")
    made.add_argument("--artefact", type=Path, required=True)
    made.add_argument("--data", type=Path, required=True)
    made.add_argument("--without", action="append", required=True, choices=sorted(sets.SETS))
    made.add_argument("--out", type=Path, required=True)
    made.add_argument("--fold", help="name; default: the sources left out")
    made.add_argument("--note", default="")
    made.add_argument("--task", action="append", default=[])
    made.add_argument("--limit", type=int)
    made.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.verb == "measure":
        measure(options)
    else:
        print("\n".join(table(read(options.folds))))


if __name__ == "__main__":
    main()
