"""Which stretches are read: everything, in pieces that begin with words and stay where they are."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from waypost.encoder.tokenise import Ints
from waypost.encoder.windows import head_and_tail, opening, sliding

BODY, STRIDE = 20, 15

LENGTHS = st.lists(st.integers(1, 12), max_size=40)


def words(lengths: list[int]) -> Ints:
    """Word numbers of words with so many tokens each."""
    return np.repeat(np.arange(len(lengths)), lengths)


@given(LENGTHS)
def test_windows_hold_every_token(lengths: list[int]) -> None:
    given_words = words(lengths)
    seen = np.zeros(len(given_words), bool)
    for start, end in sliding(given_words, BODY, STRIDE):
        assert 0 < end - start <= BODY
        seen[start:end] = True
    assert seen.all()


@given(LENGTHS)
def test_windows_begin_with_words_and_overlap(lengths: list[int]) -> None:
    given_words = words(lengths)
    windows = sliding(given_words, BODY, STRIDE)
    for (start, end), (following, _) in pairwise(windows):
        assert start < following <= start + STRIDE < end
        assert given_words[following] != given_words[following - 1]


@given(LENGTHS, LENGTHS)
def test_a_text_that_grows_keeps_its_full_windows(lengths: list[int], more: list[int]) -> None:
    before, after = words(lengths), words(lengths + more)
    kept = [window for window in sliding(before, BODY, STRIDE) if window[1] < len(before)]
    assert sliding(after, BODY, STRIDE)[: len(kept)] == kept


def test_a_word_longer_than_the_stride_is_cut() -> None:
    assert sliding(words([50]), BODY, STRIDE) == [(0, 20), (15, 35), (30, 50)]


def test_no_tokens_no_windows() -> None:
    assert sliding(words([]), BODY, STRIDE) == []


def test_one_full_window_is_one() -> None:
    assert sliding(words([1] * BODY), BODY, STRIDE) == [(0, BODY)]
    assert len(sliding(words([1] * (BODY + 1)), BODY, STRIDE)) == 2


def test_a_short_focus_is_read_whole() -> None:
    assert head_and_tail(words([1] * BODY), BODY, STRIDE) == ((0, BODY),)
    assert head_and_tail(words([]), BODY, STRIDE) == ((0, 0),)


def test_a_long_focus_is_read_at_both_ends() -> None:
    assert head_and_tail(words([1] * 100), BODY, STRIDE) == ((0, 15), (95, 100))
    assert head_and_tail(words([10] * 10), BODY, STRIDE) == ((0, 10), (90, 100))
    assert head_and_tail(words([100]), BODY, STRIDE) == ((0, 15), (100, 100))


@given(LENGTHS)
def test_head_and_tail_fit_and_hold_whole_words(lengths: list[int]) -> None:
    given_words = words(lengths)
    stretches = head_and_tail(given_words, BODY, STRIDE)
    assert sum(end - start for start, end in stretches) <= BODY
    assert stretches[0][0] == 0
    assert stretches[-1][1] == len(given_words)
    for end, start in [(stretches[0][1], stretches[-1][0])] if len(stretches) > 1 else []:
        assert end <= start
        assert given_words[end - 1] != given_words[end]


def test_an_opening_is_cut_where_it_is_full() -> None:
    assert opening(words([3] * 30), BODY) == ((0, BODY),)
    assert opening(words([3]), BODY) == ((0, 3),)
