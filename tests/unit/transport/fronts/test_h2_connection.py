"""Streams, windows and ends, byte by byte."""

from collections.abc import Callable

import pytest

from tests.contracts.http2 import frames, hello, opened, raw, sent, settings, wrapped
from waypost.transport.fronts import h2_connection
from waypost.transport.fronts.h2_connection import (
    INTERNAL,
    RESOURCE_EXHAUSTED,
    STREAM_WINDOW,
    UNIMPLEMENTED,
    Connection,
    Ended,
    Message,
)
from waypost.transport.fronts.h2_frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    GOAWAY,
    HEADERS,
    MAX_FRAME,
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
)

LIMIT = 20_000_000


def greeted(**values: int) -> Connection:
    """A connection past its greetings."""
    one = Connection(LIMIT)
    assert one.receive(hello(**values)) == []
    one.take()
    return one


def wrote(one: Connection) -> list[Frame]:
    data = b"".join(iter(one.take, b""))
    found = frames(data)
    assert sum(9 + each.size for each in found) == len(data)
    return found


def kinds(one: Connection) -> list[tuple[int, int]]:
    """Kind and stream of what is written."""
    return [(each.kind, each.stream) for each in wrote(one)]


def status(found: Frame) -> int:
    assert found.flags & END_STREAM
    _, _, value = found.payload.partition(b"grpc-status")
    assert value[0] == len(value) - 1
    return int(value[1:])


def window_of(size: int) -> bytes:
    return size.to_bytes(4)


# --- greetings --------------------------------------------------------------------------------------------


def test_it_speaks_first() -> None:
    found = wrote(Connection(LIMIT))

    assert [each.kind for each in found] == [SETTINGS, WINDOW_UPDATE]
    assert dict(SETTING.iter_unpack(found[0].payload)) == {1: 0, 3: 10_000, 4: STREAM_WINDOW, 5: MAX_FRAME}
    assert 65_535 + int.from_bytes(found[1].payload) == 2**31 - 1


def test_settings_and_pings_are_answered() -> None:
    one = greeted()
    one.receive(
        settings(window=10)
        + raw(PING, payload=b"12345678")
        + raw(SETTINGS, ACK)
        + raw(PING, ACK, 0, bytes(8))
    )

    assert wrote(one) == [Frame(SETTINGS, ACK, 0, b"", 0), Frame(PING, ACK, 0, b"12345678", 8)]


# --- messages ---------------------------------------------------------------------------------------------


def test_a_call_is_answered_and_ended() -> None:
    one = greeted()

    assert one.receive(opened(1) + sent(1, b"question")) == [Message(1, b"question")]
    one.send(1, b"answer")
    one.finish(1)

    head, data, end, reset = wrote(one)
    assert (head.kind, head.flags, head.payload[:1]) == (HEADERS, END_HEADERS, b"\x88")
    assert head.payload.endswith(b"application/grpc")
    assert (data.kind, data.payload) == (DATA, wrapped(b"answer"))
    assert (end.kind, status(end)) == (HEADERS, 0)
    assert (reset.kind, reset.payload) == (RST_STREAM, window_of(NO_ERROR))


def test_a_client_that_has_half_closed_needs_no_reset() -> None:
    one = greeted()

    assert one.receive(opened(1) + sent(1, b"question", END_STREAM)) == [Message(1, b"question"), Ended(1)]
    one.send(1, b"answer")
    one.finish(1)

    assert kinds(one) == [(HEADERS, 1), (DATA, 1), (HEADERS, 1)]


def test_a_call_without_an_answer_ends_with_one_header_block() -> None:
    one = greeted()
    one.receive(opened(1))
    one.finish(1, INTERNAL)
    (end, _) = wrote(one)

    assert end.payload.startswith(b"\x88")
    assert status(end) == INTERNAL


