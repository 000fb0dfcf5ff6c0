import pytest

from waypost.configurable import build
from waypost.selection.base import Candidate, Facts, Live
from waypost.selection.capabilities import Price, Profile
from waypost.selection.figures import (
    MIDDLING,
    MIN_ATTEMPTS,
    Limits,
    cost_usd,
    first_token_seconds,
    frugal,
    lint_prices,
    price_usd,
    qualities,
    success,
)
from waypost.testing.policies import endpoints

KNOWN = endpoints({"a": "external", "b": "external", "c": "external"})


def candidate(name: str = "a", price: Price | None = None, score: float | None = None) -> Candidate:
    return Candidate(KNOWN[name], Profile(price=price), score)


def lately(seconds: float | None = 1.0, error_rate: float = 0.0, n: int = 100) -> Facts:
    return Facts(live={"a": Live(seconds, error_rate, n, 300.0)})


@pytest.mark.parametrize(
    ("prompt", "wanted", "cost"),
    [
        (1000, None, 0.003 + 0.006),
        (1000, 100, 0.003 + 0.0015),
        (1000, 100_000, 0.003 + 0.006),
        (0, 1, 0.000015),
    ],
)
def test_cost_counts_the_prompt_and_a_typical_answer_or_a_shorter_one(
    prompt: int, wanted: int | None, cost: float
) -> None:
    facts = Facts(prompt_tokens=prompt, output_tokens=wanted)
    assert cost_usd(candidate(price=Price(input=3, output=15)), facts) == pytest.approx(cost)


def test_the_price_is_that_of_the_mix() -> None:
    facts = Facts(prompt_tokens=1200, output_tokens=400)
    assert price_usd(candidate(price=Price(input=2, output=10)), facts) == pytest.approx(4.0)


def test_without_a_price_nothing_is_said_of_cost() -> None:
    assert cost_usd(candidate(), Facts()) is None
    assert price_usd(candidate(), Facts()) is None
    assert cost_usd(candidate(price=Price(input=0, output=0)), Facts()) == 0


def test_live_figures_count_from_enough_attempts_on() -> None:
    few, enough = lately(2.0, 0.5, MIN_ATTEMPTS - 1), lately(2.0, 0.5, MIN_ATTEMPTS)
    assert (first_token_seconds(candidate(), few), success(candidate(), few)) == (None, 1.0)
    assert (first_token_seconds(candidate(), enough), success(candidate(), enough)) == (2.0, 0.5)
    assert (first_token_seconds(candidate("b"), enough), success(candidate("b"), enough)) == (None, 1.0)


@pytest.mark.parametrize(
    ("figures", "shares"),
    [
        ([1.0, 4.0, 2.0], [0.75, 0.0, 0.5]),
        ([0.0, 4.0], [1.0, 0.0]),
        ([0.0, 0.0], [1.0, 1.0]),
        ([None, 4.0, 0.0], [MIDDLING, 0.0, 1.0]),
        ([None], [MIDDLING]),
        ([], []),
    ],
)
def test_shares_are_linear_in_the_largest_figure(figures: list[float | None], shares: list[float]) -> None:
    assert frugal(figures) == shares


@pytest.mark.parametrize(
    ("scores", "shares"),
    [
        ([0.9, 0.5], [0.9, 0.5]),
        ([80.0, 40.0], [1.0, 0.5]),
        ([None, 0.2], [MIDDLING, 0.2]),
        ([None, 10.0], [MIDDLING, 1.0]),
        ([None], [MIDDLING]),
        ([-1.0, 0.0], [0.0, 0.0]),
    ],
)
def test_scores_are_used_as_they_are_up_to_one(scores: list[float | None], shares: list[float]) -> None:
    names = iter(KNOWN)
    assert qualities([candidate(next(names), score=score) for score in scores]) == shares


def test_limits_name_the_figure_that_breaks_them() -> None:
    dear = candidate(price=Price(input=10, output=50))
    facts = Facts(prompt_tokens=10_000, live=lately(2.5, 0.25).live)
    assert Limits(max_cost_usd=0.1).over(dear, facts) == "costs about 0.12 USD, limit 0.1"
    assert Limits(max_price_usd=5).over(dear, facts) == "costs 11.5 USD per million tokens, limit 5"
    assert Limits(max_error_rate=0.1).over_live(dear, facts) == "fails 25% of attempts, limit 10%"
    slow = Limits(max_first_token_seconds=2).over_live(dear, facts)
    assert slow == "begins to answer after 2.50 s, limit 2 s"


def test_a_limit_may_be_reached() -> None:
    facts = Facts(prompt_tokens=600, output_tokens=400, live=lately(2.0, 0.1).live)
    within = Limits(max_cost_usd=0.01, max_price_usd=10, max_first_token_seconds=2, max_error_rate=0.1)
    tested = candidate(price=Price(input=10, output=10))
    assert within.over(tested, facts) == ""
    assert within.over_live(tested, facts) == ""


def test_what_is_unknown_breaks_no_limit() -> None:
    strict = Limits(max_cost_usd=1e-9, max_price_usd=1e-9, max_first_token_seconds=1e-9, max_error_rate=0.0)
    for facts in (Facts(), lately(99.0, 1.0, MIN_ATTEMPTS - 1)):
        assert strict.over(candidate(), facts) == ""
        assert strict.over_live(candidate(), facts) == ""
    never_answered = lately(None, 0.0)
    assert strict.over_live(candidate(), never_answered) == ""


def test_no_limits_limit_nothing() -> None:
    facts = Facts(prompt_tokens=10**9, live=lately(99.0, 1.0).live)
    assert Limits().over(candidate(price=Price(input=100, output=100)), facts) == ""
    assert Limits().over_live(candidate(), facts) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_cost_usd", 0.0),
        ("max_price_usd", -1.0),
        ("max_first_token_seconds", float("nan")),
        ("max_error_rate", 1.0),
        ("max_error_rate", -0.1),
    ],
)
def test_limits_out_of_range_are_errors(name: str, value: float) -> None:
    priced = [candidate(price=Price(input=1, output=1))]
    found = list(Limits(**{name: value}).lint(priced))
    assert [(lint.field, lint.severity) for lint in found] == [(f"limits.{name}", "error")]


def test_a_limit_on_money_wants_prices() -> None:
    (found,) = Limits(max_cost_usd=1).lint(
        [candidate("a"), candidate("b", Price(input=1, output=1)), candidate("c")]
    )
    assert found.severity == "warning"
    assert found.message == "the price of 'a', 'c' is not known"
    assert not list(Limits(max_error_rate=0.1).lint([candidate()]))
    assert not list(lint_prices("x", []))


def test_the_block_is_strict() -> None:
    assert build(Limits, {"max_cost_usd": 0.05}) == Limits(max_cost_usd=0.05)
    with pytest.raises(ValueError, match="max_cost"):
        build(Limits, {"max_cost": 0.05})
