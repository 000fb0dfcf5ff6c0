"""How providers do, told by a running gateway: the API and the metrics agree with what was sent."""

import http.client
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.envoy.faulty import fails, respond
from tests.envoy.gateway import Gateway
from tests.envoy.world import KEYS, World, chain

Fresh = Callable[..., Gateway]


def get(gateway: Gateway, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.admin, timeout=20)
    with closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response, response.read()


def providers(gateway: Gateway) -> Mapping[str, Any]:
    response, body = get(gateway, "/api/v1/providers")
    assert response.status == 200
    told = json.loads(body)
    assert told["schema"] == "waypost/providers.v1"
    assert not [key for key in KEYS.values() if key.encode() in body]
    return {each["name"]: each for each in told["providers"]}


def metric(gateway: Gateway, name: str, **labels: str) -> float | None:
    _, body = get(gateway, "/metrics")
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def test_every_provider_is_told_with_what_became_of_its_attempts(fresh: Fresh, world: World) -> None:
    gateway = fresh()
    world["out1"].script.append(fails(503))
    assert gateway.ask(chain("out1", "out2")).status == 200
    assert gateway.ask(chain("outdead", "out1")).status == 200

    told = providers(gateway)
    assert set(told) == {*world.upstreams, *world.dead}
    assert told["out2"]["models"][0] == {"name": "model-out2", "model": "o2"}
    assert told["in1"]["zone"] == "internal"
    out1, out2, dead = (told[name] for name in ("out1", "out2", "outdead"))
    assert (out1["attempts"]["server_error"], out1["attempts"]["success"]) == (1, 1)
    assert (out2["attempts"]["server_error"], out2["attempts"]["success"]) == (0, 1)
    assert dead["attempts"]["connect_failures"] >= 1
    assert [each["address"] for each in out2["addresses"]] == [f"127.0.0.1:{world['out2'].port}"]
    assert {out1["state"], out2["state"]} == {"ok"}


def test_metrics_say_the_same(fresh: Fresh, world: World) -> None:
    gateway = fresh()
    response, _ = get(gateway, "/metrics")
    assert response.getheader("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    gateway.ask(chain("outdead", "out1"))
    assert metric(gateway, "waypost_provider_connect_failures_total", provider="outdead") == 1
    assert metric(gateway, "waypost_provider_addresses", provider="out1", state="healthy") == 1
    assert metric(gateway, "waypost_provider_requests_active", provider="out1") == 0


def test_requests_attempts_and_tokens_are_counted(fresh: Fresh, world: World) -> None:
    gateway = fresh()
    world["out1"].script.append(fails(503))
    assert gateway.ask(chain("out1", "out2")).status == 200
    stream = gateway.sdk().chat.completions.create(
        model="auto", messages=[{"role": "user", "content": chain("out2")}], stream=True
    )
    assert list(stream)
    told = {"decision": chain("out1", "out2"), "model": "model-out2", "status_class": "2xx"}
    gateway.until(lambda: metric(gateway, "waypost_requests_total", **told) == 1, "the request is counted")
    assert metric(gateway, "waypost_attempts_total", provider="out1", outcome="error") == 1
    gateway.until(
        lambda: metric(gateway, "waypost_stream_ends_total", provider="out2", end="complete") == 1,
        "the stream",
    )
    assert metric(gateway, "waypost_attempts_total", provider="out2", outcome="ok") == 2
    assert (metric(gateway, "waypost_tokens_total", model="model-out2", kind="output") or 0) >= 5


def test_a_provider_over_its_limit_is_cooling(fresh: Fresh, world: World) -> None:
    gateway = fresh(timeouts={"cooldown_seconds": 60})
    world["out1"].script.append(respond(429, b"{}", retry_after="30"))
    assert gateway.ask(chain("out1", "out2")).status == 200
    gateway.until(lambda: providers(gateway)["out1"]["cooling_seconds"] > 0, "out1 cools")
    assert 0 < providers(gateway)["out1"]["cooling_seconds"] <= 30
    assert 0 < (metric(gateway, "waypost_provider_cooling", provider="out1") or 0) <= 30
    assert providers(gateway)["out2"]["cooling_seconds"] == 0


def test_counting_goes_on_when_the_worker_is_started_again(fresh: Fresh, world: World) -> None:
    gateway = fresh(timeouts={"cooldown_seconds": 60})
    world["out1"].script.append(respond(429, b"{}", retry_after="60"))
    gateway.ask(chain("out1", "out2"))
    gateway.until(lambda: providers(gateway)["out1"]["cooling_seconds"] > 0, "out1 cools")
    worker = gateway.worker
    gateway.kill(worker)
    gateway.until(lambda: gateway.ready() == 200 and gateway.worker != worker, "another worker")
    assert providers(gateway)["out1"]["cooling_seconds"] > 0


def test_while_envoy_is_away_providers_are_unknown(fresh: Fresh) -> None:
    gateway = fresh()
    gateway.kill(gateway.envoy)
    told = providers(gateway)  # whether it is back by now or not: an answer
    assert {each["state"] for each in told.values()} <= {"unknown", "ok"}
    gateway.until(lambda: providers(gateway)["out1"]["state"] == "ok", "Envoy is back")
