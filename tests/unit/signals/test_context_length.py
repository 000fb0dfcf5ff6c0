from typing import Any

import pytest

from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.context_length import ContextLength
from waypost.testing import contracts

IMAGE = Part("image", "", "messages[0].content[1].image_url")


def ask(text: str, *others: Part) -> ChatRequest:
    parts = (Part("text", text, "messages[0].content"), *others)
    return ChatRequest("openai_chat", b"", "auto", messages=(Message("user", parts),))


def test_the_contract_of_a_signal_is_kept() -> None:
    contracts.signal(ContextLength(min_tokens=1, unreadable="fail"))
    contracts.signal(ContextLength(max_tokens=10))


@pytest.mark.parametrize(
    ("fields", "text", "holds"),
    [
        ({"min_tokens": 3}, "x" * 8, False),
        ({"min_tokens": 3}, "x" * 9, True),
        ({"max_tokens": 3}, "x" * 12, True),
        ({"max_tokens": 3}, "x" * 13, False),
        ({"min_tokens": 2, "max_tokens": 3}, "\u00e9" * 4, True),
        ({"min_tokens": 2, "max_tokens": 3}, "\u00e9" * 7, False),
        ({"max_tokens": 0}, "", True),
    ],
)
def test_limits_include_their_ends(fields: dict[str, Any], text: str, *, holds: bool | None) -> None:
    assert ContextLength(**fields).evaluate(ask(text), None).holds is holds


def test_the_sentence_says_that_it_is_an_estimate() -> None:
    verdict = ContextLength(min_tokens=2).evaluate(ask("x" * 40), None)
    assert verdict.because == "about 10 tokens (estimated from bytes), at least 2 asked for"
    assert "about 1 token (" in ContextLength(min_tokens=2).evaluate(ask("x"), None).because


@pytest.mark.parametrize(
    ("fields", "text", "holds"),
    [
        ({"min_tokens": 2}, "x" * 8, True),
        ({"min_tokens": 2}, "x", None),
        ({"max_tokens": 2}, "x", None),
        ({"max_tokens": 2}, "x" * 9, False),
        ({"min_tokens": 1, "max_tokens": 2}, "x" * 8, None),
    ],
)
def test_what_cannot_be_read_only_adds_to_the_length(
    fields: dict[str, Any], text: str, *, holds: bool | None
) -> None:
    assert ContextLength(**fields, unreadable="fail").evaluate(ask(text, IMAGE), None).holds is holds


def test_the_condition_reads_back_as_a_clause() -> None:
    assert ContextLength(min_tokens=5).sentence() == "the text has 5 tokens or more"
    assert ContextLength(max_tokens=5).sentence() == "the text has 5 tokens or fewer"
    assert ContextLength(min_tokens=1, max_tokens=5).sentence() == "the text has 1 to 5 tokens"


@pytest.mark.parametrize(
    ("fields", "remarks"),
    [
        ({"min_tokens": 5}, []),
        ({}, ["min_tokens"]),
        ({"max_tokens": -1}, ["max_tokens"]),
        ({"min_tokens": 6, "max_tokens": 5}, ["min_tokens"]),
    ],
)
def test_lint_finds_what_cannot_work(fields: dict[str, Any], remarks: list[str]) -> None:
    assert [remark.field for remark in ContextLength(**fields).lint()] == remarks
