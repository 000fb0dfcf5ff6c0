"""Streams of Gemini as those of OpenAI, event by event."""

import json
from typing import Any

import pytest

from waypost.dialects.foreign import Reply
from waypost.dialects.gemini_stream import StreamReader
from waypost.dialects.signatures import find

REPLY = Reply("auto", "chatcmpl-1", 1700000000)
COUNTING = Reply("auto", "chatcmpl-1", 1700000000, include_usage=True)


def event(*parts: Any, reason: str | None = None, index: int = 0, **more: Any) -> bytes:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": index}
    if reason:
        candidate["finishReason"] = reason
    return raw({"candidates": [candidate], "responseId": "r1", **more})


def raw(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\r\n\r\n"


def text(value: str) -> dict[str, Any]:
    return {"text": value}


def call(name: str, args: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args or {}}, **more}


def run(*events: bytes, reply: Reply = REPLY, end: bool = True) -> list[Any]:
    reader = StreamReader(reply)
    out = b"".join([*map(reader.feed, events), reader.end() if end else b""])
    return decoded(out)


def decoded(out: bytes) -> list[Any]:
    assert out == b"" or out.endswith(b"\n\n")
    lines = out.decode().split("\n\n")[:-1]
    assert all(line.startswith("data: ") for line in lines)
    return [line[6:] if line == "data: [DONE]" else json.loads(line[6:]) for line in lines]


def deltas(chunks: list[Any]) -> list[Any]:
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk != "[DONE]"]


def test_a_whole_stream() -> None:
    head = {"id": "r1", "object": "chat.completion.chunk", "created": 1700000000, "model": "auto"}

    def chunk(delta: dict[str, Any]) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        return {**head, "choices": [choice]}

    last = {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
        "native_finish_reason": "STOP",
    }
    assert run(event(text("he")), event(text("llo")), event(text(""), reason="STOP")) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "he"}),
        chunk({"content": "llo"}),
        {**head, "choices": [last]},
        "[DONE]",
    ]


def test_text_waits_for_nothing() -> None:
    reader = StreamReader(REPLY)
    assert deltas(decoded(reader.feed(event(text("a")))))[-1] == {"content": "a"}
    assert deltas(decoded(reader.feed(event(text("b"))))) == [{"content": "b"}]
    assert reader.feed(b"") == b""


def test_usage_comes_once_at_the_end_and_only_if_asked_for() -> None:
    def counted(prompt: int, said: int) -> dict[str, Any]:
        return {"usageMetadata": {"promptTokenCount": prompt, "candidatesTokenCount": said}}

    events = (event(text("a"), **counted(5, 1)), event(text("b"), reason="STOP", **counted(5, 2)))
    chunks = run(*events, reply=COUNTING)
    assert chunks[-1] == "[DONE]"
    assert [chunk["usage"] for chunk in chunks[:-2]] == [None] * 4
    assert chunks[-2]["choices"] == []
    assert chunks[-2]["usage"] == {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    assert all("usage" not in chunk for chunk in run(*events) if chunk != "[DONE]")


def test_usage_is_known_of_a_stream_that_broke_off() -> None:
    reader = StreamReader(REPLY)
    assert reader.usage is None
    reader.feed(event(text("a"), usageMetadata={"promptTokenCount": 5, "candidatesTokenCount": 1}))
    assert reader.usage is not None
    assert reader.usage["total_tokens"] == 6


def test_calls_are_counted_over_the_whole_stream() -> None:
    chunks = run(
        event(text("wait")),
        event(call("f", {"x": 1}), call("g")),
        event(call("h"), reason="STOP"),
    )
    found = [delta for delta in deltas(chunks) if "tool_calls" in delta]
    assert all([*delta] == ["tool_calls"] for delta in found)
    calls = [delta["tool_calls"][0] for delta in found]
    assert [(item["index"], item["function"]["name"]) for item in calls] == [(0, "f"), (1, "g"), (2, "h")]
    assert calls[0]["function"]["arguments"] == '{"x":1}'
    assert len({item["id"] for item in calls}) == 3
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_stop_in_front_of_a_call_is_not_the_end() -> None:
    chunks = run(event(text("a"), reason="STOP"), event(call("f"), reason="STOP"))
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None] * 3 + ["tool_calls"]


def test_a_signature_travels_with_its_call() -> None:
    chunks = run(event(call("f", thoughtSignature="U0lH"), reason="STOP"))
    (found,) = deltas(chunks)[1]["tool_calls"]
    assert find(found["id"])[1] == "U0lH"
    assert found["extra_content"] == {"google": {"thought_signature": "U0lH"}}


def test_a_signature_of_a_text_comes_with_the_last_of_it() -> None:
    chunks = run(event(text("a")), event({"text": "", "thoughtSignature": "U0lH"}, reason="STOP"))
    assert deltas(chunks)[2] == {"content": "", "extra_content": {"google": {"thought_signature": "U0lH"}}}


def test_thoughts_and_pictures() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    chunks = run(event({"text": "hm", "thought": True}), event(picture, reason="STOP"))
    url = {"url": "data:image/png;base64,QUJD"}
    assert deltas(chunks)[1:3] == [
        {"reasoning_content": "hm"},
        {"images": [{"type": "image_url", "image_url": url}]},
    ]


