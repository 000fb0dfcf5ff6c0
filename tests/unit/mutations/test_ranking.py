import math

import pytest

from waypost.mutations.ranking import WEIGHT, Words, best, rank, terms

TEXTS = ("get weather: the weather of a town", "send mail: sends a mail to somebody", "get time: the time")


def test_words_are_split_at_what_is_no_letter() -> None:
    assert terms("Get the file_name, HTTP2 & größe!") == ["get", "the", "file", "name", "http2", "größe"]
    assert terms(" .,_- ") == []


def test_the_best_text_scores_one_and_foreign_ones_nothing() -> None:
    assert Words.of(TEXTS).scores(terms("weather in town")) == pytest.approx([1, 0, 0])
    scores = Words.of(TEXTS).scores(["get", "time"])
    assert scores[2] == 1
    assert 0 < scores[0] < 1
    assert scores[1] == 0


def test_the_formula() -> None:
    """Two texts of two and four words: idf and the long text's discount by hand."""
    words = Words.of(["a b", "a c c d"])
    rare, common = math.log(1 + 1.5 / 1.5), math.log(1 + 0.5 / 2.5)
    long = 1.2 * (0.25 + 0.75 * 4 / 3)
    assert dict(words.postings["c"]) == {1: pytest.approx(rare * 2 * 2.2 / (2 + long))}
    assert dict(words.postings["a"])[1] == pytest.approx(common * 2.2 / (1 + long))


def test_a_word_asked_twice_counts_once() -> None:
    words = Words.of(TEXTS)
    assert words.scores(["get", "get", "time"]) == words.scores(["time", "get"])


def test_an_index_for_one_query_scores_the_same() -> None:
    query = dict.fromkeys(terms("what is the time, and the weather?"))
    only = Words.of(TEXTS, query)
    assert only.scores(query) == Words.of(TEXTS).scores(query)
    assert set(only.postings) == {"time", "the", "weather"}


def test_nothing_shared_and_nothing_to_search() -> None:
    assert Words.of(TEXTS).scores(["zebra"]) == [0, 0, 0]
    assert Words.of(TEXTS).scores([]) == [0, 0, 0]
    assert Words.of([]).scores(["zebra"]) == []
    assert Words.of(["", ""]).scores(["zebra"]) == [0, 0]


def test_cosine_and_words_together() -> None:
    words = Words.of(TEXTS)
    assert rank(["mail"], words, [0.3, 0.2, 0.1]) == pytest.approx([0.3, 0.2 + WEIGHT, 0.1])


def test_what_was_not_compared_stands_behind() -> None:
    scores = rank(["mail"], Words.of(TEXTS), [-1.0, None, -0.5])
    assert best(scores, 3) == [2, 0, 1]


def test_of_equals_the_first_is_best() -> None:
    assert best([0.1, 0.5, 0.5, 0.9], 3) == [3, 1, 2]
    assert best([], 3) == []
