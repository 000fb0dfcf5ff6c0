"""What a signal reads: parts of a request chosen by scope, and their folded form.

Folding takes away what a reader does not see: case, compatibility forms, invisible characters, odd
white space. It can be undone for offsets, so evidence always points into the text as it was sent.

Rule 1: every text is cut only in front of characters that never join with what stands before them, so
folding the pieces equals folding the whole, and offsets are worked out only where somebody asks.
Rule 2: work is linear in the text, whatever the text is.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal
from unicodedata import combining, is_normalized, normalize

from waypost.request.chat import ChatRequest, Part

Scope = Literal["last_user", "user", "conversation", "all"]

MAX_WORK: Final = 64 * 2**20
"""Most text read of one request, in ASCII characters; what lies behind counts as unreadable."""

OTHER_SCRIPT: Final = 8
"""What a character of a text that is not all ASCII costs: folding it takes about that much longer."""


def read(request: ChatRequest, scope: Scope) -> tuple[Part, ...]:
    """Parts of a scope in order; those that cannot be read are among them."""
    return request.once(("read", scope), lambda: tuple(_bounded(_parts(request, scope))))


def _bounded(parts: Iterator[Part]) -> Iterator[Part]:
    left = MAX_WORK
    for part in parts:
        cost = 1 if part.text.isascii() else OTHER_SCRIPT
        if len(part.text) * cost > left:
            yield replace(part, text=part.text[: left // cost])
            yield Part("excess", "", part.where)
            return
        left -= len(part.text) * cost
        yield part


def _parts(request: ChatRequest, scope: Scope) -> Iterator[Part]:
    match scope:
        case "last_user":
            messages = [m for m in request.messages if m.role == "user"][-1:]
        case "user":
            messages = [m for m in request.messages if m.role == "user"]
        case "conversation":
            messages = [m for m in request.messages if m.role not in {"system", "developer"}]
        case "all":
            messages = request.messages
    for message in messages:
        yield from message.parts
        yield from _joined(message.parts)
    if scope == "all":
        yield from request.fields
        yield from _joined(part for part in request.fields if part.where.startswith("prediction."))


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """The text parts of a message, or of a predicted answer, as one.

    Servers join them, so a word may stand across two of them. Here a zero-width space joins them, which
    `readings` takes for nothing and for a space.
    """
    texts = [p for p in parts if p.kind == "text" and not p.again and _CONTENT.search(p.where)]
    if len(texts) > 1:
        where = _CONTENT.sub(".content", texts[0].where)
        yield Part("text", "\u200b".join(part.text for part in texts), where, again=True)


_CONTENT: Final = re.compile(r"\.content\[\d+\].*")


# Unicode 16, DerivedCoreProperties: Default_Ignorable_Code_Point; then controls that are not white space,
# and the interlinear annotation marks.
_DROPPED: Final = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufff9-\ufffb"
)
_WIDE_SPACES: Final = "\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SURROGATES: Final = "\ud800-\udfff"

# Characters that start afresh: no normalisation joins them with, or moves them across, what stands
# before. Letters and digits but conjoining jamo and half-width sound marks; visible ASCII; symbols.
_FRESH: Final = (
    "(?![\u1160-\u11ff\u3130-\u318f\ud7b0-\ud7fb\uff9e-\uffdc])"
    "[\\w!-~\u2010-\u2027\u2030-\u205e\u2100-\u2bff\u3001-\u3020\U0001f000-\U0001faff]"
)

_DROP: Final = re.compile(f"[{_DROPPED}]+")
_ODD: Final = re.compile(f"[{_DROPPED}{_WIDE_SPACES}{_SURROGATES}]")
_SURROGATE: Final = re.compile(f"[{_SURROGATES}]")
_SPACES: Final = re.compile(f"[\t-\r {_WIDE_SPACES}]{{2,}}|[\t-\r{_WIDE_SPACES}]")
_SEVERAL: Final = re.compile("  +")
_CUT: Final = re.compile(_FRESH)
_LONG: Final = re.compile(r"[^\w\s\x00-\x7f]{31,}")
_PIECE: Final = re.compile(
    rf"(?P<same>[!-~](?: ?[!-~])*(?=[\t-\r -~]|\Z))|[\t-\r {_WIDE_SPACES}](?:(?!{_FRESH}).)*"
    rf"|.(?:(?!{_FRESH}|[\t-\r {_WIDE_SPACES}]).)*",
    re.DOTALL,
)
_GLUE: Final = re.compile(rf"(?<=[^\W_])[{_DROPPED}]+(?=[^\W_])")

_FLAT: Final = bytes(32 if 9 <= c <= 13 else 0 if c < 32 or c == 127 else c for c in range(256))  # noqa: PLR2004
_FLAT_LOWER: Final = _FLAT.lower()
_BLOCK: Final = 512
_SMALL_BLOCK: Final = 64
_CACHED: Final = 8
_MARKS: Final = 30
"""Longest run of combining marks that is kept, as in UAX 15 Stream-Safe Text: sorting them is quadratic."""

_SAME, _CLUSTER, _FOLDED = range(3)
_Piece = tuple[int, int, int]
"""Where a stretch of folded text comes from: original start, original end, and whether it maps character by
character (_SAME), as one (_CLUSTER), or has to be looked into (_FOLDED)."""


@dataclass(frozen=True, eq=False)
class Folded:
    """A text without its disguises, and the way back.

    Attributes:
        text: the folded text.
        source: the text as sent.
        clean: nothing invisible was taken out.
    """

    text: str
    source: str
    clean: bool
    _starts: list[int] = field(repr=False)
    _pieces: list[_Piece] = field(repr=False)
    _inner: dict[int, "tuple[list[int], list[_Piece]]"] = field(repr=False)
    _case_sensitive: bool

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in `source` for offsets in `text`, end exclusive; widened to whole characters as sent."""
        if start >= end:
            place = self._span(start)[0] if start < len(self.text) else len(self.source)
            return place, place
        return self._span(start)[0], self._span(end - 1)[1]

    def _span(self, offset: int) -> tuple[int, int]:
        """Original span of one folded character."""
        block = bisect_right(self._starts, offset) - 1
        offset -= self._starts[block]
        first, last, how = self._pieces[block]
        if how == _FOLDED:
            starts, pieces = self._look_into(block)
            piece = bisect_right(starts, offset) - 1
            offset -= starts[piece]
            begin, end, how = pieces[piece]
            first, last = first + begin, first + end
        return (first + offset, first + offset + 1) if how == _SAME else (first, last)

    def _look_into(self, block: int) -> "tuple[list[int], list[_Piece]]":
        if block not in self._inner:
            first, last, _ = self._pieces[block]
            self._inner[block] = _walk(self.source[first:last], case_sensitive=self._case_sensitive)
        return self._inner[block]


