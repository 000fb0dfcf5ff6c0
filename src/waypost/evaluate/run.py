"""An evaluation from samples to a report: every sample of every source asked, measured in several cuts."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Generic

from waypost.encoder.engine import Encoder
from waypost.encoder.manifest import Artefact
from waypost.errors import ConfigError, EngineError, Problem
from waypost.evaluate.files import BadRowError, Problems, Row, rows, spread
from waypost.evaluate.task import A, Measured, S, Task

MOST_SLICES: Final = 100
"""Most values of a field by which rows are told apart; one with more is an id, not a kind."""

POOLED: Final = "all files"
_AHEAD: Final = 4
"""Samples waiting for each thread, so that none of them is idle and few texts are in memory."""

On = Callable[[int, int], None]
"""Told how many samples are done, of how many."""


@dataclass(frozen=True, slots=True)
class Case(Generic[S]):
    """A sample in its place.

    Attributes:
        place: file and line, for complaints.
        slices: values of the fields it is reported under.
    """

    place: str
    sample: S
    slices: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Source(Generic[S]):
    """Samples that are reported together.

    Attributes:
        count: how many `cases` yields.
        cases: may be called once; nothing needs to be in memory before.
        unlabelled: rows beside them that say nobody knows the answer.
    """

    name: str
    count: int
    cases: Callable[[], Iterable[Case[S]]]
    unlabelled: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """What one source amounts to, or all of them together.

    Attributes:
        slices: by field and value.
    """

    name: str
    whole: Measured
    slices: Mapping[str, Mapping[str, Measured]] = field(default_factory=dict[str, Mapping[str, Measured]])
    unlabelled: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A finished evaluation.

    Attributes:
        model: name, version and sha256 of the artefact, and of its calibration, which may change by itself.
        settings: what else the figures depend on.
        pooled: all parts as one, each row with the same weight; None for a single one.
    """

    task: str
    model: Mapping[str, str]
    settings: Mapping[str, Any]
    parts: tuple[Part, ...]
    pooled: Part | None


def evaluate(
    task: Task[S, A], sources: Sequence[Source[S]], encoder: Encoder, on: On = lambda _done, _total: None
) -> Report:
    """Ask everything and measure it.

    Raises:
        EngineError: the engine has no answer; with file and line.
    """
    total = sum(source.count for source in sources)
    done = 0
    parts: list[Part] = []
    every: list[tuple[A, Mapping[str, str]]] = []
    threads = encoder.settings.threads or 1
    for source in sources:
        answers: list[A] = []
        cuts: list[Mapping[str, str]] = []
        for case, answer in _asked(task, source.cases(), threads):
            answers.append(answer)
            cuts.append(case.slices)
            done += 1
            on(done, total)
        told = list(zip(task.finish(answers), cuts, strict=True))
        every += told
        parts.append(_part(task, source.name, told, source.unlabelled))
    unlabelled = sum(source.unlabelled for source in sources)
    pooled = _part(task, POOLED, every, unlabelled) if len(parts) > 1 else None
    return Report(task.name, identity(encoder.artefact), task.settings, tuple(parts), pooled)


def identity(artefact: Artefact) -> dict[str, str]:
    """What the figures of a report belong to."""
    calibration = sha256(repr(artefact.heads).encode()).hexdigest()
    return {
        "name": artefact.name,
        "version": artefact.version,
        "sha256": artefact.sha256,
        "calibration": calibration,
    }


def from_files(
    task: Task[S, A], paths: Sequence[Path], by: Sequence[str] = (), limit: int | None = None
) -> list[Source[S]]:
    """Sources of labelled files, checked from the first line to the last; they are read again when asked.

    Args:
        task: whose fields the rows must have.
        paths: one source each.
        by: fields to report by; empty = those of the task, where a file has them.
        limit: most rows of a file, evenly spread over it.

    Raises:
        ConfigError: with every row that cannot be used, or a file that has none.
    """
    problems = Problems()
    sources = [_from_file(task, path, tuple(by), limit, problems) for path in paths]
    problems.raise_any()
    for field_ in by:
        if not any(field_ in source.fields for source in sources):
            known = ", ".join(sorted(frozenset[str]().union(*(source.fields for source in sources))))
            problem = Problem(
                str(paths[0]), 0, 0, field_, f"no row has a field {field_!r}", f"rows have {known}"
            )
            raise ConfigError([problem])
    return [source.made for source in sources]


