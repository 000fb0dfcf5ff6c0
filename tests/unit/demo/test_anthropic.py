"""The demo's Anthropic, judged by the official SDK."""

import json
from types import SimpleNamespace
from typing import Any

import anthropic
import pytest

from tests.unit.demo.calls import ANTHROPIC, CLOUD, document, post

HAIKU = "claude-haiku-4-5"
ASKED: Any = {"model": HAIKU, "max_tokens": 3000, "messages": [{"role": "user", "content": "Why?"}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [
    {"name": "weather", "input_schema": SCHEMA},
    {"name": "clock", "input_schema": {"type": "object"}},
]


def wish(text: str, **more: Any) -> Any:
    return {**ASKED, "messages": [{"role": "user", "content": text}], **more}


def test_an_answer_is_a_message(sdks: SimpleNamespace) -> None:
    answer = sdks.anthropic.messages.create(**ASKED)
    assert (
        answer.content[0].text == f"{HAIKU} at the demo provider 'anthropic' read 4 characters and answers."
    )
    assert (answer.stop_reason, answer.role, answer.model) == ("end_turn", "assistant", HAIKU)
    assert answer.id.startswith("msg_")
    assert answer.usage.input_tokens == 1


def test_a_stream_is_the_same_message(sdks: SimpleNamespace) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with sdks.anthropic.messages.stream(**ASKED, thinking=thinking) as stream:
        kinds = {event.type for event in stream}
        streamed = stream.get_final_message()
    whole = sdks.anthropic.messages.create(**ASKED, thinking=thinking)
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert whole.usage.output_tokens_details.thinking_tokens > 0
    assert "thinking" in kinds


def test_every_event_has_its_name_and_a_ping_comes_among_them() -> None:
    given = post(ANTHROPIC, "/v1/messages", {**ASKED, "stream": True})
    names = []
    for piece in given.pieces:
        name, _, data = piece.decode().rstrip().partition("\ndata: ")
        assert name == f"event: {json.loads(data)['type']}"
        names.append(name.removeprefix("event: "))
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_tools_are_called_in_parallel_and_their_results_read(sdks: SimpleNamespace) -> None:
    asked = wish(
        "Please call weather and clock.", tools=TOOLS, thinking={"type": "enabled", "budget_tokens": 1024}
    )
    with sdks.anthropic.messages.stream(**asked) as stream:
        answer = stream.get_final_message()
    assert answer.stop_reason == "tool_use"
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [("weather", {"city": "demo"}), ("clock", {})]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "fine"} for call in calls]
    turns = [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    again = sdks.anthropic.messages.create(**{**asked, "messages": [*asked["messages"], *turns]})
    assert again.stop_reason == "end_turn"


def test_a_choice_of_tools_is_obeyed(sdks: SimpleNamespace) -> None:
    def called(text: str, **choice: Any) -> list[str]:
        answer = sdks.anthropic.messages.create(**wish(text, tools=TOOLS, tool_choice=choice))
        return [block.name for block in answer.content if block.type == "tool_use"]

    assert called("Hi.", type="any") == ["weather"]
    assert called("Hi.", type="tool", name="clock") == ["clock"]
    assert called("Call clock.", type="none") == []
    assert called("Call weather, clock.", type="auto", disable_parallel_tool_use=True) == ["weather"]


def test_newer_models_keep_their_thoughts_to_themselves_unless_asked(sdks: SimpleNamespace) -> None:
    asked = {**ASKED, "model": "claude-sonnet-5-5"}
    first = sdks.anthropic.messages.create(**asked).content[0]
    assert (first.type, first.thinking) == ("thinking", "")
    told = sdks.anthropic.messages.create(**asked, thinking={"type": "adaptive", "display": "summarized"})
    assert told.content[0].thinking
    off = sdks.anthropic.messages.create(**asked, extra_body={"thinking": {"type": "between_tools"}})
    assert [block.type for block in off.content] == ["text"]


def test_json_stops_and_limits(sdks: SimpleNamespace) -> None:
    wanted: Any = {"format": {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}}
    answer = sdks.anthropic.messages.create(**ASKED, output_config=wanted)
    assert json.loads(answer.content[0].text) == {"city": "demo"}
    stopped = sdks.anthropic.messages.create(**ASKED, stop_sequences=["nowhere", "demo"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "demo")
    assert sdks.anthropic.messages.create(**{**ASKED, "max_tokens": 2}).stop_reason == "max_tokens"
    assert sdks.anthropic.messages.create(**wish("[[fault refusal]]")).stop_reason == "refusal"


def test_what_is_marked_is_cached_and_counted_apart(sdks: SimpleNamespace) -> None:
    block = {"type": "text", "text": "Why? " * 800, "cache_control": {"type": "ephemeral"}}
    usage = sdks.anthropic.messages.create(
        **{**ASKED, "messages": [{"role": "user", "content": [block]}]}
    ).usage
    assert usage.cache_read_input_tokens == 500
    assert usage.cache_creation_input_tokens == usage.cache_creation.ephemeral_5m_input_tokens == 250
    assert usage.input_tokens == 250


def test_tokens_are_counted_and_models_listed(sdks: SimpleNamespace) -> None:
    counted = sdks.anthropic.messages.count_tokens(
        model=HAIKU, messages=[{"role": "user", "content": "x" * 40}]
    )
    assert counted.input_tokens == 10
    assert [model.id for model in sdks.anthropic.models.list()] == list(ANTHROPIC.models)
    assert sdks.anthropic.models.retrieve(HAIKU).display_name == HAIKU
    with pytest.raises(anthropic.NotFoundError):
        sdks.anthropic.models.retrieve("claude-2")


def test_every_answer_has_an_id_and_says_what_is_left(sdks: SimpleNamespace) -> None:
    raw = sdks.anthropic.messages.with_raw_response.create(**ASKED)
    assert raw.headers["request-id"].startswith("req_")
    assert int(raw.headers["anthropic-ratelimit-requests-remaining"]) > 0
    with pytest.raises(anthropic.RateLimitError) as caught:
        sdks.anthropic.messages.create(**wish("[[fault 429 retry-after=7]]"))
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.request_id == document_of(caught.value)["request_id"]


def document_of(error: anthropic.APIStatusError) -> Any:
    assert isinstance(error.body, dict)
    return error.body


@pytest.mark.parametrize(
    ("mark", "status", "kind"),
    [
        ("400", 400, "invalid_request_error"),
        ("413", 413, "request_too_large"),
        ("500", 500, "api_error"),
        ("504", 504, "timeout_error"),
        ("529", 529, "overloaded_error"),
        ("409", 409, "invalid_request_error"),
        ("quota", 402, "billing_error"),
        ("context", 400, "invalid_request_error"),
        ("nonsense", 400, "invalid_request_error"),
    ],
)
def test_errors_are_those_of_the_api(sdks: SimpleNamespace, mark: str, status: int, kind: str) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        sdks.anthropic.messages.create(**wish(f"[[fault {mark}]]"))
    body = document_of(caught.value)
    assert (caught.value.status_code, body["type"], body["error"]["type"]) == (status, "error", kind)
    assert mark != "context" or "prompt is too long" in body["error"]["message"]


def test_an_error_in_a_stream_is_an_event(sdks: SimpleNamespace) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        list(sdks.anthropic.messages.create(**wish("[[fault error]]"), stream=True))
    assert caught.value.status_code == 200
    assert document_of(caught.value)["error"]["type"] == "overloaded_error"


def test_results_are_no_words_of_the_user(sdks: SimpleNamespace) -> None:
    use = {"type": "tool_use", "id": "t", "name": "clock", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "[[fault 503]]"}
    turns = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    asked = {**ASKED, "messages": [*ASKED["messages"], *turns], "tools": TOOLS}
    assert post(ANTHROPIC, "/v1/messages", asked).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": "", "authorization": f"Bearer {ANTHROPIC.api_key}"}, 200),
        ({"x-api-key": ""}, 401),
        ({"authorization": f"Bearer {CLOUD.api_key}"}, 401),
        ({"anthropic-version": ""}, 400),
        ({"anthropic-version": "2024-01-01"}, 400),
        ({"x-goog-api-key": "k"}, 400),
        ({"anthropic-beta": "some-beta"}, 200),
    ],
)
def test_who_calls_and_in_which_version(headers: dict[str, str], status: int) -> None:
    assert post(ANTHROPIC, "/v1/messages", ASKED, headers).status == status


def test_what_there_is_not() -> None:
    assert document(post(ANTHROPIC, "/v1/chat/completions", ASKED))["error"]["type"] == "not_found_error"
    assert post(ANTHROPIC, "/v1/messages", {**ASKED, "model": "claude-2"}).status == 404
    given = post(ANTHROPIC, "/v1/messages", b"{")
    assert (given.status, document(given)["type"]) == (400, "error")
