import math

import numpy as np
import pytest

from waypost.train.calibrate import expected_error, guard_scale, length_penalty, line, temperature


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_network_that_is_too_sure_is_cooled_by_the_factor_it_overstates() -> None:
    logits = rng().normal(size=(20_000, 4)) * 1.5
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([rng_.choice(4, p=p) for rng_ in [rng()] for p in chances])
    assert temperature(3 * logits, labels) == pytest.approx(3, rel=0.05)
    assert temperature(logits, labels) == pytest.approx(1, rel=0.05)


def test_without_rows_there_is_no_temperature() -> None:
    with pytest.raises(ValueError, match="no rows"):
        temperature(np.empty((0, 2)), np.empty(0, np.int64))


def test_a_line_through_shares() -> None:
    logits = rng().normal(size=5000)
    shares = 1 / (1 + np.exp(-(0.5 * logits - 1)))
    assert line(logits, shares) == pytest.approx((0.5, -1), abs=0.01)


def test_a_line_never_turns_the_order_round() -> None:
    logits = rng().normal(size=500)
    assert line(logits, 1 / (1 + np.exp(logits))) == (1.0, 0.0)


def attack(scale: object, margin: float, windows: int = 1) -> float:
    logit = margin / scale.temperature + scale.bias - scale.length_penalty * math.log(windows)  # type: ignore[attr-defined]
    return 1 / (1 + math.exp(-logit))


def test_half_lies_where_the_wanted_share_of_hard_texts_is_flagged() -> None:
    margins = np.concatenate([rng().normal(3, 2, 2000), rng(8).normal(-3, 2, 2000)])
    hard = rng(9).normal(1, 1, 1000)
    scale = guard_scale(margins, np.arange(4000) < 2000, hard, 0.02)
    assert sum(attack(scale, m) >= 0.5 for m in hard) == 20
    assert scale.length_penalty == 0


def test_no_alarm_at_all_when_none_is_allowed() -> None:
    margins, attacks = np.array([2.0, 3.0, -1.0]), np.array([True, True, False])
    hard = np.array([0.0, 0.5, 1.5])
    scale = guard_scale(margins, attacks, hard, 0.0)
    assert max(attack(scale, m) for m in hard) < 0.5 < attack(scale, 2.0)


def test_equal_texts_are_flagged_together_or_not_at_all() -> None:
    margins, attacks = np.array([2.0, 1.0, -1.0]), np.array([True, True, False])
    scale = guard_scale(margins, attacks, np.array([1.0, 1.0, 1.0, 0.0]), 0.25)
    assert attack(scale, 1.0) < 0.5


def test_long_texts_pay_for_their_many_windows_as_much_as_needed() -> None:
    margins, attacks = np.array([2.0, -2.0, 1.0, -1.0, 1.0, -1.0]), np.array([1, 0, 1, 0, 0, 1], np.bool_)
    scale = guard_scale(margins, attacks, np.array([0.0]), 0.0)
    documents = [rng().normal(-1.0, 1.0, 12) + 0.1 * n for n in range(20)]
    found = length_penalty(scale, documents, 0.05)
    flagged = np.mean([attack(found, d.max(), len(d)) >= 0.5 for d in documents])
    before = np.mean([attack(scale, d.max(), len(d)) >= 0.5 for d in documents])
    assert flagged <= 0.05 < before
    assert (found.temperature, found.bias) == (scale.temperature, scale.bias)
    less = [attack(found, d.max(), 1) >= 0.5 for d in documents]
    assert np.mean(less) == before, "a text of one window pays nothing"


def test_a_penalty_has_a_limit_and_needs_documents() -> None:
    scale = guard_scale(np.array([2.0, -2.0]), np.array([True, False]), np.array([0.0]), 0.0)
    assert length_penalty(scale, [], 0.05) is scale
    hopeless = [np.array([50.0, 60.0])]
    assert length_penalty(scale, hopeless, 0.0, limit=1.0).length_penalty == pytest.approx(1.0, abs=0.06)


def test_the_error_of_what_is_as_sure_as_it_is_right_is_small() -> None:
    said = rng().uniform(0, 1, 50_000)
    assert expected_error(said, rng(8).uniform(0, 1, 50_000) < said) < 0.02
    assert expected_error(np.full(100, 0.9), np.zeros(100, np.bool_)) == pytest.approx(0.9)
    assert expected_error(np.empty(0), np.empty(0, np.bool_)) == 0
