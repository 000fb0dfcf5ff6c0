"""The trace tells a decision completely, and never the client's text."""

import dataclasses
import json

from waypost.decision.engine import Block, Respond
from waypost.journey import Outcome, route
from waypost.policy import Policy
from waypost.request.chat import ChatRequest
from waypost.testing.policies import chat, policy, route_to, rule
from waypost.testing.signals import Contains
from waypost.trace import trace


def decide(policy: Policy, request: ChatRequest) -> Outcome:
    journey = route(policy, request)
    try:
        next(journey)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("no model-free journey needs anything")


POLICY = policy(
    {"inside": "internal", "outside": "external"},
    {"secret": Contains(word="secret"), "hello": Contains(word="hello"), "bad": Contains(word="bad")},
    [
        rule("keep", "secret", route_to("inside", inside="internal")),
        rule("greet", "hello", Respond("Good day.", "small talk")),
        rule("refuse", "bad", Block(451, "No.", "law")),
    ],
    default=route_to("outside"),
)


def test_a_forward_names_chain_zone_and_boundary() -> None:
    request = chat("a secret plan")
    told = trace(POLICY, request, decide(POLICY, request))
    assert (told.outcome, told.decision, told.boundary) == ("forward", "keep", ("internal",))
    assert [(h.endpoint, h.zone) for h in told.chain] == [("inside", "internal")]
    assert told.because == "Contains 'secret'"
    assert [(s.name, s.value) for s in told.signals] == [("secret", True), ("hello", None), ("bad", None)]


def test_nothing_matched_is_an_outcome_with_a_sentence() -> None:
    request = chat("rivers of Chile")
    told = trace(POLICY, request, decide(POLICY, request))
    assert told.decision == "semantic_classification"
    assert told.because == "No keyword matches - using semantic routing"
    assert [r.outcome for r in told.rules] == ["no_match"] * 3


def test_a_named_model_is_an_outcome_with_a_sentence() -> None:
    request = chat("rivers of Chile", model="outside")
    told = trace(POLICY, request, decide(POLICY, request))
    assert told.decision == "explicit_model"
    assert "named" in told.because


def test_fixed_answers_and_blocks_carry_status_and_message() -> None:
    request = chat("hello there")
    told = trace(POLICY, request, decide(POLICY, request))
    assert (told.outcome, told.status, told.message, told.chain) == ("answer", 200, "Good day.", ())
    request = chat("a bad idea")
    told = trace(POLICY, request, decide(POLICY, request))
    assert (told.outcome, told.status, told.message) == ("refuse", 451, "No.")


def test_the_client_s_text_is_nowhere_in_it() -> None:
    request = chat("a secret plan about Ottokar")
    told = trace(POLICY, request, decide(POLICY, request))
    assert "Ottokar" not in json.dumps(dataclasses.asdict(told))
