"""Streams, in both directions: a golden exchange for each event, and for each way a stream can fail."""

import json
from typing import Any

import pytest

from waypost.dialects import sse
from waypost.dialects.anthropic_request import JSON_TOOL
from waypost.dialects.anthropic_response import call_id
from waypost.dialects.anthropic_stream import StreamReader, StreamWriter
from waypost.dialects.chunks import MAX_CALLS
from waypost.dialects.foreign import Reply
from waypost.dialects.sse import SseReader

REPLY = Reply(model="auto", ident="chatcmpl-1", created=7, include_usage=True)
USAGE = {"input_tokens": 10, "cache_read_input_tokens": 3, "output_tokens": 1}
START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "usage": USAGE}}
STOP = {"type": "message_stop"}


def native(*events: dict[str, Any]) -> bytes:
    return b"".join(sse.write(json.dumps(event).encode(), event["type"]) for event in events)


def begin(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ended(reason: str = "end_turn", **usage: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": 5, **usage},
    }


TEXT = [begin(0, type="text", text=""), delta(0, "text_delta", text="hi"), stop(0)]


def read(stream: bytes, reply: Reply = REPLY, *, end: bool = True) -> list[Any]:
    """Documents of the events that come out; `[DONE]` as it is."""
    reader = StreamReader(reply)
    out = reader.feed(stream) + (reader.end() if end else b"")
    return ["[DONE]" if event.data == b"[DONE]" else event.document() for event in SseReader().feed(out)]


def deltas(*events: dict[str, Any]) -> list[Any]:
    """Deltas between the first chunk and the last."""
    chunks = read(native(START, *events, ended(), STOP), Reply("auto", "chatcmpl-1", 7))
    assert chunks[-1] == "[DONE]"
    return [chunk["choices"][0]["delta"] for chunk in chunks[1:-2]]


# --- toward OpenAI's client


def test_a_plain_stream() -> None:
    head = {"id": "msg_1", "object": "chat.completion.chunk", "created": 7, "model": "claude-x"}

    def chunk(found: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": found, "logprobs": None, "finish_reason": reason, **more}
        return {**head, "choices": [choice], "usage": None}

    assert read(native(START, {"type": "ping"}, *TEXT, ended(), STOP)) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "hi"}),
        chunk({}, "stop", native_finish_reason="end_turn"),
        {
            **head,
            "choices": [],
            "usage": {
                "prompt_tokens": 13,
                "completion_tokens": 5,
                "total_tokens": 18,
                "prompt_tokens_details": {"cached_tokens": 3},
            },
        },
        "[DONE]",
    ]


def test_usage_comes_only_where_it_is_wanted() -> None:
    chunks = read(native(START, *TEXT, ended(), STOP), Reply("auto", "chatcmpl-1", 7))
    assert all("usage" not in chunk for chunk in chunks)
    assert chunks[-1] == "[DONE]"


def test_a_later_count_stands_for_an_earlier_one() -> None:
    chunks = read(native(START, *TEXT, ended(input_tokens=20, cache_read_input_tokens=None), STOP))
    assert chunks[-2]["usage"]["prompt_tokens"] == 23


