import numpy as np
import pytest

from tests.unit.encoder.fakes import encoder
from waypost.evaluate.embedding import Compared, Embedding, Pair
from waypost.evaluate.files import BadRowError, Row


def compared(*pairs: tuple[bool, float]) -> list[Compared]:
    return [Compared(same, cosine) for same, cosine in pairs]


def test_rows() -> None:
    task = Embedding(encoder())
    assert task.read(Row("f", 1, {"text_a": "a", "text_b": "b", "label": 1}, {})) == Pair("a", "b", same=True)
    assert task.read(Row("f", 1, {"text_a": "a", "text_b": "b", "label": None}, {})) is None
    with pytest.raises(BadRowError, match="no field 'text_b'"):
        task.read(Row("f", 1, {"text_a": "a", "label": 1}, {}))


def test_cosines_are_those_of_the_embeddings() -> None:
    task = Embedding(encoder())
    assert task.ask(Pair("math", "math", same=True)).cosine == pytest.approx(1)
    a, b = (np.array([1, 1, 1]) / np.sqrt(3) for _ in range(2))
    other = task.ask(Pair("math", "john", same=False)).cosine
    assert other == pytest.approx(float(a[:2] @ b[:2]))  # the frame of two tokens is shared, the word is not


def test_figures() -> None:
    answers = compared((True, 0.96), (True, 0.86), (True, 0.5), (False, 0.91), (False, 0.3))
    found = Embedding(encoder()).measure(answers)
    assert found.figures["auc"].value == pytest.approx(4 / 6)
    assert list(found.groups) == ["at 0.80", "at 0.85", "at 0.90", "at 0.95"]
    assert found.groups["at 0.90"]["same_served"].value == pytest.approx(1 / 3)
    assert found.groups["at 0.90"]["different_served"].value == pytest.approx(1 / 2)
    # All three with one wrong: 2·3/(4+3)
    assert found.figures["best_f1"].value == pytest.approx(6 / 7)
    assert found.figures["best_f1_at"].value == pytest.approx(0.5)


def test_the_best_threshold_does_not_part_equal_cosines() -> None:
    found = Embedding(encoder()).measure(compared((True, 0.9), (False, 0.9), (False, 0.9), (True, 0.1)))
    assert found.figures["best_f1"].value == pytest.approx(2 / 3)


def test_a_threshold_of_ones_own_is_added() -> None:
    found = Embedding(encoder(), 0.7).measure(compared((True, 0.75), (False, 0.6)))
    assert found.groups["at 0.70"]["same_served"].value == 1
    assert found.groups["at 0.80"]["same_served"].value == 0


def test_pairs_of_one_kind_have_no_best_threshold() -> None:
    found = Embedding(encoder()).measure(compared((True, 0.9)))
    assert (found.figures["best_f1"].value, found.figures["auc"].value, found.curves) == (None, None, {})
