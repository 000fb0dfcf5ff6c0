"""What must not cross: credentials of clients and of other providers, internal headers, zones."""

import json
from collections.abc import Iterable

import pytest

from tests.envoy.faulty import Request, fails, html, reset
from tests.envoy.gateway import Gateway, question
from tests.envoy.world import ACCOUNTS, KEYS, PAIRS, PATHS, WIRE_NAMES, World, chain, model, vault

CLIENT_SECRETS = {
    "authorization": "Bearer CANARY-authorization",
    "x-api-key": "CANARY-x-api-key",
    "api-key": "CANARY-api-key",
    "x-goog-api-key": "CANARY-goog",
    "openai-organization": "CANARY-organization",
    "openai-project": "CANARY-project",
    "anthropic-version": "CANARY-version",
    "anthropic-beta": "CANARY-beta",
    "proxy-authorization": "Basic CANARY-proxy",
    "cookie": "session=CANARY-cookie",
    "x-forwarded-access-token": "CANARY-token",
    "x-amz-security-token": "CANARY-amz",
    "x-anything-else": "CANARY-other",
    "referer": "http://CANARY-referer/",
}

HOPS = {f"x-waypost-hop-{number}" for number in range(1, 9)} | {"x-waypost-form"}

# Envoy's own: a body's framing, the address, bookkeeping that tells a provider nothing about the client.
EXPECTED = {
    "host",
    "content-length",
    "content-type",
    "accept",
    "accept-encoding",
    "user-agent",
    "authorization",
    "openai-organization",
    "openai-project",
    "x-request-id",
    "x-forwarded-proto",
    "x-envoy-attempt-count",
    "traceparent",
    "tracestate",
} | HOPS


def own_marks(name: str) -> list[str]:
    """What identifies a provider or its account."""
    return [*([KEYS[name]] if name in KEYS else []), *ACCOUNTS.get(name, {}).values()]


def leaks(request: Request, name: str, others: Iterable[str]) -> list[str]:
    """Marks of other providers, and headers nobody asked for, in what this one received."""
    found = [mark for other in others for mark in own_marks(other) if request.mentions(mark)]
    found += [f"path prefix of {o}" for o in others if PATHS[o] != "/v1" and PATHS[o] in request.path]
    found += [f"model of {o}" for o in others if request.json["model"] == WIRE_NAMES[o]]
    return found + [key for key, _ in request.headers if key not in EXPECTED]


def test_nothing_of_the_client_reaches_a_provider(gateway: Gateway, world: World) -> None:
    for name in world.upstreams:
        body = json.dumps(question(chain(name)))
        headers = [("content-type", "application/json"), *CLIENT_SECRETS.items()]
        response = gateway.request("POST", "/v1/chat/completions?key=CANARY-query&alt=sse", body, headers)
        assert response.status == 200
        request = world[name].wait()
        assert not request.mentions("CANARY"), request.head
        assert request.path == f"{PATHS[name]}/chat/completions"
        assert leaks(request, name, set(world.upstreams) - {name}) == []
        assert request.header("content-type") == "application/json"


def test_the_sdk_key_reaches_no_provider(gateway: Gateway, world: World) -> None:
    sdk = gateway.sdk(api_key="CANARY-sdk", organization="CANARY-org", project="CANARY-proj")
    sdk.chat.completions.create(**question(chain("out3")))
    sdk.chat.completions.create(**question(chain("out1")))
    assert not world["out3"].wait().mentions("CANARY")
    assert not world["out1"].wait().mentions("CANARY")
    assert world["out3"].wait().header("authorization") is None
    assert world["out1"].wait().header("openai-organization") == "org-of-out1"
    assert world["out1"].wait().header("openai-project") == "proj-of-out1"


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("fault", [fails(500), reset], ids=["500", "reset"])
def test_the_second_attempt_knows_nothing_of_the_first(
    gateway: Gateway, world: World, first: str, second: str, fault: object
) -> None:
    world[first].behaviour = fault  # type: ignore[assignment]
    response = gateway.ask(chain(first, second), padding="p" * 3000)
    assert response.status == 200, response.body
    assert response.header("x-waypost-model") == model(second)
    assert response.header("x-waypost-attempts") == "2"
    assert world.got() == {first: 1, second: 1}
    for name, other in ((first, second), (second, first)):
        request = world[name].wait()
        assert leaks(request, name, [other]) == [], request.head
        assert request.json["model"] == WIRE_NAMES[name]
        assert request.header("content-length") == str(len(request.body))
        assert request.header("host") == f"127.0.0.1:{world[name].port}"
        assert [v for k, v in request.headers if k == "authorization"] == (
            [f"Bearer {KEYS[name]}"] if name in KEYS else []
        )


