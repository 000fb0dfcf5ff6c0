"""What entries learn, and whom they serve then."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.cache.learned import FEWEST, MOST, NEVER, Fit, Learned, Observation

cosines = st.floats(-1, 1)
observations = st.lists(st.builds(Observation, cosines, st.booleans()), max_size=80)


def learned(*seen: tuple[float, bool]) -> Learned:
    return Learned.of([Observation(*each) for each in seen])


def parted(at: float, n: int) -> Learned:
    """Right above, wrong below, evenly spread."""
    return learned(*((s := 0.85 + 0.15 * k / n, s > at) for k in range(n)))


def test_who_knows_little_refuses() -> None:
    assert Learned().threshold(0.05) == NEVER
    assert learned(*[(0.99, True)] * (FEWEST - 1)).threshold(0.5) == NEVER
    assert learned(*[(0.99, True)] * FEWEST).threshold(0.5) < 1


def test_a_few_right_answers_do_not_open_the_door_wide() -> None:
    few = learned(*[(0.93, True)] * FEWEST)
    assert few.threshold(0.03) > 0.95


def test_the_threshold_settles_above_where_answers_turn_right() -> None:
    for at in (0.88, 0.92, 0.95):
        found = parted(at, 60).threshold(0.05)
        assert at < found < at + 0.06
        fit = parted(at, 60).fit
        assert fit is not None
        assert fit.middle == pytest.approx(at, abs=0.01)


def test_an_entry_that_is_always_wrong_never_serves() -> None:
    wrong = learned(*((0.9 + 0.1 * k / 40, False) for k in range(40)))
    assert wrong.threshold(0.05) > 1


def test_where_closer_questions_fare_worse_nothing_is_served() -> None:
    upside_down = learned(*((s := 0.8 + 0.2 * k / 64, s < 0.9) for k in range(64)))
    assert upside_down.fit is None
    assert upside_down.threshold(0.5) == NEVER


def test_one_error_near_the_top_raises_it() -> None:
    good = parted(0.9, 50)
    assert good.observe(0.99, right=False).threshold(0.05) > good.threshold(0.05) + 0.01


def test_what_is_old_is_forgotten() -> None:
    entry = learned(*[(0.95, True)] * MOST)
    for _ in range(MOST):
        entry = entry.observe(0.95, right=False)
    assert entry == learned(*[(0.95, False)] * MOST)
    assert entry.threshold(0.05) > 1


@pytest.mark.parametrize("similarity", [1.01, -1.01, math.nan, math.inf])
def test_what_is_no_cosine_is_refused(similarity: float) -> None:
    with pytest.raises(ValueError, match="cosine"):
        Learned().observe(similarity, right=True)


@given(observations, st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_anything_can_be_learned_from(seen: list[Observation], one: float, other: float) -> None:
    entry = Learned.of(seen)
    strict, lax = sorted((one, other))
    assert entry.threshold(strict) >= entry.threshold(lax)
    assert not math.isnan(entry.threshold(lax))
    assert len(entry.seen) <= MOST
    if entry.fit is not None:
        assert entry.fit.steepness > 0
        assert math.isfinite(entry.fit.middle)
        assert math.isfinite(entry.fit.spread)


@given(observations)
def test_one_by_one_or_at_once_is_the_same(seen: list[Observation]) -> None:
    entry = Learned()
    for each in seen:
        entry = entry.observe(each.similarity, right=each.right)
    assert entry == Learned.of(seen)


@given(st.floats(0.5, 1), st.floats(5, 300), st.floats(0, 0.1), st.floats(0.01, 0.5))
def test_at_its_threshold_a_fit_keeps_its_word(
    middle: float, steepness: float, spread: float, rate: float
) -> None:
    """Whatever the true middle is, averaged over the chances that it is there."""
    found = Fit(middle, steepness, spread).threshold(rate)
    steps = 400
    chances = [(k + 0.5) / steps for k in range(steps)]
    right = math.fsum(
        1 / (1 + math.exp(min(700.0, -steepness * (found - middle - spread * _normal(c))))) for c in chances
    )
    assert right / steps >= 1 - rate - 3e-3


def _normal(chance: float) -> float:
    """Quantile by halving; slow and plain."""
    low, high = -8.0, 8.0
    for _ in range(40):
        at = (low + high) / 2
        low, high = (at, high) if (1 + math.erf(at / math.sqrt(2))) / 2 < chance else (low, at)
    return low


def test_without_doubt_the_threshold_lies_at_the_odds_that_are_asked_for() -> None:
    assert Fit(0.9, 100, 0.0).threshold(0.05) == pytest.approx(0.9 + math.log(19) / 100, abs=1e-4)
    assert Fit(0.9, 100, 0.0).threshold(0.00005) == NEVER


@pytest.mark.parametrize("turns", [(0.75, 0.9), (0.9, 1.0), (1.0, 1.1)])
def test_of_what_is_served_no_more_is_wrong_than_allowed(turns: tuple[float, float]) -> None:
    """Entries whose answers turn right at a random cosine; each sees what it does not serve."""
    draw = Random(11)
    served = wrong = 0
    for _ in range(12):
        middle, steepness = draw.uniform(*turns), math.exp(draw.gauss(math.log(60), 0.5))
        entry = Learned()
        for _ in range(100):
            similarity = draw.uniform(0.9, 1)
            right = draw.random() < 1 / (1 + math.exp(-steepness * (similarity - middle)))
            if similarity >= entry.threshold(0.05):
                served += 1
                wrong += not right
            else:
                entry = entry.observe(similarity, right=right)
    assert wrong <= 0.05 * served
    assert (served > 100) == (turns[0] < 0.9)
