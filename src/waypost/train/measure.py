"""The finished artefact on rows that were held back, asked through the engine as a request would be."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from waypost.encoder.cpus import usable_cpus
from waypost.encoder.engine import Encoder
from waypost.encoder.settings import EncoderSettings
from waypost.evaluate.choice import Choice, Labelled
from waypost.evaluate.difficulty import Difficulty, Question
from waypost.evaluate.figures import Figure
from waypost.evaluate.guard import Guard, Suspect
from waypost.evaluate.pii import Document, Marked, Pii
from waypost.evaluate.run import Case, Part, Report, Source, evaluate
from waypost.evaluate.task import Task
from waypost.train.progress import Progress
from waypost.train.rows import Row

PATIENCE_SECONDS: Final = 600

Rows = Mapping[str, Sequence[Row]]

HEADLINES: Final[Mapping[str, Sequence[str]]] = {
    "domain": ("accuracy", "macro_f1", "ece"),
    "intent": ("accuracy", "macro_f1", "ece"),
    "guard": ("auc", "recall", "fpr", "recall_at_fpr_1"),
    "pii": ("f1", "precision", "recall", "clean_flagged"),
    "difficulty": ("auc", "spearman", "ece"),
}
"""The figures that say most, by question; in this order wherever they are shown."""


def measured(folder: Path, rows: Rows, progress: Progress) -> dict[str, Report]:
    """One report for each question that any row answers, one part in it for each set.

    Raises:
        EngineError: the artefact cannot be used.
    """
    settings = EncoderSettings(artefact=folder, threads=usable_cpus(), deadline_seconds=PATIENCE_SECONDS)
    encoder = Encoder.open(settings)
    try:
        reports: dict[str, Report] = {}
        for task, sources in _questions(encoder, rows):
            kept = [source for source in sources if source.count]
            if kept:
                progress.begin(f"evaluate {task.name}")
                reports[task.name] = evaluate(task, kept, encoder, progress.step)
        return reports
    finally:
        encoder.close()


def _questions(encoder: Encoder, rows: Rows) -> Iterator[tuple[Task[Any, Any], list[Source[Any]]]]:
    yield Choice(encoder, "domain"), [_source(name, map(_domain, of)) for name, of in rows.items()]
    yield Choice(encoder, "intent"), [_source(name, map(_intent, of)) for name, of in rows.items()]
    yield Guard(encoder), [_source(name, map(_suspect, of)) for name, of in rows.items()]
    yield Pii(encoder), [_source(name, map(_document, of)) for name, of in rows.items()]
    yield Difficulty(encoder), [_source(name, map(_question, of)) for name, of in rows.items()]


def _source(name: str, samples: Iterable[Any | None]) -> Source[Any]:
    cases = [Case(f"{name}:{n}", sample, {}) for n, sample in enumerate(samples) if sample is not None]
    return Source(name, len(cases), partial(iter, cases))


def _domain(row: Row) -> Labelled | None:
    return Labelled(row.text, (row.domain,)) if row.domain else None


def _intent(row: Row) -> Labelled | None:
    return Labelled(row.text, (row.intent,)) if row.intent else None


def _suspect(row: Row) -> Suspect | None:
    return None if row.attack is None else Suspect(row.text, row.attack)


def _question(row: Row) -> Question | None:
    return None if row.difficulty is None else Question(row.text, row.difficulty)


def _document(row: Row) -> Document | None:
    if row.personal is None:
        return None
    marks = tuple(Marked(mark.type, mark.start, mark.end) for mark in row.personal)
    return Document(row.text, marks, row.annotated)


def headlines(reports: Mapping[str, Report]) -> dict[str, dict[str, float | int]]:
    """The figures that say most, of all sets together; rounded."""
    found: dict[str, dict[str, float | int]] = {}
    for name, report in reports.items():
        part = pooled(report)
        figures = {key: figure(part, key) for key in HEADLINES[name]}
        known = {key: round(f.value, 4) for key, f in figures.items() if f.value is not None}
        found[name] = {"rows": part.whole.n, **known}
    return found


def pooled(report: Report) -> Part:
    """All sets as one."""
    return report.pooled or report.parts[0]


def figure(part: Part, name: str) -> Figure:
    """A figure of a part; one without a value where it has none."""
    return part.whole.figures.get(name, Figure(None, 0))
