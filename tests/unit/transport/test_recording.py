"""What the audit log is told of a decision."""

import asyncio
import json
from dataclasses import replace

import pytest

from waypost.decision.engine import Block, Respond, Route, Rule
from waypost.decision.expr import Is
from waypost.dialects.openai_chat import parse
from waypost.guards.judge import Check
from waypost.guards.settings import PiiAction
from waypost.journey import Forward, Outcome, route
from waypost.policy import Policy
from waypost.record import AuditRecord, Matched
from waypost.request.chat import ChatRequest, Identity
from waypost.signals.base import Match, Verdict
from waypost.signals.pii import PiiDetection
from waypost.testing import policies
from waypost.testing.signals import Fixed
from waypost.transport.driver import drive
from waypost.transport.recording import decision_record, guard_headers

FOUND = Verdict("secret", 1.0, "Contains 'secret'", (Match("secret", "messages[0].content", 3, 9),))
ZONES = {"in1": "internal", "in2": "internal", "out": "external"}


def policy(action: Route | Block | Respond) -> Policy:
    rule = Rule("vault", Is("s"), action, "", "Because of the law", "team@example.com", "closed")
    return policies.policy(ZONES, {"s": Fixed(FOUND)}, [rule], default=Route(("out",)))


def record(made: Policy, request: ChatRequest) -> AuditRecord:
    outcome = asyncio.run(drive(route(made, request)))
    return decision_record(made, request, outcome, "id-1", "d1ge5t")


def test_a_forwarded_request() -> None:
    inside = Route(("in2", "in1"), frozenset({"internal"}), "Stays inside")
    identity = Identity(trusted=True, team="blue", user="u")
    assert record(policy(inside), policies.chat("my secret", identity=identity)) == AuditRecord(
        type="decision",
        request_id="id-1",
        outcome="forwarded",
        actor="team=blue user=u",
        decision="vault",
        rule="vault",
        owner="team@example.com",
        justification="Because of the law",
        reasoning="Stays inside",
        because="Contains 'secret'",
        matched=(Matched("s", "secret", "messages[0].content", 3, 9),),
        requested_model="auto",
        target=("in2", "in1"),
        boundary=("internal",),
        prompt_hmac="d1ge5t",
        config_sha256="test",
    )


@pytest.mark.parametrize(
    ("action", "outcome", "status"),
    [(Block(451, "no", "Not allowed"), "blocked", 451), (Respond("We open at nine."), "answered", 200)],
)
def test_a_request_that_goes_nowhere(action: Block | Respond, outcome: str, status: int) -> None:
    found = record(policy(action), policies.chat("my secret"))
    assert (found.outcome, found.status, found.target, found.boundary) == (outcome, status, (), ())
    assert found.actor == "unknown"


def test_a_refusal_inside_a_boundary_names_the_boundary() -> None:
    limited = Route(("in1",), frozenset({"internal"}), on_explicit="refuse")
    found = record(policy(limited), policies.chat("my secret", model="out"))
    assert (found.outcome, found.status, found.boundary) == ("blocked", 403, ("internal",))


def test_without_a_rule_the_decision_is_named_and_the_rule_is_empty() -> None:
    plain = policies.policy(ZONES, {}, (), default=Route(("out",)))
    found = record(plain, policies.chat("hello"))
    assert (found.decision, found.rule, found.target) == ("semantic_classification", "", ("out",))
    assert record(plain, policies.chat("hello", model="in1")).decision == "explicit_model"


@pytest.mark.parametrize(
    ("verdict", "action", "told"),
    [
        (Verdict("EMAIL_ADDRESS", 0.95, "found"), "block", ("pii block EMAIL_ADDRESS 0.950",)),
        (Verdict("PERSON", 0.7123, "found"), "reroute", ("pii reroute PERSON 0.712",)),
        (Verdict(None, 0.0, "not answered", failed="engine"), "block", ("pii block unanswered",)),
        (Verdict(None, 0.2, "nothing"), "block", ()),
    ],
)
def test_what_a_guard_found_is_on_record_once(verdict: Verdict, action: PiiAction, told: tuple[str]) -> None:
    plain = policies.policy(ZONES, {"s": Fixed(verdict)}, (), default=Route(("out", "in1")))
    checks = {name: (Check("pii", "s", action),) for name in ("out", "in1")}
    assert record(replace(plain, guards={"": checks}), policies.chat("hello")).guards == told


