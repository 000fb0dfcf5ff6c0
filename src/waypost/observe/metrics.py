"""Every metric: name, labels, what it says; the worker's side that counts, and the page that shows it.

Rule 1: labels are bounded. A value is a word of ours or a name of the configuration; whatever else is told
counts as `other`. No text, no key, no caller.
Rule 2: the worker writes into files of one folder, and the supervisor reads them: a worker that is started
again goes on counting where the one before it ended.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, values
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from waypost.decision.engine import EXPLICIT, GUARD, PII, SEMANTIC
from waypost.dialects.tap import StreamEnd
from waypost.observe.upstreams import Upstream
from waypost.policy import Policy

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of the page: the text format of Prometheus."""

OTHER: Final = "other"
"""Label of what the configuration does not name."""

NONE: Final = "none"
"""Label where there is nothing to name: no model was chosen."""

Outcome = Literal["ok", "client_error", "limited", "error"]
"""Of an attempt: answered; the request's own fault; 429; any other failure, an answer or none."""

TokenKind = Literal["input", "cached_input", "cache_write", "output", "reasoning"]
"""`cached_input` and `cache_write` are part of `input`, `reasoning` is part of `output`."""


@dataclass(frozen=True, slots=True)
class Described:
    """One metric as the page and the documentation tell it.

    Attributes:
        source: `worker` = counted per request; `envoy` = read from Envoy at each scrape.
    """

    name: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    text: str
    source: Literal["worker", "envoy"] = "worker"


METRICS: Final = (
    Described(
        "waypost_requests_total",
        "counter",
        ("decision", "model", "status_class"),
        "Requests by what decided, the model that answered last and the status the client saw.",
    ),
    Described(
        "waypost_attempts_total",
        "counter",
        ("provider", "outcome"),
        "Attempts at providers: ok, client_error, limited (429), error (any other failure).",
    ),
    Described(
        "waypost_stream_ends_total",
        "counter",
        ("provider", "end"),
        "Ends of streams: complete, error (told in it), cut (broken off, by the provider or the client).",
    ),
    Described(
        "waypost_tokens_total",
        "counter",
        ("model", "kind"),
        "Tokens as providers count them; cached_input and cache_write lie in input, reasoning in output.",
    ),
    Described(
        "waypost_cost_usd_total", "counter", ("model",), "US dollars, at the prices of the configuration."
    ),
    Described(
        "waypost_saved_usd_total",
        "counter",
        ("model",),
        "US dollars by which answers were cheaper than the baseline model's.",
    ),
    Described(
        "waypost_overspent_usd_total",
        "counter",
        ("model",),
        "US dollars by which answers were dearer than the baseline model's.",
    ),
    Described(
        "waypost_provider_cooling",
        "gauge",
        ("provider",),
        "Seconds for which no key of the provider should be used; 0 = one may be.",
    ),
    Described(
        "waypost_provider_addresses",
        "gauge",
        ("provider", "state"),
        "Addresses of a provider: healthy, or ejected for a while because they kept failing.",
        "envoy",
    ),
    Described("waypost_provider_requests_active", "gauge", ("provider",), "Attempts under way.", "envoy"),
    Described(
        "waypost_provider_connect_failures_total",
        "counter",
        ("provider",),
        "Connections to a provider that did not come about.",
        "envoy",
    ),
    Described(
        "waypost_provider_timeouts_total",
        "counter",
        ("provider",),
        "Attempts that ended in silence.",
        "envoy",
    ),
    Described(
        "waypost_provider_retries_total",
        "counter",
        ("provider",),
        "Attempts that were made because another one had failed, here or elsewhere.",
        "envoy",
    ),
)
"""All there are; the page shows no other."""