def test_several_messages_in_a_frame_and_one_in_several() -> None:
    one = greeted()
    data = wrapped(b"one") + wrapped(b"") + wrapped(b"three")
    both = opened(1) + raw(DATA, 0, 1, data[:-2]) + opened(3) + sent(3, b"other") + raw(DATA, 0, 1, data[-2:])

    assert one.receive(both) == [
        Message(1, b"one"),
        Message(1, b""),
        Message(3, b"other"),
        Message(1, b"three"),
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x01" + wrapped(b"zipped")[1:], UNIMPLEMENTED),
        (b"\0" + (LIMIT + 1).to_bytes(4), RESOURCE_EXHAUSTED),
    ],
)
def test_messages_that_cannot_be_taken_end_their_stream(data: bytes, expected: int) -> None:
    one = greeted()

    events = one.receive(opened(1) + raw(DATA, 0, 1, wrapped(b"fine") + data) + opened(3) + sent(3, b"other"))

    assert events == [Message(1, b"fine"), Ended(1), Message(3, b"other")]
    assert status(wrote(one)[0]) == expected
    assert one.receive(raw(DATA, 0, 1, b"more of it")) == []


def test_a_message_of_exactly_the_limit_passes() -> None:
    one = Connection(5)

    assert one.receive(hello() + opened(1) + sent(1, b"12345")) == [Message(1, b"12345")]


def test_what_is_sent_on_a_stream_that_has_ended_is_dropped() -> None:
    one = greeted()
    one.receive(opened(1) + raw(RST_STREAM, 0, 1, bytes(4)))
    for stream in (1, 99):
        one.send(stream, b"late")
        one.finish(stream)
        one.hold(stream, held=True)

    assert wrote(one) == []


def test_nothing_follows_the_end() -> None:
    one = greeted(window=0)
    one.receive(opened(1) + sent(1, b"question"))
    one.send(1, b"answer")
    one.finish(1)
    one.finish(1, INTERNAL)
    one.send(1, b"too late")
    assert one.receive(sent(1, b"more") + raw(DATA, END_STREAM, 1)) == []
    one.receive(raw(WINDOW_UPDATE, 0, 1, window_of(100)))

    _, data, end = wrote(one)
    assert (data.payload, status(end)) == (wrapped(b"answer"), 0)


# --- windows ----------------------------------------------------------------------------------------------


def test_answers_wait_for_the_window_of_their_stream() -> None:
    one = greeted(window=4)
    one.receive(opened(1) + sent(1, b"question"))
    one.send(1, b"answer")
    one.finish(1)

    assert [each.size for each in wrote(one)[1:]] == [4]
    one.receive(raw(WINDOW_UPDATE, 0, 1, window_of(3)))
    assert [each.size for each in wrote(one)] == [3]
    one.receive(raw(WINDOW_UPDATE, 0, 1, window_of(3)))
    assert [each.size for each in wrote(one)] == [3]
    one.receive(raw(WINDOW_UPDATE, 0, 1, window_of(50)))
    assert [each.kind for each in wrote(one)] == [DATA, HEADERS, RST_STREAM]


def test_a_window_that_shrinks_may_become_negative() -> None:
    one = greeted(window=6)
    one.receive(opened(1) + sent(1, b"question"))
    one.send(1, b"answer")
    assert wrote(one)[1].size == 6

    one.receive(settings(window=2) + raw(WINDOW_UPDATE, 0, 1, window_of(4)))
    assert [each.kind for each in wrote(one)] == [SETTINGS]
    one.receive(settings(window=3))
    assert [each.size for each in wrote(one) if each.kind == DATA] == [1]


def test_streams_take_turns() -> None:
    one = greeted(window=100_000)
    one.receive(b"".join(opened(number) + sent(number, b"?") for number in (1, 3)))
    for number in (1, 3):
        one.send(number, bytes(40_000))

    order = [each.stream for each in wrote(one) if each.kind == DATA]
    assert order[:4] == [1, 3, 1, 3]


def test_no_frame_is_larger_than_the_client_takes() -> None:
    one = greeted(window=100_000, frame=20_000)
    one.receive(opened(1) + sent(1, b"?"))
    one.send(1, bytes(45_000))

    assert [each.size for each in wrote(one) if each.kind == DATA] == [20_000, 20_000, 5 + 5_000]


def test_answers_are_handed_out_in_batches_and_control_frames_at_once() -> None:
    one = greeted(window=10_000_000)
    one.receive(raw(WINDOW_UPDATE, 0, 0, window_of(10_000_000)) + opened(1) + sent(1, b"?"))
    one.send(1, bytes(5_000_000))

    assert len(one.take(1_000_000)) < 1_100_000
    one.receive(raw(PING, payload=bytes(8)))
    assert one.take(0) == raw(PING, ACK, 0, bytes(8))


