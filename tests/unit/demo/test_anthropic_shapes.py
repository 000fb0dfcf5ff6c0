"""What Anthropic's Messages API rejects."""

from typing import Any

import pytest

from tests.unit.demo.calls import ANTHROPIC, error, post
from waypost.demo.anthropic_shapes import TRAITS, sign

HAIKU, OPUS, SONNET = "claude-haiku-4-5", "claude-opus-4-7", "claude-sonnet-5-5"
USER = {"role": "user", "content": "Hi."}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1"}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": sign("Hm.")}
THINK = {"type": "enabled", "budget_tokens": 1024}
MARK = {"cache_control": {"type": "ephemeral"}}


def ask(model: str = HAIKU, **fields: Any) -> Any:
    body = {"model": model, "max_tokens": 2000, "messages": [USER], **fields}
    return post(ANTHROPIC, "/v1/messages", {name: value for name, value in body.items() if value is not ...})


def said(*turns: Any) -> dict[str, Any]:
    """Messages by turns, the user's first."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[n % 2], "content": turn} for n, turn in enumerate(turns)]}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": ...}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 64_001}, "max_tokens"),
        ({"max_tokens": 10.0}, "max_tokens"),
        ({"max_completion_tokens": 5}, "max_completion_tokens"),
        ({"stop": ["a"]}, "stop"),
        ({"n": 1}, "n"),
        ({"reasoning_effort": "low"}, "reasoning_effort"),
        ({"temperature": 1.1}, "temperature"),
        ({"temperature": 0.5, "top_p": 0.5}, "top_p"),
        ({"stop_sequences": [" "]}, "stop_sequences.0"),
        ({"metadata": {"user_id": "u" * 257}}, "metadata.user_id"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "Be kind."}]}, "messages.0.role"),
        ({"messages": [{"role": "assistant", "content": "x"}, USER]}, "messages.0.role"),
        (said("Hi.", "", "Hi."), "messages.1.content"),
        (said(" "), "messages.0.content"),
        (said([]), "messages.0.content"),
        (said([text("")]), "messages.0.content.0.text"),
        (said([text("\n ")]), "messages.0.content.0.text"),
        (said([{"type": "input_text", "text": "x"}]), "messages.0.content.0"),
        (said("Hi.", "So "), "messages"),
        (said("Hi.", [text("So ")]), "messages"),
        ({"system": [text(" ")]}, "system.0.text"),
        ({"system": []}, "system"),
        (
            said(
                [{"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "YQ=="}}]
            ),
            "messages.0.content.0.source.media_type",
        ),
        (
            said([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "%"}}]),
            "messages.0.content.0.source.data",
        ),
        (
            said([{"type": "image", "source": {"type": "url", "url": "file:///a"}}]),
            "messages.0.content.0.source.url",
        ),
        (
            said("Hi.", [{"type": "document", "source": {"type": "url", "url": "https://a"}}], "x"),
            "messages.1.content",
        ),
        (said([USE]) | {"tools": [TOOL]}, "messages.0.content"),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "tools.0.input_schema.type"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools.0.name"),
        ({"tools": [{**TOOL, "name": "a b"}]}, "tools.0.name"),
        ({"tools": [TOOL, TOOL]}, "tools"),
        ({"tools": [{**TOOL, "strict": True}]}, "schema"),
        ({"tool_choice": {"type": "auto"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "auto"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice.name"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
            "tool_choice.disable_parallel_tool_use",
        ),
        (
            {
                "output_config": {
                    "format": {
                        "type": "json_schema",
                        "schema": {"type": "array", "items": {"type": "object"}},
                    }
                }
            },
            "schema",
        ),
        ({"output_config": {"effort": "minimal"}}, "output_config.effort"),
        ({"system": [text("x", **MARK)] * 5}, "cache_control"),
    ],
)
def test_what_is_rejected(fields: dict[str, Any], param: str) -> None:
    assert error(ask(**fields)) == (400, param)


@pytest.mark.parametrize(
    ("turns", "param"),
    [
        (["Hi.", [USE], "x"], "messages.2"),
        (["Hi.", [USE]], "messages"),
        (["Hi.", [USE], [text("x"), RESULT]], "messages.2"),
        (["Hi.", [USE], [RESULT, RESULT]], "messages.2"),
        (["Hi.", "x", [RESULT]], "messages.2"),
        (["Hi.", [USE, USE], [RESULT, RESULT]], "messages.1"),
        (["Hi.", [USE], [RESULT], [USE], [RESULT]], "messages.3"),
        (["Hi.", [{**USE, "id": "call.1"}], [RESULT]], "messages.1.content.0.id"),
        (["Hi.", [{**USE, "input": "{}"}], [RESULT]], "messages.1.content.0.input"),
        (["Hi.", [USE], [{**RESULT, "content": [text("")]}]], "messages.2.content.0.content.0.text"),
        (["Hi.", [{**THOUGHT, "thinking": "Other."}, text("x")], "Hi."], "messages.1.content"),
        (["Hi.", [{**THOUGHT, "signature": ""}, text("x")], "Hi."], "messages.1.content.0.signature"),
    ],
)
def test_conversations_that_are_rejected(turns: list[Any], param: str) -> None:
    assert error(ask(**said(*turns), tools=[TOOL])) == (400, param)


def test_who_speaks_of_tools_must_offer_them() -> None:
    assert error(ask(**said("Hi.", [USE], [RESULT]))) == (400, "tools")


@pytest.mark.parametrize(
    ("model", "fields", "param"),
    [
        (HAIKU, {"thinking": {"type": "enabled", "budget_tokens": 1023}}, "thinking.budget_tokens"),
        (HAIKU, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking.budget_tokens"),
        (HAIKU, {"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        (HAIKU, {"thinking": {"type": "adaptive"}}, "thinking.type"),
        (HAIKU, {"thinking": THINK, "temperature": 0.5}, "temperature"),
        (HAIKU, {"thinking": THINK, "top_k": 4}, "top_k"),
        (HAIKU, {"thinking": THINK, "top_p": 0.9}, "top_p"),
        (HAIKU, {"thinking": THINK, "tools": [TOOL], "tool_choice": {"type": "any"}}, "tool_choice"),
        (HAIKU, {"thinking": THINK, **said("Hi.", "So")}, "thinking"),
        (HAIKU, {"thinking": THINK, "tools": [TOOL], **said("Hi.", [USE], [RESULT])}, "messages"),
        (OPUS, {"thinking": THINK}, "thinking.type"),
        (OPUS, {"thinking": {"type": "adaptive", "budget_tokens": 1024}}, "thinking.budget_tokens"),
        (OPUS, {"thinking": {"type": "between_tools"}}, "thinking.type"),
        (OPUS, {"temperature": 0.5}, "temperature"),
        (OPUS, said("Hi.", "So"), "messages"),
        (SONNET, {"thinking": {"type": "disabled"}}, "thinking.type"),
        (SONNET, {"tools": [TOOL], "tool_choice": {"type": "any"}}, "tool_choice"),
    ],
)
def test_what_a_model_does_not_take(model: str, fields: dict[str, Any], param: str) -> None:
    assert error(ask(model, **fields)) == (400, param)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (HAIKU, {"thinking": THINK, "temperature": 1, "top_p": None}),
        (HAIKU, {"thinking": THINK, "tools": [TOOL], **said("Hi.", [THOUGHT, USE], [RESULT])}),
        (HAIKU, {"thinking": {"type": "disabled"}, "temperature": 0, "top_k": 40}),
        (HAIKU, said("Hi.", "So")),
        (HAIKU, said("Hi.", "")),
        (
            OPUS,
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "xhigh"}},
        ),
        (OPUS, {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "f"}}),
        (SONNET, {"thinking": {"type": "between_tools"}}),
        (SONNET, {"tools": [{**TOOL, **MARK, "type": "custom"}], "tool_choice": {"type": "none"}}),
    ],
)
def test_what_a_model_takes(model: str, fields: dict[str, Any]) -> None:
    assert ask(model, **fields).status == 200


def test_whatever_a_conversation_can_have_is_taken() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "YQ=="}}
    plain = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "a"},
        "title": "t",
    }
    redacted = {"type": "redacted_thinking", "data": "abc"}
    result = {**RESULT, "content": [text("ok"), image, pdf], "is_error": True, **MARK}
    answer = ask(
        **said(
            [text("Hi."), image, pdf, plain],
            [THOUGHT, redacted, text("So."), USE],
            [result, text("And?", **MARK)],
        ),
        system=[text("Be kind.", cache_control={"type": "ephemeral", "ttl": "1h"})],
        tools=[{**TOOL, **MARK}],
        stop_sequences=["END"],
        metadata={"user_id": "u"},
        service_tier="auto",
    )
    assert answer.status == 200, answer.pieces


def test_the_newer_version_of_the_api_has_no_sampling() -> None:
    body = {"model": HAIKU, "max_tokens": 10, "messages": [USER], "temperature": 1}
    new = {"anthropic-version": "2026-10-21"}
    assert error(post(ANTHROPIC, "/v1/messages", body, new)) == (400, "temperature")
    del body["temperature"]
    assert post(ANTHROPIC, "/v1/messages", body, new).status == 200


def test_counting_tokens_takes_no_limits() -> None:
    body = {"model": HAIKU, "messages": [USER]}
    assert post(ANTHROPIC, "/v1/messages/count_tokens", body).status == 200
    assert error(post(ANTHROPIC, "/v1/messages/count_tokens", {**body, "max_tokens": 5})) == (
        400,
        "max_tokens",
    )


def test_traits_are_those_of_the_models_on_offer() -> None:
    assert set(TRAITS) == set(ANTHROPIC.models)
