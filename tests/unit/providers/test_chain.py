from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.mutations.target import Target, Use, target
from waypost.providers.chain import MAX_CHAIN, expanded, hop_id, within
from waypost.testing.policies import endpoints

KNOWN = tuple(endpoints({"gpt": "external", "onprem": "internal", "safe": "vault"}).values())


def test_without_a_boundary_everybody_stays_in_order() -> None:
    assert within(reversed(KNOWN), None) == tuple(reversed(KNOWN))


@given(st.frozensets(st.sampled_from(["external", "internal", "vault", "attic"])))
def test_inside_a_boundary_are_exactly_the_endpoints_of_its_zones(boundary: frozenset[str]) -> None:
    chain = within(KNOWN, boundary)
    assert list(chain) == [e for e in KNOWN if e in chain]
    assert {e.zone for e in chain} == boundary & {e.zone for e in KNOWN}


def test_an_empty_boundary_lets_nobody_in() -> None:
    assert within(KNOWN, frozenset()) == ()


def test_a_hop_id_is_the_same_in_every_process() -> None:
    assert hop_id("9f2c", "onprem") == hop_id("9f2c", "onprem") == "3c52f05dc36b8ae5737b"


@given(st.text(), st.text(), st.text(), st.text())
def test_hop_ids_name_one_endpoint_of_one_revision(r1: str, e1: str, r2: str, e2: str) -> None:
    # A revision is hexadecimal, so the separator cannot stand in it.
    r1, r2 = r1.encode("utf-8", "replace").hex(), r2.encode("utf-8", "replace").hex()
    e1, e2 = e1.encode("utf-8", "replace").decode(), e2.encode("utf-8", "replace").decode()
    assert (hop_id(r1, e1) == hop_id(r2, e2)) == ((r1, e1) == (r2, e2))


def test_a_hop_id_tells_a_provider_nothing() -> None:
    hop = hop_id("9f2c", "internal-financial-ai")
    assert len(hop) == 20
    assert set(hop) <= set("0123456789abcdef")


def hops(retries: list[int]) -> list[Target]:
    """A chain whose providers are tried again so often."""
    known = endpoints({f"e{n}": "external" for n in range(len(retries))}).values()
    return [
        target(replace(e, provider=replace(e.provider, retries=again)), Use(), None)
        for e, again in zip(known, retries, strict=True)
    ]


@pytest.mark.parametrize(
    ("retries", "attempts"),
    [
        ([], ""),
        ([0, 0], "01"),
        ([1, 0, 2], "001222"),
        ([7], "00000000"),
        ([9], "00000000"),
        ([3, 3, 3], "00001112"),  # the first ones keep their repeats, nobody is left out
        ([1] * 7, "00123456"),
        ([2] * 8, "01234567"),
        ([2] * 9, "01234567"),
    ],
)
def test_who_is_tried_again_comes_again_at_once(retries: list[int], attempts: str) -> None:
    names = "".join(each.endpoint.name[1:] for each in expanded(hops(retries)))
    assert names == attempts


@given(st.lists(st.integers(0, 9), max_size=MAX_CHAIN + 2))
def test_repeats_leave_nobody_out_and_change_no_order(retries: list[int]) -> None:
    chain = [each.endpoint.name for each in hops(retries)]
    attempts = [each.endpoint.name for each in expanded(hops(retries))]
    assert list(dict.fromkeys(attempts)) == chain[:MAX_CHAIN]
    assert attempts == sorted(attempts, key=chain.index)
    assert len(attempts) == min(MAX_CHAIN, sum(1 + again for again in retries))
