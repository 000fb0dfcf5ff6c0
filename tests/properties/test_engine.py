"""Deciding among rules: order is priority; failures close or open as written."""

from hypothesis import given

from tests.properties.strategies import all_answers, rule_lists
from waypost.decision.engine import SEMANTIC, Route, Rule, conclude
from waypost.decision.expr import All, evaluate, signals_of
from waypost.signals.base import Verdict

Answers = dict[str, Verdict]
DEFAULT = Rule(SEMANTIC, All(()), Route(("e1",)))


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
