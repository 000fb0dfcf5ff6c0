r"""Personal data replaced by typed placeholders, `<EMAIL_1>`, in the client's own bytes.

Rule 1: pure; what was found comes in, edits and the way back go out. The way back never leaves the process.
Rule 2: what cannot be replaced exactly where it stands is reported, never passed over in silence.
Rule 3: numbers follow the first occurrence in the conversation, so a conversation that grows keeps them.
"""

import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, NamedTuple
from unicodedata import normalize

from waypost.dialects.restore import literals
from waypost.dialects.splice import Change, Path, Swap, path_of
from waypost.request.chat import Part
from waypost.signals.base import Span

MAX_VALUES: Final = 5_000
"""Most different values in one request; where more are found is reported as stuck."""

MAX_RESTORED: Final = 8_192
"""Longest value that is put back, in characters: an answer may name it thousands of times."""

_MAX_STEPS: Final = 200_000
"""Most escapes or JSON tokens of one text that are looked at one by one, about 0.1 s."""

_COMPARED: Final = 256
"""Longest value that is compared without regard to case and width."""

_SHORT: Final = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SSN",
    "UK_NINO": "NINO",
    "STREET_ADDRESS": "ADDRESS",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "US_PASSPORT": "PASSPORT",
    "US_DRIVER_LICENSE": "LICENSE",
}
"""What a model reads instead of Presidio's name; other types by their own name."""

_EXACT: Final = frozenset({"API_KEY"})
"""Types whose values differ when only their case differs."""


