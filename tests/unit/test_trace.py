"""The trace tells a decision completely, and never the client's text."""

import dataclasses
import json
from typing import Any

import pytest

from waypost.decision.engine import SEMANTIC, Block, Respond, Rule
from waypost.decision.expr import Is
from waypost.dialects.openai_chat import parse
from waypost.guards.judge import Check, Finding
from waypost.journey import Outcome, route
from waypost.mutations.headers import Headers
from waypost.mutations.parameters import RequestParameters
from waypost.mutations.reasoning import FAMILIES, Lora
from waypost.mutations.shape import Shape
from waypost.mutations.target import Use
from waypost.mutations.tools import ToolSettings
from waypost.needs import Remembered
from waypost.policy import Policy
from waypost.request.chat import ChatRequest
from waypost.selection.base import Candidate
from waypost.selection.capabilities import Capabilities, Price, Profile
from waypost.selection.choosing import Choosing
from waypost.selection.scored import Scored
from waypost.signals.base import Encoded, Examples, Likeness, Scan, Span, Window
from waypost.signals.category import NAMED, Category, Entry
from waypost.signals.jailbreak import JailbreakDetection
from waypost.signals.pii import PiiDetection
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


# --- guards, choice and shape -----------------------------------------------------------------------------

MAIL = PiiDetection(scope="all", unreadable="ignore", types=("EMAIL_ADDRESS",), method="patterns")
MASKING = Check("pii", "mail", "mask_restore")
ENDS = {"outside": "external", "other": "external", "inside": "internal"}


def sent(text: str, **fields: Any) -> ChatRequest:
    messages = [{"role": "user", "content": text}]
    return parse(json.dumps({"model": "auto", "messages": messages, **fields}).encode())


def shaped(shape: Shape | None = None, *checks: Check, **more: Any) -> Policy:
    """A policy of one default rule along `outside` and `inside`."""
    made = policy(ENDS, {"mail": MAIL}, [], default=route_to("outside", "inside"))
    guards = {"": {"outside": checks}} if checks else {}
    shapes = {SEMANTIC: shape} if shape else {}
    return dataclasses.replace(made, guards=guards, shapes=shapes, **more)


def test_a_request_that_nothing_happens_to_has_nothing_to_tell() -> None:
    told = asks(shaped(), sent("hello"), FakeEncoder())
    assert (told.guards, told.masked, told.restored, told.edits, told.candidates) == ((), {}, False, (), ())
    assert told.because_chain == "order of the rule"


def test_what_guards_said_is_told_endpoint_by_endpoint_and_what_was_masked_in_numbers() -> None:
    told = asks(shaped(None, MASKING), sent("To ann@example.com and bob@example.com"), FakeEncoder())
    assert told.guards == (
        Finding("pii", "mail", "outside", "mask_restore", hit=True, because="Contains PII: EMAIL_ADDRESS"),
    )
    assert (told.masked, told.restored) == ({"EMAIL_ADDRESS": 2}, True)
    assert "example.com" not in json.dumps(dataclasses.asdict(told))


def test_a_refusal_of_a_guard_tells_who_was_thought_of() -> None:
    blocking = dataclasses.replace(MASKING, action="block")
    told = asks(shaped(None, blocking), sent("To ann@example.com"), FakeEncoder())
    assert (told.outcome, told.decision, told.status, told.chain) == ("refuse", "pii", 403, ())
    assert told.because == "Contains PII: EMAIL_ADDRESS"
    assert [(found.endpoint, found.hit) for found in told.guards] == [("outside", True)]
    assert [rule.outcome for rule in told.rules] == []


