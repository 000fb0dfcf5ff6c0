from dataclasses import FrozenInstanceError, replace

import pytest

from waypost.decision.engine import SEMANTIC, Rule
from waypost.decision.expr import All
from waypost.guards.judge import Check
from waypost.mutations.reasoning import FAMILIES, Lora
from waypost.mutations.shape import PLAIN, Shape
from waypost.mutations.target import Use, target
from waypost.testing.policies import policy, route_to, rule


def test_a_policy_cannot_be_changed_only_replaced() -> None:
    made = policy({"gpt": "external"}, {}, [])
    with pytest.raises(FrozenInstanceError):
        made.revision = "other"  # type: ignore[misc]


def test_unreadable_parts_close_a_rule_unless_the_file_says_otherwise() -> None:
    made = policy({"gpt": "external"}, {}, [])
    assert made.unscannable.action == "close"
    assert made.auto_names == {"auto", "MoM"}


def test_nobody_vouches_for_a_caller_unless_the_file_names_them() -> None:
    assert policy({"gpt": "external"}, {}, []).identity.trusted_hops == ()


MADE = policy({"gpt": "external", "onprem": "internal"}, {}, [])
GUARD = Check("pii", "pii", "block")
OWN = rule("own", All(()), route_to("gpt"))
MATH = Rule(SEMANTIC, All(()), route_to("gpt"), category="math")


def test_guards_of_a_rule_replace_those_of_all_rules() -> None:
    made = replace(MADE, guards={"": {"gpt": (GUARD,)}, "own": {}, MATH.key: {"onprem": (GUARD,)}})
    gpt, onprem = made.endpoints["gpt"], made.endpoints["onprem"]
    other = rule("other", All(()), route_to("gpt"))
    assert [made.checks(each, gpt) for each in (other, OWN, MATH)] == [(GUARD,), (), ()]
    assert [made.checks(each, onprem) for each in (other, OWN, MATH)] == [(), (), (GUARD,)]
    assert MADE.checks(OWN, gpt) == ()


def test_a_shape_is_that_of_the_rule_of_all_rules_or_plain() -> None:
    file, own = Shape(prompt="file"), Shape(prompt="own")
    assert MADE.shape(OWN) is PLAIN
    assert replace(MADE, shapes={"": file}).shape(OWN) is file
    assert replace(MADE, shapes={"": file, "own": own}).shape(OWN) is own
    assert replace(MADE, shapes={"own": own}).shape(MATH) is PLAIN


def test_a_client_names_a_model_or_an_adapter_of_one() -> None:
    fine = Lora(name="fine")
    made = replace(MADE, adapters={"fine": ("onprem", fine)})
    assert made.named("gpt") == (made.endpoints["gpt"], Use())
    assert made.named("fine") == (made.endpoints["onprem"], Use(lora=fine))
    assert made.named("auto") is made.named("") is None


def test_everything_that_can_be_asked_is_listed_once() -> None:
    fine, families = Lora(name="fine"), {"onprem": FAMILIES["gpt"]}
    thinks, tuned = Use(use_reasoning=True, effort="high"), Use(lora=fine)
    made = replace(
        MADE,
        shapes={
            "": PLAIN,
            "a": Shape(uses={"onprem": thinks}),
            "b": Shape(uses={"onprem": thinks, "gpt": Use()}),
        },
        adapters={"fine": ("onprem", fine)},
        families=families,
    )
    gpt, onprem = made.endpoints["gpt"], made.endpoints["onprem"]
    family = FAMILIES["gpt"]
    assert list(made.targets()) == [
        target(gpt, Use(), None),
        target(onprem, Use(), family),
        target(onprem, thinks, family),
        target(onprem, tuned, family),
    ]


def test_no_two_targets_of_a_policy_are_told_apart_by_nothing() -> None:
    uses = {"onprem": Use("auto", "low"), "gpt": Use(use_reasoning=False)}
    families = {"onprem": FAMILIES["gpt"], "gpt": FAMILIES["gpt"]}
    made = replace(MADE, shapes={"a": Shape(uses=uses)}, families=families)
    said = {(t.key, t.model, t.reasoning.on if t.reasoning and t.says_more else None) for t in made.targets()}
    assert len({key for key, _, _ in said}) == len(said)