@dataclass(slots=True)
class _Trail:
    """Folded text under construction, and where it comes from."""

    out: list[str]
    starts: list[int]
    pieces: list[_Piece]
    length: int = 0
    clean: bool = True

    def add(self, folded: str, first: int, last: int, how: int) -> None:
        if folded:
            self.out.append(folded)
            self.starts.append(self.length)
            self.pieces.append((first, last, how))
            self.length += len(folded)

    def collapse(self, flat: str, first: int) -> None:
        """Add text that maps one for one but for runs of spaces, which become one."""
        done = 0
        if "  " in flat:
            for run in _SEVERAL.finditer(flat):
                begin, end = run.span()
                self.add(flat[done:begin], first + done, first + begin, _SAME)
                self.add(" ", first + begin, first + end, _CLUSTER)
                done = end
            flat = flat[done:]
        self.add(flat, first + done, first + done + len(flat), _SAME)

    def end(self, source: str, *, case_sensitive: bool) -> Folded:
        return Folded("".join(self.out), source, self.clean, self.starts, self.pieces, {}, case_sensitive)


def fold(text: str, *, case_sensitive: bool = False) -> Folded:
    """Fold a text: NFKC, invisible characters out, white space to one space, case folded unless asked not to.

    Folding twice equals folding once. A lone surrogate becomes U+FFFD.
    """
    if text.isascii():
        flat = text.encode("ascii").translate(_FLAT if case_sensitive else _FLAT_LOWER).decode("ascii")
        if "\0" not in flat:
            trail = _Trail([], [], [])
            trail.collapse(flat, 0)
            return trail.end(text, case_sensitive=case_sensitive)
    trail = _Trail([], [], [])
    for first, last in _blocks(text, 0, len(text), _BLOCK):
        if _add_plain(trail, text, first, last, case_sensitive=case_sensitive):
            continue
        # One odd character should not make its whole block slow: try again with smaller ones.
        for begin, end in _blocks(text, first, last, _SMALL_BLOCK):
            if not _add_plain(trail, text, begin, end, case_sensitive=case_sensitive):
                trail.clean = trail.clean and _DROP.search(text, begin, end) is None
                folded = _fold_any(text[begin:end], case_sensitive=case_sensitive)
                trail.add(folded, begin, end, _FOLDED)
    return trail.end(text, case_sensitive=case_sensitive)


