"""What OpenAI's API rejects, and what servers compatible with it still take."""

import json
from typing import Any

import pytest

from tests.unit.demo.calls import CLOUD, ONPREM, error, post

USER = {"role": "user", "content": "Hi."}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "x"}
CLOSED = {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}


def chat(provider: Any = CLOUD, **fields: Any) -> Any:
    body = {"model": provider.models[0], "messages": [USER], **fields}
    return post(provider, "/v1/chat/completions", body)


def content(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [USER, {"role": "assistant"}]}, "messages[1].content"),
        ({"messages": [{**USER, "tool_calls": [CALL]}, RESULT]}, "messages[0].tool_calls"),
        ({"messages": [USER, RESULT]}, "messages[1]"),
        ({"messages": [USER, CALLED]}, "messages"),
        ({"messages": [USER, CALLED, USER]}, "messages[2]"),
        ({"messages": [USER, CALLED, RESULT, RESULT]}, "messages[3]"),
        ({"messages": [USER, {**CALLED, "tool_calls": []}]}, "messages.1.tool_calls"),
        (content({"type": "image"}), "messages.0.content.0"),
        (content({"type": "image_url", "image_url": {"url": "a.png"}}), "messages[0].content[0]"),
        (content({"type": "refusal", "refusal": "no"}), "messages[0].content[0]"),
        (content({"type": "file", "file": {"filename": "a"}}), "messages[0].content[0]"),
        (
            content({"type": "input_audio", "input_audio": {"data": "?", "format": "wav"}}),
            "messages.0.content.0.input_audio.data",
        ),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"n": 0}, "n"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"tools": []}, "tools"),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "tools.0.type"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
    ],
)
def test_what_all_reject(fields: dict[str, Any], param: str) -> None:
    for provider in (CLOUD, ONPREM):
        assert error(chat(provider, **fields)) == (400, param)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"top_k": 5}, "top_k"),
        ({"system": "Be kind."}, "system"),
        ({"messages": [{**USER, "cache_control": {"type": "ephemeral"}}]}, "messages[0].cache_control"),
        (
            {"messages": [USER, {"role": "assistant", "content": "x", "thinking_blocks": []}, USER]},
            "messages[1].thinking_blocks",
        ),
        ({"tools": [{**TOOL, "cache_control": {}}]}, "tools[0].cache_control"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"response_format": {"type": "json_object"}}, "messages"),
        (
            {
                "messages": [
                    USER,
                    {**CALLED, "tool_calls": [{**CALL, "id": "c" * 41}]},
                    {**RESULT, "tool_call_id": "c" * 41},
                ]
            },
            "messages[1].tool_calls",
        ),
    ],
)
def test_what_openai_alone_rejects(fields: dict[str, Any], param: str) -> None:
    assert error(chat(CLOUD, **fields)) == (400, param)
    assert chat(ONPREM, **fields).status == 200


def test_servers_of_open_models_read_arguments() -> None:
    call = {**CALL, "function": {"name": "f", "arguments": "{"}}
    messages = [USER, {**CALLED, "tool_calls": [call]}, RESULT]
    assert chat(CLOUD, messages=messages).status == 200
    assert error(chat(ONPREM, messages=messages)) == (400, "messages[1].tool_calls")
    call["function"]["arguments"] = ""
    assert chat(ONPREM, messages=messages).status == 200


@pytest.mark.parametrize("where", ["tools", "response_format"])
@pytest.mark.parametrize(
    ("schema", "is_closed"),
    [(CLOSED, True), ({**CLOSED, "additionalProperties": True}, False), ({**CLOSED, "required": []}, False)],
)
def test_strictness_wants_a_closed_schema(where: str, schema: dict[str, Any], *, is_closed: bool) -> None:
    strict: dict[str, Any]
    if where == "tools":
        strict = {
            "tools": [{"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}]
        }
    else:
        wanted = {"name": "f", "schema": schema, "strict": True}
        strict = {"response_format": {"type": "json_schema", "json_schema": wanted}}
    assert (chat(**strict).status == 200) is is_closed


def test_whatever_chat_can_have_is_taken() -> None:
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}
    answer = chat(
        messages=[
            {"role": "developer", "content": [{"type": "text", "text": "Answer in JSON."}]},
            {
                "role": "user",
                "name": "ann",
                "content": [
                    {"type": "text", "text": "Hi."},
                    {
                        "type": "image_url",
                        "image_url": {"url": "data:image/png;base64,YQ==", "detail": "low"},
                    },
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    {"type": "input_audio", "input_audio": {"data": "YQ==", "format": "mp3"}},
                    {"type": "file", "file": {"file_data": "data:text/plain;base64,YQ==", "filename": "a"}},
                ],
            },
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            CALLED,
            RESULT,
        ],
        tools=[TOOL],
        tool_choice={"type": "allowed_tools", "allowed_tools": allowed},
        parallel_tool_calls=True,
        response_format={"type": "json_object"},
        stop="x",
        seed=1,
        logit_bias={"50256": -100},
        metadata={"a": "b"},
        user="u",
        stream=None,
    )
    assert answer.status == 200, answer.pieces


def test_an_error_body_is_openais() -> None:
    answer = chat(temperature=3)
    assert json.loads(answer.pieces[0])["error"].keys() == {"message", "type", "param", "code"}
