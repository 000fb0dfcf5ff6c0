"""From files and generators to rows that train and rows that are held back."""

import hashlib
import importlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from waypost.errors import EngineError
from waypost.train.own import all_domains, read_own
from waypost.train.progress import Progress
from waypost.train.recipe import Course, Emphasis, Generated
from waypost.train.rows import Row
from waypost.train.sets import SETS, difficulties, load, missing
from waypost.train.texts import fewest, folded, is_validation, normal

_OPTIONS: Final = " A. "
"""What stands in front of the options of an exam question, where it shows them."""
_OWN: Final = "own:"


@dataclass(frozen=True, slots=True)
class Own:
    """A user's own files.

    Attributes:
        categories: whether domains that the head does not have may be added to it.
    """

    files: tuple[Path, ...] = ()
    categories: bool = False


@dataclass(frozen=True, slots=True)
class Corpus:
    """What there is to learn from and to measure with.

    Attributes:
        train: rows by set, in order.
        held: rows by set that training never sees: a fifth of each, and all of those that are left out.
        left_out: names of the sets that are left out.
        domains: what the domain head is to tell apart.
    """

    train: Mapping[str, Sequence[Row]]
    held: Mapping[str, Sequence[Row]]
    left_out: frozenset[str]
    domains: tuple[str, ...]


def prepare(course: Course, data: Path, own: Own, progress: Progress) -> Corpus:
    """Read everything once; a text stands in one set only, those that are left out first.

    Raises:
        EngineError: files are missing, all of them named; a file cannot be used; a name is unknown.
    """
    names = course.sets or tuple(SETS)
    if lacking := missing(data, names):
        listed = ", ".join(lacking)
        raise EngineError(f"{data} lacks {listed}; the data manifest is in waypost/train/sets.py")
    makers = _makers(course, data, names, own)
    families = {name: SETS[name].family for name in names if SETS[name].family}
    _known([*course.without, *(name for name, _ in course.weights)], [*makers, *families.values()])
    left_out = frozenset(n for n in makers if {n, families.get(n), _generator_of(n)} & {*course.without})
    rows = _made(makers, left_out, progress)
    weights = dict(course.weights)
    train: dict[str, list[Row]] = {}
    held: dict[str, list[Row]] = {}
    for name in makers:
        weight = weights.get(name, weights.get(_generator_of(name), 1.0))
        apart = [row for row in rows[name] if name in left_out or is_validation(row)]
        held[name] = fewest(apart, course.held, "held:")
        if name not in left_out and weight > 0:
            kept = [row for row in rows[name] if not is_validation(row)]
            train[name] = [replace(row, weight=_weight(row, weight, course.emphases)) for row in kept]
    domains = all_domains([row for name, made in rows.items() if name.startswith(_OWN) for row in made])
    return Corpus(train, held, left_out, domains)


def _weight(row: Row, weight: float, emphases: Sequence[Emphasis]) -> float:
    return math.prod((row.weight, weight, *(each.factor for each in emphases if each.suits(row))))


def _makers(course: Course, data: Path, names: Sequence[str], own: Own) -> dict[str, Callable[[], list[Row]]]:
    """What gives the rows of each set, by name."""
    hard = difficulties(data)
    makers: dict[str, Callable[[], list[Row]]] = {
        name: _reader(data, name, course.rows, hard) for name in names
    }
    for each in course.generated:
        makers[each.name] = _generator(each, course.recipe.seed)
    for path in own.files:
        name = f"{_OWN}{path.name.split('.')[0]}"
        if name in makers:
            raise EngineError(f"two files are called {name.removeprefix(_OWN)!r}; rename one")
        makers[name] = _owner(read_own(path, categories=own.categories))
    return makers


def _made(
    makers: Mapping[str, Callable[[], list[Row]]], left_out: frozenset[str], progress: Progress
) -> dict[str, list[Row]]:
    """Rows of every set, each text in the first that has it."""
    seen: set[str] = set()
    rows: dict[str, list[Row]] = {}
    for done, name in enumerate(sorted(makers, key=lambda name: name not in left_out), 1):
        kept = rows[name] = []
        for row in makers[name]():
            if (key := normal(row.text)) not in seen:
                seen.add(key)
                kept.append(row)
        progress.step(done, len(makers), name)
    return rows


def _reader(data: Path, name: str, most: int, hard: Mapping[str, float]) -> Callable[[], list[Row]]:
    def read() -> list[Row]:
        return [
            replace(row, difficulty=hard.get(normal(row.text.split(_OPTIONS)[0]))) if row.domain else row
            for row in fewest(load(data, name), most, "smoke:")
        ]

    return read


def _generator(made: Generated, seed: int) -> Callable[[], list[Row]]:
    """Rows of ours are harmless where nothing else is said."""

    def generate() -> list[Row]:
        module = importlib.import_module(f"waypost.train.synth.{made.module}")
        rows: list[Row] = getattr(module, made.function)(seed, made.count)
        return [folded(replace(row, attack=bool(row.attack))) for row in rows]

    return generate


def _owner(rows: list[Row]) -> Callable[[], list[Row]]:
    """Read before anything else: mistakes in them should be told at once."""
    return lambda: rows


def _generator_of(name: str) -> str:
    """`synth:benign` of `synth:benign:long_documents`: both are left out, and weighed, together."""
    return ":".join(name.split(":")[:2])


def _known(given: Sequence[str], names: Sequence[str]) -> None:
    known = sorted({*names, *map(_generator_of, names)})
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise EngineError(f"no set is called {name!r}; {hint}known: {', '.join(known)}")


def digest(sets: Mapping[str, Sequence[Row]]) -> str:
    """SHA-256 of all texts, labels and weights, in order; hex."""
    found = hashlib.sha256()
    for line in _lines(sets):
        found.update(line.encode())
    return found.hexdigest()


def _lines(sets: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    for name, rows in sets.items():
        yield f"{name}\n"
        for row in rows:
            marks = (
                None if row.personal is None else [(mark.start, mark.end, mark.type) for mark in row.personal]
            )
            labels = (row.source, row.domain, row.intent, row.difficulty, row.attack, row.kind, row.weight)
            yield json.dumps((row.text, *labels, marks, sorted(row.annotated))) + "\n"
