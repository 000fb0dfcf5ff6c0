"""Deciding among rules: partial answers never contradict full ones; failures close or open as written."""

from hypothesis import given

from tests.properties.strategies import all_answers, rule_lists, some_answers
from waypost.decision.engine import SEMANTIC, Decision, Route, Rule, Undecided, conclude, decide
from waypost.decision.expr import All, evaluate, signals_of
from waypost.signals.base import Verdict

Answers = dict[str, Verdict]
DEFAULT = Rule(SEMANTIC, All(()), Route(("e1",)))


@given(rule_lists(), some_answers, all_answers)
def test_a_decision_stands_whatever_is_learned_later(
    rules: tuple[Rule, ...], some: Answers, full: Answers
) -> None:
    early = decide((*rules, DEFAULT), some)
    if isinstance(early, Decision):
        late = decide((*rules, DEFAULT), full | some)
        assert isinstance(late, Decision)
        assert late.rule is early.rule
        assert late.failed_closed is early.failed_closed


@given(rule_lists(), all_answers)
def test_decide_and_conclude_agree_once_everything_was_asked(rules: tuple[Rule, ...], full: Answers) -> None:
    assert decide((*rules, DEFAULT), full) == conclude((*rules, DEFAULT), full)


@given(rule_lists(), some_answers)
def test_decide_and_conclude_agree_whenever_decide_decides(rules: tuple[Rule, ...], some: Answers) -> None:
    early = decide((*rules, DEFAULT), some)
    if isinstance(early, Decision):
        assert conclude((*rules, DEFAULT), some) == early


@given(rule_lists(), some_answers, all_answers)
def test_answering_what_is_needed_is_enough(rules: tuple[Rule, ...], some: Answers, full: Answers) -> None:
    known = dict(some)
    asked = 0
    while isinstance(step := decide((*rules, DEFAULT), known), Undecided):
        assert step.needed, "an open decision must say what it needs"
        assert not set(step.needed) & known.keys()
        known[step.needed[0]] = full[step.needed[0]]
        asked += 1
    assert asked <= len(full)
    assert step.rule is conclude((*rules, DEFAULT), full | some).rule


@given(rule_lists(), all_answers)
def test_the_first_rule_that_holds_or_fails_closed_decides(rules: tuple[Rule, ...], full: Answers) -> None:
    decision = conclude((*rules, DEFAULT), full)
    for rule in (*rules, DEFAULT):
        value = evaluate(rule.when, full)
        if rule is decision.rule:
            assert value or rule.on_error == "closed"
            assert decision.failed_closed is (value is None)
            break
        assert value is False or (value is None and rule.on_error == "open")


@given(rule_lists(), all_answers)
def test_a_block_or_boundary_nobody_can_rule_out_is_never_passed(
    rules: tuple[Rule, ...], full: Answers
) -> None:
    decision = conclude((*rules, DEFAULT), full)
    for rule in rules:
        if rule is decision.rule:
            break
        if rule.binds_explicit:
            assert evaluate(rule.when, full) is False


@given(rule_lists(), all_answers)
def test_evidence_names_answers_of_the_rule_that_decided(rules: tuple[Rule, ...], full: Answers) -> None:
    decision = conclude((*rules, DEFAULT), full)
    assert set(decision.rests_on) <= set(signals_of(decision.rule.when))
    assert len(set(decision.rests_on)) == len(decision.rests_on)
    if decision.failed_closed:
        assert decision.rests_on
        assert all(full[name].failed for name in decision.rests_on)
    else:
        assert not any(full[name].failed for name in decision.rests_on)
    for name in decision.rests_on:
        assert full[name].because in decision.because
