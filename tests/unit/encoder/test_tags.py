"""From tag logits to spans: the most probable valid sequence, settled between windows, in characters."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from waypost.encoder.heads import Floats
from waypost.encoder.tags import Found, Tag, Tagger, settle
from waypost.encoder.tokenise import Ints

TAGGER = Tagger(("PERSON", "GPE"))
NONE, B_PERSON, I_PERSON, B_GPE, I_GPE = range(5)


def logits(*tags: int, strength: float = 9.0) -> Floats:
    """Each token is what it is with this strength."""
    given = np.zeros((len(tags), 5), np.float32)
    given[range(len(tags)), tags] = strength
    return given


def words(*numbers: int) -> Ints:
    return np.array(numbers, np.int64)


def each_its_own(count: int) -> Ints:
    return np.arange(count)


def decoded(tagger: Tagger, given: Floats, of: Ints) -> list[tuple[int, int, int]]:
    return [(tag.type, tag.start, tag.end) for tag in tagger.decode(given, of)]


def test_a_name_of_two_words_is_one_span() -> None:
    (tag,) = TAGGER.decode(logits(NONE, B_PERSON, I_PERSON, NONE), each_its_own(4))
    assert tag[:3] == (0, 1, 3)
    assert tag.score > 0.99


def test_two_names_side_by_side_are_two() -> None:
    given = logits(B_PERSON, I_PERSON, B_PERSON, B_GPE)
    assert decoded(TAGGER, given, each_its_own(4)) == [(0, 0, 2), (0, 2, 3), (1, 3, 4)]


def test_an_inside_without_a_beginning_becomes_one() -> None:
    assert decoded(TAGGER, logits(NONE, I_GPE, I_GPE), each_its_own(3)) == [(1, 1, 3)]


def test_pieces_of_a_word_decide_together() -> None:
    given = logits(B_PERSON, B_PERSON, I_PERSON, NONE, strength=3.0)
    assert decoded(TAGGER, given, words(0, 0, 0, 1)) == [(0, 0, 3)]


def test_how_a_word_begins_shows_in_its_first_piece() -> None:
    given = logits(B_PERSON, I_PERSON, B_PERSON)
    assert decoded(TAGGER, given, words(0, 1, 1)) == [(0, 0, 3)]


def test_nothing_is_found_in_dull_text_or_none() -> None:
    assert TAGGER.decode(logits(NONE, NONE, NONE), each_its_own(3)) == ()
    assert TAGGER.decode(np.empty((0, 5), np.float32), words()) == ()


def test_a_bias_towards_nothing_makes_fewer_spans() -> None:
    given = logits(NONE, B_PERSON, NONE, strength=1.0)
    assert decoded(Tagger(("PERSON", "GPE"), o_bias=-3.0), given, each_its_own(3))
    assert not decoded(Tagger(("PERSON", "GPE"), o_bias=3.0), given, each_its_own(3))


CHANCES = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(st.integers(-8, 8), min_size=5, max_size=5), min_size=n, max_size=n)
)


@given(CHANCES, st.sampled_from([-2.0, 0.0, 2.0]))
def test_the_path_is_the_best_of_all_valid_ones(given_logits: list[list[int]], bias: float) -> None:
    """Against every sequence of tags there is, scored as the search scores them."""
    chances = np.exp(np.array(given_logits, np.float64))
    chances /= chances.sum(axis=1, keepdims=True)
    assume((chances[:, NONE] < 0.98).all())  # others are left out of the search
    scores = np.log(chances + 1e-6)
    scores[:, NONE] += bias

    def total(path: tuple[int, ...]) -> float:
        for before, tag in zip((NONE, *path), path, strict=False):
            if tag in {I_PERSON, I_GPE} and before not in {tag, tag - 1}:
                return -np.inf
        return sum(scores[place, tag] for place, tag in enumerate(path))

    best = max(total(path) for path in product(range(5), repeat=len(scores)))
    found = Tagger(("PERSON", "GPE"), bias).decode(
        np.array(given_logits, np.float32), each_its_own(len(scores))
    )
    path = [NONE] * len(scores)
    for tag in found:
        path[tag.start : tag.end] = [2 * tag.type + 1, *[2 * tag.type + 2] * (tag.end - tag.start - 1)]
    assert total(tuple(path)) == pytest.approx(best, abs=0.01)


def named(tagger: Tagger, text: str, *tags: tuple[int, str]) -> list[tuple[str, str]]:
    """Tags of pieces of `text`; each piece is a token."""
    given, starts, ends, at = [], [], [], 0
    for number, (kind, piece) in enumerate(tags):
        at = text.index(piece, at)
        starts.append(at)
        at += len(piece)
        ends.append(at)
        given.append(Tag(kind, number, number + 1, 0.9))
    found = tagger.named(given, text, np.array(starts), np.array(ends))
    return [(each.type, text[each.start : each.end]) for each in found]


def test_places_that_only_punctuation_parts_are_one() -> None:
    tagger = Tagger(("PERSON", "STREET_ADDRESS"))
    assert named(tagger, "at 5 High St., Leeds now", (1, "5 High St"), (1, "Leeds")) == [
        ("STREET_ADDRESS", "5 High St., Leeds")
    ]
    assert len(named(tagger, "at 5 High St or Leeds", (1, "5 High St"), (1, "Leeds"))) == 2


def test_people_stay_apart() -> None:
    assert named(TAGGER, "Ann, Bob", (0, "Ann"), (0, "Bob")) == [("PERSON", "Ann"), ("PERSON", "Bob")]


def test_other_types_stay_apart() -> None:
    assert len(named(TAGGER, "Ann, Leeds", (0, "Ann"), (1, "Leeds"))) == 2


def test_a_joined_span_is_as_sure_as_its_parts_by_length() -> None:
    tags = [Tag(1, 0, 1, 1.0), Tag(1, 1, 2, 0.5)]
    (found,) = TAGGER.named(tags, "aaa bbb", np.array([0, 4]), np.array([3, 7]))
    assert found == Found("GPE", 0, 7, 0.75)


def test_weak_spans_and_spans_without_a_letter_do_not_count() -> None:
    tagger = Tagger(("PERSON", "GPE"), thresholds={"PERSON": 0.95})
    assert named(tagger, "Ann ... Leeds", (0, "Ann"), (1, "..."), (1, "Leeds")) == [("GPE", "Leeds")]


def tag(start: int, end: int, kind: int = 0) -> Tag:
    return Tag(kind, start, end, 0.9)


def test_two_windows_that_agree_give_one_span() -> None:
    windows = [((0, 20), [tag(15, 17)]), ((12, 32), [tag(3, 5)])]
    assert settle(windows, 32) == (tag(15, 17),)


def test_a_span_cut_by_an_edge_is_taken_whole_from_the_other_window() -> None:
    windows = [((0, 20), [tag(19, 20)]), ((12, 32), [tag(7, 10)])]
    assert settle(windows, 32) == (tag(19, 22),)


def test_the_window_that_sees_more_may_find_nothing() -> None:
    assert settle([((0, 20), [tag(19, 20)]), ((12, 32), [])], 32) == ()
    assert settle([((0, 20), []), ((12, 32), [tag(0, 1)])], 32) == ()


def test_a_window_that_was_not_read_has_no_say() -> None:
    assert settle([((0, 20), [tag(19, 20)])], 32) == (tag(19, 20),)


def test_the_ends_of_a_text_are_no_edges() -> None:
    windows = [((0, 20), [tag(0, 1)]), ((12, 32), [tag(19, 20)])]
    assert settle(windows, 32) == (tag(0, 1), tag(31, 32))


def test_where_windows_differ_on_the_borders_one_of_them_stands() -> None:
    windows = [((0, 20), [tag(15, 19)]), ((12, 32), [tag(1, 6)])]
    assert settle(windows, 32) in {(tag(15, 19),), (tag(13, 18),)}


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 19), st.integers(1, 4), st.integers(0, 1)), max_size=6), max_size=4
    )
)
def test_settled_spans_are_in_order_and_never_overlap(drawn: list[list[tuple[int, int, int]]]) -> None:
    windows = [
        ((12 * n, 12 * n + 20), [tag(a, min(a + length, 20), kind) for a, length, kind in tags])
        for n, tags in enumerate(drawn)
    ]
    spans = settle(windows, 12 * len(drawn) + 8)
    assert all(left.end <= right.start for left, right in pairwise(spans))
    claimed = {(t.type, t.start + lo, t.end + lo) for (lo, _), tags in windows for t in tags}
    assert {span[:3] for span in spans} <= claimed
