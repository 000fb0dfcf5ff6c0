"""What guards make of a chain of endpoints."""

from collections.abc import Iterable

import pytest

from waypost.guards.judge import Check, Ruling, Unread, judge
from waypost.guards.settings import PiiAction
from waypost.providers.provider import Endpoint
from waypost.signals.base import FailureCode, Verdict
from waypost.testing.policies import endpoints

KNOWN = endpoints({"gpt": "external", "claude": "external", "onprem": "internal"})
YES = Verdict("EMAIL_ADDRESS", 0.9, "Contains PII: EMAIL_ADDRESS")
NOWHERE = Unread()
NO = Verdict(None, 0.0, "No PII found")


def failed(code: FailureCode = "engine") -> Verdict:
    return Verdict(None, 0.0, "not answered", failed=code)


def pii(action: PiiAction, signal: str = "pii") -> Check:
    return Check("pii", signal, action)


def ruled(
    names: Iterable[str],
    checks: dict[str, tuple[Check, ...]],
    *,
    unread: Unread = NOWHERE,
    **verdicts: Verdict,
) -> Ruling:
    return judge([KNOWN[name] for name in names], lambda e: checks.get(e.name, ()), verdicts, unread)


def names(chain: Iterable[Endpoint]) -> list[str]:
    return [endpoint.name for endpoint in chain]


def test_a_chain_without_guards_stays() -> None:
    ruling = ruled(("gpt", "onprem"), {})
    assert names(ruling.chain) == ["gpt", "onprem"]
    assert ruling == Ruling(ruling.chain)


@pytest.mark.parametrize("action", ["block", "reroute", "mask", "mask_restore"])
def test_a_guard_that_finds_nothing_changes_nothing(action: PiiAction) -> None:
    ruling = ruled(("gpt",), {"gpt": (pii(action),)}, pii=NO)
    assert names(ruling.chain) == ["gpt"]
    assert (ruling.masks, ruling.decided) == ((), None)
    assert [finding.hit for finding in ruling.findings] == [False]


def test_a_block_refuses_at_the_endpoint_the_request_would_go_to_first() -> None:
    check = pii("block")
    ruling = ruled(("gpt", "onprem"), {"gpt": (check,)}, pii=YES)
    assert (ruling.chain, ruling.decided) == ((), check)


def test_a_block_further_back_only_takes_that_endpoint_off_the_chain() -> None:
    ruling = ruled(("onprem", "gpt"), {"gpt": (pii("block"),)}, pii=YES)
    assert names(ruling.chain) == ["onprem"]
    assert ruling.decided is None


def test_a_reroute_goes_to_the_next_candidate_that_may_have_it() -> None:
    checks = {"gpt": (pii("reroute"),), "claude": (pii("reroute"),)}
    ruling = ruled(("gpt", "claude", "onprem"), checks, pii=YES)
    assert names(ruling.chain) == ["onprem"]
    assert [(f.endpoint, f.hit) for f in ruling.findings] == [("gpt", True), ("claude", True)]


def test_a_block_behind_a_reroute_refuses() -> None:
    """The request would go there next: the operator said that it must not."""
    last = pii("block")
    ruling = ruled(("gpt", "claude", "onprem"), {"gpt": (pii("reroute"),), "claude": (last,)}, pii=YES)
    assert (ruling.chain, ruling.decided) == ((), last)


def test_nobody_left_names_the_check_that_came_first() -> None:
    first = pii("reroute")
    ruling = ruled(("gpt", "claude"), {"gpt": (first,), "claude": (pii("reroute"),)}, pii=YES)
    assert (ruling.chain, ruling.decided) == ((), first)


@pytest.mark.parametrize(("action", "restore"), [("mask", False), ("mask_restore", True)])
def test_what_is_masked_for_one_is_masked_for_the_whole_chain(action: PiiAction, *, restore: bool) -> None:
    ruling = ruled(("onprem", "gpt"), {"gpt": (pii(action),)}, pii=YES)
    assert names(ruling.chain) == ["onprem", "gpt"]
    assert (ruling.masks, ruling.restore) == (("pii",), restore)


@pytest.mark.parametrize("action", ["block", "mask", "mask_restore"])
def test_what_could_not_be_read_is_refused(action: PiiAction) -> None:
    check = pii(action)
    ruling = ruled(("gpt",), {"gpt": (check,)}, pii=failed())
    assert (ruling.chain, ruling.decided) == ((), check)
    assert [finding.hit for finding in ruling.findings] == [None]


def test_what_could_not_be_read_is_rerouted_where_a_find_would_be() -> None:
    ruling = ruled(("gpt", "onprem"), {"gpt": (pii("reroute"),)}, pii=failed())
    assert names(ruling.chain) == ["onprem"]


def test_the_zone_for_what_nobody_can_read_gets_it_and_no_other_failure() -> None:
    checks = {name: (pii("reroute"),) for name in KNOWN}
    inside = Unread("internal")
    ruling = ruled(("gpt", "onprem"), checks, unread=inside, pii=failed("unscannable"))
    assert names(ruling.chain) == ["onprem"]
    assert ruled(("gpt", "onprem"), checks, unread=inside, pii=failed("too_large")).chain == ()


def test_an_annotated_attack_passes_and_is_told() -> None:
    check = Check("prompt_guard", "attack", "annotate")
    verdict = Verdict("attack", 0.93, "P(attack)=0.93")
    ruling = ruled(("gpt",), {"gpt": (check,)}, attack=verdict)
    assert (names(ruling.chain), ruling.annotations) == (["gpt"], ("attack",))


def test_two_guards_of_one_endpoint_both_count() -> None:
    checks = {"gpt": (pii("mask"), Check("prompt_guard", "attack", "block"))}
    attacked = ruled(("gpt",), checks, pii=YES, attack=Verdict("attack", 0.9, "P(attack)=0.90"))
    assert attacked.decided == checks["gpt"][1]
    clean = ruled(("gpt",), checks, pii=YES, attack=Verdict(None, 0.1, "P(attack)=0.10"))
    assert clean.masks == ("pii",)


@pytest.mark.parametrize("action", ["block", "mask", "reroute"])
def test_what_nobody_can_read_goes_to_its_zone_whatever_the_guard_would_do(action: PiiAction) -> None:
    checks = {name: (pii(action),) for name in KNOWN}
    ruling = ruled(("gpt", "onprem"), checks, unread=Unread("internal"), pii=failed("unscannable"))
    assert names(ruling.chain) == ["onprem"]
    nobody = ruled(("gpt",), checks, unread=Unread("internal"), pii=failed("unscannable"))
    assert nobody.rerouted
    assert nobody.decided == checks["gpt"][0]


def test_a_block_leaves_nobody_to_be_asked_and_a_reroute_does() -> None:
    assert not ruled(("gpt",), {"gpt": (pii("block"),)}, pii=YES).rerouted
    assert ruled(("gpt",), {"gpt": (pii("reroute"),)}, pii=YES).rerouted