def test_every_change_is_a_clause_and_no_clause_quotes_the_client() -> None:
    shape = Shape(
        "Be kind.",
        "append",
        RequestParameters(limits={"max_tokens": 10}),
        Headers((("x-team", "Ottokar"),), ("x-old",)),
        tools=ToolSettings(block=("delete_all",)),
        uses={"outside": Use(use_reasoning=True, effort="high"), "inside": Use(lora=Lora(name="fine"))},
    )
    tools = [{"type": "function", "function": {"name": name}} for name in ("weather", "delete_all")]
    request = sent("Ottokar", max_tokens=99, tools=tools)
    told = asks(shaped(shape, families={"outside": FAMILIES["gpt"]}), request, FakeEncoder())
    first, *rest = told.edits
    assert first.startswith("1 of 2 tools kept, about ")
    assert rest == [
        "system prompt of 8 characters, append",
        "parameter max_tokens;lowered;from=99;to=10",
        "header x-team set",
        "header x-old removed",
        "reasoning of outside on (high): use_reasoning: true",
        "inside answers as fine",
    ]
    assert [(hop.endpoint, hop.model) for hop in told.chain] == [("outside", "outside"), ("inside", "fine")]
    assert "Ottokar" not in json.dumps(dataclasses.asdict(told))


@pytest.mark.parametrize(
    ("use", "encoder", "clause"),
    [
        (Use(use_reasoning=False), {}, "off: use_reasoning: false"),
        (Use("auto"), {"heads": {"complexity": {"hard": 0.9}}},
         "on (medium): use_reasoning: auto, complexity 0.90, threshold 0.5"),
        (Use("auto"), {"heads": {"complexity": {"hard": 0.1}}},
         "off: use_reasoning: auto, complexity 0.10, threshold 0.5"),
        (Use("auto"), {"down": "no memory"},
         "left as sent: use_reasoning: auto, but the complexity is not known: left as sent"),
    ],
)  # fmt: skip
def test_why_a_model_thinks_is_told(use: Use, encoder: dict[str, Any], clause: str) -> None:
    told = asks(shaped(Shape(uses={"outside": use})), sent("hello"), FakeEncoder(**encoder))
    assert told.edits == (f"reasoning of outside {clause}",)


def test_every_candidate_is_told_with_its_score_or_why_it_is_out() -> None:
    profiles = {
        "outside": Profile(price=Price(input=1, output=1)),
        "other": Profile(price=Price(input=9, output=9), capabilities=Capabilities(streaming=False)),
    }
    made = shaped()
    rule_ = dataclasses.replace(made.rules[-1], action=route_to("outside", "other"))
    candidates = tuple(Candidate(made.endpoints[name], known, 0.5) for name, known in profiles.items())
    made = dataclasses.replace(made, rules=(rule_,), choices={SEMANTIC: Choosing(candidates, Scored())})
    told = asks(made, sent("hello", stream=True), FakeEncoder())
    assert [(each.endpoint, each.eliminated) for each in told.candidates] == [
        ("outside", ""), ("other", "lacks streaming"),
    ]  # fmt: skip
    assert told.candidates[0].score is not None
    assert told.because_chain.endswith(": 'outside'")
    nobody = dataclasses.replace(made, choices={SEMANTIC: Choosing(candidates[1:], Scored())})
    refused = asks(nobody, sent("hello", stream=True), FakeEncoder())
    assert (refused.status, [each.eliminated for each in refused.candidates]) == (400, ["lacks streaming"])
    assert refused.because_chain == "no candidate can serve it: 'other' lacks streaming"


def test_who_is_asked_in_another_form_and_what_it_is_not_told() -> None:
    made = policy({"a": "external", "claude": "external"}, {}, [], default=route_to("claude", "a"))
    claude = made.endpoints["claude"]
    foreign = dataclasses.replace(claude, provider=dataclasses.replace(claude.provider, kind="anthropic"))
    made = dataclasses.replace(made, endpoints={**made.endpoints, "claude": foreign})

    def told(**fields: Any) -> tuple[str, ...]:
        said = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], **fields}
        request = parse(json.dumps(said).encode())
        return trace(made, request, drive(route(made, request), lambda _: Remembered())).edits

    assert told() == ("written as anthropic_messages for claude",)
    written, dropped = told(seed=7)
    assert (written, dropped[:25]) == (
        "written as anthropic_messages for claude",
        "claude is not told seed: ",
    )
    assert told(n=2) == ("claude is left out: it cannot be sent this request",)
