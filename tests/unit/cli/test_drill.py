"""Chains of rules, policies in which endpoints fail, and the verdict: pure."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.cli.drill import (
    PLAYED,
    STAND_IN_KEY,
    Seen,
    alone,
    failing,
    find,
    fixed,
    judge,
    name_limit,
    names,
    played,
)
from waypost.decision.engine import SEMANTIC, Block, Route, Rule
from waypost.decision.expr import All, Is
from waypost.demo.anthropic_shapes import TRAITS as OF_ANTHROPIC
from waypost.demo.gemini_shapes import TRAITS as OF_GEMINI
from waypost.policy import Policy
from waypost.providers.provider import Account, Endpoint, Host, Provider, Secret, Tls
from waypost.selection.base import Candidate
from waypost.selection.choosing import Choosing

CHAIN = ("a", "b", "c")
FAULTS = (Host("127.0.0.1", 11), Host("127.0.0.1", 12))
KEY = "sk-canary"


def provider(name: str, kind: str = "openai", zone: str = "external", **fields: object) -> Provider:
    account = Account((Secret(KEY),), "org", headers=(("x-team", Secret(KEY)),))
    made = Provider(name, kind, "https", (Host(f"{name}.invalid", 443),), "/v1", zone, account, Tls("ca.pem"))  # type: ignore[arg-type]
    return replace(made, **fields)  # type: ignore[arg-type]


def policy() -> Policy:
    """Two endpoints at one provider, a third inside."""
    one, inside = provider("one", retries=2), provider("inside", "anthropic", "internal")
    endpoints = {"a": Endpoint("a", one, "wire-a"), "b": Endpoint("b", one, "wire-b")}
    endpoints["c"] = Endpoint("c", inside, "wire-c")
    rules = (
        Rule("chained", Is("x"), Route(CHAIN, frozenset({"external", "internal"}))),
        Rule("blocked", Is("x"), Block()),
        Rule(SEMANTIC, Is("x"), Route(("b",)), category="math"),
        Rule(SEMANTIC, All(()), Route(("a",))),
    )
    choices = {rule.key: Choosing((Candidate(endpoints["b"]),)) for rule in rules}
    return Policy("r", {"one": one, "inside": inside}, endpoints, {}, rules, choices=choices)


POLICY = policy()
RULE = POLICY.rules[0]


def test_rules_are_found_by_name_and_categories_by_theirs() -> None:
    assert find(POLICY, "chained") is RULE
    assert find(POLICY, "math") is POLICY.rules[2]
    assert find(POLICY, SEMANTIC) is POLICY.rules[3]
    assert find(POLICY, "nobody") is None
    assert find(POLICY, "") is None or find(POLICY, "") in POLICY.rules
    assert names(POLICY) == ["chained", "math", SEMANTIC]


def test_alone_a_rule_decides_everything() -> None:
    (rule,) = alone(POLICY, POLICY.rules[2]).rules
    assert (rule.when, rule.category) == (All(()), "math")


def test_a_fixed_chain_is_chosen_no_more() -> None:
    made = fixed(POLICY, POLICY.rules[2], ("c", "a"))
    assert made.rules[2].action == Route(("c", "a"))
    assert made.rules[0] == RULE
    assert set(made.choices) == {rule.key for rule in POLICY.rules} - {POLICY.rules[2].key}


@pytest.mark.parametrize("count", range(4))
def test_the_first_endpoints_are_elsewhere_and_nothing_else_is(count: int) -> None:
    made = failing(POLICY, CHAIN, FAULTS, count)
    assert len({failing(POLICY, CHAIN, FAULTS, n).revision for n in range(4)}) == 4
    for n, name in enumerate(CHAIN):
        before, now = POLICY.endpoints[name], made.endpoints[name]
        if n >= count:
            assert now == before
            continue
        assert now.provider.hosts == (FAULTS[n % 2],)
        assert now.provider.scheme == "http"
        assert (now.model, now.zone, now.provider.kind) == (before.model, before.zone, before.provider.kind)
        assert now.provider.retries == before.provider.retries
        assert made.providers[now.provider.name] == now.provider
    clusters = [each.cluster for each in made.providers.values()]
    assert len(clusters) == len(set(clusters)) == 2 + count
    assert made.providers["one"] == POLICY.providers["one"]


@given(st.integers(0, 3))
def test_no_credential_goes_to_an_address_that_fails(count: int) -> None:
    made = failing(POLICY, CHAIN, FAULTS, count)
    for name in CHAIN[:count]:
        assert made.endpoints[name].provider.account == Account()


def test_stand_ins_have_the_kind_and_none_of_the_account() -> None:
    azure = provider("az", "azure_openai", api_version="2024-10-21", base_path="/openai")
    whole = replace(
        POLICY,
        providers={**POLICY.providers, "az": azure},
        endpoints={**POLICY.endpoints, "z": Endpoint("z", azure, "deployed")},
    )
    made = played(whole, {"inside": 21, "az": 22})
    assert made.endpoints["a"] == POLICY.endpoints["a"]
    inside, at_azure = made.endpoints["c"], made.endpoints["z"]
    assert (inside.provider.kind, inside.model, inside.zone) == ("anthropic", PLAYED["anthropic"], "internal")
    assert (at_azure.provider.kind, at_azure.model) == ("openai", "deployed")
    for endpoint, port in ((inside, 21), (at_azure, 22)):
        one = endpoint.provider
        assert (one.scheme, one.hosts) == ("http", (Host("127.0.0.1", port),))
        assert one.account == Account((Secret(STAND_IN_KEY),))
        assert one.path("openai_chat", "m") == "/v1/chat/completions" if one.kind == "openai" else True


def test_stand_ins_know_the_models_they_play() -> None:
    assert PLAYED["anthropic"] in OF_ANTHROPIC
    assert PLAYED["gemini"] in OF_GEMINI


@pytest.mark.parametrize(
    ("count", "seen", "problem"),
    [
        (0, Seen(200, "a", 1, 1.0), ""),
        (1, Seen(200, "b", 2, 1.0), ""),
        (3, Seen(503, None, 3, 1.0, "provider_error"), ""),
        (1, Seen(200, "c", 3, 1.0), "expected 'b', and 'c' answered"),
        (1, Seen(502, None, 3, 1.0, "x"), "expected 'b', and nobody (502 x) answered"),
        (1, Seen(0, None, 0, 1.0), "expected 'b', and nobody (0) answered"),
        (3, Seen(200, "a", 3, 1.0), "nobody was left, and 'a' answered"),
    ],
)
def test_who_answers_is_compared(count: int, seen: Seen, problem: str) -> None:
    row = judge(POLICY, RULE, CHAIN, count, seen)
    assert row.problem == problem
    assert row.failed == CHAIN[:count]


def test_an_answer_from_outside_is_told_first() -> None:
    bound = replace(RULE, action=Route(CHAIN, frozenset({"internal"})))
    row = judge(POLICY, bound, CHAIN, 0, Seen(200, "a", 1, 1.0))
    assert row.problem == "'a' is in zone 'external', outside the boundary"


@pytest.mark.parametrize(
    ("optional", "answered", "is_fine"),
    [
        ({"a"}, "a", True),
        ({"a"}, "b", True),
        ({"a"}, "c", False),
        ({"a", "b"}, "c", True),
        ({"b"}, "b", False),
        ({"a", "b", "c"}, "c", True),
        ({"a"}, None, False),
    ],
)
def test_who_need_not_be_there_may_be_passed_over(
    optional: set[str], answered: str | None, *, is_fine: bool
) -> None:
    free = replace(RULE, action=Route(CHAIN, optional=frozenset(optional)))
    row = judge(POLICY, free, CHAIN, 0, Seen(200 if answered else 503, answered, 1, 1.0))
    assert (row.problem == "") == is_fine


def test_the_limit_is_called_what_all_of_a_chain_take() -> None:
    assert name_limit(POLICY.endpoints.values()) == "max_completion_tokens"
    assert name_limit([Endpoint("v", provider("v", "vllm"), "m")]) == "max_tokens"
