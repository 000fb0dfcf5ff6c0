"""What stands in the generated documents, and what never does."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.config.settings import Address, Settings, Timeouts
from waypost.decision.engine import SEMANTIC, Block, Respond, Route, Rule
from waypost.decision.expr import All
from waypost.envoy import resources as envoy
from waypost.guards.judge import Check
from waypost.mutations.reasoning import Lora
from waypost.mutations.shape import Shape
from waypost.mutations.target import Use
from waypost.policy import Policy, Unscannable
from waypost.providers.chain import MAX_CHAIN, hop_id
from waypost.providers.provider import Account, Endpoint, Host, Limits, Provider, Secret, Tls

WIRING = envoy.Wiring("unix:/run/r.sock", "unix:/run/u.sock", "/etc/ca.pem")
CANARY = "sk-canary-4f1d"


def provider(
    name: str, scheme: Any = "https", host: str = "", port: int = 443, zone: str = "external"
) -> Provider:
    return Provider(
        name,
        "openai",
        scheme,
        (Host(host or f"{name}.example", port),),
        "/v1",
        zone,
        Account((Secret(CANARY),)),
    )


def policy(*providers: Provider, rules: tuple[Rule, ...] = (), revision: str = "r1", **fields: Any) -> Policy:
    """One endpoint per provider, called `m-<provider>`; the default route takes the first."""
    endpoints = {f"m-{p.name}": Endpoint(f"m-{p.name}", p, "wire-name") for p in providers}
    default = Rule(SEMANTIC, All(()), Route((next(iter(endpoints)),)))
    return Policy(revision, {p.name: p for p in providers}, endpoints, {}, (*rules, default), **fields)


def rule(*endpoints: str, boundary: str | None = None) -> Rule:
    inside = None if boundary is None else frozenset({boundary})
    return Rule("one", All(()), Route(endpoints, inside))


def documents(*policies: Policy, settings: Settings | None = None, wiring: envoy.Wiring = WIRING) -> Any:
    made = envoy.resources(policies, settings or Settings(), wiring, Path("/run/rds"))
    return json.loads(json.dumps({"lds": made.listener, "cds": made.clusters, "rds": made.routes}))


def cluster(name: str, *policies: Policy, **more: Any) -> Any:
    """The last cluster of that name; a provider's goes on with a digest of its address."""
    found = [
        c for c in documents(*policies, **more)["cds"] if name in {c["name"], c["name"].rpartition("-")[0]}
    ]
    return found[-1]


def manager(**more: Any) -> Any:
    listener = documents(policy(provider("a")), **more)["lds"]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def matcher(*policies: Policy) -> Any:
    route = documents(*policies)["rds"]["virtual_hosts"][0]["routes"][0]["route"]
    return route["inline_cluster_specifier_plugin"]["extension"]["typed_config"]["cluster_matcher"]


def resolve(tree: Any, headers: dict[str, str]) -> str:
    """What Envoy's matcher does with a request's headers: a cluster name."""
    while True:
        node = tree["matcher_tree"]
        value = headers.get(node["input"]["typed_config"]["header_name"])
        found = node["exact_match_map"]["map"].get(value, tree["on_no_match"])
        if "action" in found:
            return found["action"]["typed_config"]["cluster"]
        tree = found["matcher"]


# --- secrets ----------------------------------------------------------------------------------------------


def test_no_secret_stands_in_any_document() -> None:
    secretive = Provider(
        "a",
        "openai",
        "https",
        (Host("a.example", 443),),
        "/v1",
        account=Account((Secret(CANARY),), CANARY, CANARY, (("x-token", Secret(CANARY)),)),
    )
    one = policy(secretive)

    everything = [
        documents(one),
        envoy.static_bootstrap(one, Settings(), WIRING),
        envoy.bootstrap(Path("/run/admin"), Path("/run/lds"), Path("/run/cds")),
    ]

    assert CANARY not in json.dumps(everything)


# --- chains -----------------------------------------------------------------------------------------------


def test_the_chain_is_as_long_as_the_longest_route_inside_its_boundary() -> None:
    inside, outside = provider("in", zone="internal"), provider("out")
    free = policy(inside, outside, rules=(rule("m-in", "m-out"),))
    bound = policy(inside, outside, rules=(rule("m-in", "m-out", boundary="internal"),))

    assert envoy.longest_chain([free]) == 2
    assert envoy.longest_chain([bound]) == 1
    assert envoy.longest_chain([bound, free]) == 2


