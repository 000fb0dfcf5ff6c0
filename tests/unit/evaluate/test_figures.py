import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.evaluate.figures import (
    Figure,
    area,
    calibration_error,
    harmonic,
    midranks,
    percentiles,
    ratio,
    recall_at,
    reliability,
    resampled,
    roc,
    share,
    spearman,
    threshold_at,
)

SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9, 1.0]), min_size=1, max_size=12)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def flags(*values: int) -> np.ndarray:
    return np.array(values, np.bool_)


def test_a_share_has_wilsons_interval() -> None:
    found = share(8, 10)
    assert (found.value, found.n) == (0.8, 10)
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


@pytest.mark.parametrize(("hits", "low", "high"), [(0, 0.0, 0.1611), (20, 0.8389, 1.0)])
def test_none_and_all_are_no_certainty(hits: int, low: float, high: float) -> None:
    found = share(hits, 20)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_share_of_nothing_is_not_defined() -> None:
    assert share(0, 0) == Figure(None, 0)


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_order(upper: list[float], lower: list[float]) -> None:
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in upper for b in lower]
    positive = flags(*[1] * len(upper), *[0] * len(lower))
    found = area(floats(*upper, *lower), positive)
    assert found.value == pytest.approx(sum(wins) / len(wins))
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1


def test_the_areas_interval_is_delongs() -> None:
    upper, lower = [0.9, 0.8, 0.55, 0.4], [0.7, 0.3, 0.2, 0.1, 0.55]
    wins = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in lower] for a in upper])
    value = wins.mean()
    variance = wins.mean(1).var(ddof=1) / 4 + wins.mean(0).var(ddof=1) / 5
    half = 1.959964 * math.sqrt(variance) / (value * (1 - value))
    low = 1 / (1 + math.exp(-(math.log(value / (1 - value)) - half)))
    found = area(floats(*upper, *lower), flags(1, 1, 1, 1, 0, 0, 0, 0, 0))
    assert found.low == pytest.approx(low, abs=1e-6)


def test_classes_that_are_parted_completely_leave_room_below() -> None:
    found = area(floats(1, 2, 3, 4, 5, 6), flags(0, 0, 0, 1, 1, 1))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == share(3, 3).low


def test_one_class_alone_has_no_area() -> None:
    assert area(floats(1, 2), flags(1, 1)) == Figure(None, 2)


@given(SCORES, st.sampled_from([0.01, 0.05, 0.2, 0.5]))
def test_no_more_than_the_rate_is_let_through(lower: list[float], rate: float) -> None:
    scores = floats(*lower)
    threshold = threshold_at(scores, rate)
    assert (scores > threshold).mean() <= rate
    assert (scores >= threshold).mean() > rate, "a lower threshold would do"


def test_recall_at_a_rate() -> None:
    scores = floats(*range(100), 98.5, 99.5, 10)
    attack = flags(*[0] * 100, 1, 1, 1)
    assert recall_at(scores, attack, 0.01).value == pytest.approx(2 / 3)
    assert recall_at(scores, attack, 0.001).value == pytest.approx(1 / 3)
    found = recall_at(scores, attack, 0.95)
    assert (found.value, found.low, found.high) == (1.0, share(3, 3).low, 1.0)
    assert recall_at(scores, ~flags(*[0] * 103), 0.01).value is None


def test_resampling_agrees_with_wilson_on_a_share() -> None:
    kinds, sizes = floats(1, 1, 0, 1).reshape(2, 2), np.array([150, 50])
    found = resampled(kinds, sizes, lambda sums: sums[:, 0] / sums[:, 1])
    wilson = share(150, 200)
    assert (found.value, found.n) == (0.75, 200)
    assert found.low == pytest.approx(wilson.low, abs=0.01)
    assert found.high == pytest.approx(wilson.high, abs=0.01)


def test_resampling_is_the_same_every_time() -> None:
    kinds, sizes = floats(1, 0).reshape(2, 1), np.array([3, 4])
    first, second = (resampled(kinds, sizes, lambda sums: sums[:, 0]) for _ in range(2))
    assert first == second


def test_what_is_not_defined_has_no_value() -> None:
    kinds, sizes = floats(0).reshape(1, 1), np.array([3])
    assert resampled(kinds, sizes, lambda sums: ratio(sums[:, 0], sums[:, 0]), 9) == Figure(None, 9)
    assert resampled(np.zeros((0, 1)), np.zeros(0, np.int64), lambda sums: sums[:, 0]) == Figure(None, 0)


def test_a_single_document_is_no_certainty() -> None:
    found = resampled(floats(1, 2).reshape(1, 2), np.array([1]), lambda sums: sums[:, 0] / sums[:, 1], 4)
    assert found == share(2, 4)


def test_resamples_that_are_not_defined_do_not_count() -> None:
    assert percentiles(1.0, 5, floats(1, np.nan, 1)) == Figure(1.0, 5, 1.0, 1.0)
    assert percentiles(1.0, 5, floats(np.nan)) == Figure(1.0, 5)


def test_calibration_error_is_the_gap_of_the_bins() -> None:
    said, was = floats(0.9, 0.9, 0.9, 0.9, 0.1, 0.1), floats(1, 1, 1, 0, 0, 0)
    assert calibration_error(said, was).value == pytest.approx((4 * 0.15 + 2 * 0.1) / 6)
    assert reliability(said, was) == [
        (pytest.approx(0.1), 0.0, 2),
        (pytest.approx(0.9), pytest.approx(0.75), 4),
    ]
    assert calibration_error(floats(), floats()) == Figure(None, 0)


def test_certainty_has_a_bin() -> None:
    assert calibration_error(floats(1.0, 1.0), floats(1, 1)).value == 0


def test_spearman_is_the_formula_without_ties() -> None:
    found = spearman(floats(1, 2, 3, 4, 5), floats(10, 30, 20, 50, 40))
    assert found.value == pytest.approx(1 - 6 * 4 / (5 * 24))
    assert found.low is not None
    assert found.low < found.value


@pytest.mark.parametrize("right", [floats(1, 1, 1, 1), floats(1, 2, 3)])
def test_no_correlation_with_what_does_not_vary_or_is_too_little(right: np.ndarray) -> None:
    assert spearman(floats(1, 2, 3, 4)[: len(right)], right).value is None


@given(SCORES, SCORES)
def test_the_roc_curve_has_its_area_below(upper: list[float], lower: list[float]) -> None:
    scores, positive = floats(*upper, *lower), flags(*[1] * len(upper), *[0] * len(lower))
    x, y = roc(scores, positive)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(y, x) == pytest.approx(area(scores, positive).value)


def test_equal_values_share_their_rank() -> None:
    assert midranks(floats(3, 1, 3, 2)).tolist() == [3.5, 1, 3.5, 2]


def test_f1_of_nothing_is_nothing() -> None:
    assert harmonic(floats(0, 1, 0.5), floats(0, 1, 1)).tolist() == [0, 1, pytest.approx(2 / 3)]