_BY_NAME: Final = {described.name: described for described in METRICS}
_COOLING: Final = "waypost_provider_cooling"
_STREAM_ENDS: Final = frozenset(get_args(StreamEnd))
_OUTCOMES: Final = frozenset({"ok", "client_error", "limited", "error"})
_KINDS: Final = frozenset({"input", "cached_input", "cache_write", "output", "reasoning"})
_RESERVED: Final = frozenset({SEMANTIC, EXPLICIT, GUARD, PII})
_CLASSES: Final = frozenset({"1xx", "2xx", "3xx", "4xx", "5xx", "none"})


def share(folder: Path) -> None:
    """From now on metrics of this process live in files of `folder`; to be called before any is made.

    One process at a time may write there.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    # By process id there would be one more megabyte to read at each scrape for each restart of the worker.
    make: Any = vars(values)["MultiProcessValue"]  # has no types
    values.ValueClass = make(lambda: "worker")


class Metrics:
    """What the worker counts.

    Args:
        policy: the one in force; its names are the labels there may be. None = every name is `other`.
        now: Unix seconds.
    """

    def __init__(
        self, policy: Callable[[], Policy | None] = lambda: None, now: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._policy = policy
        self._now = now
        registry = CollectorRegistry()
        self._made: dict[str, Counter | Gauge] = {
            d.name: _make(d, registry) for d in METRICS if d.source == "worker"
        }
        self._children: dict[tuple[str, ...], Counter | Gauge] = {}
        self._registry = registry

    @property
    def registry(self) -> CollectorRegistry:
        """For a process that shows its own metrics."""
        return self._registry

    def ended(self, decision: str, model: str | None, status: int) -> None:
        """A request has its status.

        Args:
            decision: name of the rule.
            model: endpoint that answered or failed last; None = none was asked.
            status: what the client saw; 0 = nothing any more.
        """
        kind = f"{status // 100}xx" if status else NONE
        self._add("waypost_requests_total", (decision, NONE if model is None else model, kind))

    def attempted(self, provider: str, outcome: Outcome) -> None:
        """An attempt at a provider is over, or its answer has begun."""
        self._add("waypost_attempts_total", (provider, outcome))

    def streamed(self, provider: str, end: StreamEnd) -> None:
        """A streamed answer ended."""
        self._add("waypost_stream_ends_total", (provider, end))

    def used(self, model: str, tokens: Mapping[TokenKind, int]) -> None:
        """An answer used so many tokens; kinds that nobody told are left out."""
        for kind, number in tokens.items():
            self._add("waypost_tokens_total", (model, kind), number)

    def spent(self, model: str, cost_usd: float, saved_usd: float | None = None) -> None:
        """An answer cost so much; below zero was saved where the baseline model would have been cheaper."""
        self._add("waypost_cost_usd_total", (model,), cost_usd)
        if saved_usd is not None:
            name = "waypost_saved_usd_total" if saved_usd >= 0 else "waypost_overspent_usd_total"
            self._add(name, (model,), abs(saved_usd))

    def cooling(self, provider: str, seconds: float) -> None:
        """No key of a provider is to be used for so long; 0 = one may be."""
        child = self._child(_COOLING, (provider,))
        if isinstance(child, Gauge):
            # The time when it ends, since nobody tells when it has; `page` makes seconds of it.
            child.set(self._now() + seconds if seconds > 0 else 0)

    def _add(self, name: str, labels: tuple[str, ...], amount: float = 1) -> None:
        if amount > 0:
            self._child(name, labels).inc(amount)

    def _child(self, name: str, labels: tuple[str, ...]) -> Counter | Gauge:
        """The series of these labels; those of unknown names share one, so there is an end to them."""
        child = self._children.get((name, *labels))
        if child is None:
            known = _known(self._policy())
            pairs = zip(_BY_NAME[name].labels, labels, strict=True)
            bounded = tuple(value if value in known[label] else OTHER for label, value in pairs)
            child = self._children.get((name, *bounded)) or self._made[name].labels(*bounded)
            self._children[(name, *bounded)] = child
        return child


def attempt_outcome(status: int) -> Outcome:
    """How an attempt ended that was answered with a status; 0 = with none."""
    match status:
        case 0:
            return "error"
        case HTTPStatus.TOO_MANY_REQUESTS:
            return "limited"
        case _ if status < HTTPStatus.BAD_REQUEST:
            return "ok"
        case _ if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return "client_error"
        case _:
            return "error"


def _known(policy: Policy | None) -> Mapping[str, frozenset[str]]:
    """What each label may say."""
    rules, endpoints, providers = (policy.rules, policy.endpoints, policy.providers) if policy else ((),) * 3
    return {
        "decision": frozenset(rule.name for rule in rules) | _RESERVED,
        "model": frozenset((*endpoints, NONE)),
        "provider": frozenset(providers),
        "status_class": _CLASSES,
        "outcome": _OUTCOMES,
        "end": _STREAM_ENDS,
        "kind": _KINDS,
    }


def _make(described: Described, registry: CollectorRegistry) -> Counter | Gauge:
    if described.kind == "counter":
        return Counter(described.name, described.text, described.labels, registry=registry)
    return Gauge(described.name, described.text, described.labels, registry=registry, multiprocess_mode="max")


def cooling_seconds(folder: Path, now: float) -> dict[str, float]:
    """How long each provider's keys must still rest, as the worker told; those that need not are left out.

    Args:
        folder: where the worker writes.
        now: Unix seconds.
    """
    found = (metric for metric in _written(folder) if metric.name == _COOLING)
    left = {s.labels["provider"]: s.value - now for metric in found for s in metric.samples}
    return {provider: seconds for provider, seconds in left.items() if seconds > 0}


def page(folder: Path, upstreams: Sequence[Upstream], now: float) -> bytes:
    """Everything, in the text format of Prometheus.

    Args:
        folder: where the worker writes.
        upstreams: what Envoy says now; empty where it does not answer.
        now: Unix seconds.
    """
    registry = CollectorRegistry()
    registry.register(_Found((*_worker(folder, now), *_envoy(upstreams))))
    return generate_latest(registry)


class _Found:
    """Hands metrics to the writer of the page."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._metrics


