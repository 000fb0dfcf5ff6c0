from collections import Counter
from collections.abc import Sequence

import pytest

from waypost.selection.base import Candidate, Facts
from waypost.selection.canary import Canary
from waypost.testing.policies import endpoints

KNOWN = endpoints(dict.fromkeys("abcd", "external"))


def split(*percents: float | None) -> list[Candidate]:
    return [Candidate(e, percent=p) for e, p in zip(KNOWN.values(), percents, strict=False)]


def picked(candidates: Sequence[Candidate], key: str | None) -> str:
    judged = Canary().judge(candidates, Facts(key=key), {})
    scores = [each.score or 0.0 for each in judged]
    return candidates[scores.index(max(scores))].endpoint.name


def shares(candidates: Sequence[Candidate], keys: int = 4000) -> dict[str, float]:
    found = Counter(picked(candidates, f"key {n}") for n in range(keys))
    return {name: 100 * count / keys for name, count in found.items()}


@pytest.mark.parametrize(
    ("percents", "expected"),
    [
        ((None, 10.0), {"a": 90, "b": 10}),
        ((10.0, None), {"a": 10, "b": 90}),
        ((10.0, 20.0), {"a": 80, "b": 20}),
        ((50.0, 30.0, 20.0), {"a": 50, "b": 30, "c": 20}),
        ((5.0, 70.0, None, None), {"a": 5, "b": 70, "c": 25}),
        ((0.0, None), {"b": 100}),
        ((100.0, None), {"a": 100}),
        ((None, None), {"a": 100}),
        ((0.0, 0.0), {"a": 100}),
    ],
)
def test_conversations_are_split_by_percentage(
    percents: tuple[float | None, ...], expected: dict[str, float]
) -> None:
    assert shares(split(*percents)) == pytest.approx(expected, abs=2.5)


def test_percentages_beyond_a_hundred_still_pick_somebody() -> None:
    assert set(shares(split(80.0, 80.0), 500)) == {"a", "b"}
    assert set(shares(split(-5.0, None), 500)) == {"b"}


def test_a_percentage_that_falls_to_nothing_takes_everybody_off_at_once() -> None:
    facts = Facts(key="k", kept="b")
    judged = Canary().judge(split(None, 0.0), facts, {"b": 1.0})
    assert (judged[0].score or 0) > (judged[1].score or 0)


def test_without_a_key_the_rest_serves() -> None:
    assert picked(split(40.0, None), None) == "b"
    assert picked(split(40.0, 60.0), None) == "a"
    assert "nothing tells conversations apart" in Canary().why(Facts())
    assert "stable hash" in Canary().why(Facts(key="k"))


def test_who_is_not_picked_follows_by_size() -> None:
    candidates = split(5.0, None, 25.0)
    judged = Canary().judge(candidates, Facts(key="k"), {})
    assert [each.parts["share"] for each in judged] == pytest.approx([0.05, 0.7, 0.25])
    assert sorted(round((each.score or 0) - each.parts["share"]) for each in judged) == [0, 0, 1]


def test_any_key_is_taken() -> None:
    assert picked(split(None, 10.0), "\ud800") in {"a", "b"}
    assert picked(split(None, 10.0), "") in {"a", "b"}


@pytest.mark.parametrize(
    ("percents", "found"),
    [
        ((None, 10.0), 0),
        ((50.0, 50.0), 0),
        ((50.0, 51.0), 1),
        ((None, None), 1),
        ((-1.0, None), 1),
        ((float("nan"), None), 1),
    ],
)
def test_lint(percents: tuple[float | None, ...], found: int) -> None:
    assert len(list(Canary().lint(split(*percents)))) == found
