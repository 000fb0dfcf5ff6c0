"""What a tap passes on, what it learns, and how it ends a stream that did not end."""

import json
from typing import Any

import pytest

from waypost.dialects import sse
from waypost.dialects.anthropic_response import BAD_ANSWER
from waypost.dialects.spans import MAX_BRACKETS
from waypost.dialects.tap import ENDED_EARLY, StreamTap, body_usage
from waypost.request.chat import Dialect
from waypost.usage import Usage


def event(value: object, name: str = "") -> bytes:
    return sse.write(json.dumps(value, separators=(",", ":")).encode(), name)


def chunk(delta: dict[str, Any], finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event({"id": "c", "object": "chat.completion.chunk", "choices": [choice], "usage": None, **more})


COUNTS = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
ROLE, HELLO, WORLD = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "He"}),
    chunk({"content": "y"}),
)
STOP = chunk({}, "stop")
USED = event({"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": COUNTS})
OPENAI = [ROLE, HELLO, WORLD, STOP, USED, sse.DONE]
OPENAI_ERROR = event({"error": {"message": "busy", "type": "server_error", "code": None}})

LEGACY = [
    event({"object": "text_completion", "choices": [{"text": "He", "index": 0, "finish_reason": None}]}),
    event({"object": "text_completion", "choices": [{"text": "", "index": 0, "finish_reason": "length"}]}),
    event({"object": "text_completion", "choices": [], "usage": COUNTS}),
    sse.DONE,
]


def named(kind: str, **more: object) -> bytes:
    return event({"type": kind, **more}, kind)


STARTED = {
    "input_tokens": 2,
    "cache_read_input_tokens": 3,
    "cache_creation_input_tokens": 0,
    "output_tokens": 1,
}
ANTHROPIC = [
    named("message_start", message={"id": "msg_1", "content": [], "stop_reason": None, "usage": STARTED}),
    named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    named("ping"),
    named("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hey"}),
    named("content_block_stop", index=0),
    named(
        "message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7, "input_tokens": None}
    ),
    named("message_stop"),
]
ANTHROPIC_ERROR = named("error", error={"type": "overloaded_error", "message": "busy"})


def numbered(number: int, kind: str, **more: object) -> bytes:
    return named(kind, sequence_number=number, **more)


RESPONSE_USAGE = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
RESPONSES = [
    numbered(0, "response.created", response={"status": "in_progress", "error": None, "usage": None}),
    numbered(1, "response.output_item.added", item={"type": "message"}),
    numbered(2, "response.output_text.delta", delta="Hey"),
    numbered(
        3, "response.completed", response={"status": "completed", "error": None, "usage": RESPONSE_USAGE}
    ),
]
RESPONSES_ERROR = numbered(3, "error", code="server_error", message="busy", param=None)

STREAMS: dict[Dialect, list[bytes]] = {
    "openai_chat": OPENAI,
    "openai_completions": LEGACY,
    "anthropic_messages": ANTHROPIC,
    "openai_responses": RESPONSES,
}
ERRORS: dict[Dialect, bytes] = {
    "openai_chat": OPENAI_ERROR,
    "openai_completions": OPENAI_ERROR,
    "anthropic_messages": ANTHROPIC_ERROR,
    "openai_responses": RESPONSES_ERROR,
}
EVERY = pytest.mark.parametrize("dialect", list(STREAMS))


def through(tap: StreamTap, pieces: list[bytes]) -> bytes:
    return b"".join([*map(tap.feed, pieces), tap.end()])


def failure(dialect: Dialect, told: bytes) -> tuple[str, Any]:
    """Name and message of the one event that `told` is."""
    (found,) = sse.SseReader().feed(told)
    document = found.document() or {}
    if dialect == "openai_responses":
        assert document.keys() == {"type", "code", "message", "param", "sequence_number"}
        return found.name, document["message"]
    if dialect == "anthropic_messages":
        assert document["type"] == "error"
        assert document["error"]["type"] == "api_error"
    else:
        assert document["error"]["type"] == "server_error"
    return found.name, document["error"]["message"]


