"""Edits of a JSON body in its own bytes: what is not edited reaches the provider as the client wrote it.

Rule 1: all paths name places of the original body, so edits that do not touch each other have no order.
Rule 2: one walk over the body, and only into what a path leads to; the rest is skipped in C.
Rule 3: edits that contradict each other are refused, never settled by chance: a mask must not get lost.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from waypost.dialects.spans import key_at, malformed, value_end

Path = tuple[str | int, ...]
"""Names of members and numbers of list items, from the outside in: `("messages", 2, "content")`."""


@dataclass(frozen=True, slots=True)
class Put:
    """Overwrite a value, or add a member behind the others.

    Objects that are missing on the way, or null, are made; lists are not.

    Attributes:
        path: of the value; an item of a list must exist.
        value: what `json.dumps` takes.
    """

    path: Path
    value: object


@dataclass(frozen=True, slots=True)
class Drop:
    """Remove a member or a list item with its comma; what is not there stays away.

    What other edits change or drop inside it is gone with it.
    """

    path: Path


@dataclass(frozen=True, slots=True)
class Insert:
    """Add an item to the list at `path`.

    Attributes:
        path: of the list, which must exist.
        index: of the item it goes in front of, as the body came; the length of the list appends. Several at
            one index keep their order.
        value: what `json.dumps` takes.
    """

    path: Path
    index: int
    value: object


@dataclass(frozen=True, slots=True)
class Change:
    """Other text for a piece of a string.

    Attributes:
        start: offset in code points of the string as `json.loads` gives it.
        end: behind the piece; equal to `start`, the text is inserted there.
        text: what stands there then.
    """

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Swap:
    """Changes inside the string at `path`; what lies between them keeps its escapes.

    Two halves of an emoji that come to stand side by side are one character to whoever reads the result.
    """

    path: Path
    changes: tuple[Change, ...]


Edit = Put | Drop | Insert | Swap

_NAME: Final = r"[A-Za-z_$][\w$-]{0,63}"
_WHERE: Final = re.compile(rf"(?:{_NAME})?+(?:(?<=.)\.{_NAME}|\[(?:0|[1-9]\d{{0,8}})\])*+", re.ASCII)
_STEP: Final = re.compile(rf"{_NAME}|\d+", re.ASCII)
_PLAIN: Final = re.compile(_NAME, re.ASCII)

_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_NEXT: Final = re.compile(rb"[ \t\n\r]*+([,\]}])")
_RUN: Final = 64
"""So many plain items of a list are skipped at once."""
_SCALARS: Final = re.compile(
    rb'(?:(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s,\[\]{}":]++)[ \t\n\r]*+,[ \t\n\r]*+){%d}+' % _RUN, re.DOTALL
)

_HEX: Final = "[0-9a-fA-F]"
_PAIR: Final = rf"\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}"
_PIECES: Final = rf"[^\\]++|\\[^u]|{_PAIR}|\\u{_HEX}{{4}}|\\u"
_PIECE: Final = re.compile(_PIECES, re.DOTALL)
_BLOCK: Final = re.compile(rf"(?:{_PIECES}){{1,256}}+", re.DOTALL)
"""So many pieces of a string are measured at once; a piece is one escape or what stands between two."""


def splice(body: bytes, edits: Sequence[Edit]) -> bytes:
    """`body` with all edits made and every other byte as it was.

    New values are written as compact ASCII. Put and Drop of members may be applied again without effect;
    list items have other numbers afterwards.

    Args:
        body: JSON in UTF-8 that a parser has accepted.
        edits: in any order. What contradicts another one is refused: two different Puts of one place, any
            edit at or inside a place that is Put, a Put or Insert inside a place that is dropped.

    Raises:
        ValueError: edits contradict each other, or a path does not fit the body; so does one that names a
            key its object has twice. The message shows the path, never a value.
        RequestError: the body is not JSON where the walk comes by.
    """
    if not edits:
        return body
    root = _tree(edits)
    walk = _Walk(body)
    walk.value(_behind_space(body, 0), root)
    pieces: list[bytes] = []
    done = 0
    for start, end, text in walk.cuts:
        pieces += body[done:start], text
        done = end
    pieces.append(body[done:])
    return b"".join(pieces)


def path_of(where: str) -> Path | None:
    """The path of a `Part.where`, or None if it does not say where in the body its text stands.

    Such are places below a key that is not written out (`*`), keys themselves and second readings.
    """
    if not _WHERE.fullmatch(where):
        return None
    return tuple(int(step) if step.isdecimal() else step for step in _STEP.findall(where))


# --- edits as a tree --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    """What is to be done at one place of the body and below it."""

    path: Path
    put: bytes | None = None
    drop: bool = False
    inserts: dict[int, list[bytes]] = field(default_factory=dict[int, list[bytes]])
    changes: list[Change] | None = None
    below: "dict[str | int, _Node]" = field(default_factory=dict[str | int, "_Node"])
    found: bool = False  # while walking

    def error(self, what: str) -> ValueError:
        return ValueError(f"{_shown(self.path)} {what}.")


def _tree(edits: Iterable[Edit]) -> _Node:
    root = _Node(())
    for edit in edits:
        node = root
        for depth, step in enumerate(edit.path, 1):
            if isinstance(step, int) and step < 0:
                raise node.error("has items from 0 on only")
            node = node.below.setdefault(step, _Node(edit.path[:depth]))
        _note(node, edit)
    if root.drop:
        raise root.error("cannot be dropped")
    _adds(root)
    return root


def _note(node: _Node, edit: Edit) -> None:
    match edit:
        case Put():
            value = _json(edit.value)
            if node.put not in {None, value}:
                raise node.error("is put twice with different values")
            node.put = value
        case Drop():
            node.drop = True
        case Insert():
            node.inserts.setdefault(edit.index, []).append(_json(edit.value))
        case Swap():
            node.changes = [*(node.changes or ()), *edit.changes]
        case _:
            assert_never(edit)


def _adds(node: _Node) -> bool:
    """Whether something new is put here or below; refuses edits that contradict each other."""
    if node.put is not None and (node.drop or node.inserts or node.changes is not None or node.below):
        raise node.error("is put, and edited too")
    adds = [_adds(child) for child in node.below.values()]
    new = node.put is not None or bool(node.inserts) or any(adds)
    if node.drop and new:
        raise node.error("is dropped, and something is put into it")
    return new


def _made(node: _Node) -> bytes | None:
    """The value that the Puts make at and below a place that is not there; None when there are only Drops."""
    if node.put is not None or node.drop:
        return node.put
    if node.inserts or node.changes is not None:
        raise node.error("is not in the body")
    found = {name: value for name, child in node.below.items() if (value := _made(child)) is not None}
    if any(isinstance(name, int) for name in found):
        raise node.error("is not in the body, and lists are not made")
    return b"{%b}" % b",".join(_json(name) + b":" + value for name, value in found.items()) if found else None


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _shown(path: Path) -> str:
    """A path as `Part.where` has it: keys that may say anything are `*`."""
    shown = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step if _PLAIN.fullmatch(step) else '*'}"
        for step in path
    )
    return shown.removeprefix(".") or "The body"


# --- the walk ---------------------------------------------------------------------------------------------


class _Walk:
    """One pass over a body; `cuts` are spans of its bytes and what stands there instead, ascending."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.cuts: list[tuple[int, int, bytes]] = []

    def value(self, at: int, node: _Node) -> int:
        """Edit the value at `at`; says where it ended."""
        first = self._body[at : at + 1]
        if node.put is None and first == b"{":
            return self._elements(at, node, b"}")
        if node.put is None and first == b"[":
            return self._elements(at, node, b"]")
        end = value_end(self._body, at)
        text = node.put if node.put is not None else _scalar(self._body[at:end], node)
        if text is not None:
            self.cuts.append((at, end, text))
        return end

    def _elements(self, at: int, node: _Node, close: bytes) -> int:
        """Edit the object or list at `at`."""
        body, named = self._body, close == b"}"
        _check_kind(node, named=named)
        at = _behind_space(body, at + 1)
        row = _Row(body, self.cuts, at)
        marks = sorted({*node.inserts, *(name for name in node.below if isinstance(name, int))})
        count = 0
        while count or body[at : at + 1] != close:
            if not named and count % _RUN == 0 and row.is_level:
                at, count = _skip(body, at, count, marks)
            name, start = key_at(body, at) if named else (count, at)
            row.new += node.inserts.get(count, ())
            at = self._element(at, start, node.below.get(name), row)
            count += 1
            after = _NEXT.match(body, at)
            if not after or after[1] not in {b",", close}:
                raise malformed(at)
            if after[1] == close:
                at = after.start(1)
                break
            at = _behind_space(body, after.end())
        row.new += _behind(node, count, named=named)
        row.finish()
        return at + 1

    def _element(self, at: int, start: int, node: _Node | None, row: "_Row") -> int:
        """Edit the member or item at `at` whose value is at `start`."""
        if node is not None:
            if node.found:
                raise node.error("is there twice")
            node.found = True
            if node.drop:
                row.seen = value_end(self._body, start)
                return row.seen
        row.make_room(at)
        row.seen = row.stays = value_end(self._body, start) if node is None else self.value(start, node)
        return row.seen


