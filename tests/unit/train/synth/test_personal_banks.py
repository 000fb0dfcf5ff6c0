"""Reading the banks."""

import pytest

from waypost.train.synth.personal_banks import lists, read, words


def test_an_underscore_is_a_space() -> None:
    assert words("Van_Dyke  Smith\nLee") == ("Van Dyke", "Smith", "Lee")


def test_lists_come_from_words_lists_weights_and_numbers() -> None:
    shapes, names = lists("shapes"), lists("names")
    assert shapes["homes"]["fr"].count("fr_FR") == 14
    assert shapes["corners"]["de"] == ("{one} Ecke {two}",)
    assert names["en_US"]["two"] == ("0.04",)
    assert names["es"]["join"] == (" ",)
    assert "De Luca" in names["it"]["last"]


def test_every_country_has_every_list() -> None:
    places = {name: table for name, table in lists("places").items() if "cities" in table}
    assert all(set(table) == set(places["en_US"]) and all(table.values()) for table in places.values())
    assert set(places) == set(lists("shapes")["passport"])


def test_an_unknown_bank_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        read("nowhere")
