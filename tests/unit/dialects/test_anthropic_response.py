"""Answers and errors, in both directions: a golden exchange for each row of the mapping."""

import json
import re
from typing import Any

import pytest

from waypost.dialects.anthropic_request import JSON_TOOL
from waypost.dialects.anthropic_response import (
    FINISH,
    call_id,
    read_error,
    read_response,
    write_error,
    write_response,
)
from waypost.dialects.foreign import Reply

REPLY = Reply(model="auto", ident="chatcmpl-1", created=7)


def answer(*content: dict[str, Any], stop: str = "end_turn", **more: Any) -> bytes:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **more,
    }
    return json.dumps(message).encode()


def read(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return json.loads(read_response(answer(*content, **more), REPLY))


def message(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return read(*content, **more)["choices"][0]["message"]


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


# --- toward OpenAI's client


def test_a_plain_answer() -> None:
    assert read(text("a"), text("b")) == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 7,
        "model": "claude-x",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ab", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
                "native_finish_reason": "end_turn",
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def test_calls_keep_the_digits_of_their_arguments() -> None:
    first = b'{"type":"tool_use","id":"toolu_1","name":"f","input":{"x": 1.10, "y": 123456789012345678901.5}}'
    body = answer(
        text("so"), {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}}, stop="tool_use"
    )
    body = body.replace(b'{"type": "tool_use"', first + b', {"type": "tool_use"')
    choice = json.loads(read_response(body, REPLY))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "so"
    assert choice["message"]["tool_calls"] == [
        {
            "id": "toolu_1",
            "type": "function",
            "function": {"name": "f", "arguments": '{"x":1.10,"y":123456789012345678901.5}'},
        },
        {"id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_without_text_there_is_no_content() -> None:
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    assert message(call, stop="tool_use")["content"] is None


def test_thoughts_come_as_text_and_whole() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    redacted = {"type": "redacted_thinking", "data": "ZA=="}
    found = message(thought, redacted, text("a"))
    assert (found["reasoning_content"], found["content"]) == ("hm", "a")
    assert found["thinking_blocks"] == [thought, redacted]


def test_an_answer_that_stood_in_a_function_is_content() -> None:
    call = {"type": "tool_use", "id": "t", "name": JSON_TOOL, "input": {"a": 1}}
    choice = read(call, stop="tool_use")["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": '{"a":1}', "refusal": None}
    assert choice["finish_reason"] == "stop"


def test_blocks_of_servers_stay_aside() -> None:
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    cited = {**text("a"), "citations": [{"type": "web_search_result_location"}]}
    found = message(search, cited)
    assert (found["content"], found["native_blocks"]) == ("a", [search, cited])


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("brand_new", "stop"),
        (None, "stop"),
        (["odd"], "stop"),
    ],
)
def test_why_it_ended(stop: Any, finish: str) -> None:
    choice = read(text("a"), stop=stop)["choices"][0]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == (finish, stop)


def test_why_it_refused() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": None}
    assert read(stop="refusal", stop_details=details)["choices"][0]["stop_details"] == details


def test_usage_counts_the_whole_prompt() -> None:
    native = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 30},
    }
    assert read(usage=native)["usage"] == {
        "prompt_tokens": 130,
        "completion_tokens": 50,
        "total_tokens": 180,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }


@pytest.mark.parametrize(
    "native", [None, {}, {"input_tokens": 3}, {"input_tokens": "3", "output_tokens": 1}, 7]
)
def test_usage_that_is_not_known_is_not_told(native: Any) -> None:
    assert "usage" not in read(usage=native)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"content":7}', b"\xff", b"null", b"[" * 100_000, b'{"type":"error"}'],
)
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    error = json.loads(read_response(body, REPLY))["error"]
    assert error["type"] == "server_error"
    assert set(error) == {"message", "type", "param", "code"}


def test_an_error_in_place_of_an_answer() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"busy at org-123456789"}}'
    assert json.loads(read_response(body, REPLY))["error"]["code"] == "overloaded"


