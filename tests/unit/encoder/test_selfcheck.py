"""Whether the model computes what its authors saw."""

from dataclasses import replace

import pytest

from tests.unit.encoder.fakes import encoder
from waypost.encoder.engine import Encoder
from waypost.encoder.manifest import Check
from waypost.encoder.selfcheck import LENGTHS, check

SAME = Check("math", (3.0, 0.0), (0.0, 1.0, 2.0), (0.0, -4.0), 0.25)


def test_a_model_that_computes_what_is_stored_passes() -> None:
    one = encoder(checks=(SAME,))
    found = check(one)
    assert (found.texts, found.moved, found.passed) == (1, 0, True)
    assert found.worst == found.mean == 0
    assert found.provider == "fake"
    assert list(found.milliseconds) == list(LENGTHS)
    assert all(milliseconds > 0 for milliseconds in found.milliseconds.values())
    one.close()


@pytest.mark.parametrize(
    "other",
    [
        replace(SAME, domain=(0.0, 3.0)),
        replace(SAME, intent=(2.0, 1.0, 0.0)),
        replace(SAME, jailbreak=(0.0, 4.0)),
        replace(SAME, difficulty=0.5),
    ],
)
def test_any_head_that_differs_is_seen(other: Check) -> None:
    one = encoder(checks=(SAME, other))
    found = check(one)
    assert found.worst > 0.2
    assert found.mean == pytest.approx(found.worst / 2)
    assert not found.passed
    assert found.moved == (other.domain != SAME.domain or other.intent != SAME.intent)
    one.close()


def test_an_artefact_without_stored_texts_passes_on_nothing() -> None:
    one = encoder()
    found = check(one)
    assert (found.texts, found.passed) == (0, True)
    one.close()


def test_the_shipped_model_computes_what_is_stored(real: Encoder) -> None:
    found = check(real)
    assert found.passed, found
