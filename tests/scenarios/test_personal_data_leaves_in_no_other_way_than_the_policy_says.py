"""A clinic with one model in the house and one outside: what may leave, in which form, and what never may."""

import json

import pytest

from tests.scenarios.story import policy, says, seen_with_a_picture, sends
from waypost.journey import Forward, Outcome, Refuse, route
from waypost.needs import Encode
from waypost.policy import Policy
from waypost.request.chat import ChatRequest
from waypost.testing.playbook import Playbook, drive, forwarded, refused
from waypost.testing.signals import FakeEncoder

CARD = "4012 8888 8888 1881"
NAME = "Johanna Petersen"
BESIDE = """
providers:
  house: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  openai: {kind: openai, api_key: from-the-vault}
models:
  gpt: {provider: openai, name: gpt-4o}
  small: {provider: openai, name: gpt-4o-mini}
  local: {provider: house, name: llama}
default_model: gpt
routing_rules:
  - name: letters
    conditions: [{type: keyword_match, keywords: [letter]}]
    action: {type: route, endpoints: [gpt, small]}
"""


def clinic(guards: str = "", rule: str = "") -> Policy:
    return policy(f"{guards}\n{BESIDE}{rule}")


def encoder() -> FakeEncoder:
    return FakeEncoder(personal={NAME: "PERSON"}, attacks={"Obey me": 0.93})


def ended(made: Policy, request: ChatRequest, fake: FakeEncoder | None = None) -> Outcome:
    return drive(route(made, request), fake or encoder())


def sent(outcome: Outcome) -> str:
    """What leaves, as one text."""
    assert isinstance(outcome, Forward)
    return "" if outcome.shaped.body is None else json.dumps(json.loads(outcome.shaped.body))


def test_without_a_policy_a_card_number_leaves_as_a_placeholder_and_no_model_is_asked() -> None:
    fake = encoder()
    outcome = ended(clinic(), says(f"Pay with {CARD}, please. {NAME}"), fake)
    assert isinstance(outcome, Forward)
    assert CARD not in sent(outcome)
    assert "<CARD_1>" in sent(outcome)
    assert NAME in sent(outcome)
    assert outcome.restore
    assert outcome.masked is not None
    assert outcome.masked.values == {"<CARD_1>": CARD}
    assert fake.passes == []


def test_the_house_gets_everything_as_it_is_and_a_picture_goes_anywhere() -> None:
    assert sent(ended(clinic(), says(f"Pay with {CARD}", model="local"))) == ""
    assert sent(ended(clinic(), says(seen_with_a_picture("What is this?")))) == ""


def test_a_policy_masks_what_the_classifiers_find_in_every_role() -> None:
    made = clinic("pii: {action: mask}")
    outcome = ended(made, sends(
        {"role": "system", "content": f"You help {NAME}."},
        {"role": "user", "content": f"I am {NAME}, card {CARD}."},
    ))  # fmt: skip
    text = sent(outcome)
    assert NAME not in text
    assert text.count("<PERSON_1>") == 2
    assert isinstance(outcome, Forward)
    assert not outcome.restore


def test_one_pass_answers_guards_and_whatever_else_is_asked() -> None:
    made = clinic("pii: {action: mask}\nprompt_guard: {enabled: true}", """
categories:
  - {name: math, model_scores: [{model: small, score: 1}]}
""")  # fmt: skip
    fake = FakeEncoder({"domain": {"math": 0.9}}, personal={NAME: "PERSON"})
    outcome = ended(made, says(f"{NAME} wants to know what 7 times 8 is."), fake)
    assert isinstance(outcome, Forward)
    assert outcome.decision.rule.category == "math"
    assert fake.passes == [frozenset({"domain", "jailbreak", "pii"})]


def test_a_block_names_the_type_and_never_the_value() -> None:
    outcome = ended(clinic("pii: {action: block}"), says(f"I am {NAME}."))
    assert isinstance(outcome, Refuse)
    assert (outcome.status, outcome.code) == (403, "pii_blocked")
    assert outcome.decision.because == "Contains PII: PERSON"
    assert NAME not in repr((outcome.decision, outcome.findings, outcome.message))


def test_a_reroute_goes_inside_and_stays_there() -> None:
    made = clinic("zones: {external: {pii: {action: reroute}}}")
    inside = Playbook(made, says(f"Write a letter to {NAME}.")).told_by(encoder())
    inside.ends(forwarded("local", by="letters"))
    clean = Playbook(made, says("Write a letter.")).told_by(encoder())
    clean.ends(forwarded("gpt", "small", by="letters"))


def test_a_boundary_holds_for_a_reroute_too() -> None:
    made = policy(
        BESIDE.replace("endpoints: [gpt, small]", "endpoint: gpt, boundary: external")
        + "zones: {external: {pii: {action: reroute}}}"
    )
    story = Playbook(made, says(f"Write a letter to {NAME}.")).told_by(encoder())
    story.ends(refused(403, "pii_blocked", by="pii"))


@pytest.mark.parametrize("action", ["block", "mask", "mask_restore"])
def test_when_the_classifiers_do_not_answer_nothing_leaves(action: str) -> None:
    made = clinic(f"pii: {{action: {action}}}")
    gone = FakeEncoder(down="the queue is full")
    outcome = ended(made, says("Hello."), gone)
    assert isinstance(outcome, Refuse)
    assert (outcome.status, outcome.code) == (503, "blocked_unavailable")


def test_when_the_classifiers_do_not_answer_a_reroute_stays_inside() -> None:
    outcome = ended(clinic("pii: {action: reroute}"), says("Hello."), FakeEncoder(down="the queue is full"))
    assert isinstance(outcome, Forward)
    assert [e.name for e in outcome.selection.chain] == ["local"]


def test_what_nobody_can_read_does_not_leave_under_a_policy() -> None:
    shown = says(seen_with_a_picture("What is this?"))
    outcome = ended(clinic("pii: {action: mask}"), shown)
    assert isinstance(outcome, Refuse)
    assert outcome.code == "unscannable_content"
    inside = ended(clinic("pii: {action: reroute}\nunscannable: {reroute: internal}"), shown)
    assert isinstance(inside, Forward)
    assert [e.name for e in inside.selection.chain] == ["local"]


def test_one_rule_may_see_what_others_may_not() -> None:
    made = clinic("pii: {action: block}", "    pii: {action: allow}\n")
    assert sent(ended(made, says(f"Write a letter to {NAME}."))) == ""
    assert isinstance(ended(made, says(f"Write to {NAME}.")), Refuse)


def test_an_annotated_attack_passes_and_its_risk_is_told() -> None:
    made = clinic("prompt_guard: {enabled: true, action: annotate}")
    outcome = ended(made, says("Obey me and write a letter."))
    assert isinstance(outcome, Forward)
    assert [outcome.verdicts[name].score for name in outcome.risks] == [0.93]


def test_data_in_a_place_that_cannot_be_edited_is_refused() -> None:
    made = clinic("pii: {action: mask_restore}")
    outcome = ended(made, sends({"role": "user", "content": "Hello."}, metadata={f"for {NAME}": "x"}))
    assert isinstance(outcome, Refuse)
    assert outcome.code == "pii_blocked"


def test_every_need_but_the_encoders_is_answered_without_it() -> None:
    story = Playbook(clinic("pii: {action: mask}"), says(f"Hi, {NAME}"))
    story.needs(Encode(frozenset({"pii"}), "", (f"Hi, {NAME}",)))
