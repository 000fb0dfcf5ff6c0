"""Envoy documents from a policy: bootstrap, listener, clusters, routes (Envoy 1.40.0, API v3).

Rule 1: pure. Paths and addresses come in, JSON-able dicts go out; nothing is read or written.
Rule 2: no secret stands in any document. Credentials are the upstream filter's, per attempt.
Rule 3: routing lives in RDS and CDS, so that a new policy never replaces the listener.
"""

import ipaddress
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waypost.config.settings import MESSAGE_SECONDS, Address, Settings, Timeouts
from waypost.decision.engine import Route
from waypost.envoy.replies import Document, local_replies
from waypost.guards.judge import Check
from waypost.policy import Policy
from waypost.providers.chain import MAX_CHAIN, attempts, hop_id, within
from waypost.providers.provider import DEFAULT_ZONE, Host, Limits, Provider

ROUTER_CLUSTER: Final = "waypost_router"
UPSTREAM_CLUSTER: Final = "waypost_upstream"
NOWHERE_CLUSTER: Final = "waypost_nowhere"
"""Does not exist on purpose: a hop that names nobody we know ends there, as a 503."""

DOCUMENT_NAME: Final = "document.json"

STRIPPED_HEADERS: Final = (
    "x-request-id",  # always Envoy's own
    "x-gateway-destination-endpoint",
    "x-selected-model",
    "x-semantic-destination-endpoint",
    "x-vsr-destination-endpoint",
    "x-vsr-internal-auth",
    "x-vsr-fusion-depth",
)
STRIPPED_PREFIXES: Final = ("x-waypost-", "x-envoy-", "x-vsr-looper-")
STRIPPED_PATTERNS: Final = ("x-user-.+-key",)

BUFFER_BYTES: Final = 50 * 1024 * 1024
"""Least buffer of a cluster: with less, large requests are not retried, and Envoy 1.40.0 has crashed."""


REFUSING: Final = Address("127.0.0.1", 0)
"""Nothing can ever listen on port 0, so connecting there fails at once."""

IDLE_SECONDS: Final = {"http": 4.0, "https": 30.0}
"""How long an unused connection to a provider is kept.

Below the 5 s of uvicorn, which serves most models of one's own: a request sent into a closing connection
would leave for the next endpoint for no good reason.
"""

ANY_HEALTHY: Final = 1_000_000
"""Overprovisioning, in percent: while one address is healthy, none of its requests go to the refusing one.

Envoy's own value, 140, moves 30 % of them there as soon as one address of two is taken out.
"""

RETRY_ON: Final = (
    "5xx",
    "reset",
    "connect-failure",
    "refused-stream",
    "retriable-status-codes",
    "envoy-ratelimited",  # else the 429 of a provider that has an Envoy in front would be final
)
"""Before the first byte of an answer only."""

