"""A trace as a terminal shows it: what happened, on what evidence, and what was not asked."""

from dataclasses import replace

import click
import pytest

from tests.unit.test_trace import FALLBACK, asks
from waypost.cli.draw import line, tree
from waypost.decision.engine import Action, Block, Respond
from waypost.decision.expr import All, Any, Expr, Is, Not
from waypost.guards.judge import Finding
from waypost.journey import route
from waypost.needs import Failed
from waypost.selection.base import Considered
from waypost.signals.base import Encoded, Examples, Likeness, Match, Scan, Span, Verdict, Window
from waypost.signals.domain import Domain
from waypost.signals.jailbreak import JailbreakDetection
from waypost.testing.playbook import drive
from waypost.testing.policies import chat, policy, route_to, rule
from waypost.testing.signals import NO, UNREADABLE, YES, FakeEncoder, Fixed
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


def test_a_category_is_named_in_one_line() -> None:
    made = asks(FALLBACK, chat("2 + 2"), FakeEncoder({"domain": {"math": 0.9}}))
    assert click.unstyle(line(made, 0.5)) == "maths   category math   0.50 ms   not sent"


def test_categories_are_drawn_with_what_was_next() -> None:
    rows = drawn(asks(FALLBACK, chat("2 + 2"), FakeEncoder({"domain": {"math": 0.7, "law": 0.2}})))
    assert "Because   category math: p=0.70, threshold 0.5; next law 0.20" in rows
    assert any(row.startswith("          2 category: math  MATCH") for row in rows)
    assert any(row.startswith("          3 category: law   skipped") for row in rows)


LEARNED = policy(
    {"inside": "internal"},
    {"attack": JailbreakDetection(scope="all"), "math": Domain(domains=("math",))},
    [rule("guard", "attack", Block()), rule("sums", "math", route_to("inside"))],
)
FOUND_ALL = Encoded(
    {"domain": {"law": 0.02, "math": 0.9, "physics": 0.05, "history": 0.03, "other": 0.0}},
    0.5,
    {"2 + 2": Scan(0.125, (Span("PERSON", 0, 1, 0.25),), 0.5)},
    {Examples(("a",)): Likeness((0.5,), 0.75)},
    (
        Window("focus", 0, 5, 5, 0.0021),
        Window("scan 1", 0, 5, 5, 0.0, remembered=True),
    ),
    0.0042,
)


def test_what_the_encoder_found_is_drawn_head_by_head_and_window_by_window() -> None:
    request = chat("2 + 2")
    rows = drawn(trace(LEARNED, request, drive(route(LEARNED, request), lambda _: FOUND_ALL)))
    start = next(n for n, row in enumerate(rows) if row.startswith("Encoder"))
    assert rows[start : start + 6] == [
        "Encoder   1 new window of 2, 4.2 ms in all",
        "            domain     math 0.900  physics 0.050  history 0.030  law 0.020  and 1 more",
        "            examples   set 1: 0.750",
        "            scan 1     attack 0.125  PERSON 0.25  50% read",
        "            window     focus, characters 0-5, 5 tokens, 2.1 ms",
        "            window     scan 1, characters 0-5, 5 tokens, remembered",
    ]


def test_an_encoder_that_did_not_answer_is_drawn_with_its_reason() -> None:
    rows = drawn(asks(LEARNED, chat("2 + 2"), FakeEncoder(down="the queue is full")))
    assert "Encoder   the queue is full" in rows
    assert any("1 guard  CLOSED" in row for row in rows)


def test_without_a_pass_no_encoder_is_drawn() -> None:
    assert not [row for row in drawn(told(Is("one"), Block(), one=YES)) if row.startswith("Encoder")]


PLAIN = told(Is("one"), route_to("inside"), one=YES)


def test_guards_are_drawn_endpoint_by_endpoint_with_what_they_changed() -> None:
    guards = tuple(
        Finding("pii", "pii", name, "mask", hit, f"because {name}")
        for name, hit in (("a", True), ("b", False), ("c", None))
    )
    rows = drawn(replace(PLAIN, guards=guards, masked={"PERSON": 2, "IBAN_CODE": 1}))
    start = next(n for n, row in enumerate(rows) if row.startswith("Guards"))
    assert rows[start : start + 4] == [
        "Guards    pii for a: hit, action mask  because a",
        "          pii for b: clear, action mask  because b",
        "          pii for c: unanswered, action mask  because c",
        "Masked    2 PERSON, 1 IBAN_CODE",
    ]
    restored = drawn(replace(PLAIN, masked={"PERSON": 2}, restored=True))
    assert "Masked    2 PERSON; put back into the answer" in restored


def test_candidates_are_drawn_with_scores_or_the_reason_why_they_are_out() -> None:
    considered = (
        Considered("a", 0.75, parts={"quality": 0.5, "cost": 1.0}, unknown=("price", "live")),
        Considered("b", None, "lacks tools"),
    )
    rows = drawn(replace(PLAIN, candidates=considered, because_chain="weighed: 'a'"))
    start = next(n for n, row in enumerate(rows) if row.startswith("Selection"))
    assert rows[start : start + 3] == [
        "Selection weighed: 'a'",
        "            a  score 0.750  quality 0.50  cost 1.00  unknown: price, live",
        "            b  out: lacks tools",
    ]


def test_edits_are_drawn_a_line_each() -> None:
    rows = drawn(replace(PLAIN, edits=("header x-a set", "header x-b removed")))
    start = rows.index("Edits     header x-a set")
    assert rows[start + 1] == "          header x-b removed"


def test_what_did_not_happen_is_not_drawn() -> None:
    labels = {row.split()[0] for row in drawn(PLAIN) if not row.startswith(" ")}
    assert not labels & {"Guards", "Masked", "Selection", "Edits"}
