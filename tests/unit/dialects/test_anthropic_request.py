"""Requests as Anthropic's API takes them: a golden exchange for each row of the mapping."""

import base64
import hashlib
import json
from typing import Any

import pytest

from waypost.dialects.anthropic_request import JSON_TOOL, write_request
from waypost.errors import RequestError

OLD = "claude-sonnet-4-0"
MID = "claude-sonnet-4-5"
NEW = "claude-opus-4-8"
ASK = {"role": "user", "content": "hi"}
FUNCTION = {"name": "f", "description": "does f", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION}
SENT_TOOL = {"name": "f", "description": "does f", "input_schema": {"type": "object", "properties": {}}}


def write(messages: list[Any] | None = None, model: str = MID, **fields: Any) -> dict[str, Any]:
    document = {"model": "x", "messages": [ASK] if messages is None else messages, **fields}
    return json.loads(write_request(document, model).body)


def warned(model: str = MID, **fields: Any) -> list[str]:
    """Names of the parameters that a note is of; strict mode refuses the first of them."""
    document = {"messages": [ASK], **fields}
    names = [note.partition(":")[0] for note in write_request(document, model).warnings]
    if names and names[0] != "reasoning_effort":  # which is a wish
        with pytest.raises(RequestError) as refused:
            write_request(document, model, strict=True)
        assert (refused.value.status, refused.value.param) == (400, names[0])
    else:
        write_request(document, model, strict=True)
    return names


def refusal(messages: list[Any] | None = None, model: str = MID, **fields: Any) -> str | None:
    with pytest.raises(RequestError) as refused:
        write(messages, model, **fields)
    assert refused.value.status == 400
    return refused.value.param


def called(*idents: str, **more: Any) -> dict[str, Any]:
    calls = [{"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in idents]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def result(ident: Any, content: Any = "ok", **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": ident, "content": content, **more}


def use(ident: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": ident, "name": "f", "input": {}}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


# --- the request itself


def test_a_plain_request() -> None:
    written = write_request({"model": "auto", "messages": [ASK], "stream": True}, MID)
    assert (written.path, written.headers) == ("/messages", (("anthropic-version", "2023-06-01"),))
    assert written.warnings == ()
    assert json.loads(written.body) == {
        "model": MID,
        "max_tokens": 64_000,
        "stream": True,
        "messages": [{"role": "user", "content": [text("hi")]}],
    }


def test_instructions_stand_at_the_top_in_order() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    messages = [
        {"role": "system", "content": "a"},
        ASK,
        {"role": "developer", "content": [text("b", cache_control=mark), text("c")]},
    ]
    body = write(messages)
    assert body["system"] == [text("a"), text("b", cache_control=mark), text("c")]
    assert [turn["role"] for turn in body["messages"]] == ["user"]


def test_neighbours_of_one_role_are_one_turn() -> None:
    body = write([ASK, {"role": "user", "content": "there"}, {"role": "assistant", "content": "a"}, ASK])
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == [text("hi"), text("there")]


def test_text_is_sent_as_it_is() -> None:
    strange = 'a\u2028\u00e4"\\\n\U0001f600 '
    assert write([{"role": "user", "content": strange}])["messages"][0]["content"] == [text(strange)]


def test_half_a_surrogate_pair_is_sent_as_an_escape() -> None:
    assert b"\\ud83d" in write_request({"messages": [{"role": "user", "content": "a\ud83d"}]}, MID).body


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        (None, "messages"),
        ("x", "messages"),
        ([{"role": "system", "content": "only"}], "messages"),
        ([{"role": "assistant", "content": "first"}, ASK], "messages"),
        ([ASK, 7], "messages[1]"),
        ([ASK, {"role": "function", "content": "x"}], "messages[1].role"),
        ([{"role": ["user"], "content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": ""}], "messages[0]"),
        ([{"role": "user", "content": " \n"}], "messages[0]"),
        ([{"role": "user"}], "messages[0]"),
        ([{"role": "user", "content": 7}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "hologram"}]}], "messages[0].content[0]"),
        ([{"role": "user", "content": [7]}], "messages[0].content[0]"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "messages[0].content[0]"),
        ([{"role": "system", "content": [{"type": "image_url", "image_url": "https://x/y"}]}, ASK], None),
        ([ASK, {"role": "assistant", "audio": {"id": "a"}}, ASK], "messages[1].audio"),
        ([ASK, {"role": "assistant", "function_call": {"name": "f"}}, ASK], "messages[1].function_call"),
    ],
)
def test_what_the_api_would_refuse_is_refused_here(messages: Any, param: str | None) -> None:
    with pytest.raises(RequestError) as refused:
        write_request({"messages": messages}, MID)
    assert refused.value.status == 400
    assert param is None or refused.value.param == param


