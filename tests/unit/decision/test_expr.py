import pytest

from waypost.decision.expr import All, Any, Expr, Is, Not, evaluate, grounds, missing, resolve, signals_of
from waypost.signals.base import Verdict
from waypost.testing.signals import NO, UNREADABLE, YES

A, B, C = Is("a"), Is("b"), Is("c")
Known = bool | None
KNOWN = {True: YES, False: NO, None: UNREADABLE}


def verdicts(**values: Known) -> dict[str, Verdict]:
    return {name: KNOWN[value] for name, value in values.items()}


@pytest.mark.parametrize(
    ("a", "b", "both", "either"),
    [
        (True, True, True, True),
        (True, False, False, True),
        (True, None, None, True),
        (False, True, False, True),
        (False, False, False, False),
        (False, None, False, None),
        (None, True, None, True),
        (None, False, False, None),
        (None, None, None, None),
    ],
)
def test_truth_tables(a: Known, b: Known, both: Known, either: Known) -> None:
    known = verdicts(a=a, b=b)
    assert evaluate(All((A, B)), known) is both
    assert evaluate(Any((A, B)), known) is either


@pytest.mark.parametrize(("a", "value"), [(True, False), (False, True), (None, None)])
def test_negation(a: Known, value: Known) -> None:
    assert evaluate(Not(A), verdicts(a=a)) is value


def test_an_answer_that_is_missing_is_unknown_like_one_that_failed() -> None:
    assert evaluate(A, {}) is None
    assert evaluate(A, verdicts(a=None)) is None


def test_empty_groups() -> None:
    assert evaluate(All(()), {}) is True
    assert evaluate(Any(()), {}) is False


@pytest.mark.parametrize(
    ("expr", "known", "wanted"),
    [
        (A, verdicts(), ["a"]),
        (A, verdicts(a=True), []),
        (A, verdicts(a=None), []),
        (Not(A), verdicts(), ["a"]),
        (All((A, B)), verdicts(), ["a", "b"]),
        (All((A, B)), verdicts(a=True), ["b"]),
        (All((A, B)), verdicts(b=False), []),
        (All((A, B)), verdicts(a=None), ["b"]),
        (Any((A, B)), verdicts(a=False), ["b"]),
        (Any((A, B)), verdicts(b=True), []),
        (Any((All((A, B)), C)), verdicts(a=False), ["c"]),
        (All((Any((A, B)), C)), verdicts(a=True), ["c"]),
    ],
)
def test_missing_names_what_could_still_matter(
    expr: Expr, known: dict[str, Verdict], wanted: list[str]
) -> None:
    assert list(missing(expr, known)) == wanted


@pytest.mark.parametrize(
    ("expr", "known", "names"),
    [
        (A, verdicts(a=True), ["a"]),
        (A, verdicts(), []),
        (All((A, B)), verdicts(a=True, b=True), ["a", "b"]),
        (All((A, B)), verdicts(a=True, b=False), ["b"]),
        (Any((A, B)), verdicts(a=False, b=True), ["b"]),
        (Any((A, B)), verdicts(a=False, b=False), ["a", "b"]),
        (Any((All((A, B)), C)), verdicts(a=True, b=False, c=True), ["c"]),
        (Any((Not(A), B)), verdicts(a=True, b=True), ["b"]),
        (All((A, B)), verdicts(a=True, b=None), ["b"]),
        (All((A, B, C)), verdicts(b=None), ["b"]),
    ],
)
def test_grounds_are_the_answers_the_value_rests_on(
    expr: Expr, known: dict[str, Verdict], names: list[str]
) -> None:
    assert list(grounds(expr, known)) == names


def test_every_signal_in_written_order() -> None:
    assert list(signals_of(All((B, Not(Any((A, B))))))) == ["b", "a", "b"]


@pytest.mark.parametrize(
    ("expr", "answers", "asked", "value"),
    [
        (All((A, B)), verdicts(a=False, b=True), ["a"], False),
        (All((A, B)), verdicts(a=True, b=True), ["a", "b"], True),
        (Any((A, B)), verdicts(a=True, b=True), ["a"], True),
        (Any((A, B)), verdicts(a=None, b=False), ["a", "b"], None),
        (Any((Not(A), B)), verdicts(a=True, b=False), ["a", "b"], False),
        (All((A, Not(A), B)), verdicts(a=True, b=True), ["a"], False),
    ],
)
def test_resolve_asks_in_written_order_and_stops_when_it_knows(
    expr: Expr, answers: dict[str, Verdict], asked: list[str], value: Known
) -> None:
    known: dict[str, Verdict] = {}
    assert resolve(expr, known, lambda name: known.update({name: answers[name]})) is value
    assert list(known) == asked
