"""Requests of every form, as signals read them."""

import json
from typing import Any

import pytest

from waypost.dialects.reading import read_request
from waypost.dialects.texts import MAX_DEPTH
from waypost.errors import RequestError
from waypost.request.chat import BESIDE, ChatRequest, Dialect

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"


MEDIA = {"type": "base64", "data": "secret"}


def read(dialect: Dialect, **fields: Any) -> ChatRequest:
    return read_request(json.dumps({"model": "auto", **fields}).encode(), dialect)


def messages(*said: Any, **fields: Any) -> ChatRequest:
    talk = [{"role": "user", "content": each} for each in said or ("Hi",)]
    return read("anthropic_messages", messages=talk, max_tokens=9, **fields)


def texts(request: ChatRequest) -> list[str]:
    parts = [part for message in request.messages for part in message.parts]
    return [part.text for part in (*parts, *request.fields)]


def beside(request: ChatRequest) -> dict[str, str]:
    return {part.where.removeprefix(BESIDE): part.text for part in request.fields if part.is_beside}


def test_openais_form_is_read_as_it_comes() -> None:
    request = read("openai_chat", messages=[{"role": "user", "content": "Hi"}])
    assert request.sent is None
    assert request.body is request.original


def test_another_form_keeps_its_bytes_and_has_a_neutral_body() -> None:
    request = messages(system="Be kind", stream=True)
    assert (request.dialect, request.stream, request.model) == ("anthropic_messages", True, "auto")
    assert request.sent
    assert request.body is request.sent.body
    assert json.loads(request.original)["messages"][0] == {"role": "system", "content": "Be kind"}
    assert [message.role for message in request.messages] == ["system", "user"]
    assert beside(request) == {}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"context_management": {"edits": [{"type": "secret words"}]}}, "secret words"),
        (
            {"tools": [{"type": "web_search_20250305", "name": "web", "user_location": {"city": "Bern"}}]},
            "Bern",
        ),
        ({"an unknown key": 1}, "an unknown key"),
        ({"odd": {"type": "tool_use", "input": {"a": "secret words"}}}, "secret words"),
        ({"odd": {"type": "base64", "data": "secret words"}}, "secret words"),
        ({"metadata": {"user_id": "u", "more": "of it"}}, "of it"),
        ({"mcp_servers": [{"type": "url", "url": "https://secret.example"}]}, "https://secret.example"),
    ],
)
def test_what_the_neutral_form_has_no_place_for_is_read_too(fields: dict[str, Any], said: str) -> None:
    request = messages(**fields)
    assert said in texts(request)
    assert said in beside(request).values()
    assert all(part.again for part in request.fields if part.is_beside)


def test_what_should_be_sealed_and_is_not_is_read() -> None:
    ask = {"role": "user", "content": "Hi"}
    for sealed, is_read in ((f"gAAAAABo_-{'x' * 60}=", False), ("secret words", True), ("secret", True)):
        thought: dict[str, Any] = {"type": "reasoning", "summary": [], "encrypted_content": sealed}
        request = read("openai_responses", input=[ask, thought])
        assert (sealed in texts(request)) == is_read


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        ("anthropic_messages", {"odd": {"type": "base64", "data": "secret"}}),
        ("anthropic_messages", {"odd": [{"type": "input_image", "image_url": "data:text/plain,secret"}]}),
        ("anthropic_messages", {"messages": [{"role": "user", "content": "Hi", "odd": MEDIA}]}),
        ("openai_responses", {"metadata": {"type": "base64", "data": "secret"}}),
        ("openai_completions", {"odd": {"type": "base64", "data": "secret"}}),
    ],
)
def test_media_that_the_neutral_form_does_not_have_cannot_be_read(
    dialect: Dialect, fields: dict[str, Any]
) -> None:
    usual = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9, "input": "Hi", "prompt": "Hi"}
    known = {"anthropic_messages": usual.keys() - {"input", "prompt"}, "openai_responses": {"input"}}
    body = {name: usual[name] for name in known.get(dialect, {"prompt"})} | fields
    assert [part.kind for part in read(dialect, **body).fields if not part.is_readable] == ["unknown"]


def test_nothing_is_read_twice_that_stands_in_the_neutral_form() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"what": "the sky"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Blue"}
    talk = [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, picture]},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    schema = {"type": "object", "properties": {"what": {"type": "string", "description": "thing"}}}
    tools = [{"name": "look", "description": "Looks", "input_schema": schema}]
    request = read("anthropic_messages", messages=talk, max_tokens=9, tools=tools)
    assert beside(request) == {}
    kinds = [part.kind for message in request.messages for part in message.parts]
    assert kinds.count("image") == 1
    assert not any(PIXEL in text for text in texts(request))


def test_paths_name_no_odd_key() -> None:
    request = messages(**{"odd key, or a prompt": {"x": "value"}})
    assert beside(request) == {"": "odd key, or a prompt", "*": "x", "*.x": "value"}


@pytest.mark.parametrize("dialect", ["anthropic_messages", "openai_responses", "openai_completions"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": "a", "model": "b"}', b"\xff", b'{"a": NaN}'])
def test_bad_bodies_are_the_clients_mistake(dialect: Dialect, body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        read_request(body, dialect)
    assert caught.value.status == 400


def test_the_number_of_texts_is_bounded() -> None:
    with pytest.raises(RequestError) as caught:
        messages(x=[f"text {n}" for n in range(60_000)])
    assert caught.value.code == "body_too_complex"


def test_what_only_the_clients_form_holds_is_no_deeper_than_the_rest() -> None:
    """A long list behind many long keys would become as many long paths."""
    deep: Any = ["a", "b"]
    for _ in range(MAX_DEPTH - 2):
        deep = {"k": deep}
    assert messages(x=deep)
    with pytest.raises(RequestError) as caught:
        messages(x={"k": deep})
    assert caught.value.code == "body_too_complex"
    assert set(beside(messages(x={"k" * 65: "said"}))) == {"", "x", "x.*"}