class _Row:
    """The elements of one list or object, for the commas between what stays and what is new.

    Attributes:
        new: elements to write in front of the next that stays.
        seen: offset behind the last element.
        stays: offset behind the last element that stays.
    """

    def __init__(self, body: bytes, cuts: list[tuple[int, int, bytes]], start: int) -> None:
        self._body = body
        self._cuts = cuts
        self._start = self.seen = self.stays = start
        self.new: list[bytes] = []

    @property
    def is_level(self) -> bool:
        """Nothing came or went since the last element that stays."""
        return not self.new and self.stays == self.seen

    def make_room(self, at: int) -> None:
        """The element at `at` stays: write what is new in front of it, close the gap of what went."""
        if not self.is_level:
            if self.stays == self._start:
                text = b"".join(value + b"," for value in self.new)
            else:
                text = b"".join(b"," + value for value in self.new) + self._body[self.seen : at]
            self._cuts.append((self.stays, at, text))
            self.new = []

    def finish(self) -> None:
        """No element follows."""
        if not self.is_level:
            comma = b"," if self.new and self.stays != self._start else b""
            self._cuts.append((self.stays, self.seen, comma + b",".join(self.new)))


def _check_kind(node: _Node, *, named: bool) -> None:
    if node.changes is not None:
        raise node.error("is not a string")
    if named and node.inserts:
        raise node.error("is not a list")
    if any(isinstance(name, str) is not named for name in node.below):
        raise node.error("is an object, not a list" if named else "is a list, not an object")


