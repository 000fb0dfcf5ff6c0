import pytest

from waypost.configurable import build
from waypost.selection.base import Candidate, Facts, Live
from waypost.selection.capabilities import Price, Profile
from waypost.selection.cheapest_above import CheapestAbove, expected
from waypost.selection.figures import Limits
from waypost.testing.policies import endpoints

KNOWN = endpoints({"small": "external", "middle": "external", "large": "external"})
SMALL = Candidate(KNOWN["small"], Profile(price=Price(input=1, output=1)), 0.5)
MIDDLE = Candidate(KNOWN["middle"], Profile(price=Price(input=2, output=2)), 0.7)
LARGE = Candidate(KNOWN["large"], Profile(price=Price(input=10, output=10)), 0.95)
ALL = [LARGE, MIDDLE, SMALL]


@pytest.mark.parametrize(
    ("score", "p_hard", "quality"),
    [
        (0.5, 0.2, 0.8),
        (0.5, 0.9, 0.1),
        (0.8, 0.5, 0.8),
        (0.8, 0.2, 16 / 17),
        (0.8, 0.8, 0.5),
        (0.8, None, 0.8),
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 1.0),
        (0.0, None, 0.0),
    ],
)
def test_expected_quality(score: float, p_hard: float | None, quality: float) -> None:
    assert expected(score, p_hard) == pytest.approx(quality)


@pytest.mark.parametrize(("p_hard", "best"), [(0.05, "small"), (0.3, "middle"), (0.6, "large")])
def test_the_harder_the_request_the_dearer_the_model(p_hard: float, best: str) -> None:
    judged = CheapestAbove(quality=0.8).judge(ALL, Facts(p_hard=p_hard), {})
    scores = {c.endpoint.name: each.score or 0 for c, each in zip(ALL, judged, strict=True)}
    assert max(scores, key=lambda name: scores[name]) == best


def test_where_no_model_reaches_the_bar_the_best_is_first() -> None:
    judged = CheapestAbove(quality=0.999).judge(ALL, Facts(p_hard=0.9), {})
    scores = [each.score or 0 for each in judged]
    assert scores == sorted(scores, reverse=True)
    assert max(scores) < 1


def test_without_a_prediction_scores_count_as_they_are_and_that_is_told() -> None:
    judged = CheapestAbove(quality=0.7).judge(ALL, Facts(), {})
    assert [each.parts["quality"] for each in judged] == [0.95, 0.7, 0.5]
    assert [(each.score or 0) >= 1 for each in judged] == [True, True, False]
    assert all("difficulty" in each.unknown for each in judged)


def test_what_nobody_knows_is_told() -> None:
    blank = Candidate(KNOWN["small"])
    (judged,) = CheapestAbove().judge([blank], Facts(p_hard=0.5), {})
    assert judged.unknown == ("score", "price", "live")
    assert judged.parts == {"quality": 0.5, "cost": 0.5}


def test_failures_lower_what_is_expected() -> None:
    failing = Facts(live={"large": Live(1.0, 0.5, 50, 300.0)})
    (judged,) = CheapestAbove().judge([LARGE], failing, {})
    assert judged.parts["quality"] == pytest.approx(0.475)
    assert (judged.score or 0) < 1


def test_the_bar_is_lower_by_the_margin_for_what_a_conversation_keeps() -> None:
    method, facts = CheapestAbove(quality=0.8), Facts(p_hard=0.5)
    assert (method.judge([MIDDLE], facts, {})[0].score or 0) < 1
    (kept,) = method.judge([MIDDLE], facts, {"middle": 0.15})
    assert (kept.score or 0) > 1
    assert kept.parts["kept"] == 0.15


def test_limits_are_passed_on() -> None:
    method = CheapestAbove(limits=Limits(max_price_usd=5, max_first_token_seconds=1))
    facts = Facts(live={"large": Live(3.0, 0.0, 50, 300.0)})
    (judged,) = method.judge([LARGE], facts, {})
    assert judged.over.startswith("costs 10 USD")
    assert judged.over_live.startswith("begins to answer after 3.00 s")


def test_it_reads_the_complexity_head_and_says_at_what_difficulty() -> None:
    assert CheapestAbove().heads == {"complexity"}
    assert (
        CheapestAbove().why(Facts(p_hard=0.4))
        == "cheapest with an expected quality of 0.8 at difficulty 0.40"
    )
    assert CheapestAbove().why(Facts()).endswith("at difficulty unknown")


@pytest.mark.parametrize(
    ("method", "candidates", "found"),
    [
        (CheapestAbove(), ALL, []),
        (CheapestAbove(quality=0), ALL, ["error"]),
        (CheapestAbove(quality=1.5), ALL, ["error"]),
        (
            CheapestAbove(),
            [Candidate(KNOWN["small"], Profile(price=Price(input=1, output=1)), 80)],
            ["error"],
        ),
        (CheapestAbove(), [Candidate(KNOWN["small"])], ["warning", "warning"]),
        (CheapestAbove(limits=Limits(max_cost_usd=-1)), ALL, ["error"]),
    ],
)
def test_lint(method: CheapestAbove, candidates: list[Candidate], found: list[str]) -> None:
    assert [lint.severity for lint in method.lint(candidates)] == found


def test_the_block_is_strict() -> None:
    assert build(CheapestAbove, {"quality": 0.9}) == CheapestAbove(quality=0.9)
    with pytest.raises(ValueError, match="bar"):
        build(CheapestAbove, {"bar": 0.9})
