from dataclasses import replace
from typing import get_args

import pytest

from waypost.request.chat import ChatRequest, Part, PartKind

REQUEST = ChatRequest(
    "openai_chat", b"{}", "auto", headers=(("x-team", "research"), ("x-team", "sales"), ("accept", "*/*"))
)


@pytest.mark.parametrize("kind", get_args(PartKind))
def test_only_text_and_tool_calls_can_be_read(kind: PartKind) -> None:
    assert Part(kind, "", "messages[0].content").is_readable is (kind in {"text", "tool_call"})


def test_a_header_is_its_first_value_by_lower_case_name() -> None:
    assert REQUEST.header("x-team") == "research"
    assert REQUEST.header("X-Team") is None
    assert REQUEST.header("cookie") is None


def test_something_is_computed_once_per_request_even_if_it_is_nothing() -> None:
    request, calls = replace(REQUEST, memo={}), list[str]()
    for key in ("a", "b", "a", "a"):
        request.once(key, lambda key=key: calls.append(key))
    assert calls == ["a", "b"]


def test_what_was_computed_is_no_part_of_a_request() -> None:
    fresh, used = replace(REQUEST, memo={}), replace(REQUEST, memo={})
    used.once("words", lambda: 3)
    assert fresh == used
    assert hash(fresh) == hash(used)
    assert "words" not in repr(used)


def test_two_requests_share_no_memo() -> None:
    first, second = ChatRequest("openai_chat", b"{}", "auto"), ChatRequest("openai_chat", b"{}", "auto")
    first.once("words", lambda: 3)
    assert second.once("words", lambda: 4) == 4