REQUEST_SECONDS: Final = 300
"""For a client to send its whole request: 50 MiB at 1.5 Mbit/s."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """What Envoy must know of the machine it runs on.

    Attributes:
        router: where the router role listens: `unix:/path` or `host:port`.
        upstream: where the upstream role listens, likewise.
        ca_file: PEM bundle that https providers are verified with.
        access_log: file that gets one JSON line per request, without query or body; empty = none.
    """

    router: str
    upstream: str
    ca_file: str
    access_log: str = ""


@dataclass(frozen=True, slots=True)
class Resources:
    """The three documents that follow the policy."""

    listener: Document
    clusters: tuple[Document, ...]
    routes: Document


def resources(policies: Sequence[Policy], settings: Settings, wiring: Wiring, rds_folder: Path) -> Resources:
    """Everything Envoy loads while it runs.

    Args:
        policies: newest first; older ones are those that requests in flight may still carry.
        settings: of the newest configuration.
        wiring: this machine.
        rds_folder: where the route document will be found.
    """
    routes = route_configuration(policies, settings.timeouts)
    by_file: Document = {
        "rds": {"config_source": file_source(rds_folder), "route_config_name": routes["name"]}
    }
    return Resources(listener(settings, wiring, by_file), clusters(policies, settings, wiring), routes)


def bootstrap(admin_socket: Path, lds_folder: Path, cds_folder: Path) -> Document:
    """What the bundled Envoy starts with: who it is, where its documents are."""
    return {
        "node": {"id": "waypost", "cluster": "waypost"},
        "admin": {"address": {"pipe": {"path": str(admin_socket), "mode": 0o600}}},
        "dynamic_resources": {"lds_config": file_source(lds_folder), "cds_config": file_source(cds_folder)},
        **_guards(),
    }


def static_bootstrap(policy: Policy, settings: Settings, wiring: Wiring) -> Document:
    """One document for an Envoy that somebody else runs; it has no admin interface."""
    routes: Document = {"route_config": route_configuration((policy,), settings.timeouts)}
    return {
        "node": {"id": "waypost", "cluster": "waypost"},
        "static_resources": {
            "listeners": [listener(settings, wiring, routes)],
            "clusters": list(clusters((policy,), settings, wiring)),
        },
        **_guards(),
    }


def longest_chain(policies: Sequence[Policy]) -> int:
    """Most attempts any request may need, 1 to `MAX_CHAIN`: what Envoy's matcher is made for."""
    lengths = [1]
    for policy in policies:
        every = policy.endpoints.values()
        lengths += (attempts([endpoint]) for endpoint in every)  # a client may name any of them
        for rule in policy.rules:
            if isinstance(rule.action, Route):
                names = dict.fromkeys((*rule.action.endpoints, *policy.fallbacks))
                endpoints = (policy.endpoints[name] for name in names)
                lengths.append(attempts(within(endpoints, rule.action.boundary)))
        if policy.unscannable.action == "reroute":
            lengths.append(attempts(e for e in every if e.zone == policy.unscannable.zone))
        if any(check.action == "reroute" for check in _checks(policy)):
            # Behind the default model come those inside (`journey.py`).
            spare = [e for e in every if e.zone != DEFAULT_ZONE or e.name == policy.default_model]
            lengths.append(attempts(spare))
    return min(max(lengths), MAX_CHAIN)


def _checks(policy: Policy) -> Iterator[Check]:
    return (check for of in policy.guards.values() for checks in of.values() for check in checks)


def file_source(folder: Path) -> Document:
    """A document of its own in a folder of its own: a shared folder would reload every document at once."""
    return {
        "path_config_source": {
            "path": str(folder / DOCUMENT_NAME),
            "watched_directory": {"path": str(folder)},
        },
        "resource_api_version": "V3",
    }


# --- listener ---------------------------------------------------------------------------------------------


def listener(settings: Settings, wiring: Wiring, routes: Document) -> Document:
    """The client side.

    Args:
        settings: address and limits.
        wiring: this machine.
        routes: `rds` or `route_config` of the connection manager.
    """
    return {
        "name": "main",
        "address": _socket_address(settings.listen),
        # Two Envoys sharing one port by accident would share its clients: the second one must fail to bind.
        "enable_reuse_port": False,
        "connection_balance_config": {"exact_balance": {}},
        "tcp_backlog_size": 1024,
        "per_connection_buffer_limit_bytes": settings.max_body_bytes,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(settings, wiring, routes),
                    }
                ]
            }
        ],
    }


def _connection_manager(settings: Settings, wiring: Wiring, routes: Document) -> Document:
    return _typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="main",
        server_name="waypost",
        use_remote_address=True,  # the peer is who connected, not what X-Forwarded-For claims
        generate_request_id=True,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="KEEP_UNCHANGED",  # a model id may hold a slash
        early_header_mutation_extensions=[_early_mutation()],
        # HTTP/2 buffers up to the stream's window: without this its clients had another body limit.
        http2_protocol_options={
            "initial_stream_window_size": max(settings.max_body_bytes, 65_535),
            "initial_connection_window_size": max(settings.max_body_bytes, 65_535),
        },
        max_request_headers_kb=60,
        common_http_protocol_options={"max_headers_count": 100},
        request_headers_timeout="10s",
        request_timeout=f"{REQUEST_SECONDS}s",
        # Silence is limited per attempt; this only ends streams that have no attempt under way, so it must
        # outlast a chain in which every provider stays silent.
        stream_idle_timeout=_seconds(MAX_CHAIN * settings.timeouts.idle_seconds + 60),
        http_filters=[
            {"name": "waypost.router", "typed_config": _router_filter()},
            {
                "name": "envoy.filters.http.router",
                "typed_config": _typed(
                    "extensions.filters.http.router.v3.Router", suppress_envoy_headers=True
                ),
            },
        ],
        local_reply_config=local_replies(settings.max_body_bytes),
        **({"access_log": [_access_log(wiring.access_log)]} if wiring.access_log else {}),
        **routes,
    )


