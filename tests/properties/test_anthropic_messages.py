"""Anthropic's dialect: any split of a stream is the same, what is said survives, and nothing crashes."""

import contextlib
import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.anthropic_messages import (
    StreamReader,
    StreamWriter,
    read_error,
    read_request,
    read_response,
    write_error,
    write_request,
    write_response,
)
from waypost.dialects.foreign import Reply
from waypost.dialects.sse import DONE, SseReader, write
from waypost.errors import RequestError

REPLY = Reply("auto", "chatcmpl-1", 7, include_usage=True)
MODELS = st.sampled_from(
    ["claude-sonnet-4-0", "claude-sonnet-4-5", "claude-opus-4-8", "claude-opus-5-5", "other"]
)
WORDS = [
    *(
        "type",
        "text",
        "content",
        "role",
        "user",
        "assistant",
        "system",
        "tool",
        "messages",
        "model",
        "id",
        "name",
    ),
    *(
        "tool_calls",
        "function",
        "arguments",
        "tool_call_id",
        "tool_use",
        "tool_result",
        "tool_use_id",
        "input",
    ),
    *(
        "thinking",
        "signature",
        "thinking_blocks",
        "redacted_thinking",
        "data",
        "image_url",
        "url",
        "image",
        "source",
    ),
    *(
        "base64",
        "document",
        "file",
        "file_data",
        "tools",
        "tool_choice",
        "required",
        "any",
        "parameters",
        "stop",
    ),
    *(
        "response_format",
        "json_schema",
        "json_object",
        "schema",
        "reasoning_effort",
        "high",
        "max_tokens",
        "n",
    ),
    *(
        "output_config",
        "effort",
        "format",
        "choices",
        "delta",
        "message",
        "index",
        "usage",
        "finish_reason",
        "error",
    ),
    *("content_block", "content_block_start", "content_block_delta", "content_block_stop", "message_start"),
    *(
        "message_delta",
        "message_stop",
        "stop_reason",
        "text_delta",
        "partial_json",
        "input_json_delta",
        "code",
    ),
    *("data:image/png;base64,AA==", "https://x/y", "cache_control", "ephemeral", "temperature", "metadata"),
]
words = st.sampled_from(WORDS)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5),
    max_leaves=12,
)
objects = st.dictionaries(words, values, max_size=8)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", "system"])},
        optional={"content": values, "tool_calls": values, "tool_call_id": words, "thinking_blocks": values},
    ),
    max_size=4,
)
bodies = st.binary(max_size=30) | values.map(lambda value: json.dumps(value).encode())
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
arguments = st.dictionaries(st.text(max_size=5), values, max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False).replace("NaN", "1.10").replace("Infinity", "1e400")
)


def cut(stream: bytes, cuts: set[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    return [stream[start:end] for start, end in pairwise(places)]


def run(side: StreamReader | StreamWriter, pieces: list[bytes]) -> bytes:
    return b"".join(map(side.feed, pieces)) + side.end()


def documents(stream: bytes) -> list[dict[str, Any]]:
    return [event.document() or {} for event in SseReader().feed(stream)]


# --- streams

pieces = st.lists(st.integers(1, 6), max_size=4)
answers = st.lists(
    st.tuples(st.sampled_from(["text", "thinking", "tool_use"]), arguments | texts, pieces), max_size=4
)


def split(text: str, sizes: list[int]) -> list[str]:
    parts: list[str] = []
    for size in sizes:
        parts.append(text[:size])
        text = text[size:]
    return [*parts, text]


def stream_of(answer: list[tuple[str, str, list[int]]]) -> bytes:
    names = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": "msg_1"}}]
    for index, (kind, text, sizes) in enumerate(answer):
        delta, key = names.get(kind, ("input_json_delta", "partial_json"))
        block = {"type": kind, "id": f"toolu_{index}", "name": "f", "input": {}}
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        parts = [{"type": delta, key: part} for part in split(text, sizes)]
        events += [{"type": "content_block_delta", "index": index, "delta": part} for part in parts]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    events.append({"type": "message_stop"})
    return b"".join(write(json.dumps(event).encode(), event["type"]) for event in events)


def said(answer: list[tuple[str, str, list[int]]], kind: str) -> list[str]:
    return [text for found, text, _ in answer if found == kind]


@given(answers, st.sets(st.integers(0, 3000)))
def test_what_is_said_survives_any_cut_of_the_stream(
    answer: list[tuple[str, str, list[int]]], cuts: set[int]
) -> None:
    stream = stream_of(answer)
    out = run(StreamReader(REPLY), cut(stream, cuts))
    assert out == run(StreamReader(REPLY), [stream])
    deltas = [choice["delta"] for chunk in documents(out) for choice in chunk.get("choices", ())]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert "".join(delta.get("content", "") for delta in deltas) == "".join(said(answer, "text"))
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "".join(
        said(answer, "thinking")
    )
    for number, text in enumerate(said(answer, "tool_use")):
        assert "".join(c["function"]["arguments"] for c in calls if c["index"] == number) == text


@given(
    st.lists(st.tuples(arguments, pieces), min_size=1, max_size=4),
    st.randoms(),
    st.sets(st.integers(0, 2000)),
)
def test_calls_in_any_turns_become_blocks_one_after_the_other(
    calls: list[tuple[str, list[int]]], turns: Any, cuts: set[int]
) -> None:
    waiting = {index: split(text, sizes) for index, (text, sizes) in enumerate(calls)}
    stream = b""
    for index in waiting:
        call = {"index": index, "id": f"c{index}", "function": {"name": "f", "arguments": ""}}
        stream += write(json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}).encode())
    while any(waiting.values()):
        index = turns.choice([index for index, parts in waiting.items() if parts])
        call = {"index": index, "function": {"arguments": waiting[index].pop(0)}}
        stream += write(json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}).encode())
    stream += write(b'{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}') + DONE
    out = run(StreamWriter(), cut(stream, cuts))
    assert out == run(StreamWriter(), [stream])
    events = documents(out)
    assert events[-1]["type"] == "message_stop"
    told = ["" for _ in calls]
    for event in events:
        if event["type"] == "content_block_delta":
            told[event["index"]] += event["delta"]["partial_json"]
    assert told == [text for text, _ in calls]


