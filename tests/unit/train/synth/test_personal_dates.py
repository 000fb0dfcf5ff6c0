"""Dates as people write them."""

import datetime as dt

import pytest

from waypost.train.synth import personal_dates as dates
from waypost.train.synth.draw import generator
from waypost.train.synth.personal_banks import lists
from waypost.train.synth.personal_people import Someone

LANGUAGES = sorted(lists("shapes")["months"])


@pytest.mark.parametrize(
    ("day", "end"), [(1, "st"), (2, "nd"), (3, "rd"), (11, "th"), (13, "th"), (21, "st"), (30, "th")]
)
def test_endings(day: int, end: str) -> None:
    assert dates.ending(day) == end


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "March 7, 1984"), ("de", "7. März 1984"), ("es", "7 de marzo de 1984"), ("pl", "7 marca 1984")],
)
def test_long_dates_name_the_month(language: str, text: str) -> None:
    rng = generator(1, language)
    assert text in {dates.written(rng, language, dt.date(1984, 3, 7), "long_dates") for _ in range(200)}


def test_short_dates_are_figures() -> None:
    rng = generator(1, "x")
    assert {dates.written(rng, "de", dt.date(1984, 3, 7), "short_dates") for _ in range(200)} == {
        "07.03.1984", "7.3.1984", "07.03.84", "1984-03-07",
    }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "make",
    [
        dates.birth,
        dates.date,
        dates.weekday,
        dates.month,
        dates.clock,
        dates.stamp,
        dates.year,
        dates.age,
        dates.birth_iso,
    ],
)
def test_every_language_fills_every_form(make: object, language: str) -> None:
    assert callable(make)
    rng, who = generator(1, language), Someone(language, "en_US", "A", "B", "C")
    texts = [make(rng, who) for _ in range(100)]
    assert not any("{" in text or text != text.strip() or not text for text in texts)
    assert len(set(texts)) >= 7


def test_there_are_twelve_months_and_seven_days() -> None:
    assert all(len(months) == 12 for months in lists("shapes")["months"].values())
    assert all(len(days) == 7 for days in lists("shapes")["weekdays"].values())


def test_births_lie_in_the_past() -> None:
    rng, who = generator(1, "x"), Someone("en", "en_US", "A", "B", "C")
    assert all("1930" <= dates.birth_iso(rng, who) < "2024" for _ in range(200))