def _early_mutation() -> Document:
    """Removes what only the gateway may say, before a route is selected and without asking the router."""
    matches: list[Document] = [
        *({"prefix": prefix} for prefix in STRIPPED_PREFIXES),
        *({"safe_regex": {"regex": pattern}} for pattern in STRIPPED_PATTERNS),
    ]
    mutations: list[Document] = [
        *({"remove": name} for name in STRIPPED_HEADERS),
        *({"remove_on_match": {"key_matcher": match}} for match in matches),
    ]
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": _typed(
            "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=mutations
        ),
    }


def _router_filter() -> Document:
    """Response headers are asked for per request by the router's first answer.

    Asked for here, errors that Envoy makes of malformed requests would wait for the router as well, and their
    connection is closed by then: the client would read nothing.
    """
    return _processor(
        ROUTER_CLUSTER,
        stat_prefix="router",
        mutation_rules={"allow_all_routing": True, "allow_envoy": True},
        request_attributes=["source.address"],
        response_attributes=["xds.cluster_name", "upstream.request_attempt_count"],
        processing_mode=_mode(request_body="BUFFERED"),
    )


def _upstream_filter() -> Document:
    """Request headers only; an attempt asks for whatever else it has to see.

    Skipping the headers would fail open: they would leave for the provider before the body is asked about.
    """
    return _processor(
        UPSTREAM_CLUSTER,
        stat_prefix="upstream",
        mutation_rules={"allow_all_routing": True},  # never allow_envoy: the attempt count must survive
        request_attributes=["xds.cluster_name"],
        processing_mode=_mode(request_body="NONE"),
    )


def _processor(cluster: str, **fields: object) -> Document:
    """An ext_proc filter that fails closed: a request it did not see goes nowhere."""
    return _typed(
        "extensions.filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service={"envoy_grpc": {"cluster_name": cluster}, "timeout": "0s"},
        message_timeout=f"{MESSAGE_SECONDS}s",
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        allow_mode_override=True,
        **fields,
    )


def _mode(*, request_body: str) -> Document:
    """Responses are not processed unless a request asks for it: same-dialect answers need no change."""
    return {
        "request_header_mode": "SEND",
        "request_body_mode": request_body,
        "response_header_mode": "SKIP",
        "response_body_mode": "NONE",
        "request_trailer_mode": "SKIP",
        "response_trailer_mode": "SKIP",
    }


def _access_log(path: str) -> Document:
    fields = {
        "ts": "%START_TIME%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ:ORIG_OR_PATH)%",  # a query may hold a key
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "provider": "%UPSTREAM_CLUSTER%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "request_bytes": "%BYTES_RECEIVED%",
        "response_bytes": "%BYTES_SENT%",
        "ms": "%DURATION%",
    }
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": _typed(
            "extensions.access_loggers.file.v3.FileAccessLog",
            path=path,
            log_format={"json_format": fields},
        ),
    }


# --- routes -----------------------------------------------------------------------------------------------


def route_configuration(policies: Sequence[Policy], timeouts: Timeouts) -> Document:
    """One route to providers, open only to requests that the router sent along a chain; all else is a 404."""
    hops = longest_chain(policies)
    forward: Document = {
        "match": {"prefix": "/v1/", "headers": [{"name": "x-waypost-hop-1", "present_match": True}]},
        "route": {
            "timeout": "0s",
            "retry_policy": {
                "retry_on": ",".join(RETRY_ON),
                # Account and wire name of the model are ours: 401 to 404 are no client's fault.
                "retriable_status_codes": [401, 402, 403, 404, 408, 429],
                "num_retries": hops - 1,  # per request `x-envoy-max-retries`, from its own chain
                # Never per_try_timeout beside it: once that fired on a running stream, stalls pass unseen.
                "per_try_idle_timeout": _seconds(timeouts.idle_seconds),
                "refresh_cluster_on_retry": True,
                # Where a provider is tried again, at another of its addresses; without it, at any.
                "retry_host_predicate": [_previous_hosts()],
                "host_selection_retry_max_attempts": "5",
                "retry_back_off": {"base_interval": "0.01s", "max_interval": "0.05s"},
            },
            "inline_cluster_specifier_plugin": {
                "extension": {"name": "chain", "typed_config": _chain(_hop_targets(policies), hops)}
            },
        },
    }
    nothing: Document = {"match": {"prefix": "/"}, "direct_response": {"status": 404}}
    return {
        "name": "main",
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "include_request_attempt_count": True,  # the matcher reads it
                "routes": [forward, nothing],
            }
        ],
    }


