"""Who is asking is what a trusted peer says, and the peer is who holds the connection."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.envoy.gateway import Gateway, question, serve
from tests.envoy.world import World, config, model

TEAM, TENANT = "x-authz-team-id", "x-authz-tenant-id"


def settings(world: World, hops: list[str]) -> dict[str, Any]:
    def rule(name: str, team: str, provider: str, **action: Any) -> dict[str, Any]:
        route = {"type": "route", "endpoint": model(provider), **action}
        return {"name": name, "conditions": [{"type": "metadata", "team": team}], "action": route}

    rules = [rule("research", "research", "out2"), rule("finance", "finance", "in1", boundary="internal")]
    return config(world) | {"routing_rules": rules, "trusted_hops": hops}


@pytest.fixture(scope="module")
def behind_a_proxy(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Trusts another machine, not us."""
    with serve(tmp_path_factory.mktemp("proxy"), settings(whole_world, ["10.0.0.0/8", "::1/128"])) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def trusting(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Trusts whoever connects from this machine."""
    with serve(tmp_path_factory.mktemp("trusting"), settings(whole_world, ["127.0.0.0/8"])) as gateway:
        yield gateway


FORWARDED = [
    {},
    {"x-forwarded-for": "10.1.2.3"},
    {"x-forwarded-for": "10.1.2.3, 10.1.2.4"},
    {"forwarded": "for=10.1.2.3"},
    {"x-real-ip": "10.1.2.3"},
    {"x-envoy-external-address": "10.1.2.3"},
    {"x-envoy-internal": "true"},
    {"true-client-ip": "10.1.2.3"},
]


@pytest.mark.parametrize("spoof", FORWARDED)
@pytest.mark.parametrize("team", ["research", "finance", "none"])
def test_a_stranger_is_nobody_whatever_it_says(
    behind_a_proxy: Gateway, world: World, spoof: dict[str, str], team: str
) -> None:
    """Unknown identity opens no route, and cannot rule out a boundary: the request stays inside."""
    response = behind_a_proxy.post(question("hello"), **{TEAM: team}, **spoof)
    assert response.header("x-waypost-decision") == "finance"
    assert world.got() == {"in1": 1}


@pytest.mark.parametrize(
    ("headers", "decision", "provider"),
    [
        ([(TEAM, "research")], "research", "out2"),
        ([(TEAM, "finance")], "finance", "in1"),
        ([(TEAM, "sales")], "semantic_classification", "out1"),
        ([], "finance", "in1"),
        ([(TEAM, "research"), (TEAM, "finance")], "finance", "in1"),
        ([(TENANT, "research")], "finance", "in1"),
    ],
)
def test_a_trusted_hop_says_who_is_asking(
    trusting: Gateway, world: World, headers: list[tuple[str, str]], decision: str, provider: str
) -> None:
    body = '{"model": "auto", "messages": [{"role": "user", "content": "hello"}]}'
    response = trusting.request("POST", "/v1/chat/completions", body, headers)
    assert response.header("x-waypost-decision") == decision
    assert world.got() == {provider: 1}
    assert world[provider].wait().header(TEAM) is None
