"""Envoy itself accepts what is generated, for every shape of policy."""

import json
import subprocess
from pathlib import Path

import pytest

from waypost.config.settings import Address, Settings, Timeouts
from waypost.decision.engine import SEMANTIC, Route, Rule
from waypost.decision.expr import All
from waypost.envoy.binary import find_envoy
from waypost.envoy.resources import Wiring, static_bootstrap
from waypost.envoy.roots import find_ca_file
from waypost.policy import Policy
from waypost.providers.chain import MAX_CHAIN
from waypost.providers.provider import Endpoint, Host, Provider

LOOPBACK = Settings(listen=Address("127.0.0.1", 8801))
LOCAL = Wiring("unix:/tmp/router.sock", "unix:/tmp/upstream.sock", find_ca_file())


def hosts(*urls: tuple[str, str, int]) -> Policy:
    """A policy whose default rule walks all of `(scheme, host, port)`."""
    providers = [
        Provider(f"p{n}", "openai_compatible", scheme, (Host(host, port),), "/v1")  # type: ignore[arg-type]
        for n, (scheme, host, port) in enumerate(urls)
    ]
    endpoints = {f"m{n}": Endpoint(f"m{n}", provider, "name") for n, provider in enumerate(providers)}
    rules = (Rule(SEMANTIC, All(()), Route(tuple(endpoints)[:MAX_CHAIN])),)
    return Policy("r", {p.name: p for p in providers}, endpoints, {}, rules)


HTTP = ("http", "127.0.0.1", 8000)


@pytest.mark.parametrize(
    ("policy", "settings", "wiring"),
    [
        pytest.param(hosts(HTTP), LOOPBACK, LOCAL, id="one http address"),
        pytest.param(hosts(("http", "::1", 8000)), LOOPBACK, LOCAL, id="http over IPv6"),
        pytest.param(hosts(("https", "api.openai.com", 443)), LOOPBACK, LOCAL, id="https by name"),
        pytest.param(hosts(("https", "2001:db8::1", 8443)), LOOPBACK, LOCAL, id="https by IPv6 address"),
        pytest.param(hosts(HTTP, HTTP), LOOPBACK, LOCAL, id="two hops"),
        pytest.param(hosts(*[HTTP] * MAX_CHAIN), LOOPBACK, LOCAL, id="longest chain"),
        pytest.param(hosts(*[HTTP] * 60), LOOPBACK, LOCAL, id="many endpoints"),
        pytest.param(
            hosts(HTTP),
            LOOPBACK,
            Wiring("waypost:50051", "[::1]:50052", find_ca_file(), "/dev/null"),
            id="remote router",
        ),
        pytest.param(
            hosts(HTTP),
            Settings(
                listen=Address("::", 8801),
                timeouts=Timeouts(connect_seconds=0.001, idle_seconds=86400),
                max_body_bytes=1024,
            ),
            LOCAL,
            id="extreme settings",
        ),
    ],
)
def test_envoy_accepts(policy: Policy, settings: Settings, wiring: Wiring, tmp_path: Path) -> None:
    file = tmp_path / "envoy.json"
    file.write_text(json.dumps(static_bootstrap(policy, settings, wiring)))

    told = subprocess.run(
        [find_envoy(), "--mode", "validate", "-c", file, "--log-level", "warning"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert told.returncode == 0, told.stderr
    assert "warning" not in told.stderr, "deprecated or doubtful settings are named there"
