import numpy as np
import pytest

from tests.unit.encoder.fakes import FakeNetwork, encoder
from waypost.errors import EngineError
from waypost.evaluate.task import POINTS, Curve, encoded
from waypost.needs import Encode


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    x = np.linspace(0, 1, 5000)
    curve = Curve.of(x, x**2)
    assert len(curve.x) <= POINTS + 1
    assert (curve.x[0], curve.x[-1], curve.y[-1]) == (0.0, 1.0, 1.0)


def test_short_and_empty_curves_stay_as_they_are() -> None:
    assert Curve.of(np.array([0.5]), np.array([1.0])) == Curve((0.5,), (1.0,))
    assert Curve.of(np.array([]), np.array([])) == Curve((), ())


def test_an_answer_is_passed_on() -> None:
    answer = encoded(encoder(), Encode(frozenset({"domain"}), "math"))
    assert set(answer.heads["domain"]) == {"math", "other"}


def test_a_failure_is_an_error_so_that_no_row_goes_missing() -> None:
    def broken(_: int) -> None:
        raise EngineError("out of memory")

    with pytest.raises(EngineError, match="the engine gave no answer: out of memory"):
        encoded(encoder(FakeNetwork(broken)), Encode(frozenset({"domain"}), "math"))
