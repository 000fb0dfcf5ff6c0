"""A trace as a terminal shows it: what happened, on what evidence, and what was not asked."""

import click
import pytest

from waypost.cli.draw import line, tree
from waypost.decision.engine import Action, Block, Respond
from waypost.decision.expr import All, Any, Expr, Is, Not
from waypost.journey import route
from waypost.needs import Failed
from waypost.signals.base import Match, Verdict
from waypost.testing.playbook import drive
from waypost.testing.policies import chat, policy, route_to, rule
from waypost.testing.signals import NO, UNREADABLE, YES, Fixed
from waypost.trace import Trace, trace

FOUND = Verdict("a", 1.0, "found a", tuple(Match("a", "messages[0].content", n, n + 1) for n in range(10)))


def told(when: Expr, action: Action, model: str = "auto", **verdicts: Verdict) -> Trace:
    """The trace of one rule and a rule behind it."""
    signals = {name: Fixed(verdict) for name, verdict in verdicts.items()}
    rules = (rule("first", when, action), rule("second", Is("last"), route_to("outside")))
    made = policy({"inside": "internal", "outside": "external"}, {**signals, "last": Fixed(NO)}, rules)
    request = chat("a", model=model)
    return trace(made, request, drive(route(made, request), lambda _: Failed("no encoder")))


def drawn(made: Trace) -> list[str]:
    return [click.unstyle(row) for row in tree(made, 0.5)]


@pytest.mark.parametrize(
    ("action", "verdict", "model", "expected"),
    [
        (route_to("inside", inside="internal"), YES, "auto", "inside   rule first"),
        (Block(451, "No."), YES, "auto", "refused with 451   rule first"),
        (Respond("Nine to five."), YES, "auto", "fixed answer   rule first"),
        (route_to("outside"), NO, "auto", "inside   no rule matched"),
        (route_to("outside"), YES, "inside", "inside   named by the client"),
    ],
)
def test_one_line_says_where_and_by_what(action: Action, verdict: Verdict, model: str, expected: str) -> None:
    made = told(Is("one"), action, model, one=verdict)
    assert click.unstyle(line(made, 0.5)) == f"{expected}   0.50 ms   not sent"


def test_a_rule_that_decides_is_drawn_with_its_conditions() -> None:
    when = All((Any((Is("one"), Is("two"))), Not(Is("three"))))
    rows = drawn(told(when, route_to("inside", inside="internal"), one=NO, two=FOUND, three=NO))
    places = "  ".join(f"a@messages[0].content[{n}:{n + 1}]" for n in range(8))
    assert "Boundary  no attempt leaves internal" in rows
    assert "Chain     1 inside  at inside-host as inside, zone internal" in rows
    assert [row[14:] for row in rows[-7:-1]] == [
        "✓ all of",
        "  ✓ any of",
        "    ✗ one  does not hold",
        f"    ✓ two  found a  {places}  and 2 more",
        "  ✓ none of",
        "    ✗ three  does not hold",
    ]
    assert rows[-1].startswith("          2 second  skipped")


def test_what_was_not_asked_or_not_answered_is_a_question_mark() -> None:
    rows = drawn(told(Any((Is("one"), Is("two"))), Block(), one=YES, two=YES))
    assert any("? two  not evaluated" in row for row in rows)
    rows = drawn(told(Is("one"), Block(403, "No."), one=UNREADABLE))
    assert any("first   CLOSED" in row for row in rows)
    assert any("? one  an image could not be read" in row for row in rows)
    assert any(row.startswith("Answer    403 ") for row in rows)
