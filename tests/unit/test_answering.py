"""Answers on their way from a provider's form to a client's."""

import json
from typing import Any

import pytest

from waypost.answering import Answering, failure, fixed
from waypost.dialects.foreign import Reply
from waypost.dialects.openai_chat import error
from waypost.dialects.reading import read_request
from waypost.request.chat import ChatRequest, Dialect

REPLY = Reply("auto", "chatcmpl-1", 1700000000, include_usage=True)
HI = [{"role": "user", "content": "Hi"}]
BODIES: dict[Dialect, dict[str, Any]] = {
    "openai_chat": {"messages": HI},
    "anthropic_messages": {"messages": HI, "max_tokens": 9},
    "openai_responses": {"input": "Hi"},
    "openai_completions": {"prompt": "Hi"},
}
CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Dear <EMAIL_1>"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 5, "cache_read_input_tokens": 4},
}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Dear"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8},
}


def request(dialect: Dialect, **fields: Any) -> ChatRequest:
    return read_request(json.dumps({"model": "auto", **BODIES[dialect], **fields}).encode(), dialect)


def answering(spoken: Dialect, client: Dialect, values: dict[str, str] | None = None) -> Answering:
    return Answering(spoken, request(client, stream=True), REPLY, values or {}, drops_usage=False)


def whole(spoken: Dialect, client: Dialect, told: object, status: int = 200, **values: str) -> Any:
    named = {f"<{name}>": value for name, value in values.items()}
    found = answering(spoken, client, named).whole(status, json.dumps(told).encode())
    return found, json.loads(found.body)


def claude_stream() -> bytes:
    start = {**CLAUDE, "content": [], "stop_reason": None, "usage": {"input_tokens": 3, "output_tokens": 1}}
    block = {"type": "text", "text": ""}
    ending = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Dear <EM"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "AIL_1>"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    return b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events)


def test_an_answer_in_the_clients_form_passes_as_it_is() -> None:
    body = json.dumps(CLAUDE).encode()
    found = answering("anthropic_messages", "anthropic_messages").whole(200, body)
    assert found.body is body
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (7, 5)


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses", "anthropic_messages"])
def test_a_spent_account_is_no_limit_of_the_clients(client: Dialect) -> None:
    said = {"message": "You exceeded your current quota.", "type": "insufficient_quota", "param": None}
    found, told = whole("openai_chat", client, {"error": said | {"code": "insufficient_quota"}}, 429)
    assert found.status == 503
    assert "current quota" not in told["error"]["message"]


def test_a_limit_of_the_clients_own_form_passes_as_it_is() -> None:
    said = {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    body = json.dumps({"error": said}).encode()
    found = answering("openai_chat", "openai_chat").whole(429, body)
    assert (found.status, found.body) == (429, body)


@pytest.mark.parametrize(("spoken", "told"), [("anthropic_messages", CLAUDE), ("gemini", GEMINI)])
def test_an_answer_is_written_in_every_clients_form(spoken: Dialect, told: object) -> None:
    found, chat = whole(spoken, "openai_chat", told)
    assert chat["choices"][0]["message"]["content"].startswith("Dear")
    assert found.usage.completion_tokens == 5
    assert whole(spoken, "openai_responses", told)[1]["output"][0]["content"][0]["text"].startswith("Dear")
    assert whole(spoken, "openai_completions", told)[1]["choices"][0]["text"].startswith("Dear")
    if spoken == "gemini":
        assert whole(spoken, "anthropic_messages", told)[1]["content"][0]["text"] == "Dear"


@pytest.mark.parametrize("client", ["openai_chat", "anthropic_messages"])
def test_values_are_put_back_in_every_form(client: Dialect) -> None:
    _, told = whole("anthropic_messages", client, CLAUDE, EMAIL_1="ann@example.com")
    assert "Dear ann@example.com" in json.dumps(told)


@pytest.mark.parametrize("client", BODIES)
def test_an_answer_that_cannot_be_understood_is_a_502(client: Dialect) -> None:
    if client != "anthropic_messages":
        found, told = whole("anthropic_messages", client, {"what": "is this"})
        assert found.status == 502
        assert told["error"]["type"] == "server_error"
    found, told = whole("gemini", client, ["nor", "this"])
    assert (found.status, found.usage) == (502, None)
    assert "error" in told


def test_errors_are_told_in_the_clients_words() -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "of account 7"}}
    found, told = whole("anthropic_messages", "openai_chat", overloaded, 529)
    assert (found.status, told["error"]["code"]) == (503, "overloaded")
    assert "account" not in told["error"]["message"]
    found, told = whole("anthropic_messages", "anthropic_messages", overloaded, 529)
    assert (found.status, told) == (529, overloaded)
    own = json.loads(error("Nobody.", "server_error", "provider_unavailable"))
    found, told = whole("anthropic_messages", "anthropic_messages", own, 503)
    assert told["type"] == "error"
    assert told["error"]["message"] == "Nobody."


