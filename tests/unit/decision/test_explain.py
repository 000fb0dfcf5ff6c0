"""Why a rule matched, and why another did not."""

import pytest

from waypost.decision.engine import SEMANTIC, Rule, conclude
from waypost.decision.explain import draw, explain, grounds
from waypost.decision.expr import All, Any, Expr, Is, Not
from waypost.signals.base import Verdict
from waypost.testing.policies import route_to, rule

VERDICTS = {
    "yes": Verdict("yes", 1.0, "Contains 'a' keyword"),
    "no": Verdict(None, 0.0, "None of 2 keywords found"),
    "also_no": Verdict(None, 0.0, "No PII found"),
    "failed": Verdict(None, 0.0, "1 part could not be read (image)", failed="unscannable"),
}


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (Is("yes"), ["yes"]),
        (Is("unasked"), []),
        (All((Is("yes"), Is("no"))), ["no"]),
        (Any((Is("no"), Is("also_no"))), ["no", "also_no"]),
        (Any((Is("no"), Is("yes"))), ["yes"]),
        (Not(Is("yes")), ["yes"]),
        (All((Is("yes"), Is("failed"))), ["failed"]),
        (All((Is("no"), Is("unasked"))), ["no"]),
    ],
)
def test_grounds_are_the_verdicts_that_settle_it(expr: Expr, expected: list[str]) -> None:
    assert list(grounds(expr, VERDICTS)) == expected


def test_a_tree_shows_every_branch_and_what_was_not_asked() -> None:
    node = draw(Any((All((Is("yes"), Not(Is("no")))), Is("unasked"))), VERDICTS)
    assert (node.op, node.value) == ("any", True)
    assert [(n.op, n.value) for n in node.operands] == [("all", True), ("is", None)]
    assert node.operands[0].operands[1].operands[0].because == "None of 2 keywords found"
    assert node.operands[1].because == ""


def test_every_rule_says_what_became_of_it() -> None:
    rules = [
        rule("absent", "no", route_to("a")),
        rule("unanswered", "failed", route_to("a")),
        rule("winner", "yes", route_to("a")),
        rule("late", "yes", route_to("a")),
        rule("default", All(()), route_to("a")),
    ]
    decision = conclude(rules, VERDICTS)
    told = explain(rules[:-1], rules, decision, VERDICTS)
    assert [(t.name, t.outcome, t.why) for t in told] == [
        ("absent", "no_match", "None of 2 keywords found"),
        ("unanswered", "failed_open", "1 part could not be read (image)"),
        ("winner", "match", "Contains 'a' keyword"),
        ("late", "skipped", "rule 3 is final"),
    ]


def test_a_rule_that_failed_closed_says_so() -> None:
    rules = [
        rule("inside", "failed", route_to("a", inside="internal")),
        rule("default", All(()), route_to("a")),
    ]
    told = explain(rules[:-1], rules, conclude(rules, VERDICTS), VERDICTS)
    assert [(t.outcome, t.why) for t in told] == [("failed_closed", "1 part could not be read (image)")]


def test_rules_that_do_not_bind_a_named_model_are_skipped() -> None:
    plain, inside = (
        rule("plain", "yes", route_to("a")),
        rule("inside", "no", route_to("a", inside="internal")),
    )
    last = rule("explicit_model", All(()), route_to("b"))
    considered = [inside, last]
    told = explain([plain, inside], considered, conclude(considered, VERDICTS), VERDICTS)
    assert [(t.outcome, t.why) for t in told] == [
        ("skipped", "the client named a model"),
        ("no_match", "None of 2 keywords found"),
    ]


def test_categories_are_told_by_their_name_and_not_by_the_one_they_share() -> None:
    rules = [Rule(SEMANTIC, Is(name), route_to("e"), category=name) for name in ("no", "yes", "also_no")]
    default = rule("default", All(()), route_to("e"))
    told = explain(rules, (*rules, default), conclude((*rules, default), VERDICTS), VERDICTS)
    assert [(t.name, t.outcome) for t in told] == [
        ("category: no", "no_match"), ("category: yes", "match"), ("category: also_no", "skipped"),
    ]  # fmt: skip
    assert told[2].why == "rule 2 is final"
