import pytest

from waypost.configurable import build, schema
from waypost.selection.base import Candidate, Facts, Live
from waypost.selection.capabilities import Price, Profile
from waypost.selection.figures import Limits
from waypost.selection.scored import Scored, Weights
from waypost.testing.policies import endpoints

KNOWN = endpoints({"small": "external", "large": "external", "own": "internal"})
SMALL = Candidate(KNOWN["small"], Profile(price=Price(input=0.5, output=0.5)), 0.6)
LARGE = Candidate(KNOWN["large"], Profile(price=Price(input=2, output=2)), 0.9)
OWN = Candidate(KNOWN["own"])
LIVE = {"small": Live(0.5, 0.0, 50, 300.0), "large": Live(2.0, 0.5, 50, 300.0)}
FACTS = Facts(prompt_tokens=1000, live=LIVE)


def test_the_score_is_the_weighted_mean_of_three_shares() -> None:
    method = Scored(weights=Weights(quality=2, cost=1, latency=1))
    small, large = method.judge([SMALL, LARGE], FACTS, {})
    assert small.parts == {"quality": 0.6, "cost": 0.75, "latency": 0.75}
    assert small.score == pytest.approx((2 * 0.6 + 0.75 + 0.75) / 4)
    assert large.parts == {"quality": 0.45, "cost": 0.0, "latency": 0.0}
    assert large.score == pytest.approx(2 * 0.45 / 4)


def test_only_the_proportions_of_weights_matter() -> None:
    one = Scored(weights=Weights(quality=1, cost=2, latency=3)).judge([SMALL, LARGE], FACTS, {})
    ten = Scored(weights=Weights(quality=10, cost=20, latency=30)).judge([SMALL, LARGE], FACTS, {})
    assert [judged.score for judged in one] == pytest.approx([judged.score for judged in ten])


def test_what_nobody_knows_counts_as_middling_and_is_told() -> None:
    _, _, own = Scored().judge([SMALL, LARGE, OWN], FACTS, {})
    assert own.parts == {"quality": 0.5, "cost": 0.5, "latency": 0.5}
    assert own.unknown == ("score", "price", "live")
    assert Scored().judge([SMALL], FACTS, {})[0].unknown == ()


def test_a_model_that_fails_often_is_worth_less() -> None:
    method = Scored(weights=Weights(quality=1, cost=0, latency=0))
    failing = Facts(live={"large": Live(1.0, 0.4, 50, 300.0)})
    assert method.judge([LARGE], failing, {})[0].score == pytest.approx(0.9 * 0.6)


def test_limits_are_told_apart_by_what_they_rest_on() -> None:
    method = Scored(limits=Limits(max_price_usd=1, max_error_rate=0.1))
    small, large = method.judge([SMALL, LARGE], FACTS, {})
    assert (small.over, small.over_live) == ("", "")
    assert large.over.startswith("costs 2 USD")
    assert large.over_live.startswith("fails 50%")


def test_what_a_conversation_keeps_gets_the_margin_and_shows_it() -> None:
    plain = Scored().judge([SMALL, LARGE], FACTS, {})
    kept = Scored().judge([SMALL, LARGE], FACTS, {"large": 0.2})
    assert kept[0] == plain[0]
    assert kept[1].score == pytest.approx((plain[1].score or 0) + 0.2)
    assert kept[1].parts["kept"] == 0.2


def test_weights_of_nothing_decide_nothing() -> None:
    method = Scored(weights=Weights(quality=0, cost=0, latency=0))
    assert [judged.score for judged in method.judge([SMALL, LARGE], FACTS, {})] == [0.0, 0.0]


def test_the_sentence_names_the_weights() -> None:
    assert Scored().why(FACTS) == "quality, cost and latency weighed 0.6 : 0.3 : 0.1"


@pytest.mark.parametrize(
    ("method", "candidates", "expected"),
    [
        (Scored(), [SMALL, LARGE], []),
        (Scored(weights=Weights(quality=-1)), [SMALL], [("weights.quality", "error")]),
        (Scored(weights=Weights(cost=float("nan"))), [SMALL], [("weights.cost", "error")]),
        (Scored(weights=Weights(quality=0, cost=0, latency=0)), [OWN], [("weights", "error")]),
        (Scored(), [SMALL, OWN], [("weights.quality", "warning"), ("weights.cost", "warning")]),
        (Scored(weights=Weights(cost=0)), [OWN], [("weights.quality", "warning")]),
        (Scored(limits=Limits(max_error_rate=2)), [SMALL], [("limits.max_error_rate", "error")]),
    ],
)
def test_lint(method: Scored, candidates: list[Candidate], expected: list[tuple[str, str]]) -> None:
    assert [(lint.field, lint.severity) for lint in method.lint(candidates)] == expected


def test_the_block_is_strict_and_described() -> None:
    made = build(Scored, {"weights": {"quality": 1}, "limits": {"max_cost_usd": 0.1}})
    assert made == Scored(weights=Weights(quality=1), limits=Limits(max_cost_usd=0.1))
    assert all(row["description"] for row in schema(Weights)["properties"].values())
    with pytest.raises(ValueError, match="speed"):
        build(Scored, {"weights": {"speed": 1}})