def _previous_hosts() -> Document:
    name = "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    return {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": _typed(name)}


def _hop_targets(policies: Sequence[Policy]) -> dict[str, str]:
    """Cluster by hop id, of every revision still in use."""
    return {
        hop_id(policy.revision, target.key): target.endpoint.provider.cluster
        for policy in policies
        for target in policy.targets()
    }


def _chain(targets: Mapping[str, str], hops: int) -> Document:
    """Attempt number -> hop header -> cluster.

    At a retry the header still counts the attempt that failed: "1" selects for hop 2. The first
    selection sees no header and takes hop 1.
    """
    clusters_by_hop = {hop: _choose(cluster) for hop, cluster in sorted(targets.items())}

    def select(hop: int) -> Document:
        tree = _header_tree(f"x-waypost-hop-{hop}", clusters_by_hop)
        return {"matcher": {"matcher_tree": tree, "on_no_match": _choose(NOWHERE_CLUSTER)}}

    later = {str(hop - 1): select(hop) for hop in range(2, hops + 1)}
    first = select(1)
    matcher: Document = (
        first
        if not later
        else {"matcher": {"matcher_tree": _header_tree("x-envoy-attempt-count", later), "on_no_match": first}}
    )
    return _typed(
        "extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier",
        cluster_matcher=matcher["matcher"],
    )


def _header_tree(header: str, by_value: Mapping[str, Document]) -> Document:
    match = {
        "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        "header_name": header,
    }
    return {"input": {"name": header, "typed_config": match}, "exact_match_map": {"map": dict(by_value)}}


def _choose(cluster: str) -> Document:
    action = _typed("extensions.router.cluster_specifiers.matcher.v3.ClusterAction", cluster=cluster)
    return {"action": {"name": "cluster", "typed_config": action}}


# --- clusters ---------------------------------------------------------------------------------------------


def clusters(policies: Sequence[Policy], settings: Settings, wiring: Wiring) -> tuple[Document, ...]:
    """The two roles, then every provider of every policy; one that has moved stands there twice."""
    providers: dict[str, Provider] = {p.cluster: p for policy in policies for p in policy.providers.values()}
    return (
        _role_cluster(ROUTER_CLUSTER, wiring.router, settings),
        _role_cluster(UPSTREAM_CLUSTER, wiring.upstream, settings),
        *(_provider_cluster(provider, settings, wiring.ca_file) for provider in providers.values()),
    )


def _role_cluster(name: str, target: str, settings: Settings) -> Document:
    kind, address = _target(target)
    remote: Document = {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
    return {
        "name": name,
        "type": kind,
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": _buffer(settings),
        # One stream per request and one per attempt, open as long as the answer is: no small limit fits.
        "circuit_breakers": _breakers(Limits(100_000, 100_000, 100_000)),
        "load_assignment": {"cluster_name": name, "endpoints": [_hosts(address)]},
        "typed_extension_protocol_options": _protocol(
            explicit_http_config={"http2_protocol_options": {} if "pipe" in address else remote}
        ),
    }


def _provider_cluster(provider: Provider, settings: Settings, ca_file: str) -> Document:
    """One provider.

    Envoy retries a refused connection along the chain but not a cluster without hosts, which is what a name
    that does not resolve leaves behind. So a host of lower priority, which surely refuses, stands in.
    """
    tls: Document = {"transport_socket": _tls(provider, ca_file)} if provider.scheme == "https" else {}
    return {
        "name": provider.cluster,
        "type": "STATIC" if all(_is_ip(each.host) for each in provider.hosts) else "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "wait_for_warm_on_init": False,  # a slow name server must not keep other providers waiting
        "connect_timeout": _seconds(settings.timeouts.connect_seconds),
        "per_connection_buffer_limit_bytes": _buffer(settings),
        "circuit_breakers": _breakers(provider.limits),
        "outlier_detection": _outliers(len(provider.hosts)),
        "load_assignment": {
            "cluster_name": provider.cluster,
            "endpoints": [
                {"lb_endpoints": [_weighted(each) for each in provider.hosts]},
                {**_hosts(_socket_address(REFUSING)), "priority": 1},
            ],
            "policy": {"overprovisioning_factor": ANY_HEALTHY},
        },
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_time": 60, "keepalive_interval": 10, "keepalive_probes": 6}
        },
        "typed_extension_protocol_options": _protocol(
            explicit_http_config={"http_protocol_options": {}},
            common_http_protocol_options={"idle_timeout": _seconds(IDLE_SECONDS[provider.scheme])},
            http_filters=[
                {"name": "waypost.upstream", "typed_config": _upstream_filter()},
                {
                    "name": "envoy.filters.http.upstream_codec",
                    "typed_config": _typed("extensions.filters.http.upstream_codec.v3.UpstreamCodec"),
                },
            ],
        ),
        **tls,
    }


