"""What errors of providers say about who else could serve the request."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.providers.refusals import Reason, reason, wait_seconds
from waypost.request.chat import Dialect


def openai(message: str = "No.", code: Any = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def gemini(message: str, status: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": 400, "message": message, "status": status, **more}}


REFUSED_KEY = {
    "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
}
VLLM = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."


@pytest.mark.parametrize(
    ("dialect", "status", "body", "found"),
    [
        ("openai_chat", 400, openai("Too many.", "context_length_exceeded"), "context"),
        ("openai_responses", 400, openai("Too many.", "context_length_exceeded"), "context"),
        ("openai_chat", 400, openai(VLLM, 400, "BadRequestError"), "context"),
        ("openai_embeddings", 400, {"object": "error", "message": VLLM, "code": 40303}, "context"),
        ("openai_chat", 400, {"error": "input length exceeds the context length"}, "context"),
        ("openai_chat", 400, openai("no room", 400, "exceed_context_size_error"), "context"),
        ("openai_chat", 429, openai("Pay.", "insufficient_quota", "insufficient_quota"), "quota"),
        ("openai_chat", 429, openai("You exceeded your current quota, please check your plan."), "quota"),
        ("openai_chat", 403, openai("Hard limit.", "billing_hard_limit_reached"), "quota"),
        ("openai_chat", 403, openai("Wrong key.", "invalid_api_key"), "credential"),
        ("openai_chat", 429, openai("Slow down.", "rate_limit_exceeded", "requests"), None),
        ("openai_chat", 403, openai("The context length of your account."), None),
        ("openai_chat", 400, openai("Unknown parameter.", "unknown_parameter"), None),
        (
            "anthropic_messages",
            400,
            anthropic("prompt is too long: 205000 tokens > 200000 maximum"),
            "context",
        ),
        ("anthropic_messages", 400, anthropic("Your credit balance is too low to access the API."), "quota"),
        ("anthropic_messages", 402, anthropic("Pay.", "billing_error"), "quota"),
        ("anthropic_messages", 400, anthropic("max_tokens: field required"), None),
        (
            "gemini",
            400,
            gemini(
                "The input token count (9) exceeds the maximum number of tokens allowed (8).",
                "INVALID_ARGUMENT",
            ),
            "context",
        ),
        ("gemini", 400, gemini("API key not valid.", "INVALID_ARGUMENT", **REFUSED_KEY), "credential"),
        ("gemini", 400, gemini("Invalid value.", "INVALID_ARGUMENT"), None),
        ("openai_chat", 400, [openai("Too many.", "context_length_exceeded")], "context"),
    ],
)
def test_what_an_error_says(dialect: Dialect, status: int, body: object, found: Reason | None) -> None:
    assert reason(dialect, status, json.dumps(body).encode()) == found


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"12", b'"context length"', b'{"error": null}', b'{"error": {"code": 3}}'],
)
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "gemini", "gemini_embeddings"])
def test_what_is_not_understood_says_nothing(dialect: Dialect, body: bytes) -> None:
    assert reason(dialect, 400, body) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
)


@given(
    body=st.binary() | json_values.map(lambda v: json.dumps({"error": v}).encode()),
    status=st.integers(400, 599),
)
def test_no_error_crashes_it(body: bytes, status: int) -> None:
    for dialect in ("openai_chat", "anthropic_messages", "gemini"):
        assert reason(dialect, status, body) in {None, "context", "quota", "credential"}
    wait = wait_seconds({"retry-after": body.decode("latin-1")}, body, now=0.0)
    assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 20}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 99999 00:00:01 GMT"}, None),
    ],
)
def test_how_long_a_provider_wants_to_be_left_alone(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_seconds(headers, now=10.0) == seconds


def test_gemini_says_so_in_the_body() -> None:
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}
    body = json.dumps(gemini("Slow down.", "RESOURCE_EXHAUSTED", details=[retry])).encode()
    assert wait_seconds({}, body, now=0.0) == 17
    assert wait_seconds({"retry-after": "2"}, body, now=0.0) == 2
