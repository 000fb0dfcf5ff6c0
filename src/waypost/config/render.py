"""Problems as text: message, place, the line with a caret, what to do. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from waypost.errors import Problem

WIDTH: Final = 100
"""Characters of a source line that are shown."""


def render(problems: Sequence[Problem], sources: Mapping[str, str]) -> str:
    """All problems, an empty line between two; `sources` as `Loaded` and `ConfigError` carry them."""
    lines = {file: text.splitlines() for file, text in sources.items()}
    return "\n\n".join("\n".join(_one(problem, lines.get(problem.file, ()))) for problem in problems)


def _one(problem: Problem, lines: Sequence[str]) -> Iterator[str]:
    yield _visible(f"{problem.severity}: {problem.message}")
    margin = " " * len(str(problem.line))
    where = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    yield _visible(f"{margin}--> {where}" + (f"  ({problem.path})" if problem.path else ""))
    if 0 < problem.line <= len(lines):
        line, column = _window(lines[problem.line - 1], problem.column)
        yield f"{margin} |"
        yield f"{problem.line} | {_visible(line)}".rstrip()
        yield f"{margin} | {' ' * (column - 1)}^"
    if problem.help:
        yield _visible(f"{margin} = help: {problem.help}")


def _window(line: str, column: int) -> tuple[str, int]:
    """The stretch of a long line around a column, and the column in it."""
    start = max(0, min(column - WIDTH // 2, len(line) - WIDTH))
    cut = line[start : start + WIDTH]
    if start:
        cut = "…" + cut[1:]
    if start + WIDTH < len(line):
        cut = cut[:-1] + "…"
    return cut, column - start


def _visible(text: str) -> str:
    """Without characters that would move the cursor or colour the terminal."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "�" for c in text)


def brief(problem: Problem) -> str:
    """One line: `waypost.yaml:3:7: warning: …`."""
    where = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    return _visible(f"{where}: {problem.severity}: {problem.message}")
