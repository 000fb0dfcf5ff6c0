"""Whatever the method: nobody outside, nobody unable, nobody forgotten; and each method keeps its word."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.properties.strategies import ENDPOINTS, boundaries
from waypost.providers.chain import MAX_CHAIN
from waypost.selection.base import Candidate, Facts, Live, Method, Selection
from waypost.selection.canary import Canary
from waypost.selection.capabilities import CAPABILITIES, Capabilities, Price, Profile, lacking
from waypost.selection.cheapest_above import CheapestAbove, expected
from waypost.selection.figures import MIN_ATTEMPTS, Limits, cost_usd
from waypost.selection.methods import select
from waypost.selection.scored import Scored, Weights
from waypost.selection.static import Static
from waypost.selection.sticky import Sticky
from waypost.testing import policies

KNOWN = policies.endpoints(ENDPOINTS)
NAMES = tuple(KNOWN)

often = settings(max_examples=200)

units = st.floats(0, 1)
prices = st.builds(Price, input=st.floats(0, 100), output=st.floats(0, 100))
profiles = st.builds(
    Profile,
    st.none() | st.integers(0, 5000),
    st.none() | st.integers(1, 2000),
    st.builds(Capabilities, **dict.fromkeys(CAPABILITIES, st.sampled_from([None, None, True, True, False]))),
    st.none() | prices,
)
percents = st.none() | st.integers(0, 2000).map(lambda n: n / 100)
lives = st.builds(
    Live, st.none() | st.floats(0, 60), units, st.integers(MIN_ATTEMPTS - 2, 200), st.just(300.0)
)
live_tables = st.dictionaries(st.sampled_from(NAMES), lives)
candidate_lists = st.lists(
    st.builds(
        Candidate, st.sampled_from(tuple(KNOWN.values())), profiles, st.none() | st.floats(0, 2), percents
    ),
    max_size=MAX_CHAIN + 2,
)
limits = st.builds(
    Limits,
    max_cost_usd=st.none() | st.floats(1e-6, 0.1),
    max_price_usd=st.none() | st.floats(0.01, 100),
    max_first_token_seconds=st.none() | st.floats(0.01, 60),
    max_error_rate=st.none() | units,
)
weights = st.builds(Weights, quality=units, cost=units, latency=units)
methods: st.SearchStrategy[Method] = st.one_of(
    st.just(Static()),
    st.just(Canary()),
    st.builds(Scored, weights=weights, limits=limits),
    st.builds(CheapestAbove, quality=units, limits=limits),
)
facts = st.builds(
    Facts,
    prompt_tokens=st.integers(0, 6000),
    output_tokens=st.none() | st.integers(1, 3000),
    needs=st.frozensets(st.sampled_from(CAPABILITIES), max_size=2),
    p_hard=st.none() | units,
    key=st.none() | st.text(),
    kept=st.none() | st.sampled_from([*NAMES, "gone"]),
    in_tool_loop=st.booleans(),
    live=live_tables,
)
stickies = st.none() | st.builds(Sticky, margin=units)


def place(selection: Selection, name: str) -> int:
    return [endpoint.name for endpoint in selection.chain].index(name)


def is_able(candidate: Candidate, known: Facts) -> bool:
    return not lacking(candidate.profile, known.needs, known.prompt_tokens, known.output_tokens)


@often
@given(methods, candidate_lists, facts, boundaries, stickies)
def test_every_method_keeps_the_contract(
    method: Method,
    candidates: Sequence[Candidate],
    known: Facts,
    boundary: frozenset[str] | None,
    sticky: Sticky | None,
) -> None:
    selection = select(method, candidates, known, boundary, sticky)
    assert select(method, candidates, known, boundary, sticky) == selection
    chain = selection.chain
    assert len({endpoint.name for endpoint in chain}) == len(chain) <= MAX_CHAIN
    assert boundary is None or {endpoint.zone for endpoint in chain} <= boundary
    assert selection.boundary == boundary
    assert [each.endpoint for each in selection.considered] == [c.endpoint.name for c in candidates]
    assert sorted(each.endpoint for each in selection.considered if not each.eliminated) == sorted(
        endpoint.name for endpoint in chain
    )
    for endpoint in chain:
        assert any(c.endpoint == endpoint and is_able(c, known) for c in candidates)
    assert selection.because
    assert not selection.lacks or not chain


@often
@given(candidate_lists, facts, boundaries)
def test_without_limits_whoever_is_able_and_inside_is_in_the_chain(
    candidates: Sequence[Candidate], known: Facts, boundary: frozenset[str] | None
) -> None:
    selection = select(Scored(), candidates, known, boundary)
    inside = [c for c in candidates if boundary is None or c.endpoint.zone in boundary]
    able = {c.endpoint.name for c in inside if is_able(c, known)}
    assert {endpoint.name for endpoint in selection.chain} == able
    assert bool(selection.lacks) == bool(inside and not able)


@given(methods, candidate_lists, facts, st.none() | st.builds(Sticky, margin=units))
def test_an_empty_profile_and_no_live_figures_eliminate_nobody(
    method: Method, candidates: Sequence[Candidate], known: Facts, sticky: Sticky | None
) -> None:
    blank = [replace(c, profile=Profile()) for c in candidates]
    selection = select(method, blank, replace(known, live={}), None, sticky)
    assert {e.name for e in selection.chain} == {c.endpoint.name for c in candidates}


# --- scored -----------------------------------------------------------------------------------------------

rivals = st.lists(
    st.builds(
        Candidate,
        st.sampled_from([KNOWN[name] for name in NAMES[1:]]),
        st.builds(Profile, price=prices),
        units,
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda c: c.endpoint.name,
)


@often
@given(st.builds(Scored, weights=weights), rivals, prices, units, live_tables, st.data())
def test_scored_never_moves_a_model_back_that_got_better_cheaper_or_faster(
    method: Scored,
    others: list[Candidate],
    price: Price,
    score: float,
    live: Mapping[str, Live],
    data: st.DataObject,
) -> None:
    name = NAMES[0]
    subject = Candidate(KNOWN[name], Profile(price=price), score)
    known = Facts(prompt_tokens=1000, live={**live, name: Live(10.0, 0.5, 50, 300.0)})
    before = place(select(method, [*others, subject], known, None), name)
    better = data.draw(st.sampled_from(["score", "price", "latency", "errors"]))
    match better:
        case "score":
            subject = replace(subject, score=data.draw(st.floats(score, 3)))
        case "price":
            cheaper = Price(
                input=data.draw(st.floats(0, price.input)), output=data.draw(st.floats(0, price.output))
            )
            subject = replace(subject, profile=Profile(price=cheaper))
        case "latency":
            faster = Live(data.draw(st.floats(0, 10)), 0.5, 50, 300.0)
            known = replace(known, live={**known.live, name: faster})
        case _:
            steadier = Live(10.0, data.draw(st.floats(0, 0.5)), 50, 300.0)
            known = replace(known, live={**known.live, name: steadier})
    assert place(select(method, [*others, subject], known, None), name) <= before


# --- cheapest_above ---------------------------------------------------------------------------------------


@often
@given(units, units, units, units)
def test_expected_quality_rises_with_the_score_and_falls_with_the_difficulty(
    low: float, high: float, easy: float, hard: float
) -> None:
    low, high = sorted((low, high))
    easy, hard = sorted((easy, hard))
    assert 0 <= expected(low, hard) <= expected(high, hard) <= 1
    assert expected(low, hard) <= expected(low, easy)


@often
@given(rivals, units, units, units)
def test_a_harder_request_never_goes_to_a_cheaper_model_while_one_is_good_enough(
    candidates: list[Candidate], bar: float, easy: float, hard: float
) -> None:
    easy, hard = sorted((easy, hard))
    chosen = []
    for p_hard in (easy, hard):
        known = Facts(prompt_tokens=1000, p_hard=p_hard)
        first = select(CheapestAbove(quality=bar), candidates, known, None).chain[0]
        candidate = next(c for c in candidates if c.endpoint == first)
        cost = cost_usd(candidate, known)
        assert cost is not None
        chosen.append((cost, expected(candidate.score or 0, p_hard)))
        assert chosen[-1][1] >= bar or all(expected(c.score or 0, p_hard) < bar for c in candidates)
    if chosen[1][1] >= bar:
        dearest = max(cost_usd(c, Facts(prompt_tokens=1000)) or 0 for c in candidates)
        assert chosen[0][0] <= chosen[1][0] + dearest * 1e-12  # shares of the dearest round alike


# --- canary -----------------------------------------------------------------------------------------------


def split(shares: Sequence[float | None]) -> list[Candidate]:
    return [Candidate(KNOWN[name], percent=share) for name, share in zip(NAMES, shares, strict=False)]


def pick(shares: Sequence[float | None], key: str) -> str:
    return select(Canary(), split(shares), Facts(key=key), None).chain[0].name


def owners(shares: Sequence[float | None], keys: Sequence[str]) -> dict[str, str]:
    return {key: pick(shares, key) for key in keys}


@pytest.mark.parametrize(
    "shares", [(5.0, None), (None, 10.0, 20.0), (40.0, 30.0, 20.0, 10.0), (70.0, 5.0, None)]
)
def test_canary_splits_as_it_says(shares: tuple[float | None, ...]) -> None:
    keys = 20_000
    found = list(owners(shares, [f"conversation {n}" for n in range(keys)]).values())
    given_away = sum(share or 0 for share in shares)
    for name, share in zip(NAMES, shares, strict=False):
        wanted = 100 - given_away if share is None else share
        assert abs(100 * found.count(name) / keys - wanted) < 2


KEYS = [f"key {n}" for n in range(300)]
slices = st.floats(0, 25).map(lambda percent: round(percent, 2))


@settings(max_examples=30)
@given(st.lists(slices, min_size=2, max_size=3), slices, st.data())
def test_a_growing_percentage_takes_only_from_the_rest(
    shares: list[float], more: float, data: st.DataObject
) -> None:
    grown = data.draw(st.integers(0, len(shares) - 1))
    after = [max(share, more) if n == grown else share for n, share in enumerate(shares)]
    was, now = owners([*shares, None], KEYS), owners([*after, None], KEYS)
    moved = {(was[key], now[key]) for key in KEYS if was[key] != now[key]}
    assert moved <= {(NAMES[len(shares)], NAMES[grown])}


@settings(max_examples=30)
@given(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0, 1))
def test_of_two_percentages_either_may_grow_as_far_as_there_is_rest(
    first: float, second: float, part: float
) -> None:
    assume(first + second <= 100)
    after = first + part * (100 - first - second)
    was, now = owners([first, second, None], KEYS), owners([after, second, None], KEYS)
    assert {(was[key], now[key]) for key in KEYS if was[key] != now[key]} <= {(NAMES[2], NAMES[0])}


@given(st.text(), candidate_lists.filter(bool), facts, facts)
def test_a_key_keeps_its_model_whatever_else_changes(
    key: str, candidates: list[Candidate], one: Facts, other: Facts
) -> None:
    able = [replace(c, profile=Profile()) for c in candidates]
    first = select(Canary(), able, replace(one, key=key, in_tool_loop=False), None, Sticky())
    second = select(Canary(), able, replace(other, key=key, in_tool_loop=False), None)
    assert first.chain[0] == second.chain[0]


# --- sticky -----------------------------------------------------------------------------------------------


@often
@given(methods, candidate_lists, facts, boundaries, st.builds(Sticky, margin=units))
def test_within_a_tool_loop_the_model_stays_as_long_as_it_can_serve(
    method: Method,
    candidates: Sequence[Candidate],
    known: Facts,
    boundary: frozenset[str] | None,
    sticky: Sticky,
) -> None:
    known = replace(known, in_tool_loop=True)
    selection = select(method, candidates, known, boundary, sticky)
    kept = [c for c in candidates if c.endpoint.name == known.kept and is_able(c, known)]
    if any(boundary is None or c.endpoint.zone in boundary for c in kept):
        assert selection.chain[0].name == known.kept


@often
@given(rivals, facts, st.builds(Sticky, margin=units), st.builds(Scored, weights=weights))
def test_elsewhere_it_changes_only_for_one_that_is_better_by_the_margin(
    candidates: list[Candidate], known: Facts, sticky: Sticky, method: Scored
) -> None:
    known = replace(known, in_tool_loop=False, needs=frozenset(), kept=candidates[0].endpoint.name)
    plain = select(method, candidates, known, None)
    score = {each.endpoint: each.score or 0 for each in plain.considered}
    first = select(method, candidates, known, None, sticky).chain[0].name
    if first != known.kept:
        assert score[first] > score[candidates[0].endpoint.name] + sticky.margin
    else:
        assert max(score.values()) <= score[candidates[0].endpoint.name] + sticky.margin + 1e-12
