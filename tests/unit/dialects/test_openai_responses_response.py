"""Answers as Responses have them: a golden exchange for each row of the mapping."""

import json
from typing import Any

import pytest
from openai.types.responses import Response

from waypost.dialects.openai_responses_response import plain_id, usage_to, write_error, write_response
from waypost.dialects.thoughts import unseal

CHAT = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "m"}
REQUEST = {"model": "auto", "input": "hi"}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}


def write(
    message: dict[str, Any], reason: str = "stop", request: Any = None, **fields: Any
) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    answer = json.dumps({**CHAT, "choices": [choice], **fields}).encode()
    written = write_response(answer, json.dumps(request or REQUEST).encode())
    Response.model_validate_json(written, strict=True)
    return json.loads(written)


def text(said: str, number: int = 0, status: str = "completed") -> dict[str, Any]:
    part = {"type": "output_text", "text": said, "annotations": [], "logprobs": []}
    return {
        "id": f"msg_1_{number}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [part],
    }


def call(ident: str, **function: Any) -> dict[str, Any]:
    return {"id": ident, "type": "function", "function": {"name": "f", **function}}


def test_an_answer() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    assert write({"content": "hello"}, usage=usage) == {
        "id": "resp_1",
        "object": "response",
        "created_at": 7,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": "m",
        "output": [text("hello")],
        "previous_response_id": None,
        "store": False,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 5,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 8,
        },
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "user": None,
    }


def test_an_answer_repeats_what_it_was_asked_with() -> None:
    asked: dict[str, Any] = {
        "instructions": "be kind",
        "max_output_tokens": 50,
        "max_tool_calls": 3,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low", "summary": "auto"},
        "safety_identifier": "s",
        "temperature": 0.5,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
        "top_p": 0.5,
        "user": "u",
    }
    found = write({"content": "a"}, request={**REQUEST, **asked, "store": True})
    assert {name: found[name] for name in asked} == asked
    assert found["store"] is False
    assert "input" not in found
    assert write({"content": "a"}, request={**REQUEST, "tools": None, "text": None})["tools"] == []


def test_everything_a_model_says() -> None:
    message = {
        "content": [{"type": "text", "text": "so "}, "then"],
        "refusal": "no",
        "reasoning_content": "hm",
        "thinking_blocks": [SIGNED],
        "tool_calls": [
            call("c1", arguments='{"a":1.10}'),
            call("c2", arguments=""),
            call("", arguments="{}"),
        ],
    }
    output = write(message, "tool_calls")["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", *["function_call"] * 3]
    assert unseal(output[0]["encrypted_content"]) == [SIGNED]
    assert output[0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert [part["type"] for part in output[1]["content"]] == ["output_text", "refusal"]
    assert output[1]["content"][0]["text"] == "so then"
    assert [(item["call_id"], item["arguments"]) for item in output[2:]] == [
        ("c1", '{"a":1.10}'),
        ("c2", "{}"),
        ("call_1_4", "{}"),
    ]
    assert len({item["id"] for item in output}) == 5


def test_nothing_said() -> None:
    assert write({"content": None})["output"] == write({"content": ""})["output"] == []


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("new", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_why_it_ended(reason: str, status: str, why: Any) -> None:
    found = write({"content": "a"}, reason)
    assert (found["status"], found["incomplete_details"]) == (status, why)
    assert found["output"] == [text("a", status=status)]


def test_only_what_came_last_is_incomplete() -> None:
    output = write({"content": "a", "tool_calls": [call("1"), call("2", arguments='{"a')]}, "length")[
        "output"
    ]
    assert [item["status"] for item in output] == ["completed", "completed", "incomplete"]
    assert [item.get("arguments") for item in output] == [None, "{}", '{"a']


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, None),
        ({"prompt_tokens": 5}, None),
        ({"prompt_tokens": -1, "completion_tokens": 3}, None),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 3,
                "total_tokens": 99,
                "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            {
                "input_tokens": 5,
                "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
                "output_tokens": 3,
                "output_tokens_details": {"reasoning_tokens": 2},
                "total_tokens": 8,
            },
        ),
    ],
)
def test_usage(usage: Any, counted: Any) -> None:
    assert usage_to(usage) == counted


@pytest.mark.parametrize(
    ("ident", "plain"),
    [
        ("chatcmpl-abc", "abc"),
        ("msg_abc", "abc"),
        ("abc.d/e", "abc_d_e"),
        ("x" * 99, "x" * 40),
        (None, "0"),
        ("", "0"),
    ],
)
def test_what_ids_are_made_of(ident: Any, plain: str) -> None:
    assert plain_id({"id": ident}) == plain


def test_an_error_stays_one() -> None:
    error = b'{"error": {"message": "m", "type": "t", "param": null, "code": "c"}}'
    assert write_response(error, b"{}") == error
    assert write_error(503, error) == error


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{}",
        b'{"choices":[{}]}',
        b'{"choices":[{"message":{"tool_calls":[{"id":"a"}]}}]}',
        b'{"choices":[{"message":{"content":NaN}}]}',
    ],
)
def test_what_is_no_answer_becomes_an_error(answer: bytes) -> None:
    assert "error" in json.loads(write_response(answer, b"{}"))


@pytest.mark.parametrize("request_", [b"", b"[]", b'{"tools":[', b'{"tools":NaN}'])
def test_no_answer_is_lost_for_what_it_repeats(request_: bytes) -> None:
    answer = json.dumps({**CHAT, "choices": [{"message": {"content": "a"}}]}).encode()
    assert json.loads(write_response(answer, request_))["output"] == [text("a")]
