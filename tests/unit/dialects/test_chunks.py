"""A stream of chunks and each way it can end."""

import json
from typing import Any

import pytest

from waypost.dialects.chunks import (
    MAX_CALLS,
    Calls,
    Chunks,
    Done,
    Fault,
    Step,
    arguments_of,
    choice_of,
    is_preface,
    reasoning_of,
    texts_of,
)
from waypost.dialects.failures import ENDED_EARLY, UNREADABLE
from waypost.dialects.sse import DONE, write

SAID: dict[str, Any] = {"choices": [{"delta": {"content": "a"}, "finish_reason": None}]}
FINISHED: dict[str, Any] = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


def stream(*chunks: dict[str, Any]) -> bytes:
    return b"".join(write(json.dumps(chunk).encode()) for chunk in chunks)


def read(data: bytes) -> list[Step]:
    chunks = Chunks()
    return [*chunks.feed(data), *chunks.end()]


def test_a_stream_that_came_to_its_end() -> None:
    assert read(stream(SAID, FINISHED) + DONE) == [SAID, FINISHED, Done()]
    assert read(stream(SAID, FINISHED)) == [SAID, FINISHED, Done()]


@pytest.mark.parametrize("data", [b"", DONE, stream(SAID), stream(SAID) + DONE, b": ping\n\n"])
def test_a_stream_that_did_not(data: bytes) -> None:
    assert read(data)[-1] == Fault(ENDED_EARLY)


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: []\n\n", b'data: {"a":NaN}\n\n', b"data: \xff\n\n"])
def test_what_cannot_be_understood(data: bytes) -> None:
    assert read(stream(SAID) + data + stream(FINISHED) + DONE) == [SAID, Fault(UNREADABLE)]


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"message": "m", "type": "t", "code": "c"}, Fault("m", "t", "c")),
        ({"message": "m", "code": 7}, Fault("m", "server_error", None)),
        ("broken", Fault("The provider failed.", "server_error", None)),
        (True, Fault("The provider failed.", "server_error", None)),
    ],
)
def test_an_error_ends_it(error: object, fault: Fault) -> None:
    assert read(stream(SAID, {"error": error}, FINISHED) + DONE) == [SAID, fault]


def test_no_error_is_none() -> None:
    assert read(stream({"error": None, **FINISHED}))[-1] == Done()


def test_its_reader_may_end_it() -> None:
    chunks = Chunks()
    assert chunks.fail(Fault("x")) == Fault("x")
    assert [*chunks.feed(stream(FINISHED)), *chunks.end()] == []


@pytest.mark.parametrize("document", [{}, {"choices": []}, {"choices": "x"}, {"choices": [7]}])
def test_no_choice(document: dict[str, Any]) -> None:
    assert choice_of(document) == {}


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("a", ["a"]),
        (["a", {"type": "text", "text": "b"}, {"type": "text", "text": ""}, {"text": 7}, 7], ["a", "b"]),
        *((nothing, []) for nothing in (None, "", [], 7, {})),
    ],
)
def test_texts(content: object, texts: list[str]) -> None:
    assert list(texts_of(content)) == texts


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_content": "hm", "reasoning": "other"},
        {"reasoning_content": "", "reasoning": "hm"},
        {"reasoning_content": None, "content": [{"type": "thinking", "thinking": "hm"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"text": "a"}]},
    ],
)
def test_reasoning(message: dict[str, Any]) -> None:
    assert reasoning_of(message) == "hm"


@pytest.mark.parametrize("message", [{}, {"content": "a"}, {"reasoning": {"a": 1}, "content": [7, "a"]}])
def test_no_reasoning(message: dict[str, Any]) -> None:
    assert reasoning_of(message) == ""


@pytest.mark.parametrize(
    ("given", "text"), [('{"a":', '{"a":'), ("", ""), (None, ""), ({"a": [1]}, '{"a":[1]}'), (7, "7")]
)
def test_arguments(given: object, text: str) -> None:
    assert arguments_of({"arguments": given}) == text


def test_a_chunk_in_front_of_the_answer() -> None:
    assert is_preface({"id": "", "model": "", "choices": [], "prompt_filter_results": []})
    assert is_preface({})
    assert not is_preface({"id": "chatcmpl-1", "choices": []})
    assert not is_preface({"id": "", "choices": [{}]})


def part(index: object, ident: str | None = None, name: str | None = None) -> dict[str, Any]:
    return {"index": index, "id": ident, "function": {"name": name, "arguments": None}}


@pytest.mark.parametrize(
    ("items", "numbers"),
    [
        ([part(0, "a", "f"), part(0), part(1, "b", "g"), part(0), part(1)], [0, 0, 1, 0, 1]),
        ([part(1, "a", "f"), part(2, "b", "g"), part(2)], [0, 1, 1]),
        # all called at once are number 0
        ([part(0, "a", "f"), part(0), part(0, "b", "f"), part(0)], [0, 0, 1, 1]),
        # each piece says it all again, or has an id of its own
        ([part(0, "a", "f"), part(0, "a", "f")], [0, 0]),
        ([part(0, "a", "f"), part(0, "x"), part(0, "y")], [0, 0, 0]),
        # no numbers
        ([part(None, "a", "f"), part(None), part(None, "b", "g"), part(None)], [0, 0, 1, 1]),
        ([part(None, "a", "f"), part(None, "a"), part(True, "b")], [0, 0, 1]),
        ([part(None), part(0)], [0, 1]),
    ],
)
def test_calls_are_told_apart(items: list[dict[str, Any]], numbers: list[int]) -> None:
    calls = Calls()
    assert [calls.number(item) for item in items] == numbers


def test_calls_are_bounded() -> None:
    calls = Calls()
    for n in range(MAX_CALLS):
        calls.number(part(n, f"c{n}", "f"))
    with pytest.raises(ValueError, match="too many"):
        calls.number(part(MAX_CALLS))