def test_calls_are_numbered_by_themselves() -> None:
    found = deltas(
        *TEXT,
        begin(1, type="tool_use", id="toolu_1", name="f", input={}),
        delta(1, "input_json_delta", partial_json=""),
        delta(1, "input_json_delta", partial_json='{"a": '),
        delta(1, "input_json_delta", partial_json="1.10}"),
        stop(1),
        begin(2, type="tool_use", id="toolu_2", name="g", input={}),
        stop(2),
    )
    assert found == [
        {"content": "hi"},
        {
            "tool_calls": [
                {"index": 0, "id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a": '}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1.10}"}}]},
        {
            "tool_calls": [
                {"index": 1, "id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
    ]


def test_a_call_may_come_whole() -> None:
    found = deltas(begin(0, type="tool_use", id="t", name="f", input={"a": 1}), stop(0))
    assert found[1] == {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}


def test_thoughts_come_as_text_and_then_whole() -> None:
    found = deltas(
        begin(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="h"),
        delta(0, "thinking_delta", thinking="m"),
        delta(0, "signature_delta", signature="c2ln"),
        stop(0),
        begin(1, type="redacted_thinking", data="ZA=="),
        stop(1),
    )
    assert found == [
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}]},
        {"thinking_blocks": [{"type": "redacted_thinking", "data": "ZA=="}]},
    ]


def test_thoughts_without_signature_are_text_only() -> None:
    found = deltas(begin(0, type="thinking", thinking=""), delta(0, "thinking_delta", thinking="h"), stop(0))
    assert found == [{"reasoning_content": "h"}]


def test_thoughts_that_are_too_long_to_keep_are_text_only(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        begin(0, type="thinking", thinking=""),
        *[delta(0, "thinking_delta", thinking="x" * 400)] * 3,
        delta(0, "signature_delta", signature="c2ln"),
        stop(0),
    ]
    monkeypatch.setattr(sse, "MAX_EVENT", 1000)
    assert deltas(*events) == [{"reasoning_content": "x" * 400}] * 3


def test_signatures_that_are_too_long_to_keep_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [delta(0, "signature_delta", signature="c2ln" * 50) for _ in range(9)]
    events = (
        begin(0, type="thinking", thinking=""),
        delta(0, "thinking_delta", thinking="hm"),
        *pieces,
        stop(0),
    )
    whole = deltas(*events)[1]["thinking_blocks"][0]["signature"]
    assert whole == "c2ln" * 450
    monkeypatch.setattr(sse, "MAX_EVENT", 1000)
    assert deltas(*events) == [{"reasoning_content": "hm"}]


def test_an_answer_that_stands_in_a_function_is_content() -> None:
    events = [
        begin(0, type="tool_use", id="t", name=JSON_TOOL, input={}),
        delta(0, "input_json_delta", partial_json='{"a"'),
        delta(0, "input_json_delta", partial_json=":1}"),
        stop(0),
    ]
    chunks = read(native(START, *events, ended("tool_use"), STOP))
    assert [chunk["choices"][0]["delta"] for chunk in chunks[1:3]] == [
        {"content": '{"a"'},
        {"content": ":1}"},
    ]
    assert chunks[3]["choices"][0]["finish_reason"] == "stop"


def test_what_is_unknown_says_nothing() -> None:
    events = [
        {"type": "brand_new"},
        begin(0, type="server_tool_use", id="s", name="web_search", input={}),
        delta(0, "input_json_delta", partial_json='{"q":1}'),
        stop(0),
        begin(1, type="text", text="a"),
        delta(1, "citations_delta", citation={}),
        delta(1, "brand_new"),
        stop(1),
    ]
    assert deltas(*events) == [{"content": "a"}]


def test_an_end_of_calls() -> None:
    call = begin(0, type="tool_use", id="t", name="f", input={})
    chunks = read(native(START, call, stop(0), ended("tool_use"), STOP))
    assert chunks[-3]["choices"][0]["finish_reason"] == "tool_calls"


def test_nothing_waits_for_another_event() -> None:
    reader = StreamReader(REPLY)
    for event in (START, {"type": "ping"}, delta(0, "text_delta", text="a"), TEXT[1]):
        assert reader.feed(native(event)).endswith(b"\n\n")
    assert reader.feed(native(ended())) == b""
    assert reader.feed(native(STOP)).endswith(b"data: [DONE]\n\n")
    assert reader.end() == b""


def test_an_error_is_told_and_nothing_stands_behind_it() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    chunks = read(native(START, *TEXT, error, *TEXT, ended(), STOP))
    assert chunks[-1]["error"]["code"] == "overloaded"
    assert len(chunks) == 3


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b": only a comment\n\n",
        native(START),
        native(START, *TEXT),
        native(START, *TEXT, ended()),
        native(START, *TEXT, STOP),
        native(START, *TEXT, ended(), STOP)[:-20],
        native(START, *TEXT) + b"event: x\ndata: {broken\n\n" + native(ended(), STOP),
        native(START) + b"data: [1]\n\n" + native(ended(), STOP),
        native(START) + b'data: {"type": "\xff"}\n\n' + native(ended(), STOP),
    ],
)
def test_what_did_not_come_to_its_end_is_no_end(stream: bytes) -> None:
    chunks = read(stream)
    assert chunks[-1]["error"]["type"] == "server_error"
    assert "[DONE]" not in chunks
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks[:-1])