def test_the_window_is_renewed_while_a_long_message_arrives() -> None:
    one = greeted()
    message = wrapped(bytes(10_000_000))
    one.receive(opened(1))
    granted, renewed = STREAM_WINDOW, 0
    for start in range(0, len(message), 1_000_000):
        piece = message[start : start + 1_000_000]
        events = one.receive(raw(DATA, 0, 1, piece))
        granted -= len(piece)
        assert granted >= 0
        for each in wrote(one):
            assert each.kind == WINDOW_UPDATE
            if each.stream:
                granted += int.from_bytes(each.payload)
                renewed += 1
    assert events == [Message(1, bytes(10_000_000))]
    assert renewed


def test_the_window_of_the_connection_is_renewed_whoever_used_it() -> None:
    one = greeted()
    one.receive(opened(1) + opened(3))
    one.finish(3)
    for stream in (1, 3) * 3:
        one.receive(raw(DATA, 0, stream, wrapped(bytes(1_000_000))))
    renewed = [
        int.from_bytes(each.payload) for each in wrote(one) if (each.kind, each.stream) == (WINDOW_UPDATE, 0)
    ]

    assert renewed == [5 * 1_000_005]


def test_a_stream_on_hold_is_not_renewed() -> None:
    one = greeted()
    one.receive(opened(1))
    one.hold(1, held=True)
    for _ in range(8):
        one.receive(sent(1, bytes(1_000_000)))
    assert (WINDOW_UPDATE, 1) not in kinds(one)
    one.hold(1, held=False)
    assert (WINDOW_UPDATE, 1) in kinds(one)


# --- ends -------------------------------------------------------------------------------------------------


def test_a_client_may_give_up_or_half_close() -> None:
    one = greeted()
    one.receive(opened(1) + opened(3) + opened(5) + opened(7))

    assert one.receive(raw(RST_STREAM, 0, 1, bytes(4))) == [Ended(1)]
    assert one.receive(raw(DATA, END_STREAM, 3)) == [Ended(3)]
    assert one.receive(raw(HEADERS, END_HEADERS | END_STREAM, 5, b"x")) == [Ended(5)]
    one.finish(7)
    assert (
        one.receive(raw(HEADERS, END_HEADERS | END_STREAM, 7, b"x") + raw(RST_STREAM, 0, 7, bytes(4))) == []
    )


def test_nothing_is_sent_on_a_stream_that_was_reset() -> None:
    one = greeted()
    one.receive(opened(1) + sent(1, b"?"))
    one.send(1, b"answer")
    one.receive(raw(RST_STREAM, 0, 1, bytes(4)))

    assert (DATA, 1) not in kinds(one)


def test_a_stream_that_waits_to_be_ended_may_be_reset() -> None:
    one = greeted(window=0)
    one.receive(opened(1) + sent(1, b"?"))
    one.send(1, b"answer")
    one.finish(1)

    assert one.receive(raw(RST_STREAM, 0, 1, bytes(4)) + raw(WINDOW_UPDATE, 0, 1, window_of(9))) == []
    assert kinds(one) == [(HEADERS, 1)]


@pytest.mark.parametrize(
    ("late", "code"),
    [
        (raw(DATA, 0, 1, b"x"), STREAM_CLOSED),
        (raw(HEADERS, END_HEADERS | END_STREAM, 1, b"x"), STREAM_CLOSED),
        (raw(WINDOW_UPDATE, 0, 1, window_of(0)), PROTOCOL_ERROR),
        (raw(WINDOW_UPDATE, 0, 1, window_of(2**31 - 1)), FLOW_CONTROL_ERROR),
    ],
)
def test_mistakes_that_end_one_stream(late: bytes, code: int) -> None:
    one = greeted()
    assert one.receive(opened(1) + raw(DATA, END_STREAM, 1)) == [Ended(1)]

    assert one.receive(late + opened(3) + sent(3, b"other")) == [Message(3, b"other")]
    assert [(each.kind, each.payload) for each in wrote(one)] == [(RST_STREAM, window_of(code))]
    assert not one.over


