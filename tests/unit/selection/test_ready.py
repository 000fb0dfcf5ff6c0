"""Cooling providers come later, absent models not at all, and nobody is left without an answer."""

from hypothesis import given
from hypothesis import strategies as st

from waypost.selection.base import Considered, Selection
from waypost.selection.ready import ready
from waypost.testing.policies import endpoints

KNOWN = endpoints(dict.fromkeys("abcd", "external"))


def chosen(names: str) -> Selection:
    considered = tuple(Considered(name, None) for name in names)
    return Selection(tuple(KNOWN[name] for name in names), None, "order of the rule", considered)


def names(selection: Selection) -> str:
    return "".join(each.name for each in selection.chain)


def test_where_all_are_ready_nothing_changes() -> None:
    selection = chosen("abc")
    assert ready(selection, frozenset("a"), {}, frozenset()) is selection
    assert ready(selection, frozenset(), {"x": 3.0}, frozenset("ab")) is selection


def test_who_wants_to_be_left_alone_comes_behind_the_others() -> None:
    moved = ready(chosen("abc"), frozenset(), {"a": 3.0}, frozenset())
    assert names(moved) == "bca"
    assert moved.because == "order of the rule; behind the others, at the wish of their providers: 'a'"


def test_where_all_want_it_the_shortest_wait_comes_first() -> None:
    assert names(ready(chosen("abc"), frozenset(), {"a": 9.0, "b": 3.0, "c": 5.0}, frozenset())) == "bca"


def test_an_optional_model_that_is_not_there_is_passed_over() -> None:
    moved = ready(chosen("abc"), frozenset("ab"), {}, frozenset("a"))
    assert names(moved) == "bc"
    assert moved.because == "order of the rule; 'a' is passed over: its provider did not know it lately"
    assert [each.eliminated for each in moved.considered] == ["its provider did not know it lately", "", ""]


def test_one_that_is_not_optional_stays() -> None:
    assert names(ready(chosen("ab"), frozenset("b"), {}, frozenset("a"))) == "ab"


def test_where_all_are_absent_they_are_asked_all_the_same() -> None:
    selection = chosen("ab")
    assert ready(selection, frozenset("ab"), {}, frozenset("ab")) is selection


def test_both_at_once() -> None:
    moved = ready(chosen("abcd"), frozenset("b"), {"a": 1.0}, frozenset("b"))
    assert names(moved) == "cda"
    assert "'b' is passed over" in moved.because
    assert moved.because.endswith("providers: 'a'")


def test_an_empty_chain_stays_empty() -> None:
    assert names(ready(chosen(""), frozenset("a"), {"a": 1.0}, frozenset("a"))) == ""


sets = st.frozensets(st.sampled_from("abcd"))


@given(st.permutations("abcd"), sets, st.dictionaries(st.sampled_from("abcd"), st.floats(0.1, 60)), sets)
def test_somebody_is_asked_and_nobody_new(
    order: list[str], optional: frozenset[str], cooling: dict[str, float], absent: frozenset[str]
) -> None:
    before = chosen("".join(order))
    after = ready(before, optional, cooling, absent)
    missing = optional & absent
    assert after.chain
    assert set(names(after)) == (set("abcd") - missing or set("abcd"))
    rests = [cooling.get(name, 0.0) for name in names(after)]
    assert rests == sorted(rests)
    waiting = [name for name in names(after) if name not in cooling]
    assert waiting == [name for name in order if name in waiting]
    assert after.boundary == before.boundary