def test_an_assistant_message_without_content_is_left_out() -> None:
    body = write([ASK, {"role": "assistant", "content": ""}, {"role": "user", "content": "b"}])
    assert body["messages"] == [{"role": "user", "content": [text("hi"), text("b")]}]


# --- tools


def test_parallel_calls_and_their_results() -> None:
    calls = called("a", "b", content="let me see")
    calls["tool_calls"][0]["function"]["arguments"] = '{"x": 1.10, "y": 12345678901234567890.5}'
    calls["tool_calls"][1]["function"]["arguments"] = ""
    written = write_request(
        {"messages": [ASK, calls, result("b", "2"), result("a", "1"), ASK], "tools": [TOOL]}, MID
    )
    assert b'"input":{"x": 1.10, "y": 12345678901234567890.5}' in written.body
    _, assistant, user = json.loads(written.body)["messages"]
    assert [block["type"] for block in assistant["content"]] == ["text", "tool_use", "tool_use"]
    assert assistant["content"][2] == use("b")
    assert user["content"] == [
        {"type": "tool_result", "tool_use_id": "b", "content": "2"},
        {"type": "tool_result", "tool_use_id": "a", "content": "1"},
        text("hi"),
    ]


def test_results_come_first_in_their_turn() -> None:
    body = write([ASK, called("a", "b"), result("a"), {"role": "user", "content": "wait"}, result("b")])
    kinds = [block["type"] for block in body["messages"][2]["content"]]
    assert kinds == ["tool_result", "tool_result", "text"]


def test_a_result_may_be_an_error_a_picture_or_nothing() -> None:
    parts = [text("see"), {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
    body = write([ASK, called("a", "b"), result("a", parts, is_error=True), result("b", "")])
    assert body["messages"][2]["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [text("see"), {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}],
            "is_error": True,
        },
        {"type": "tool_result", "tool_use_id": "b"},
    ]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([ASK, called("a")], "messages"),
        ([ASK, called("a"), ASK], "messages"),
        ([ASK, called("a", "b"), result("a"), {"role": "assistant", "content": "x"}, ASK], "messages[3]"),
        ([ASK, result("a")], "messages[1].tool_call_id"),
        ([ASK, called("a"), result("a"), result("a")], "messages[3].tool_call_id"),
        ([ASK, called("a"), result(["a"])], "messages[2].tool_call_id"),
        ([ASK, called("a", "a"), result("a")], "messages[1].tool_calls[1].id"),
        ([ASK, called("")], "messages[1].tool_calls[0]"),
    ],
)
def test_calls_and_results_are_pairs(messages: list[Any], param: str) -> None:
    assert refusal(messages) == param


@pytest.mark.parametrize("arguments", ["{", "[]", "null", "7", '{"a": NaN}', "[" * 100_000, 7, {"a": 1}])
def test_arguments_must_be_an_object(arguments: Any) -> None:
    call = called("a")
    call["tool_calls"][0]["function"]["arguments"] = arguments
    assert refusal([ASK, call, result("a")]) == "messages[1].tool_calls[0].function.arguments"


def test_ids_that_the_api_refuses_change_with_their_results() -> None:
    odd = "call:1/\u00e4"
    body = write([ASK, called(odd), result(odd), called(odd), result(odd)])
    sent = [
        turn["content"][0].get("id") or turn["content"][0].get("tool_use_id") for turn in body["messages"][1:]
    ]
    assert sent[0] == sent[1] != sent[2] == sent[3]
    assert all(ident.replace("_", "").isalnum() for ident in sent)


def test_another_providers_signature_stays_behind() -> None:
    body = write([ASK, called("call_1__thought__00abc"), result("call_1__thought__00abc")])
    assert body["messages"][1]["content"] == [use("call_1")]
    assert body["messages"][2]["content"][0]["tool_use_id"] == "call_1"


