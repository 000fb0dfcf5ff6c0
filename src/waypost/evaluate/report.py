"""A report as JSON and as text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from waypost.evaluate.figures import Figure
from waypost.evaluate.run import Part, Report
from waypost.evaluate.task import Confusion, Measured

SCHEMA: Final = "waypost/eval.v1"

NAMES: Final[Mapping[str, str]] = {
    "macro_f1": "macro F1",
    "ece": "ECE",
    "accuracy_when_sure": "accuracy when sure",
    "auc": "AUC",
    "spearman": "Spearman",
    "recall_at_fpr_1": "recall at 1% FPR",
    "recall_at_fpr_5": "recall at 5% FPR",
    "fpr": "FPR",
    "f1": "F1",
    "strict_f1": "strict F1",
    "best_f1": "best F1",
    "best_f1_at": "best F1 at",
}
"""How figures are called where their key, with spaces for underscores, is not good enough."""

LEAST: Final = 5
"""Rows below which a slice is left to the JSON: it would say nothing."""


def document(report: Report) -> dict[str, Any]:
    """The report as one JSON object."""
    return {
        "schema": SCHEMA,
        "task": report.task,
        "model": dict(report.model),
        "settings": dict(report.settings),
        "files": [_part(part) for part in report.parts],
        "pooled": _part(report.pooled) if report.pooled else None,
    }


def called(name: str) -> str:
    """A figure's name for people."""
    return NAMES.get(name, name.replace("_", " "))


def shown(figure: Figure) -> str:
    """A figure with its interval: `.844 [.819-.866]`."""
    if figure.value is None:
        return "-"
    if figure.low is None or figure.high is None:
        return _short(figure.value)
    return f"{_short(figure.value)} [{_short(figure.low)}-{_short(figure.high)}]"


def text(report: Report) -> str:
    """The report for a terminal."""
    return "\n".join(_lines(report)).rstrip()


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "rows": part.whole.n,
        "unlabelled": part.unlabelled,
        **measured(part.whole),
        "slices": {
            field: {value: {"rows": found.n, **measured(found)} for value, found in values.items()}
            for field, values in part.slices.items()
        },
    }


def measured(found: Measured) -> dict[str, Any]:
    """Figures, groups and confusion as JSON."""
    made: dict[str, Any] = {"figures": _figures(found.figures)}
    if found.groups:
        made["groups"] = {name: _figures(figures) for name, figures in found.groups.items()}
    if found.confusion:
        made["confusion"] = {
            "labels": list(found.confusion.labels),
            "counts": [list(line) for line in found.confusion.counts],
        }
    return made


def _figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {
        name: {"value": _round(f.value), "low": _round(f.low), "high": _round(f.high), "n": f.n}
        for name, f in figures.items()
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _lines(report: Report) -> Iterator[str]:
    model, settings = report.model, ", ".join(f"{k} {_plain(v)}" for k, v in report.settings.items())
    exactly = f"{model['sha256'][:12]}, calibration {model['calibration'][:8]}"
    yield f"{report.task}: {model['name']} {model['version']} ({exactly})" + (
        f"; {settings}" if settings else ""
    )
    yield "Intervals are of 95 %; n is the number of rows."
    yield ""
    every = [*report.parts, *([report.pooled] if report.pooled else [])]
    yield from table("file", [(part.name, part.whole) for part in every])
    for part in every:
        if part.unlabelled:
            yield f"{part.name}: {part.unlabelled:,} rows without an answer were left out"
    whole = report.pooled or report.parts[0]
    for field, values in whole.slices.items():
        yield ""
        most = [pair for pair in sorted(values.items(), key=lambda pair: -pair[1].n) if pair[1].n >= LEAST]
        if most:
            yield from table(field, most)
        if len(most) < len(values):
            yield f"{field}: {len(values) - len(most)} with fewer than {LEAST} rows; all of them with --json"
    if whole.whole.groups:
        yield ""
        yield from _groups(whole.whole.groups)
    if whole.whole.confusion:
        yield ""
        yield from _matrix(whole.whole.confusion)


def columns(figures: Sequence[Mapping[str, Figure]]) -> list[str]:
    """Names of the figures worth a column: defined somewhere, and coverage only where something is unread."""
    return [
        name
        for name in dict.fromkeys(name for each in figures for name in each)
        if any(each[name].value is not None for each in figures if name in each)
        and not (name == "read_whole" and all(each[name].value == 1 for each in figures if name in each))
    ]


def table(title: str, found: Sequence[tuple[str, Measured]]) -> Iterator[str]:
    """One line for each."""
    names = columns([each.figures for _, each in found])
    rows = [[name, f"{each.n:,}", *(shown(each.figures[key]) for key in names)] for name, each in found]
    yield from aligned([[title, "n", *map(called, names)], *rows])


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns under each other, the first to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first = f"{row[0]:<{widths[0]}}"
        rest = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        yield "  ".join((first, *rest)).rstrip()


def _groups(groups: Mapping[str, Mapping[str, Figure]]) -> Iterator[str]:
    names = list(dict.fromkeys(name for figures in groups.values() for name in figures))
    rows = [
        [group, *(f"{shown(figures[name])}  n {figures[name].n:,}" for name in names)]
        for group, figures in groups.items()
    ]
    yield from aligned([["", *map(called, names)], *rows])


def _matrix(confusion: Confusion) -> Iterator[str]:
    """Lines are right labels, columns given ones, by number."""
    used = [
        n for n, line in enumerate(confusion.counts) if sum(line) or any(row[n] for row in confusion.counts)
    ]
    yield "confusion: a line for each right label, a column for each given one"
    head = ["", *(str(n + 1) for n in used)]
    rows = [
        [f"{n + 1} {confusion.labels[n]}", *(str(confusion.counts[n][m] or ".") for m in used)] for n in used
    ]
    yield from aligned([head, *rows])


def _short(value: float) -> str:
    """Three decimals without the zero in front."""
    shortened = f"{value:.3f}"
    return shortened.replace("0.", ".", 1) if shortened.startswith(("0.", "-0.")) else shortened


def _plain(value: Any) -> str:  # noqa: ANN401 - JSON
    match value:
        case [*several]:
            return " ".join(map(str, several))
        case _:
            return str(value)
