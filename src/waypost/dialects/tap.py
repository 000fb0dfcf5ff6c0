"""An answer that passes in the form it has: nothing of it is changed, and what it used is learned.

Rule 1: an event goes on with the byte that ends it, and nothing waits for what follows. Of an event that is
not whole nothing goes on: no reader can use it, and one that breaks off must not stand in front of an error.
Rule 2: an event is parsed only where a mark in it says that it tells something (its usage, its end, an
error), and until content was seen. A text of a model that looks like a mark costs a parse and no more.
Rule 3: a stream that broke off never ends as one that is whole.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from waypost.dialects import sse
from waypost.dialects.anthropic_response import BAD_ANSWER, error_to
from waypost.dialects.foreign import dump, encode, mapping, sequence
from waypost.dialects.openai_chat import error as error_body
from waypost.dialects.spans import top_level
from waypost.dialects.sse import Event, SseReader
from waypost.errors import RequestError
from waypost.request.chat import Dialect
from waypost.usage import Usage, from_anthropic, from_embeddings, from_openai, from_responses

StreamEnd = Literal["complete", "error", "cut"]
"""How a stream ended: `error` = with an error in place of its end; `cut` = with nothing."""

ENDED_EARLY: Final = "The provider's answer ended before it was complete."

_BORDER: Final = re.compile(rb"\n\r?\n|\r\r")
"""What stands behind an event. Of lines that end in two ways, an event may wait for the next border."""
_BORDERS: Final = (b"\n\n", b"\n\r\n", b"\r\r")
_MAX_COUNTS: Final = 100  # names of counts that one stream may have
_BEGUN: Final = 2  # most bytes of a border that is not whole
_NUMBER: Final = b'"sequence_number"'
_NUMBERED: Final = re.compile(_NUMBER + rb"\s*+:\s*+(\d{1,15})(?!\d)")


class _Seen(NamedTuple):
    """What an event tells.

    Attributes:
        has_content: something that a reader would show or act on.
        usage: as the provider counts.
        is_extra: it tells its usage and nothing else.
    """

    has_content: bool = False
    has_ended: bool = False
    is_error: bool = False
    usage: Mapping[str, Any] | None = None
    is_extra: bool = False


@dataclass(frozen=True, slots=True)
class _Form:
    """What one form says where.

    Attributes:
        marks: each begins with a literal, so that it is looked for at the speed of memory.
        see: reads an event.
        usage: reads what providers count.
        fail: an error event, of a message and what went on last.
    """

    marks: tuple[re.Pattern[bytes], ...]
    see: Callable[[Mapping[str, Any]], _Seen]
    usage: Callable[[object], Usage | None]
    fail: Callable[[str, bytes], bytes]


class StreamTap:
    """Passes one stream on.

    Args:
        dialect: of the stream.
        drop_usage: OpenAI's last chunk, which holds the usage alone, is taken out: the gateway asked for it
            and the client did not.

    Attributes:
        error: there was an error, the provider's or one that was found here; all behind it is swallowed.
        ended: a finish reason or terminator was seen.
        first: content was seen.
    """

    def __init__(self, dialect: Dialect, *, drop_usage: bool) -> None:
        self.error = False
        self.ended = False
        self.first = False
        self._form = _FORMS.get(dialect, _OPENAI)
        self._drops = drop_usage
        self._held = bytearray()  # the beginning of an event
        self._is_long = False  # the rest of an event that is too long to be held passes as it comes
        self._usage: dict[str, Any] = {}
        self._numbered = b""  # what went on last and has a number

    @property
    def usage(self) -> Usage | None:
        """What it used as far as the provider told; also of a stream that broke off."""
        return self._form.usage(self._usage)

    @property
    def outcome(self) -> StreamEnd:
        """How it ended; `cut` as long as it did not."""
        return "error" if self.error else "complete" if self.ended else "cut"

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes, cut anywhere: the events that are whole; the same object where nothing changes."""
        if self.error:
            return b""
        long = b""
        if self._held or self._is_long or not chunk.endswith((b"\n\n", b"\n\r\n")):
            long, chunk = self._whole(chunk)
        if not self.first or self._is_marked(chunk):
            chunk = self._passed(chunk)
        if self._form is _RESPONSES and _NUMBER in chunk:
            self._numbered = chunk
        return long + chunk if long else chunk

    def end(self) -> bytes:
        """The provider ended the stream: what is held, and an error event where its end is missing."""
        if self.error:
            return b""
        rest = bytes(self._held)
        if not self._is_long:
            events = [*(reader := SseReader()).feed(rest), *reader.end()]
            # what broke off within an event stays here
            rest = _lead(rest) if any(map(_is_broken, events)) else self._look(rest, events)
        if self.ended or self.error:
            return rest
        self.error = True
        apart = b"\n\n" if rest.strip(b"\r\n") or self._is_long else b""
        return rest + apart + self._failed(ENDED_EARLY, rest)

    # --- where events end

    def _whole(self, chunk: bytes) -> tuple[bytes, bytes]:
        """What goes on of what is held and what comes.

        Returns:
            The rest of an event that is too long to be looked at; what follows, up to its last border.
        """
        held = self._held
        start = max(0, len(held) - _BEGUN)
        held += chunk
        long = b""
        if self._is_long:
            long, start = self._rest_of_long(), 0
        end = max((at + len(b) for b in _BORDERS if (at := held.rfind(b, start)) >= 0), default=0)
        whole = bytes(held[:end])
        del held[:end]
        if len(held) > sse.MAX_EVENT:
            self._is_long = True
        return long, whole

    def _rest_of_long(self) -> bytes:
        """What there is of it; of its border all or nothing."""
        border = _BORDER.search(self._held)
        self._is_long = border is None
        end = border.end() if border else max(0, len(self._held) - _BEGUN)
        rest = bytes(self._held[:end])
        del self._held[:end]
        return rest

    def _passed(self, chunk: bytes) -> bytes:
        """Events as they go on, when some of them may tell something."""
        out: list[bytes] = []
        for piece in _pieces(chunk):
            told = piece
            if len(piece) <= sse.MAX_EVENT and (not self.first or self._is_marked(piece)):
                told = self._look(piece, SseReader().feed(piece), out)
            out.append(told)
            if self.error:
                break
        joined = b"".join(out)
        return chunk if joined == chunk else joined

    # --- what they tell

    def _is_marked(self, data: bytes) -> bool:
        return any(mark.search(data) for mark in self._form.marks)

    def _look(self, piece: bytes, events: list[Event], before: Sequence[bytes] = ()) -> bytes:
        """What goes on of a piece, whose events are these."""
        for event in events:
            document = None if _is_done(event) else event.document()
            if document is not None:
                seen = self._form.see(document)
                self._count(seen.usage or {})
                self.first |= seen.has_content
                self.ended |= seen.has_ended
                self.error |= seen.is_error
                if seen.is_extra and self._drops:
                    return _lead(piece)
            elif _is_done(event):
                self.ended = True
            elif _is_broken(event):
                self.error = True
                return _lead(piece) + self._failed(BAD_ANSWER, b"".join(before))
        return piece

    def _count(self, usage: Mapping[str, Any]) -> None:
        """Counts are of the whole answer so far, so a later one stands for an earlier one."""
        known = self._usage | {name: count for name, count in usage.items() if count is not None}
        if len(known) <= _MAX_COUNTS:
            self._usage = known

    def _failed(self, message: str, before: bytes) -> bytes:
        """An error event behind all that went on."""
        return self._form.fail(message, before if _NUMBER in before else self._numbered)


