"""What is a frame, and what a client must not send."""

from typing import NamedTuple

import pytest

from tests.contracts.http2 import hello, raw
from waypost.transport.fronts.h2_frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    MAX_FRAME,
    MAX_HEADER_BLOCK,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RST_STREAM,
    SETTING,
    SETTINGS,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    Frame,
    Reader,
    Violation,
)


def read(data: bytes) -> list[Frame]:
    """Everything behind the greeting."""
    return list(Reader().feed(hello() + data))[1:]


def test_a_frame_is_read_as_it_was_written() -> None:
    assert read(raw(DATA, END_STREAM, 7, b"payload")) == [Frame(DATA, END_STREAM, 7, b"payload", 7)]


def test_the_reserved_bit_of_a_stream_is_passed_over() -> None:
    data = bytearray(raw(DATA, 0, 7, b"x"))
    data[5] |= 0x80
    assert read(bytes(data)) == [Frame(DATA, 0, 7, b"x", 1)]


def test_padding_is_taken_away_and_charged() -> None:
    assert read(raw(DATA, PADDED, 1, b"\x03abc\0\0\0")) == [Frame(DATA, PADDED, 1, b"abc", 7)]


def test_extensions_are_passed_over() -> None:
    assert read(raw(0xBE, 0xFF, 5, b"grease") + raw(PRIORITY, 0, 3, bytes(5)))[0].kind == PRIORITY


def test_a_header_block_in_pieces_is_one_frame() -> None:
    pieces = (
        raw(HEADERS, END_STREAM | PADDED | WITH_PRIORITY, 1, b"\x01" + bytes(5) + b"ab" + b"\0")
        + raw(CONTINUATION, 0, 1, b"cd")
        + raw(CONTINUATION, END_HEADERS, 1)
    )
    (found,) = read(pieces)
    assert (found.kind, found.stream, found.payload) == (HEADERS, 1, b"")
    assert found.flags & END_STREAM
    assert found.flags & END_HEADERS


class Wrong(NamedTuple):
    data: bytes
    code: int


BEGUN = raw(HEADERS, 0, 1, b"abc")

WRONG = {
    "too large": Wrong((MAX_FRAME + 1).to_bytes(3) + bytes([DATA, 0]) + (1).to_bytes(4), FRAME_SIZE_ERROR),
    "data on stream 0": Wrong(raw(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    "headers on stream 0": Wrong(raw(HEADERS, END_HEADERS, 0, b"x"), PROTOCOL_ERROR),
    "priority on stream 0": Wrong(raw(PRIORITY, 0, 0, bytes(5)), PROTOCOL_ERROR),
    "reset on stream 0": Wrong(raw(RST_STREAM, 0, 0, bytes(4)), PROTOCOL_ERROR),
    "settings on a stream": Wrong(raw(SETTINGS, 0, 1), PROTOCOL_ERROR),
    "ping on a stream": Wrong(raw(PING, 0, 1, bytes(8)), PROTOCOL_ERROR),
    "goaway on a stream": Wrong(raw(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR),
    "push": Wrong(raw(PUSH_PROMISE, END_HEADERS, 1, bytes(4)), PROTOCOL_ERROR),
    "short priority": Wrong(raw(PRIORITY, 0, 1, bytes(4)), FRAME_SIZE_ERROR),
    "long reset": Wrong(raw(RST_STREAM, 0, 1, bytes(5)), FRAME_SIZE_ERROR),
    "short ping": Wrong(raw(PING, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
    "short window update": Wrong(raw(WINDOW_UPDATE, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
    "half a setting": Wrong(raw(SETTINGS, payload=bytes(5)), FRAME_SIZE_ERROR),
    "settings in an acknowledgement": Wrong(raw(SETTINGS, ACK, payload=bytes(6)), FRAME_SIZE_ERROR),
    "push enabled twice": Wrong(raw(SETTINGS, payload=SETTING.pack(2, 2)), PROTOCOL_ERROR),
    "a window too large": Wrong(raw(SETTINGS, payload=SETTING.pack(4, 2**31)), FLOW_CONTROL_ERROR),
    "frames too small": Wrong(raw(SETTINGS, payload=SETTING.pack(5, 2**14 - 1)), PROTOCOL_ERROR),
    "frames too large": Wrong(raw(SETTINGS, payload=SETTING.pack(5, 2**24)), PROTOCOL_ERROR),
    "padding without a length": Wrong(raw(DATA, PADDED, 1), PROTOCOL_ERROR),
    "nothing but padding": Wrong(raw(DATA, PADDED, 1, b"\x03ab"), PROTOCOL_ERROR),
    "padded headers": Wrong(raw(HEADERS, PADDED | END_HEADERS, 1, b"\xff"), PROTOCOL_ERROR),
    "no room for the priority": Wrong(
        raw(HEADERS, WITH_PRIORITY | END_HEADERS, 1, bytes(4)), FRAME_SIZE_ERROR
    ),
    "continuation of nothing": Wrong(raw(CONTINUATION, END_HEADERS, 1, b"x"), PROTOCOL_ERROR),
    "another stream inside a block": Wrong(BEGUN + raw(CONTINUATION, END_HEADERS, 3, b"x"), PROTOCOL_ERROR),
    "a ping inside a block": Wrong(BEGUN + raw(PING, payload=bytes(8)), PROTOCOL_ERROR),
    "an extension inside a block": Wrong(BEGUN + raw(0xBE), PROTOCOL_ERROR),
    "a huge block": Wrong(raw(HEADERS, END_HEADERS, 1, bytes(MAX_HEADER_BLOCK + 1)), ENHANCE_YOUR_CALM),
    "a block that grows": Wrong(BEGUN + 5 * raw(CONTINUATION, 0, 1, bytes(16_000)), ENHANCE_YOUR_CALM),
    "a block without an end": Wrong(
        BEGUN + (MAX_HEADER_BLOCK + 1) * raw(CONTINUATION, 0, 1), ENHANCE_YOUR_CALM
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_a_client_must_not_send_ends_the_connection(wrong: Wrong) -> None:
    with pytest.raises(Violation) as caught:
        read(wrong.data)
    assert (caught.value.code, caught.value.stream) == (wrong.code, 0)


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"X",
        PREFACE[:-1] + b"X",
        PREFACE + raw(PING, payload=bytes(8)),
        PREFACE + raw(SETTINGS, ACK),
    ],
)
def test_a_client_that_does_not_greet_is_not_heard(start: bytes) -> None:
    with pytest.raises(Violation) as caught:
        list(Reader().feed(start))
    assert caught.value.code == PROTOCOL_ERROR


def test_frames_before_a_violation_are_not_lost() -> None:
    reader = Reader().feed(hello() + raw(PING, payload=b"one-ping") + raw(DATA))

    assert [next(reader).kind, next(reader).payload] == [SETTINGS, b"one-ping"]
    with pytest.raises(Violation):
        next(reader)
