"""The results of a quality run as a page: what fails first, then every table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waypost.evaluate.figures import Figure
from waypost.evaluate.report import LEAST as FEWEST
from waypost.evaluate.report import called, columns, shown

LOWEST = 25


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that was promised.

    Attributes:
        where: words that the name of the set, or of the slice, must contain; empty = any.
        least: whether the value must be at least `value`, or at most.
    """

    task: str
    kind: str
    where: str
    figure: str
    value: float
    least: bool = True


GOALS = (
    Goal("domain", "held out", "mmlu_pro", "accuracy", 0.85),
    Goal("domain", "blind", "natural_domains", "accuracy", 0.82),
    Goal("guard", "blind", "all files", "auc", 0.90),
    Goal("guard", "blind", "trigger_words", "fpr", 0.02, least=False),
    Goal("guard", "blind", "roleplay", "fpr", 0.02, least=False),
    Goal("guard", "blind", "sounds_unsafe", "fpr", 0.02, least=False),
    Goal("guard", "blind", "security", "fpr", 0.02, least=False),
    Goal("guard", "blind", "prompt_engineering", "fpr", 0.02, least=False),
    Goal("guard", "blind", "non_english", "fpr", 0.02, least=False),
    Goal("guard", "blind", "code", "fpr", 0.02, least=False),
    Goal("guard", "blind", "guard_long_benign", "fpr", 0.05, least=False),
    Goal("guard", "held out", "awesome_prompts", "fpr", 0.02, least=False),
    Goal("guard", "held out", "gpteacher_roleplay", "fpr", 0.02, least=False),
    Goal("guard", "held out", "guard_mitre_frr_benign", "fpr", 0.02, least=False),
    Goal("guard", "held out", "guard_benign_hardneg", "fpr", 0.02, least=False),
    Goal("guard", "held out", "exercism", "fpr", 0.02, least=False),
    Goal("pii", "blind", "pii", "f1", 0.90),
    Goal("pii", "blind", "pii", "clean_flagged", 0.03, least=False),
    Goal("pii", "held out", "pii_presidio_v2", "f1", 0.92),
    Goal("pii", "held out", "pii_synth", "f1", 0.90),
    Goal("pii", "held out", "all files", "clean_flagged", 0.03, least=False),
    Goal("difficulty", "held out", "routing_mmlu_pro", "auc", 0.74),
)

RATINGS = {
    "domain": ("accuracy",),
    "intent": ("accuracy",),
    "guard": ("recall", "fpr"),
    "pii": ("f1", "clean_flagged"),
    "difficulty": ("auc",),
    "embedding": ("auc",),
}
"""Figures by which the weakest places of a task are found."""

LOW_IS_GOOD = frozenset({"fpr", "clean_flagged", "ece", "easy_called_hard", "different_served"})


@dataclass(frozen=True, slots=True)
class Place:
    """One figure somewhere in the results."""

    task: str
    kind: str
    name: str
    figure: str
    found: Figure

    @property
    def at_best(self) -> float:
        """How good it may be at most, 1 = as good as can be: the better end of the interval."""
        found = self.found
        if self.figure in LOW_IS_GOOD:
            return 1 - ((found.value if found.low is None else found.low) or 0.0)
        return (found.value if found.high is None else found.high) or 0.0


def page(results: Mapping[str, Any], plots: Sequence[str]) -> str:
    """The whole page, as Markdown."""
    return "\n".join(_page(results, plots)) + "\n"


def _page(results: Mapping[str, Any], plots: Sequence[str]) -> Iterator[str]:
    model = results["model"]
    yield f"# Quality of {model['name']} {model['version']}"
    yield ""
    yield f"<!-- Written by bench/quality/run.py; model {model['sha256']},"
    yield f"calibration {model['calibration']}. -->"
    yield ""
    if results["limit"]:
        yield f"**A trial: at most {results['limit']} rows of each set.**"
        yield ""
    yield (
        "*Blind*: texts of `bench/quality/data`, which no training and no threshold has seen. *Held out*: "
        "rows of public sets whose other rows were trained on, so that style and source are known to the "
        "model; sources left out as a whole stand in `sources.md`. "
        f"{results['leaked']} held-out rows do not count, as their question is trained on in another form."
    )
    yield ""
    yield results["definitions"]
    yield ""
    places = list(places_of(results))
    yield from _goals(places)
    yield from _lowest(places)
    for task, kinds in results["tasks"].items():
        yield f"## {task}"
        yield ""
        for kind, told in kinds.items():
            yield from _task(kind, told)
        mine = [name for name in plots if f"/{task}-" in name]
        for name in mine:
            yield f"![{name}]({name})"
        yield ""


