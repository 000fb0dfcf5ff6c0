"""Some requests must reach no model at all; a block also stands above a model the client names."""

from tests.scenarios.story import policy, says, seen_with_a_picture, sends
from waypost.journey import Refuse
from waypost.testing.playbook import Playbook, answered, forwarded, refused

SHOP = policy("""
providers:
  openai: {kind: openai, api_key: from-the-vault}
models:
  gpt: {provider: openai, name: gpt-4o}
routing_rules:
  - name: opening-hours
    conditions: [{type: keyword_match, keywords: ["opening hours"]}]
    action: {type: respond, message: "We are open from nine to five."}
  - name: no-project-bluebird
    owner: legal@example.com
    conditions: [{type: keyword_match, keywords: [bluebird]}]
    action:
      type: block
      status: 451
      message: This matter is not for assistants.
      reasoning: Under embargo
default_model: gpt
""")

BLOCKED = refused(451, by="no-project-bluebird")


def test_the_client_gets_the_rules_status_and_message() -> None:
    outcome = Playbook(SHOP, says("Tell me about Bluebird")).ends(BLOCKED)
    assert isinstance(outcome, Refuse)
    assert outcome.message == "This matter is not for assistants."
    assert outcome.decision.because == "Contains 'bluebird' keyword"


def test_naming_a_model_does_not_get_around_it() -> None:
    Playbook(SHOP, says("Tell me about Bluebird", model="gpt")).ends(BLOCKED)


def test_the_system_prompt_is_read_as_well() -> None:
    request = sends({"role": "system", "content": "You work on bluebird."}, {"role": "user", "content": "hi"})
    Playbook(SHOP, request).ends(BLOCKED)


def test_a_picture_that_could_hold_it_is_blocked_as_long_as_nobody_says_otherwise() -> None:
    unread = refused(403, "unscannable_content", by="no-project-bluebird")
    outcome = Playbook(SHOP, says(seen_with_a_picture("What is this?"))).ends(unread)
    assert outcome.decision.failed_closed
    assert outcome.decision.because == "1 part could not be read (image)"


def test_rules_are_read_from_top_to_bottom() -> None:
    request = says("What are the opening hours of Bluebird?")
    Playbook(SHOP, request).ends(answered("We are open from nine to five.", by="opening-hours"))


def test_everything_else_passes() -> None:
    Playbook(SHOP, says("hello")).ends(forwarded("gpt", by="semantic_classification"))
