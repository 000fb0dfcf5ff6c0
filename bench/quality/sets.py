"""What is measured: the blind texts beside this file, and the rows of public sets that are never trained on.

A row is held out when the training's own rule says so, and when its question is not trained on in another
form either: some exam questions are trained on with their options behind them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from waypost.evaluate.choice import Labelled
from waypost.evaluate.difficulty import Question
from waypost.evaluate.files import Row as FileRow
from waypost.evaluate.guard import Suspect
from waypost.evaluate.pii import Document
from waypost.evaluate.run import Case, Source
from waypost.evaluate.task import Task
from waypost.train.rows import Row
from waypost.train.sets import SETS, folded, is_validation, load, normal, read_lines

BLIND: Final = Path(__file__).parent / "data"

FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "domain": ("natural_domains",),
    "intent": ("intents", "natural_domains"),
    "guard": ("guard_attacks", "guard_indirect", "guard_benign", "guard_long_benign", "guard_long_indirect"),
    "pii": ("pii",),
    "difficulty": ("difficulty",),
}
"""Blind files by task."""

PAIRS: Final = ("cache_synth", "cache_paws")
"""Sets for the embedding; nothing is trained on them."""


def blind(task: str) -> list[Path]:
    """The blind files of a task."""
    return [BLIND / f"{name}.jsonl" for name in FILES.get(task, ())]


@dataclass(frozen=True, slots=True)
class Kept:
    """A row as the training reads it, and as it stands in the file."""

    row: Row
    raw: Mapping[str, Any]


def kept(folder: Path, name: str) -> Iterator[Kept]:
    """The rows that training and measuring share, duplicates and surplus left out as in the training."""
    left = {normal(row.text): row for row in load(folder, name)}
    for raw in read_lines(folder / f"{name}.jsonl.gz"):
        read = SETS[name].read(raw)
        row = left.pop(normal(folded(read).text), None) if read and read.text.strip() else None
        if row is not None:
            yield Kept(row, raw)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out rows of the public sets.

    Attributes:
        rows: by set.
        leaked: rows left out because their question is trained on in another form.
    """

    rows: Mapping[str, Sequence[Kept]]
    leaked: int


def held_out(folder: Path) -> HeldOut:
    """Everything that is never trained on, of every set of the data manifest that is in the folder."""
    every = {name: list(kept(folder, name)) for name in SETS if (folder / f"{name}.jsonl.gz").is_file()}
    trained = {
        normal(each.raw["text"]) for rows in every.values() for each in rows if not is_validation(each.row)
    }
    unseen = {name: [each for each in rows if is_validation(each.row)] for name, rows in every.items()}
    # A template is held out as a whole: equal texts in another group are no leak of it.
    fresh = {
        name: [
            each for each in rows if each.row.personal is not None or normal(each.raw["text"]) not in trained
        ]
        for name, rows in unseen.items()
    }
    leaked = sum(map(len, unseen.values())) - sum(map(len, fresh.values()))
    return HeldOut({name: rows for name, rows in fresh.items() if rows}, leaked)


def sources(
    task: Task[Any, Any], rows: Mapping[str, Sequence[Kept]], limit: int | None = None
) -> list[Source[Any]]:
    """Held-out rows that say something about a task, one source for each set."""
    found: list[Source[Any]] = []
    for name, each in rows.items():
        cases = [case for n, kept_ in enumerate(each) if (case := _case(task, name, n, kept_))]
        cases = cases if limit is None else cases[:: max(1, len(cases) // limit)][:limit]
        if cases:
            found.append(Source(name, len(cases), partial(iter, cases)))
    return found


def _case(task: Task[Any, Any], name: str, number: int, each: Kept) -> Case[Any] | None:
    row, raw = each.row, each.raw
    sample: Any = None
    match task.name:
        case "domain" if row.domain:
            alternative = raw.get("label_alt")
            sample = Labelled(row.text, tuple(filter(None, (row.domain, alternative))))
        case "intent" if row.intent:
            sample = Labelled(row.text, (row.intent,))
        case "guard" if row.attack is not None:
            sample = Suspect(row.text, row.attack)
        case "pii" if row.personal is not None:
            read: Document | None = task.read(FileRow(name, number, raw, {}))
            sample = read and replace(read, annotated=row.annotated)
    slices = {"kind": row.kind} if row.kind else {}
    return None if sample is None else Case(f"{name}:{raw.get('id', number)}", sample, slices)


def exam_questions(folder: Path, name: str = "routing_mmlu_pro") -> Iterator[tuple[Mapping[str, Any], bool]]:
    """Rows of the table of thirteen models, and whether they are held out."""
    for raw in read_lines(folder / f"{name}.jsonl.gz"):
        yield raw, is_validation(Row(raw["text"], "mmlu_pro", "="))


def questions(folder: Path, limit: int | None = None) -> list[Source[Any]]:
    """Held-out exam questions with the share of thirteen models that fail."""
    cases = [
        Case(f"routing_mmlu_pro:{raw['id']}", Question(raw["text"], raw["correct"].count("0") / 13), {})
        for raw, is_held_out in exam_questions(folder)
        if is_held_out
    ]
    cases = cases if limit is None else cases[:: max(1, len(cases) // limit)][:limit]
    return [Source("routing_mmlu_pro", len(cases), partial(iter, cases))] if cases else []
