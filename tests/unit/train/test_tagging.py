from collections.abc import Sequence

import pytest

from tests.unit.train.fakes import reading, row
from waypost.signals.pii import PiiDetection
from waypost.train.readings import Reading
from waypost.train.rows import PII_TYPES, Personal
from waypost.train.tagging import Tally, flagged, search, tallies, tuned

ALL = frozenset(PII_TYPES)
DEFAULT = PiiDetection().threshold


def person(
    text: str, name: str, score: float, *, right: bool = True, annotated: frozenset[str] = ALL
) -> Reading:
    """A name found with this score; whether it is marked as one."""
    start = text.index(name)
    marks = (Personal(start, start + len(name), "PERSON"),) if right else ()
    return reading(row(text, personal=marks, annotated=annotated), tagged={name: ("PERSON", score)})


def clean(score: float, count: int = 1) -> list[Reading]:
    return [person("the wind blew", "wind", score, right=False) for _ in range(count)]


def names(score: float, count: int = 1) -> list[Reading]:
    return [person("ask ann now", "ann", score) for _ in range(count)]


def said(readings: Sequence[Reading], bias: float = 0.0) -> list[tuple[str, str]]:
    return [(s.type, r.row.text[s.start : s.end]) for r in readings for s in search(r, bias).found]


def test_learned_and_proven_finds_stand_beside_each_other() -> None:
    text = "ask ann at ann@example.com today"
    both = reading(row(text, personal=(), annotated=ALL), tagged={"ann at ann@example.com": ("PERSON", 0.9)})
    assert ("EMAIL_ADDRESS", "ann@example.com") in said([both])
    assert ("PERSON", "ann@example.com") not in said([both])


def test_types_that_a_row_does_not_mark_are_not_counted_in_it() -> None:
    other = person("ask ann", "ann", 0.95, annotated=frozenset({"IP_ADDRESS"}))
    found = tallies([search(other, 0.0)], {})
    assert found["PERSON"].said == 0


def test_finds_and_marks_are_counted() -> None:
    searched = [search(each, 0.0) for each in [*names(0.95, 3), *clean(0.9, 2), *names(0.1)]]
    found = tallies(searched, {"PERSON": 0.7})["PERSON"]
    assert found == Tally(said=5, right=3, held=4, met=3)
    assert found.f1 == pytest.approx(2 * (3 / 5) * (3 / 4) / (3 / 5 + 3 / 4))
    assert Tally().f1 == 0
    assert flagged(searched, {"PERSON": 0.7}) == {"PERSON": 2, "": 2}
    assert flagged(searched, {"PERSON": 0.92}) == {}


def test_a_threshold_stands_where_right_and_wrong_finds_part() -> None:
    tagger = tuned([*names(0.97, 20), *names(0.93, 20), *clean(0.82, 10)], 1.0)
    assert 0.82 < tagger.thresholds["PERSON"] <= 0.9
    found = [search(each, tagger.o_bias) for each in [*names(0.93), *clean(0.82)]]
    assert [len(tallies([each], tagger.thresholds)) for each in found] == [1, 0]


def test_few_clean_texts_are_flagged_even_if_names_are_missed_for_it() -> None:
    readings = [*names(0.78, 60), *clean(0.88, 4), *clean(0.1, 40)]
    free, strict = tuned(readings, 1.0), tuned(readings, 0.0)
    assert tallies([search(r, free.o_bias) for r in readings], free.thresholds)["PERSON"].met == 60
    assert flagged([search(r, strict.o_bias) for r in readings], strict.thresholds)[""] == 0


def test_no_threshold_is_lower_than_what_a_condition_lets_through() -> None:
    tagger = tuned(names(0.97, 20), 0.03)
    assert tagger.thresholds["PERSON"] == DEFAULT
    assert tagger.types == PII_TYPES
    assert set(tagger.thresholds) == set(PII_TYPES)


def test_without_texts_nothing_is_chosen() -> None:
    assert set(tuned([], 0.03).thresholds.values()) == {0.5}