# --- what passes ------------------------------------------------------------------------------------------


@EVERY
def test_a_whole_stream_passes_in_the_very_same_pieces(dialect: Dialect) -> None:
    tap = StreamTap(dialect, drop_usage=False)
    for piece in STREAMS[dialect]:
        assert tap.feed(piece) is piece
    assert tap.end() == b""
    assert (tap.first, tap.ended, tap.error, tap.outcome) == (True, True, False, "complete")


@EVERY
def test_lines_may_end_as_they_like(dialect: Dialect) -> None:
    for end in (b"\r\n", b"\r"):
        pieces = [piece.replace(b"\n", end) for piece in STREAMS[dialect]]
        tap = StreamTap(dialect, drop_usage=False)
        assert through(tap, pieces) == b"".join(pieces)
        assert tap.outcome == "complete"
        assert tap.usage is not None


@EVERY
def test_an_event_goes_on_with_its_last_byte(dialect: Dialect) -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        tap = StreamTap(dialect, drop_usage=True)
        for piece in STREAMS[dialect][:2]:
            written = piece.replace(b"\n", end)
            told = [tap.feed(written[n : n + 1]) for n in range(len(written))]
            assert told == [b""] * (len(written) - 1) + [written]


def test_an_event_that_is_not_whole_waits_and_what_is_in_front_of_it_does_not() -> None:
    tap = StreamTap("openai_chat", drop_usage=False)
    assert tap.feed(ROLE + HELLO + WORLD[:9]) == ROLE + HELLO
    assert tap.feed(WORLD[9:]) == WORLD


def test_comments_pass() -> None:
    tap = StreamTap("openai_chat", drop_usage=True)
    pieces = [b": OPENROUTER PROCESSING\n\n", *OPENAI[:4], b": ping\n\n", sse.DONE]
    assert through(tap, pieces) == b"".join(pieces)


def test_events_without_content_pass() -> None:
    tap = StreamTap("openai_chat", drop_usage=False)
    pieces = [b"event: ping\ndata: \n\n", event([1]).replace(b"[1]", b"{}"), *OPENAI]
    assert through(tap, pieces) == b"".join(pieces)


def test_an_end_without_an_empty_line_is_one() -> None:
    tap = StreamTap("openai_chat", drop_usage=False)
    stream = b"".join(OPENAI).rstrip(b"\n")
    assert through(tap, [stream]) == stream
    assert tap.outcome == "complete"


def test_an_event_too_long_to_be_held_passes_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 400)
    long = chunk({"content": "x" * 900})
    pieces = [ROLE, long, HELLO, STOP, sse.DONE]
    whole = b"".join(pieces)
    for size in (1, 100, 5000):
        tap = StreamTap("openai_chat", drop_usage=True)
        cut = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert through(tap, cut) == whole
        assert tap.outcome == "complete"
        assert len(tap._held) <= 400


def test_an_error_is_set_apart_from_an_event_that_was_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 400)
    tap = StreamTap("openai_chat", drop_usage=True)
    long = b"data: " + b"x" * 900
    told = through(tap, [long])
    assert told.startswith(long + b"\n\ndata: ")
    assert failure("openai_chat", told.removeprefix(long + b"\n\n"))[1] == ENDED_EARLY


# --- what is learned --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "usage"),
    [
        ("openai_chat", Usage(5, completion_tokens=7)),
        ("openai_completions", Usage(5, completion_tokens=7)),
        ("anthropic_messages", Usage(5, 3, 0, 7)),
        ("openai_responses", Usage(5, completion_tokens=7)),
    ],
)
def test_the_usage_is_learned(dialect: Dialect, usage: Usage) -> None:
    tap = StreamTap(dialect, drop_usage=False)
    through(tap, STREAMS[dialect])
    assert tap.usage == usage


