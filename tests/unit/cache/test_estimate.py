"""What samples show, and when a threshold moves."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.cache.estimate import (
    HIGHEST,
    MOST,
    STEP,
    Counts,
    ErrorBudget,
    Estimate,
    is_sampled,
    upper_bound,
)
from waypost.configurable import build

BUDGET = ErrorBudget(max_error_rate=0.03, sample_rate=0.02, confidence=0.95)


def after(estimate: Estimate, wrong: int, right: int, configured: float = 0.9) -> Estimate:
    """First the right ones, so that none of them makes up for a wrong one."""
    for is_wrong in [False] * right + [True] * wrong:
        estimate = estimate.judged(BUDGET, configured, wrong=is_wrong)
    return estimate


# --- the bound --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "n", "confidence", "bound"),
    [
        (0, 1, 0.95, 0.95),
        (0, 99, 0.95, 0.02980667377),
        (0, 299, 0.95, 0.009969146793),
        (1, 99, 0.95, 0.04702123973),
        (3, 100, 0.95, 0.07571079375),
        (2, 10, 0.9, 0.4496038887),
        (10, 1000, 0.95, 0.01690317512),
        (500, 1000, 0.95, 0.5264822688),
        (99, 100, 0.95, 0.9994871986),
        (1200, 100_000, 0.95, 0.01258196392),
        (0, 100_000, 0.95, 2.995687402e-05),
        (50_000, 100_000, 0.99, 0.5036832198),
    ],
)
def test_the_bound_is_the_exact_one(wrong: int, n: int, confidence: float, bound: float) -> None:
    """Against quantiles of the beta distribution that SciPy 1.17.1 gives."""
    assert upper_bound(wrong, n, confidence) == pytest.approx(bound, rel=1e-8)


@given(st.integers(1, 60), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_at_the_bound_so_few_errors_are_just_unlikely_enough(
    n: int, data: st.DataObject, confidence: float
) -> None:
    wrong = data.draw(st.integers(0, n - 1))
    bound = upper_bound(wrong, n, confidence)
    so_few = math.fsum(math.comb(n, k) * bound**k * (1 - bound) ** (n - k) for k in range(wrong + 1))
    assert so_few == pytest.approx(1 - confidence, rel=1e-6)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_bound_lies_above_what_was_seen(wrong: int, right: int) -> None:
    counts = Counts(wrong + right, wrong)
    bound = counts.upper(0.95)
    assert 0 <= (counts.rate or 0) <= bound <= 1
    assert counts.may_exceed(bound - 1e-9, 0.95)
    assert bound == 1 or not counts.may_exceed(min(bound + 1e-9, 1 - 1e-12), 0.95)
    for rate in (0.01, 0.1, 0.5, 0.9):
        assert not counts.surely_exceeds(rate) or counts.may_exceed(rate, 0.95)
    assert counts.upper(0.95) <= counts.add(wrong=True).upper(0.95)


def test_of_nothing_nothing_is_known() -> None:
    assert (Counts().upper(0.95), Counts().rate) == (1, None)
    assert Counts().may_exceed(0.99, 0.95)
    assert not Counts().surely_exceeds(0.01)
    assert Counts(5, 5).upper(0.95) == 1
    assert not Counts(5, 0).surely_exceeds(0.001)


def test_old_samples_lose_weight() -> None:
    counts = Counts(MOST, MOST // 10).add(wrong=False)
    assert counts == Counts(MOST // 2 + 1, MOST // 20)
    assert Counts(MOST, 1).add(wrong=False).wrong == 1


# --- which hits are sampled -------------------------------------------------------------------------------


def test_about_the_share_is_drawn_that_was_asked_for() -> None:
    drawn = sum(is_sampled(b"secret", f"request-{n}", 0.02) for n in range(20_000))
    assert 330 < drawn < 470
    assert not any(is_sampled(b"secret", str(n), 0.0) for n in range(1000))
    assert all(is_sampled(b"secret", str(n), 1.0) for n in range(1000))


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_who_is_drawn_is_drawn_again_and_by_any_larger_share(ident: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert is_sampled(b"s", ident, small) == is_sampled(b"s", ident, small)
    assert is_sampled(b"s", ident, large) or not is_sampled(b"s", ident, small)


def test_who_is_drawn_depends_on_the_secret() -> None:
    one, other = ([is_sampled(key, str(n), 0.5) for n in range(100)] for key in (b"a", b"b"))
    assert one != other


# --- the threshold ----------------------------------------------------------------------------------------


def test_samples_that_are_enough() -> None:
    assert BUDGET.enough == 99
    assert ErrorBudget(max_error_rate=0.01).enough == 299


def test_few_samples_move_nothing() -> None:
    assert after(Estimate(0.9), 1, 97) == Estimate(0.9, Counts(98, 1))


def test_a_rate_that_may_be_too_high_raises_the_threshold_and_counting_begins_anew() -> None:
    assert after(Estimate(0.9), 1, 98) == Estimate(0.91)


def test_a_rate_that_surely_is_too_high_raises_it_at_once() -> None:
    assert after(Estimate(0.9), 1, 0) == Estimate(0.9, Counts(1, 1))
    assert after(Estimate(0.9), 2, 0) == Estimate(0.91)
    assert after(Estimate(0.9), 2, 1) == Estimate(0.9, Counts(3, 2))
    assert after(Estimate(0.9), 5, 24).threshold == 0.9
    assert after(Estimate(0.9), 6, 24).threshold == 0.91


def test_a_good_route_stays_where_it_is() -> None:
    assert after(Estimate(0.9), 0, 1000) == Estimate(0.9, Counts(1000, 0))


def test_what_was_raised_falls_only_when_it_is_far_within_the_budget() -> None:
    raised = Estimate(0.92)
    assert after(raised, 0, 198) == Estimate(0.92, Counts(198, 0))
    assert after(raised, 0, 199) == Estimate(0.91)
    assert after(raised, 0, 2 * 199) == Estimate(0.9)
    assert after(raised, 0, 5 * 199).threshold == 0.9


def test_a_configured_threshold_between_the_steps_is_kept_to() -> None:
    assert after(Estimate(0.90503), 0, 199, configured=0.90003).threshold == 0.90003
    assert after(Estimate(0.8), 0, 1, configured=0.95).threshold == 0.95
    assert after(Estimate(0.985), 9, 0, configured=0.9).threshold == HIGHEST


def test_at_the_highest_it_says_so_and_goes_on_counting() -> None:
    top = after(Estimate(HIGHEST), 4, 96)
    assert top == Estimate(HIGHEST, Counts(100, 4))
    assert top.is_over(BUDGET)
    assert not Estimate(HIGHEST).is_over(BUDGET)
    beyond = after(Estimate(0.995), 5, 95, configured=0.995)
    assert beyond.threshold == 0.995


@given(st.lists(st.booleans(), max_size=400), st.floats(0.5, 1))
def test_a_threshold_never_leaves_its_range_and_moves_one_step_at_a_time(
    judged: list[bool], configured: float
) -> None:
    estimate = Estimate(configured)
    for wrong in judged:
        before, estimate = estimate, estimate.judged(BUDGET, configured, wrong=wrong)
        assert configured <= estimate.threshold <= max(HIGHEST, configured)
        assert abs(estimate.threshold - before.threshold) <= STEP + 1e-4


def test_a_route_that_is_too_wrong_does_not_stay_so() -> None:
    """Whoever is wrong in 10 of 100 below 0.95 and in 1 of 200 above ends above, for most of the time."""
    draw = Random(7)
    for _ in range(5):
        estimate, below = Estimate(0.9), 0
        for _ in range(5000):
            rate = 0.1 if estimate.threshold < 0.95 else 0.005
            estimate = estimate.judged(BUDGET, 0.9, wrong=draw.random() < rate)
            below += estimate.threshold < 0.95
        assert below < 1000


# --- the block --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_error_rate", 0),
        ("max_error_rate", 1),
        ("max_error_rate", float("nan")),
        ("sample_rate", -0.1),
        ("sample_rate", 1.1),
        ("confidence", 0.5),
        ("confidence", 1),
        ("unknown", 1),
    ],
)
def test_numbers_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        build(ErrorBudget, {name: value})


def test_the_block_has_defaults() -> None:
    assert build(ErrorBudget, {}) == ErrorBudget()
    assert build(ErrorBudget, {"sample_rate": 0}).sample_rate == 0