@dataclass(frozen=True, slots=True)
class Find:
    """Personal data in one text.

    Attributes:
        part: as the request has it; it may be a second reading of others.
        spans: offsets into its text, in any order; they may overlap.
    """

    part: Part
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Masked:
    """What becomes of a request.

    Attributes:
        edits: for its body; one for each text.
        values: what each placeholder stands for, as first written.
        counts: places replaced, by type.
        stuck: JSON paths of texts that hold what was found and cannot be edited, in order; if there are any,
            the request is not masked.
    """

    edits: tuple[Swap, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    stuck: tuple[str, ...] = ()


def mask(finds: Iterable[Find], parts: Sequence[Part], *, restore: bool) -> Masked:
    """Replace what was found.

    A find in a second reading (escapes decoded, parts of a message joined) is led back to where it stands.
    In the arguments of a tool call a placeholder is a JSON string, a number included. In the `name` of a
    message it has no brackets, which providers refuse there. Names of tools and ids are never edited: they
    tie messages together.

    Args:
        finds: in any order.
        parts: all of the request, second readings included, in order.
        restore: values will be put back, so placeholders that the client wrote itself are not given out.
            Without it they mean what they meant in an earlier answer.
    """
    numbers = _Numbers({name for part in parts for name in literals(part.text)} if restore else set())
    places = _Places(parts)
    stuck: dict[str, None] = {}
    for find in finds:
        if find.spans and not places.note(find):
            stuck[find.part.where] = None
    edits: list[Swap] = []
    counts: Counter[str] = Counter()
    for part, spans in places.noted():
        path = _editable(part)
        pieces = None if path is None else _pieces(part, united(spans))
        changes = None if pieces is None else numbers.changes(pieces, bare=_is_name(part))
        if path is None or pieces is None or changes is None:
            stuck[part.where] = None
        elif changes:
            edits.append(Swap(path, changes))
            counts.update(piece.type for piece in pieces)
    return Masked(tuple(edits), numbers.values, dict(counts), tuple(stuck))


_TIES: Final = re.compile(
    r"(?:messages\[\d+\]\.)?(?:tool_call_id|tool_calls\[\d+\]\.id"
    r"|(?:(?:tool_calls|tools|functions)\[\d+\]|function_call|tool_choice)(?:\.(?:function|custom))?\.name)"
    r"|response_format\.json_schema\.name",
    re.ASCII,
)
_SPEAKER: Final = re.compile(r"messages\[\d+\]\.name", re.ASCII)


def _editable(part: Part) -> Path | None:
    """Where in the body a text stands, if it may be another."""
    return None if _TIES.fullmatch(part.where) else path_of(part.where)


def _is_name(part: Part) -> bool:
    return _SPEAKER.fullmatch(part.where) is not None


def united(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap as one; its type is that of the longest, its score the best."""
    found: list[Span] = []
    longest = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.type)):
        length = span.end - span.start
        if found and span.start < found[-1].end:
            last = found[-1]
            kind = span.type if length > longest else last.type
            longest = max(longest, length)
            found[-1] = Span(kind, last.start, max(last.end, span.end), max(last.score, span.score))
        else:
            found.append(span)
            longest = length
    return found


# --- numbers ----------------------------------------------------------------------------------------------


class _Piece(NamedTuple):
    """Characters to replace.

    Attributes:
        value: what they mean.
        quoted: the placeholder needs quotes of its own.
    """

    type: str
    start: int
    end: int
    value: str
    quoted: bool = False


class _Numbers:
    """Gives out placeholders."""

    def __init__(self, written: set[str]) -> None:
        self._written = written
        self._given: dict[str, str] = {}
        self._last: Counter[str] = Counter()
        self.values: dict[str, str] = {}

    def changes(self, pieces: Iterable[_Piece], *, bare: bool) -> tuple[Change, ...] | None:
        """The changes of one text; None when there are too many values."""
        made: list[Change] = []
        for piece in pieces:
            placeholder = self._placeholder(piece)
            if placeholder is None:
                return None
            text = placeholder[1:-1] if bare else placeholder
            made.append(Change(piece.start, piece.end, f'"{text}"' if piece.quoted else text))
        return tuple(made)

    def _placeholder(self, piece: _Piece) -> str | None:
        same = _compared(piece)
        if same not in self._given:
            if len(self._given) == MAX_VALUES:
                return None
            self._given[same] = placeholder = self._next(piece.type)
            if len(piece.value) <= MAX_RESTORED:
                self.values[placeholder] = piece.value
        return self._given[same]

    def _next(self, kind: str) -> str:
        name = _NOT_A_NAME.sub("_", _SHORT.get(kind, kind).upper()).strip("_") or "DATA"
        while True:
            self._last[name] += 1
            placeholder = f"<{name}_{self._last[name]}>"
            if placeholder not in self._written:
                return placeholder


_NOT_A_NAME: Final = re.compile("[^A-Z0-9]+")


def _compared(piece: _Piece) -> str:
    """What two spellings of one value have in common."""
    if piece.type in _EXACT or len(piece.value) > _COMPARED:
        return piece.value
    plain = normalize("NFKC", normalize("NFKC", piece.value).casefold())
    return _GROUPING.sub("", plain) if piece.type in _GROUPED else " ".join(plain.split())


_GROUPED: Final = frozenset({
    "CREDIT_CARD", "IBAN_CODE", "US_SSN", "UK_NINO", "BANK_ACCOUNT", "PHONE_NUMBER",
})  # fmt: skip
"""Numbers that people group as they like."""

_GROUPING: Final = re.compile(r"[\s./()-]+")


# --- where a find stands ----------------------------------------------------------------------------------


class _Places:
    """Texts of a request and what was found in them."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = {part.where: part for part in parts if part.is_readable and not part.again}
        self._found: dict[str, list[Span]] = {}
        self._joined: dict[str, list[Part]] = {}
        for part in self._parts.values():
            if part.kind == "text" and (message := _IN_LIST.match(part.where)):
                self._joined.setdefault(message[1], []).append(part)

    def note(self, find: Find) -> bool:
        """Keep what was found, led back to texts as sent; False if that cannot be done."""
        part = find.part
        if not all(0 <= span.start < span.end <= len(part.text) for span in find.spans):
            return False
        if part.again:
            sent = self._unescaped(find) if part.where.endswith(_UNESCAPED) else self._unjoined(find)
        else:
            sent = [(part.where, span) for span in find.spans] if part.where in self._parts else None
        for where, span in sent or ():
            self._found.setdefault(where, []).append(span)
        return sent is not None

    def noted(self) -> Iterator[tuple[Part, list[Span]]]:
        """Texts in which something was found, in the order of the request."""
        return ((part, self._found[where]) for where, part in self._parts.items() if where in self._found)

    def _unescaped(self, find: Find) -> list[tuple[str, Span]] | None:
        """Spans of a text with its escapes decoded, once or several times."""
        where = find.part.where.removesuffix(_UNESCAPED)
        part = self._parts.get(where)
        text = part.text if part else ""
        levels: list[_Escapes] = []
        while text != find.part.text:
            escapes = _Escapes.of(text) if len(levels) < _LEVELS else None
            if escapes is None:
                return None
            levels.append(escapes)
            text = escapes.text
        spans = list(find.spans)
        for escapes in reversed(levels):
            spans = [Span(span.type, *escapes.original(span), span.score) for span in spans]
        return [(where, span) for span in spans]

    def _unjoined(self, find: Find) -> list[tuple[str, Span]] | None:
        """Spans of the parts of a message that were joined by one character each."""
        message = _IN_LIST.match(f"{find.part.where}[0]")
        joined = self._joined.get(message[1], []) if message else []
        if _JOINT.join(part.text for part in joined) != find.part.text:
            return None
        starts = [0, *accumulate(len(part.text) + 1 for part in joined)]
        return [
            (joined[at].where, Span(span.type, start, end, span.score))
            for span in find.spans
            for at in range(bisect_right(starts, span.start) - 1, bisect_left(starts, span.end))
            if (start := max(span.start - starts[at], 0))
            < (end := min(span.end - starts[at], len(joined[at].text)))
        ]


_UNESCAPED: Final = " (unescaped)"
_LEVELS: Final = 3
_IN_LIST: Final = re.compile(r"(messages\[\d+\]|prediction)(?:\..*)?\.content\[\d+\]", re.ASCII)
_JOINT: Final = "\u200b"
_HEX: Final = "[0-9a-fA-F]"
_ESCAPE: Final = re.compile(
    rf'\\(?:u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}|u{_HEX}{{4}}|["\\/bfnrt])'
)
_LONE: Final = re.compile("[\ud800-\udfff]")


class _Escapes(NamedTuple):
    """A text with its JSON escapes decoded, and the way back.

    A lone half of an emoji counts as one character, as in the reading.

    Attributes:
        places: of the escapes in `text`.
        spans: of the same escapes in the text as it was.
    """

    text: str
    places: list[int]
    spans: list[tuple[int, int]]

    @classmethod
    def of(cls, text: str) -> "_Escapes | None":
        """None where there are too many to look at."""
        out: list[str] = []
        places: list[int] = []
        spans: list[tuple[int, int]] = []
        done = shift = 0
        for found in _ESCAPE.finditer(text):
            start, end = found.span()
            out += text[done:start], _decoded(found[0])
            places.append(start - shift)
            spans.append((start, end))
            shift += end - start - 1
            done = end
            if len(spans) > _MAX_STEPS:
                return None
        return cls("".join((*out, text[done:])), places, spans)

    def original(self, span: Span) -> tuple[int, int]:
        """Where characters stood before, escapes whole."""
        return self._before(span.start)[0], self._before(span.end - 1)[1]

    def _before(self, offset: int) -> tuple[int, int]:
        at = bisect_right(self.places, offset) - 1
        if at < 0:
            return offset, offset + 1
        if self.places[at] == offset:
            return self.spans[at]
        place = self.spans[at][1] + offset - self.places[at] - 1
        return place, place + 1

    def widened(self, start: int, end: int) -> tuple[int, int]:
        """Offsets before decoding, moved apart where they cut an escape in two."""
        first = bisect_right(self.spans, (start, start)) - 1
        if first >= 0 and self.spans[first][0] < start < self.spans[first][1]:
            start = self.spans[first][0]
        last = bisect_right(self.spans, (end, end)) - 1
        if last >= 0 and self.spans[last][0] < end < self.spans[last][1]:
            end = self.spans[last][1]
        return start, end


def _decoded(escapes: str) -> str:
    """What stands between quotes in JSON; half an emoji cannot be written anywhere."""
    return _LONE.sub("\ufffd", json.loads(f'"{escapes}"', strict=False))


# --- JSON in a string -------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"|[^\s,:\[\]{}"]++', re.DOTALL)
_SPACES: Final = re.compile(r"(?:\s|\\[bfnrt])++")
_WORDS: Final = frozenset({"true", "false", "null"})


def _pieces(part: Part, spans: Sequence[Span]) -> list[_Piece] | None:
    """What is to be replaced in a text; None where there is too much to look at."""
    text = part.text
    if not part.where.endswith(".arguments") or not _is_json(text):
        return [_Piece(s.type, s.start, s.end, text[s.start : s.end]) for s in spans]
    found: list[_Piece] = []
    at = 0
    for steps, token in enumerate(_TOKEN.finditer(text)):
        if steps > _MAX_STEPS:
            return None
        while at < len(spans) and spans[at].end <= token.start():
            at += 1
        behind = bisect_left(spans, token.end(), lo=at, key=lambda span: span.start)
        inside = _in_token(token, spans[at:behind]) if at < behind else []
        if inside is None:
            return None
        found += inside
    return found


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False


def _in_token(token: re.Match[str], spans: Sequence[Span]) -> list[_Piece] | None:
    """The parts of a string, or the whole number, that spans touch; punctuation is no find."""
    if token.lastindex is None:
        number = _Piece(spans[0].type, *token.span(), token[0], quoted=True)
        return [] if token[0] in _WORDS else [number]
    escapes = _Escapes.of(token[1])
    if escapes is None:
        return None
    first, last = token.span(1)
    pieces: list[_Piece] = []
    done = 0
    for span in spans:
        start, end = escapes.widened(max(span.start, first) - first, min(span.end, last) - first)
        start = max(start, done)
        if spaces := _SPACES.match(token[1], start, end):
            start = spaces.end()
        if start < end:
            value = _decoded(token[1][start:end])
            pieces.append(_Piece(span.type, first + start, first + end, value))
            done = end
    return pieces
