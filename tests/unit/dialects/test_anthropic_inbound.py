"""Requests of Anthropic's clients in the neutral form: a golden exchange for each row of the mapping."""

import json
from typing import Any

import pytest

from waypost.dialects.anthropic_inbound import read_request
from waypost.dialects.anthropic_request import write_request
from waypost.dialects.openai_chat import parse
from waypost.dialects.signatures import hide
from waypost.errors import RequestError

ASK = {"role": "user", "content": "hi"}
MARK = {"cache_control": {"type": "ephemeral"}}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def body(messages: Any = None, **fields: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 9, "messages": messages or [ASK], **fields}).encode()


def read(messages: Any = None, **fields: Any) -> dict[str, Any]:
    inbound = read_request(body(messages, **fields))
    assert inbound.native is None
    return json.loads(inbound.neutral)


def native(messages: Any = None, **fields: Any) -> str | None:
    return read_request(body(messages, **fields)).native


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
        {"type": "tool_result", "tool_use_id": "d", "content": []},
        {"type": "tool_result", "tool_use_id": "c", "content": "y", **MARK},
    ]
    seen = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    assert read([{"role": "user", "content": turn}])["messages"] == [
        {"role": "tool", "tool_call_id": "a", "content": [text("x"), seen], "is_error": True},
        {"role": "tool", "tool_call_id": "b", "content": ""},
        {"role": "tool", "tool_call_id": "d", "content": ""},
        {"role": "tool", "tool_call_id": "c", "content": "y", **MARK},
        {"role": "user", "content": [text("see")]},
    ]


def test_calls_keep_the_digits_of_their_arguments() -> None:
    turn = [text("so"), {"type": "tool_use", "id": "a", "name": "f", "input": {"x": "DIGITS"}}]
    sent = body([ASK, {"role": "assistant", "content": turn}]).replace(b'"DIGITS"', b"1.10")
    assert json.loads(read_request(sent).neutral)["messages"][1] == {
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
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": False}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"messages": 7}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [7]}, "messages[0].role"),
        ({"messages": [{"role": ["user"]}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
            "messages[0].content[0].tool_use_id",
        ),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use"}]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]},
            "messages[0].content[0].source",
        ),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "x"}}]}, "system"),
        ({"tools": [7]}, "tools[0]"),
        ({"tools": [{"name": "f"}], "tool_choice": {"type": "tool"}}, "tool_choice"),
        ({"tools": [{"name": "f"}], "tool_choice": {"name": "f"}}, "tool_choice"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
        ({"stream": "yes"}, "stream"),
        ({"metadata": "m"}, "metadata"),
        ({"metadata": {"user_id": 7}}, "metadata.user_id"),
        ({"thinking": {"type": "enabled", "budget_tokens": "all"}}, "thinking.budget_tokens"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        (
            {"tools": [{"name": "f"}], "tool_choice": {"type": "auto", "disable_parallel_tool_use": "no"}},
            "tool_choice.disable_parallel_tool_use",
        ),
        ({"thinking": "on"}, "thinking"),
        ({"tools": {}}, "tools"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"cache_control": "x"}, "cache_control"),
        ({"Messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "a", "Content": "b"}]}, "content"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "thinking", "text": "x"}]}]},
            "messages[0].content[0]",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": "y"}]}
                ]
            },
            "messages[0].content[0].cache_control",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": "a", "is_error": "yes"}],
                    }
                ]
            },
            "messages[0].content[0].is_error",
        ),
    ],
)
def test_what_is_malformed_is_refused(fields: dict[str, Any], param: str) -> None:
    fields = {"model": "m", "max_tokens": 9, "messages": [ASK], **fields}
    with pytest.raises(RequestError) as refused:
        read_request(json.dumps(fields).encode())
    assert (refused.value.status, refused.value.param) == (400, param)


USED = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
SEARCHED = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"container": "c"}, "container"),
        ({"mcp_servers": [{"url": "https://x"}]}, "mcp_servers"),
        (
            {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
            "context_management.edits[0]",
        ),
        (
            {"context_management": {"edits": [{"type": "clear_thinking_20251015"}, "x"]}},
            "context_management.edits[1]",
        ),
        (
            {"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "some"}]}},
            "context_management.edits[0]",
        ),
        (
            {"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all", "a": "b"}]}},
            "context_management.edits[0]",
        ),
        ({"context_management": {"edits": "x"}}, "context_management.edits"),
        ({"context_management": {"more": "x"}}, "context_management.more"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"service_tier": "gold"}, "service_tier"),
        ({"diagnostics": {"previous_message_id": "what I said"}}, "diagnostics.previous_message_id"),
        ({"thinking": {"type": "some"}}, "thinking.type"),
        ({"tools": [{"name": "f"}], "tool_choice": {"type": "some"}}, "tool_choice"),
        (
            {"messages": [{"role": "assistant", "content": [{**USED, "cache_control": {"type": "x"}}]}]},
            "messages[0].content[0].cache_control",
        ),
        ({"speed": "fast"}, "speed"),
        ({"anything new": "x"}, "*"),
        ({"metadata": {"team": "x"}}, "metadata.team"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools[0]"),
        ({"tools": [{"name": "f", "defer_loading": True}]}, "tools[0].defer_loading"),
        (
            {"tools": [{"name": "f", "allowed_callers": ["code_execution_20260521"]}]},
            "tools[0].allowed_callers",
        ),
        ({"output_config": {"effort": "enormous"}}, "output_config.effort"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"thinking": {"type": "adaptive", "display": "loud"}}, "thinking.display"),
        ({"messages": [{"role": "user", "content": "x", "name": "bob"}]}, "messages[0].name"),
        (
            {"messages": [{"role": "user", "content": [text("x", citations=[{"cited_text": "y"}])]}]},
            "messages[0].content[0].citations",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{**USED, "caller": {"type": "x"}}]}]},
            "messages[0].content[0].caller",
        ),
    ],
)
def test_what_only_anthropic_serves_is_named(fields: dict[str, Any], param: str) -> None:
    assert native(**fields) == param