def test_tools_are_written_with_their_schemas_untouched() -> None:
    schema = {
        "type": "object",
        "properties": {"u": {"type": ["string", "null"], "enum": ["a", None]}},
        "additionalProperties": False,
    }
    tool = {"type": "function", "function": {"name": "g", "parameters": schema, "strict": True}}
    bare = {"type": "function", "function": {"name": "h"}, "cache_control": {"type": "ephemeral"}}
    assert write(tools=[TOOL, tool, bare])["tools"] == [
        SENT_TOOL,
        {"name": "g", "input_schema": schema, "strict": True},
        {"name": "h", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
    ]


@pytest.mark.parametrize(
    "tool",
    [
        7,
        {"type": "custom", "custom": {"name": "x"}},
        {"type": "function"},
        {"type": "function", "function": {"name": "a b"}},
        {"type": "function", "function": {"name": "x" * 129}},
        {"type": "function", "function": {"name": "x", "parameters": {"type": "array"}}},
        {"type": "function", "function": {"name": "x", "parameters": []}},
    ],
)
def test_odd_tools_are_refused(tool: Any) -> None:
    assert (refusal(tools=[tool]) or "").startswith("tools[0]")


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
    ],
)
def test_which_tool_is_to_be_called(choice: Any, sent: Any) -> None:
    assert write(tools=[TOOL], tool_choice=choice).get("tool_choice") == sent


def test_calls_one_at_a_time() -> None:
    one = {"disable_parallel_tool_use": True}
    tools = {"tools": [TOOL], "parallel_tool_calls": False}
    assert write(**tools)["tool_choice"] == {"type": "auto", **one}
    assert write(**tools, tool_choice="required")["tool_choice"] == {"type": "any", **one}
    assert write(**tools, tool_choice="none")["tool_choice"] == {"type": "none"}
    assert "tool_choice" not in write(tools=[TOOL], parallel_tool_calls=True)


def test_allowed_tools_are_the_tools() -> None:
    other = {"type": "function", "function": {"name": "g"}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}
    body = write(tools=[TOOL, other], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert (body["tools"], body["tool_choice"]) == ([SENT_TOOL], {"type": "any"})


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": "sometimes"},
        {"tools": [TOOL], "tool_choice": ["auto"]},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        {
            "tools": [TOOL],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
        },
        {
            "tools": [TOOL],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": [], "tools": [TOOL]}},
        },
    ],
)
def test_a_choice_of_no_tool_is_refused(fields: dict[str, Any]) -> None:
    assert refusal(**fields) == "tool_choice"


def test_functions_of_a_conversation_are_declared_also_when_none_is_offered() -> None:
    body = write([ASK, called("a"), result("a")])
    assert body["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "none"}


def test_a_model_that_cannot_be_made_to_call_is_asked() -> None:
    fields = {"tools": [TOOL], "tool_choice": "required"}
    assert write(model="claude-opus-5-5", **fields)["tool_choice"] == {"type": "auto"}
    assert warned("claude-opus-5-5", **fields) == ["tool_choice"]


def test_functions_of_old_are_refused() -> None:
    assert refusal(functions=[FUNCTION]) == "functions"


# --- content


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("data:image/png;base64,AA==", {"type": "base64", "media_type": "image/png", "data": "AA=="}),
        ("data:image/jpg;base64,AA==", {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}),
        ("DATA:IMAGE/WEBP;x=y;BASE64,AA", {"type": "base64", "media_type": "image/webp", "data": "AA"}),
        ("https://x/y.gif", {"type": "url", "url": "https://x/y.gif"}),
    ],
)
def test_pictures(url: str, source: dict[str, str]) -> None:
    part = {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
    content = write([{"role": "user", "content": [text("look"), part]}])["messages"][0]["content"]
    assert content == [text("look"), {"type": "image", "source": source}]


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://x/y", "data:image/png,AA", "data:image/tiff;base64,AA", "data:"]
)
def test_other_pictures_are_refused(url: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    assert refusal([{"role": "user", "content": [part]}]) == "messages[0].content[0].image_url"


def test_documents() -> None:
    plain = base64.b64encode("gr\u00fc\u00df".encode()).decode()
    parts = [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
        {"type": "file", "file": {"file_data": f"data:text/markdown;base64,{plain}"}},
        {"type": "file", "file": {"file_url": "https://x/y.pdf"}, "cache_control": {"type": "ephemeral"}},
    ]
    assert write([{"role": "user", "content": parts}])["messages"][0]["content"] == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="},
            "title": "a.pdf",
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "gr\u00fc\u00df"},
        },
        {
            "type": "document",
            "source": {"type": "url", "url": "https://x/y.pdf"},
            "cache_control": {"type": "ephemeral"},
        },
    ]


