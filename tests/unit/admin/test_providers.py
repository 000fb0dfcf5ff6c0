"""How providers do, as the API tells it."""

import json

from waypost.admin.providers import SCHEMA, providers
from waypost.observe.upstreams import HostState, Upstream
from waypost.policy import Policy
from waypost.providers.provider import Account, Endpoint, Host, Provider, Secret
from waypost.testing import policies

CANARY = "sk-canary-77aa"
MANY = Provider(
    "many",
    "openai",
    "https",
    (Host("a.example", 443, 3), Host("::1", 8443)),
    "/v1",
    "external",
    Account((Secret(CANARY), Secret("second")), "org-canary", headers=(("x-team", Secret(CANARY)),)),
)
OWN = Provider("own", "vllm", "http", (Host("10.0.0.5", 8000),), "/v1", "internal")


def policy() -> Policy:
    made = policies.policy({"a": "external"}, {}, ())
    endpoints = {name: Endpoint(name, MANY, f"wire-{name}") for name in ("big", "small")}
    return type(made)("rev", {"many": MANY, "own": OWN}, endpoints, {}, made.rules)


def test_what_is_configured_and_what_envoy_says() -> None:
    seen = Upstream(
        "own",
        (HostState("10.0.0.5:8000", True, 2, 40, 3, 1),),
        {"2xx": 30, "4xx": 6, "429": 2, "5xx": 4},
        retries=3,
        timeouts=5,
        overflows=7,
    )
    told = providers(policy(), [seen], {"many": 12.345})
    assert (told["schema"], told["revision"]) == (SCHEMA, "rev")
    assert told["providers"] == [
        {
            "name": "many",
            "kind": "openai",
            "zone": "external",
            "keys": 2,
            "endpoints": [
                {"url": "https://a.example:443/v1", "weight": 3},
                {"url": "https://[::1]:8443/v1", "weight": 1},
            ],
            "models": [{"name": "big", "model": "wire-big"}, {"name": "small", "model": "wire-small"}],
            "state": "unknown",
            "addresses": [],
            "attempts": None,
            "cooling_seconds": 12.3,
        },
        {
            "name": "own",
            "kind": "vllm",
            "zone": "internal",
            "keys": 0,
            "endpoints": [{"url": "http://10.0.0.5:8000/v1", "weight": 1}],
            "models": [],
            "state": "down",
            "addresses": [
                {
                    "address": "10.0.0.5:8000",
                    "ejected": True,
                    "active": 2,
                    "requests": 40,
                    "errors": 3,
                    "connect_failures": 1,
                }
            ],
            "attempts": {
                "active": 2,
                "success": 30,
                "client_error": 6,
                "limited": 2,
                "server_error": 4,
                "timeouts": 5,
                "connect_failures": 1,
                "retries": 3,
                "overflows": 7,
            },
            "cooling_seconds": 0.0,
        },
    ]


def test_nothing_of_an_account_is_told() -> None:
    text = json.dumps(providers(policy(), [Upstream("many")], {}))
    assert CANARY not in text
    assert "org-canary" not in text
    assert "x-team" not in text
