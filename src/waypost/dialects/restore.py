r"""Values put back into a provider's answer where the request said `<EMAIL_1>`: plain text, JSON and SSE.

Rule 1: sans-I/O. What changes nothing passes byte for byte; what is not understood passes as it came.
Rule 2: held back is only what may still become a placeholder that was given out, and never past the end of
what it stands in.
Rule 3: a value inside tool arguments is written as JSON text, so arguments stay what they were: JSON or not.

A placeholder is recognised in any case, with its brackets escaped for Markdown (`\<EMAIL\_1\>`), as HTML
entities (`&lt;EMAIL_1&gt;`) or, in JSON text, as `\u003cEMAIL_1\u003e`. White space inside the brackets
makes it another text: `a < b` would be held back for it. A value is written as it is, also into HTML.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, cast

from waypost.dialects.splice import Path, Put, splice
from waypost.errors import RequestError

MAX_EVENT: Final = 2**20
"""Longest SSE event that is looked into, in bytes; a longer one passes as it came."""

MAX_HELD: Final = 256
"""Most texts of one stream that are held back at a time; of more, placeholders may stay."""

_MAX_DEPTH: Final = 100


# --- how placeholders are spelled -------------------------------------------------------------------------

_ENTITIES: Final = (("&lt;", "&gt;"), ("&#60;", "&#62;"), ("&#x3c;", "&#x3e;"))


@dataclass(frozen=True, slots=True)
class _Spelling:
    r"""How a placeholder may be written in one kind of text.

    Attributes:
        brackets: pairs; an opening one needs its own closing one, else `C:\<PERSON_1>` would lose its
            backslash.
        escape: what Markdown needs in front of a bracket or underscore.
        pattern: groups in this order: the name in each pair of brackets; the beginning of a name behind each
            opening bracket, up to the end of the text; the beginning of an opening bracket. No group: an
            escape of JSON, whose second character begins nothing.
    """

    brackets: tuple[tuple[str, str], ...]
    escape: str
    pattern: re.Pattern[str]
    is_json: bool

    def written(self, value: str) -> str:
        """A value as this kind of text has it."""
        return json.dumps(value, ensure_ascii=False)[1:-1] if self.is_json else value


def _spelling(escape: str, *more: tuple[str, str], is_json: bool) -> _Spelling:
    brackets = (("<", ">"), (f"{escape}<", f"{escape}>"), *_ENTITIES, *more)
    underscore = f"(?:{re.escape(escape)})?_"
    name = f"([A-Z][A-Z0-9]*+(?:{underscore}[A-Z0-9]++)++)"
    begun = rf"((?:[A-Z0-9]|{underscore})*+)(?:[&\\][#\\A-Z0-9]{{0,8}})?\Z"
    heads = {opening[:end] for opening, _ in brackets for end in range(1, len(opening))}
    ways = [f"{re.escape(opening)}{name}{re.escape(closing)}" for opening, closing in brackets]
    ways += [f"{re.escape(opening)}{begun}" for opening, _ in brackets]
    ways.append(rf"((?:{'|'.join(map(re.escape, sorted(heads)))})\Z)")
    if is_json:
        ways.append(r"\\.")
    pattern = re.compile("|".join(ways), re.ASCII | re.IGNORECASE | re.DOTALL)
    return _Spelling(brackets, escape, pattern, is_json)


_TEXT: Final = _spelling("\\", is_json=False)
_JSON: Final = _spelling(
    "\\\\",
    # servers written in Go escape what HTML would read
    ("\\u003c", "\\u003e"),
    ("\\\\\\u003c", "\\\\\\u003e"),
    ("\\u0026lt;", "\\u0026gt;"),
    is_json=True,
)

_BEGINNING: Final = re.compile(r"[<&\\]")
_BEGINNING_IN_JSON: Final = re.compile(rb"[<&]|\\(?:\\|u00(?:3[cC]|26|5[cC]))")
"""Without one of these no placeholder is in a body: others of its characters do not open a bracket."""


def literals(text: str) -> frozenset[str]:
    """Placeholders that stand in a text, whatever their spelling, as `<NAME_1>`."""
    if not _BEGINNING.search(text):
        return frozenset()
    return frozenset(f"<{name}>" for spelling in (_TEXT, _JSON) for name in _names(text, spelling))


def _names(text: str, spelling: _Spelling) -> Iterator[str]:
    for found in spelling.pattern.finditer(text):
        if (group := found.lastindex) and group <= len(spelling.brackets):
            yield _plain(found[group])


def _plain(name: str) -> str:
    return name.replace("\\", "").upper()


class _Book:
    """The values of one request, by name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {placeholder[1:-1].upper(): value for placeholder, value in values.items()}
        self._names = sorted(self._values)

    def scan(self, text: str, spelling: _Spelling) -> tuple[str, str]:
        """The text with values put in, and its end as it is, if a placeholder may have begun there."""
        if not _BEGINNING.search(text):
            return text, ""
        pieces: list[str] = []
        done = at = 0
        while found := spelling.pattern.search(text, at):
            start, at = found.span()
            group = found.lastindex
            if group is None:
                continue
            if group <= len(spelling.brackets):
                value = self._values.get(_plain(found[group]))
                if value is not None:
                    pieces += text[done:start], spelling.written(value)
                    done = at
            elif self._may_become(found, spelling):
                return "".join((*pieces, text[done:start])), text[start:]
            else:  # its closing bracket may be the opening one of another
                at = start + (2 if spelling.is_json and text[start] == "\\" else 1)
        return "".join((*pieces, text[done:])), ""

    def restored(self, text: str, spelling: _Spelling) -> str:
        """A whole text with values put in."""
        return "".join(self.scan(text, spelling))

    def _may_become(self, found: re.Match[str], spelling: _Spelling) -> bool:
        """Whether a placeholder of this book begins with what was found at the end of a text."""
        group = cast("int", found.lastindex) - len(spelling.brackets)
        if group > len(spelling.brackets):
            return bool(self._names)
        name, rest = _plain(found[found.lastindex or 0]), found.string[found.end(found.lastindex or 0) :]
        if not rest:
            return self._begins(name)
        closing = spelling.brackets[group - 1][1]
        closes = name in self._values and closing.startswith(rest.lower())
        return closes or (spelling.escape.startswith(rest) and self._begins(f"{name}_"))

    def _begins(self, beginning: str) -> bool:
        at = bisect_left(self._names, beginning)
        return at < len(self._names) and self._names[at].startswith(beginning)