def test_rules_that_do_not_route_need_no_chain() -> None:
    rules = (Rule("b", All(()), Block()), Rule("r", All(()), Respond("hello")))

    assert envoy.longest_chain([policy(provider("a"), rules=rules)]) == 1


def test_a_reroute_of_unreadable_parts_may_walk_its_whole_zone() -> None:
    zone = [provider(f"p{n}", zone="internal") for n in range(3)]

    assert envoy.longest_chain([policy(*zone, unscannable=Unscannable("reroute", "internal"))]) == 3
    assert envoy.longest_chain([policy(*zone, unscannable=Unscannable("block", "internal"))]) == 1


@pytest.mark.parametrize(("action", "length"), [("reroute", 3), ("block", 1), ("mask", 1)])
def test_a_guard_that_reroutes_may_walk_the_default_model_and_all_inside(action: Any, length: int) -> None:
    inside = [provider(f"p{n}", zone="internal") for n in range(2)]
    checks = {"": {"m-out": (Check("pii", "pii", action),)}}

    guarded = replace(policy(provider("out"), *inside, guards=checks), default_model="m-out")
    assert envoy.longest_chain([guarded]) == length


def test_who_is_tried_again_makes_a_chain_longer() -> None:
    twice = replace(provider("a"), retries=1)

    assert envoy.longest_chain([policy(twice)]) == 2
    assert envoy.longest_chain([policy(twice, provider("b"), rules=(rule("m-a", "m-b"),))]) == 3
    zone = [replace(provider(f"p{n}", zone="internal"), retries=3) for n in range(3)]
    assert envoy.longest_chain([policy(*zone, unscannable=Unscannable("reroute", "internal"))]) == MAX_CHAIN


def test_no_chain_is_longer_than_the_limit() -> None:
    zone = [provider(f"p{n}", zone="internal") for n in range(MAX_CHAIN + 3)]

    assert envoy.longest_chain([policy(*zone, unscannable=Unscannable("reroute", "internal"))]) == MAX_CHAIN


@given(length=st.integers(1, MAX_CHAIN), data=st.data())
def test_every_attempt_goes_to_the_provider_its_hop_names(length: int, data: st.DataObject) -> None:
    names = [f"p{n}" for n in range(length)]
    one = policy(*(provider(name) for name in names), rules=(rule(*(f"m-{name}" for name in names)),))
    chain = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=length))
    headers = {f"x-waypost-hop-{n}": hop_id("r1", f"m-{name}") for n, name in enumerate(chain, 1)}
    tree = matcher(one)

    retries = [{**headers, "x-envoy-attempt-count": str(failed)} for failed in range(1, len(chain))]

    assert [resolve(tree, seen) for seen in (headers, *retries)] == [provider(name).cluster for name in chain]


def test_a_hop_that_names_nobody_ends_nowhere_and_never_at_the_first_hop_again() -> None:
    tree = matcher(policy(provider("a"), provider("b"), rules=(rule("m-a", "m-b"),)))
    headers = {"x-waypost-hop-1": hop_id("r1", "m-a"), "x-waypost-hop-2": "0" * 20}

    assert resolve(tree, {"x-waypost-hop-1": "a"}) == envoy.NOWHERE_CLUSTER
    assert resolve(tree, {**headers, "x-envoy-attempt-count": "1"}) == envoy.NOWHERE_CLUSTER
    assert resolve(tree, {"x-envoy-attempt-count": "1"}) == envoy.NOWHERE_CLUSTER
    assert all(c["name"] != envoy.NOWHERE_CLUSTER for c in documents(policy(provider("a")))["cds"])


def test_every_way_to_use_an_endpoint_has_a_hop_of_its_own() -> None:
    uses = Shape(uses={"m-a": Use(lora=Lora(name="law"))})
    made = policy(provider("a"), provider("b"), shapes={"one": uses})
    tree = matcher(made)
    keys = [target.key for target in made.targets()]

    assert len(set(keys)) == 3
    for key in keys:
        found = resolve(tree, {"x-waypost-hop-1": hop_id("r1", key)})
        assert found == provider("b" if key == "m-b" else "a").cluster


def test_a_request_in_flight_keeps_the_hops_of_its_revision() -> None:
    old = policy(provider("a"), provider("gone"), revision="r1", rules=(rule("m-gone"),))
    new = policy(provider("a"), revision="r2")
    tree = matcher(new, old)

    assert resolve(tree, {"x-waypost-hop-1": hop_id("r1", "m-a")}) == provider("a").cluster
    assert resolve(tree, {"x-waypost-hop-1": hop_id("r1", "m-gone")}) == provider("gone").cluster
    assert resolve(tree, {"x-waypost-hop-1": hop_id("r2", "m-a")}) == provider("a").cluster
    assert cluster("gone", new, old)["name"] == provider("gone").cluster


