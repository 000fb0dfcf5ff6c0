"""Rules are read from top to bottom unless `priority` says otherwise, and conditions nest."""

import pytest

from tests.scenarios.story import policy, says, seen_with_a_picture
from waypost.testing.playbook import Ending, Playbook, forwarded, refused

DESK = policy("""
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  openai: {kind: openai, api_key: from-the-vault}
models:
  inside: {provider: onprem, name: qwen3-32b}
  small: {provider: openai, name: gpt-4o-mini}
  gpt: {provider: openai, name: gpt-4o}
routing_rules:
  - name: small-talk
    conditions:
      - {type: keyword_match, keywords: [hello, thanks]}
      - none_of: [{type: keyword_match, keywords: [contract]}]
    action: {type: route, endpoint: small}
  - name: contracts-of-customers
    conditions:
      - {type: keyword_match, keywords: [contract]}
      - any_of:
          - {type: keyword_match, keywords: [customer]}
          - {type: keyword_match, keywords: [signed, draft], match: all}
    action: {type: route, endpoint: inside}
  - name: never
    priority: 10
    conditions: [{type: keyword_match, keywords: [bluebird]}]
    action: {type: block}
default_model: gpt
""")

SMALL = forwarded("small", by="small-talk")
INSIDE = forwarded("inside", by="contracts-of-customers")
DEFAULT = forwarded("gpt", by="semantic_classification")


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("hello", SMALL),
        ("hello, about that contract", DEFAULT),
        ("hello, the contract of a customer", INSIDE),
        ("a contract", DEFAULT),
        ("a signed contract", DEFAULT),
        ("the draft, signed, of a contract", INSIDE),
        ("hello bluebird", refused(403, by="never")),
    ],
)
def test_what_is_written_is_what_happens(text: str, ending: Ending) -> None:
    Playbook(DESK, says(text)).ends(ending)


def test_an_internal_endpoint_is_a_boundary_without_being_told() -> None:
    request = says("the contract of a customer", model="gpt")
    Playbook(DESK, request).ends(INSIDE)


def test_a_picture_leaves_open_what_else_is_said_about_the_contract() -> None:
    made = policy("""
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  openai: {kind: openai, api_key: from-the-vault}
models:
  inside: {provider: onprem, name: qwen3-32b}
  gpt: {provider: openai, name: gpt-4o}
routing_rules:
  - name: contracts-unless-public
    conditions:
      - {type: keyword_match, keywords: [contract]}
      - none_of: [{type: keyword_match, keywords: [public]}]
    action: {type: route, endpoint: inside}
default_model: gpt
""")
    outcome = Playbook(made, says(seen_with_a_picture("this contract"))).ends(
        forwarded("inside", by="contracts-unless-public")
    )
    assert outcome.decision.failed_closed
    Playbook(made, says("this public contract")).ends(DEFAULT)
