"""From logits to probabilities."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.encoder.heads import Choice, Difficulty, Guard, sigmoid

LOGITS = st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3)


@given(LOGITS, st.floats(0.1, 10))
def test_probabilities_add_up_and_keep_their_order(logits: list[float], temperature: float) -> None:
    found = Choice(("a", "b", "c"), temperature).probabilities(np.array(logits, np.float32))
    assert sum(found.values()) == pytest.approx(1)
    assert list(found) == ["a", "b", "c"]
    assert max(found.values()) == list(found.values())[int(np.argmax(logits))]


def test_a_higher_temperature_is_less_sure() -> None:
    logits = np.array([2, 0, 0], np.float32)
    sure, unsure = (Choice(("a", "b", "c"), t).probabilities(logits)["a"] for t in (1, 2))
    assert sure == pytest.approx(math.e**2 / (math.e**2 + 2))
    assert unsure == pytest.approx(math.e / (math.e + 2))


def test_difficulty_is_reported_as_it_is_or_mapped() -> None:
    assert Difficulty().hard(0.3) == pytest.approx(0.3)
    assert Difficulty(2.0, 0.0).hard(0.8) == pytest.approx(sigmoid(2 * math.log(4)))
    assert Difficulty().hard(0.0) < 1e-5
    assert Difficulty().hard(1.0) > 1 - 1e-5


def test_the_worst_window_decides_and_length_is_held_against_it() -> None:
    guard = Guard(temperature=2.0, bias=-1.0, length_penalty=0.5)
    assert guard.attack([4.0]) == pytest.approx(sigmoid(1.0))
    assert guard.attack([4.0, -9.0]) == pytest.approx(sigmoid(1.0 - 0.5 * math.log(2)))


def test_nothing_read_is_no_attack() -> None:
    assert Guard(bias=5.0).attack([]) == 0


@given(st.floats(-1e9, 1e9))
def test_sigmoid_takes_any_number(x: float) -> None:
    assert 0 <= sigmoid(x) <= 1
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1)
