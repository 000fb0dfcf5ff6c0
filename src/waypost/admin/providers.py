"""`/api/v1/providers`: each provider as configured, and how it does; none of its credentials and headers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from waypost.observe.upstreams import Upstream
from waypost.policy import Policy
from waypost.providers.provider import Provider

SCHEMA = "waypost/providers.v1"


def providers(
    policy: Policy, upstreams: Sequence[Upstream], cooling: Mapping[str, float]
) -> dict[str, object]:
    """The answer.

    Args:
        policy: the one in force.
        upstreams: what Envoy says; one that is missing is `unknown`.
        cooling: seconds that every key of a provider must still rest, by provider.
    """
    seen = {upstream.provider: upstream for upstream in upstreams}
    return {
        "schema": SCHEMA,
        "revision": policy.revision,
        "providers": [
            {
                **_configured(policy, provider),
                **_doing(seen.get(name)),
                "cooling_seconds": round(cooling.get(name, 0.0), 1),
            }
            for name, provider in policy.providers.items()
        ],
    }


def _configured(policy: Policy, provider: Provider) -> dict[str, object]:
    models = [
        {"name": endpoint.name, "model": endpoint.model}
        for endpoint in policy.endpoints.values()
        if endpoint.provider.name == provider.name
    ]
    return {
        "name": provider.name,
        "kind": provider.kind,
        "zone": provider.zone,
        "keys": len(provider.account.keys),
        "endpoints": list(_addresses(provider)),
        "models": models,
    }


def _addresses(provider: Provider) -> Iterator[dict[str, object]]:
    for host in provider.hosts:
        name = f"[{host.host}]" if ":" in host.host else host.host
        url = f"{provider.scheme}://{name}:{host.port}{provider.base_path}"
        yield {"url": url, "weight": host.weight}


def _doing(upstream: Upstream | None) -> dict[str, object]:
    """What Envoy says of it."""
    if upstream is None:
        return {"state": "unknown", "addresses": [], "attempts": None}
    statuses = upstream.statuses or {}
    return {
        "state": upstream.state,
        "addresses": [asdict(host) for host in upstream.hosts],
        "attempts": {
            "active": upstream.active,
            "success": statuses.get("2xx", 0),
            "client_error": statuses.get("4xx", 0),
            "limited": statuses.get("429", 0),
            "server_error": statuses.get("5xx", 0),
            "timeouts": upstream.timeouts,
            "connect_failures": upstream.connect_failures,
            "retries": upstream.retries,
            "overflows": upstream.overflows,
        },
    }