def test_odd_blocks_crash_nothing() -> None:
    odd: list[Any] = [
        7,
        None,
        {"type": ["text"]},
        {"type": "text", "text": 7},
        {"type": "tool_use", "input": 7},
    ]
    body = json.dumps({"content": odd}).encode()
    found = json.loads(read_response(body, REPLY))
    assert found["id"] == "chatcmpl-1"
    call = {"id": "", "type": "function", "function": {"name": "", "arguments": "{}"}}
    assert found["choices"][0]["message"]["tool_calls"] == [call]


# --- errors


def native_error(kind: str, text: str = "some words") -> bytes:
    return json.dumps(
        {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_1"}
    ).encode()


@pytest.mark.parametrize(
    ("status", "kind", "seen", "type_", "code"),
    [
        (400, "invalid_request_error", 400, "invalid_request_error", None),
        (401, "authentication_error", 502, "server_error", "provider_rejected_credentials"),
        (402, "billing_error", 503, "insufficient_quota", "insufficient_quota"),
        (403, "permission_error", 403, "permission_error", "permission_denied"),
        (404, "not_found_error", 404, "invalid_request_error", "model_not_found"),
        (413, "request_too_large", 413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", 429, "rate_limit", "rate_limit_exceeded"),
        (500, "api_error", 500, "server_error", "provider_error"),
        (504, "timeout_error", 504, "server_error", "timeout"),
        (529, "overloaded_error", 503, "server_error", "overloaded"),
        (422, "brand_new", 422, "invalid_request_error", None),
        (502, "brand_new", 502, "server_error", "provider_error"),
    ],
)
def test_errors_toward_openais_client(
    status: int, kind: str, seen: int, type_: str, code: str | None
) -> None:
    for body in (native_error(kind), b"", b"<html>", b'{"error":"x"}', b'{"error":{"message":[]}}'):
        found, written = read_error(status, body)
        error = json.loads(written)["error"]
        assert (found, error["type"], error["code"], error["param"]) == (seen, type_, code, None)
        assert error["message"]


def test_a_prompt_that_is_too_long_has_a_code() -> None:
    _, body = read_error(
        400, native_error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum")
    )
    error = json.loads(body)["error"]
    assert error["code"] == "context_length_exceeded"
    assert error["message"].startswith("prompt is too long")


def test_what_the_provider_says_of_itself_is_not_told() -> None:
    secret = "sk-ant-abcdef123456 org-9876543 of ann@example.com: " + "x" * 1000
    _, body = read_error(400, native_error("invalid_request_error", secret))
    assert not any(word in body for word in (b"abcdef", b"9876543", b"ann@", b"x" * 501))
    _, body = read_error(401, native_error("authentication_error", secret))
    assert b"xxx" not in body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_errors_toward_anthropics_client(status: int, kind: str) -> None:
    body = b'{"error":{"message":"no","type":"server_error","param":null,"code":null}}'
    assert json.loads(write_error(status, body)) == {
        "type": "error",
        "error": {"type": kind, "message": "no"},
    }
    assert json.loads(write_error(status, b"<html>"))["error"] == {
        "type": kind,
        "message": f"Status {status}.",
    }


def test_an_overloaded_provider_is_called_so() -> None:
    assert json.loads(write_error(*read_error(529, b"")))["error"]["type"] == "overloaded_error"


# --- toward Anthropic's client


def completion(found: dict[str, Any], finish: str = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **found}, "finish_reason": finish}
    choice |= more.pop("choice", {})
    document = {"id": "chatcmpl-9", "model": "gpt-x", "choices": [choice], **more}
    return json.dumps(document).encode()


def write(found: dict[str, Any], finish: str = "stop", **more: Any) -> dict[str, Any]:
    return json.loads(write_response(completion(found, finish, **more)))


def call(arguments: Any, name: str = "f") -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_plain_completion() -> None:
    usage = {
        "prompt_tokens": 130,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    assert write({"content": "hi"}, usage=usage) == {
        "id": "msg_chatcmpl-9",
        "type": "message",
        "role": "assistant",
        "model": "gpt-x",
        "content": [text("hi")],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "output_tokens": 50,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 20,
            "output_tokens_details": {"thinking_tokens": 30},
        },
    }


def test_usage_that_is_not_known_is_zero() -> None:
    assert write({"content": "hi"})["usage"] == {"input_tokens": 0, "output_tokens": 0}


def test_calls_become_uses() -> None:
    calls = [call('{"a": 1.10}'), call("")]
    body = completion({"content": None, "tool_calls": calls}, "tool_calls")
    assert b'"input":{"a": 1.10}' in write_response(body)
    found = json.loads(write_response(body))
    assert found["content"][1] == {"type": "tool_use", "id": "call_1", "name": "f", "input": {}}
    assert found["stop_reason"] == "tool_use"
    assert write({"tool_calls": calls}, "stop")["stop_reason"] == "tool_use"


@pytest.mark.parametrize("arguments", ["{", "[]", "7", '{"a":NaN}', "[" * 100_000])
def test_arguments_that_are_none(arguments: str) -> None:
    assert write({"tool_calls": [call(arguments)]}, "tool_calls")["type"] == "error"
    cut = write({"content": "so", "tool_calls": [call(arguments)]}, "length")
    assert (cut["content"], cut["stop_reason"]) == ([text("so")], "max_tokens")


def test_calls_without_ids_get_some_and_arguments_may_be_an_object() -> None:
    calls = [{"function": {"name": "f", "arguments": {"x": 1}}}, {"id": "", "function": {"name": "g"}}]
    found = write({"tool_calls": calls})
    first, second = (call_id({}, found["id"], number) for number in range(2))
    assert first != second
    assert re.fullmatch("toolu_[0-9a-f]{24}", first)
    assert found["content"] == [
        {"type": "tool_use", "id": first, "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": second, "name": "g", "input": {}},
    ]


def test_reasoning_of_others_has_no_signature() -> None:
    for name in ("reasoning_content", "reasoning"):
        found = write({"content": "a", name: "hm"})["content"]
        assert found == [{"type": "thinking", "thinking": "hm", "signature": ""}, text("a")]


def test_a_refusal_and_content_in_parts_are_text() -> None:
    assert write({"content": None, "refusal": "no"}, "content_filter")["content"] == [text("no")]
    assert write({"content": [text("a"), "b", 7]})["content"] == [text("a"), text("b")]


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("function_call", "tool_use"),
        ("content_filter", "refusal"),
        ("brand_new", "end_turn"),
        (None, "end_turn"),
        ({}, "end_turn"),
    ],
)
def test_why_a_completion_ended(finish: Any, stop: str) -> None:
    assert write({"content": "a"}, finish)["stop_reason"] == stop


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"choices":[]}', b'{"choices":[7]}', b'{"choices":{}}', b"\xff"]
)
def test_what_is_no_completion_is_an_error(body: bytes) -> None:
    assert json.loads(write_response(body))["error"]["type"] == "api_error"


def test_an_error_stays_one() -> None:
    body = b'{"error":{"message":"no","code":"overloaded"}}'
    assert json.loads(write_response(body))["error"] == {"type": "overloaded_error", "message": "no"}


@pytest.mark.parametrize("stop", sorted(FINISH))
def test_there_and_back_an_answer_is_the_same(stop: str) -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZA=="},
        text("so"),
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1.5}},
    ]
    body = answer(*blocks, stop=stop)
    assert json.loads(write_response(read_response(body, REPLY))) == json.loads(body)


def test_why_it_stopped_comes_back_whole() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    refused = {**json.loads(answer(text("so"), stop="refusal")), "stop_details": details}
    ended = {**json.loads(answer(text("so"), stop="stop_sequence")), "stop_sequence": "END"}
    for told in (refused, ended):
        assert json.loads(write_response(read_response(json.dumps(told).encode(), REPLY))) == told
