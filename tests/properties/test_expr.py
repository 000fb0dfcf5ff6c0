"""Three-valued logic: the laws that make "ask only what matters" safe."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.strategies import all_answers, clear_answers, exprs, some_answers
from waypost.decision.expr import All, Any, Expr, Not, evaluate, grounds, missing, resolve, signals_of
from waypost.signals.base import Verdict

Answers = dict[str, Verdict]


@given(exprs, some_answers, all_answers)
def test_what_is_known_never_changes_when_more_becomes_known(
    expr: Expr, some: Answers, full: Answers
) -> None:
    known = evaluate(expr, some)
    if known is not None:
        assert evaluate(expr, full | some) is known


@given(exprs, st.fixed_dictionaries(dict.fromkeys("abcdef", clear_answers)))
def test_with_every_answer_clear_nothing_stays_open(expr: Expr, full: Answers) -> None:
    assert evaluate(expr, full) is not None


@given(exprs, some_answers)
def test_double_negation(expr: Expr, some: Answers) -> None:
    assert evaluate(Not(Not(expr)), some) is evaluate(expr, some)


@given(st.lists(exprs, max_size=4).map(tuple), some_answers)
def test_de_morgan(operands: tuple[Expr, ...], some: Answers) -> None:
    negated = tuple(Not(operand) for operand in operands)
    assert evaluate(Not(All(operands)), some) is evaluate(Any(negated), some)
    assert evaluate(Not(Any(operands)), some) is evaluate(All(negated), some)


@given(st.lists(exprs, max_size=4), st.randoms(use_true_random=False), some_answers)
def test_the_order_of_operands_does_not_matter(operands: list[Expr], random: Random, some: Answers) -> None:
    shuffled = operands.copy()
    random.shuffle(shuffled)
    for group in (All, Any):
        assert evaluate(group(tuple(operands)), some) is evaluate(group(tuple(shuffled)), some)


@given(exprs, some_answers)
def test_something_is_missing_only_while_the_value_is_open(expr: Expr, some: Answers) -> None:
    if evaluate(expr, some) is not None:
        assert not list(missing(expr, some))


@given(exprs, some_answers, all_answers)
def test_a_signal_that_is_not_missing_cannot_change_the_value(
    expr: Expr, some: Answers, full: Answers
) -> None:
    wanted = set(missing(expr, some))
    others = {name: verdict for name, verdict in full.items() if name not in wanted}
    assert evaluate(expr, others | some) is evaluate(expr, some)


@given(exprs, some_answers)
def test_what_is_missing_was_never_asked_and_is_part_of_the_rule(expr: Expr, some: Answers) -> None:
    for name in missing(expr, some):
        assert name not in some
        assert name in signals_of(expr)


@given(exprs, some_answers)
def test_the_grounds_alone_give_the_same_value(expr: Expr, some: Answers) -> None:
    value = evaluate(expr, some)
    names = set(grounds(expr, some))
    if value is None:
        assert all(some[name].failed for name in names)
    else:
        assert evaluate(expr, {name: some[name] for name in names}) is value


@given(exprs, some_answers, all_answers)
def test_resolving_asks_what_is_missing_once_and_settles_what_full_knowledge_settles(
    expr: Expr, some: Answers, full: Answers
) -> None:
    known, wanted, asked = dict(some), set(missing(expr, some)), list[str]()

    def ask(name: str) -> None:
        asked.append(name)
        known[name] = full[name]

    value = resolve(expr, known, ask)
    assert value is evaluate(expr, full | some)
    assert set(asked) <= wanted
    assert len(asked) == len(set(asked))


@given(exprs, some_answers)
def test_resolving_without_answers_changes_nothing(expr: Expr, some: Answers) -> None:
    assert resolve(expr, some, lambda _: None) is evaluate(expr, some)
