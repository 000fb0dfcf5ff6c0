"""However a stream is cut, a tap passes the same bytes and learns the same, no less than a parser would."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.test_sse import cut
from waypost.dialects import sse
from waypost.dialects.tap import StreamTap, body_usage
from waypost.request.chat import Dialect
from waypost.usage import from_openai

dialects = st.sampled_from(
    ["openai_chat", "openai_completions", "anthropic_messages", "openai_responses", "openai_embeddings"]
)
leaves = st.none() | st.booleans() | st.integers(-1, 9) | st.text(max_size=5)
counts = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens"), leaves
    ),
)
texts = st.sampled_from(
    ["", "a", '"usage": {', '"error": {"a"', "[DONE]", "data: [DONE]", "\n\n", '"finish_reason":"x"']
)
deltas = st.fixed_dictionaries({}, optional={"content": texts, "role": texts, "tool_calls": leaves})
choices = st.fixed_dictionaries(
    {}, optional={"delta": deltas | leaves, "text": texts, "finish_reason": leaves}
)
kinds = st.sampled_from(
    [
        "message_start",
        "content_block_delta",
        "message_delta",
        "message_stop",
        "error",
        "response.output_text.delta",
        "response.completed",
        "response.failed",
        5,
    ]
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(choices | leaves, max_size=2) | leaves,
        "usage": counts | leaves,
        "error": leaves | counts,
        "type": kinds,
        "delta": st.fixed_dictionaries({}, optional={"stop_reason": leaves}) | leaves,
        "message": st.fixed_dictionaries({"usage": counts | leaves}) | leaves,
        "response": st.fixed_dictionaries({"usage": counts | leaves}) | leaves,
        "sequence_number": st.integers(0, 99),
    },
)
spaced = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")])
written = st.builds(
    lambda value, marks: json.dumps(value, separators=marks).encode(), documents | leaves, spaced
)
lines = st.one_of(
    written.map(lambda data: b"data: " + data),
    st.sampled_from(
        [b"data: [DONE]", b"data:[DONE]", b": ping", b"event: error", b"data: {oops", b"data:", b"x", b""]
    ),
)
ends = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b"\r\n", b"\n\r\n", b""])
streams = st.lists(st.tuples(lines, ends).map(b"".join), max_size=8).map(b"".join)
Learned = tuple[bytes, Any, bool, bool, bool]


def run(dialect: Dialect, pieces: list[bytes], *, drop: bool, ends: bool = True) -> Learned:
    tap = StreamTap(dialect, drop_usage=drop)
    out = b"".join(map(tap.feed, pieces)) + (tap.end() if ends else b"")
    return out, tap.usage, tap.error, tap.ended, tap.first


@given(dialects, streams | st.binary(max_size=60), st.sets(st.integers(0, 600)), st.booleans())
@example("openai_chat", b'data: {"choices":[],"usage":{"prompt_tokens":1}}\r\n\r\n', {1, 50, 51, 52}, True)
@example("openai_chat", b": ping\n\n\n", {8}, False)
@example("openai_chat", b'data: 1\n\n\ndata: {"choices":[],"usage":{}}\n\n\n', set(range(60)), True)
def test_any_split_passes_and_learns_the_same(
    dialect: Dialect,
    stream: bytes,
    cuts: set[int],
    drop: bool,  # noqa: FBT001
) -> None:
    whole = run(dialect, [stream], drop=drop)
    assert run(dialect, cut(stream, cuts), drop=drop) == whole
    assert run(dialect, [stream[n : n + 1] for n in range(len(stream))], drop=drop) == whole


@given(dialects, st.lists(written.map(sse.write), max_size=8), st.booleans())
def test_what_passes_is_the_beginning_of_what_came_and_at_most_one_error(
    dialect: Dialect,
    events: list[bytes],
    drop: bool,  # noqa: FBT001
) -> None:
    out, _, is_error, has_ended, _ = run(dialect, events, drop=drop)
    sent = [piece + b"\n\n" for piece in out.split(b"\n\n")[:-1]]
    added = [piece for piece in sent if piece not in events]
    assert len(added) <= 1
    assert is_error or not added
    assert is_error or has_ended
    kept = iter(events)
    assert all(piece in kept for piece in sent if piece not in added), "the order is the provider's"
    if not drop and not is_error:
        assert out == b"".join(events)


@given(st.lists(documents, max_size=8), spaced)
def test_no_usage_end_or_error_of_openai_is_overlooked(
    values: list[dict[str, Any]], marks: tuple[str, str]
) -> None:
    """A reference that parses every event."""
    usage: dict[str, Any] = {}
    ended = error = False
    for value in values:
        error = bool(value.get("error"))
        if error:
            break
        told = value.get("usage")
        usage |= {k: v for k, v in told.items() if v is not None} if isinstance(told, dict) else {}
        listed = value.get("choices")
        ended |= any(
            isinstance(c, dict) and bool(c.get("finish_reason"))
            for c in (listed if isinstance(listed, list) else ())
        )
    pieces = [sse.write(json.dumps(value, separators=marks).encode()) for value in values]
    _, found, failed, finished, _ = run("openai_chat", pieces, drop=True, ends=False)
    assert (found, failed, finished) == (from_openai(usage), error, ended)


@given(dialects, st.binary(max_size=80) | written)
def test_no_body_is_too_odd(dialect: Dialect, body: bytes) -> None:
    body_usage(dialect, body)


@given(counts, st.dictionaries(st.text(max_size=5), leaves | counts, max_size=4), spaced)
def test_the_usage_of_any_body_is_the_one_that_parsing_finds(
    usage: dict[str, Any], more: dict[str, Any], marks: tuple[str, str]
) -> None:
    body = json.dumps({**more, "usage": usage, "z": more}, separators=marks, ensure_ascii=False).encode()
    assert body_usage("openai_chat", body) == from_openai(usage)


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_large_stream_takes_linear_work(size: int) -> None:
    """Half a megabyte in one event: quadratic work would not end within the time limit of a test."""
    data = sse.write(json.dumps({"choices": [{"delta": {"content": "x" * 500_000}}]}).encode()) + sse.DONE
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert run("openai_chat", pieces, drop=True)[0] == data