def test_a_stream_that_tells_no_usage_has_none() -> None:
    tap = StreamTap("openai_chat", drop_usage=True)
    through(tap, [ROLE, HELLO, STOP, sse.DONE])
    assert tap.usage is None


def test_a_cut_stream_tells_what_is_known() -> None:
    tap = StreamTap("anthropic_messages", drop_usage=False)
    for piece in ANTHROPIC[:4]:
        tap.feed(piece)
    assert (tap.usage, tap.outcome) == (Usage(5, 3, 0, 1), "cut")


def test_counts_of_a_stream_are_bounded() -> None:
    tap = StreamTap("openai_chat", drop_usage=False)
    for number in range(50):
        tap.feed(event({"choices": [], "usage": {f"n{number}-{k}": 1 for k in range(9)}}))
    tap.feed(HELLO + STOP)
    assert len(tap._usage) <= 100
    assert tap.outcome == "complete"


@pytest.mark.parametrize(
    ("dialect", "piece", "has_content"),
    [
        ("openai_chat", ROLE, False),
        ("openai_chat", chunk({"reasoning_content": "Hm"}), True),
        ("openai_chat", chunk({"tool_calls": [{"index": 0}]}), True),
        ("openai_chat", chunk({"refusal": None, "content": None}), False),
        ("openai_completions", LEGACY[0], True),
        ("openai_completions", LEGACY[1], False),
        ("anthropic_messages", ANTHROPIC[0], False),
        ("anthropic_messages", ANTHROPIC[1], False),
        ("anthropic_messages", named("content_block_start", content_block={"type": "tool_use"}), True),
        ("anthropic_messages", ANTHROPIC[3], True),
        ("openai_responses", RESPONSES[1], False),
        ("openai_responses", RESPONSES[2], True),
        ("openai_responses", event({"type": 5}), False),
    ],
)
def test_content_is_what_a_reader_sees(dialect: Dialect, piece: bytes, has_content: bool) -> None:  # noqa: FBT001
    tap = StreamTap(dialect, drop_usage=False)
    tap.feed(piece)
    assert tap.first is has_content


TRICKS = [
    '"usage": {"prompt_tokens": 9}',
    '"finish_reason": "stop"',
    '"error": {"a": 1}',
    "data: [DONE]",
    "[DONE]",
]


@EVERY
@pytest.mark.parametrize(
    "text", [*TRICKS, '"message_stop"', '"response.completed"', '\n\ndata: {"error": 1}\n\n']
)
def test_a_text_is_no_mark(dialect: Dialect, text: str) -> None:
    begin, says = {
        "openai_chat": (HELLO, chunk({"content": text})),
        "openai_completions": (LEGACY[0], event({"choices": [{"text": text, "finish_reason": None}]})),
        "anthropic_messages": (
            ANTHROPIC[3],
            named("content_block_delta", delta={"type": "text_delta", "text": text}),
        ),
        "openai_responses": (RESPONSES[2], numbered(3, "response.output_text.delta", delta=text)),
    }[dialect]
    tap = StreamTap(dialect, drop_usage=True)
    assert tap.feed(begin + says) == begin + says
    assert (tap.usage, tap.ended, tap.error) == (None, False, False)


def test_a_mark_deeper_in_an_event_is_none() -> None:
    tap = StreamTap("openai_chat", drop_usage=True)
    nested = chunk({"content": "x"}, meta={"usage": COUNTS, "error": {"a": 1}, "finish_reason": "stop"})
    assert tap.feed(HELLO + nested) == HELLO + nested
    assert (tap.usage, tap.ended, tap.error) == (None, False, False)


@pytest.mark.parametrize("finish", [None, ""])
def test_an_empty_finish_reason_is_no_end(finish: str | None) -> None:
    tap = StreamTap("openai_chat", drop_usage=False)
    tap.feed(chunk({"content": "a"}, finish))
    assert not tap.ended