def test_an_event_that_is_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 200)
    chunks = read(native(START, delta(0, "text_delta", text="x" * 300), ended(), STOP))
    assert "error" in chunks[-1]


def test_a_cut_is_told_only_at_the_end() -> None:
    assert "error" not in read(native(START, *TEXT), end=False)[-1]


def test_odd_events_crash_nothing() -> None:
    odd = [{"type": []}, {"type": "message_start", "message": 7}, {"type": "content_block_delta", "delta": 7}]
    odd += [begin(0, type=[], text=7), {"type": "message_delta", "usage": [], "delta": {"stop_reason": 7}}]
    stream = b"".join(sse.write(json.dumps(event).encode()) for event in odd)
    assert "error" in read(stream + native(STOP))[-1]


# --- toward Anthropic's client


def chunk(found: dict[str, Any] | None = None, reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": found or {}, "finish_reason": reason}
    return sse.write(json.dumps({"id": "c9", "model": "gpt-x", "choices": [choice], **more}).encode())


def argue(index: int | None, text: str, **more: Any) -> bytes:
    call: dict[str, Any] = {"function": {"arguments": text}}
    if index is not None:
        call["index"] = index
    if more:
        call |= {"id": more["ident"], "type": "function"}
        call["function"]["name"] = more["name"]
    return chunk({"tool_calls": [call]})


def write(stream: bytes, *, end: bool = True) -> list[dict[str, Any]]:
    writer = StreamWriter()
    out = writer.feed(stream) + (writer.end() if end else b"")
    events = SseReader().feed(out)
    documents = [event.document() or {} for event in events]
    assert [event.name for event in events] == [document["type"] for document in documents]
    return documents


def blocks(stream: bytes) -> list[tuple[str, str]]:
    """Type and joined deltas of each block, which follow each other; the stream ends well."""
    found: list[tuple[str, str]] = []
    is_open = False
    events = write(stream)
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    for event in events[1:-2]:
        match event["type"]:
            case "content_block_start":
                assert not is_open
                assert event["index"] == len(found)
                block = event["content_block"]
                found.append((block.get("name") or block["type"], ""))
                is_open = True
            case "content_block_delta":
                assert is_open
                assert event["index"] == len(found) - 1
                name, text = found[-1]
                found[-1] = (name, text + next(v for k, v in event["delta"].items() if k != "type"))
            case _:
                is_open = False
    assert not is_open
    return found


DONE = sse.DONE


def test_a_plain_stream_of_chunks() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    last = sse.write(json.dumps({"id": "c9", "choices": [], "usage": usage}).encode())
    stream = (
        chunk({"role": "assistant", "content": ""})
        + chunk({"content": "hi"})
        + chunk({}, "stop")
        + last
        + DONE
    )
    assert write(stream) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_c9",
                "type": "message",
                "role": "assistant",
                "model": "gpt-x",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 0, "output_tokens": 0},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"input_tokens": 6, "output_tokens": 2, "cache_read_input_tokens": 4},
        },
        {"type": "message_stop"},
    ]


def test_blocks_follow_each_other() -> None:
    stream = (
        chunk({"reasoning_content": "h"})
        + chunk({"reasoning": "m"})
        + chunk({"content": "so"})
        + argue(0, "", ident="a", name="f")
        + argue(0, '{"x"')
        + argue(0, ":1.10}")
        + argue(1, "{}", ident="b", name="g")
        + chunk({}, "tool_calls")
        + DONE
    )
    assert blocks(stream) == [("thinking", "hm"), ("text", "so"), ("f", '{"x":1.10}'), ("g", "{}")]
    assert write(stream)[-2]["delta"]["stop_reason"] == "tool_use"


