import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.evaluate.routing import (
    bins,
    choices,
    mixed,
    oracle,
    recovered,
    table,
    together,
    traded,
)

OUTCOMES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=8, max_size=60)


def outcomes(n: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (rng.random(n) < 0.6).astype(np.float64), (rng.random(n) < 0.85).astype(np.float64)


def test_knowing_nothing_is_chance() -> None:
    weak, strong = outcomes()
    found = recovered(np.zeros(len(weak)), weak, strong)
    assert found.apgr.value == pytest.approx(0.5)
    assert found.cpt50.value == pytest.approx(0.5)
    assert found.cpt80.value == pytest.approx(0.8)
    assert (found.weak.value, found.strong.value) == (
        pytest.approx(weak.mean()),
        pytest.approx(strong.mean()),
    )


def test_a_perfect_score_by_hand() -> None:
    # Ten questions; the strong model alone knows four, the weak one none that the strong one does not.
    weak = np.array([1.0] * 5 + [0.0] * 5)
    strong = np.array([1.0] * 9 + [0.0])
    found = recovered(oracle(weak, strong), weak, strong)
    assert found.quality == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9] + [0.9] * 6)
    assert found.apgr.value == pytest.approx((0.125 + 0.375 + 0.625 + 0.875 + 6) / 10)
    assert found.cpt50.value == pytest.approx(0.2)
    assert found.cpt80.value == pytest.approx(0.32)


def test_the_worst_score_is_the_best_upside_down() -> None:
    weak, strong = outcomes()
    best = recovered(oracle(weak, strong), weak, strong).apgr.value
    worst = recovered(-oracle(weak, strong), weak, strong).apgr.value
    assert best is not None
    assert worst is not None
    assert best + worst == pytest.approx(1)


@settings(max_examples=20)
@given(OUTCOMES, st.integers(0, 9))
def test_no_score_beats_the_oracle(rows: list[tuple[int, int]], seed: int) -> None:
    weak, strong = (np.array(side, np.float64) for side in zip(*rows, strict=True))
    scores = np.random.default_rng(seed).random(len(rows))
    ours = np.array(recovered(scores, weak, strong).quality)
    best = np.array(recovered(oracle(weak, strong), weak, strong).quality)
    assert (ours <= best + 1e-9).all()
    assert (ours[0], ours[-1]) == (pytest.approx(weak.mean()), pytest.approx(strong.mean()))


def test_a_strong_model_that_is_not_better_has_no_gap_to_recover() -> None:
    weak = np.ones(20)
    found = recovered(np.arange(20.0), weak, weak)
    assert (found.apgr.value, found.apgr.low) == (None, None)


def test_intervals_hold_the_value_and_narrow_with_more_questions() -> None:
    widths: list[float] = []
    for n in (200, 3200):
        weak, strong = outcomes(n)
        found = recovered(np.random.default_rng(2).random(n), weak, strong).apgr
        assert found.low is not None
        assert found.high is not None
        assert found.value is not None
        assert found.low <= found.value <= found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


PRICES = np.array([1.0, 10.0])


def test_the_best_is_chosen_when_money_is_no_object_and_the_cheapest_when_it_is() -> None:
    expected = np.array([[0.5, 0.6], [0.5, 0.9]])
    every = choices(expected, PRICES)
    assert every[0].tolist() == [1, 1]
    assert every[-1].tolist() == [0, 0]
    assert [0, 1] in [choice.tolist() for choice in every], "in between the dear one goes where it gains most"


def test_knowing_the_outcome_buys_more_for_less() -> None:
    weak, strong = outcomes()
    correct = np.stack([weak, strong], 1)
    found = traded(correct, correct, PRICES)
    assert found.quality[-1] == pytest.approx(np.maximum(weak, strong).mean())
    assert found.costs == tuple(sorted(found.costs))
    assert found.at_half.value is not None
    assert found.at_half.value > strong.mean()
    assert found.to_match.value is not None
    assert found.to_match.value < 0.5


def test_knowing_nothing_matches_the_best_at_its_price() -> None:
    weak, strong = outcomes()
    correct = np.stack([weak, strong], 1)
    found = traded(np.tile(correct.mean(0), (len(weak), 1)), correct, PRICES)
    assert found.to_match.value == pytest.approx(1)


def test_lots_are_drawn_only_between_models_worth_their_price() -> None:
    costs, best = mixed(np.array([0.5, 0.4, 0.75, 0.55, 0.9]), np.array([1.0, 2.0, 3.0, 2.0, 5.0]))
    assert costs.tolist() == [1, 3, 5]
    assert best.tolist() == [0.5, 0.75, 0.9]


def test_of_two_models_at_one_price_the_better_one_counts() -> None:
    costs, best = mixed(np.array([0.5, 0.6]), np.array([1.0, 1.0]))
    assert (costs.tolist(), best.tolist()) == ([1.0], [0.6])


def test_no_question_is_judged_by_its_own_fold() -> None:
    cells = np.zeros(200, np.int64)
    folds = np.arange(200) % 2
    correct = (folds == 0).astype(np.float64)[:, None]
    assert table(cells, correct, folds)[:, 0].tolist() == [0.0, 1.0] * 100


def test_small_cells_are_drawn_to_the_mean() -> None:
    cells = np.array([0] * 96 + [1] * 4)
    correct = np.where(cells == 0, 0.0, 1.0)[:, None]
    expected = table(cells, correct, np.arange(100) % 2)
    assert expected[0, 0] < 0.05
    assert 0.1 < expected[-1, 0] < 0.5


def test_tables_add_up_and_stay_probabilities() -> None:
    correct = np.array([[1.0], [0.0]])
    both = together([np.array([[0.9], [0.1]]), np.array([[0.8], [0.3]])], correct)
    assert both[:, 0].tolist() == [1.0, 0.0]


def test_bins_are_of_equal_size_and_keep_equals_together() -> None:
    assert np.bincount(bins(np.arange(100.0), 4)).tolist() == [25, 25, 25, 25]
    assert len(set(bins(np.ones(10), 4).tolist())) == 1
