"""A question that always has the same answer is answered at once; no model is asked and nothing leaves."""

from tests.scenarios.story import policy, says
from waypost.testing.playbook import Playbook, answered, forwarded

DESK = policy("""
providers:
  openai: {kind: openai, api_key: from-the-vault}
models:
  gpt: {provider: openai, name: gpt-4o}
routing_rules:
  - name: who-to-call
    conditions: [{type: keyword_match, keywords: [emergency]}]
    action: {type: respond, message: "Call 112.", reasoning: No model should answer this}
default_model: gpt
""")


def test_the_answer_is_the_operators_own_sentence() -> None:
    outcome = Playbook(DESK, says("This is an emergency!")).ends(answered("Call 112.", by="who-to-call"))
    assert outcome.decision.rule.action.reasoning == "No model should answer this"


def test_whoever_names_a_model_wants_that_model() -> None:
    request = says("Write a story about an emergency", model="gpt")
    Playbook(DESK, request).ends(forwarded("gpt", by="explicit_model"))