def test_a_provider_that_moved_has_two_clusters_and_every_request_goes_where_it_is_signed_for() -> None:
    before, after = provider("a", host="old.example"), provider("a", host="new.example")
    old, new = policy(before, revision="r1"), policy(after, revision="r2")
    tree = matcher(new, old)
    made = {c["name"]: json.dumps(c) for c in documents(new, old)["cds"]}

    assert "old.example" in made[resolve(tree, {"x-waypost-hop-1": hop_id("r1", "m-a")})]
    assert "new.example" in made[resolve(tree, {"x-waypost-hop-1": hop_id("r2", "m-a")})]
    assert before.cluster != after.cluster


def test_only_a_request_with_a_first_hop_reaches_providers() -> None:
    host = documents(policy(provider("a")))["rds"]["virtual_hosts"][0]

    assert host["include_request_attempt_count"] is True
    assert host["routes"][0]["match"]["headers"] == [{"name": "x-waypost-hop-1", "present_match": True}]
    assert host["routes"][1] == {"match": {"prefix": "/"}, "direct_response": {"status": 404}}
    assert len(host["routes"]) == 2


def test_retries_have_an_idle_limit_and_no_total_one() -> None:
    settings = Settings(timeouts=Timeouts(idle_seconds=7.5))
    three = policy(*map(provider, "abc"), rules=(rule("m-a", "m-b", "m-c"),))
    route = documents(three, settings=settings)["rds"]["virtual_hosts"][0]["routes"][0]["route"]
    retry = route["retry_policy"]

    assert route["timeout"] == "0s"
    assert retry["num_retries"] == 2
    assert retry["per_try_idle_timeout"] == "7.500s"
    assert "per_try_timeout" not in retry
    assert [p["name"].rpartition(".")[2] for p in retry["retry_host_predicate"]] == ["previous_hosts"]
    assert retry["retriable_status_codes"] == [401, 402, 403, 404, 408, 429]


# --- clusters ---------------------------------------------------------------------------------------------


def test_https_is_verified_against_the_provider_name() -> None:
    found = cluster("a", policy(provider("a", host="api.example")))
    context = found["transport_socket"]["typed_config"]
    check = context["common_tls_context"]["validation_context"]

    assert found["type"] == "STRICT_DNS"
    assert context["sni"] == "api.example"
    assert check["trusted_ca"] == {"filename": "/etc/ca.pem"}
    assert check["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "api.example"}}
    ]


@pytest.mark.parametrize("host", ["10.0.0.5", "2001:db8::5"])
def test_an_address_is_verified_as_an_address_and_sends_no_name(host: str) -> None:
    found = cluster("a", policy(provider("a", host=host)))
    context = found["transport_socket"]["typed_config"]

    assert found["type"] == "STATIC"
    assert "sni" not in context
    assert context["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "IP_ADDRESS", "matcher": {"exact": host}}
    ]


def test_http_has_no_tls_and_lets_go_of_connections_before_the_model_server_does() -> None:
    found = cluster("a", policy(provider("a", scheme="http", port=8000)))
    options = found["typed_extension_protocol_options"][
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    ]

    assert "transport_socket" not in found
    assert options["common_http_protocol_options"] == {"idle_timeout": "4.000s"}


def test_a_name_that_does_not_resolve_is_refused_so_that_the_chain_goes_on() -> None:
    real, refusing = cluster("a", policy(provider("a")))["load_assignment"]["endpoints"]

    assert "priority" not in real
    assert refusing["priority"] == 1
    assert refusing["lb_endpoints"][0]["endpoint"]["address"] == {
        "socket_address": {"address": "127.0.0.1", "port_value": 0}
    }


@given(st.integers(1, 64))
def test_of_several_addresses_all_but_one_may_be_taken_out_and_never_the_only_one(count: int) -> None:
    hosts = tuple(Host(f"h{n}", 443) for n in range(count))
    found = cluster("a", policy(replace(provider("a"), hosts=hosts)))
    known = sum(len(group["lb_endpoints"]) for group in found["load_assignment"]["endpoints"])
    share = found["outlier_detection"]["max_ejection_percent"]

    assert known == count + 1
    assert 100 * count / known > share >= 100 * (count - 1) / known
    # Envoy sends what healthy addresses cannot take, by this factor, to the refusing one.
    assert found["load_assignment"]["policy"]["overprovisioning_factor"] / count >= 100


