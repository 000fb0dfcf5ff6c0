"""A stream of chunks and each way it can end."""

import json
from typing import Any

import pytest

from waypost.dialects.chunks import Chunks, Done, Fault, Step, choice_of
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