@pytest.mark.parametrize(
    "block",
    [
        SEARCHED,
        {"type": "search_result", "source": "s", "title": "t", "content": [text("x")]},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {"type": "document", "source": {"type": "content", "content": "x"}},
        {"type": "container_upload", "file_id": "f"},
    ],
)
def test_content_left_out_can_be_read_by_nobody(block: dict[str, Any]) -> None:
    inbound = read_request(body([{"role": "user", "content": [text("x"), block]}]))
    assert inbound.native is not None
    assert inbound.native.startswith("messages[0].content[1]")
    request = parse(inbound.neutral)
    assert [part.kind for part in request.messages[0].parts if not part.is_readable] == ["unknown"]


def test_a_title_or_citations_of_a_document() -> None:
    block = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
    turn = [{"role": "user", "content": [{**block, "context": "secret"}]}]
    assert native(turn) == "messages[0].content[0].context"
    turn = [{"role": "user", "content": [{**block, "citations": {"enabled": True}}]}]
    assert native(turn) == "messages[0].content[0].citations"
    turn = [{"role": "user", "content": [{**block, "citations": {"enabled": False}, "context": None}]}]
    assert native(turn) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"mcp_servers": [], "container": None, "context_management": {}},
        {
            "service_tier": "standard_only",
            "speed": "standard",
            "diagnostics": {"previous_message_id": "msg_1"},
        },
        {"tools": [{"name": "f", "eager_input_streaming": True, "allowed_callers": ["direct"]}]},
        {"messages": [{"role": "assistant", "content": [{**USED, **MARK, "caller": {"type": "direct"}}]}]},
        {"thinking": {"type": "adaptive", "display": "omitted"}},
        {
            "context_management": {
                "edits": [
                    {"type": "clear_thinking_20251015"},
                    {"type": "clear_thinking_20251015", "keep": "all"},
                    {"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 2}},
                ]
            }
        },
    ],
)
def test_what_says_nothing_of_the_answer_binds_to_nobody(fields: dict[str, Any]) -> None:
    assert native(**fields) is None


def test_the_first_that_is_left_out_is_named() -> None:
    assert native([{"role": "user", "content": [SEARCHED]}], container="c") == "container"


def test_nothing_is_left_of_tools_that_anthropic_serves() -> None:
    tools = [{"type": "bash_20250124", "name": "bash"}]
    inbound = read_request(body(tools=tools, tool_choice={"type": "tool", "name": "bash"}))
    assert set(json.loads(inbound.neutral)) == {"model", "max_completion_tokens", "messages"}


def test_thoughts_of_another_provider_must_not_go_back_as_they_are() -> None:
    signed = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    unsigned = {"type": "thinking", "thinking": "hm", "signature": ""}
    hidden = {**USED, "id": hide("a", "c2ln")}
    for content, is_mixed in (
        ([signed, USED], False),
        ([unsigned, USED], True),
        ([signed, unsigned], True),
        ([{"type": "redacted_thinking", "data": "Z"}], False),
        ([hidden], True),
    ):
        found = read_request(body([ASK, {"role": "assistant", "content": content}]))
        assert (found.is_mixed, found.native) == (is_mixed, None)


def test_thoughts_that_came_to_nothing_stand_at_an_empty_text() -> None:
    signed = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    message = read([ASK, {"role": "assistant", "content": [signed]}])["messages"][1]
    assert (message["content"], message["thinking_blocks"]) == ("", [signed])


def test_a_turn_without_content_stays() -> None:
    assert read([{"role": "user", "content": []}])["messages"] == [{"role": "user", "content": []}]


@pytest.mark.parametrize(
    "sent",
    [b"", b"{", b"[]", b"\xff", b'{"a":NaN}', b"[" * 40_000, b'{"model":"a","model":"b"}', b"\xef\xbb\xbf{}"],
)
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
    neutral = json.loads(read_request(json.dumps(sent).encode()).neutral)
    written = write_request(neutral, "claude-sonnet-4-5")
    assert written.warnings == ()
    assert json.loads(written.body) == sent