def _weighted(host: Host) -> Document:
    address = _socket_address(Address(host.host, host.port))
    return {"endpoint": {"address": address}, "load_balancing_weight": host.weight}


def _outliers(hosts: int) -> Document:
    """An address that keeps failing is left alone for a while, where the provider has others.

    The share that may be taken out counts the refusing host too. All but one, and never the only one: a
    single name may stand for several addresses, so of those a minority.
    """
    return {
        "consecutive_5xx": 10,
        "consecutive_gateway_failure": 5,
        "enforcing_consecutive_gateway_failure": 100,
        "enforcing_success_rate": 0,
        "interval": "5s",
        "base_ejection_time": "15s",
        "max_ejection_time": "60s",
        "max_ejection_percent": max(49, math.ceil(100 * (hosts - 1) / (hosts + 1))),
    }


def _tls(provider: Provider, ca_file: str) -> Document:
    """Static name and check per cluster: the automatic ones read an authority that is set too late.

    Of several names each address is asked for its own, and any of them will do: they are one provider.
    """
    tls = provider.tls
    names = [tls.server_name] if tls.server_name else list(dict.fromkeys(h.host for h in provider.hosts))
    sans: list[Document] = [
        {"san_type": "IP_ADDRESS" if _is_ip(name) else "DNS", "matcher": {"exact": name}} for name in names
    ]
    common: Document = {
        "alpn_protocols": ["http/1.1"],
        "validation_context": {
            "trusted_ca": {"filename": tls.ca_file or ca_file},
            "match_typed_subject_alt_names": sans,
        },
    }
    if tls.cert_file:
        pair = {"certificate_chain": {"filename": tls.cert_file}, "private_key": {"filename": tls.key_file}}
        common["tls_certificates"] = [pair]
    context: Document = {"common_tls_context": common}
    if len(names) > 1:
        context["auto_host_sni"] = True
    elif not _is_ip(names[0]):
        context["sni"] = names[0]
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": _typed("extensions.transport_sockets.tls.v3.UpstreamTlsContext", **context),
    }


def _breakers(limits: Limits) -> Document:
    # Retries: Envoy's own limit of 3 at a time turns simultaneous failovers into errors.
    thresholds = {
        "max_connections": limits.connections,
        "max_pending_requests": limits.pending,
        "max_requests": limits.requests,
        "max_retries": limits.retries,
    }
    return {"thresholds": [thresholds]}


def _protocol(**fields: object) -> Document:
    name = "extensions.upstreams.http.v3.HttpProtocolOptions"
    return {f"envoy.{name}": _typed(name, **fields)}


def _hosts(address: Document) -> Document:
    return {"lb_endpoints": [{"endpoint": {"address": address}}]}


# --- small parts ------------------------------------------------------------------------------------------


def _guards() -> Document:
    return {
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": _typed(
                        "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                        max_active_downstream_connections=20_000,
                    ),
                }
            ]
        }
    }


def _typed(message: str, **fields: object) -> Document:
    return {"@type": f"type.googleapis.com/envoy.{message}", **fields}


def _target(target: str) -> tuple[str, Document]:
    """Cluster type and address of `unix:/path` or `host:port`."""
    if target.startswith("unix:"):
        return "STATIC", {"pipe": {"path": target.removeprefix("unix:")}}
    host, _, port = target.rpartition(":")
    host = host.strip("[]")
    return ("STATIC" if _is_ip(host) else "STRICT_DNS"), _socket_address(Address(host, int(port)))


def _socket_address(address: Address) -> Document:
    return {"socket_address": {"address": address.host, "port_value": address.port}}


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _buffer(settings: Settings) -> int:
    return max(BUFFER_BYTES, settings.max_body_bytes)


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}s"
