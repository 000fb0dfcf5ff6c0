"""The inside is the default, and what is surely harmless may go to the cloud.

`none_of` says "surely harmless". A picture that nobody can read is not that, so the rule is skipped and the
request stays where the default is.
"""

import pytest

from tests.scenarios.story import policy, says, seen_with_a_picture, sends
from waypost.testing.playbook import Playbook, forwarded
from waypost.testing.signals import FakeEncoder

CAREFUL = """
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  openai: {kind: openai, api_key: from-the-vault}
models:
  inside: {provider: onprem, name: qwen3-32b}
  gpt: {provider: openai, name: gpt-4o}
routing_rules:
  - name: harmless
    conditions:
      - none_of:
          - {type: keyword_match, keywords: [confidential]}
          - {type: pii_detection}
    action: {type: route, endpoint: gpt}
default_model: inside
"""

OUTSIDE = forwarded("gpt", by="harmless")
INSIDE = forwarded("inside", by="semantic_classification")


def test_a_harmless_question_may_leave() -> None:
    Playbook(policy(CAREFUL), says("Why is the sky blue?")).told_by(FakeEncoder()).ends(OUTSIDE)


def test_a_keyword_or_an_address_keeps_it_inside() -> None:
    Playbook(policy(CAREFUL), says("Is this confidential?")).ends(INSIDE)
    Playbook(policy(CAREFUL), says("Write to anna@clinic.example")).ends(INSIDE)


def test_a_name_keeps_it_inside() -> None:
    names = FakeEncoder(personal={"Anna Example": "PERSON"})
    Playbook(policy(CAREFUL), says("Who is Anna Example?")).told_by(names).ends(INSIDE)


@pytest.mark.parametrize(
    "encoder", [FakeEncoder(down="gone"), FakeEncoder(coverage=0.9)], ids=["down", "half"]
)
def test_what_the_classifiers_did_not_read_is_not_surely_harmless(encoder: FakeEncoder) -> None:
    Playbook(policy(CAREFUL), says("Why is the sky blue?")).told_by(encoder).ends(INSIDE)


def test_a_picture_is_not_surely_harmless() -> None:
    photo = says(seen_with_a_picture("What is this?"))
    outcome = Playbook(policy(CAREFUL), photo).told_by(FakeEncoder()).ends(INSIDE)
    assert not outcome.decision.failed_closed


def test_an_operator_may_decide_that_pictures_are_harmless() -> None:
    made = policy(f"{CAREFUL}\nunscannable: allow")
    Playbook(made, says(seen_with_a_picture("What is this?"))).told_by(FakeEncoder()).ends(OUTSIDE)


def test_an_address_in_the_system_prompt_is_not_harmless_either() -> None:
    request = sends(
        {"role": "system", "content": "You write to anna@clinic.example"},
        {"role": "user", "content": "Summarise this."},
    )
    Playbook(policy(CAREFUL), request).ends(INSIDE)