def test_signed_thoughts_are_whole_blocks() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    redacted = {"type": "redacted_thinking", "data": "ZA=="}
    stream = chunk({"reasoning_content": "hm"}) + chunk({"thinking_blocks": [thought, redacted]})
    events = write(stream + chunk({"content": "a"}, "stop") + DONE)
    kinds = [event.get("content_block", event.get("delta", {})).get("type") for event in events[1:8]]
    assert kinds == ["thinking", "thinking_delta", "signature_delta", None, "redacted_thinking", None, "text"]
    assert events[5]["content_block"] == redacted
    omitted = chunk({"thinking_blocks": [{**thought, "thinking": ""}]}) + chunk({}, "stop") + DONE
    assert blocks(omitted) == [("thinking", "c2ln")]


def test_calls_whose_arguments_come_in_turns() -> None:
    stream = (
        argue(0, "", ident="a", name="f")
        + argue(1, '{"y', ident="b", name="g")
        + argue(0, '{"x"')
        + argue(1, '": "}')
        + argue(0, ":1}")
        + argue(1, '\\""}')
        + chunk({}, "tool_calls")
        + DONE
    )
    assert blocks(stream) == [("f", '{"x":1}'), ("g", '{"y": "}\\""}')]


def test_a_call_goes_out_at_once_where_the_one_before_is_whole() -> None:
    writer = StreamWriter()
    writer.feed(argue(0, '{"x": {"a": "}{"}}', ident="a", name="f"))
    assert b'"name":"g"' in writer.feed(argue(1, "", ident="b", name="g"))
    assert b"partial_json" in writer.feed(argue(1, "{"))


def test_calls_without_numbers() -> None:
    stream = (
        argue(None, '{"x":', ident="a", name="f") + argue(None, "1}") + argue(None, "{}", ident="b", name="g")
    )
    assert blocks(stream + chunk({}, "stop") + DONE) == [("f", '{"x":1}'), ("g", "{}")]


def test_calls_that_all_have_the_number_0() -> None:
    stream = argue(0, '{"x":1}', ident="a", name="f") + argue(0, "{", ident="b", name="f") + argue(0, "}")
    assert blocks(stream + chunk({}, "tool_calls") + DONE) == [("f", '{"x":1}'), ("f", "{}")]


def test_what_azure_says_in_front_of_an_answer_does_not_name_it() -> None:
    first: dict[str, Any] = {"choices": [], "created": 0, "id": "", "model": "", "prompt_filter_results": []}
    said = write(sse.write(json.dumps(first).encode()) + chunk({"content": "a"}, "stop") + DONE)
    assert said == write(chunk({"content": "a"}, "stop") + DONE)


def test_calls_without_ids_get_some() -> None:
    calls = [{"index": n, "function": {"name": "f", "arguments": {"x": n}}} for n in range(2)]
    told = write(chunk({"tool_calls": calls}, "tool_calls") + DONE)
    uses = [event["content_block"]["id"] for event in told if event["type"] == "content_block_start"]
    assert uses == [call_id({}, "msg_c9", 0), call_id({"id": None}, "msg_c9", 1)]
    assert blocks(chunk({"tool_calls": calls}, "tool_calls") + DONE) == [("f", '{"x":0}'), ("f", '{"x":1}')]


def test_content_in_parts() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    parts = [thought, {"type": "text", "text": "so"}]
    stream = chunk({"content": parts}) + chunk({"content": "!"}, "stop") + DONE
    assert blocks(stream) == [("thinking", "hm"), ("text", "so!")]


def test_arguments_behind_their_end_are_an_error() -> None:
    stream = argue(0, "{}", ident="a", name="f") + argue(1, "{}", ident="b", name="g") + argue(0, "{}")
    assert write(stream + chunk({}, "stop") + DONE)[-1]["type"] == "error"


def test_calls_are_bounded() -> None:
    calls = [argue(n, "{}", ident=f"c{n}", name="f") for n in range(MAX_CALLS + 1)]
    assert write(b"".join(calls[:-1]), end=False)[-1]["type"] != "error"
    assert write(b"".join(calls), end=False)[-1]["type"] == "error"


def test_arguments_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 1000)
    stream = (
        argue(0, "", ident="a", name="f") + argue(1, "x" * 600, ident="b", name="g") + argue(1, "x" * 600)
    )
    assert write(stream)[-1]["type"] == "error"


