"""One HTTP/2 connection that carries gRPC calls, from the server's side: bytes in, events out, bytes out.

Rule 1: no sockets, no clock, no awaiting. Rule 2: no knowledge of the messages that are carried.
Every call is `ExternalProcessor/Process`: see `h2_frames`.
Source: RFC 9113; gRPC over HTTP/2 (`PROTOCOL-HTTP2.md`).
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from waypost.transport.fronts.h2_frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    GOAWAY,
    HEADER_TABLE_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME,
    MAX_FRAME_SIZE,
    NO_ERROR,
    PING,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RST_STREAM,
    SETTING,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    Frame,
    Reader,
    Violation,
    frame,
)

STREAM_WINDOW: Final = 8 * 1024 * 1024
"""Bytes that one stream may send before it is told that they were read."""

CONNECTION_WINDOW: Final = 2**31 - 1
"""The largest there is: streams are held back one by one, never all because of one."""

MAX_STREAMS: Final = 10_000
"""Open at once on one connection; Envoy opens another for more."""

BATCH: Final = 1024 * 1024
"""Bytes of answers that are handed out at once; the rest waits where it needs no second copy."""

OK, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 0, 8, 12, 13
"""gRPC statuses."""

_PREFIX_BYTES: Final = 5
"""Before each gRPC message: a flag for compression, and its length in four bytes."""

_DEFAULT_WINDOW: Final = 65_535
_LARGEST: Final = 2**31 - 1
_RETURN_AT: Final = STREAM_WINDOW // 2
_LAST_PING: Final = b"waypost!"

# HPACK without tables: an indexed field, a literal with an indexed name (RFC 7541, 6.1 and 6.2.2).
_RESPONSE: Final = b"\x88\x0f\x10\x10application/grpc"
_TRAILER: Final = b"\x00\x0bgrpc-status"

_OURS: Final = b"".join(
    SETTING.pack(name, value)
    for name, value in (
        (HEADER_TABLE_SIZE, 0),
        (MAX_CONCURRENT_STREAMS, MAX_STREAMS),
        (INITIAL_WINDOW_SIZE, STREAM_WINDOW),
        (MAX_FRAME_SIZE, MAX_FRAME),
    )
)


class Message(NamedTuple):
    """A stream brought one whole message."""

    stream: int
    data: bytes


class Ended(NamedTuple):
    """A stream will bring nothing more: the client half-closed it, reset it, or broke a rule."""

    stream: int


Event = Message | Ended


class Stream:
    """One call: a message that is arriving, and answers that wait for the client's window.

    Attributes:
        read: bytes that came since the client's window was last renewed.
        held: whether it is not renewed for the time being.
        window: bytes that may be sent; negative when the client has made it smaller.
        queued: whether it waits for its turn to send.
        answered: whether response headers were sent.
        ended: whether the client has half-closed.
        status: gRPC status to end with, behind the answers; None = it goes on.
    """

    __slots__ = ("answered", "ended", "held", "id", "inbox", "outbox", "queued", "read", "status", "window")

    def __init__(self, number: int, window: int) -> None:
        self.id = number
        self.inbox = bytearray()
        self.read = 0
        self.held = False
        self.outbox: deque[memoryview] = deque()
        self.window = window
        self.queued = False
        self.answered = False
        self.ended = False
        self.status: int | None = None

    def messages(self, payload: bytes, limit: int) -> Iterator[bytes]:
        """Add what arrived; every message that is complete now.

        Raises:
            Violation: a message is compressed or too large; its code is a gRPC status.
        """
        inbox = self.inbox
        inbox += payload
        while len(inbox) >= _PREFIX_BYTES:
            if inbox[0]:
                raise Violation(UNIMPLEMENTED, "a compressed message", self.id)
            size = int.from_bytes(inbox[1:_PREFIX_BYTES])
            if size > limit:
                raise Violation(RESOURCE_EXHAUSTED, f"a message of {size} bytes", self.id)
            end = _PREFIX_BYTES + size
            if len(inbox) < end:
                return
            message = bytes(memoryview(inbox)[_PREFIX_BYTES:end])
            del inbox[:end]
            yield message

    def piece(self, size: int) -> memoryview:
        """Take up to `size` bytes of what is to be sent."""
        head = self.outbox.popleft()
        if len(head) > size:
            self.outbox.appendleft(head[size:])
        return head[:size]

    def trailers(self) -> bytes:
        """The header block that ends it, and begins it too when there was no answer."""
        status = b"%d" % (self.status or OK)
        return (b"" if self.answered else _RESPONSE) + _TRAILER + bytes([len(status)]) + status


class Connection:
    """One connection.

    Args:
        max_message_bytes: of a gRPC message; a larger one ends its stream with RESOURCE_EXHAUSTED.

    Attributes:
        failure: what the client did wrong, so that the connection must end; empty = nothing.
    """

    def __init__(self, max_message_bytes: int) -> None:
        self.failure = ""
        self._limit = max_message_bytes
        self._reader = Reader()
        self._streams: dict[int, Stream] = {}
        self._last = 0
        self._accepted = _LARGEST  # the last stream that is served
        self._draining = False
        self._read = 0
        self._window = _DEFAULT_WINDOW
        self._stream_window = _DEFAULT_WINDOW
        self._frame_bytes = 16_384
        self._turns: deque[Stream] = deque()
        self._events: list[Event] = []
        self._out: list[bytes] = [*frame(SETTINGS, 0, 0, _OURS)]
        self._out += frame(WINDOW_UPDATE, 0, 0, (CONNECTION_WINDOW - _DEFAULT_WINDOW).to_bytes(4))

    @property
    def over(self) -> bool:
        """Whether nothing is left to do but to write what `take` gives, and to close."""
        return bool(self.failure) or (self._accepted < _LARGEST and not self._streams)

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes in any portions; what they complete, in order."""
        if self.failure:
            return []
        self._events = []
        try:
            for found in self._reader.feed(data):
                try:
                    if found.kind in _HANDLERS:
                        _HANDLERS[found.kind](self, found)
                except Violation as broken:
                    if not broken.stream:
                        raise
                    self._drop(broken.stream, broken.code)
        except Violation as broken:
            self.failure = str(broken)
            why = self._last.to_bytes(4) + broken.code.to_bytes(4) + self.failure.encode()
            self._out += frame(GOAWAY, 0, 0, why)
        return self._events

    def send(self, stream: int, message: bytes) -> None:
        """Send one message; it is dropped on a stream that has ended and on a connection that has failed."""
        found = self._streams.get(stream)
        if found is None or found.status is not None or self.failure:
            return
        if not found.answered:
            found.answered = True
            self._out += frame(HEADERS, END_HEADERS, stream, _RESPONSE)
        found.outbox.append(memoryview(b"\0%b%b" % (len(message).to_bytes(4), message)))
        self._queue(found)

    def finish(self, stream: int, status: int = OK) -> None:
        """End a stream behind the messages that wait; one that has ended stays so."""
        found = self._streams.get(stream)
        if found is None or found.status is not None:
            return
        found.status = status
        found.inbox = bytearray()
        if not found.outbox:
            self._close(found)

    def hold(self, stream: int, *, held: bool) -> None:
        """Let a client that sends ahead of its answers stop at the end of its window, or go on."""
        found = self._streams.get(stream)
        if found is not None and found.held != held:
            found.held = held
            self._renew(found)

    def drain(self) -> None:
        """Serve what has begun and what is on its way, then be over.

        The client is told to open no more streams. Those that it opened before it knew arrive before its
        answer to a PING (RFC 9113, section 6.8).
        """
        if not self._draining:
            self._draining = True
            self._out += frame(GOAWAY, 0, 0, _LARGEST.to_bytes(4) + NO_ERROR.to_bytes(4))
            self._out += frame(PING, 0, 0, _LAST_PING)

    def take(self, size: int = BATCH) -> bytes:
        """What is to be written now: every control frame, and about `size` bytes of answers, in turns."""
        while self._turns and size > 0 and self._window > 0:
            stream = self._turns.popleft()
            stream.queued = False
            if not stream.outbox or stream.window <= 0:
                continue  # it was reset, or waits for WINDOW_UPDATE
            piece = stream.piece(min(stream.window, self._window, self._frame_bytes))
            self._out += frame(DATA, 0, stream.id, piece)
            stream.window -= len(piece)
            self._window -= len(piece)
            size -= len(piece)
            if stream.outbox:
                self._queue(stream)
            elif stream.status is not None:
                self._close(stream)
        out, self._out = self._out, []
        return b"".join(out)

    # --- what a frame does

    def on_data(self, found: Frame) -> None:
        """Messages, or parts of them."""
        self._read += found.size
        if self._read >= _RETURN_AT:
            self._out += frame(WINDOW_UPDATE, 0, 0, self._read.to_bytes(4))
            self._read = 0
        stream = self._find(found.stream)
        if stream is None:
            return  # sent before the client knew of the end
        if stream.ended:
            raise Violation(STREAM_CLOSED, "DATA behind the end of its stream", stream.id)
        stream.read += found.size
        if stream.read > STREAM_WINDOW:
            raise Violation(FLOW_CONTROL_ERROR, "more than the window", stream.id)
        stream.ended = bool(found.flags & END_STREAM)
        if stream.status is not None:
            return
        try:
            for message in stream.messages(found.payload, self._limit):
                self._events.append(Message(stream.id, message))
        except Violation as refused:
            self._events.append(Ended(stream.id))
            self.finish(stream.id, refused.code)
            return
        self._renew(stream)
        if stream.ended:
            self._events.append(Ended(stream.id))

    def on_headers(self, found: Frame) -> None:
        """A stream begins, or ends with trailers."""
        if not found.stream % 2:
            raise Violation(PROTOCOL_ERROR, f"stream {found.stream} is not the client's to open")
        ends = bool(found.flags & END_STREAM)
        if found.stream > self._last:
            self._last = found.stream
            if found.stream > self._accepted or len(self._streams) >= MAX_STREAMS:
                self._drop(found.stream, REFUSED_STREAM)
                return
            self._streams[found.stream] = Stream(found.stream, self._stream_window)
        elif not ends:
            raise Violation(PROTOCOL_ERROR, "trailers that do not end their stream")
        stream = self._streams.get(found.stream)
        if stream is None or not ends:
            return
        if stream.ended:
            raise Violation(STREAM_CLOSED, "trailers behind the end of their stream", stream.id)
        stream.ended = True
        if stream.status is None:
            self._events.append(Ended(stream.id))

    def on_rst_stream(self, found: Frame) -> None:
        """The client gives a stream up."""
        if self._find(found.stream) is not None:
            self._drop(found.stream, None)

    def on_settings(self, found: Frame) -> None:
        """What the client can take."""
        if found.flags & ACK:
            return
        for name, value in SETTING.iter_unpack(found.payload):
            if name == MAX_FRAME_SIZE:
                self._frame_bytes = min(value, MAX_FRAME)
            elif name == INITIAL_WINDOW_SIZE:
                change, self._stream_window = value - self._stream_window, value
                for stream in self._streams.values():
                    self._widen(stream, change, blame=0)
        self._out += frame(SETTINGS, ACK, 0)

    def on_ping(self, found: Frame) -> None:
        """Answered. The answer to ours says that no stream is on its way that was opened before GOAWAY."""
        if not found.flags & ACK:
            self._out += frame(PING, ACK, 0, found.payload)
        elif self._draining and found.payload == _LAST_PING:
            self._accepted = self._last
            self._out += frame(GOAWAY, 0, 0, self._last.to_bytes(4) + NO_ERROR.to_bytes(4))

    def on_window_update(self, found: Frame) -> None:
        """More may be sent."""
        increment = int.from_bytes(found.payload) & _LARGEST
        stream = self._find(found.stream)
        if not increment:
            raise Violation(PROTOCOL_ERROR, "WINDOW_UPDATE by nothing", found.stream)
        if not found.stream:
            self._window += increment
            if self._window > _LARGEST:
                raise Violation(FLOW_CONTROL_ERROR, "the connection's window overflows")
        elif stream is not None:
            self._widen(stream, increment, blame=stream.id)

    # --- streams

    def _find(self, stream: int) -> Stream | None:
        """None = it has ended, or was refused."""
        if stream > self._last:
            raise Violation(PROTOCOL_ERROR, f"stream {stream} was not opened")
        return self._streams.get(stream)

    def _widen(self, stream: Stream, change: int, *, blame: int) -> None:
        stream.window += change
        if stream.window > _LARGEST:
            raise Violation(FLOW_CONTROL_ERROR, "the window overflows", blame)
        self._queue(stream)

    def _queue(self, stream: Stream) -> None:
        if stream.outbox and not stream.queued and stream.window > 0:
            stream.queued = True
            self._turns.append(stream)

    def _renew(self, stream: Stream) -> None:
        """Give the client's window back once half of it is used up."""
        if stream.read >= _RETURN_AT and not stream.held and not stream.ended:
            self._out += frame(WINDOW_UPDATE, 0, stream.id, stream.read.to_bytes(4))
            stream.read = 0

    def _close(self, stream: Stream) -> None:
        self._out += frame(HEADERS, END_HEADERS | END_STREAM, stream.id, stream.trailers())
        if not stream.ended:  # what it still sends is not wanted (section 8.1)
            self._out += frame(RST_STREAM, 0, stream.id, NO_ERROR.to_bytes(4))
        del self._streams[stream.id]

    def _drop(self, stream: int, code: int | None) -> None:
        """End a stream at once; with a code the client is told."""
        if code is not None:
            self._out += frame(RST_STREAM, 0, stream, code.to_bytes(4))
        found = self._streams.pop(stream, None)
        if found is not None:
            found.outbox.clear()
            if found.status is None and not found.ended:
                self._events.append(Ended(stream))


_HANDLERS: Final[dict[int, Callable[[Connection, Frame], None]]] = {
    DATA: Connection.on_data,
    HEADERS: Connection.on_headers,
    RST_STREAM: Connection.on_rst_stream,
    SETTINGS: Connection.on_settings,
    PING: Connection.on_ping,
    WINDOW_UPDATE: Connection.on_window_update,
}
