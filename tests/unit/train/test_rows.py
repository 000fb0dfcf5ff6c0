from dataclasses import FrozenInstanceError, fields

import pytest

from waypost.signals import labels
from waypost.train.rows import DOMAINS, INTENTS, PII_TYPES, Personal, Row

LABELS = {"domain", "intent", "difficulty", "attack", "personal"}


def test_what_nobody_said_is_unknown() -> None:
    row = Row("a text", "a set", "=")
    assert {name for name in LABELS if getattr(row, name) is not None} == set()
    assert row.weight == 1
    assert {field.name for field in fields(row)} >= LABELS


def test_marks_are_in_order_of_their_place() -> None:
    marks = [Personal(9, 12, "AGE"), Personal(0, 4, "PERSON"), Personal(0, 2, "URL")]
    assert [(mark.start, mark.end) for mark in sorted(marks)] == [(0, 2), (0, 4), (9, 12)]


def test_rows_are_values() -> None:
    first, second = (Row("a", "b", "=", personal=(Personal(0, 1, "PERSON"),)) for _ in range(2))
    assert first == second
    assert len({first, second}) == 1
    with pytest.raises(FrozenInstanceError):
        first.text = "c"  # type: ignore[misc]


def test_labels_are_those_of_the_signals() -> None:
    assert (DOMAINS, INTENTS, PII_TYPES) == (labels.DOMAINS, labels.INTENTS, labels.PII_TYPES)