def test_more_than_the_window_ends_the_stream() -> None:
    one = greeted()
    one.receive(opened(1))
    one.hold(1, held=True)
    events = [event for _ in range(9) for event in one.receive(raw(DATA, 0, 1, wrapped(bytes(1_000_000))))]

    assert events[-1] == Ended(1)
    assert (RST_STREAM, 1) in kinds(one)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (opened(2), PROTOCOL_ERROR),
        (raw(DATA, 0, 9, b"x"), PROTOCOL_ERROR),
        (raw(RST_STREAM, 0, 9, bytes(4)), PROTOCOL_ERROR),
        (raw(WINDOW_UPDATE, 0, 9, window_of(1)), PROTOCOL_ERROR),
        (raw(WINDOW_UPDATE, 0, 0, window_of(0)), PROTOCOL_ERROR),
        (raw(WINDOW_UPDATE, 0, 0, window_of(2**31 - 1)), FLOW_CONTROL_ERROR),
        (raw(WINDOW_UPDATE, 0, 1, window_of(2**30)) + settings(window=2**31 - 1), FLOW_CONTROL_ERROR),
        (opened(1), PROTOCOL_ERROR),
        (raw(DATA), PROTOCOL_ERROR),
    ],
)
def test_mistakes_that_end_the_connection(data: bytes, code: int) -> None:
    one = greeted()
    one.receive(opened(1))

    one.receive(data + opened(3) + sent(3, b"never read"))

    assert one.over
    assert one.failure
    goaway = wrote(one)[-1]
    assert (goaway.kind, goaway.payload[:4], goaway.payload[4:8]) == (GOAWAY, window_of(1), window_of(code))
    assert goaway.payload[8:].decode() == one.failure
    assert one.receive(opened(5)) == []


@pytest.mark.parametrize(
    "late",
    [raw(DATA, END_STREAM, 1, b"x"), raw(RST_STREAM, 0, 1, bytes(4)), raw(WINDOW_UPDATE, 0, 1, window_of(1)),
     raw(HEADERS, END_HEADERS | END_STREAM, 1, b"x")],
)  # fmt: skip
def test_what_a_client_sent_before_it_knew_of_the_end_is_passed_over(late: bytes) -> None:
    one = greeted()
    one.receive(opened(1))
    one.finish(1)
    one.take()

    assert one.receive(late) == []
    assert wrote(one) == []


def test_no_more_streams_than_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h2_connection, "MAX_STREAMS", 2)
    one = greeted()

    assert one.receive(opened(1) + opened(3) + opened(5) + sent(5, b"refused")) == []
    assert [(each.stream, each.payload) for each in wrote(one)] == [(5, window_of(REFUSED_STREAM))]
    one.finish(1)
    assert one.receive(opened(7) + sent(7, b"served")) == [Message(7, b"served")]


# --- drain ------------------------------------------------------------------------------------------------


def test_a_drain_serves_what_is_on_its_way_and_refuses_the_rest() -> None:
    one = greeted()
    one.receive(opened(1) + sent(1, b"running"))

    one.drain()
    one.drain()
    first, ping = wrote(one)
    assert (first.kind, first.payload) == (GOAWAY, window_of(2**31 - 1) + window_of(NO_ERROR))
    assert one.receive(opened(3) + sent(3, b"on its way")) == [Message(3, b"on its way")]
    one.receive(raw(PING, ACK, 0, ping.payload))
    (second,) = wrote(one)
    assert (second.kind, second.payload) == (GOAWAY, window_of(3) + window_of(NO_ERROR))
    assert one.receive(opened(5)) == []
    assert [(each.stream, each.payload) for each in wrote(one)] == [(5, window_of(REFUSED_STREAM))]

    for number in (1, 3):
        assert not one.over
        one.finish(number)
    assert one.over
    assert not one.failure


def test_an_idle_connection_is_not_over_before_the_client_has_heard() -> None:
    one = greeted()
    one.drain()
    assert not one.over
    one.receive(raw(PING, ACK, 0, wrote(one)[-1].payload))
    assert one.over


def test_only_the_answer_to_our_own_ping_counts() -> None:
    one = greeted()
    one.receive(raw(PING, ACK, 0, b"waypost!"))
    one.drain()
    one.receive(raw(PING, ACK, 0, b"anything"))
    assert not one.over


Act = Callable[[Connection], object]


@pytest.mark.parametrize(
    "act", [lambda one: one.send(1, b"x"), lambda one: one.finish(1), lambda one: one.drain()]
)
def test_after_a_failure_nothing_matters_any_more(act: Act) -> None:
    one = greeted()
    one.receive(opened(1) + raw(DATA))
    act(one)
    assert one.over
