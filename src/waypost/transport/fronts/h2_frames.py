"""HTTP/2 frames: bytes in any portions to whole, well-formed frames, and back. No streams, no windows.

Header blocks are counted and passed over. The client is our own Envoy, behind a socket that nobody else can
open, and calls one method; with SETTINGS_HEADER_TABLE_SIZE 0 an undecoded block leaves no state behind.
Source: RFC 9113, sections 3.4, 4 and 6.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

MAX_FRAME: Final = 1024 * 1024
"""Payload of the largest frame that is taken, and of the largest that is sent."""

MAX_HEADER_BLOCK: Final = 64 * 1024

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9

END_STREAM, END_HEADERS, PADDED, WITH_PRIORITY, ACK = 0x1, 0x4, 0x8, 0x20, 0x1

NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED = 0, 1, 3, 5
FRAME_SIZE_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM = 6, 7, 11

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 1, 2, 3, 4, 5

SETTING: Final = Struct(">HL")

_HEAD: Final = Struct(">HBBBL")
_LARGEST: Final = 2**31 - 1

_SHAPES: Final[dict[int, tuple[int | None, bool | None]]] = {
    DATA: (None, True),
    HEADERS: (None, True),
    PRIORITY: (5, True),
    RST_STREAM: (4, True),
    SETTINGS: (None, False),
    PING: (8, False),
    GOAWAY: (None, False),
    WINDOW_UPDATE: (4, None),
    CONTINUATION: (None, True),
}
"""Length of the payload, and whether the frame belongs to a stream; None = both are possible."""


class Violation(Exception):  # noqa: N818 - it never leaves the front
    """The client broke the protocol; on stream 0 the whole connection ends."""

    def __init__(self, code: int, why: str, stream: int = 0) -> None:
        self.code = code
        self.stream = stream
        super().__init__(why)


class Frame(NamedTuple):
    """One frame.

    Attributes:
        payload: without padding; empty for HEADERS.
        size: bytes of the payload as it was sent, which is what a window is charged for.
    """

    kind: int
    flags: int
    stream: int
    payload: bytes
    size: int


def frame(kind: int, flags: int, stream: int, payload: bytes | memoryview = b"") -> tuple[bytes, ...]:
    """The bytes of one frame, in portions."""
    size = len(payload)
    return _HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream), bytes(payload)


class Reader:
    """What a client sends, frame by frame."""

    def __init__(self) -> None:
        self._inbox = bytearray()
        self._greeted = False
        self._agreed = False  # whether the client's first SETTINGS came
        self._block: Frame | None = None  # HEADERS whose block is not complete

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes; the frames they complete. HEADERS come once their block is complete.

        Raises:
            Violation: at the first frame that is malformed or out of place; nothing can be read behind it.
        """
        inbox = self._inbox
        inbox += data
        start, size = 0, len(inbox)
        if not self._greeted:
            start = self._greet()
        try:
            while self._greeted and size - start >= _HEAD.size:
                high, low, kind, flags, stream = _HEAD.unpack_from(inbox, start)
                length: int = high << 8 | low
                if length > MAX_FRAME:
                    raise Violation(FRAME_SIZE_ERROR, f"a frame of {length} bytes")
                end = start + _HEAD.size + length
                if end > size:
                    break
                payload = bytes(memoryview(inbox)[start + _HEAD.size : end])
                start = end
                whole = self._check(Frame(kind, flags, stream & _LARGEST, payload, length))
                if whole is not None:
                    yield whole
        finally:
            del inbox[:start]

    def _greet(self) -> int:
        """Where the first frame begins."""
        start = bytes(self._inbox[: len(PREFACE)])
        if not PREFACE.startswith(start):
            raise Violation(PROTOCOL_ERROR, "no HTTP/2 preface")
        self._greeted = start == PREFACE
        return len(PREFACE) if self._greeted else 0

    def _check(self, found: Frame) -> Frame | None:
        kind, flags, stream, payload, size = found
        if not self._agreed and (kind != SETTINGS or flags & ACK):
            raise Violation(PROTOCOL_ERROR, "the first frame is not SETTINGS")
        self._agreed = True
        if self._block is not None and (kind != CONTINUATION or stream != self._block.stream):
            raise Violation(PROTOCOL_ERROR, "a frame inside a header block")
        if kind == PUSH_PROMISE:
            raise Violation(PROTOCOL_ERROR, "PUSH_PROMISE from a client")
        if kind not in _SHAPES:
            return None  # extensions are passed over (section 5.5)
        length, belongs = _SHAPES[kind]
        if length is not None and size != length:
            raise Violation(FRAME_SIZE_ERROR, f"a frame of type {kind} with {size} bytes")
        if belongs is not None and belongs != bool(stream):
            raise Violation(PROTOCOL_ERROR, f"a frame of type {kind} on stream {stream}")
        if kind in {DATA, HEADERS} and flags & PADDED:
            payload = _without_padding(payload)
            found = Frame(kind, flags, stream, payload, size)
        if kind == SETTINGS:
            _check_settings(flags, payload)
        return found if kind not in {HEADERS, CONTINUATION} else self._collect(found)

    def _collect(self, found: Frame) -> Frame | None:
        """Header blocks: only their end and their size matter."""
        first = self._block
        if first is not None:
            # The 1: fragments without a byte must come to an end as well.
            size = first.size + found.size + 1
            block = first._replace(flags=first.flags | (found.flags & END_HEADERS), size=size)
        elif found.kind == CONTINUATION:
            raise Violation(PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        elif found.flags & WITH_PRIORITY and len(found.payload) < 5:  # noqa: PLR2004 - dependency and weight
            raise Violation(FRAME_SIZE_ERROR, "HEADERS too short for their priority")
        else:
            block = found._replace(payload=b"")
        if block.size > MAX_HEADER_BLOCK:
            raise Violation(ENHANCE_YOUR_CALM, f"a header block of {block.size} bytes")
        ends = bool(block.flags & END_HEADERS)
        self._block = None if ends else block
        return block if ends else None


def _without_padding(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise Violation(PROTOCOL_ERROR, "more padding than payload")
    return payload[1 : len(payload) - payload[0]]


def _check_settings(flags: int, payload: bytes) -> None:
    if len(payload) % SETTING.size or (flags & ACK and payload):
        raise Violation(FRAME_SIZE_ERROR, f"SETTINGS of {len(payload)} bytes")
    for name, value in SETTING.iter_unpack(payload):
        if name == INITIAL_WINDOW_SIZE and value > _LARGEST:
            raise Violation(FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE {value}")
        if (name == ENABLE_PUSH and value > 1) or (name == MAX_FRAME_SIZE and not 2**14 <= value < 2**24):
            raise Violation(PROTOCOL_ERROR, f"setting {name} cannot be {value}")