@pytest.mark.parametrize(
    "file",
    [
        {},
        {"file_id": "file-1"},
        {"file_data": "AA=="},
        {"file_data": "data:application/zip;base64,AA=="},
        {"file_data": "data:text/plain;base64,!"},
        {"file_data": "data:text/plain;base64,/w=="},
        {"file_url": "file:///etc/passwd"},
    ],
)
def test_other_documents_are_refused(file: dict[str, str]) -> None:
    assert (
        refusal([{"role": "user", "content": [{"type": "file", "file": file}]}])
        == "messages[0].content[0].file"
    )


def test_marks_for_caching_stay_where_they_are() -> None:
    mark = {"type": "ephemeral"}
    body = write([{"role": "user", "content": "a", "cache_control": mark}], cache_control=mark)
    assert body["messages"][0]["content"] == [text("a", cache_control=mark)]
    assert body["cache_control"] == mark
    odd = [{"role": "user", "content": [text("a", cache_control={"type": "ephemeral", "ttl": []})]}]
    assert write(odd)["messages"][0]["content"] == [text("a", cache_control=mark)]


# --- prefill


def test_an_answer_that_was_begun() -> None:
    body = write([ASK, {"role": "assistant", "content": "It is \n"}], OLD)
    assert body["messages"][1] == {"role": "assistant", "content": [text("It is")]}
    assert refusal([ASK, {"role": "assistant", "content": "It is"}], NEW) == "messages"


# --- thinking

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "ZGF0YQ=="}


def test_thoughts_go_back_in_front_of_their_turn() -> None:
    told = called("a", thinking_blocks=[THOUGHT, REDACTED], reasoning_content="hm", content="so")
    body = write([ASK, told, result("a")], reasoning_effort="low")
    assert body["messages"][1]["content"] == [THOUGHT, REDACTED, text("so"), use("a")]
    assert body["thinking"]["type"] == "enabled"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "hm"},
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "redacted_thinking"},
        {"type": "other", "signature": "x"},
        7,
    ],
)
def test_no_signature_is_invented(block: Any) -> None:
    told = {
        "role": "assistant",
        "content": "so",
        "thinking_blocks": [THOUGHT, block],
        "reasoning_content": "hm",
    }
    assert write([ASK, told, ASK])["messages"][1]["content"] == [text("so")]


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("claude-3-5-haiku-latest", "none", {}),
        (MID, None, {}),
        (MID, "none", {}),
        (MID, "minimal", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (MID, "high", {"thinking": {"type": "enabled", "budget_tokens": 4096}}),
        (MID, "max", {"thinking": {"type": "enabled", "budget_tokens": 16384}}),
        (
            "claude-opus-4-6",
            "xhigh",
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        (
            NEW,
            "xhigh",
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "xhigh"},
            },
        ),
        (
            NEW,
            "minimal",
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
        ),
        (NEW, "none", {}),
        ("claude-opus-5", "none", {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-5-5", "none", {"thinking": {"type": "between_tools"}}),
        ("claude-opus-5-5", "none", {"output_config": {"effort": "low"}}),
    ],
)
def test_how_hard_to_think(model: str, effort: str | None, sent: dict[str, Any]) -> None:
    body = write(model=model, reasoning_effort=effort)
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == sent


@pytest.mark.parametrize(
    ("limit", "budget"), [(1500, 1024), (1025, 1024), (4096, 2048), (4097, 4096), (9000, 4096)]
)
def test_thinking_leaves_room_for_an_answer(limit: int, budget: int) -> None:
    body = write(max_tokens=limit, reasoning_effort="high")
    assert body["max_tokens"] == limit
    assert body["thinking"]["budget_tokens"] == budget < limit


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("claude-3-5-haiku-latest", {}),
        (MID, {"max_tokens": 1024}),
        (MID, {"tools": [TOOL], "tool_choice": "required"}),
        (NEW, {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}}),
        (MID, {"messages": [ASK, {"role": "assistant", "content": "It"}]}),
        (MID, {"messages": [ASK, called("a"), result("a")]}),
    ],
)
def test_where_it_must_not_think_that_is_noted(model: str, fields: dict[str, Any]) -> None:
    fields = {"reasoning_effort": "high", **fields}
    assert warned(model, **fields) == ["reasoning_effort"]
    assert "thinking" not in write(fields.pop("messages", None), model, **fields)


