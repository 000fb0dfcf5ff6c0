"""Files become one tree: read, includes followed, merged; and what in them must not be printed."""

import os
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from waypost.config.document import Mark, Node, parse
from waypost.config.secrets import blanked, secrets_in
from waypost.config.validate import found
from waypost.errors import Problem

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
"""Far above any policy written by people; a wrong path is refused at once."""


@dataclass(slots=True)
class Gathered:
    """What all files hold together.

    Attributes:
        root: top-level lists joined and maps merged in the order of the files; includes follow their file.
        complete: False when a file could not be read, so that names may be unknown for that reason alone.
        sources: text of each file, secrets blanked out.
        texts: text of each file as it is, by absolute path.
        secrets: texts that must not be printed -> what stands for them.
    """

    root: Node
    complete: bool = True
    problems: list[Problem] = field(default_factory=list[Problem])
    sources: dict[str, str] = field(default_factory=dict[str, str])
    texts: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    secrets: dict[str, str] = field(default_factory=dict[str, str])

    def masked(self, problem: Problem) -> Problem:
        """The problem without secrets in its words."""
        words = {name: self.mask(getattr(problem, name)) for name in ("message", "help", "path")}
        return replace(problem, **words)

    def mask(self, text: str) -> str:
        """`text` with every secret replaced, plain or as `repr` writes it."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            for spelling in {secret, repr(secret)[1:-1]}:
                if len(spelling) >= _SHORTEST:
                    text = text.replace(spelling, self.secrets[secret])
        return text


_SHORTEST: Final = 4
"""Shorter values are no secrets, and masking them would garble every message."""


def gather(
    paths: Sequence[Path], environ: Mapping[str, str], texts: Mapping[str, str] | None = None
) -> Gathered:
    """Read the files and what they include; from `texts`, by absolute path, where it is given."""
    gathered = Gathered(Node(Mark(str(paths[0]), 1, 1), {}))
    seen: set[str] = set()
    waiting: list[tuple[Path, Mark | None]] = [(path, None) for path in paths]
    while waiting:
        path, wanted_at = waiting.pop(0)
        at = wanted_at or Mark(str(path), 0, 0)
        full = os.path.abspath(path)  # noqa: PTH100  `resolve` fails on odd names and circular links
        if full in seen:
            gathered.problems.append(_problem(at, f"{str(path)!r} is read already", "name each file once"))
            continue
        seen.add(full)
        text = _text(path, at, gathered) if texts is None else texts.get(full)
        root = None if text is None else _tree(path, text, environ, gathered)
        gathered.texts[full] = text or ""
        if root is None:
            gathered.complete = False
            continue
        include = root.mapping.get("include")
        listed = [] if include is None else include.items or [include]
        inner = [
            (Path(os.path.normpath(path.parent / node.value)), node.at)
            for node in listed
            if isinstance(node.value, str) and not node.broken
        ]
        waiting[:0] = inner
        gathered.root = _merge(gathered.root, root, gathered.problems)
    return gathered


def _text(path: Path, at: Mark, gathered: Gathered) -> str | None:
    """The file's text; None after saying why there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = "is a folder, not a file" if path.is_dir() else f"cannot be read: {_reason(error)}"
        remedy = "`waypost init` writes one" if isinstance(error, FileNotFoundError) and not at.line else ""
        gathered.problems.append(_problem(at, f"{str(path)!r} {reason}", remedy))
        return None
    if len(data) > MAX_FILE_BYTES:
        remedy = "split it with `include`, if it is a configuration at all"
        gathered.problems.append(
            _problem(at, f"{str(path)!r} is larger than {MAX_FILE_BYTES:,} bytes", remedy)
        )
        return None
    try:
        return data.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        mark = Mark(str(path), before.count("\n") + 1, len(before) - before.rfind("\n"))
        gathered.problems.append(_problem(mark, "not UTF-8 text", "save the file as UTF-8"))
        return None


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "not a file name"


def _tree(path: Path, text: str, environ: Mapping[str, str], gathered: Gathered) -> Node | None:
    parsed = parse(text, str(path), environ)
    gathered.problems += parsed.problems
    gathered.secrets |= parsed.expanded
    root = parsed.root
    secrets = [] if root is None else list(secrets_in(root, text))
    gathered.secrets |= {
        secret.text: secret.shown for secret in secrets if secret.text not in gathered.secrets
    }
    is_mapping = root is not None and isinstance(root.value, dict)
    gathered.sources[str(path)] = blanked(text, [secret.span for secret in secrets], is_yaml=is_mapping)
    if root is None:
        return None
    if root.value is None:
        gathered.problems.append(
            _problem(root.at, "the file is empty", "`waypost init` writes a file to start from")
        )
        return None
    if not isinstance(root.value, dict):
        message = f"the file must be a mapping at the top, not {found(root)}"
        gathered.problems.append(_problem(root.at, message, "for example `providers:` with names below it"))
        return None
    return root


def _problem(at: Mark, message: str, remedy: str = "") -> Problem:
    return Problem(at.file, at.line, at.column, "", message, remedy)


def _merge(one: Node, other: Node, problems: list[Problem]) -> Node:
    """Lists are joined, maps merged; anything given twice is an error at its second place."""
    merged = dict(one.mapping)
    for key, node in other.mapping.items():
        mine = merged.get(key)
        if mine is None:
            merged[key] = node
        elif key == "include":
            merged[key] = replace(mine, value=[*(mine.items or [mine]), *(node.items or [node])])
        elif isinstance(mine.value, list) and isinstance(node.value, list):
            merged[key] = replace(mine, value=mine.value + node.value)
        elif isinstance(mine.value, dict) and isinstance(node.value, dict):
            for name in mine.value.keys() & node.value.keys():
                _twice(name, mine.value[name], node.value[name], problems)
            merged[key] = replace(mine, value=node.value | mine.value)
        else:
            _twice(key, mine, node, problems)
    return replace(one, value=merged)


def _twice(name: str, first: Node, second: Node, problems: list[Problem]) -> None:
    message = f"{name!r} is given in two files"
    problems.append(_problem(second.key or second.at, message, f"the first is at {first.key or first.at}"))
