import json
from typing import Any

import pytest

from waypost.configurable import build, schema
from waypost.dialects.openai_chat import parse
from waypost.request.chat import ChatRequest, Message, Part
from waypost.selection.capabilities import (
    CAPABILITIES,
    UNKNOWN,
    Capabilities,
    Lack,
    Price,
    Profile,
    lacking,
    needs,
    output_tokens,
    unknown,
)

ASK = {"role": "user", "content": "Hello"}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def sent(*messages: dict[str, Any], **fields: Any) -> ChatRequest:
    return parse(json.dumps({"model": "auto", "messages": messages or (ASK,), **fields}).encode())


def shown(part: dict[str, Any]) -> ChatRequest:
    return sent({"role": "user", "content": [{"type": "text", "text": "what is this?"}, part]})


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (sent(), set()),
        (sent(stream=True), {"streaming"}),
        (sent(stream=False), set()),
        (sent(tools=[WEATHER]), {"tools"}),
        (sent(tools=[]), set()),
        (sent(functions=[{"name": "weather"}]), {"tools"}),
        (
            sent(
                ASK,
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                    ],
                },
                {"role": "tool", "tool_call_id": "1", "content": "ok"},
            ),
            {"tools"},
        ),
        (shown({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}), {"images"}),
        (shown({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}), {"audio"}),
        (shown({"type": "file", "file": {"file_data": "AAAA"}}), {"files"}),
        (sent(response_format={"type": "json_schema", "json_schema": {"name": "a"}}), {"json_schema"}),
        (sent(response_format={"type": "json_object"}), set()),
        (sent(response_format={"type": "text", "note": "json_schema"}), set()),
        (sent(response_format="json_schema"), set()),
        (sent(response_format=None), set()),
        (sent(response_format=["json_schema"]), set()),
        (sent(web_search_options={}), {"web_search"}),
        (sent(web_search_options=None), set()),
    ],
)
def test_a_request_needs_what_its_body_asks_for(request_: ChatRequest, expected: set[str]) -> None:
    assert needs(request_) == expected


def test_a_rule_may_require_more() -> None:
    assert needs(sent(stream=True), ["web_search", "streaming"]) == {"web_search", "streaming"}


def test_an_embeddings_request_needs_nothing() -> None:
    body = b'{"model": "auto", "input": [1, 2, 3]}'
    assert needs(parse(body, "openai_embeddings")) == frozenset()


def test_a_body_that_was_never_parsed_needs_what_its_values_say() -> None:
    message = Message("user", (Part("image", "", "messages[0].content[0].image_url"),))
    assert needs(ChatRequest("openai_chat", b"not json", "auto", messages=(message,))) == {"images"}
    assert output_tokens(ChatRequest("openai_chat", b"", "auto")) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"max_tokens": 100}, 100),
        ({"max_completion_tokens": 200}, 200),
        ({"max_tokens": 100, "max_completion_tokens": 200}, 200),
        ({"max_tokens": None}, None),
        ({"max_tokens": 0}, None),
        ({"max_tokens": -5}, None),
        ({"max_tokens": 1.5}, None),
        ({"max_tokens": "100"}, None),
        ({"max_tokens": [100]}, None),
        ({"max_tokens": 10**5000}, None),
    ],
)
def test_output_tokens_are_a_whole_number_or_unknown(fields: dict[str, Any], expected: int | None) -> None:
    body = json.dumps({"model": "auto", "messages": [ASK]})[:-1]
    if fields:
        body += ", " + ", ".join(f'"{name}": {_written(value)}' for name, value in fields.items())
    request = ChatRequest("openai_chat", f"{body}}}".encode(), "auto")
    assert output_tokens(request) == expected


def _written(value: Any) -> str:
    return "1" + "0" * 5000 if value == 10**5000 else json.dumps(value)


def test_nothing_is_lacking_where_nothing_is_known() -> None:
    assert lacking(UNKNOWN, CAPABILITIES, 10**9, 10**9) == ()
    assert unknown(UNKNOWN, ["tools", "images"]) == ("images", "tools", "context_window")


def test_only_what_is_said_to_be_missing_and_is_needed_is_lacking() -> None:
    profile = Profile(capabilities=Capabilities(tools=True, images=False, audio=False))
    assert lacking(profile, ["tools", "images", "files"], 0, None) == (Lack("images", "lacks images"),)
    assert unknown(profile, ["tools", "images", "files"]) == ("files", "context_window")


@pytest.mark.parametrize(
    ("prompt", "wanted", "names"),
    [
        (8000, None, []),
        (8001, None, ["context_window"]),
        (7000, 1000, []),
        (7000, 1001, ["context_window", "max_output_tokens"]),
        (10, 1001, ["max_output_tokens"]),
        (8000, 1, ["context_window"]),
    ],
)
def test_prompt_and_answer_must_fit(prompt: int, wanted: int | None, names: list[str]) -> None:
    profile = Profile(context_window=8000, max_output_tokens=1000)
    assert [lack.name for lack in lacking(profile, (), prompt, wanted)] == names


def test_everything_lacking_is_named_with_figures() -> None:
    profile = Profile(8000, 1000, Capabilities(tools=False, images=False))
    assert [lack.because for lack in lacking(profile, ["tools", "images"], 9000, 2000)] == [
        "lacks images",
        "lacks tools",
        "takes 8000 tokens, about 11000 are needed",
        "answers with 1000 tokens at most, 2000 are wanted",
    ]


def test_cost_is_in_dollars_and_prices_per_million_tokens() -> None:
    assert Price(input=3.0, output=15.0).cost_usd(1_000_000, 0) == 3.0
    assert Price(input=3.0, output=15.0).cost_usd(1000, 400) == pytest.approx(0.009)


def test_the_block_is_strict_and_describes_every_capability() -> None:
    assert build(Capabilities, {"images": False}) == Capabilities(images=False)
    assert {*schema(Capabilities)["properties"]} == {*CAPABILITIES}
    assert all(row["description"] for row in schema(Capabilities)["properties"].values())
    with pytest.raises(ValueError, match="vision"):
        build(Capabilities, {"vision": True})
