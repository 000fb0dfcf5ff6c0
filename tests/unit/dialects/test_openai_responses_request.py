"""Requests of clients that speak Responses: a golden exchange for each member."""

import json
from typing import Any

import pytest

from waypost.dialects.openai_chat import parse
from waypost.dialects.openai_responses_request import read_request
from waypost.dialects.thoughts import seal
from waypost.errors import RequestError

ASK = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
TOOL = {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "input": "hi", **fields}).encode()


def read(**fields: Any) -> dict[str, Any]:
    inbound = read_request(body(**fields))
    assert inbound.native is None
    return json.loads(inbound.neutral)


def test_a_plain_request() -> None:
    assert read() == {"model": "m", "messages": [ASK]}
    assert read(input=[ASK]) == read()
    assert read(instructions="be kind")["messages"] == [{"role": "system", "content": "be kind"}, ASK]
    assert read(instructions=None) == read()


def test_a_stream_is_asked_for_its_usage() -> None:
    found = read(stream=True, stream_options={"include_obfuscation": True})
    assert (found["stream"], found["stream_options"]) == (True, {"include_usage": True})
    assert "stream" not in read(stream=False)


def test_what_both_forms_have() -> None:
    both: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.5,
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "service_tier": "flex",
    }
    found = read(**both, max_output_tokens=50)
    assert {name: found[name] for name in both} == both
    assert found["max_completion_tokens"] == 50


def test_tools() -> None:
    function = {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}
    assert read(tools=[TOOL], parallel_tool_calls=False) == {
        **read(),
        "tools": [{"type": "function", "function": function}],
        "parallel_tool_calls": False,
    }
    assert read(tools=[{"type": "function", "name": "f", "allowed_callers": ["direct"]}])["tools"] == [
        {"type": "function", "function": {"name": "f"}}
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("none", "none"),
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
        ),
    ],
)
def test_which_tool_is_to_be_called(choice: Any, sent: Any) -> None:
    assert read(tools=[TOOL], tool_choice=choice)["tool_choice"] == sent


def test_without_tools_nothing_is_said_of_them() -> None:
    assert read(tool_choice="auto", parallel_tool_calls=True, tools=[]) == read()


def test_the_form_of_the_answer() -> None:
    schema = {"name": "a", "schema": SCHEMA, "strict": True, "description": "d"}
    found = read(text={"format": {"type": "json_schema", **schema}, "verbosity": "low"})
    assert found["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert found["verbosity"] == "low"
    assert read(text={"format": {"type": "json_object"}})["response_format"] == {"type": "json_object"}
    assert read(text={"format": {"type": "text"}}) == read(text={}) == read(text={"format": None}) == read()


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
def test_how_hard_to_think(effort: str) -> None:
    reasoning = {"effort": effort, "summary": "auto", "generate_summary": None, "context": "auto"}
    assert read(reasoning=reasoning)["reasoning_effort"] == effort
    assert "reasoning_effort" not in read(reasoning={"effort": None, "summary": "detailed"})


def test_what_changes_nothing_about_the_answer() -> None:
    assert (
        read(
            store=True,
            include=["reasoning.encrypted_content"],
            truncation="auto",
            metadata={"a": "b"},
            max_tool_calls=3,
            background=False,
            previous_response_id=None,
            top_logprobs=0,
        )
        == read()
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"include": ["reasoning.encrypted_content", "file_search_call.results"]}, "include[1]"),
        ({"include": [["x"]]}, "include[0]"),
        ({"truncation": "odd"}, "truncation"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"moderation": {"model": "x"}}, "moderation"),
        ({"stream_options": {"other": "x"}}, "stream_options.other"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [TOOL, {"type": "mcp", "server_url": "https://x"}]}, "tools[1]"),
        ({"tools": [{**TOOL, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tools": [{**TOOL, "allowed_callers": ["programmatic"]}]}, "tools[0].allowed_callers"),
        ({"tools": [TOOL], "tool_choice": {"type": "file_search"}}, "tool_choice"),
        (
            {
                "tools": [TOOL],
                "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]},
            },
            "tool_choice.tools[0]",
        ),
        ({"text": {"verbosity": "endless"}}, "text.verbosity"),
        ({"text": {"format": {"type": "json_object", "x": "y"}}}, "text.format.x"),
        ({"reasoning": {"summary": "long"}}, "reasoning.summary"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"reasoning": {"context": "all_turns"}}, "reasoning.context"),
        ({"input": [ASK, {"type": "item_reference", "id": "x"}]}, "input[1]"),
        ({"anything new": "x"}, "*"),
    ],
)
def test_what_only_providers_of_this_form_serve(fields: dict[str, Any], param: str) -> None:
    inbound = read_request(body(**fields))
    assert inbound.native == param
    assert parse(inbound.neutral).model == "m"


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_what_was_said_may_be_stored(name: str) -> None:
    inbound = read_request(json.dumps({"model": "m", name: {"id": "x"}}).encode())
    assert inbound.native == name
    assert parse(inbound.neutral).messages[0].role == "user"


def test_a_conversation_with_sealed_thoughts_is_mixed() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": seal([])}
    assert read_request(body(input=[ASK, thought, ASK])).is_mixed
    assert not read_request(body(input=[ASK, ASK])).is_mixed


def test_numbers_keep_their_digits() -> None:
    sent = body(temperature="DIGITS").replace(b'"DIGITS"', b"1.10")
    assert b'"temperature":1.10' in read_request(sent).neutral


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": {}}, "input"),
        ({"instructions": ["x"]}, "instructions"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"tools": {}}, "tools"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "some"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"text": "json"}, "text"),
        ({"text": {"format": "json"}}, "text.format"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"effort": 7}}, "reasoning.effort"),
        ({"include": "x"}, "include"),
        ({"metadata": "x"}, "metadata"),
        ({"store": "x"}, "store"),
        ({"max_tool_calls": "x"}, "max_tool_calls"),
        ({"Input": "other"}, "input"),
    ],
)
def test_what_is_malformed(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_request(body(**fields))
    assert (refused.value.status, refused.value.param) == (400, param)


@pytest.mark.parametrize("sent", [b"", b"[]", b'{"input":"a","input":"b"}', b'{"a":NaN}', b'{"a":' * 30_000])
def test_what_is_no_request(sent: bytes) -> None:
    with pytest.raises(RequestError):
        read_request(sent)
