"""Rows of a user's own: CSV, or JSON Lines, gzipped or not.

Columns are `text` and any of `domain`, `intent`, `difficulty`, `attack`, `spans`, `group`; an empty cell
is an unknown label, which trains nothing. Errors name file and line, and never the text.
"""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any, Final

from waypost.errors import EngineError
from waypost.train.rows import DOMAINS, INTENTS, PII_TYPES, Personal, Row
from waypost.train.sets import folded

COLUMNS: Final = ("text", "domain", "intent", "difficulty", "attack", "spans", "group", "id")
LEAST: Final = 10
"""Rows that a domain of one's own needs; a fifth of them is held back to measure it."""

_LABELS: Final = ("domain", "intent", "difficulty", "attack", "spans")
_TRUTH: Final = {"0": False, "1": True, "false": False, "true": True, "0.0": False, "1.0": True}


def read_own(path: Path, *, categories: bool = False) -> list[Row]:
    """Rows of one file, as the engine will see them, in its order.

    Types of personal data that the file marks nowhere count as unknown in it, unless it marks none at all:
    then its texts with empty `spans` are clean of every type.

    Args:
        path: `.csv`, `.jsonl` or `.jsonl.gz`.
        categories: names of domains that the head does not have become domains of its own.

    Raises:
        EngineError: with file, line and what to do.
    """
    rows = [folded(_row(path, line, cells, categories=categories)) for line, cells in _lines(path)]
    if not rows:
        raise EngineError(f"{path} has no rows")
    for name, count in Counter(row.domain for row in rows if row.domain).items():
        if name not in DOMAINS and count < LEAST:
            raise EngineError(f"{path}: domain {name!r} has {count} rows; it needs at least {LEAST}")
    marked = frozenset(mark.type for row in rows for mark in row.personal or ()) or frozenset(PII_TYPES)
    return [row if row.personal is None else replace(row, annotated=marked) for row in rows]


def all_domains(rows: Sequence[Row]) -> tuple[str, ...]:
    """The built-in domains and behind them those that only these rows have, sorted."""
    return (*DOMAINS, *sorted({row.domain for row in rows if row.domain} - set(DOMAINS)))


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Line numbers and cells."""
    kind = "".join(path.suffixes[-2:]).lower()
    try:
        if kind.endswith(".csv"):
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield from _table(path, file)
        elif kind.endswith(".jsonl.gz"):
            with gzip.open(path, "rt", encoding="utf-8") as file:
                yield from _objects(path, file)
        elif kind.endswith(".jsonl"):
            with path.open(encoding="utf-8") as file:
                yield from _objects(path, file)
        else:
            raise EngineError(f"{path} is neither .csv nor .jsonl nor .jsonl.gz")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise EngineError(f"{path} cannot be read: {error}") from error


def _table(path: Path, file: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(file, restkey="", restval="")
    try:
        for cells in reader:
            if "" in cells:
                raise EngineError(f"{path}:{reader.line_num}: more cells than the first line has columns")
            yield reader.line_num, cells
    except csv.Error as error:
        raise EngineError(f"{path}:{reader.line_num}: {error}") from error


def _objects(path: Path, file: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                cells = json.loads(line)
            except json.JSONDecodeError as error:
                raise EngineError(f"{path}:{number}: not JSON: {error.msg}") from error
            if not isinstance(cells, dict):
                raise EngineError(f"{path}:{number}: expected a JSON object")
            yield number, cells


def _row(path: Path, line: int, cells: Mapping[str, Any], *, categories: bool) -> Row:
    cell = _Cell(f"{path}:{line}", cells)
    for name in cells:
        if name not in COLUMNS:
            cell.refuse(f"unknown column {name!r}", str(name), COLUMNS)
    text = cells.get("text")
    if not isinstance(text, str) or not text.strip():
        raise EngineError(f"{cell.place}: `text` is missing or empty")
    if all(cell.value(name) is None for name in _LABELS):
        raise EngineError(f"{cell.place}: no label; give at least one of {', '.join(_LABELS)}")
    return Row(
        text,
        f"own:{path.name.split('.')[0]}",
        str(cell.value("group") or "="),
        cell.domain(categories=categories),
        cell.one_of("intent", INTENTS),
        cell.share("difficulty"),
        cell.truth("attack"),
        cell.spans(text),
    )


class _Cell:
    """The cells of one line, read strictly."""

    def __init__(self, place: str, cells: Mapping[str, Any]) -> None:
        self.place, self._cells = place, cells

    def refuse(self, problem: str, given: str, known: Sequence[str], more: str = "") -> None:
        """Complain, and name the nearest of what is known."""
        near = get_close_matches(given, known, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise EngineError(f"{self.place}: {problem}; {hint}known: {', '.join(known)}{more}")

    def value(self, name: str) -> Any:  # noqa: ANN401 - a cell
        """None where nothing is known; an empty list of spans is known."""
        value = self._cells.get(name)
        return value.strip() or None if isinstance(value, str) else value

    def domain(self, *, categories: bool) -> str | None:
        """A built-in domain, or any name where own ones are wanted; written as those are, in lower case."""
        given = self.value("domain")
        if given is None:
            return None
        name = " ".join(str(given).replace("_", " ").lower().split())
        if name not in DOMAINS and not categories:
            more = "; with --own-categories it becomes a domain of its own"
            self.refuse(f"unknown domain {given!r}", name, DOMAINS, more)
        return name

    def one_of(self, name: str, known: Sequence[str]) -> str | None:
        """One of the known labels."""
        given = self.value(name)
        if given is not None and given not in known:
            self.refuse(f"unknown {name} {given!r}", str(given), known)
        return given

    def share(self, name: str) -> float | None:
        """A number in [0, 1]."""
        given = self.value(name)
        if given is None:
            return None
        try:
            number = float(given)
        except (TypeError, ValueError):
            number = -1.0
        if not 0 <= number <= 1:
            raise EngineError(f"{self.place}: `{name}` must be a number from 0 to 1")
        return number

    def truth(self, name: str) -> bool | None:
        """0 or 1."""
        given = self.value(name)
        if given is None:
            return None
        if (known := _TRUTH.get(str(given).lower())) is None:
            raise EngineError(f"{self.place}: `{name}` must be 0 or 1")
        return known

    def spans(self, text: str) -> tuple[Personal, ...] | None:
        """Marks of personal data: a list of objects with start, end and label, in CSV as JSON."""
        given = self.value("spans")
        if given is None:
            return None
        try:
            marks = json.loads(given) if isinstance(given, str) else given
            found = [Personal(int(mark["start"]), int(mark["end"]), str(mark["label"])) for mark in marks]
        except (TypeError, ValueError, KeyError) as error:
            msg = f"{self.place}: `spans` must be a list of objects with start, end and label"
            raise EngineError(msg) from error
        for mark in found:
            if mark.type not in PII_TYPES:
                self.refuse(f"unknown type {mark.type!r}", mark.type, PII_TYPES)
            if not 0 <= mark.start < mark.end <= len(text):
                raise EngineError(f"{self.place}: span {mark.start}-{mark.end} is not inside the text")
        return tuple(sorted(found))