def _pieces(chunk: bytes) -> Iterator[bytes]:
    """Each event with the border behind it; at the end what has none."""
    start = 0
    for border in _BORDER.finditer(chunk):
        yield chunk[start : border.end()]
        start = border.end()
    if start < len(chunk):
        yield chunk[start:]


def _lead(piece: bytes) -> bytes:
    """Line ends in front of an event, which belong to no event: they pass wherever the stream was cut."""
    return piece[: len(piece) - len(piece.lstrip(b"\r\n"))]


def _is_done(event: Event) -> bool:
    return event.data is not None and event.data.startswith(b"[DONE]")


def _is_broken(event: Event) -> bool:
    return not _is_done(event) and bool((event.data or b"").strip()) and event.document() is None


# --- what each form says where ----------------------------------------------------------------------------

_ERROR: Final = re.compile(rb'"error"(?!\s*+:\s*+null)')
_USAGE: Final = re.compile(rb'"usage"\s*+:\s*+(?!null)')


def _openai(document: Mapping[str, Any]) -> _Seen:
    if document.get("error"):
        return _Seen(is_error=True)
    listed = sequence(document.get("choices"))
    choices = [mapping(choice) or {} for choice in listed or ()]
    usage = mapping(document.get("usage"))
    return _Seen(
        any(map(_says, choices)),
        any(bool(choice.get("finish_reason")) for choice in choices),
        usage=usage,
        is_extra=usage is not None and listed == [],
    )