def test_a_model_that_always_thinks_says_so() -> None:
    assert warned("claude-fable-5", reasoning_effort="none") == ["reasoning_effort"]


def test_one_that_thinks_unasked_does_not_when_made_to_call() -> None:
    body = write(model="claude-opus-5", tools=[TOOL], tool_choice="required")
    assert body["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize("effort", ["huge", 7, ["low"]])
def test_an_unknown_effort_is_refused(effort: Any) -> None:
    assert refusal(reasoning_effort=effort) == "reasoning_effort"


# --- limits, sampling and the rest


def test_most_tokens() -> None:
    assert write(max_tokens=7)["max_tokens"] == 7
    assert write(max_tokens=7, max_completion_tokens=8)["max_tokens"] == 8
    assert write(max_tokens=100_000)["max_tokens"] == 64_000
    assert warned(max_completion_tokens=100_000) == ["max_completion_tokens"]
    assert write(max_tokens=9.0)["max_tokens"] == 9


@pytest.mark.parametrize(
    ("model", "most", "wanted", "sent"),
    [
        ("glm-4.6", 98_304, None, 98_304),  # a table without it gives 8192
        ("glm-4.6", 98_304, 50_000, 50_000),
        (MID, 200_000, 150_000, 150_000),
        (MID, 4_096, None, 4_096),
        (MID, 4_096, 7, 7),
        (MID, 4_096, 4_096, 4_096),
        (MID, 1, None, 1),
        (MID, None, None, 64_000),
        (NEW, 10, None, 10),
    ],
)
def test_the_file_knows_better_than_the_table_how_much_a_model_gives(
    model: str, most: int | None, wanted: int | None, sent: int
) -> None:
    document = {"messages": [ASK]} | ({"max_tokens": wanted} if wanted else {})
    written = write_request(document, model, strict=True, most=most)
    assert json.loads(written.body)["max_tokens"] == sent
    assert written.warnings == ()


@pytest.mark.parametrize(("model", "most"), [("glm-4.6", 98_304), (MID, 4_096)])
def test_more_than_the_file_says_is_lowered_and_told(model: str, most: int) -> None:
    document = {"messages": [ASK], "max_completion_tokens": most + 1}
    written = write_request(document, model, most=most)
    assert json.loads(written.body)["max_tokens"] == most
    assert written.warnings == (f"max_completion_tokens: lowered to {most}, the most the model gives",)
    with pytest.raises(RequestError) as refused:
        write_request(document, model, strict=True, most=most)
    assert refused.value.param == "max_completion_tokens"


@pytest.mark.parametrize(
    ("most", "budget"), [(1_024, None), (1_025, 1_024), (4_096, 2_048), (200_000, 4_096)]
)
def test_thinking_stays_below_what_the_file_says(most: int, budget: int | None) -> None:
    document = {"messages": [ASK], "reasoning_effort": "high"}
    written = write_request(document, MID, most=most)
    body = json.loads(written.body)
    assert body["max_tokens"] == most
    assert body.get("thinking", {}).get("budget_tokens") == budget
    assert bool(written.warnings) == (budget is None)


@pytest.mark.parametrize("limit", [0, -1, 1.5, "7", True, float("inf")])
def test_other_limits_are_refused(limit: Any) -> None:
    assert refusal(max_tokens=limit) == "max_tokens"


@pytest.mark.parametrize(
    ("model", "fields", "sent", "noted"),
    [
        (
            OLD,
            {"temperature": 0.3, "top_p": 0.5, "top_k": 5},
            {"temperature": 0.3, "top_p": 0.5, "top_k": 5},
            [],
        ),
        (OLD, {"temperature": 1.7}, {"temperature": 1}, ["temperature"]),
        (MID, {"temperature": 0.3, "top_p": 0.5}, {"temperature": 0.3}, ["top_p"]),
        (MID, {"temperature": 0.3, "top_p": 1}, {"temperature": 0.3}, []),
        (MID, {"top_p": 0.5}, {"top_p": 0.5}, []),
        (MID, {"temperature": 0.3, "reasoning_effort": "low"}, {}, ["temperature"]),
        (MID, {"temperature": 1, "reasoning_effort": "low"}, {}, []),
        (NEW, {"temperature": 0.3, "top_p": 0.5, "top_k": 5}, {}, ["temperature", "top_p", "top_k"]),
        (NEW, {"temperature": 1.0, "top_p": 1}, {}, []),
    ],
)
def test_sampling(model: str, fields: dict[str, Any], sent: dict[str, Any], noted: list[str]) -> None:
    body = write(model=model, **fields)
    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == sent
    assert warned(model, **fields) == noted


@pytest.mark.parametrize("value", [-1, "0.5", float("nan"), True, []])
def test_odd_sampling_is_refused(value: Any) -> None:
    assert refusal(temperature=value) == "temperature"


def test_stop() -> None:
    assert write(stop="END")["stop_sequences"] == ["END"]
    assert write(stop=["a", "\n", "b"])["stop_sequences"] == ["a", "b"]
    assert "stop_sequences" not in write(stop=[])
    assert warned(stop="\n\n") == ["stop"]
    assert refusal(stop=["a", 7]) == "stop"


def test_users_are_told_apart_and_not_named() -> None:
    digest = hashlib.sha256(b"ann@example.com").hexdigest()
    assert write(user="ann@example.com")["metadata"] == {"user_id": digest}
    assert write(safety_identifier="ann@example.com", user="x")["metadata"] == {"user_id": digest}


def test_a_schema_for_the_answer() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    assert write(response_format=wanted)["output_config"] == {
        "format": {"type": "json_schema", "schema": schema}
    }
    body = write(model=NEW, response_format=wanted, reasoning_effort="low")
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}, "effort": "low"}
    body = write(model=OLD, response_format=wanted)
    assert body["tools"][0]["name"] == JSON_TOOL
    assert body["tools"][0]["input_schema"] == schema
    assert body["tool_choice"] == {"type": "tool", "name": JSON_TOOL}
    body = write(model=OLD, response_format=wanted, tools=[TOOL], parallel_tool_calls=False)
    assert [tool["name"] for tool in body["tools"]] == [JSON_TOOL, "f"]
    assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}


