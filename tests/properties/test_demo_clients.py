"""What clients of every form send reaches every demo provider, and its answer comes back in their form."""

import json
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.demo import anthropic_shapes, gemini_shapes
from waypost.demo.providers import PROVIDERS, answer
from waypost.demo.wire import Answer, Call, DemoProvider
from waypost.dialects.clients import CLIENTS
from waypost.dialects.foreign import Reply
from waypost.dialects.openai_plain import plain_request
from waypost.dialects.servers import SERVERS
from waypost.dialects.spans import replace_model

ONPREM, CLOUD, _, ANTHROPIC, GEMINI = PROVIDERS
TARGETS = [
    (CLOUD, None, "general-large"),
    (ONPREM, None, "finance-32b"),
    *((ANTHROPIC, "anthropic_messages", model) for model in anthropic_shapes.TRAITS),
    *((GEMINI, "gemini", model) for model in gemini_shapes.TRAITS),
]
EACH = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[2])
REPLY = Reply("auto", "chatcmpl-1", 1700000000, include_usage=True)

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
MARK = {"cache_control": {"type": "ephemeral"}}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


ASK = {"role": "user", "content": "Please call weather and clock."}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": anthropic_shapes.sign("Hm.")}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"a": "b"}}
SECOND = {"type": "tool_use", "id": "toolu_2", "name": "clock", "input": {}}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "YQ=="},
    "title": "a.pdf",
}
FAILED = {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": [text("no"), PICTURE]}
CONVERSATIONS: list[list[dict[str, Any]]] = [
    [ASK],
    [
        ASK,
        {"role": "assistant", "content": [THOUGHT, text("I look."), USE]},
        {"role": "user", "content": [FAILED, text("And?")]},
    ],
    [
        ASK,
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "abc"}, USE, SECOND]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_2"},
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"},
            ],
        },
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": [text("Thanks.", **MARK), PDF, PICTURE]},
    ],
]
MESSAGES = st.fixed_dictionaries(
    {
        "model": st.just("auto"),
        "max_tokens": st.sampled_from([1, 2000, 100_000]),
        "messages": st.sampled_from(CONVERSATIONS),
        "tools": st.just(
            [
                {"name": "weather", "description": "d", "input_schema": SCHEMA, **MARK},
                {"name": "clock", "input_schema": {"type": "object"}},
            ]
        ),
    },
    optional={
        "system": st.sampled_from(["Be kind.", [text("Be kind.", **MARK)]]),
        "tool_choice": st.sampled_from(
            [
                {"type": "any"},
                {"type": "none"},
                {"type": "tool", "name": "clock"},
                {"type": "auto", "disable_parallel_tool_use": True},
            ]
        ),
        "thinking": st.sampled_from(
            [{"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}, {"type": "disabled"}]
        ),
        "output_config": st.sampled_from(
            [{"effort": "high"}, {"format": {"type": "json_schema", "schema": SCHEMA}}]
        ),
        "temperature": st.sampled_from([0, 0.5, 1]),
        "top_p": st.sampled_from([0.5, 1]),
        "stop_sequences": st.just(["END", "a", "b"]),
        "metadata": st.just({"user_id": "u"}),
        "stream": st.booleans(),
    },
)
ITEMS: list[Any] = [
    "Hi.",
    [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Call clock."},
                {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
            ],
        }
    ],
    [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": "Hi."},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"a":"b"}',
        },
        {"type": "function_call", "call_id": "call_2", "name": "clock", "arguments": ""},
        {"type": "function_call_output", "call_id": "call_1", "output": "x"},
        {
            "type": "function_call_output",
            "call_id": "call_2",
            "output": [{"type": "input_text", "text": "y"}],
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Noon.", "annotations": []}],
        },
        {"role": "user", "content": "So?"},
    ],
]
RESPONSES = st.fixed_dictionaries(
    {"model": st.just("auto"), "input": st.sampled_from(ITEMS)},
    optional={
        "instructions": st.just("Be kind."),
        "tools": st.just(
            [
                {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True},
                {"type": "function", "name": "clock", "parameters": None, "strict": None},
            ]
        ),
        "reasoning": st.sampled_from([{"effort": "medium", "summary": "auto"}, {"effort": "none"}]),
        "text": st.sampled_from(
            [
                {"format": {"type": "text"}, "verbosity": "low"},
                {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True}},
            ]
        ),
        "max_output_tokens": st.sampled_from([16, 2000]),
        "temperature": st.sampled_from([0, 1.5]),
        "store": st.just(False),
        "stream": st.booleans(),
    },
)


def sent(target: tuple[DemoProvider, Any, str], neutral: bytes) -> Answer:
    provider, dialect, model = target
    if dialect is None:
        told = {"authorization": f"Bearer {provider.api_key}"}
        body = plain_request(replace_model(neutral, model))
        return answer(provider, Call("POST", "/v1/chat/completions", {}, told, body))
    written = SERVERS[dialect].write_request(json.loads(neutral), model, False, None)
    base, key = ("/v1", "x-api-key") if provider is ANTHROPIC else ("/v1beta", "x-goog-api-key")
    path, _, query = (base + written.path).partition("?")
    pairs = dict(pair.split("=") for pair in query.split("&") if pair)
    told = dict(written.headers) | {key: provider.api_key}
    return answer(provider, Call("POST", path, pairs, told, written.body))


def passed(form: Any, target: Any, asked: dict[str, Any]) -> bytes:
    """What a client of this form gets."""
    raw = json.dumps(asked).encode()
    given_back = sent(target, CLIENTS[form].read_request(raw).neutral)
    assert given_back.status == 200, given_back.pieces[0].decode()
    body = b"".join(given_back.pieces)
    if not asked.get("stream"):
        neutral = SERVERS[target[1]].read_response(body, REPLY) if target[1] else body
        return CLIENTS[form].write_response(neutral, raw)
    if target[1]:
        reader = SERVERS[target[1]].stream(REPLY)
        body = reader.feed(body) + reader.end()
    writer = CLIENTS[form].stream(raw)
    return writer.feed(body) + writer.end()


def last_event(stream: bytes) -> Any:
    *_, data = (line for line in stream.split(b"\n") if line.startswith(b"data: {"))
    return json.loads(data.removeprefix(b"data: "))


@EACH
@settings(max_examples=40)
@given(MESSAGES)
def test_clients_of_anthropics_form(target: Any, asked: dict[str, Any]) -> None:
    body = passed("anthropic_messages", target, asked)
    if asked.get("stream"):
        assert last_event(body)["type"] == "message_stop"
        return
    message = anthropic.types.Message.model_validate_json(body)
    assert message.stop_reason in {"end_turn", "tool_use", "max_tokens", "stop_sequence"}


@EACH
@settings(max_examples=40)
@given(RESPONSES)
def test_clients_of_responses(target: Any, asked: dict[str, Any]) -> None:
    body = passed("openai_responses", target, asked)
    found = last_event(body)["response"] if asked.get("stream") else json.loads(body)
    assert openai.types.responses.Response.model_validate(found).status in {"completed", "incomplete"}
