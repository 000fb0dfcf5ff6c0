import pytest

from waypost.decision.engine import SEMANTIC, Block, Respond, Route
from waypost.decision.expr import All, Is, Not
from waypost.testing.policies import chat, endpoints, policy, route_to, rule


def test_a_rule_fails_closed_exactly_when_it_blocks_or_binds() -> None:
    actions = {
        "block": Block(),
        "inside": route_to("a", inside="z"),
        "plain": route_to("a"),
        "fixed": Respond("x"),
    }
    assert {name: rule(name, "s", action).on_error for name, action in actions.items()} == {
        "block": "closed",
        "inside": "closed",
        "plain": "open",
        "fixed": "open",
    }


def test_a_condition_may_be_a_signals_name_or_an_expression() -> None:
    assert rule("r", "s", Block()).when == Is("s")
    assert rule("r", Not(Is("s")), Block()).when == Not(Is("s"))


def test_a_policy_ends_with_a_default_that_always_holds() -> None:
    made = policy({"gpt": "external", "onprem": "internal"}, {}, [rule("r", "s", Block())])
    assert [r.name for r in made.rules] == ["r", SEMANTIC]
    assert made.rules[-1].when == All(())
    assert made.rules[-1].action == Route(("gpt",))
    assert set(made.providers) == {"gpt-host", "onprem-host"}


def test_endpoints_lie_in_the_zones_given() -> None:
    assert {e.name: e.zone for e in endpoints({"gpt": "external", "onprem": "internal"}).values()} == {
        "gpt": "external",
        "onprem": "internal",
    }


@pytest.mark.parametrize("images", [0, 2])
def test_chat_places_images_behind_the_text(images: int) -> None:
    (message,) = chat("look", images=images).messages
    assert [part.kind for part in message.parts] == ["text"] + ["image"] * images
    assert len({part.where for part in message.parts}) == images + 1
