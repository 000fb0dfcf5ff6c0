"""Expectations of an operator, met and missed."""

from typing import Any

import pytest

from tests.unit.test_trace import FALLBACK, POLICY, asks, decide
from waypost.cases import Case, judge
from waypost.decision.engine import Route
from waypost.signals.base import Match, Verdict
from waypost.testing.policies import chat, policy, rule
from waypost.testing.signals import FakeEncoder, Fixed
from waypost.trace import Trace, trace

KEYWORDS = Fixed(
    Verdict(
        "internal",
        1.0,
        "Contains 'internal', 'account' and 'procedures' keywords",
        tuple(Match(term, "messages[0].content", 0, 1) for term in ("internal", "account", "procedures")),
    )
)
BANK = policy(
    {"bank": "internal", "open": "external"},
    {"words": KEYWORDS},
    [rule("bank-rule", "words", Route(("bank",), frozenset({"internal"}), "Stays on the premises."))],
)


def told(text: str = "x") -> Trace:
    request = chat(text)
    return trace(BANK, request, decide(BANK, request))


def case(**expected: Any) -> Case:
    return Case(messages=({"role": "user", "content": "x"},), **expected)


@pytest.mark.parametrize(
    "expected",
    [
        {"endpoint": "bank"},
        {"endpoint": "bank-host"},
        {"rule": "bank-rule", "action": "route"},
        {"reasoning": "stays on the  premises"},
        {"reasoning": "Contains 'internal', 'account' and 'procedures' keywords"},
        {"reasoning": "Contains 'internal' and 'account' keywords"},
        {"reasoning": "Contains 'account' keyword."},
        {"reasoning": "Contains 'internal', 'account' and 'procedures' keywords", "strict": True},
    ],
)
def test_expectations_that_are_met(expected: dict[str, Any]) -> None:
    assert list(judge(case(**expected), told())) == []


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        ({"endpoint": "open"}, "expected endpoint 'open', got 'bank' (rule 'bank-rule'"),
        ({"endpoint": "semantic_classification"}, "expected endpoint 'semantic_classification'"),
        ({"rule": "other"}, "expected rule 'other', got 'bank-rule'"),
        ({"action": "block"}, "expected action 'block', got 'route'"),
        ({"reasoning": "Contains 'payroll' keyword"}, "expected reasoning"),
        ({"reasoning": "Contains 'internal' and 'account' keywords", "strict": True}, "expected reasoning"),
        ({"reasoning": "Stays on the premises", "strict": True}, "expected reasoning"),
        ({"reasoning": "internal"}, "expected reasoning"),
    ],
)
def test_expectations_that_are_missed(expected: dict[str, Any], says: str) -> None:
    problems = list(judge(case(**expected), told()))
    assert len(problems) == 1
    assert says in problems[0]


def test_semantic_classification_is_met_only_when_no_rule_matched() -> None:
    request = chat("rivers")
    nothing = trace(POLICY, request, decide(POLICY, request))
    assert list(judge(case(endpoint="semantic_classification"), nothing)) == []
    assert list(judge(case(reasoning="No keyword matches - using semantic routing"), nothing)) == []
    assert list(judge(case(endpoint="outside"), nothing)) != []


def sorted_as(category: str, p: float = 0.9) -> Trace:
    return asks(FALLBACK, chat("x"), FakeEncoder({"domain": {category: p}}))


@pytest.mark.parametrize(
    "expected",
    [
        {"category": "math"},
        {"endpoint": "maths"},
        {"endpoint": "semantic_classification"},
        {"rule": "semantic_classification"},
        {"reasoning": "No keyword matches - using semantic routing"},
        {"reasoning": "No keyword matches - using semantic routing", "strict": True},
        {"reasoning": "category math: p=0.90, threshold 0.5; next law 0.01"},
    ],
)
def test_a_category_that_decides_is_semantic_classification_too(expected: dict[str, Any]) -> None:
    assert list(judge(case(**expected), sorted_as("math"))) == []


@pytest.mark.parametrize(
    ("category", "p", "says"),
    [
        ("law", 0.9, "expected category 'math', got 'law'"),
        (
            "history",
            0.9,
            "expected category 'math', got none ('semantic_classification': No keyword matches - ",
        ),
        ("math", 0.4, "expected category 'math', got none ('semantic_classification': No keyword matches - "),
    ],
)
def test_another_category_or_none_is_a_miss(category: str, p: float, says: str) -> None:
    (problem,) = judge(case(category="math"), sorted_as(category, p))
    assert problem.startswith(says)


def test_a_rule_that_decides_is_no_category() -> None:
    (problem,) = judge(case(category="math"), told())
    assert problem.startswith("expected category 'math', got none ('bank-rule': Contains ")


def test_the_endpoint_of_a_category_must_be_its_own() -> None:
    (problem,) = judge(case(endpoint="lawyer"), sorted_as("math"))
    assert problem == "expected endpoint 'lawyer', got 'maths' (category 'math')"


def test_titles_are_one_short_line() -> None:
    long = Case(messages=({"role": "user", "content": "two\nlines " * 20},))
    assert len(long.title) == 60
    assert "\n" not in long.title
