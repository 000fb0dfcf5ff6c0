"""Why a rule matched and, as important to an auditor, why another did not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from waypost.decision.engine import Decision, Rule
from waypost.decision.expr import All, Any, Expr, Is, Not, evaluate, grounds
from waypost.signals.base import Verdicts
from waypost.signals.category import NAMED

RuleOutcome = Literal["match", "failed_closed", "no_match", "failed_open", "skipped"]


@dataclass(frozen=True, slots=True)
class Node:
    """One condition or group of a rule, with what is known of it.

    Attributes:
        op: `is` for a condition, else `not`, `all`, `any`.
        value: True, False, or None when it was not evaluated or could not be answered.
        signal: name of the condition; empty for a group.
        because: the verdict's sentence; empty for a group and for a condition that was not evaluated.
    """

    op: Literal["is", "not", "all", "any"]
    value: bool | None
    signal: str = ""
    because: str = ""
    operands: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """What became of one rule.

    Attributes:
        why: evidence of the match, the reason why not, or what made the rule irrelevant.
    """

    name: str
    outcome: RuleOutcome
    why: str
    conditions: Node


def explain(
    rules: Sequence[Rule], considered: Sequence[Rule], decision: Decision, verdicts: Verdicts
) -> tuple[RuleTrace, ...]:
    """Say for every rule of the policy what became of it.

    Args:
        rules: all rules but the default, in order.
        considered: those that applied to this request; fewer when the client named a model.
        decision: the one that was taken.
        verdicts: what was found.
    """
    applicable = {id(rule) for rule in considered}
    traces: list[RuleTrace] = []
    decided_by = ""
    for number, rule in enumerate(rules, 1):
        tree = draw(rule.when, verdicts)
        name = f"{NAMED}{rule.category}" if rule.category else rule.name
        if decided_by:
            traces.append(RuleTrace(name, "skipped", f"rule {decided_by} is final", tree))
        elif id(rule) not in applicable:
            traces.append(RuleTrace(name, "skipped", "the client named a model", tree))
        elif rule is decision.rule:
            decided_by = str(number)
            outcome = "failed_closed" if decision.failed_closed else "match"
            traces.append(RuleTrace(name, outcome, decision.because, tree))
        else:
            outcome = "no_match" if tree.value is False else "failed_open"
            why = "; ".join(dict.fromkeys(verdicts[name].because for name in grounds(rule.when, verdicts)))
            traces.append(RuleTrace(name, outcome, why, tree))
    return tuple(traces)


def draw(expr: Expr, verdicts: Verdicts) -> Node:
    """The tree of a rule with the value of every branch."""
    value = evaluate(expr, verdicts)
    match expr:
        case Is(signal):
            verdict = verdicts.get(signal)
            return Node("is", value, signal, verdict.because if verdict else "")
        case Not(operand):
            return Node("not", value, operands=(draw(operand, verdicts),))
        case All(operands):
            return Node("all", value, operands=tuple(draw(o, verdicts) for o in operands))
        case Any(operands):
            return Node("any", value, operands=tuple(draw(o, verdicts) for o in operands))
        case _:
            assert_never(expr)