def places_of(results: Mapping[str, Any]) -> Iterator[Place]:
    """Every figure of every set, slice and label."""
    for task, kinds in results["tasks"].items():
        for kind, told in kinds.items():
            for part in _parts(told):
                name = part["name"]
                yield from _places(task, kind, name, part["figures"])
                for field, values in part["slices"].items():
                    for value, cut in values.items():
                        yield from _places(task, kind, f"{name}, {field} {value}", cut["figures"])
                if task in {"domain", "intent", "pii"}:
                    for label, figures in part.get("groups", {}).items():
                        yield from _places(task, kind, f"{name}, {label}", figures)


def _places(task: str, kind: str, name: str, figures: Mapping[str, Any]) -> Iterator[Place]:
    for figure, told in figures.items():
        if told["value"] is not None:
            yield Place(task, kind, name, figure, figure_of(told))


def figure_of(told: Mapping[str, Any]) -> Figure:
    """A figure from its JSON."""
    return Figure(told["value"], told["n"], told["low"], told["high"])


def _parts(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*told["files"], *([told["pooled"]] if told["pooled"] else [])]


def _goals(places: Sequence[Place]) -> Iterator[str]:
    """Every goal with what was reached, the missed ones first, the widest gap at the top."""
    rows: list[tuple[float, list[str]]] = []
    for goal in GOALS:
        sign = "≥" if goal.least else "≤"
        place = _place(places, goal)
        if place is None or place.found.value is None:
            cells = ["not measured", f"{goal.task}, {goal.kind}, {goal.where}", called(goal.figure)]
            rows.append((0.0, [*cells, f"{sign} {goal.value:g}", "-", ""]))
            continue
        over = place.found.value - goal.value if goal.least else goal.value - place.found.value
        word = "reached" if over >= 0 else "**missed**"
        cells = [word, f"{goal.task}, {goal.kind}, {place.name}", called(goal.figure)]
        rows.append((over, [*cells, f"{sign} {goal.value:g}", shown(place.found), f"{place.found.n:,}"]))
    missed = sum(over < 0 for over, _ in rows)
    yield f"## Goals: {missed} of {len(rows)} missed"
    yield ""
    yield from markdown(["", "where", "figure", "goal", "reached", "n"], [cells for _, cells in sorted(rows)])
    yield ""


def _place(places: Sequence[Place], goal: Goal) -> Place | None:
    """The narrowest name that fits: a set before its slices, a slice of one set before that of all."""
    fits = [
        place
        for place in places
        if (place.task, place.kind, place.figure) == (goal.task, goal.kind, goal.figure)
        and (place.name == goal.where or place.name.endswith(f" {goal.where}"))
    ]
    return min(fits, key=lambda place: (place.name.startswith("all files,"), len(place.name)), default=None)


def _lowest(places: Sequence[Place]) -> Iterator[str]:
    single = [p for p in places if not p.name.startswith("all files")]
    rated = [p for p in single if p.figure in RATINGS.get(p.task, ())]
    rated += [p for p in single if p.task in {"domain", "intent", "pii"} and p.figure == "recall"]
    worst = sorted(rated, key=lambda place: place.at_best)[:LOWEST]
    if worst:
        yield f"## The {len(worst)} weakest places"
        yield ""
        yield (
            "Sets, slices and labels of all tasks by the better end of their interval: what is surely bad "
            "comes first, however few rows it has."
        )
        yield ""
        cells = [
            [f"{p.task}, {p.kind}", p.name, called(p.figure), shown(p.found), f"{p.found.n:,}"] for p in worst
        ]
        yield from markdown(["task", "where", "figure", "value", "n"], cells)
        yield ""


def _task(kind: str, told: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {kind.capitalize()}"
    yield ""
    parts = _parts(told)
    yield from figures("set", [(part["name"], part) for part in parts])
    yield ""
    whole = told["pooled"] or told["files"][0]
    for field, values in whole["slices"].items():
        many = [pair for pair in values.items() if pair[1]["rows"] >= FEWEST]
        if many:
            yield from figures(field, many)
            yield ""
        if len(many) < len(values):
            yield f"{field}: {len(values) - len(many)} with fewer than {FEWEST} rows stand in the JSON."
            yield ""
    if whole.get("groups"):
        names = list(dict.fromkeys(name for each in whole["groups"].values() for name in each))
        rows = [
            [label, *(f"{shown(figure_of(each[name]))} n {each[name]['n']:,}" for name in names)]
            for label, each in whole["groups"].items()
        ]
        yield from markdown(["", *map(called, names)], rows)
        yield ""


def figures(title: str, found: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """One line for each."""
    told = [{name: figure_of(value) for name, value in each["figures"].items()} for _, each in found]
    names = columns(told)
    rows = [
        [name, f"{each['rows']:,}", *(shown(values[key]) for key in names)]
        for (name, each), values in zip(found, told, strict=True)
    ]
    yield from markdown([title, "n", *map(called, names)], rows)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
