"""How providers do, as Envoy sees them: values, and how they are read from what its admin interface says.

Rule 1: pure. Who asks Envoy hands in its answers.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from waypost.dialects.foreign import mapping, sequence
from waypost.providers.provider import Provider

State = Literal["ok", "degraded", "down", "unknown"]
"""`ok`: every address takes requests; `degraded`: some were left alone for a while because they kept failing;
`down`: none can be asked, or its name does not resolve; `unknown`: Envoy does not tell."""

STATUSES: Final = ("2xx", "4xx", "429", "5xx")
"""`429` is among those of `4xx`."""

STATS: Final = (
    *(f"upstream_rq_{status}" for status in STATUSES),
    *(f"retry.upstream_rq_{status}" for status in STATUSES),  # answers after which a request went on
    "upstream_rq_retry",
    "upstream_rq_retry_overflow",
    "upstream_rq_pending_overflow",
    "upstream_rq_timeout",
    "upstream_rq_per_try_idle_timeout",
)
"""What is asked of a cluster; a status that was never seen has no statistic."""

FILTER: Final = rf"^cluster\..*\.({'|'.join(STATS)})$"
"""The same as a regular expression."""


@dataclass(frozen=True, slots=True)
class HostState:
    """One address.

    Attributes:
        address: `ip:port`; of a name one for each address that it has now.
        ejected: left alone for a while, because it kept failing.
        active: attempts under way.
        requests: since Envoy started, like everything below.
        errors: answered with 5xx, or not at all.
    """

    address: str
    ejected: bool = False
    active: int = 0
    requests: int = 0
    errors: int = 0
    connect_failures: int = 0


@dataclass(frozen=True, slots=True)
class Upstream:
    """One provider; numbers are those since Envoy started.

    Attributes:
        provider: its name.
        hosts: addresses there are now; empty = its name does not resolve.
        statuses: answers, final or not, by `STATUSES`.
        retries: attempts that were made because another one had failed, here or elsewhere.
        timeouts: attempts that ended in silence.
        overflows: attempts that were not made because too many were under way.
    """

    provider: str
    hosts: tuple[HostState, ...] = ()
    statuses: Mapping[str, int] | None = None
    retries: int = 0
    timeouts: int = 0
    overflows: int = 0

    @property
    def active(self) -> int:
        """Attempts under way."""
        return sum(host.active for host in self.hosts)

    @property
    def connect_failures(self) -> int:
        """Connections that did not come about."""
        return sum(host.connect_failures for host in self.hosts)

    @property
    def state(self) -> State:
        """All of it in a word."""
        ejected = sum(host.ejected for host in self.hosts)
        if ejected == len(self.hosts):
            return "down"
        return "degraded" if ejected else "ok"


def read(providers: Iterable[Provider], clusters: bytes, stats: bytes) -> tuple[Upstream, ...]:
    """What Envoy says of the providers in force; those it does not know yet are left out.

    Args:
        providers: of the policy in force. Clusters of an earlier one are not told.
        clusters: answer to `/clusters?format=json`.
        stats: answer to `/stats?format=json`, filtered by `FILTER`.

    Raises:
        ValueError: this is not what Envoy 1.40 says.
    """
    by_name = {str(each.get("name")): each for each in _objects(_document(clusters), "cluster_statuses")}
    numbers = {str(each.get("name")): _number(each) for each in _objects(_document(stats), "stats")}
    return tuple(
        _upstream(provider.name, by_name[provider.cluster], f"cluster.{provider.cluster}.", numbers)
        for provider in providers
        if provider.cluster in by_name
    )


def _upstream(name: str, cluster: Mapping[str, Any], prefix: str, numbers: Mapping[str, int]) -> Upstream:
    def told(stat: str) -> int:
        return numbers.get(prefix + stat, 0)

    return Upstream(
        name,
        tuple(_host(each) for each in _objects(cluster, "host_statuses") if not each.get("priority")),
        {kind: told(f"upstream_rq_{kind}") + told(f"retry.upstream_rq_{kind}") for kind in STATUSES},
        told("upstream_rq_retry"),
        told("upstream_rq_timeout") + told("upstream_rq_per_try_idle_timeout"),
        told("upstream_rq_retry_overflow") + told("upstream_rq_pending_overflow"),
    )


def _host(host: Mapping[str, Any]) -> HostState:
    """One address. Those of lower priority stand for a name that does not resolve; they are none."""
    place = mapping((mapping(host.get("address")) or {}).get("socket_address")) or {}
    ip, port = str(place.get("address", "")), place.get("port_value", 0)
    numbers = {str(each.get("name")): _number(each) for each in _objects(host, "stats")}
    health = mapping(host.get("health_status")) or {}
    return HostState(
        f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}",
        bool(health.get("failed_outlier_check")),
        numbers.get("rq_active", 0),
        numbers.get("rq_total", 0),
        numbers.get("rq_error", 0),
        numbers.get("cx_connect_fail", 0),
    )


def _document(body: bytes) -> Mapping[str, Any]:
    document = mapping(json.loads(body))
    if document is None:
        raise ValueError("not a JSON object")
    return document


def _objects(value: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    return [
        cast("Mapping[str, Any]", item) for item in sequence(value.get(key)) or () if isinstance(item, dict)
    ]


def _number(stat: Mapping[str, Any]) -> int:
    """Numbers of 64 bits are text in JSON made from protobuf, and zero is left out."""
    value = stat.get("value", 0)
    return int(value) if isinstance(value, int | str) else 0
