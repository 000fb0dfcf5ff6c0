"""Requests as bytes become values; what is refused and which field is named; what Waypost answers itself."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from waypost.dialects import openai_chat
from waypost.dialects.openai_chat import (
    completion,
    error,
    model_object,
    models_list,
    parse,
    wants_base64,
    wants_json,
    wants_usage,
)
from waypost.dialects.spans import top_level
from waypost.errors import RequestError
from waypost.request.chat import ChatRequest, Dialect, Identity, Message, Part

HELLO = [{"role": "user", "content": "hello"}]


def chat(**fields: Any) -> ChatRequest:
    return parse(json.dumps({"model": "auto", "messages": HELLO} | fields).encode())


def embed(value: Any) -> ChatRequest:
    return parse(json.dumps({"model": "auto", "input": value}).encode(), "openai_embeddings")


def refused(body: bytes | dict[str, Any], dialect: Dialect = "openai_chat") -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse(body if isinstance(body, bytes) else json.dumps(body).encode(), dialect)
    assert (caught.value.status, caught.value.kind) == (400, "invalid_request_error")
    return caught.value


def test_a_plain_request() -> None:
    body = b'{"model": "auto", "messages": [{"role": "user", "content": "hello"}], "temperature": 1E0}'
    identity = Identity(trusted=True, team="a")
    assert parse(body, headers=(("accept", "*/*"),), identity=identity) == ChatRequest(
        "openai_chat",
        body,
        "auto",
        messages=(Message("user", (Part("text", "hello", "messages[0].content"),)),),
        identity=identity,
        headers=(("accept", "*/*"),),
    )


def test_stream() -> None:
    assert [chat(stream=stream).stream for stream in (True, False, None)] == [True, False, False]


def test_every_kind_of_content_part() -> None:
    content = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "refusal", "refusal": "b"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/secret.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:x", "filename": "payroll.pdf", "file_id": "f-1"}},
        {"type": "hologram", "hologram": {"caption": "c"}},
        "d",
    ]
    (message,) = chat(messages=[{"role": "user", "content": content}]).messages
    where = "messages[0].content"
    assert message.parts == (
        Part("text", "a", f"{where}[0].text"),
        Part("text", "b", f"{where}[1].refusal"),
        Part("image", "", f"{where}[2]"),
        Part("image", "", f"{where}[3]"),
        Part("text", "https://example.com/secret.png", f"{where}[3].image_url.url"),
        Part("audio", "", f"{where}[4]"),
        Part("text", "wav", f"{where}[4].input_audio.format"),
        Part("file", "", f"{where}[5]"),
        Part("text", "payroll.pdf", f"{where}[5].file.filename"),
        Part("text", "f-1", f"{where}[5].file.file_id"),
        Part("unknown", "", f"{where}[6]"),
        Part("text", "hologram", f"{where}[6].hologram (key)"),
        Part("text", "hologram", f"{where}[6].type"),
        Part("text", "caption", f"{where}[6].hologram.caption (key)"),
        Part("text", "c", f"{where}[6].hologram.caption"),
        Part("text", "d", f"{where}[7]"),
    )


def test_tool_calls_results_and_the_rest_of_a_message() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"a":"x\\ny"}'}}
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "because"},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"r":"\\u0061"}'},
        {"role": "assistant", "function_call": {"name": "old", "arguments": "{}"}, "name": "bob"},
        {"role": "odd"},
    ]
    read = chat(messages=messages).messages
    assert [message.role for message in read] == ["assistant", "tool", "assistant", "odd"]
    assert [[(part.kind, part.text) for part in message.parts] for message in read] == [
        [
            ("tool_call", "call_1"),
            ("tool_call", "find"),
            ("tool_call", '{"a":"x\\ny"}'),
            ("tool_call", '{"a":"x\ny"}'),
            ("text", "because"),
        ],
        [("text", '{"r":"\\u0061"}'), ("text", '{"r":"a"}'), ("text", "call_1")],
        [("tool_call", "old"), ("tool_call", "{}"), ("text", "bob")],
        [("text", "odd")],
    ]


def test_fields_and_tools() -> None:
    tool = {"type": "function", "function": {"name": "pay", "description": "Pays."}}
    request = chat(tools=[tool, {"type": "custom", "name": "run"}, 7], functions=[{"name": "old"}], user="u")
    assert request.tools == ("pay", "run", "old")
    assert [part.text for part in request.fields] == ["pay", "Pays.", "run", "old", "u"]


@pytest.mark.parametrize("tools", [None, "x", {"name": "x"}, [None], [{"function": {"name": 1}}]])
def test_odd_tools_are_read_and_not_understood(tools: Any) -> None:
    assert chat(tools=tools).tools == ()


@pytest.mark.parametrize("value", ["hello", ["hello", "you"]])
def test_embeddings_of_text(value: Any) -> None:
    (message,) = embed(value).messages
    assert message.role == "user"
    assert [part.text for part in message.parts] == (["hello"] if value == "hello" else ["hello", "you"])
    assert message.parts[0].where == ("input" if value == "hello" else "input[0]")


@pytest.mark.parametrize("value", [[1, 2], [[1], [2, 3]]])
def test_tokens_cannot_be_read(value: Any) -> None:
    assert embed(value).messages[0].parts == (Part("tokens", "", "input"),)


@pytest.mark.parametrize(
    "value", [None, [], 7, {}, ["a", 1], [1, "a"], [[1], ["a"]], [[]], [["a"]], [True, 1]]
)
def test_any_other_input_is_refused(value: Any) -> None:
    assert refused({"model": "auto", "input": value}, "openai_embeddings").param == "input"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"{} {}", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'"x"', "invalid_json"),
        (b"null", "invalid_json"),
        (b'{"model": NaN}', "invalid_json"),
        (b'{"model": -Infinity}', "invalid_json"),
        (b'{"model": "a\nb"}', "invalid_json"),
        (b'{"model": 01}', "invalid_json"),
        (b"\xef\xbb\xbf{}", "invalid_encoding"),
        ('{"model": "x"}'.encode("utf-16"), "invalid_encoding"),
        ('{"model": "x"}'.encode("utf-16-le"), "invalid_encoding"),
        (b'{"model": "\xff"}', "invalid_encoding"),
        (b'{"model": "\xed\xa0\x80"}', "invalid_encoding"),
        (b'{"a": [{"b": 1, "b": 1}]}', "duplicate_key"),
        (b'{"a": {"b": 1, "\\u0062": 1}}', "duplicate_key"),
        (b"[" * 100_000, "body_too_complex"),
        (b'{"a":' * 100_000, "body_too_complex"),
        (b'{"model":"auto","messages":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "body_too_complex"),
        (b"{" + b",".join(b'"%d":1' % n for n in range(10_001)) + b"}", "body_too_complex"),
    ],
)
def test_bodies_that_two_readers_could_read_differently_or_not_at_all(body: bytes, code: str) -> None:
    assert refused(body).code == code


def test_a_duplicate_is_named_unless_it_may_be_text() -> None:
    assert refused(b'{"model": "a", "model": "a"}').param == "model"
    assert refused(b'{"my secret": 1, "my secret": 1}').param is None


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"model": None}, "model", "missing_model"),
        ({"model": ""}, "model", "invalid_value"),
        ({"model": 7}, "model", "invalid_value"),
        ({"model": "a\ud800"}, "model", "invalid_value"),
        ({"stream": "true"}, "stream", "invalid_value"),
        ({"stream": 1}, "stream", "invalid_value"),
        ({"messages": None}, "messages", "missing_messages"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": "hello"}, "messages", "invalid_value"),
        ({"messages": {"0": HELLO[0]}}, "messages", "invalid_value"),
        ({"messages": [*HELLO, "hello"]}, "messages[1]", "invalid_value"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": 1}]}, "messages[0].role", "invalid_value"),
        (
            {"messages": [*HELLO, *HELLO, {"role": "user", "content": 7}]},
            "messages[2].content",
            "invalid_value",
        ),
        ({"messages": [{"role": "user", "content": {}}]}, "messages[0].content", "invalid_value"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0]", "invalid_value"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0]", "invalid_value"),
    ],
)
def test_the_field_at_fault_is_named(fields: dict[str, Any], param: str, code: str) -> None:
    wrong = refused({"model": "auto", "messages": HELLO} | fields)
    assert (wrong.param, wrong.code) == (param, code)
    assert f"`{param}`" in wrong.message


def test_numbers_of_any_length_pass() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"seed":' + b"9" * 10_000 + b"}"
    assert parse(body).original == body


# --- answers ----------------------------------------------------------------------------------------------


def test_an_error_has_the_shape_of_the_api() -> None:
    assert json.loads(error("no", "invalid_request_error", "bad", "model")) == {
        "error": {"message": "no", "type": "invalid_request_error", "param": "model", "code": "bad"}
    }


def test_models() -> None:
    listed = json.loads(models_list([("auto", "waypost"), ("gpt", "openai")], 7))
    assert listed["object"] == "list"
    assert listed["data"][1] == json.loads(model_object("gpt", "openai", 7))
    assert listed["data"][0] == {"id": "auto", "object": "model", "created": 7, "owned_by": "waypost"}


def test_a_fixed_answer_as_json() -> None:
    kind, body = completion(chat(), "We open at nine. ü", "abc", 7)
    assert kind == "application/json"
    answer = json.loads(body)
    assert (answer["id"], answer["object"], answer["created"]) == (
        "chatcmpl-waypost-abc",
        "chat.completion",
        7,
    )
    assert answer["model"] == "auto"
    (choice,) = answer["choices"]
    assert choice["message"] == {"role": "assistant", "content": "We open at nine. ü", "refusal": None}
    assert choice["finish_reason"] == "stop"
    assert answer["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def events(request: ChatRequest) -> list[dict[str, Any]]:
    kind, body = completion(request, "one\n\ntwo", "abc", 7)
    assert kind == "text/event-stream"
    *chunks, done, rest = body.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(chunk.removeprefix("data: ")) for chunk in chunks]


def test_a_fixed_answer_as_a_stream() -> None:
    chunks = events(chat(stream=True))
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    choices = [chunk["choices"][0] for chunk in chunks]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": ""},
        {"content": "one\n\ntwo"},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, "stop"]
    assert not any("usage" in chunk for chunk in chunks)


def test_usage_in_a_stream_is_sent_when_asked_for() -> None:
    *chunks, last = events(chat(stream=True, stream_options={"include_usage": True}))
    assert [chunk["usage"] for chunk in chunks] == [None, None, None]
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 0)


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_usage": 1}, "x"])
def test_usage_is_not_sent_otherwise(options: Any) -> None:
    assert len(events(chat(stream=True, stream_options=options))) == 3


def test_what_a_client_wants_of_its_answer_takes_one_walk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walks: list[bytes] = []

    def walk(body: bytes) -> Iterator[tuple[str, int, int]]:
        walks.append(body)
        return top_level(body)

    monkeypatch.setattr(openai_chat, "top_level", walk)
    request = chat(stream_options={"include_usage": True}, response_format={"type": "json_object"})
    walks.clear()
    for _ in range(2):
        assert wants_usage(request)
        assert wants_json(request)
        assert not wants_base64(request)
    assert walks == [request.original]
    assert not wants_usage(chat())