def _says(choice: Mapping[str, Any]) -> bool:
    delta = mapping(choice.get("delta")) or {}
    return bool(choice.get("text")) or any(value for name, value in delta.items() if name != "role")


def _fail_openai(message: str, _: bytes) -> bytes:
    return sse.write(error_body(message, "server_error", "provider_error"))


def _anthropic(document: Mapping[str, Any]) -> _Seen:
    match document.get("type"):
        case "message_start":
            return _Seen(usage=mapping((mapping(document.get("message")) or {}).get("usage")))
        case "content_block_start":
            block = mapping(document.get("content_block")) or {}
            return _Seen(block.get("type") not in {"text", "thinking"})
        case "message_delta":
            delta = mapping(document.get("delta")) or {}
            return _Seen(has_ended=bool(delta.get("stop_reason")), usage=mapping(document.get("usage")))
        case kind:
            return _Seen(kind == "content_block_delta", kind == "message_stop", kind == "error")


def _fail_anthropic(message: str, _: bytes) -> bytes:
    return sse.write(error_to("api_error", message), "error")


def _responses(document: Mapping[str, Any]) -> _Seen:
    kind = document.get("type")
    return _Seen(
        isinstance(kind, str) and kind.endswith(".delta"),
        kind in ("response.completed", "response.incomplete"),
        kind in ("response.failed", "error"),
        mapping((mapping(document.get("response")) or {}).get("usage")),
    )


def _fail_responses(message: str, before: bytes) -> bytes:
    found = _NUMBERED.match(before, before.rfind(_NUMBER)) if _NUMBER in before else None
    told = {
        "type": "error",
        "code": "provider_error",
        "message": message,
        "param": None,
        "sequence_number": int(found[1]) + 1 if found else 0,
    }
    return sse.write(encode(dump(told)), "error")


_OPENAI: Final = _Form(
    (_USAGE, re.compile(rb'"finish_reason"\s*+:\s*+(?!null|"")'), _ERROR, re.compile(rb"\[DONE\]")),
    _openai,
    from_openai,
    _fail_openai,
)
_ANTHROPIC: Final = _Form(
    (_USAGE, re.compile(rb'"stop_reason"\s*+:\s*+(?!null)'), _ERROR, re.compile(rb'"message_stop"')),
    _anthropic,
    from_anthropic,
    _fail_anthropic,
)
_RESPONSES: Final = _Form(
    (re.compile(rb'"response\.(?:completed|incomplete|failed)"'), _ERROR),
    _responses,
    from_responses,
    _fail_responses,
)
_FORMS: Final[Mapping[Dialect, _Form]] = {
    "anthropic_messages": _ANTHROPIC,
    "openai_responses": _RESPONSES,
}


# --- answers that come whole ------------------------------------------------------------------------------

_BODIES: Final[Mapping[Dialect, Callable[[object], Usage | None]]] = {
    "openai_chat": from_openai,
    "openai_completions": from_openai,
    "openai_embeddings": from_embeddings,
    "openai_responses": from_responses,
    "anthropic_messages": from_anthropic,
}


def body_usage(dialect: Dialect, body: bytes) -> Usage | None:
    """What an answer in JSON used; None = it does not say.

    Args:
        dialect: of the body, one that clients speak.
        body: of any size; it is walked through, and only its usage is parsed.
    """
    read = _BODIES.get(dialect)
    if read is None:
        return None
    try:
        spans = [(start, end) for name, start, end in top_level(body) if name == "usage"]
        return read(json.loads(body[slice(*spans[-1])])) if spans else None
    except (RequestError, ValueError, RecursionError):
        return None
