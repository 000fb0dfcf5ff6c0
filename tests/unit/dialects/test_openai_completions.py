"""Completions: a golden exchange for each member of requests and answers."""

import json
from typing import Any

import pytest
from openai.types import Completion

from waypost.dialects.openai_chat import parse
from waypost.dialects.openai_completions import StreamWriter, read_request, write_error, write_response
from waypost.dialects.sse import DONE, SseReader, write
from waypost.errors import RequestError

CHAT = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "m"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "prompt": "hi", **fields}).encode()


def read(**fields: Any) -> dict[str, Any]:
    inbound = read_request(body(**fields))
    assert (inbound.native, inbound.is_mixed) == (None, False)
    return json.loads(inbound.neutral)


def test_a_prompt_is_what_a_user_says() -> None:
    asked = {"model": "m", "max_completion_tokens": 16, "messages": [{"role": "user", "content": "hi"}]}
    assert read() == asked
    assert read(prompt=["hi"]) == asked


def test_what_both_forms_have() -> None:
    both: dict[str, Any] = {
        "n": 2,
        "stream": True,
        "stream_options": {"include_usage": True},
        "stop": ["a"],
        "temperature": 0.5,
        "top_p": 0.5,
        "seed": 7,
        "user": "u",
        "presence_penalty": 0.5,
        "frequency_penalty": 0.5,
        "logit_bias": {"1": 5},
    }
    found = read(**both, max_tokens=9)
    assert {name: found[name] for name in both} == both
    assert found["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1], [2]]}, "prompt"),
        ({"echo": True}, "echo"),
        ({"suffix": "s"}, "suffix"),
        ({"best_of": 3}, "best_of"),
        ({"logprobs": 0}, "logprobs"),
        ({"min_p": 0.1}, "min_p"),
    ],
)
def test_what_only_this_form_has(fields: dict[str, Any], param: str) -> None:
    assert read_request(body(**fields)).native == param


@pytest.mark.parametrize(
    "fields", [{"echo": False}, {"suffix": ""}, {"best_of": 1}, {"n": 2, "best_of": 2}, {"logprobs": None}]
)
def test_what_says_nothing(fields: dict[str, Any]) -> None:
    assert read_request(body(**fields)).native is None


def test_prompts_left_out_are_read_as_far_as_they_can_be() -> None:
    request = parse(read_request(body(prompt=["a", "b"])).neutral)
    assert [part.text for part in request.messages[0].parts] == ["a", "b"]
    request = parse(read_request(body(prompt=[[1, 2]])).neutral)
    assert request.messages[0].parts[0].kind == "unknown"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": {}}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [["a"]]}, "prompt"),
        ({"prompt": [[1.5]]}, "prompt"),
        ({"stream": "yes"}, "stream"),
        ({"Prompt": "b"}, "prompt"),
    ],
)
def test_what_is_malformed(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_request(body(**fields))
    assert (refused.value.status, refused.value.param) == (400, param)


@pytest.mark.parametrize("sent", [b"", b"[]", b'{"prompt":"a","prompt":"b"}', b'{"a":' * 30_000])
def test_what_is_no_request(sent: bytes) -> None:
    with pytest.raises(RequestError):
        read_request(sent)


def answer(*messages: dict[str, Any], reason: str = "stop", **fields: Any) -> dict[str, Any]:
    choices = [
        {"index": n, "message": {"role": "assistant", **message}, "finish_reason": reason}
        for n, message in enumerate(messages)
    ]
    return json.loads(write_response(json.dumps({**CHAT, "choices": choices, **fields}).encode(), b""))


def test_an_answer() -> None:
    written = answer({"content": "a"}, {"content": "b", "reasoning_content": "hm"}, usage=USAGE)
    assert written == {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 7,
        "model": "m",
        "choices": [
            {"text": "a", "index": 0, "logprobs": None, "finish_reason": "stop"},
            {"text": "b", "index": 1, "logprobs": None, "finish_reason": "stop"},
        ],
        "usage": USAGE,
    }
    Completion.model_validate(written, strict=True)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": None, "refusal": "no"}, "no"),
        ({"content": [{"type": "text", "text": "a"}, "b"]}, "ab"),
        ({"content": None}, ""),
    ],
)
def test_what_is_said(message: dict[str, Any], text: str) -> None:
    assert answer(message)["choices"][0]["text"] == text


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("tool_calls", "stop"),
        ("new", "stop"),
    ],
)
def test_why_it_ended(reason: str, told: str) -> None:
    assert answer({"content": "a"}, reason=reason)["choices"][0]["finish_reason"] == told


def test_an_error_stays_one() -> None:
    error = b'{"error": {"message": "m", "type": "t", "param": null, "code": "c"}}'
    assert write_response(error, b"") == error
    assert write_error(503, error) == error


@pytest.mark.parametrize("sent", [b"", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{}]}', b'{"a":NaN}'])
def test_what_is_no_answer_becomes_an_error(sent: bytes) -> None:
    assert "error" in json.loads(write_response(sent, b""))


# --- streams


def chunk(index: int = 0, reason: str | None = None, **delta: Any) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": reason}
    return write(json.dumps({**CHAT, "object": "chat.completion.chunk", "choices": [choice]}).encode())


def written(stream: bytes) -> list[Any]:
    writer = StreamWriter(b"")
    out = writer.feed(stream) + writer.end()
    return ["[DONE]" if event.data == b"[DONE]" else event.document() for event in SseReader().feed(out)]


def test_a_stream() -> None:
    usage = write(json.dumps({**CHAT, "choices": [], "usage": USAGE}).encode())
    out = written(
        chunk(role="assistant", content="")
        + chunk(content="a")
        + chunk(1, content="b")
        + chunk(reasoning_content="hm")
        + chunk(0, "stop")
        + chunk(1, "tool_calls")
        + usage
        + DONE
    )
    head = {"id": "cmpl-1", "object": "text_completion", "created": 7, "model": "m"}

    def said(text: str, index: int, reason: str | None = None) -> dict[str, Any]:
        choice = {"text": text, "index": index, "logprobs": None, "finish_reason": reason}
        return {**head, "choices": [choice]}

    assert out == [
        said("a", 0),
        said("b", 1),
        said("", 0, "stop"),
        said("", 1, "stop"),
        {**head, "choices": [], "usage": USAGE},
        "[DONE]",
    ]


@pytest.mark.parametrize(
    "rest",
    [b"", DONE, b"data: {\n\n" + DONE, b'data: {"error":{"message":"m"}}\n\n' + chunk(0, "stop") + DONE],
)
def test_a_stream_that_fails_ends_with_an_error(rest: bytes) -> None:
    out = written(chunk(content="a") + rest)
    assert out[0]["choices"][0]["text"] == "a"
    assert (list(out[-1]), len(out)) == (["error"], 2)


def test_usage_nested_too_deeply_is_an_error() -> None:
    deep = b'data: {"choices":[],"usage":' + b"[" * 900 + b"]" * 900 + b"}\n\n"
    assert "[DONE]" not in written(deep + DONE)
