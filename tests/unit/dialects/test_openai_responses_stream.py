"""Streams as Responses have them: events in order, and each way a stream can fail."""

import json
from typing import Any

import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from waypost.dialects import openai_responses_stream as stream
from waypost.dialects import sse
from waypost.dialects.openai_responses_response import write_response
from waypost.dialects.openai_responses_stream import StreamWriter
from waypost.dialects.sse import DONE, SseReader

CHAT = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
REQUEST = b'{"model":"auto","input":"hi","metadata":{"a":"b"}}'
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def chunk(reason: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return sse.write(json.dumps({**CHAT, "choices": [choice]}).encode())


def call(index: int | None, text: str | None, **head: Any) -> bytes:
    function = {"arguments": text} | ({"name": "f"} if head else {})
    item = {"function": function, **head} | ({} if index is None else {"index": index})
    return chunk(tool_calls=[item])


def write(data: bytes) -> list[dict[str, Any]]:
    writer = StreamWriter(REQUEST)
    events = SseReader().feed(writer.feed(data) + writer.end())
    documents = [event.document() or {} for event in events]
    for number, (event, document) in enumerate(zip(events, documents, strict=True)):
        assert (document["type"], document["sequence_number"]) == (event.name, number)
        EVENTS.validate_python(document, strict=True)
    return documents


def names(documents: list[dict[str, Any]]) -> list[str]:
    return [document["type"].removeprefix("response.") for document in documents]


BEGUN = ["created", "in_progress"]
WORDS = chunk(role="assistant", content="") + chunk(content="hel") + chunk(content="lo")
SAID = [
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
]


def test_words() -> None:
    usage = sse.write(json.dumps({**CHAT, "choices": [], "usage": USAGE}).encode())
    events = write(WORDS + chunk("stop") + usage + DONE)
    assert names(events) == [*BEGUN, *SAID, "completed"]
    assert [event["delta"] for event in events if "delta" in event] == ["hel", "lo"]
    begun, ended = events[0]["response"], events[-1]["response"]
    assert (begun["status"], begun["output"], begun["usage"]) == ("in_progress", [], None)
    assert (ended["status"], ended["usage"]["total_tokens"]) == ("completed", 8)
    assert begun["metadata"] == ended["metadata"] == {"a": "b"}


def test_everything_in_one_stream_is_what_an_answer_in_one_piece_says() -> None:
    message = {
        "content": "hello",
        "reasoning_content": "hm",
        "thinking_blocks": [SIGNED],
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "f", "arguments": ""}},
        ],
    }
    events = write(
        chunk(reasoning_content="h")
        + chunk(reasoning_content="m")
        + chunk(thinking_blocks=[SIGNED])
        + WORDS
        + call(0, "", id="c1")
        + call(0, '{"a"')
        + call(1, "", id="c2")
        + call(0, ":1}")
        + chunk("tool_calls")
        + DONE
    )
    whole = {**CHAT, "choices": [{"message": message, "finish_reason": "tool_calls"}]}
    assert events[-1]["response"] == json.loads(write_response(json.dumps(whole).encode(), REQUEST))
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == events[-1]["response"]["output"]
    added = [event for event in events if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == [0, 1, 2, 3]


def test_calls_in_turns() -> None:
    events = write(call(0, "{", id="a") + call(1, "{", id="b") + call(0, "}") + call(1, "}") + chunk("stop"))
    added, deltas = "output_item.added", "function_call_arguments.delta"
    done = ["function_call_arguments.done", "output_item.done"]
    assert names(events) == [*BEGUN, added, deltas, added, deltas, deltas, deltas, *done, *done, "completed"]
    assert [item["arguments"] for item in events[-1]["response"]["output"]] == ["{}", "{}"]


def test_calls_without_numbers() -> None:
    events = write(call(None, "{", id="a") + call(None, "}") + call(None, "{}", id="b") + chunk("stop"))
    output = events[-1]["response"]["output"]
    assert [(item["call_id"], item["arguments"]) for item in output] == [("a", "{}"), ("b", "{}")]


def test_calls_that_all_have_the_number_0() -> None:
    told = write(call(0, "{}", id="a", name="f") + call(0, '{"x":1}', id="b", name="f") + chunk("tool_calls"))
    output = told[-1]["response"]["output"]
    assert [(item["call_id"], item["arguments"]) for item in output] == [("a", "{}"), ("b", '{"x":1}')]


def test_what_azure_says_in_front_of_an_answer_does_not_name_it() -> None:
    first: dict[str, Any] = {"choices": [], "created": 0, "id": "", "model": "", "prompt_filter_results": []}
    assert write(sse.write(json.dumps(first).encode()) + WORDS + chunk("stop")) == write(
        WORDS + chunk("stop")
    )


def test_thoughts_behind_words_are_an_item_of_their_own() -> None:
    events = write(WORDS + chunk(reasoning="hm") + chunk(content="so") + chunk("stop"))
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["message", "reasoning", "message"]


def test_a_refusal() -> None:
    events = write(chunk(refusal="no") + chunk("stop"))
    assert names(events)[3:7] == ["content_part.added", "refusal.delta", "refusal.done", "content_part.done"]


@pytest.mark.parametrize(
    ("reason", "last"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_is_cut(reason: str, last: str) -> None:
    events = write(WORDS + chunk(reason) + DONE)
    response = events[-1]["response"]
    assert names(events)[-1] == "incomplete"
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": last})
    assert response["output"][0]["status"] == events[-2]["item"]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        (b"", "provider_error"),
        (DONE, "provider_error"),
        (b"data: {\n\n" + chunk("stop") + DONE, "provider_error"),
        (b'data: {"error":{"message":"m","code":"overloaded"}}\n\n' + chunk("stop") + DONE, "overloaded"),
        (call(0, "{}") + chunk("stop") + DONE, "provider_error"),
    ],
)
def test_a_fault_is_the_last_word(rest: bytes, code: str) -> None:
    for begun in (b"", WORDS):
        events = write(begun + rest)
        assert (names(events)[-1], events[-1]["code"]) == ("error", code)
        assert not {"completed", "incomplete", "output_item.done"} & set(names(events))


def test_a_stream_is_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LONGEST", 400)
    events = write(b"".join(chunk(content="x" * 100) for _ in range(9)) + chunk("stop") + DONE)
    assert names(events)[-1] == "error"
    assert len(events) < 10


def test_an_event_goes_out_with_the_chunk_it_comes_from() -> None:
    writer = StreamWriter(REQUEST)
    assert b"response.in_progress" in writer.feed(chunk(role="assistant"))
    for text in ("a", "b"):
        assert f'"delta":"{text}"'.encode() in writer.feed(chunk(content=text))


def test_half_a_character_goes_on_as_it_came() -> None:
    events = write(chunk(content="\ud83d") + chunk("stop"))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "\ud83d"