def test_several_addresses_get_their_share() -> None:
    hosts = (Host("10.0.0.5", 8000, 3), Host("10.0.0.6", 8001))
    found = cluster("a", policy(replace(provider("a", "http"), hosts=hosts)))
    listed = found["load_assignment"]["endpoints"][0]["lb_endpoints"]

    assert [each["load_balancing_weight"] for each in listed] == [3, 1]
    assert [each["endpoint"]["address"]["socket_address"] for each in listed] == [
        {"address": "10.0.0.5", "port_value": 8000},
        {"address": "10.0.0.6", "port_value": 8001},
    ]
    assert found["type"] == "STATIC"


def test_one_name_among_addresses_is_looked_up() -> None:
    hosts = (Host("10.0.0.5", 8000), Host("gpu.example", 8000))

    assert cluster("a", policy(replace(provider("a"), hosts=hosts)))["type"] == "STRICT_DNS"


def tls_of(**changes: Any) -> Any:
    found = cluster("a", policy(replace(provider("a", host="api.example"), **changes)))
    return found["transport_socket"]["typed_config"]


def test_several_names_are_each_asked_for_and_any_of_them_will_do() -> None:
    context = tls_of(hosts=(Host("a.example", 443), Host("10.0.0.5", 443), Host("a.example", 8443)))

    assert context["auto_host_sni"] is True
    assert "sni" not in context
    assert context["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "a.example"}},
        {"san_type": "IP_ADDRESS", "matcher": {"exact": "10.0.0.5"}},
    ]


def test_a_server_name_takes_the_place_of_every_host() -> None:
    hosts = (Host("a.example", 443), Host("10.0.0.5", 443))
    context = tls_of(hosts=hosts, tls=Tls(server_name="n.example"))

    assert context["sni"] == "n.example"
    assert "auto_host_sni" not in context
    assert context["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "n.example"}}
    ]


def test_authorities_and_a_certificate_of_ones_own() -> None:
    context = tls_of(tls=Tls("/own/ca.pem", "/own/cert.pem", "/own/key.pem"))["common_tls_context"]

    assert context["validation_context"]["trusted_ca"] == {"filename": "/own/ca.pem"}
    assert context["tls_certificates"] == [
        {
            "certificate_chain": {"filename": "/own/cert.pem"},
            "private_key": {"filename": "/own/key.pem"},
        }
    ]
    assert "tls_certificates" not in tls_of()["common_tls_context"]


def test_limits_are_circuit_breakers() -> None:
    found = cluster("a", policy(replace(provider("a"), limits=Limits(1, 2, 3, 4))))

    assert found["circuit_breakers"]["thresholds"] == [
        {"max_connections": 1, "max_pending_requests": 2, "max_requests": 3, "max_retries": 4}
    ]


def test_failovers_do_not_run_out_of_retries() -> None:
    for found in documents(policy(provider("a")))["cds"]:
        assert found["circuit_breakers"]["thresholds"][0]["max_retries"] == 1024
        assert found["per_connection_buffer_limit_bytes"] == 50 * 2**20


@pytest.mark.parametrize(("limit", "buffer"), [(1024, 50 * 2**20), (80 * 2**20, 80 * 2**20)])
def test_clusters_buffer_whatever_body_is_allowed_and_never_less_than_is_safe(
    limit: int, buffer: int
) -> None:
    found = documents(policy(provider("a")), settings=Settings(max_body_bytes=limit))["cds"]

    assert {c["per_connection_buffer_limit_bytes"] for c in found} == {buffer}


def test_the_upstream_filter_sees_headers_before_they_leave_and_no_response() -> None:
    options = cluster("a", policy(provider("a")))["typed_extension_protocol_options"]
    filters = options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]["http_filters"]
    config = filters[0]["typed_config"]

    assert [f["name"] for f in filters] == ["waypost.upstream", "envoy.filters.http.upstream_codec"]
    assert config["processing_mode"]["request_header_mode"] == "SEND"
    assert config["processing_mode"]["response_body_mode"] == "NONE"
    assert config["failure_mode_allow"] is False
    assert "allow_envoy" not in config["mutation_rules"]


