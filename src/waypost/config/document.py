"""YAML text as a tree in which every key and value knows where it stands.

Rule 1: positions and text only; what a key means is `schema.py`'s business.
Rule 2: a value from the environment is text for good: it is never read as YAML again.

Scalars follow the YAML 1.2 core schema: `on`, `no` and `12:30` are text, so they can be keywords.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import yaml

from waypost.errors import Problem

MAX_DEPTH: Final = 64
MAX_NODES: Final = 500_000
"""Values after aliases are followed; a larger document is an alias bomb, not a policy."""
MAX_PROBLEMS: Final = 1000
"""Further ones are left out: nobody reads them, and a file of the wrong kind has a million."""

Path = tuple[str | int, ...]
Scalar = str | int | float | bool | None

_LOADER: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # C is much faster; a build of PyYAML may lack it


_TAG: Final = ("tags such as !name are not used here", "remove it; a text that begins with ! needs quotes")


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; line and column are 1-based, columns count characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value.

    Attributes:
        key: where the key of this value stands; None in a list and at the top.
        span: characters of the file's text that write this scalar; empty for collections.
        key_span: those that write its key.
        anchor: where the content stands that an alias brought here.
        from_env: the environment gave a part of the text.
        broken: the value could not be read and a problem says so; nothing more is to be said about it.
        size: values in this subtree, aliases followed.
    """

    at: Mark
    value: "Scalar | list[Node] | dict[str, Node]"
    key: Mark | None = None
    span: tuple[int, int] = (0, 0)
    key_span: tuple[int, int] = (0, 0)
    anchor: Mark | None = None
    from_env: bool = False
    broken: bool = False
    size: int = 1

    @property
    def mapping(self) -> "dict[str, Node]":
        """The entries, or none where this is not a mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Node]":
        """The items, or none where this is not a list."""
        return self.value if isinstance(self.value, list) else []


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file holds.

    Attributes:
        root: None when the text is not YAML.
        expanded: values taken from the environment -> how the file writes them; not to be printed.
    """

    root: Node | None
    problems: list[Problem]
    expanded: Mapping[str, str]


def plain(node: Node) -> Scalar | list[Any] | dict[str, Any]:
    """The value as plain Python data."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def step(node: Node, element: str | int) -> Node | None:
    """One step down; None where there is nothing."""
    if isinstance(element, str):
        return node.mapping.get(element)
    return node.items[element] if element < len(node.items) else None


def written(path: Path) -> str:
    """A path as people write it: `routing_rules[3].conditions[0].keywords`."""
    text = "".join(f"[{e}]" if isinstance(e, int) else f".{_visible(e)}" for e in path)
    return text.removeprefix(".")


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)


class Findings:
    """Problems of one document, placed by path."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self._seen: set[Problem] = set()

    @property
    def failed(self) -> bool:
        """Whether an error was found."""
        return any(problem.severity == "error" for problem in self.problems)

    def error(self, path: Path, message: str, remedy: str = "", *, key: bool = False) -> None:
        """Add a problem that stops the load; it points at the value, or at its key."""
        self.add("error", path, message, remedy, key=key)

    def warn(self, path: Path, message: str, remedy: str = "") -> None:
        """Add a remark the operator should act on."""
        self.add("warning", path, message, remedy)

    def note(self, path: Path, message: str, remedy: str = "") -> None:
        """Add a remark that needs no action."""
        self.add("info", path, message, remedy)

    def add(self, severity: str, path: Path, message: str, remedy: str = "", *, key: bool = False) -> None:
        """Add a problem at the deepest place of `path` that the file has; silent about broken values."""
        node, alias = self.root, None
        for element in path:
            below = step(node, element)
            if below is None:
                key = True
                break
            node = below
            alias = alias or (node if node.anchor else None)
        if node.broken:
            return
        if node.key is not None and node.key.line < node.at.line:
            key = True  # a block below its key: the key is what the eye looks for
        mark = (node.key or node.at) if key else node.at
        if alias is not None and alias.anchor is not None:
            mark = alias.at
            remedy = f"{remedy + '; ' if remedy else ''}the block comes from {alias.anchor}"
        problem = Problem(mark.file, mark.line, mark.column, written(path), message, remedy, severity)
        if problem not in self._seen:
            self._seen.add(problem)
            self.problems.append(problem)

    def place(self, path: Path) -> Mark:
        """Where a value stands; its key where it has one."""
        node = self.root
        for element in path:
            node = step(node, element) or node
        return node.key or node.at


