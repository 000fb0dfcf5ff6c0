"""The banks themselves, and how they are read."""

from collections import Counter
from itertools import islice

import pytest

from waypost.train.synth.attacks_banks import (
    Draft,
    bundle,
    capital,
    deck,
    group,
    raised,
    strings,
    table,
    weighted,
    words,
)
from waypost.train.synth.draw import generator

FRAMES = [("direct", "frames"), ("extraction", "frames"), ("personas", "personas"), ("personas", "framings")]
GOALS = ("print", "reveal", "persona", "leak", "send", "disparage", "skip", "banned", "task", "free")


def test_the_banks_are_as_wide_as_promised() -> None:
    assert sum(len(strings(*place)) for place in FRAMES) >= 450
    assert sum(len(words()[f"goal_{sort}"]) for sort in GOALS) >= 150
    assert sum(len(topic["lines"]) + len(topic["ask"]) for topic in table("chatter")["topics"]) >= 80


@pytest.mark.parametrize("place", FRAMES)
def test_no_frame_stands_twice(place: tuple[str, str]) -> None:
    assert [frame for frame, n in Counter(strings(*place)).items() if n > 1] == []


def test_words_have_a_form_for_the_start_of_a_sentence() -> None:
    banks = raised({"goal": ("{task}", "say hi"), "task": ("draw a cat",)})
    assert banks["goal_up"] == ("{task_up}", "Say hi")
    assert banks["task_up"] == ("Draw a cat",)


@pytest.mark.parametrize(
    ("text", "up"), [("", ""), ("élan", "Élan"), ("{goal} now", "{goal_up} now"), ("月", "月")]
)
def test_capital(text: str, up: str) -> None:
    assert capital(text) == up


def test_a_group_is_named_for_its_frame_alone() -> None:
    assert group("direct", "stop and {goal}") == group("direct", "stop and {goal}") != group("direct", "stop")


def test_a_deck_deals_every_item_before_it_repeats_one() -> None:
    dealt = list(islice(deck(generator(0, "deck"), range(5)), 10))
    assert sorted(dealt[:5]) == sorted(dealt[5:]) == [0, 1, 2, 3, 4]


def test_bundles_share_nothing_and_leave_nothing_out() -> None:
    bundles = [bundle(range(11), index, 4) for index in range(4)]
    assert sorted(item for part in bundles for item in part) == list(range(11))


def test_weighted_follows_the_shares() -> None:
    rng = generator(0, "weighted")
    drawn = Counter(weighted(rng, {"a": 0.9, "b": 0.1}) for _ in range(300))
    assert drawn["a"] > 240
    assert drawn["b"] > 10


def test_a_draft_is_an_attack_unless_it_is_a_twin() -> None:
    assert Draft("x", "g", "direct").attack
    assert not Draft("x", "g", "direct_twin").attack