def test_hops_tell_a_provider_nothing(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = fails(503)
    gateway.ask(chain("out1", "in1"))
    first, last = world["out1"].wait(), world["in1"].wait()
    hops = [value for key, value in first.headers if key in HOPS]
    assert all(len(value) == 20 and "in1" not in value and "out1" not in value for value in hops)
    assert not [key for key, _ in last.headers if key in HOPS]


def test_errors_of_providers_do_not_tell_clients_who_they_are(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = world["out2"].behaviour = html(502)
    response = gateway.ask(chain("out1", "out2"))
    assert response.status >= 500
    assert b"Bad day" not in response.body
    assert response.error["message"]


SPOOFED = {
    "x-envoy-attempt-count": ["1", "2", "99"],
    "x-waypost-hop-1": ["HOP"],
    "x-waypost-hop-2": ["HOP"],
    "X-Waypost-Hop-1": ["HOP"],
    "x-waypost-form": ["HOP"],
    "x-waypost-anything": ["1"],
    "x-waypost-decision": ["fake"],
    "x-envoy-max-retries": ["0", "7"],
    "x-envoy-retry-on": ["retriable-4xx"],
    "x-envoy-retriable-status-codes": ["400"],
    "x-envoy-retriable-header-names": ["x-provider"],
    "x-envoy-upstream-rq-timeout-ms": ["1"],
    "x-envoy-upstream-rq-per-try-timeout-ms": ["1"],
    "x-envoy-hedge-on-per-try-timeout": ["true"],
    "x-envoy-upstream-alt-stat-name": ["spoof"],
    "x-envoy-upstream-stream-duration-ms": ["1"],
    "x-envoy-decorator-operation": ["spoof"],
    "x-envoy-original-path": ["/v1/models"],
    "x-envoy-original-dst-host": ["127.0.0.1:1"],
    "x-envoy-internal": ["true"],
    "x-envoy-external-address": ["127.0.0.1"],
    "x-envoy-expected-rq-timeout-ms": ["1"],
    "x-forwarded-for": ["127.0.0.1", "10.1.2.3"],
    "x-forwarded-host": ["spoof.example"],
    "x-forwarded-proto": ["https"],
    "x-request-id": ["spoofed-request-id"],
    "grpc-timeout": ["1n"],
    "x-http-method-override": ["GET"],
}
SPOOFS = [(name, value) for name, values in SPOOFED.items() for value in values]


@pytest.fixture
def real_hop(gateway: Gateway, world: World) -> str:
    """A hop id that works, as a provider that keeps what it receives could know it: the one of out2."""
    world["out1"].behaviour = fails(500)
    gateway.ask(chain("out1", "out2"))
    value = world["out1"].wait().header("x-waypost-hop-2")
    for upstream in world.upstreams.values():
        upstream.clear()
    assert value
    return value


@pytest.mark.parametrize(("name", "value"), SPOOFS)
def test_a_spoofed_header_changes_nothing(
    gateway: Gateway, world: World, real_hop: str, name: str, value: str
) -> None:
    spoof = (name, value.replace("HOP", real_hop))
    json_type = ("content-type", "application/json")

    world["out1"].behaviour = fails(500)  # the chain is walked as decided, from its first hop to its last
    body = json.dumps(question(chain("out1", "out2", "out3")))
    response = gateway.request("POST", "/v1/chat/completions", body, [json_type, spoof])
    assert response.status == 200
    assert world.got() == {"out1": 1, "out2": 1}
    for request in (world["out1"].wait(), world["out2"].wait()):
        assert not request.mentions("spoof"), request.head
        assert [key for key, _ in request.headers if key not in EXPECTED] == []

    world["in1"].behaviour = fails(400)
    inside = json.dumps(question(vault("in1", "in2")))
    assert gateway.request("POST", "/v1/chat/completions", inside, [json_type, spoof]).status == 400
    assert world.got() == {"out1": 1, "out2": 1, "in1": 1}


@pytest.mark.parametrize(("name", "value"), SPOOFS)
def test_a_spoofed_header_without_a_body_reaches_no_provider(
    gateway: Gateway, world: World, real_hop: str, name: str, value: str
) -> None:
    spoof = {name: value.replace("HOP", real_hop)}
    for method, path in (
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/models"),
        ("GET", "/v1/anything"),
        ("POST", "/v1/chat/completions"),
        ("DELETE", "/v1/embeddings"),
        ("GET", "/"),
    ):
        response = gateway.request(method, path, None, spoof)
        if path != "/v1/models":
            assert response.status in {400, 404, 405, 411}, (method, path)
            assert response.error
    assert world.got() == {}


def test_all_hops_at_once_without_a_body(gateway: Gateway, world: World, real_hop: str) -> None:
    spoof = dict.fromkeys(HOPS, real_hop) | {"x-envoy-attempt-count": "1"}
    assert gateway.request("GET", "/v1/chat/completions", None, spoof).status == 405
    assert world.got() == {}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_upgrade_or_trailer_smuggles_nothing(
    gateway: Gateway, world: World, real_hop: str, method: str
) -> None:
    headers = {"connection": "upgrade, x-waypost-hop-1", "upgrade": "websocket", "x-waypost-hop-1": real_hop}
    assert gateway.request(method, "/v1/chat/completions", None, headers).status >= 400
    assert world.got() == {}
