"""Labelled files: JSON Lines, gzipped or not, checked before anything is asked of the engine.

A row that cannot be used is a problem with file and line, never left out in silence; all problems of a
file are found in one go.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeGuard

from waypost.errors import ConfigError, Problem

SHOWN: Final = 20
"""Different problems that are told."""

LONGEST: Final = 16 * 2**20
"""Most characters of one line: a file without line ends must not fill the memory."""


class BadRowError(Exception):
    """A row cannot be used; the reader turns it into a problem with file and line.

    Attributes:
        field: the field concerned.
        message: what is wrong, without the text of the row.
        help: what to do.
    """

    def __init__(self, name: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.field, self.message, self.help = name, message, remedy


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a file.

    Attributes:
        file: as the user named it.
        line: 1-based.
        header: the `_header` object in front of it, empty when there is none.
    """

    file: str
    line: int
    values: Mapping[str, Any]
    header: Mapping[str, Any]

    def value(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """A field that must be there.

        Raises:
            BadRowError: it is not.
        """
        if name not in self.values:
            near = get_close_matches(name, self.values, n=1)
            fields = ", ".join(sorted(self.values)) or "none"
            remedy = f"rename {near[0]!r}?" if near else f"the fields of this row are {fields}"
            raise BadRowError(name, f"no field {name!r}", remedy)
        return self.values[name]

    def text(self, name: str) -> str:
        """A field that must be a string with something in it.

        Raises:
            BadRowError: it is not.
        """
        value = self.value(name)
        if not isinstance(value, str) or not value.strip():
            raise BadRowError(name, f"{name!r} must be a text that is not empty")
        return value

    def flag(self, name: str) -> bool | None:
        """A field that must be 0 or 1, false or true; None = null, nobody knows.

        Raises:
            BadRowError: it is something else.
        """
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, int) or value not in {0, 1}:
            raise BadRowError(name, f"{name!r} must be 0 or 1", "write null where nobody knows")
        return bool(value)


@dataclass(slots=True)
class Problems:
    """What is wrong with the files: equal problems of one file are told once, where they come up first."""

    found: dict[tuple[str, str, str, str], tuple[int, int]] = field(
        default_factory=dict[tuple[str, str, str, str], tuple[int, int]]
    )
    """First line and number of rows, by file, field, message and help."""

    more: int = 0
    """Rows with problems beyond the first `SHOWN` different ones."""

    def add(self, file: str, line: int, error: BadRowError) -> None:
        """Count a problem."""
        key = (file, error.field, error.message, error.help)
        if key in self.found:
            first, count = self.found[key]
            self.found[key] = first, count + 1
        elif len(self.found) < SHOWN:
            self.found[key] = line, 1
        else:
            self.more += 1

    def join(self, other: "Problems") -> None:
        """Take over the problems of one file, `SHOWN` of each."""
        self.found |= other.found
        self.more += other.more

    def __bool__(self) -> bool:
        return bool(self.found)

    def raise_any(self) -> None:
        """End here if there were any.

        Raises:
            ConfigError: with all of them.
        """
        told = [
            Problem(file, line, 1, name, f"{message} (in {count:,} rows)" if count > 1 else message, remedy)
            for (file, name, message, remedy), (line, count) in self.found.items()
        ]
        if self.more:
            told.append(Problem(told[-1].file, 0, 0, "", f"{self.more:,} more rows cannot be used"))
        if told:
            raise ConfigError(told)


def rows(path: Path, problems: Problems) -> Iterator[Row]:
    """The objects of one file; what is no object is a problem.

    Raises:
        ConfigError: the file cannot be read at all.
    """
    name = str(path)
    header: Mapping[str, Any] = {}
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            read = _object(line)
        except BadRowError as error:
            problems.add(name, number, error)
            continue
        if "_header" in read:
            header = read["_header"] if _is_object(read["_header"]) else {}
        else:
            yield Row(name, number, read, header)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8") if _is_gzip(path) else path.open(encoding="utf-8") as file
        ):
            while line := file.readline(LONGEST):
                number += 1
                if len(line) == LONGEST and not line.endswith("\n"):
                    raise _unreadable(path, number, f"a line has more than {LONGEST:,} characters")
                yield number, line
    except OSError as error:
        raise _unreadable(path, number, error.strerror or str(error)) from error
    except (EOFError, zlib.error) as error:
        raise _unreadable(path, number + 1, "the gzipped data are damaged or cut short") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, number + 1, "not UTF-8 from here on") from error


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _object(line: str) -> Mapping[str, Any]:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", str(error))
        raise BadRowError("", f"not JSON: {reason}", "one object per line, as in JSON Lines") from None
    if not _is_object(read):
        raise BadRowError("", "not a JSON object", 'one per line: {"text": "...", ...}')
    return read


def _unreadable(path: Path, line: int, reason: str) -> ConfigError:
    return ConfigError([Problem(str(path), line, 1, "", f"cannot be read: {reason}")])


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, dict)


def spread(rows_: int, limit: int | None) -> Sequence[int] | range:
    """Which of so many rows are used: all, or `limit` of them evenly over the file.

    Files are often sorted by label, so the first rows would be of one kind.
    """
    if limit is None or limit >= rows_:
        return range(rows_)
    return [number * rows_ // limit for number in range(limit)]
