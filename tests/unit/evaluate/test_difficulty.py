from typing import Any

import pytest

from tests.unit.encoder.fakes import encoder
from waypost.evaluate.difficulty import Difficulty, Question, Rated
from waypost.evaluate.files import BadRowError, Row


def read(header: Any = None, **values: Any) -> Question | None:
    return Difficulty(encoder()).read(Row("f", 1, values, header or {}))


def test_rows_say_hard_or_who_failed() -> None:
    assert read(text="t", hard=1) == Question("t", 1.0)
    assert read(text="t", hard=None) is None
    assert read(text="t", correct="1000") == Question("t", 0.75)
    assert read({"models": ["a", "b"]}, text="t", correct="10") == Question("t", 0.5)


@pytest.mark.parametrize("bits", ["", "12", 101, None])
def test_bits_must_be_bits(bits: object) -> None:
    with pytest.raises(BadRowError, match="'correct' must be a string of 0 and 1"):
        read(text="t", correct=bits)


def test_bits_must_fit_the_header() -> None:
    with pytest.raises(BadRowError, match="'correct' has 3 bits, the header names 2 models"):
        read({"models": ["a", "b"]}, text="t", correct="101")


def test_a_row_without_either_is_refused() -> None:
    with pytest.raises(BadRowError, match="no field 'hard'"):
        read(text="t")


def test_the_head_is_asked() -> None:
    assert Difficulty(encoder()).ask(Question("t", 1.0)) == Rated(1.0, pytest.approx(0.25))


def test_figures() -> None:
    answers = [Rated(1.0, 0.9), Rated(0.75, 0.6), Rated(0.5, 0.7), Rated(0.0, 0.2), Rated(0.25, 0.3)]
    task = Difficulty(encoder())
    found = task.measure(answers)
    assert task.name == "difficulty"
    assert found.figures["auc"].value == pytest.approx(5 / 6)  # half of the models is not hard yet
    assert found.figures["spearman"].value == pytest.approx(0.9)
    assert found.figures["hard_called_hard"].value == 1
    assert found.figures["easy_called_hard"].value == pytest.approx(1 / 3)
    assert found.figures["ece"].value == pytest.approx((0.1 + 0.15 + 0.2 + 0.2 + 0.05) / 5)
    assert set(found.curves) == {"roc", "reliability"}


def test_one_kind_alone_has_no_area() -> None:
    found = Difficulty(encoder(), 0.95).measure([Rated(1.0, 0.9)])
    assert found.figures["auc"].value is None
    assert found.figures["hard_called_hard"].value == 0
    assert set(found.curves) == {"reliability"}
