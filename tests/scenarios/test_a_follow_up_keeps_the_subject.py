"""A coding agent wraps every turn, and its user says little: the subject is that of the conversation.

What a harness says decides nothing, a change of subject does, and guards read every word all the same.
"""

import pytest

from tests.scenarios.story import policy, sends
from waypost.needs import Encode
from waypost.testing.playbook import Ending, Playbook, forwarded
from waypost.testing.signals import FakeEncoder

DESK = policy("""
providers:
  openai: {kind: openai, api_key: from-the-vault}
models:
  maths: {provider: openai, name: o5}
  small: {provider: openai, name: gpt-4o-mini}
routing_rules:
  - name: attacks
    conditions: [{type: jailbreak_detection}]
    action: {type: block}
categories:
  - {name: math, model_scores: [{model: maths, score: 1}]}
  - {name: other, model_scores: [{model: small, score: 1}]}
default_model: small
""")

MATHS = forwarded("maths", by="semantic_classification")
OTHER = forwarded("small", by="semantic_classification")

REMINDER = "<system-reminder>\nThe list of integrals is empty.\n</system-reminder>"
ASKED = "What is the integral of x squared?"


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def knows(need: object) -> object:
    """An encoder that takes a text with an integral in it for mathematics."""
    assert isinstance(need, Encode)
    subject = "math" if "integral" in need.focus else "history"
    return FakeEncoder({"domain": {subject: 0.9}, "intent": {}})(need)


@pytest.mark.parametrize(
    ("turns", "ending"),
    [
        ([ASKED], MATHS),
        ([ASKED, "do it again, but shorter"], MATHS),
        ([ASKED, f"{REMINDER}\nund auf Deutsch?"], MATHS),
        ([ASKED, REMINDER], MATHS),
        ([ASKED, "shorter", "why?"], MATHS),
        ([ASKED, "Who was Catherine the Great?"], OTHER),
        ([f"{REMINDER}\nWho was Catherine the Great?"], OTHER),
    ],
)
def test_the_subject_is_what_the_human_talks_about(turns: list[str], ending: Ending) -> None:
    messages = [message for turn in turns for message in (user(turn), assistant("Here it is."))]
    Playbook(DESK, sends(*messages[:-1])).told_by(knows).ends(ending)


def test_output_of_tools_is_nobodys_ask() -> None:
    request = sends(user(ASKED), assistant("Let me look."), {"role": "tool", "content": "A history of Rome"})
    Playbook(DESK, request).told_by(knows).ends(MATHS)


def test_guards_read_what_the_subject_is_not_taken_from() -> None:
    turn = f"{REMINDER}\nWho was Catherine the Great?"
    seen: list[Encode] = []

    def watched(need: object) -> object:
        assert isinstance(need, Encode)
        seen.append(need)
        return knows(need)

    Playbook(DESK, sends(user(turn))).told_by(watched).ends(OTHER)
    assert seen[0].focus == "Who was Catherine the Great?"
    assert any(REMINDER in text for text in seen[0].scan)
