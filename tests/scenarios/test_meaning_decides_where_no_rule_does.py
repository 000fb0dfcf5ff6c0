"""A shop sends mathematics, code and refunds to models that are good at them, without a list of keywords.

What rules claim they keep, and a rule of keywords makes no model call. Where nothing is likely enough, the
category `other` takes the request; where nothing is known at all, the default model does.
"""

from collections.abc import Mapping

import pytest

from tests.scenarios.story import policy, says, sends
from waypost.journey import Forward
from waypost.needs import Encode, Recall, Remembered
from waypost.signals.base import Examples
from waypost.testing.playbook import Ending, Playbook, forwarded
from waypost.testing.signals import FakeEncoder

REFUNDS = ("I want my money back.", "The parcel never came.", "When do I get my refund?")

SHOP = policy(f"""
providers:
  onprem: {{kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}}
  openai: {{kind: openai, api_key: from-the-vault}}
models:
  desk: {{provider: onprem, name: qwen3-32b}}
  maths: {{provider: openai, name: o5}}
  coder: {{provider: openai, name: coder-large}}
  gpt: {{provider: openai, name: gpt-4o}}
  small: {{provider: openai, name: gpt-4o-mini}}
routing_rules:
  - name: opening-hours
    conditions: [{{type: keyword_match, keywords: ["opening hours"]}}]
    action: {{type: route, endpoint: small}}
  - name: customers-stay-inside
    conditions: [{{type: pii_detection, types: [PERSON]}}]
    action: {{type: route, endpoint: desk}}
categories:
  - {{name: math, model_scores: [{{model: gpt, score: 0.6}}, {{model: maths, score: 0.9}}]}}
  - {{name: code, intent: [code_generation, code_debugging], model_scores: [{{model: coder, score: 1}}]}}
  - {{name: refunds, examples: {list(REFUNDS)}, model_scores: [{{model: desk, score: 1}}]}}
  - {{name: other, model_scores: [{{model: small, score: 1}}]}}
default_model: gpt
""")

SEMANTIC = "semantic_classification"
MATHS = forwarded("maths", "gpt", by=SEMANTIC)
CODE = forwarded("coder", by=SEMANTIC)
DESK = forwarded("desk", by=SEMANTIC)
OTHER = forwarded("small", by=SEMANTIC)
DEFAULT = forwarded("gpt", by=SEMANTIC)


def finds(
    domain: Mapping[str, float] | None = None,
    intent: Mapping[str, float] | None = None,
    likenesses: Mapping[str, float] | None = None,
) -> FakeEncoder:
    """An encoder that found this in the text."""
    heads = {"domain": domain or {}, "intent": intent or {}}
    return FakeEncoder(heads, likenesses=likenesses or {})


@pytest.mark.parametrize(
    ("text", "encoder", "ending", "category"),
    [
        ("What is the derivative of x squared?", finds({"math": 0.9}, {"math_problem": 0.9}), MATHS, "math"),
        ("Reverse a list in Go.", finds({"math": 0.3}, {"code_generation": 0.8}), CODE, "code"),
        ("Fix this loop", finds(intent={"code_generation": 0.3, "code_debugging": 0.4}), CODE, "code"),
        ("Send me my money", finds({"business": 0.7}, likenesses={REFUNDS[0]: 0.8}), DESK, "refunds"),
        ("Sum up my refund", finds({"math": 0.9}, likenesses={REFUNDS[2]: 0.7}), DESK, "refunds"),
        ("Tell me about Rome", finds({"history": 0.9}, {"knowledge_qa": 0.9}), OTHER, "other"),
        ("Numbers of Rome", finds({"history": 0.5, "math": 0.4}), OTHER, "other"),
    ],
)
def test_the_likeliest_category_decides(
    text: str, encoder: FakeEncoder, ending: Ending, category: str
) -> None:
    outcome = Playbook(SHOP, says(text)).told_by(encoder).ends(ending)
    assert outcome.decision.rule.category == category
    assert len(encoder.passes) == 1


def test_one_need_asks_for_everything_that_competes_and_for_what_guards_read() -> None:
    text = "What is the derivative of x squared?"
    heads = frozenset({"domain", "intent", "similarity", "pii"})
    Playbook(SHOP, says(text)).needs(Encode(heads, text, (text,), (Examples(REFUNDS),)))


def test_the_last_turn_is_what_it_is_about_and_a_short_one_leans_on_the_one_before() -> None:
    request = sends(
        {"role": "user", "content": "What is the derivative of x squared?"},
        {"role": "assistant", "content": "2x"},
        {"role": "user", "content": "And the integral?"},
    )
    seen: list[Encode] = []

    def answer(need: object) -> object:
        if isinstance(need, Recall):
            return Remembered()
        assert isinstance(need, Encode)
        seen.append(need)
        return finds({"math": 0.9})(need)

    Playbook(SHOP, request).told_by(answer).ends(MATHS)
    assert seen[0].focus == "What is the derivative of x squared?\nAnd the integral?"


def test_a_keyword_in_front_of_categories_makes_no_pass() -> None:
    Playbook(SHOP, says("What are the opening hours of the maths desk?")).ends(
        forwarded("small", by="opening-hours")
    )


def test_a_rule_with_a_boundary_wins_over_the_category_of_the_same_pass() -> None:
    encoder = FakeEncoder({"domain": {"math": 0.9}, "intent": {}}, personal={"Ann Lee": "PERSON"})
    Playbook(SHOP, says("Sum up what Ann Lee owes")).told_by(encoder).ends(
        forwarded("desk", by="customers-stay-inside")
    )
    assert len(encoder.passes) == 1


def test_a_category_whose_models_lie_inside_stays_inside() -> None:
    outcome = Playbook(SHOP, says("Send me my money")).told_by(finds(likenesses={REFUNDS[0]: 0.8})).ends(DESK)
    assert isinstance(outcome, Forward)
    assert outcome.selection.boundary == {"internal"}


def test_a_named_model_is_honoured_whatever_it_is_about() -> None:
    encoder = finds({"math": 0.9})
    Playbook(SHOP, says("What is the derivative of x squared?", model="small")).told_by(encoder).ends(
        forwarded("small", by="explicit_model")
    )
    assert encoder.passes == [frozenset({"pii"})], (
        "only the guard is asked; it also stands above named models"
    )


def test_when_nothing_is_known_rules_that_keep_data_inside_apply() -> None:
    outcome = (
        Playbook(SHOP, says("What is the derivative of x squared?"))
        .told_by(FakeEncoder(down="the queue is full"))
        .ends(forwarded("desk", by="customers-stay-inside"))
    )
    assert outcome.decision.failed_closed


PLAIN = policy("""
providers:
  openai: {kind: openai, api_key: from-the-vault}
models:
  maths: {provider: openai, name: o5}
  gpt: {provider: openai, name: gpt-4o}
  small: {provider: openai, name: gpt-4o-mini}
categories:
  - {name: math, model_scores: [{model: maths, score: 1}]}
  - {name: other, model_scores: [{model: small, score: 1}]}
default_model: gpt
""")


def test_when_nothing_is_known_the_default_model_answers_and_not_a_category() -> None:
    gone = FakeEncoder(down="the queue is full")
    outcome = Playbook(PLAIN, says("What is two and two?")).told_by(gone).ends(DEFAULT)
    assert outcome.decision.rule.category == ""
    assert not outcome.decision.failed_closed