@dataclass(frozen=True, slots=True)
class _Checked(Generic[S]):
    made: Source[S]
    fields: frozenset[str]


def _from_file(
    task: Task[S, A], path: Path, by: tuple[str, ...], limit: int | None, problems: Problems
) -> _Checked[S]:
    """Read a file once to check it; what is kept of it is how many rows it has."""
    fields: set[str] = set()
    values: dict[str, set[str]] = {name: set() for name in by or task.slices}
    usable = unlabelled = 0
    own = Problems()
    for row in rows(path, own):
        fields.update(row.values)
        for name, known in values.items():
            if len(known) <= MOST_SLICES:
                known.add(_slice(row, name))
        sample = _sample(task, row, own)
        usable += sample is not None
        unlabelled += sample is None
    if not own and not usable:
        what = "every row says that nobody knows the answer" if unlabelled else "no rows"
        own.add(str(path), 0, BadRowError("", f"nothing to evaluate: {what}"))
    wide = {name for name, known in values.items() if len(known) > MOST_SLICES}
    for name in wide.intersection(by):
        message = f"{name!r} has more than {MOST_SLICES} different values"
        own.add(str(path), 0, BadRowError(name, message, "report by a field that names kinds"))
    problems.join(own)
    kept = tuple(name for name in values if name in fields and name not in wide)
    chosen = spread(usable, limit)
    return _Checked(
        Source(str(path), len(chosen), partial(_cases, task, path, kept, chosen), unlabelled),
        frozenset(fields),
    )


def _cases(task: Task[S, A], path: Path, kept: tuple[str, ...], chosen: Sequence[int]) -> Iterator[Case[S]]:
    """The chosen ones of the rows that can be used, numbers ascending."""
    wanted = iter(chosen)
    following = next(wanted, None)
    number = 0
    for row in rows(path, Problems()):
        sample = task.read(row)
        if sample is None:
            continue
        if number == following:
            yield Case(f"{row.file}:{row.line}", sample, {name: _slice(row, name) for name in kept})
            following = next(wanted, None)
        number += 1


def _sample(task: Task[S, A], row: Row, problems: Problems) -> S | None:
    try:
        return task.read(row)
    except BadRowError as error:
        problems.add(row.file, row.line, error)
        return None


def _slice(row: Row, name: str) -> str:
    value = row.values.get(name)
    return "(none)" if value is None or value == "" else str(value)


def _asked(task: Task[S, A], cases: Iterable[Case[S]], threads: int) -> Iterator[tuple[Case[S], A]]:
    """Answers in the order of the cases, a few of them asked ahead."""
    waiting: deque[tuple[Case[S], Future[A]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for case in cases:
                waiting.append((case, pool.submit(task.ask, case.sample)))
                if len(waiting) > _AHEAD * threads:
                    yield _answered(*waiting.popleft())
            while waiting:
                yield _answered(*waiting.popleft())
        finally:
            for _, left in waiting:
                left.cancel()


def _answered(case: Case[S], future: "Future[A]") -> tuple[Case[S], A]:
    try:
        return case, future.result()
    except EngineError as error:
        raise EngineError(f"{case.place}: {error}") from error


def _part(task: Task[S, A], name: str, told: Sequence[tuple[A, Mapping[str, str]]], unlabelled: int) -> Part:
    fields = sorted({field_ for _, cut in told for field_ in cut})
    slices: dict[str, Mapping[str, Measured]] = {}
    for field_ in fields:
        groups: dict[str, list[A]] = {}
        for answer, cut in told:
            if field_ in cut:
                groups.setdefault(cut[field_], []).append(answer)
        if len(groups) > 1:
            slices[field_] = {value: task.measure(groups[value]) for value in sorted(groups)}
    return Part(name, task.measure([answer for answer, _ in told]), slices, unlabelled)
