"""The demo providers answer as strictly as real ones; the official SDK is the judge."""

import json
import socket
from typing import Any

import openai
import pytest
from starlette.testclient import TestClient

from waypost.demo.providers import PROVIDERS, App, main
from waypost.errors import Exit

ONPREM, CLOUD, SEARCH = PROVIDERS
QUESTION = {"model": "general-large", "messages": [{"role": "user", "content": "Why?"}]}
KEY = {"authorization": f"Bearer {CLOUD.api_key}"}


@pytest.fixture
def http() -> TestClient:
    return TestClient(App({80: CLOUD}, pause=0))


@pytest.fixture
def sdk(http: TestClient) -> openai.OpenAI:
    return openai.OpenAI(
        base_url="http://testserver/v1", api_key=CLOUD.api_key, max_retries=0, http_client=http
    )


def test_an_answer_names_who_answered_and_not_what_was_asked(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(
        model="general-large", messages=[{"role": "user", "content": "a secret"}]
    )
    assert answer.choices[0].message.content.startswith("general-large at the demo provider 'cloud'")
    assert "secret" not in answer.model_dump_json()
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.id.startswith("chatcmpl-")


@pytest.mark.parametrize(
    ("options", "usage"), [({}, [False, False]), ({"stream_options": {"include_usage": True}}, [False, True])]
)
def test_a_stream_has_role_words_finish_and_usage_only_when_asked(
    sdk: openai.OpenAI, options: Any, usage: list[bool]
) -> None:
    chunks = list(sdk.chat.completions.create(**QUESTION, stream=True, **options))
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert choices[0].delta.role == "assistant"
    assert choices[-1].finish_reason == "stop"
    assert "".join(choice.delta.content or "" for choice in choices).endswith("and answers.")
    assert [chunk.usage is not None for chunk in chunks[-2:]] == usage


def test_a_stream_ends_with_done(http: TestClient) -> None:
    body = http.post("/v1/chat/completions", json={**QUESTION, "stream": True}, headers=KEY).text
    events = body.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(event.removeprefix("data: "))["object"] for event in events[:-2])


def test_embeddings_depend_on_the_input_alone_in_both_encodings(sdk: openai.OpenAI) -> None:
    binary = sdk.embeddings.create(model="embed-small", input=["a", "b"])
    floats = sdk.embeddings.create(model="embed-small", input="a", encoding_format="float")
    assert binary.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-6)
    assert binary.data[0].embedding != binary.data[1].embedding
    assert sum(value**2 for value in floats.data[0].embedding) == pytest.approx(1)


def test_one_list_of_token_ids_is_one_input(sdk: openai.OpenAI) -> None:
    assert len(sdk.embeddings.create(model="embed-small", input=[1, 2, 3]).data) == 1
    assert len(sdk.embeddings.create(model="embed-small", input=[[1, 2], [3]]).data) == 2


def test_models_are_listed(sdk: openai.OpenAI) -> None:
    assert [model.id for model in sdk.models.list()] == list(CLOUD.models)


@pytest.mark.parametrize(
    ("content", "status", "code", "param"),
    [
        ("{", 400, None, None),
        ("[]", 400, None, None),
        ('{"messages": [{"role": "user"}]}', 400, None, "model"),
        ('{"model": "general-large", "messages": []}', 400, None, "messages"),
        ('{"model": "general-large", "messages": [{"content": "x"}]}', 400, None, "messages.0.role"),
        ('{"model": "finance-32b", "messages": [{"role": "user"}]}', 404, "model_not_found", "model"),
    ],
)
def test_what_is_wrong_with_a_request_is_said_in_the_api_shape(
    http: TestClient, content: str, status: int, code: str | None, param: str | None
) -> None:
    response = http.post("/v1/chat/completions", content=content, headers=KEY)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param)
    assert error["message"]


def test_a_wrong_key_is_refused_even_for_the_list_of_models(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        sdk.with_options(api_key=ONPREM.api_key).models.list()
    assert caught.value.code == "invalid_api_key"


def test_an_unknown_path_is_a_404(http: TestClient) -> None:
    assert http.get("/v1/chat/completions", headers=KEY).status_code == 404
    assert http.post("/chat/completions", json=QUESTION, headers=KEY).status_code == 404


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for provider in PROVIDERS:
            monkeypatch.setenv(provider.variable, str(port))
        assert main() == Exit.PROVIDER
    assert f"127.0.0.1:{port}: Address already in use; set {ONPREM.variable}" in capsys.readouterr().err
