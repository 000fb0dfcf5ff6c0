"""Server-sent events: a reader fed with bytes cut anywhere, and a writer.

Rule 1: an event comes out with the byte that ends it; nothing waits for what follows.
Rule 2: linear time, and memory bounded by `MAX_EVENT`.

After the WHATWG HTML standard, section 9.2.6 "Interpreting an event stream" (living standard), but for the
end of a stream: an event there needs no empty line behind it.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, cast

MAX_EVENT: Final = 2**23
"""Longest event in bytes; a picture that a model drew comes whole in one."""

DONE: Final = b"data: [DONE]\n\n"
"""What ends a stream of OpenAI's that came to its end."""

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        name: of the `event` field; empty = none.
        data: its `data` lines, joined by LF; None = the event is longer than `MAX_EVENT` and lost.
    """

    name: str
    data: bytes | None

    def document(self) -> dict[str, Any] | None:
        """The JSON object that it carries; None if it carries none."""
        try:
            value: object = json.loads((self.data or b"").decode())
        except (ValueError, RecursionError):
            return None
        return cast("dict[str, Any]", value) if isinstance(value, dict) else None


class SseReader:
    """Reads one stream. Events without data are none; `id`, `retry` and comments say nothing here."""

    def __init__(self) -> None:
        self._line = bytearray()  # not ended yet
        self._data: list[bytes] = []
        self._size = 0  # of the lines of all in _data
        self._name = ""
        self._is_first = True  # a byte order mark may stand in front of the first line
        self._is_half = False  # what came ends with CR; an LF that comes next belongs to it
        self._is_lost = False  # the rest of an event that was too long is passed over

    def feed(self, chunk: bytes) -> list[Event]:
        """The next bytes of the stream: what events end in them."""
        if not chunk:
            return []
        if self._is_half and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._is_half = chunk.endswith(b"\r")
        events: list[Event] = []
        for piece in chunk.splitlines(keepends=True):
            line = piece.rstrip(b"\r\n")
            self._take(line, events)
            if len(line) < len(piece):
                self._end_line(events)
        return events

    def end(self) -> list[Event]:
        """The stream has come to its end: an event that no empty line ended."""
        events: list[Event] = []
        if self._line:
            self._end_line(events)
        self._dispatch(events)
        return events

    def _take(self, piece: bytes, events: list[Event]) -> None:
        if self._is_lost:  # whether the line is empty is all that matters of it
            self._line[:] = self._line or piece[:1]
            return
        self._line += piece
        if self._size + len(self._line) > MAX_EVENT:
            self._is_lost = True
            self._data.clear()
            self._size = 0
            del self._line[1:]
            events.append(Event(self._name, None))

    def _end_line(self, events: list[Event]) -> None:
        line = bytes(self._line)
        self._line.clear()
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(events)
        elif not self._is_lost:
            self._field(line)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(line)
        elif name == b"event":
            self._name = value.decode(errors="replace")

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event(self._name, b"\n".join(self._data)))
            self._data.clear()
            self._size = 0
        self._name = ""
        self._is_lost = False


def write(data: bytes, name: str = "") -> bytes:
    """One event.

    Args:
        data: without CR; each LF begins another `data` line.
        name: without line ends; empty = no `event` line.
    """
    head = b"event: %b\n" % name.encode() if name else b""
    return b"%bdata: %b\n\n" % (head, data.replace(b"\n", b"\ndata: "))
