"""What OpenAI has no word for does not reach a provider that speaks its form."""

import json
from typing import Any

import pytest

from waypost.dialects.openai_plain import write_request
from waypost.errors import RequestError

ASK = {"role": "user", "content": "hi"}
MARK = {"cache_control": {"type": "ephemeral"}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def write(*messages: Any, **fields: Any) -> dict[str, Any]:
    return json.loads(write_request({"model": "m", "messages": list(messages), **fields}))


def test_a_plain_request_stays() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    assert write(ASK, tools=[tool], seed=7) == {"model": "m", "messages": [ASK], "tools": [tool], "seed": 7}


def test_marks_and_thoughts_go() -> None:
    thoughts = {"thinking_blocks": [{"type": "thinking"}], "reasoning_content": "hm"}
    found = write(
        {"role": "user", "content": [text("a") | MARK], **MARK},
        {"role": "assistant", "content": "b", **thoughts},
        tools=[{"type": "function", "function": {"name": "f"}, **MARK}],
        **MARK,
    )
    assert found == {
        "model": "m",
        "messages": [{"role": "user", "content": [text("a")]}, {"role": "assistant", "content": "b"}],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }


def test_a_failed_call_says_so_in_words() -> None:
    failed = {"role": "tool", "tool_call_id": "a", "content": "no file", "is_error": True}
    assert write(failed)["messages"] == [{"role": "tool", "tool_call_id": "a", "content": "Error: no file"}]
    assert write({**failed, "content": None})["messages"][0]["content"] == "Error: "
    assert write({**failed, "is_error": False})["messages"][0]["content"] == "no file"


def test_pictures_in_results_become_a_users_behind_all_results() -> None:
    first = {"role": "tool", "tool_call_id": "a", "content": [text("x"), IMAGE, text("y")]}
    second = {"role": "tool", "tool_call_id": "b", "content": [IMAGE]}
    seen = [
        {"role": "tool", "tool_call_id": "a", "content": "x\ny"},
        {"role": "tool", "tool_call_id": "b", "content": ""},
        {"role": "user", "content": [IMAGE, IMAGE]},
    ]
    assert write(first, second)["messages"] == seen
    assert write(first, second, ASK)["messages"] == [*seen, ASK]


def test_a_file_of_which_only_the_address_is_known_is_refused() -> None:
    with pytest.raises(RequestError) as refused:
        write({"role": "user", "content": [{"type": "file", "file": {"file_url": "https://x/y.pdf"}}]})
    assert (refused.value.status, refused.value.param) == (400, "messages[0].content[0]")


def test_odd_requests_crash_nothing() -> None:
    assert write(7, None, {"role": "tool", "content": [7, "x"]})["messages"][2]["content"] == "x"
    assert json.loads(write_request({"tools": 7})) == {"tools": 7, "messages": []}