def _behind(node: _Node, count: int, *, named: bool) -> list[bytes]:
    """What is new behind the `count` elements that are there."""
    if any(not 0 <= index <= count for index in node.inserts):
        raise node.error("is too short to insert there")
    new = list(node.inserts.get(count, ()))
    for name, child in node.below.items():
        if not child.found and (value := _made(child)) is not None:
            if not named:
                raise child.error("is not in the body")
            new.append(_json(name) + b":" + value)
    return new


def _skip(body: bytes, at: int, count: int, marks: Sequence[int]) -> tuple[int, int]:
    """Offset and number of an item further on, with nothing to do in front of it or at it.

    Args:
        body: to walk over.
        at: offset of an item.
        count: its number.
        marks: numbers of the items where there is something to do, ascending.
    """
    following = bisect_left(marks, count)
    until = marks[following] if following < len(marks) else len(body)
    while count + _RUN < until and (run := _SCALARS.match(body, at)):
        at = run.end()
        count += _RUN
    return at, count


def _behind_space(body: bytes, at: int) -> int:
    space = _SPACE.match(body, at)
    return space.end() if space else at


# --- strings ----------------------------------------------------------------------------------------------


def _scalar(written: bytes, node: _Node) -> bytes | None:
    if node.inserts:
        raise node.error("is not a list")
    if node.changes is not None and written[:1] != b'"':
        raise node.error("is not a string")
    if node.below and written != b"null":  # which says no more to a provider than a missing member
        raise node.error("has nothing inside")
    return _made(node) if node.changes is None else _changed(written, node, node.changes)


def _changed(written: bytes, node: _Node, changes: Sequence[Change]) -> bytes:
    """A JSON string with `changes` to what it says."""
    changes = sorted(changes, key=lambda change: (change.start, change.end))
    offsets = [offset for change in changes for offset in (change.start, change.end)]
    if offsets != sorted(offsets):
        raise node.error("has changes that overlap or end before they start")
    try:
        text = written.decode()
        places = list(_places(text, offsets))
    except ValueError:
        raise node.error("is not a valid string") from None  # whose own message quotes it
    if len(places) != len(offsets) or (offsets and offsets[0] < 0):
        raise node.error("has changes outside it")
    pieces: list[str] = []
    done = 0
    for change, start, end in zip(changes, places[::2], places[1::2], strict=True):
        pieces += text[done:start], json.dumps(change.text)[1:-1]
        done = end
    pieces.append(text[done:])
    return "".join(pieces).encode()


def _places(text: str, offsets: Sequence[int]) -> Iterator[int]:
    """Where the characters at `offsets` of what a JSON string says stand in `text`, how it is written.

    Blocks without an offset are measured in C, pieces of the others one by one.

    Args:
        text: the string with its quotes.
        offsets: ascending; those behind the end are left out.
    """
    waiting = iter(offsets)
    offset = next(waiting, None)
    count = 0
    inside = len(text) - 1
    for block in _BLOCK.finditer(text, 1, inside):
        size = len(json.loads(f'"{block[0]}"', strict=False))
        if offset is None:
            return
        if count + size <= offset:
            count += size
            continue
        for piece in _PIECE.finditer(text, block.start(), block.end()):
            size = 1 if piece[0][0] == "\\" else len(piece[0])
            while offset is not None and offset < count + size:
                yield piece.start() + offset - count
                offset = next(waiting, None)
            count += size
    while offset == count:
        yield inside
        offset = next(waiting, None)