# --- usage the client did not ask for ---------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_completions"])
def test_the_chunk_of_usage_is_taken_out(dialect: Dialect) -> None:
    tap = StreamTap(dialect, drop_usage=True)
    pieces = STREAMS[dialect]
    assert through(tap, pieces) == b"".join([*pieces[:-2], pieces[-1]])
    assert tap.usage == Usage(5, completion_tokens=7)


def test_a_chunk_of_usage_that_says_something_stays() -> None:
    tap = StreamTap("openai_chat", drop_usage=True)
    last = chunk({"content": "!"}, "stop", usage=COUNTS)
    assert through(tap, [ROLE, last, sse.DONE]) == ROLE + last + sse.DONE
    assert tap.usage == Usage(5, completion_tokens=7)


def test_a_first_chunk_without_choices_stays() -> None:
    tap = StreamTap("openai_chat", drop_usage=True)
    filtered = event({"choices": [], "prompt_filter_results": [], "usage": None})
    assert tap.feed(filtered) is filtered


def test_a_dropped_chunk_goes_also_where_it_came_with_others() -> None:
    tap = StreamTap("openai_chat", drop_usage=True)
    assert tap.feed(b"".join(OPENAI)) == b"".join([*OPENAI[:4], sse.DONE])


# --- errors -----------------------------------------------------------------------------------------------


@EVERY
def test_an_error_passes_and_nothing_behind_it(dialect: Dialect) -> None:
    begin, told = STREAMS[dialect][:-2], ERRORS[dialect]
    behind = STREAMS[dialect][-2:]
    for pieces in ([*begin, told, *behind], [b"".join([*begin, told, *behind])]):
        tap = StreamTap(dialect, drop_usage=False)
        assert through(tap, pieces) == b"".join([*begin, told])
        assert tap.outcome == "error"


def test_a_failed_response_is_an_error_with_its_usage() -> None:
    failed = numbered(3, "response.failed", response={"error": {"code": "x"}, "usage": RESPONSE_USAGE})
    tap = StreamTap("openai_responses", drop_usage=False)
    assert through(tap, [*RESPONSES[:3], failed, sse.DONE]) == b"".join([*RESPONSES[:3], failed])
    assert (tap.outcome, tap.usage) == ("error", Usage(5, completion_tokens=7))


@pytest.mark.parametrize("error", [None, False, {}, "", 0])
def test_an_empty_error_is_none(error: object) -> None:
    tap = StreamTap("openai_chat", drop_usage=False)
    pieces = [chunk({"content": "a"}, error=error), *OPENAI]
    assert through(tap, pieces) == b"".join(pieces)
    assert tap.outcome == "complete"


@EVERY
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_stream_without_its_end_gets_an_error_for_one(dialect: Dialect, count: int) -> None:
    begin = STREAMS[dialect][: min(count, len(STREAMS[dialect]) - 1)]
    if dialect == "openai_completions":
        begin = begin[:1]
    tap = StreamTap(dialect, drop_usage=False)
    told = through(tap, begin)
    assert told.startswith(b"".join(begin))
    name, message = failure(dialect, told.removeprefix(b"".join(begin)))
    assert name == ("error" if dialect in {"anthropic_messages", "openai_responses"} else "")
    assert message == ENDED_EARLY
    assert b"[DONE]" not in told
    assert tap.outcome == "error"
    assert tap.end() == b""
    assert tap.feed(HELLO) == b""


