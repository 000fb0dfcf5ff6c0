import json
from typing import Any

import pytest

from waypost.dialects.openai_chat import parse
from waypost.request.chat import ChatRequest, Identity
from waypost.selection.sticky import HEADERS, Sticky, conversation, in_tool_loop

ALICE = Identity(trusted=True, team="t", tenant="n", user="alice")
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "42"}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def sent(
    *messages: dict[str, Any], identity: Identity | None = None, headers: tuple[tuple[str, str], ...] = ()
) -> ChatRequest:
    body = json.dumps({"model": "auto", "messages": messages}).encode()
    return parse(body, headers=headers, identity=identity)


def test_later_turns_have_the_key_of_the_first() -> None:
    first = sent({"role": "system", "content": "It is Monday."}, user("Plan a trip"))
    later = sent(
        {"role": "system", "content": "It is Tuesday."},
        user("Plan a trip"),
        {"role": "assistant", "content": "Where to?"},
        user("Porto"),
    )
    assert conversation(first) is not None
    assert conversation(first) == conversation(later)


def test_other_texts_and_other_callers_are_other_conversations() -> None:
    requests = [
        sent(user("Plan a trip")),
        sent(user("Plan a party")),
        sent(user("Plan a trip"), identity=ALICE),
        sent(user("Plan a trip"), identity=Identity(trusted=True, team="t", tenant="n", user="bob")),
        sent(user("Plan a trip"), identity=Identity(trusted=True, tenant="t", team="n", user="alice")),
    ]
    assert len({conversation(request) for request in requests}) == len(requests)


@pytest.mark.parametrize("header", HEADERS)
def test_an_id_of_the_client_counts_for_more_than_the_text(header: str) -> None:
    one = sent(user("Hello"), headers=((header, "c1"),), identity=ALICE)
    same = sent(user("Cut off, so it starts here"), headers=((header, "c1"),), identity=ALICE)
    other = sent(user("Hello"), headers=((header, "c2"),), identity=ALICE)
    assert conversation(one) == conversation(same)
    assert conversation(one) != conversation(other)


def test_an_id_is_worth_nothing_in_the_hands_of_another_caller() -> None:
    headers = ((HEADERS[0], "c1"),)
    alice, stranger = sent(user("a"), headers=headers, identity=ALICE), sent(user("a"), headers=headers)
    assert conversation(alice) != conversation(stranger)


def test_an_id_cannot_be_chosen_to_meet_a_text() -> None:
    assert conversation(sent(user("x"), headers=((HEADERS[0], "Hello"),))) != conversation(
        sent(user("Hello"))
    )


def test_parts_of_the_first_turn_count_together() -> None:
    parts = sent(user([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]))
    assert conversation(parts) == conversation(sent(user("a\nb")))
    assert conversation(parts) != conversation(sent(user("a")))


@pytest.mark.parametrize(
    "request_",
    [
        sent({"role": "system", "content": "Be kind."}),
        sent(user([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}])),
        ChatRequest("openai_chat", b"{}", "auto"),
        sent(user(""), headers=((HEADERS[0], ""),)),
    ],
)
def test_without_id_and_text_nothing_tells_conversations_apart(request_: ChatRequest) -> None:
    assert conversation(request_) is None


def test_the_key_shows_nothing_and_takes_any_text() -> None:
    key = conversation(sent(user("secret \ud800 " + "a" * 100_000)))
    assert key is not None
    assert len(key) == 64
    assert "secret" not in key


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ((user("hi"),), False),
        ((user("hi"), ASKED, RESULT), True),
        ((user("hi"), ASKED, RESULT, RESULT), True),
        ((user("hi"), ASKED, RESULT, {"role": "system", "content": "reminder"}), True),
        ((user("hi"), ASKED, RESULT, {"role": "developer", "content": "reminder"}), True),
        ((user("hi"), ASKED, RESULT, {"role": "assistant", "content": "42"}), False),
        ((user("hi"), ASKED, RESULT, {"role": "assistant", "content": "42"}, user("and now?")), False),
        ((user("hi"), {"role": "function", "name": "f", "content": "42"}), True),
        (({"role": "system", "content": "only"},), False),
    ],
)
def test_a_tool_loop_is_open_while_the_model_waits_for_its_next_turn(
    messages: tuple[dict[str, Any], ...], *, expected: bool
) -> None:
    assert in_tool_loop(sent(*messages)) is expected


def test_a_margin_is_a_share_of_the_score() -> None:
    assert not list(Sticky().lint())
    assert not list(Sticky(margin=0).lint())
    for margin in (-0.1, 1.5, float("nan")):
        assert [lint.field for lint in Sticky(margin=margin).lint()] == ["margin"]
