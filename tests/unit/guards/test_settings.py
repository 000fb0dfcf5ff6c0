"""Levels of guards: each key from the narrowest that says something."""

from waypost.guards.settings import PROTECTED, AttackLevel, PiiLevel, narrowest
from waypost.signals.pii import PiiDetection


def test_each_key_comes_from_the_first_level_that_says_something() -> None:
    rule = PiiLevel(action="mask")
    model = PiiLevel(threshold=0.9, action="block")
    zone = PiiLevel(types=("IBAN_CODE",), threshold=0.1)
    assert narrowest((rule, model, zone)) == {"action": "mask", "threshold": 0.9, "types": ("IBAN_CODE",)}


def test_false_and_empty_are_something_that_a_level_says() -> None:
    assert narrowest((PiiLevel(enabled=False), PiiLevel(enabled=True)))["enabled"] is False
    assert narrowest((PiiLevel(types=()), PiiLevel(types=("PERSON",))))["types"] == ()
    assert narrowest((AttackLevel(threshold=0.0), AttackLevel(threshold=0.5)))["threshold"] == 0.0


def test_what_no_level_says_is_missing() -> None:
    assert narrowest(()) == {}
    assert narrowest((PiiLevel(), PiiLevel())) == {}


def test_the_protective_default_asks_no_classifier_and_looks_for_every_type_it_names() -> None:
    assert PROTECTED.types is not None
    signal = PiiDetection(types=PROTECTED.types, method="patterns")
    assert not signal.heads
    assert all(name in signal.sentence() for name in PROTECTED.types)
