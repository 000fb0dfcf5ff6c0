"""What the user gave becomes messages, and a model nobody knows is refused with the names there are."""

import json

import pytest

from waypost.cli.ask import ask, document_of
from waypost.errors import RequestError
from waypost.testing.policies import policy

MESSAGES = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]
POLICY = policy({"inside": "internal", "outside": "external"}, {}, ())


def test_messages_may_be_given_alone_or_in_a_body_of_which_all_counts() -> None:
    body = {"model": "inside", "messages": MESSAGES, "n": 2}
    assert document_of(f"\n {json.dumps(MESSAGES)}\n") == {"messages": MESSAGES}
    assert document_of(f"\n {json.dumps(body)}\n") == body


@pytest.mark.parametrize(
    "text", ["", "Hi", "[not JSON", "[1, 2]", "[]", '{"a": 1}', '{"messages": "Hi"}', "{}"]
)
def test_anything_else_is_one_user_message(text: str) -> None:
    assert document_of(text) == {"messages": [{"role": "user", "content": text}]}


def test_a_decision_says_how_long_it_took() -> None:
    told, milliseconds = ask(POLICY, {"messages": MESSAGES})
    assert [hop.endpoint for hop in told.chain] == ["inside"]
    assert milliseconds > 0


def test_an_unknown_model_is_told_which_are_known() -> None:
    with pytest.raises(RequestError, match="'gpt-9'; known are MoM, auto, inside, outside") as refused:
        ask(POLICY, {"model": "gpt-9", "messages": MESSAGES})
    assert (refused.value.status, refused.value.code) == (404, "model_not_found")