# --- plain text -------------------------------------------------------------------------------------------


class Restorer:
    """Puts values back into a text that comes in pieces, cut anywhere.

    Args:
        values: by placeholder, `<EMAIL_1>`.
        is_json: the text is JSON, as the arguments of a tool call are: values are escaped for its strings.
    """

    def __init__(self, values: Mapping[str, str], *, is_json: bool = False) -> None:
        self._book = _Book(values)
        self._spelling = _JSON if is_json else _TEXT
        self._held = ""

    def feed(self, text: str) -> str:
        """The next piece; what may still become a placeholder comes with a later one."""
        restored, self._held = self._book.scan(self._held + text, self._spelling)
        return restored

    def end(self) -> str:
        """What was held back and became none."""
        held, self._held = self._held, ""
        return held


# --- JSON -------------------------------------------------------------------------------------------------


def restore_json(body: bytes, values: Mapping[str, str], *, json_content: bool = False) -> bytes:
    """An answer in OpenAI's chat form with values in every string of its `choices`, other bytes as they were.

    Args:
        body: what is no such answer, or only a part of one, comes back as it is.
        values: by placeholder, `<EMAIL_1>`.
        json_content: the client asked for JSON, so `content` is JSON text as tool arguments are.
    """
    if not values or not _BEGINNING_IN_JSON.search(body):
        return body
    book = _Book(values)
    answer = _loaded(body)
    edits: list[Put] = []
    for path, text in _strings(answer.get("choices"), ("choices",)):
        is_json = path[-1] == "arguments" or (json_content and path[2:] == ("message", "content"))
        restored = book.restored(text, _JSON if is_json else _TEXT)
        if restored != text:
            edits.append(Put(path, restored))
    return _spliced(body, edits) or body


