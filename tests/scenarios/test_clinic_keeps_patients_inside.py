"""A clinic asks a cloud model about medicine, but never about a patient.

"Names a patient's record or holds a person's data" is two conditions of which one is enough, so they stand
in an `any_of`: the conditions of a rule itself must all hold.
"""

import pytest

from tests.scenarios.story import policy, says, sends
from waypost.testing.playbook import Ending, Playbook, forwarded
from waypost.testing.signals import FakeEncoder

CLINIC = policy("""
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  cloud: {kind: openai_compatible, base_url: "https://medical.example.com/v1", api_key: from-the-vault}
models:
  hipaa-compliant-ai: {provider: onprem, name: med-27b}
  external-medical-ai: {provider: cloud, name: medical-large}
routing_rules:
  - name: patients-stay-inside
    business_justification: Patient data protection
    conditions:
      - any_of:
          - type: keyword_match
            keywords: [patient, medical record, diagnosis, treatment plan, prescription]
          - {type: pii_detection, threshold: 0.7}
    action: {type: route, endpoint: hipaa-compliant-ai, reasoning: Contains personal or patient data}
  - name: general-medicine
    conditions: [{type: keyword_match, keywords: [symptoms, treatment, medication, disease]}]
    action: {type: route, endpoint: external-medical-ai}
default_model: external-medical-ai
""")

NAMES = FakeEncoder(personal={"Anna Example": "PERSON", "7 Canal Street": "STREET_ADDRESS"})
INSIDE = forwarded("hipaa-compliant-ai", by="patients-stay-inside")
MEDICINE = forwarded("external-medical-ai", by="general-medicine")
OTHER = forwarded("external-medical-ai", by="semantic_classification")


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("Which symptoms does measles have?", MEDICINE),
        ("The patient has symptoms of measles", INSIDE),
        ("Treatment plan for measles", INSIDE),
        ("Treatment of measles", MEDICINE),
        ("Please write to anna.example@clinic.example about her disease", INSIDE),
        ("Her number is 123-45-6789, what about her medication?", INSIDE),
        ("The card 4111 1111 1111 1111 paid for the medication", INSIDE),
        ("What should Anna Example take for the disease?", INSIDE),
        ("She lives at 7 Canal Street and has symptoms", INSIDE),
        ("The card 4111 1111 1111 1112 is no card", OTHER),
        ("Good morning", OTHER),
    ],
)
def test_one_of_the_two_conditions_is_enough(text: str, ending: Ending) -> None:
    Playbook(CLINIC, says(text)).told_by(NAMES).ends(ending)


def test_what_a_keyword_or_a_pattern_finds_needs_no_classifier() -> None:
    Playbook(CLINIC, says("The patient has symptoms of measles")).ends(INSIDE)
    Playbook(CLINIC, says("Write to anna.example@clinic.example")).ends(INSIDE)


def test_when_the_classifiers_do_not_answer_everything_stays_inside() -> None:
    gone = FakeEncoder(down="the queue is full")
    outcome = Playbook(CLINIC, says("Which symptoms does measles have?")).told_by(gone).ends(INSIDE)
    assert outcome.decision.failed_closed
    assert outcome.decision.because == "not answered: the queue is full"


def test_a_chart_that_could_not_be_read_to_its_end_stays_inside() -> None:
    half = FakeEncoder(coverage=0.5)
    outcome = Playbook(CLINIC, says("symptoms, " * 10_000)).told_by(half).ends(INSIDE)
    assert outcome.decision.because == "No PII found, but only 50% of a text was read"


def test_the_evidence_names_what_was_found_and_not_the_text() -> None:
    outcome = Playbook(CLINIC, says("Write to anna.example@clinic.example")).ends(INSIDE)
    assert outcome.decision.because == "Contains PII: EMAIL_ADDRESS"
    assert "anna" not in repr(outcome.verdicts)


def test_an_address_in_a_tool_result_stays_inside_as_well() -> None:
    request = sends(
        {"role": "user", "content": "Summarise the disease"},
        {"role": "tool", "tool_call_id": "c1", "content": '{"contact": "anna.example@clinic.example"}'},
    )
    Playbook(CLINIC, request).ends(INSIDE)


def test_when_both_conditions_must_hold_a_diagnosis_without_a_name_leaves() -> None:
    """What happens without `any_of`; `waypost check` warns about it."""
    both = policy("""
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  cloud: {kind: openai_compatible, base_url: "https://medical.example.com/v1", api_key: from-the-vault}
models:
  hipaa-compliant-ai: {provider: onprem, name: med-27b}
  external-medical-ai: {provider: cloud, name: medical-large}
routing_rules:
  - name: patients-stay-inside
    conditions:
      - {type: keyword_match, keywords: [patient, diagnosis]}
      - {type: pii_detection, threshold: 0.7}
    action: {type: route, endpoint: hipaa-compliant-ai}
default_model: external-medical-ai
""")
    Playbook(both, says("What follows from this diagnosis?")).told_by(NAMES).ends(OTHER)
    Playbook(both, says("Send the diagnosis to anna.example@clinic.example")).ends(INSIDE)