@pytest.mark.parametrize(
    ("reason", "stop_reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("brand_new", "end_turn"),
    ],
)
def test_why_it_ended(reason: str, stop_reason: str) -> None:
    assert write(chunk({"content": "a"}, reason) + DONE)[-2]["delta"]["stop_reason"] == stop_reason


def test_not_all_servers_say_that_they_are_done() -> None:
    assert write(chunk({"content": "a"}, "stop"))[-1]["type"] == "message_stop"
    assert write(chunk({"content": "a"}, "stop"), end=False)[-1]["type"] == "content_block_delta"


def test_a_refusal_is_text() -> None:
    assert blocks(chunk({"refusal": "no"}, "content_filter") + DONE) == [("text", "no")]


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        chunk({"content": "a"}),
        chunk({"content": "a"}) + DONE,
        DONE,
        chunk({"content": "a"}) + b"data: {broken\n\n" + chunk({}, "stop") + DONE,
        chunk({"content": "a"}) + sse.write(b'{"error": {"message": "x"}}') + chunk({}, "stop") + DONE,
        sse.write(b'{"error": "x"}') + DONE,
    ],
)
def test_what_did_not_come_to_its_end_has_none(stream: bytes) -> None:
    events = write(stream)
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["type"] == "api_error"
    assert not {"message_delta", "message_stop"} & {event["type"] for event in events}


def test_an_overloaded_provider_is_called_so() -> None:
    event = sse.write(b'{"error": {"message": "busy", "code": "overloaded"}}')
    assert write(chunk({"content": "a"}) + event)[-1] == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "busy"},
    }


def test_odd_chunks_crash_nothing() -> None:
    odd = [{"choices": 7}, {"choices": [7]}, {"choices": [{"delta": 7}]}, {"usage": 7}]
    odd += [{"choices": [{"delta": {"tool_calls": [7, {"index": []}], "content": []}}]}]
    stream = b"".join(sse.write(json.dumps(item).encode()) for item in odd)
    assert write(stream + chunk({}, "stop") + DONE)[-1]["type"] == "message_stop"


# --- there and back


def test_there_and_back_a_stream_is_the_same() -> None:
    events = [
        begin(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="hm"),
        delta(0, "signature_delta", signature="c2ln"),
        stop(0),
        begin(1, type="text", text=""),
        delta(1, "text_delta", text="hi"),
        stop(1),
        begin(2, type="tool_use", id="toolu_1", name="f", input={}),
        delta(2, "input_json_delta", partial_json='{"a":1.10}'),
        stop(2),
    ]
    reader, writer = StreamReader(REPLY), StreamWriter()
    out = writer.feed(reader.feed(native(START, *events, ended("tool_use"), STOP)))
    found = [event.document() or {} for event in SseReader().feed(out)]
    assert found[1:-2] == events
    assert found[0]["message"]["id"] == "msg_1"
    assert found[-2]["delta"] == ended("tool_use")["delta"]
    assert found[-2]["usage"] == {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 3}


@pytest.mark.parametrize(
    "told",
    [
        {"stop_reason": "stop_sequence", "stop_sequence": "END"},
        {
            "stop_reason": "refusal",
            "stop_sequence": None,
            "stop_details": {"type": "refusal", "category": "cyber", "explanation": None},
        },
    ],
)
def test_why_it_stopped_comes_back_whole(told: dict[str, Any]) -> None:
    reader, writer = StreamReader(REPLY), StreamWriter()
    out = writer.feed(reader.feed(native(START, *TEXT, ended() | {"delta": told}, STOP)))
    assert [event.document() or {} for event in SseReader().feed(out)][-2]["delta"] == told


def test_usage_is_known_of_a_stream_that_broke_off() -> None:
    reader = StreamReader(REPLY)
    assert reader.usage is None
    reader.feed(sse.write(json.dumps(START).encode()))
    known = reader.usage
    assert known is not None
    reader.feed(sse.write(b'{"type": "message_delta", "usage": {"output_tokens": 99}}'))
    assert reader.usage == known | {"completion_tokens": 99, "total_tokens": known["prompt_tokens"] + 99}