def _written(folder: Path) -> Iterable[Metric]:
    if not folder.is_dir():
        return ()
    collector: Any = MultiProcessCollector(None, str(folder))  # has no types
    found: Iterable[Metric] = collector.collect()
    return found


def _worker(folder: Path, now: float) -> Iterator[Metric]:
    """What was counted, under the words of the table: the files do not keep them."""
    for metric in sorted(_written(folder), key=lambda metric: metric.name):
        described = _BY_NAME.get(metric.name) or _BY_NAME.get(f"{metric.name}_total")
        if described is None:
            continue  # written by an earlier version
        metric.documentation = described.text
        if described.name == _COOLING:
            metric.samples = [s._replace(value=max(0.0, s.value - now)) for s in metric.samples]
        yield metric


def _envoy(upstreams: Sequence[Upstream]) -> Iterator[Metric]:
    """One series for each provider, over all its addresses."""
    told: dict[str, Callable[[Upstream], float]] = {
        "waypost_provider_requests_active": lambda up: up.active,
        "waypost_provider_connect_failures_total": lambda up: up.connect_failures,
        "waypost_provider_timeouts_total": lambda up: up.timeouts,
        "waypost_provider_retries_total": lambda up: up.retries,
    }
    addresses = _family("waypost_provider_addresses")
    for up in upstreams:
        ejected = sum(host.ejected for host in up.hosts)
        addresses.add_metric((up.provider, "healthy"), len(up.hosts) - ejected)
        addresses.add_metric((up.provider, "ejected"), ejected)
    yield addresses
    for name, read in told.items():
        metric = _family(name)
        for up in upstreams:
            metric.add_metric((up.provider,), read(up))
        yield metric


def _family(name: str) -> CounterMetricFamily | GaugeMetricFamily:
    described = _BY_NAME[name]
    if described.kind == "counter":
        return CounterMetricFamily(name, described.text, labels=described.labels)
    return GaugeMetricFamily(name, described.text, labels=described.labels)
