"""How near a text is to examples."""

import numpy as np
import pytest

from waypost.encoder.likeness import Closeness

EMBEDDING = np.array([1, 0], np.float32)


def test_the_nearest_example_decides() -> None:
    examples = np.array([[0, 1], [0.6, 0.8]], np.float32)
    likeness = Closeness(slope=10, middle=0.6).likeness(EMBEDDING, examples)
    assert likeness.cosines == pytest.approx((0, 0.6))
    assert likeness.probability == pytest.approx(0.5)


def test_rounding_does_not_make_a_cosine_more_than_one() -> None:
    likeness = Closeness().likeness(EMBEDDING, np.array([[1.0001, 0], [-1.0001, 0]], np.float32))
    assert likeness.cosines == (1.0, -1.0)


def test_no_examples_are_like_nothing() -> None:
    likeness = Closeness().likeness(EMBEDDING, np.empty((0, 2), np.float32))
    assert likeness.cosines == ()
    assert likeness.probability < 0.01