def test_several_candidates() -> None:
    chunks = run(
        event(text("a")),
        event(call("f"), index=1),
        event(reason="STOP"),
        event(call("g"), reason="STOP", index=1),
    )
    choices = [chunk["choices"][0] for chunk in chunks[:-1]]
    assert [(item["index"], item["finish_reason"]) for item in choices if item["finish_reason"]] == [
        (0, "stop"),
        (1, "tool_calls"),
    ]
    calls = [item["delta"]["tool_calls"][0] for item in choices if "tool_calls" in item["delta"]]
    assert [item["index"] for item in calls] == [0, 1]


def test_a_prompt_that_was_not_let_through() -> None:
    chunks = run(raw({"promptFeedback": {"blockReason": "SAFETY"}}))
    assert deltas(chunks) == [{"role": "assistant", "content": ""}, {}]
    assert chunks[1]["choices"][0]["finish_reason"] == "content_filter"
    assert chunks[2:] == ["[DONE]"]


def test_log_probabilities_come_with_their_text() -> None:
    result = {"chosenCandidates": [{"token": "a", "logProbability": -0.5}]}
    candidate = {"content": {"parts": [text("a")]}, "logprobsResult": result, "finishReason": "STOP"}
    chunks = run(raw({"candidates": [candidate]}))
    found = [chunk["choices"][0]["logprobs"] for chunk in chunks[:-1]]
    assert [item and item["content"][0]["token"] for item in found] == [None, "a", None]


ERROR = raw({"error": {"code": 503, "message": "secret", "status": "UNAVAILABLE"}})


@pytest.mark.parametrize(
    "broken",
    [
        ERROR,
        b"data: {broken\n\n",
        b"data: \xff\xfe\n\n",
        b"data: 3\n\n",
        b"data: [1]\n\n",
        raw({"candidates": 3}),
        raw({"candidates": [3]}),
        event({"text": 3}),
        event({"functionCall": {"name": "f", "willContinue": True}}),
        event(reason="MALFORMED_FUNCTION_CALL", index=1),
    ],
)
def test_an_error_ends_the_stream_without_a_finish_and_without_done(broken: bytes) -> None:
    reader = StreamReader(COUNTING)
    first = decoded(reader.feed(event(text("a"))))
    assert len(first) == 2
    (error,) = decoded(reader.feed(broken))
    assert [*error] == ["error"]
    assert [*error["error"]] == ["message", "type", "param", "code"]
    assert "secret" not in error["error"]["message"]
    assert reader.has_failed
    assert reader.feed(event(text("b"), reason="STOP")) == b""
    assert reader.end() == b""


def test_what_came_in_front_of_an_error_in_the_same_bytes_is_told() -> None:
    chunks = run(event(text("a")) + ERROR + event(text("b"), reason="STOP"))
    assert deltas(chunks[:2])[-1] == {"content": "a"}
    assert "error" in chunks[2]
    assert len(chunks) == 3


@pytest.mark.parametrize(
    "events", [[], [event(text("a"))], [event(reason="STOP"), event(text("a"), index=1)]]
)
def test_a_stream_that_broke_off_does_not_end_as_a_whole_one(events: list[bytes]) -> None:
    chunks = run(*events, reply=COUNTING)
    assert "error" in chunks[-1]
    assert all("error" in chunk or not chunk["choices"][0]["finish_reason"] for chunk in chunks)


def test_a_cut_adds_nothing() -> None:
    chunks = run(event(text("a"))[:-3], end=False)
    assert chunks == []


def test_an_event_that_no_empty_line_ended_still_counts() -> None:
    chunks = run(event(text("a"), reason="STOP").rstrip())
    assert deltas(chunks)[1] == {"content": "a"}
    assert chunks[-1] == "[DONE]"


def test_comments_and_foreign_ends_say_nothing() -> None:
    chunks = run(b": ping\n\n", event(text("a"), reason="STOP"), b"data: [DONE]\n\n")
    assert len(chunks) == 4


def test_after_its_end_a_stream_says_nothing() -> None:
    reader = StreamReader(REPLY)
    reader.feed(event(text("a"), reason="STOP"))
    assert reader.end().endswith(b"data: [DONE]\n\n")
    assert reader.end() == reader.feed(event(text("a"))) == b""
    assert not reader.has_failed


def test_choices_without_end_are_refused() -> None:
    reader = StreamReader(REPLY)
    for index in range(128):
        reader.feed(event(text("a"), index=index))
    assert not reader.has_failed
    reader.feed(raw({"candidates": [{"index": 0}] * 129}))
    assert reader.has_failed


def test_an_error_without_any_shape_is_told_as_one() -> None:
    assert run(raw({"error": "secret"}))[0]["error"]["type"] == "server_error"


def test_every_chunk_has_the_id_and_model_of_the_first() -> None:
    first = {"candidates": [{"content": {"parts": [{"text": "a"}]}}], "modelVersion": "gemini-x"}
    later = {**first, "responseId": "late", "modelVersion": "gemini-y"}
    last = {"candidates": [{"finishReason": "STOP"}], "responseId": "later"}
    chunks = run(*map(raw, (first, later, last)))
    assert {(chunk["id"], chunk["model"]) for chunk in chunks[:-1]} == {("chatcmpl-1", "gemini-x")}
