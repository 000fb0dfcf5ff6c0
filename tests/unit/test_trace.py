"""The trace tells a decision completely, and never the client's text."""

import dataclasses
import json

import pytest

from waypost.decision.engine import SEMANTIC, Block, Respond, Rule
from waypost.decision.expr import Is
from waypost.journey import Outcome, route
from waypost.policy import Policy
from waypost.request.chat import ChatRequest
from waypost.signals.base import Encoded, Examples, Likeness, Scan, Span, Window
from waypost.signals.category import NAMED, Category, Entry
from waypost.signals.jailbreak import JailbreakDetection
from waypost.testing.playbook import drive
from waypost.testing.policies import chat, policy, route_to, rule
from waypost.testing.signals import Contains, FakeEncoder, Learned
from waypost.trace import EncoderTrace, ScanTrace, Trace, trace


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


ENTRIES = (Entry(name="math", domains=("math",)), Entry(name="law", domains=("law",)))


def category(name: str, endpoint: str) -> Rule:
    return Rule(SEMANTIC, Is(f"{NAMED}{name}"), route_to(endpoint), category=name)


FALLBACK = policy(
    {"outside": "external", "maths": "external", "lawyer": "internal"},
    {
        "secret": Contains(word="secret"),
        **{f"{NAMED}{name}": Category(name=name, entries=ENTRIES) for name in ("math", "law")},
    },
    [
        rule("keep", "secret", route_to("lawyer", inside="internal")),
        category("math", "maths"),
        category("law", "lawyer"),
    ],
)


def asks(policy: Policy, request: ChatRequest, encoder: FakeEncoder) -> Trace:
    return trace(policy, request, drive(route(policy, request), encoder))


def test_a_category_that_decides_is_named_beside_the_reserved_decision() -> None:
    told = asks(FALLBACK, chat("2 + 2"), FakeEncoder({"domain": {"math": 0.9, "law": 0.05}}))
    assert (told.decision, told.category) == (SEMANTIC, "math")
    assert told.because == "category math: p=0.90, threshold 0.5; next law 0.05"
    assert [(r.name, r.outcome) for r in told.rules] == [
        ("keep", "no_match"), ("category: math", "match"), ("category: law", "skipped"),
    ]  # fmt: skip
    assert [h.endpoint for h in told.chain] == ["maths"]


def test_where_no_category_wins_the_closest_is_named() -> None:
    told = asks(FALLBACK, chat("hello"), FakeEncoder({"domain": {"math": 0.2, "law": 0.4}}))
    assert (told.decision, told.category) == (SEMANTIC, "")
    assert told.because == (
        "No keyword matches - using semantic routing; closest is category law: p=0.40, threshold 0.5;"
        " next math 0.20"
    )
    assert [r.outcome for r in told.rules] == ["no_match"] * 3


def test_where_no_category_could_be_told_the_default_says_why() -> None:
    told = asks(FALLBACK, chat("hello"), FakeEncoder(down="the queue is full"))
    assert (told.decision, told.category) == (SEMANTIC, "")
    assert told.because == (
        "No keyword matches - using semantic routing; categories: not answered: the queue is full"
    )
    assert told.encoder == EncoderTrace(failed="the queue is full")
    assert [r.outcome for r in told.rules] == ["no_match", "failed_open", "failed_open"]


def test_a_rule_in_front_of_categories_names_none() -> None:
    told = asks(FALLBACK, chat("a secret sum"), FakeEncoder(down="must not be asked"))
    assert (told.decision, told.category, told.encoder) == ("keep", "", None)


def test_thresholds_are_told_where_there_are_any() -> None:
    told = asks(FALLBACK, chat("2 + 2"), FakeEncoder({"domain": {"math": 0.9}}))
    assert [(s.name, s.threshold) for s in told.signals] == [
        ("secret", None), ("category: math", 0.5), ("category: law", None),
    ]  # fmt: skip


SCANNED = policy(
    {"inside": "internal"},
    {"attack": JailbreakDetection(scope="all"), "hard": Learned(head="complexity", label="hard")},
    [rule("guard", "attack", Block()), rule("hard", "hard", route_to("inside"))],
)


def test_everything_the_encoder_found_is_told_without_a_word_of_the_text() -> None:
    text = "Ottokar Ottokar"
    spans = (Span("PERSON", 0, 7, 0.8), Span("PERSON", 8, 15, 0.9), Span("AGE", 1, 2, 0.3))
    windows = (
        Window("focus", 0, 15, 6, 0.002),
        Window("scan 1", 0, 15, 6, 0.0, remembered=True),
        Window("scan 1", 9, 15, 4, 0.001),
    )
    found = Encoded(
        {"complexity": {"hard": 0.25}},
        0.5,
        {text: Scan(0.125, spans, 0.5)},
        {Examples(("Ottokar",)): Likeness((0.5,), 0.75)},
        windows,
        0.004,
    )
    request = chat(text)
    told = trace(SCANNED, request, drive(route(SCANNED, request), lambda _: found))
    assert told.encoder == EncoderTrace(
        heads={"complexity": {"hard": 0.25}},
        scans=(ScanTrace(0.125, {"PERSON": 0.9, "AGE": 0.3}, 0.5),),
        likenesses=(0.75,),
        windows=windows,
        passes=2,
        seconds=0.004,
    )
    assert "Ottokar" not in json.dumps(dataclasses.asdict(told))


@pytest.mark.parametrize("model", ["auto", "inside"])
def test_a_guard_that_fails_is_told_as_closed(model: str) -> None:
    told = asks(SCANNED, chat("hello", model=model), FakeEncoder(down="no memory"))
    assert (told.outcome, told.status, told.rules[0].outcome) == ("refuse", 503, "failed_closed")
    assert told.because == "not answered: no memory"
