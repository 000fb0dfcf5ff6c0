"""Whatever arrives, in whatever portions: nothing is lost or mixed up, no window is overdrawn, no crash."""

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tests.contracts import http2
from tests.contracts.http2 import frames, hello, opened, raw, sent, wrapped
from waypost.transport.fronts.h2_connection import Connection, Ended, Event, Message
from waypost.transport.fronts.h2_frames import (
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)

LIMIT = 100_000

streams = st.integers(0, 9) | st.integers(0, 2**31 - 1)
any_frame = st.builds(
    raw,
    st.integers(0, 11),
    st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x25, 0xFF]),
    streams,
    st.binary(max_size=40),
)
fair_frame = st.one_of(
    st.builds(opened, st.sampled_from([1, 3, 5, 7])),
    st.builds(sent, st.sampled_from([1, 3, 5, 7]), st.binary(max_size=60), st.sampled_from([0, END_STREAM])),
    st.builds(lambda stream: raw(RST_STREAM, 0, stream, bytes(4)), st.sampled_from([1, 3, 5])),
    st.builds(
        lambda stream, size: raw(WINDOW_UPDATE, 0, stream, size.to_bytes(4)),
        streams,
        st.integers(0, 2**31 - 1),
    ),
    st.builds(lambda window: http2.settings(window=window), st.integers(0, 2**32 - 1)),
)
conversation = st.lists(st.one_of(fair_frame, fair_frame, any_frame), max_size=30).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def hear(pieces: list[bytes]) -> tuple[list[Event], bytes, str]:
    """Feed a connection and answer every message; what it told, what it wrote, why it failed."""
    one, events, out = Connection(LIMIT), list[Event](), b""
    for piece in pieces:
        for event in one.receive(piece):
            events.append(event)
            if isinstance(event, Message):
                one.send(event.stream, event.data)
    while more := one.take():
        out += more
    return events, out, one.failure


@given(conversation, st.lists(st.integers(0, 5000), max_size=20))
def test_any_split_gives_the_same(data: bytes, places: list[int]) -> None:
    whole = hello(window=1000) + data
    events, _, failure = hear([whole])
    split_events, _, split_failure = hear(cut(whole, places))

    assert (split_events, split_failure) == (events, failure)


MESSAGE_THEN_NONSENSE = opened(1) + sent(1, bytes(5), 0) + raw(0, 0, 0, bytes(1))


@given(st.binary(max_size=400) | conversation, st.sampled_from([b"", PREFACE]))
@example(http2.settings() + MESSAGE_THEN_NONSENSE, PREFACE)
def test_no_bytes_crash_it_and_what_it_says_is_well_formed(data: bytes, greeting: bytes) -> None:
    _, out, failure = hear([greeting + data])

    said = frames(out)
    assert sum(9 + each.size for each in said) == len(out)
    assert (said[-1].kind == GOAWAY) == bool(failure)


@given(conversation)
def test_a_stream_ends_once_and_brings_nothing_behind_its_end(data: bytes) -> None:
    events, _, _ = hear([hello(window=1000) + data])

    for number in {event.stream for event in events}:
        own = [event for event in events if event.stream == number]
        assert [isinstance(event, Ended) for event in own[:-1]] == [False] * (len(own) - 1)


texts = st.lists(st.binary(max_size=300), max_size=6)


@given(st.dictionaries(st.sampled_from([1, 3, 5, 7]), texts, min_size=1), st.data())
def test_interleaved_streams_keep_their_messages_apart(
    calls: dict[int, list[bytes]], data: st.DataObject
) -> None:
    rest = {stream: b"".join(map(wrapped, messages)) for stream, messages in calls.items()}
    said = hello() + b"".join(map(opened, sorted(rest)))
    while left := sorted(stream for stream, payload in rest.items() if payload):
        stream = data.draw(st.sampled_from(left))
        size = data.draw(st.integers(1, 200))
        said += raw(DATA, 0, stream, rest[stream][:size])
        rest[stream] = rest[stream][size:]
    events, out, _ = hear([said])

    for stream, messages in calls.items():
        assert [
            event.data for event in events if isinstance(event, Message) and event.stream == stream
        ] == messages
        echoed = b"".join(each.payload for each in frames(out) if each.kind == DATA and each.stream == stream)
        assert echoed == b"".join(map(wrapped, messages))