def test_errors_of_openais_shape_are_told_in_other_forms_without_the_providers_words() -> None:
    limited = json.loads(error("Limit of org-canary-1234.", "tokens", "rate_limit_exceeded"))
    found, told = whole("openai_chat", "anthropic_messages", limited, 429)
    assert (found.status, told["error"]["type"]) == (429, "rate_limit_error")
    assert "canary" not in told["error"]["message"]
    wrong = json.loads(error("`n` of org-canary-1234 is out of range.", "invalid_request_error", None))
    found, told = whole("openai_chat", "anthropic_messages", wrong, 400)
    assert (found.status, told["error"]["type"]) == (400, "invalid_request_error")
    assert "out of range" in told["error"]["message"]
    assert "canary" not in told["error"]["message"]
    found, told = whole("openai_chat", "openai_chat", limited, 429)
    assert told == limited
    own = json.loads(error("No provider answered in time.", "server_error", "provider_timeout"))
    found, told = whole("openai_chat", "anthropic_messages", own, 504)
    assert told["error"]["message"] == "No provider answered in time."


@pytest.mark.parametrize("client", [client for client in BODIES if client != "openai_chat"])
def test_an_error_in_a_stream_says_nothing_of_the_provider_in_other_forms(client: Dialect) -> None:
    chunk = {
        "id": "c",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": "an error"}}],
    }
    events = [chunk, {"error": {"message": "of org-canary", "type": "server_error", "code": None}}]
    stream = answering("openai_chat", client).stream()
    said = b"".join(stream.feed(b"data: " + json.dumps(event).encode() + b"\n\n") for event in events)
    said += stream.end()
    assert b"an error" in said
    assert b"The provider failed" in said
    assert b"canary" not in said
    stream = answering("openai_chat", client).stream()
    assert (
        b"ended before it was complete"
        in stream.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n") + stream.end()
    )


def test_a_bill_is_no_fault_of_the_client_in_any_form() -> None:
    unpaid = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "Your credit balance is too low."},
    }
    for client in BODIES:
        found, told = whole("anthropic_messages", client, unpaid, 400)
        assert found.status == 503
        assert "balance" not in json.dumps(told)


@pytest.mark.parametrize("client", [client for client in BODIES if client != "openai_chat"])
def test_what_is_no_completion_is_a_502_in_other_forms(client: Dialect) -> None:
    for body in ([], {}, {"error": {"message": "canary"}}, {"choices": 7}):
        found, told = whole("openai_chat", client, body)
        assert found.status == 502
        assert "error" in told
        assert "canary" not in json.dumps(told)


def test_a_wait_that_stands_in_a_body_is_told() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}
    exhausted = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": [info]}}
    found, told = whole("gemini", "openai_chat", exhausted, 429)
    assert (found.status, found.retry_after) == (429, 17)
    assert told["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize("cut", [1, 7, 10_000])
@pytest.mark.parametrize("client", BODIES)
def test_a_stream_is_translated_as_it_comes(client: Dialect, cut: int) -> None:
    raw = claude_stream()
    stream = answering("anthropic_messages", client, {"<EMAIL_1>": "ann@example.com"}).stream()
    said = b"".join(stream.feed(raw[n : n + cut]) for n in range(0, len(raw), cut)) + stream.end()
    text = "".join(_texts(said))
    assert text == "Dear ann@example.com"
    assert stream.tap.ended
    assert not stream.tap.error
    assert stream.tap.usage is not None
    assert stream.tap.usage.completion_tokens == 5


def test_a_stream_in_the_clients_form_is_the_same_object() -> None:
    raw = claude_stream()
    stream = answering("anthropic_messages", "anthropic_messages").stream()
    assert stream.feed(raw) is raw
    assert stream.end() == b""


@pytest.mark.parametrize("client", BODIES)
def test_a_stream_that_ends_early_is_an_error_in_every_form(client: Dialect) -> None:
    stream = answering("anthropic_messages", client).stream()
    said = stream.feed(claude_stream()[:600]) + stream.end()
    assert b'"error"' in said
    for terminator in (b"[DONE]", b"message_stop", b"response.completed"):
        assert terminator not in said


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("client", BODIES)
def test_a_fixed_answer_in_every_form(client: Dialect, *, stream: bool) -> None:
    kind, body = fixed(request(client, stream=stream), "We open at nine.", "id", 7, blocked=False)
    assert kind == ("text/event-stream" if stream else "application/json")
    assert b"We open at nine." in body


def test_an_error_of_the_gateways_own_in_every_form() -> None:
    own = error("Nothing is served here.", "invalid_request_error", "not_found")
    assert failure("openai_chat", 404, own) == own
    assert failure("openai_embeddings", 404, own) == own
    told = json.loads(failure("anthropic_messages", 404, own))
    assert (told["type"], told["error"]["type"]) == ("error", "not_found_error")


def _texts(said: bytes) -> list[str]:
    found: list[str] = []
    for line in said.splitlines():
        if not line.startswith(b"data: {"):
            continue
        event: dict[str, Any] = json.loads(line[6:])
        if event.get("type") == "response.output_text.delta":
            found.append(event["delta"])
        elif event.get("type") == "content_block_delta":
            found.append(event["delta"].get("text", ""))
        choices: list[dict[str, Any]] = event.get("choices", [])
        found += [each.get("text") or (each.get("delta") or {}).get("content") or "" for each in choices]
    return found


@pytest.mark.parametrize("client", BODIES)
def test_what_an_answer_used_until_it_broke_off_is_known(client: Dialect) -> None:
    raw = claude_stream()
    stream = answering("anthropic_messages", client).stream()
    assert stream.usage is None
    stream.feed(raw[: raw.index(b"message_delta")])
    assert stream.usage is not None
    assert stream.usage.prompt_tokens == 3
    assert stream.tap.outcome == "cut"