@pytest.mark.parametrize(
    ("target", "kind", "address"),
    [
        ("unix:/run/r.sock", "STATIC", {"pipe": {"path": "/run/r.sock"}}),
        ("10.1.2.3:50051", "STATIC", {"socket_address": {"address": "10.1.2.3", "port_value": 50051}}),
        ("[::1]:50051", "STATIC", {"socket_address": {"address": "::1", "port_value": 50051}}),
        ("waypost:50051", "STRICT_DNS", {"socket_address": {"address": "waypost", "port_value": 50051}}),
    ],
)
def test_the_router_may_be_anywhere(target: str, kind: str, address: dict[str, Any]) -> None:
    wiring = envoy.Wiring(target, "unix:/run/u.sock", "/etc/ca.pem")
    found = cluster(envoy.ROUTER_CLUSTER, policy(provider("a")), wiring=wiring)

    assert found["type"] == kind
    assert found["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] == address


# --- listener ---------------------------------------------------------------------------------------------


def test_what_only_the_gateway_may_say_is_removed_before_routes_are_chosen() -> None:
    mutations = manager()["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
    removed = {m["remove"] for m in mutations if "remove" in m}
    patterns = [m["remove_on_match"]["key_matcher"] for m in mutations if "remove_on_match" in m]

    assert {"x-request-id", "x-selected-model", "x-vsr-destination-endpoint"} <= removed
    assert {"prefix": "x-waypost-"} in patterns
    assert {"prefix": "x-envoy-"} in patterns
    assert {"safe_regex": {"regex": "x-user-.+-key"}} in patterns


def test_the_peer_is_who_connected_and_the_router_fails_closed() -> None:
    config = manager()
    router = config["http_filters"][0]["typed_config"]

    assert config["use_remote_address"] is True
    assert router["failure_mode_allow"] is False
    assert router["mutation_rules"] == {"allow_all_routing": True, "allow_envoy": True}
    assert router["request_attributes"] == ["source.address"]
    assert router["processing_mode"]["request_body_mode"] == "BUFFERED"
    assert router["allow_mode_override"] is True


def test_body_limits_of_both_http_versions_are_the_configured_one() -> None:
    settings = Settings(max_body_bytes=3 * 2**20)
    listener = documents(policy(provider("a")), settings=settings)["lds"]

    assert listener["per_connection_buffer_limit_bytes"] == 3 * 2**20
    assert manager(settings=settings)["http2_protocol_options"] == {
        "initial_stream_window_size": 3 * 2**20,
        "initial_connection_window_size": 3 * 2**20,
    }


def test_streams_outlast_a_chain_of_silent_providers() -> None:
    settings = Settings(timeouts=Timeouts(idle_seconds=100))

    assert manager(settings=settings)["stream_idle_timeout"] == "860.000s"


def test_one_address_has_one_listener() -> None:
    listener = documents(policy(provider("a")), settings=Settings(listen=Address("::", 9000)))["lds"]

    assert listener["address"] == {"socket_address": {"address": "::", "port_value": 9000}}
    assert listener["enable_reuse_port"] is False


def test_an_access_log_has_neither_query_nor_credentials() -> None:
    wiring = envoy.Wiring("unix:/r", "unix:/u", "/ca.pem", "/var/log/access.log")
    log = manager(wiring=wiring)["access_log"][0]["typed_config"]

    assert log["path"] == "/var/log/access.log"
    assert log["log_format"]["json_format"]["path"] == "%PATH(NQ:ORIG_OR_PATH)%"
    assert "AUTHORIZATION" not in json.dumps(log).upper()
    assert "access_log" not in manager()


# --- bootstraps -------------------------------------------------------------------------------------------


def test_the_admin_socket_is_the_owner_s_alone() -> None:
    made = envoy.bootstrap(Path("/run/admin.sock"), Path("/run/lds"), Path("/run/cds"))

    assert made["admin"] == {"address": {"pipe": {"path": "/run/admin.sock", "mode": 0o600}}}


def test_documents_lie_in_folders_of_their_own() -> None:
    made: Any = envoy.bootstrap(Path("/run/admin.sock"), Path("/run/lds"), Path("/run/cds"))
    lds = made["dynamic_resources"]["lds_config"]["path_config_source"]

    assert lds == {"path": "/run/lds/document.json", "watched_directory": {"path": "/run/lds"}}
    assert manager()["rds"]["config_source"]["path_config_source"]["path"] == "/run/rds/document.json"


def test_the_static_bootstrap_needs_no_further_file() -> None:
    made: Any = envoy.static_bootstrap(policy(provider("a")), Settings(), WIRING)

    assert "dynamic_resources" not in made
    assert "admin" not in made
    names = [c["name"] for c in made["static_resources"]["clusters"]]
    assert names == ["waypost_router", "waypost_upstream", provider("a").cluster]
    text = json.dumps(made)
    assert "path_config_source" not in text
    assert '"route_config"' in text