@EVERY
def test_half_an_event_does_not_stand_in_front_of_the_error(dialect: Dialect) -> None:
    first, second = STREAMS[dialect][:2]
    tap = StreamTap(dialect, drop_usage=False)
    told = through(tap, [first, second[: len(second) // 2]])
    assert failure(dialect, told.removeprefix(first))[1] == ENDED_EARLY


def test_a_whole_event_without_its_border_is_set_apart_from_the_error() -> None:
    tap = StreamTap("openai_chat", drop_usage=False)
    told = through(tap, [ROLE, HELLO.rstrip(b"\n")])
    assert told.startswith(ROLE + HELLO)
    assert failure("openai_chat", told.removeprefix(ROLE + HELLO))[1] == ENDED_EARLY


@EVERY
def test_a_broken_event_becomes_an_error(dialect: Dialect) -> None:
    tap = StreamTap(dialect, drop_usage=False)
    told = through(tap, [b"data: {oops\n\n", *STREAMS[dialect]])
    assert failure(dialect, told)[1] == BAD_ANSWER
    assert tap.outcome == "error"


def test_a_broken_event_with_a_mark_becomes_an_error() -> None:
    tap = StreamTap("openai_chat", drop_usage=False)
    told = through(tap, [ROLE, HELLO, b'data: {"usage": {"a"\n\n', STOP, sse.DONE])
    assert told.startswith(ROLE + HELLO)
    assert failure("openai_chat", told.removeprefix(ROLE + HELLO))[1] == BAD_ANSWER


@pytest.mark.parametrize(
    "pieces", [[b"".join(RESPONSES[:3])], RESPONSES[:3], [*RESPONSES[:3], b": ping\n\n"]]
)
def test_an_error_goes_on_counting(pieces: list[bytes]) -> None:
    tap = StreamTap("openai_responses", drop_usage=False)
    told = through(tap, pieces)
    assert json.loads(told.rpartition(b"data: ")[2])["sequence_number"] == 3
    tap = StreamTap("openai_responses", drop_usage=False)
    told = through(tap, [b"".join([*RESPONSES[:3], b'data: {"error": oops}\n\n'])])
    assert json.loads(told.rpartition(b"data: ")[2])["sequence_number"] == 3


def test_nothing_at_all_is_an_error() -> None:
    tap = StreamTap("openai_chat", drop_usage=False)
    assert failure("openai_chat", tap.end())[1] == ENDED_EARLY


# --- answers that come whole ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "usage", "found"),
    [
        ("openai_chat", COUNTS, Usage(5, completion_tokens=7)),
        ("openai_completions", COUNTS, Usage(5, completion_tokens=7)),
        ("openai_embeddings", {"prompt_tokens": 5, "total_tokens": 5}, Usage(5, completion_tokens=0)),
        ("openai_responses", RESPONSE_USAGE, Usage(5, completion_tokens=7)),
        ("anthropic_messages", STARTED, Usage(5, 3, 0, 1)),
        ("gemini", COUNTS, None),
    ],
)
def test_the_usage_of_a_body_is_learned(dialect: Dialect, usage: object, found: Usage | None) -> None:
    body = json.dumps({"id": "x", "choices": [{"usage": {"prompt_tokens": 1}}], "usage": usage, "z": "}"})
    assert body_usage(dialect, body.encode()) == found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"<html>",
        b"{}",
        b'{"usage": null}',
        b'{"usage": 5}',
        b'{"usage": {"prompt_tokens": 1',
        b'{"usage": {"prompt_tokens": oops}}',
        b'{"usage": {"prompt_tokens": "1"}}',
        b'{"usage": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"choices": [' + b"[" * MAX_BRACKETS + b"]" * MAX_BRACKETS + b'], "usage": {"prompt_tokens": 1}}',
        b"\x1f\x8b\x08" + bytes(range(256)),
    ],
)
def test_a_body_that_does_not_say_is_unknown(body: bytes) -> None:
    assert body_usage("openai_chat", body) is None


def test_of_two_usages_the_last_one_counts_as_it_does_for_clients() -> None:
    body = b'{"usage": {"prompt_tokens": 1}, "usage": {"prompt_tokens": 2}}'
    assert body_usage("openai_chat", body) == Usage(2)


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (b"", "cut"),
        (b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n', "cut"),
        (b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n', "complete"),
        (b"data: [DONE]\n\n", "complete"),
        (b'data: {"error":{"message":"m","type":"t","param":null,"code":"c"}}\n\n', "error"),
    ],
)
def test_how_a_stream_ended(said: bytes, end: str) -> None:
    tap = StreamTap("openai_chat", drop_usage=False)
    tap.feed(said)
    assert tap.outcome == end