def parse(text: str, file: str, environ: Mapping[str, str]) -> Parsed:
    """Read one file; whatever the text holds, the answer is a tree or problems, never an exception."""
    reading = _Reading(file, environ)
    root: Node | None = None
    try:
        root = reading.tree(text)
    except _FatalError as fatal:
        reading.problems.append(fatal.problem)
    except yaml.MarkedYAMLError as error:
        reading.problems.append(_syntax(error, text, file))
    except yaml.reader.ReaderError as error:
        line, column = _line_column(text, error.position)
        message = "a control character cannot stand in YAML"
        reading.problems.append(
            Problem(file, line, column, "", message, 'remove it, or write it in double quotes as "\\xNN"')
        )
    return Parsed(root, reading.problems, reading.expanded)


class _FatalError(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


@dataclass(slots=True)
class _Frame:
    """A collection that is still open."""

    start: Mark
    value: "list[Node] | dict[str, Node]"
    anchor: str | None
    size: int = 1
    key: str | None = None
    key_at: Mark | None = None
    key_span: tuple[int, int] = (0, 0)
    merged: "list[Node]" = field(default_factory=list[Node])


class _Reading:
    """One pass over the events of a file.

    Events, not composed nodes: a composed alias has lost its place, and composing recurses as the file says.
    """

    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        self.file = file
        self.environ = environ
        self.problems: list[Problem] = []
        self.expanded: dict[str, str] = {}
        self.anchors: dict[str, Node | None] = {}
        self.frames: list[_Frame] = []
        self.root: Node | None = None

    def tree(self, text: str) -> Node:
        documents = 0
        loader = _LOADER(text)
        while loader.check_event():
            event = loader.get_event()
            at = Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self.problem(at, "a second YAML document starts here", "keep one document per file")
                        break
                case yaml.ScalarEvent():
                    self.scalar(event, at)
                case yaml.AliasEvent():
                    self.alias(event.anchor, at)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self.open(event, at)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self.close()
                case _:
                    pass
        return self.root or Node(Mark(self.file, 1, 1), None)

    def problem(self, at: Mark, message: str, remedy: str = "") -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            raise self.fatal(at, f"more than {MAX_PROBLEMS:,} problems; the rest of the file is not read")
        self.problems.append(Problem(at.file, at.line, at.column, written(self.path()), message, remedy))

    def fatal(self, at: Mark, message: str, remedy: str = "") -> _FatalError:
        return _FatalError(Problem(at.file, at.line, at.column, written(self.path()), message, remedy))

    def path(self) -> Path:
        steps = ((len(f.value) if isinstance(f.value, list) else f.key) for f in self.frames)
        return tuple(s for s in steps if s is not None)

    def wants_key(self) -> bool:
        return bool(self.frames) and isinstance(self.frames[-1].value, dict) and self.frames[-1].key is None

    def open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, at: Mark) -> None:
        if self.wants_key():
            raise self.fatal(at, "a list or mapping cannot be a key", "quote it if it is meant as text")
        if len(self.frames) >= MAX_DEPTH:
            raise self.fatal(at, f"nested more than {MAX_DEPTH} levels deep")
        if event.tag is not None:
            self.problem(at, *_TAG)
        value: list[Node] | dict[str, Node] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.frames.append(_Frame(at, value, event.anchor))
        if event.anchor:
            self.anchors[event.anchor] = None

    def close(self) -> None:
        frame = self.frames.pop()
        if isinstance(frame.value, dict):
            for child in (c for merged in frame.merged for c in merged.mapping.items()):
                frame.value.setdefault(*child)
        node = Node(frame.start, frame.value, size=frame.size)
        self.attach(node, frame.anchor)

    def scalar(self, event: yaml.ScalarEvent, at: Mark) -> None:
        if self.wants_key():
            if event.tag is not None:
                self.problem(at, *_TAG)
            frame = self.frames[-1]
            frame.key, frame.key_at = event.value, at
            frame.key_span = (event.start_mark.index, event.end_mark.index)
            return
        span = (event.start_mark.index, event.end_mark.index)
        node = Node(at, event.value, span=span)
        if event.tag not in {None, "!", "tag:yaml.org,2002:str"}:
            self.problem(at, *_TAG)
            node = replace(node, broken=True)
        elif "${" in event.value:
            node = self.expand(node)
        elif event.implicit[0] and event.tag is None:
            node = replace(node, value=_resolve(event.value))
        self.attach(node, event.anchor)

    def alias(self, name: str, at: Mark) -> None:
        target = self.anchors.get(name)
        if self.wants_key():
            raise self.fatal(at, "an alias cannot be a key")
        if name not in self.anchors:
            raise self.fatal(at, "this alias refers to nothing before it", "define it with & and its name")
        if target is None:
            raise self.fatal(at, "this alias stands inside the block it refers to")
        self.attach(replace(target, at=at, key=None, anchor=target.at), None)

    def attach(self, node: Node, anchor: str | None) -> None:
        if self.frames:
            frame = self.frames[-1]
            frame.size += node.size
            if frame.size > MAX_NODES:
                raise self.fatal(node.at, f"more than {MAX_NODES:,} values once aliases are followed")
            if isinstance(frame.value, list):
                frame.value.append(node)
            else:
                node = self.entry(frame, frame.value, node)
        else:
            self.root = node
        if anchor:
            self.anchors[anchor] = node

    def entry(self, frame: _Frame, entries: dict[str, Node], node: Node) -> Node:
        key, key_at = frame.key or "", frame.key_at
        node = replace(node, key=key_at, key_span=frame.key_span)
        if key == "<<":
            self.merge(frame, node)
        elif key in entries and key_at is not None:
            first = entries[key].key
            self.problem(key_at, f"key {key!r} is given twice", f"it stands at {first} already")
        else:
            entries[key] = node
        frame.key = frame.key_at = None
        return node

    def merge(self, frame: _Frame, node: Node) -> None:
        """`<<: *block`: entries that the mapping itself lacks, all standing where the alias stands."""
        for source in node.items or [node]:
            if not isinstance(source.value, dict):
                self.problem(source.at, "`<<` takes a mapping, usually an alias of one")
                return
            brought = {
                key: replace(c, at=source.at, key=source.at, anchor=source.anchor or c.at)
                for key, c in source.value.items()
            }
            frame.merged.append(Node(source.at, brought))

    def expand(self, node: Node) -> Node:
        """Put in `${VAR}` and `${VAR:-default}`; `$${` stands for a literal `${`."""
        broken = from_env = False
        pieces: list[str] = []
        for literal, name, default in _pieces(str(node.value)):
            if name is None:
                pieces.append(literal)
            elif name == "":
                broken = True
                remedy = "write ${VAR} or ${VAR:-default}; $${ stands for the characters ${ themselves"
                self.problem(node.at, "this ${ starts no variable", remedy)
            elif (value := self.environ.get(name)) or (value is not None and default is None):
                from_env = True
                self.expanded[value] = f"${{{name}}}"
                pieces.append(value)
            elif default is not None:
                pieces.append(default)
            else:
                broken = True
                remedy = f"export {name}=… or write ${{{name}:-default}}"
                self.problem(node.at, f"environment variable {name} is not set", remedy)
        value = node.value if broken else "".join(pieces)
        return replace(node, value=value, from_env=from_env, broken=broken)


_VARIABLE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


def _pieces(text: str) -> Iterator[tuple[str, str | None, str | None]]:
    """(literal, None, None) or ("", variable, default); the empty variable is a malformed one."""
    end = 0
    for found in _VARIABLE.finditer(text):
        yield text[end : found.start()], None, None
        if found[0] == "$${":
            yield "${", None, None
        else:
            yield "", found[1] or "", found[2]
        end = found.end()
    yield text[end:], None, None


_WORDS: Final[Mapping[str, Scalar]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def _resolve(text: str) -> Scalar:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    here = text.splitlines()[line : line + 1]
    rest = here[0][column:] if here else ""
    message, remedy = f"not valid YAML: {error.problem or error.context}", ""
    if rest.startswith("\t"):
        message, remedy = "a tab cannot indent YAML", "use spaces"
    elif here and re.search(r"[\[{,].*[^\"']\$\{", here[0]):
        remedy = 'inside { } or [ ] a variable needs quotes: "${VAR}"'
    elif "mapping values" in message:
        remedy = "quote a text that holds ': ', or check the indentation"
    return Problem(file, line + 1, column + 1, "", message, remedy)


def _line_column(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")
