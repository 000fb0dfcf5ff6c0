"""Team rules believe the company's own proxy and nobody else; who is unknown is treated as if inside.

A client can write any header it likes, so a header alone proves nothing: only the machine that holds the
connection can vouch for it, and only if the operator has named it.
"""

import pytest

from tests.scenarios.story import arrives, policy
from waypost.request.chat import ChatRequest
from waypost.testing.playbook import Ending, Playbook, forwarded, refused

COMPANY = policy("""
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  openai: {kind: openai, api_key: from-the-vault}
models:
  inside: {provider: onprem, name: qwen3-32b}
  gpt: {provider: openai, name: gpt-4o}
trusted_hops: [10.1.0.0/16, "fd00::/8"]
routing_rules:
  - name: interns-may-not
    conditions: [{type: metadata, team: interns}]
    action: {type: block}
  - name: research-stays-inside
    conditions: [{type: metadata, team: [research, lab]}]
    action: {type: route, endpoint: inside}
default_model: gpt
""")

PROXY = "10.1.2.3:50312"
LAPTOP = "192.168.7.9:50312"
BLOCKED = refused(403, by="interns-may-not")
UNKNOWN = refused(403, "identity_unknown", by="interns-may-not")


def asks(team: str | None, peer: str = PROXY) -> ChatRequest:
    return arrives(COMPANY, "hello", peer=peer, headers={} if team is None else {"x-authz-team-id": team})


@pytest.mark.parametrize(
    ("team", "ending"),
    [
        ("research", forwarded("inside", by="research-stays-inside")),
        ("lab", forwarded("inside", by="research-stays-inside")),
        ("sales", forwarded("gpt", by="semantic_classification")),
        ("interns", BLOCKED),
    ],
)
@pytest.mark.parametrize("peer", [PROXY, "[fd00::17]:50312", "[::ffff:10.1.2.3]:50312"])
def test_what_the_proxy_says_counts(team: str, ending: Ending, peer: str) -> None:
    Playbook(COMPANY, asks(team, peer)).ends(ending)


@pytest.mark.parametrize("team", ["sales", "research", None])
@pytest.mark.parametrize("peer", [LAPTOP, "[2001:db8::1]:50312", "", "10.1.2.3", "not an address:1"])
def test_what_a_client_says_about_itself_does_not(team: str | None, peer: str) -> None:
    outcome = Playbook(COMPANY, asks(team, peer)).ends(UNKNOWN)
    assert outcome.decision.failed_closed
    assert outcome.decision.because == "no trusted hop says which team is asking"


def test_a_proxy_that_says_nothing_leaves_the_question_open() -> None:
    outcome = Playbook(COMPANY, asks(None)).ends(UNKNOWN)
    assert outcome.decision.failed_closed


def test_without_a_block_in_front_an_unknown_team_stays_inside() -> None:
    only_research = policy("""
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  openai: {kind: openai, api_key: from-the-vault}
models:
  inside: {provider: onprem, name: qwen3-32b}
  gpt: {provider: openai, name: gpt-4o}
routing_rules:
  - name: research-stays-inside
    conditions: [{type: metadata, team: research}]
    action: {type: route, endpoint: inside}
default_model: gpt
""")
    request = arrives(only_research, "hello", peer=PROXY, headers={"x-authz-team-id": "sales"})
    Playbook(only_research, request).ends(forwarded("inside", by="research-stays-inside"))
