"""Dates of birth, other dates, times and ages as people write them, per language."""

import datetime as dt
from typing import Final

from waypost.train.synth.draw import Generator, chance, pick
from waypost.train.synth.personal_banks import lists
from waypost.train.synth.personal_ids import number
from waypost.train.synth.personal_people import Someone


def ending(day: int) -> str:
    """The English ending of an ordinal number."""
    endings = dict(pair.split("=") for pair in lists("shapes")["letters"]["ordinals"])
    return "th" if day // 10 == 1 else endings.get(str(day % 10), "th")


def written(rng: Generator, language: str, day: dt.date, forms: str) -> str:
    """`day` in a form of the table `forms`: `long_dates`, with a word for the month, or `short_dates`."""
    bank = lists("shapes")
    month = bank["months"][language][day.month - 1]
    short = month[:3].upper() if language == "en" and chance(rng, 0.2) else month[:3]
    figures = {"d": day.day, "m": day.month, "y": day.year}
    words = {"month": month, "mon": short, "yy": f"{day.year % 100:02}", "th": ending(day.day)}
    return pick(rng, bank[forms][language]).format(**figures, **words)


def _day(rng: Generator, first: int, last: int) -> dt.date:
    return dt.date(first, 1, 1) + dt.timedelta(days=number(rng, 0, 365 * (last - first)))


def birth(rng: Generator, who: Someone) -> str:
    """A date of birth of somebody between a baby and 95."""
    return written(
        rng, who.language, _day(rng, 1930, 2024), pick(rng, ("long_dates", "short_dates", "short_dates"))
    )


def birth_iso(rng: Generator, _who: Someone) -> str:
    """A date of birth as data bases keep it."""
    return _day(rng, 1930, 2024).isoformat()


def date(rng: Generator, who: Someone) -> str:
    """A date on which nobody was born: an appointment, a letter, a purchase."""
    return written(rng, who.language, _day(rng, 2008, 2032), pick(rng, ("long_dates", "short_dates")))


def year(rng: Generator, _who: Someone) -> str:
    """A year."""
    return str(number(rng, 1950, 2031))


def weekday(rng: Generator, who: Someone) -> str:
    """A day of the week."""
    return pick(rng, lists("shapes")["weekdays"][who.language])


def month(rng: Generator, who: Someone) -> str:
    """A month; in Polish in the genitive."""
    return pick(rng, lists("shapes")["months"][who.language])


def clock(rng: Generator, _who: Someone) -> str:
    """A time of day."""
    hour, minute = number(rng, 0, 24), 5 * number(rng, 0, 12)
    half = f"{hour % 12 + 1}:{minute:02} {pick(rng, ('am', 'pm', 'AM', 'PM'))}"
    return pick(rng, (f"{hour}:{minute:02}", f"{hour:02}:{minute:02}", half))


_STAMPS: Final = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%d/%b/%Y:%H:%M:%S +0000", "%b %d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S+00:00",
)  # fmt: skip


def stamp(rng: Generator, _who: Someone) -> str:
    """A point in time as machines write it."""
    day = dt.datetime(2015, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=number(rng, 0, 500_000_000))
    return day.strftime(pick(rng, _STAMPS))


def age(rng: Generator, _who: Someone) -> str:
    """An age in years, digits only."""
    return str(number(rng, 18, 95) if chance(rng, 0.85) else number(rng, 1, 18))
