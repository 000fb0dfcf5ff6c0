"""Requests of Anthropic's clients in the neutral form: a golden exchange for each row of the mapping."""

import json
from typing import Any

import pytest

from waypost.dialects.anthropic_inbound import read_request
from waypost.dialects.anthropic_request import write_request
from waypost.errors import RequestError

ASK = {"role": "user", "content": "hi"}
MARK = {"cache_control": {"type": "ephemeral"}}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def body(messages: Any = None, **fields: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 9, "messages": messages or [ASK], **fields}).encode()


def read(messages: Any = None, **fields: Any) -> dict[str, Any]:
    return json.loads(read_request(body(messages, **fields)))


def refusal(messages: Any = None, **fields: Any) -> str | None:
    with pytest.raises(RequestError) as refused:
        read(messages, **fields)
    assert refused.value.status == 400
    return refused.value.param


def test_a_plain_request() -> None:
    assert read() == {"model": "m", "max_completion_tokens": 9, "messages": [ASK]}


def test_a_stream_is_asked_for_its_usage() -> None:
    assert read(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream" not in read(stream=False)


def test_instructions() -> None:
    assert read(system="s")["messages"] == [{"role": "system", "content": "s"}, ASK]
    later = {"role": "system", "content": "later"}
    parts = [text("a", **MARK), text("b")]
    assert read([ASK, later], system=parts)["messages"] == [{"role": "system", "content": parts}, ASK, later]


def test_results_stand_in_front_of_what_else_is_said() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    turn = [
        text("see"),
        {"type": "tool_result", "tool_use_id": "a", "content": [text("x"), image], "is_error": True},
        {"type": "tool_result", "tool_use_id": "b"},
        {"type": "tool_result", "tool_use_id": "c", "content": "y", **MARK},
    ]
    seen = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    assert read([{"role": "user", "content": turn}])["messages"] == [
        {"role": "tool", "tool_call_id": "a", "content": [text("x"), seen], "is_error": True},
        {"role": "tool", "tool_call_id": "b", "content": ""},
        {"role": "tool", "tool_call_id": "c", "content": "y", **MARK},
        {"role": "user", "content": [text("see")]},
    ]


def test_calls_keep_the_digits_of_their_arguments() -> None:
    turn = [text("so"), {"type": "tool_use", "id": "a", "name": "f", "input": {"x": "DIGITS"}}]
    sent = body([ASK, {"role": "assistant", "content": turn}]).replace(b'"DIGITS"', b"1.10")
    assert json.loads(read_request(sent))["messages"][1] == {
        "role": "assistant",
        "content": [text("so")],
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1.10}'}}],
    }


def test_thoughts_are_kept_whole() -> None:
    signed = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "Z"},
    ]
    message = read([ASK, {"role": "assistant", "content": [*signed, text("a")]}])["messages"][1]
    assert (message["thinking_blocks"], message["reasoning_content"]) == (signed, "hm")
    assert message["content"] == [text("a")]
    unsigned = {"type": "thinking", "thinking": "hm", "signature": ""}
    message = read([ASK, {"role": "assistant", "content": [unsigned, text("a")]}])["messages"][1]
    assert "thinking_blocks" not in message


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        ),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"},
                "title": "t",
            },
            {"type": "file", "file": {"filename": "t", "file_data": "data:application/pdf;base64,AA"}},
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
            {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}},
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
            {"type": "file", "file": {"file_url": "https://x/y.pdf"}},
        ),
    ],
)
def test_pictures_and_documents(block: dict[str, Any], part: dict[str, Any]) -> None:
    assert read([{"role": "user", "content": [{**block, **MARK}]}])["messages"][0]["content"] == [
        {**part, **MARK}
    ]


def test_tools() -> None:
    schema = {"type": "object", "properties": {}}
    tools = [
        {"name": "f", "description": "d", "input_schema": schema, **MARK},
        {"type": "custom", "name": "g"},
    ]
    assert read(tools=tools)["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}, **MARK},
        {"type": "function", "function": {"name": "g"}},
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_which_tool_is_to_be_called(choice: dict[str, Any], sent: Any) -> None:
    found = read(tools=[{"name": "f"}], tool_choice={**choice, "disable_parallel_tool_use": True})
    assert (found["tool_choice"], found["parallel_tool_calls"]) == (sent, False)
    found = read(tools=[{"name": "f"}], tool_choice=choice)
    assert "parallel_tool_calls" not in found


def test_the_rest() -> None:
    found = read(
        stop_sequences=["END"],
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        metadata={"user_id": "u"},
        service_tier="auto",
    )
    assert {name: found[name] for name in ("stop", "temperature", "top_p", "top_k", "user")} == {
        "stop": ["END"],
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "user": "u",
    }


def test_a_schema_for_the_answer() -> None:
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    sent = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
    }
    assert read(output_config={"format": wanted})["response_format"] == sent
    assert read(output_format=wanted)["response_format"] == sent


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "between_tools"}, "output_config": {"effort": "high"}}, "none"),
        ({"thinking": {"type": "adaptive"}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
        ({"output_config": {"effort": "low"}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 31999}}, "high"),
    ],
)
def test_how_hard_to_think(fields: dict[str, Any], effort: str | None) -> None:
    assert read(**fields).get("reasoning_effort") == effort


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"messages": 7}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [7]}, "messages[0].role"),
        ({"messages": [{"role": ["user"]}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
            "messages[0].content[0].tool_use_id",
        ),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use"}]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]},
            "messages[0].content[0].source",
        ),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "x"}}]}, "system"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools[0]"),
        ({"tools": [7]}, "tools[0]"),
        ({"tools": [{"name": "f"}], "tool_choice": {"type": "some"}}, "tool_choice"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
        ({"container": "c"}, "container"),
        ({"mcp_servers": []}, "mcp_servers"),
    ],
)
def test_what_cannot_be_sent_on_is_refused(fields: dict[str, Any], param: str) -> None:
    fields = {"model": "m", "max_tokens": 9, "messages": [ASK], **fields}
    with pytest.raises(RequestError) as refused:
        read_request(json.dumps(fields).encode())
    assert (refused.value.status, refused.value.param) == (400, param)


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"\xff", b'{"a":NaN}', b"[" * 40_000])
def test_what_is_no_request_is_refused(sent: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        read_request(sent)
    assert refused.value.status == 400


def test_there_and_back_a_request_is_the_same() -> None:
    sent = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 900,
        "stream": True,
        "system": [text("s", **MARK)],
        "temperature": 0.5,
        "stop_sequences": ["END"],
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "messages": [
            {
                "role": "user",
                "content": [
                    text("a"),
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "AA=="},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                    text("so"),
                    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1.5, None]}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": [text("bad")],
                        "is_error": True,
                    },
                    text("go on"),
                ],
            },
        ],
    }
    neutral = json.loads(read_request(json.dumps(sent).encode()))
    written = write_request(neutral, "claude-sonnet-4-5")
    assert written.warnings == ()
    assert json.loads(written.body) == sent