@dataclass
class Account:
    """What the client knows of one stream."""

    allowed: int
    wanted: bytes = b""
    got: bytes = b""
    ended: bool = False
    finished: bool = field(default=False)


class Windows(RuleBasedStateMachine):
    """A client that counts, against a server that sends: no window is overdrawn, and everything comes."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.one = Connection(LIMIT)
        self.one.receive(hello())
        self.initial = self.connection = 65_535
        self.largest = 16_384
        self.accounts: dict[int, Account] = {}

    @rule(target=calls)
    def open(self) -> int:
        number = 2 * len(self.accounts) + 1
        assert self.one.receive(opened(number)) == []
        self.accounts[number] = Account(self.initial)
        return number

    @rule(call=calls, size=st.integers(0, 50_000))
    def answer(self, call: int, size: int) -> None:
        message = bytes([call % 256]) * size
        self.one.send(call, message)
        if not self.accounts[call].finished:
            self.accounts[call].wanted += wrapped(message)

    @rule(call=calls)
    def finish(self, call: int) -> None:
        self.one.finish(call)
        self.accounts[call].finished = True

    @rule(call=consumes(calls))
    def reset(self, call: int) -> None:
        self.write()
        self.one.receive(raw(RST_STREAM, 0, call, bytes(4)))
        del self.accounts[call]
        self.accounts[-call] = Account(0, ended=True)  # its number is not used again

    @rule(call=calls, size=st.integers(1, 40_000))
    def widen(self, call: int, size: int) -> None:
        self.one.receive(raw(WINDOW_UPDATE, 0, call, size.to_bytes(4)))
        self.accounts[call].allowed += size

    @rule(size=st.integers(1, 100_000))
    def widen_all(self, size: int) -> None:
        self.one.receive(raw(WINDOW_UPDATE, 0, 0, size.to_bytes(4)))
        self.connection += size

    @rule(window=st.integers(0, 70_000), largest=st.integers(2**14, 2**15))
    def settle(self, window: int, largest: int) -> None:
        self.write()  # what was written before the client changed its mind is fair
        self.one.receive(http2.settings(window=window, frame=largest))
        for account in self.accounts.values():
            account.allowed += window - self.initial
        self.initial, self.largest = window, largest

    @rule(size=st.integers(0, 100_000))
    def write(self, size: int = 1_000_000) -> None:
        for each in frames(self.one.take(size)):
            account = self.accounts.get(each.stream)
            if account is None:
                continue
            if each.kind == DATA:
                assert 0 < each.size <= self.largest
                account.allowed -= each.size
                self.connection -= each.size
                assert account.allowed >= 0
                assert self.connection >= 0
                assert not account.ended
                account.got += each.payload
            elif each.kind == HEADERS and each.flags & END_STREAM:
                account.ended = True
                assert account.finished
                assert account.got == account.wanted
            else:
                assert each.kind in {HEADERS, RST_STREAM, SETTINGS}

    @invariant()
    def in_order(self) -> None:
        assert not self.one.failure
        for account in self.accounts.values():
            assert account.wanted.startswith(account.got)

    def teardown(self) -> None:
        """With windows wide open, everything that was promised comes."""
        self.one.receive(raw(WINDOW_UPDATE, 0, 0, (2**30).to_bytes(4)))
        self.connection += 2**30
        for number, account in self.accounts.items():
            if number > 0:
                self.one.receive(raw(WINDOW_UPDATE, 0, number, (2**29).to_bytes(4)))
                account.allowed += 2**29
        for _ in range(20):
            self.write()
        for number, account in self.accounts.items():
            if number > 0:
                assert account.got == account.wanted
                assert account.ended == account.finished


TestWindows = Windows.TestCase
TestWindows.settings = settings(max_examples=60, stateful_step_count=40)
