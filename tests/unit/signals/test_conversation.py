from typing import Any

import pytest

from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.conversation import Conversation
from waypost.testing import contracts


def ask(turns: int = 1, *, tools: tuple[str, ...] = (), image: bool = False) -> ChatRequest:
    parts = (Part("image", "", "messages[0].content[0].image_url"),) if image else ()
    messages = tuple(Message(role, parts) for _ in range(turns) for role in ("user", "assistant"))
    return ChatRequest("openai_chat", b"", "auto", messages=messages, tools=tools)


def test_the_contract_of_a_signal_is_kept() -> None:
    contracts.signal(Conversation(min_turns=1, has_tools=True, has_images=False))


@pytest.mark.parametrize(
    ("fields", "request_", "holds"),
    [
        ({"min_turns": 2}, ask(2), True),
        ({"min_turns": 3}, ask(2), False),
        ({"max_turns": 2}, ask(2), True),
        ({"max_turns": 1}, ask(2), False),
        ({"has_tools": True}, ask(tools=("search",)), True),
        ({"has_tools": True}, ask(), False),
        ({"has_tools": False}, ask(), True),
        ({"has_images": True}, ask(image=True), True),
        ({"has_images": False}, ask(image=True), False),
        ({"min_turns": 1, "has_tools": True}, ask(), False),
    ],
)
def test_every_property_that_is_given_must_be_there(
    fields: dict[str, Any], request_: ChatRequest, *, holds: bool | None
) -> None:
    assert Conversation(**fields).evaluate(request_, None).holds is holds


def test_the_sentence_says_what_was_seen() -> None:
    verdict = Conversation(has_tools=True, has_images=True).evaluate(ask(2, tools=("search",)), None)
    assert verdict.because == "2 user turns, tools offered, no images"
    assert Conversation(min_turns=1).evaluate(ask(1), None).because == "1 user turn"


def test_the_condition_reads_back_as_a_clause() -> None:
    signal = Conversation(min_turns=2, max_turns=9, has_tools=False, has_images=True)
    assert signal.sentence() == (
        "the conversation has at least 2 user turns and at most 9 user turns and no tools and images"
    )


@pytest.mark.parametrize(
    ("fields", "remarks"),
    [
        ({"has_tools": False}, []),
        ({}, ["min_turns"]),
        ({"min_turns": 3, "max_turns": 2}, ["max_turns"]),
        ({"max_turns": -1}, ["max_turns"]),
    ],
)
def test_lint_finds_what_cannot_work(fields: dict[str, Any], remarks: list[str]) -> None:
    assert [remark.field for remark in Conversation(**fields).lint()] == remarks


@pytest.mark.parametrize("has_images", [True, False])
def test_a_part_of_no_known_kind_may_be_an_image(*, has_images: bool) -> None:
    part = Part("unknown", "", "messages[0].content[0]")
    request = ChatRequest("openai_chat", b"", "auto", messages=(Message("user", (part,)),))
    assert Conversation(has_images=has_images).evaluate(request, None).failed == "unscannable"
    assert Conversation(min_turns=1).evaluate(request, None).holds is True