MAIL = PiiDetection(scope="all", unreadable="ignore", types=("EMAIL_ADDRESS",), method="patterns")


def ended(check: Check, question: Verdict | PiiDetection, text: str = "hello") -> Outcome:
    """How a request ends with one guard in front of the one model."""
    signal = Fixed(question) if isinstance(question, Verdict) else question
    plain = policies.policy(ZONES, {check.signal: signal}, (), default=Route(("out",)))
    body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
    made = replace(plain, guards={"": {"out": (check,)}})
    return asyncio.run(drive(route(made, parse(json.dumps(body).encode()))))


def test_what_was_masked_is_on_record_and_in_a_header_as_numbers() -> None:
    check = Check("pii", "s", "mask_restore")
    outcome = ended(check, MAIL, "ann@example.com, bob@example.com, ann@example.com")
    assert isinstance(outcome, Forward)
    plain = policies.policy(ZONES, {}, (), default=Route(("out",)))
    found = decision_record(plain, policies.chat(), outcome, "id-1", "")
    assert found.guards[0].startswith("pii mask_restore EMAIL_ADDRESS ")
    assert found.guards[1:] == ("masked EMAIL_ADDRESS=3",)
    assert guard_headers(outcome) == {"x-waypost-masked": "EMAIL_ADDRESS=3"}
    assert "example.com" not in str(found)


def test_where_guards_find_nothing_no_header_speaks_of_them() -> None:
    assert guard_headers(ended(Check("pii", "s", "mask"), MAIL)) == {}
    assert guard_headers(ended(Check("prompt_guard", "s", "annotate"), Verdict(None, 0.2, "no"))) == {}


def test_the_risk_of_an_attack_that_passes_is_its_score() -> None:
    outcome = ended(Check("prompt_guard", "s", "annotate"), Verdict("attack", 0.91234, "yes"))
    assert guard_headers(outcome) == {"x-waypost-risk": "0.912"}


@pytest.mark.parametrize(
    ("check", "headers"),
    [
        (Check("pii", "s", "block"), {"x-vsr-pii-violation": "true"}),
        (
            Check("prompt_guard", "s", "block"),
            {"x-vsr-jailbreak-blocked": "true", "x-vsr-jailbreak-type": "jailbreak",
             "x-vsr-jailbreak-confidence": "0.910"},
        ),
    ],
)  # fmt: skip
def test_a_guard_that_refuses_names_itself_the_type_and_the_score(
    check: Check, headers: dict[str, str]
) -> None:
    found = guard_headers(ended(check, Verdict("A_TYPE", 0.91, "yes")))
    assert found == {"x-waypost-guard": f"{check.guard}; type=A_TYPE; score=0.910"} | headers


def test_a_guard_that_could_not_judge_names_no_type() -> None:
    found = guard_headers(ended(Check("pii", "s", "block"), Verdict(None, 0.0, "gone", failed="engine")))
    assert found["x-waypost-guard"] == "pii; type=unanswered; score=0.000"


@pytest.mark.parametrize("action", [Block(), Respond("We open at nine."), Route(("out",))])
def test_a_rule_that_ends_a_request_has_no_header_of_a_guard(action: Route | Block | Respond) -> None:
    assert guard_headers(asyncio.run(drive(route(policy(action), policies.chat("my secret"))))) == {}


def test_no_word_of_the_client_is_in_a_record() -> None:
    found = record(policy(Block()), replace(policies.chat("my secret canary"), original=b"canary"))
    assert "canary" not in str(found)