def readings(request: ChatRequest, text: str, *, case_sensitive: bool = False) -> tuple[Folded, ...]:
    """The folded text; and, where something invisible stood inside a word, the reading with a gap there.

    Both offer offsets into `text` as it was sent. Made once per request and text.
    """
    return request.once(
        ("fold", case_sensitive, text), lambda: tuple(_readings(text, case_sensitive=case_sensitive))
    )


def _readings(text: str, *, case_sensitive: bool) -> Iterator[Folded]:
    folded = fold(text, case_sensitive=case_sensitive)
    yield folded
    if not folded.clean:
        gapped = _GLUE.sub(lambda found: " " * len(found[0]), text)
        if gapped != text:
            yield fold(gapped, case_sensitive=case_sensitive)


def _blocks(text: str, first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut a text where cutting changes nothing; blocks are short unless it offers no such place."""
    while first < last:
        cut = _CUT.search(text, min(first + size, last), last)
        end = cut.start() if cut else last
        yield first, end
        first = end


def _add_plain(trail: _Trail, text: str, first: int, last: int, *, case_sensitive: bool) -> bool:
    """Fold a block that needs nothing but case and spaces, character by character; say no to any other."""
    block = text[first:last]
    if _ODD.search(block) or _LONG.search(block) or not is_normalized("NFKC", block):
        return False
    flat = block
    if not case_sensitive:
        flat = block.casefold()
        # Case folding never shortens a character, so equal length means one for one.
        if len(flat) != len(block) or not is_normalized("NFKC", flat):
            return False
    for space in "\t\n\v\f\r":
        flat = flat.replace(space, " ")
    trail.collapse(flat, first)
    return True


def _fold_any(block: str, *, case_sensitive: bool) -> str:
    if _ODD.search(block):
        block = _SPACES.sub(" ", _DROP.sub("", _SURROGATE.sub("\ufffd", block)))
    before = ""
    while block != before:
        before = block
        block = normalize("NFKC", _LONG.sub(_shorten, block))
        if not case_sensitive:
            block = normalize("NFKC", block.casefold())
    return _SPACES.sub(" ", block)


@lru_cache(maxsize=4096)
def _fold_short(cluster: str, *, case_sensitive: bool) -> str:
    return _fold_any(cluster, case_sensitive=case_sensitive)


def _shorten(run: re.Match[str]) -> str:
    """Keep at most `_MARKS` combining marks in a row."""
    kept: list[str] = []
    marks = 0
    for char in run[0]:
        marks = marks + 1 if combining(char) else 0
        if marks <= _MARKS:
            kept.append(char)
    return "".join(kept)


def _walk(block: str, *, case_sensitive: bool) -> "tuple[list[int], list[_Piece]]":
    """Where each stretch of a folded block comes from."""
    trail = _Trail([], [], [])
    for piece in _PIECE.finditer(block):
        first, last = piece.span()
        if piece["same"] is not None:
            trail.add(piece[0], first, last, _SAME)
        elif last - first <= _CACHED:
            trail.add(_fold_short(piece[0], case_sensitive=case_sensitive), first, last, _CLUSTER)
        else:
            trail.add(_fold_any(piece[0], case_sensitive=case_sensitive), first, last, _CLUSTER)
    return trail.starts, trail.pieces
