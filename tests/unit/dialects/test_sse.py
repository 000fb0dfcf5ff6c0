"""The event stream as servers really write it, and as they might."""

import pytest

from waypost.dialects import sse
from waypost.dialects.sse import Event, SseReader, write


def read(stream: bytes, size: int = 0) -> list[Event]:
    reader = SseReader()
    cuts = range(0, len(stream), size or len(stream) or 1)
    return [
        *(event for at in cuts for event in reader.feed(stream[at : at + (size or len(stream))])),
        *reader.end(),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 7])
def test_an_event_has_a_name_and_its_data_whatever_ends_a_line(end: bytes, size: int) -> None:
    stream = end.join([b"event: ping", b"data: {}", b"", b"data:a", b"data: b", b"data:  c", b"", b""])
    assert read(stream, size) == [Event("ping", b"{}"), Event("", b"a\nb\n c")]


def test_line_ends_may_be_mixed() -> None:
    assert read(b"data: a\r\rdata: b\n\r\ndata: c\r\n\n") == [
        Event("", b"a"),
        Event("", b"b"),
        Event("", b"c"),
    ]


def test_an_event_waits_for_nothing_behind_it() -> None:
    reader = SseReader()
    assert reader.feed(b"data: a\r\n\r") == [Event("", b"a")]
    assert reader.feed(b"\ndata: b\r\r") == [Event("", b"b")]
    assert reader.feed(b"") == []
    assert reader.feed(b"\n") == []
    assert reader.feed(b"\n") == []
    assert reader.end() == []


@pytest.mark.parametrize(
    "stream",
    [
        b": OPENROUTER PROCESSING\n\n",
        b":\n\n:\n",
        b"event: error\n\n",
        b"id: 7\nretry: 10\n\n",
        b"\n\n\r\n",
        b"dat: a\n\n",
        b" data: a\n\n",
        b"\xef\xbb\xbf",
        b"",
    ],
)
def test_without_data_there_is_no_event(stream: bytes) -> None:
    assert read(stream) == read(stream, 1) == []


def test_the_name_of_an_event_without_data_is_not_that_of_the_next() -> None:
    assert read(b"event: error\n\ndata: a\n\n") == [Event("", b"a")]


def test_a_field_without_colon_has_an_empty_value() -> None:
    assert read(b"event: a\nevent\ndata\ndata\n\n") == [Event("", b"\n")]


def test_comments_and_unknown_fields_stand_anywhere() -> None:
    assert read(b": a\ndata: x\n: data: b\nid: 3\nretry: 5\ndata: y\n\n") == [Event("", b"x\ny")]


def test_a_byte_order_mark_is_one_only_at_the_beginning() -> None:
    assert read(b"\xef\xbb\xbfdata: a\n\n") == read(b"\xef\xbb\xbfdata: a\n\n", 1) == [Event("", b"a")]
    assert read(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n") == []
    assert read(b"data: a\n\n\xef\xbb\xbfdata: b\n\n") == [Event("", b"a")]


@pytest.mark.parametrize("rest", [b"", b"\n", b"\r", b"\r\n", b"\n: x"])
def test_the_last_event_needs_no_empty_line(rest: bytes) -> None:
    assert read(b"event: e\ndata: a" + rest) == [Event("e", b"a")]
    assert read(b"event: e\ndata: a" + rest, 1) == [Event("e", b"a")]


@pytest.mark.parametrize("separator", ["\v", "\f", "\x1c", "\x85", "\u2028"])
def test_nothing_else_ends_a_line(separator: str) -> None:
    data = f"a{separator}b".encode()
    assert read(b"data: " + data + b"\n\n", 1) == [Event("", data)]


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize(
    "long", [b"data: " + b"x" * 40, b"data: x\n" * 6 + b"data", b": " + b"x" * 40, b"data\n" * 10 + b"data"]
)
def test_an_event_that_is_too_long_is_told_and_passed_over(
    monkeypatch: pytest.MonkeyPatch, long: bytes, size: int
) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 40)
    stream = b"data: a\n\nevent: e\n" + long + b"\ndata: lost\n" + b"x" * 90 + b"\n\ndata: b\n\n"
    assert read(stream, size) == [Event("", b"a"), Event("e", None), Event("", b"b")]


def test_the_longest_event_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 40)
    assert read(b"data: " + b"x" * 34 + b"\n\n", 1) == [Event("", b"x" * 34)]


def test_what_is_too_long_is_told_at_once_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 40)
    reader = SseReader()
    assert reader.feed(b"data: " + b"x" * 40) == [Event("", None)]
    assert reader.feed(b"x" * 1000) == []
    assert len(reader._line) <= 1
    assert reader.end() == []


@pytest.mark.parametrize(
    ("data", "document"),
    [
        (b'{"a": [1, "\xc3\xa4"]}', {"a": [1, "\u00e4"]}),
        (b"[DONE]", None),
        (b"[1]", None),
        (b"{", None),
        (b"", None),
        (b'{"a": "\xff"}', None),
        (b"[" * 100_000, None),
        (None, None),
    ],
)
def test_the_document_of_an_event(data: bytes | None, document: object) -> None:
    assert Event("", data).document() == document


def test_writing() -> None:
    assert write(b"{}") == b"data: {}\n\n"
    assert write(b"{}", "ping") == b"event: ping\ndata: {}\n\n"
    assert read(write(b"a\n\nb", "x") + sse.DONE) == [Event("x", b"a\n\nb"), Event("", b"[DONE]")]
