"""Invented people and what they are called."""

import re
from collections.abc import Callable

import pytest

from waypost.train.synth import personal_people as people
from waypost.train.synth.draw import Generator, generator
from waypost.train.synth.personal_banks import lists
from waypost.train.synth.personal_people import Someone

ZOE = Someone("de", "de_DE", "Zoë", "Maria", "Großmann")


def many(make: Callable[[Generator, Someone], str], who: Someone = ZOE) -> list[str]:
    rng = generator(2, "people")
    return [make(rng, who) for _ in range(200)]


@pytest.mark.parametrize("language", sorted(lists("shapes")["homes"]))
def test_people_of_a_text_live_mostly_where_its_language_is_spoken(language: str) -> None:
    rng = generator(9, language)
    locales = [people.someone(rng, language).locale for _ in range(200)]
    assert sum(locale.startswith(language) for locale in locales) > 100


def test_names_are_many() -> None:
    rng = generator(9, "names")
    assert len({people.someone(rng, "en").last for _ in range(1000)}) > 600


def test_a_person_is_named_in_many_ways_by_the_same_name() -> None:
    texts = many(people.person)
    assert {"Zoë Großmann", "ZOË GROSSMANN", "zoë großmann"} <= set(texts)
    assert all(re.search("zoë|großmann|grossmann|z ", text.lower()) for text in texts)


def test_titles_are_of_the_language_and_belong_to_the_name() -> None:
    assert "Herr Großmann" in many(people.titled)


def test_surname_first() -> None:
    assert {"Großmann, Zoë", "GROSSMANN, Zoë", "Großmann Zoë"} <= set(many(people.turned))


def test_mail_addresses_are_plain_letters() -> None:
    texts = many(people.email)
    assert all(re.fullmatch(r"[A-Za-z0-9._+-]+@[a-z0-9-]+(\.[a-z]+)+", text) for text in texts), texts
    assert any(text.startswith("zoe.grossmann@") for text in texts)
    assert 10 < sum("@example." in text for text in texts) < 80


def test_spelled_addresses_have_no_at_sign() -> None:
    assert not any("@" in text for text in many(people.spelled_email))


def test_accents_go_also_where_they_are_no_accents() -> None:
    assert people.ascii_only("Łódź, Straße, Brăila, Þór") == "Lodz, Strasse, Braila, Thor"


@pytest.mark.parametrize("locale", sorted(lists("shapes")["passport"]))
@pytest.mark.parametrize(
    "name",
    ["address", "address_lines", "street", "corner", "post_code", "box", "phone", "org", "url", "city"],
)
def test_every_country_fills_every_pattern(locale: str, name: str) -> None:
    texts = many(getattr(people, name), Someone("en", locale, "Ann", "Bo", "Lee"))
    assert not any(re.search(r"[{}?@]", text) or text != text.strip() for text in texts)
    assert len(set(texts)) > 10


def test_countries_are_named_in_the_language_of_the_text() -> None:
    assert "Norwegen" in many(people.nation)


def test_initials_and_nicknames() -> None:
    assert "Z. Großmann" in many(people.initialled)
    assert {"Zo", "Zoy"} <= set(many(people.nick))
    assert all(text.startswith("Zoë Großmann") for text in many(people.suffixed))