def test_any_object_for_the_answer() -> None:
    body = write([{"role": "system", "content": "s"}, ASK], response_format={"type": "json_object"})
    assert body["system"][0] == text("s")
    assert "JSON object" in body["system"][1]["text"]
    assert "system" not in write(response_format={"type": "text"})


@pytest.mark.parametrize("wanted", ["json", {"type": "xml"}, {"type": "json_schema"}, [], 7])
def test_other_forms_are_refused(wanted: Any) -> None:
    assert refusal(response_format=wanted) == "response_format"


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 7},
        {"logprobs": True},
        {"presence_penalty": 0.5},
        {"logit_bias": {"1": 2}},
        {"service_tier": "flex"},
        {"modalities": ["text", "audio"]},
        {"prediction": {"type": "content"}},
    ],
)
def test_what_the_api_has_no_word_for_is_noted(fields: dict[str, Any]) -> None:
    assert warned(**fields) == list(fields)


def test_what_says_nothing_is_not_noted() -> None:
    nothing = {
        "seed": None,
        "logprobs": False,
        "presence_penalty": 0,
        "n": 1,
        "service_tier": "auto",
        "logit_bias": {},
    }
    assert warned(**nothing, store=False, stream_options={"include_usage": True}, modalities=["text"]) == []


@pytest.mark.parametrize("count", [2, 0, "1", [1]])
def test_only_one_answer(count: Any) -> None:
    assert refusal(n=count) == "n"


def test_what_is_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5_000):
        schema = {"items": schema}
    with pytest.raises(RequestError) as refused:
        write(tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}])
    assert refused.value.code == "body_too_complex"


def test_what_was_refused_is_said() -> None:
    sent = write([ASK, {"role": "assistant", "content": None, "refusal": "I won't."}, ASK])
    assert sent["messages"][1] == {"role": "assistant", "content": [text("I won't.")]}


def test_names_of_speakers_are_noted() -> None:
    document = {"messages": [{**ASK, "name": "ann"}, called("a"), result("a", name="f")]}
    assert write_request(document, MID).warnings == (
        "messages[0].name: not sent, the API has no names of speakers",
    )
