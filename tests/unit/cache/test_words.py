"""The lists behind the checks hold together."""

import pytest

from waypost.cache.words import MATTERS, OWN, ROMAN, SELF, TIME, WORDS, stem, term, terms


@pytest.mark.parametrize(
    ("word", "short"),
    [
        ("cities", "citi"),
        ("walked", "walk"),
        ("walking", "walk"),
        ("running", "run"),
        ("causes", "caus"),
        ("cause", "caus"),
        ("causing", "caus"),
        ("caused", "caus"),
        ("studied", "studi"),
        ("study", "studi"),
        ("movies", "movi"),
        ("movie", "movi"),
        ("class", "class"),
        ("glass", "glass"),
        ("cats", "cat"),
        ("quickly", "quick"),
        ("red", "red"),
        ("sing", "sing"),
        ("ties", "tie"),
        ("the", "the"),
        ("", ""),
    ],
)
def test_endings_are_taken_off_where_enough_is_left(word: str, short: str) -> None:
    assert stem(word) == short


def test_entries_of_several_words_are_written_with_underscores() -> None:
    assert term("new_zealand") == ("new", "zealand")
    assert terms("now right_now") == {("now",), ("right", "now")}


def test_opposites_go_both_ways_and_never_mean_themselves() -> None:
    for word, others in WORDS.opposites.items():
        assert word not in others
        assert all(word in WORDS.opposites[other] for other in others)


def test_every_way_to_say_a_word_has_its_opposites() -> None:
    said = {WORDS.synonyms[stem(word)] for word in ("pro", "benefits", "advantages")}
    (stands_for,) = said
    assert WORDS.synonyms[stem("drawback")] in WORDS.opposites[stands_for]


def test_numbers_in_words() -> None:
    assert [WORDS.numbers[w] for w in ("zero", "two", "nineteen", "twenty", "ninety", "million")] == [
        "0", "2", "19", "20", "90", "1000000",
    ]  # fmt: skip
    assert [WORDS.numbers[word] for word in ("first", "twelfth", "twentieth")] == ["#1", "#12", "#20"]
    assert "one" not in WORDS.numbers
    assert (ROMAN["II"], ROMAN["IX"], ROMAN["XX"], ROMAN.get("I")) == ("2", "9", "20", None)


def test_members_of_closed_lists_by_any_name() -> None:
    assert WORDS.slots["indian",] == WORDS.slots["india",] == ("country", "india")
    assert WORDS.slots["south", "korea"] == ("country", "south_korea")
    assert WORDS.slots["km",] != WORDS.slots["mile",]


def test_no_list_claims_words_that_say_nothing() -> None:
    assert not {entry for entry in WORDS.slots if len(entry) == 1 and entry[0] in WORDS.stop}
    assert not WORDS.foreign & WORDS.stop
    assert not WORDS.fillers & WORDS.negation


def test_everything_is_lower_case_and_without_accents() -> None:
    everything = [*WORDS.stop, *WORDS.fillers, *WORDS.foreign, *WORDS.opposites, *OWN, *SELF, *MATTERS]
    everything += [word for entry in (*WORDS.slots, *TIME) for word in entry]
    assert [word for word in everything if not word.isascii() or word != word.lower() or not word] == []
    assert all(len(entry) <= 2 for entry in (*WORDS.slots, *TIME)), "longer ones are never looked up"