@given(answers)
def test_a_stream_there_and_back_says_the_same(answer: list[tuple[str, str, list[int]]]) -> None:
    answer = [item for item in answer if item[0] != "tool_use" or item[1].startswith("{")]
    out = run(StreamWriter(), [run(StreamReader(REPLY), [stream_of(answer)])])
    deltas = [event["delta"] for event in documents(out) if event["type"] == "content_block_delta"]
    assert documents(out)[-1]["type"] == "message_stop"
    for kind, key in (("text", "text"), ("thinking", "thinking"), ("tool_use", "partial_json")):
        assert "".join(delta.get(key, "") for delta in deltas) == "".join(said(answer, kind))


@given(st.lists(bodies | st.just(b"[DONE]")), st.sets(st.integers(0, 500)))
def test_no_stream_crashes(events: list[bytes], cuts: set[int]) -> None:
    stream = b"".join(map(write, events))
    out = run(StreamReader(REPLY), cut(stream, cuts))
    assert out == run(StreamReader(REPLY), [stream])
    assert out.endswith(DONE) != ("error" in documents(out)[-1])
    out = run(StreamWriter(), cut(stream, cuts))
    assert out == run(StreamWriter(), [stream])
    assert documents(out)[-1]["type"] in {"message_stop", "error"}


# --- bodies


@given(fields=objects, talk=messages, model=MODELS, strict=st.booleans())
def test_no_request_crashes(*, fields: dict[str, Any], talk: list[Any], model: str, strict: bool) -> None:
    for document in (
        fields,
        {**fields, "messages": talk},
        {"messages": [{"role": "user", "content": "a"}, *talk]},
    ):
        with contextlib.suppress(RequestError):
            json.loads(write_request(document, model, strict=strict).body)
        with contextlib.suppress(RequestError):
            json.loads(read_request(json.dumps({"max_tokens": 5, **document}).encode()).neutral)


@given(bodies, st.integers(400, 599))
def test_no_answer_crashes(body: bytes, status: int) -> None:
    for written in (
        read_response(body, REPLY),
        write_response(body),
        read_error(status, body)[1],
        write_error(status, body),
    ):
        assert isinstance(json.loads(written), dict)


said_and_called = st.tuples(texts.filter(lambda text: text.strip() != ""), arguments)


@given(turns=st.lists(said_and_called, max_size=3), error=st.booleans())
def test_a_request_there_and_back_says_the_same(*, turns: list[tuple[str, str]], error: bool) -> None:
    talk: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    for number, (text, given_) in enumerate(turns):
        use = {"type": "tool_use", "id": f"t{number}", "name": "f", "input": json.loads(given_)}
        talk.append({"role": "assistant", "content": [{"type": "text", "text": text}, use]})
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": text}
        talk.append({"role": "user", "content": [result | ({"is_error": True} if error else {})]})
    sent: dict[str, Any] = {"model": "claude-opus-4-8", "max_tokens": 9, "messages": talk}
    sent["tools"] = [{"name": "f", "input_schema": {"type": "object"}}]
    body = json.dumps(sent).replace("Infinity", "1e400").encode()
    written = write_request(json.loads(read_request(body).neutral), "claude-opus-4-8")
    assert json.loads(written.body) == json.loads(body)