def _strings(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Every string below a value but keys, with its path."""
    stack = [(path, value)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, str):
            yield path, value
        elif len(path) < _MAX_DEPTH:
            stack += (((*path, step), inner) for step, inner in _inside(value))


def _inside(value: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(value, dict):
        yield from cast("dict[str, object]", value).items()
    elif isinstance(value, list):
        yield from enumerate(cast("list[object]", value))


def _loaded(body: bytes) -> dict[str, Any]:
    """The object that a body is; empty if it is none."""
    try:
        value: object = json.loads(body.decode())
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _spliced(body: bytes, edits: list[Put]) -> bytes | None:
    """None where readers could take it differently, as with a key that is there twice."""
    try:
        return splice(body, edits)
    except (ValueError, RequestError):
        return None


# --- the texts of a stream --------------------------------------------------------------------------------


class Lane(NamedTuple):
    """One text of a stream, whose pieces follow each other.

    Attributes:
        choice: number of the answer it belongs to.
        field: name of the member that holds it.
        call: number of the tool call; None = it belongs to none.
        is_json: the text is JSON.
    """

    choice: int
    field: str
    call: int | None = None
    is_json: bool = False


class Piece(NamedTuple):
    """The next text of a lane.

    Attributes:
        path: where in the event it stands.
        is_last: no more of this lane comes.
    """

    lane: Lane
    path: Path
    text: str
    is_last: bool


class StreamForm(Protocol):
    """What a wire format says about the events of a stream."""

    def pieces(self, event: Mapping[str, Any]) -> list[Piece]:
        """The texts of an event that are not empty, in order."""
        ...

    def due(self, event: Mapping[str, Any], pieces: Sequence[Piece], held: Collection[Lane]) -> list[Lane]:
        """Lanes held that must be sent to their end in front of an event, which has no piece of them."""
        ...

    def envelope(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """What events of one stream have in common; empty for an event that does not say it."""
        ...

    def carrier(self, envelope: Mapping[str, Any], lane: Lane, text: str) -> bytes:
        """Lines of an event with one text, without the end of the last line."""
        ...


_COMMON: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
_TEXTS: Final = ("content", "reasoning_content", "reasoning", "refusal")


@dataclass(frozen=True, slots=True)
class OpenAiChatStream:
    """Chunks of a chat completion. Only strings are pieces: content in parts passes as it came.

    Attributes:
        json_content: the client asked for JSON, so `content` is JSON text as tool arguments are.
    """

    json_content: bool = False

    def pieces(self, event: Mapping[str, Any]) -> list[Piece]:
        """Content, reasoning, refusal and arguments of each choice."""
        return [
            Piece(lane, path, text, is_last)
            for number, index, delta, is_last in _deltas(event)
            for lane, path, text in self._texts(index, delta, ("choices", number, "delta"))
            if text and isinstance(text, str)
        ]

    def _texts(self, index: int, delta: Mapping[str, Any], path: Path) -> Iterator[tuple[Lane, Path, object]]:
        for name in _TEXTS:
            if name in delta:
                lane = Lane(index, name, is_json=self.json_content and name == "content")
                yield lane, (*path, name), delta[name]
        function = _object(delta.get("function_call"))
        lane = Lane(index, "function_call", is_json=True)
        yield lane, (*path, "function_call", "arguments"), function.get("arguments")
        for number, call, item in _calls(delta):
            lane = Lane(index, "tool_calls", call, is_json=True)
            place = (*path, "tool_calls", number, "function", "arguments")
            yield lane, place, _object(item.get("function")).get("arguments")

    def due(self, event: Mapping[str, Any], pieces: Sequence[Piece], held: Collection[Lane]) -> list[Lane]:
        """Lanes of a choice that ends, ends a thought, goes on with another text or begins another call.

        All of them before an error.

        Calls whose arguments come in turns do not end each other.
        """
        if not held or event.get("error"):
            return list(held)
        lanes = {piece.lane for piece in pieces}
        ended = {lane.choice for lane in lanes if lane.call is None}
        begun: dict[int, set[int | None]] = {}
        for _, index, delta, is_last in _deltas(event):
            if is_last or delta.get("thinking_blocks"):  # whole thoughts, signed as the text in front says
                ended.add(index)
            for _, call, item in _calls(delta):
                if item.get("id") or _object(item.get("function")).get("name"):
                    begun.setdefault(index, set()).add(call)
        called = {lane.choice for lane in lanes if lane.call is not None} | begun.keys()
        return [
            lane
            for lane in held
            if lane not in lanes
            and (
                lane.choice in ended
                or (lane.call is None and lane.choice in called)
                or len(others := begun.get(lane.choice, ())) > (lane.call in others)
            )
        ]

    def envelope(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Identity of the completion."""
        return {name: event[name] for name in _COMMON if name in event} if "choices" in event else {}

    def carrier(self, envelope: Mapping[str, Any], lane: Lane, text: str) -> bytes:
        """A chunk of the same completion."""
        delta: dict[str, object] = {lane.field: text}
        if lane.call is not None:
            delta = {lane.field: [{"index": lane.call, "function": {"arguments": text}}]}
        elif lane.field == "function_call":
            delta = {lane.field: {"arguments": text}}
        choice = {"index": lane.choice, "delta": delta, "finish_reason": None}
        return b"data: " + json.dumps({**envelope, "choices": [choice]}, separators=(",", ":")).encode(
            "ascii"
        )


def _deltas(event: Mapping[str, Any]) -> Iterator[tuple[int, int, Mapping[str, Any], bool]]:
    """Place in the list, index, delta and whether it ends, of each choice."""
    for number, choice in _objects(event.get("choices")):
        index = _index(choice, number)
        yield number, index, _object(choice.get("delta")), choice.get("finish_reason") is not None


def _calls(delta: Mapping[str, Any]) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    """Place in the list, index and item of each tool call."""
    for number, item in _objects(delta.get("tool_calls")):
        yield number, _index(item, number), item


def _index(value: Mapping[str, Any], default: int) -> int:
    index: object = value.get("index")
    return index if type(index) is int else default


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _objects(value: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return (
        (number, cast("Mapping[str, Any]", item))
        for number, item in enumerate(items)
        if isinstance(item, dict)
    )


# --- SSE --------------------------------------------------------------------------------------------------

_LINE_END: Final = rb"(?>\r\n|\r|\n)"
_EVENT_END: Final = re.compile(_LINE_END + _LINE_END)
_LINE: Final = re.compile(rb"([^\r\n]*+)(" + _LINE_END + rb"|\Z)")


class SseRestorer:
    """Puts values back into a stream of server-sent events, cut anywhere.

    An event comes out when its empty line came in. Text that is held back goes out in an event of its own,
    in the envelope of the stream, in front of the event that ends it.

    Args:
        values: by placeholder, `<EMAIL_1>`.
        form: of the events.
    """

    def __init__(self, values: Mapping[str, str], form: StreamForm | None = None) -> None:
        self._book = _Book(values)
        self._form: StreamForm = form or OpenAiChatStream()
        self._buffer = bytearray()
        self._searched = 0
        self._is_half = False  # what came ends with CR; an LF that comes next belongs to it
        self._passed: bytes | None = None  # the last bytes of an event that passes because it is too long
        self._held: dict[Lane, str] = {}
        self._envelope: dict[str, Any] = {}

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes of the stream."""
        out: list[bytes] = []
        if self._passed is not None:
            chunk = self._pass_on(chunk, self._passed, out)
        if self._is_half and chunk:
            self._is_half = False
            out.append(chunk[: chunk.startswith(b"\n")])
            chunk = chunk[len(out[-1]) :]
        self._buffer += chunk
        done = 0
        while found := _EVENT_END.search(self._buffer, max(done, self._searched)):
            out.append(self._event(bytes(self._buffer[done : found.end()])))
            done = found.end()
        if 0 < done == len(self._buffer):
            self._is_half = self._buffer.endswith(b"\r")
        del self._buffer[:done]
        self._searched = max(0, len(self._buffer) - 2)
        if len(self._buffer) > MAX_EVENT:
            out += self._sent(self._held), bytes(self._buffer)
            self._held = {}
            self._passed = bytes(self._buffer[-2:])
            self._buffer.clear()
            self._searched = 0
        return b"".join(out)

    def end(self) -> bytes:
        """What is left when the stream ends, whole or not."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        out = self._event(rest)
        if not self._held:
            return out
        if out == rest:  # cut off, or says nothing about what is held
            return self._in_front(rest, self._held)
        gap = b"\n" if out.endswith((b"\n", b"\r")) else b"\n\n"
        return out + gap + self._in_front(b"", self._held)

    def _pass_on(self, chunk: bytes, passed: bytes, out: list[bytes]) -> bytes:
        """Let the rest of a long event through; what is behind it comes back."""
        found = _EVENT_END.search(passed + chunk)
        end = found.end() - len(passed) if found else len(chunk)
        out.append(chunk[:end])
        self._passed = None if found else (passed + chunk)[-2:]
        self._is_half = found is not None and end == len(chunk) and chunk.endswith(b"\r")
        return chunk[end:]

    def _event(self, raw: bytes) -> bytes:
        """What goes out for one event, its empty line included."""
        if len(raw) > MAX_EVENT:
            return self._in_front(raw, self._held)
        if not self._held and not _BEGINNING_IN_JSON.search(raw):
            return raw
        data = b"\n".join(line[5:] for line, _ in _lines(raw) if line.startswith(b"data:"))
        if data.lstrip().startswith(b"[DONE]"):
            return self._in_front(raw, self._held)
        event = _loaded(data)
        if not event:
            return raw
        self._envelope = self._form.envelope(event) or self._envelope
        pieces = self._form.pieces(event)
        due = {lane: self._held.pop(lane) for lane in self._form.due(event, pieces, self._held)}
        before = dict(self._held)
        edits = [edit for piece in pieces if (edit := self._edit(piece))]
        edited = _spliced(data, edits) if edits else None
        if edits and edited is None:
            return self._in_front(raw, due | before)
        return self._sent(due, raw) + (raw if edited is None else _with_data(raw, edited))

    def _edit(self, piece: Piece) -> Put | None:
        held = self._held.pop(piece.lane, "")
        text, rest = self._book.scan(held + piece.text, _JSON if piece.lane.is_json else _TEXT)
        if piece.is_last or len(self._held) >= MAX_HELD:
            text, rest = text + rest, ""
        if rest:
            self._held[piece.lane] = rest
        return Put(piece.path, text) if text != piece.text else None

    def _in_front(self, raw: bytes, held: Mapping[Lane, str]) -> bytes:
        """Everything held, then an event as it came."""
        out = self._sent(held, raw) + raw
        self._held = {}
        return out

    def _sent(self, held: Mapping[Lane, str], like: bytes = b"") -> bytes:
        """Held texts as events of their own, with line ends as another event has them."""
        found = re.search(_LINE_END, like)
        ends = 2 * found[0] if found else b"\n\n"
        return b"".join(self._form.carrier(self._envelope, *item) + ends for item in held.items())


def _lines(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Lines and their ends."""
    return ((line[1], line[2]) for line in _LINE.finditer(raw))


def _with_data(raw: bytes, data: bytes) -> bytes:
    """An event with other data, all of it in its first line of data; other lines stay."""
    out: list[bytes] = []
    for line, end in _lines(raw):
        if not line.startswith(b"data:"):
            out += line, end
        elif data:
            out += b"data:", data.replace(b"\n", b" "), end
            data = b""
    return b"".join(out)
