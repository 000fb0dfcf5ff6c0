"""What each kind is asked, and how whatever it answers is read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.probe.servers import CHAT, EMBEDDED, GENERATED, MESSAGE, RESPONDED, error, provider
from waypost.probe.calls import MOST_TOKENS, Answer, calls, listing, names, read

KINDS = ["openai", "anthropic", "gemini", "azure_openai", "vllm", "ollama", "openai_compatible"]


def asked(kind: str, **fields: Any) -> list[tuple[str, str, str]]:
    return [(call.form, call.written, call.path) for call in calls(provider(1, kind, **fields), "m")]


def test_the_usual_request_comes_first_and_other_wordings_behind() -> None:
    plain = [
        ("openai_chat", "openai_chat", "/v1/chat/completions"),
        ("openai_embeddings", "openai_embeddings", "/v1/embeddings"),
    ]
    assert asked("vllm") == asked("ollama") == asked("openai_compatible") == plain
    assert asked("openai") == [plain[0], *plain, ("openai_responses", "openai_responses", "/v1/responses")]
    assert asked("anthropic") == [("openai_chat", "anthropic_messages", "/v1/messages")]
    assert asked("gemini") == [
        ("openai_chat", "gemini", "/v1beta/models/m:generateContent"),
        ("openai_embeddings", "gemini_embeddings", "/v1beta/models/m:batchEmbedContents"),
    ]


def test_azure_names_deployment_and_version() -> None:
    first = asked("azure_openai", base_path="/openai", api_version="2024-10-21")[0]
    assert first[2] == "/openai/deployments/m/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_short(kind: str) -> None:
    for call in calls(provider(1, kind), "m"):
        body = json.loads(call.body)
        said = json.dumps(body)
        assert '"Hi"' in said
        if "chat" in call.form:
            assert f": {MOST_TOKENS}" in said
        assert call.path.startswith("/v1") or call.path.startswith("/openai/v1")


def test_newer_models_of_openai_are_asked_in_their_words_first() -> None:
    first, second, *_ = (json.loads(call.body) for call in calls(provider(1, "openai"), "m"))
    assert "max_completion_tokens" in first
    assert "max_tokens" not in first
    assert "max_tokens" in second
    assert "max_tokens" in json.loads(next(calls(provider(1, "vllm"), "m")).body)


@pytest.mark.parametrize(
    ("kind", "n", "answer"),
    [
        ("openai", 0, CHAT),
        ("openai", 2, EMBEDDED),
        ("openai", 3, RESPONDED),
        ("anthropic", 0, MESSAGE),
        ("gemini", 0, GENERATED),
        ("gemini", 1, {"embeddings": [{"values": [0.5]}]}),
    ],
)
def test_what_traffic_would_understand_is_understood(kind: str, n: int, answer: Any) -> None:
    call = list(calls(provider(1, kind), "m"))[n]
    assert read(call, 200, json.dumps(answer).encode()) == Answer(200, understood=True)
    for other in ({}, {"error": {}}, [], "x", CHAT if kind != "openai" or n else MESSAGE):
        assert read(call, 200, json.dumps(other).encode()) == Answer(200), other
    assert read(call, 200, b"<html>") == Answer(200)


def test_of_an_error_only_known_words_come_out() -> None:
    call = next(calls(provider(1, "openai"), "m"))
    assert read(call, 429, json.dumps(error("insufficient_quota")).encode()).code == "insufficient_quota"
    assert read(call, 400, json.dumps(error("sk-canary")).encode()) == Answer(400)
    assert read(call, 500, b"<html>") == Answer(500)


def test_a_refused_key_of_gemini_is_told_as_such() -> None:
    refused = {
        "error": {
            "code": 400,
            "message": "API key not valid. Please pass a valid API key.",
            "status": "INVALID_ARGUMENT",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                }
            ],
        }
    }
    call = next(calls(provider(1, "gemini"), "m"))
    assert read(call, 400, json.dumps(refused).encode()).status == 401


@given(
    st.sampled_from(KINDS),
    st.integers(100, 599),
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["choices", "data", "error", "content", "candidates", "output", "message"]
                    ),
                    inner,
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_no_answer_is_too_odd(kind: str, status: int, body: bytes) -> None:
    for call in calls(provider(1, kind), "m"):
        answer = read(call, status, body)
        assert isinstance(answer.status, int)
    names(body)


def test_lists_of_models() -> None:
    assert listing(provider(1, "vllm")) == ("/v1/models", ())
    assert listing(provider(1, "gemini")) == ("/v1beta/models?pageSize=1000", ())
    path, headers = listing(provider(1, "anthropic")) or ("", ())
    assert path == "/v1/models?limit=1000"
    assert dict(headers)["anthropic-version"]
    assert listing(provider(1, "azure_openai", api_version="2024-10-21")) is None
    assert listing(provider(1, "azure_openai")) == ("/openai/v1/models", ())


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            b'{"data": [{"id": "a"}, {"id": "b/c:1"}, {"id": "odd\\nname"}, {"id": 7}, 3, {}]}',
            ["a", "b/c:1", "7"],
        ),
        (b'{"models": [{"name": "models/gemini-x"}]}', ["gemini-x"]),
        (b'{"data": []}', []),
        (b"{}", None),
        (b"<html>", None),
        (b"[1]", None),
    ],
)
def test_names_of_models(body: bytes, found: list[str] | None) -> None:
    assert names(body) == found
