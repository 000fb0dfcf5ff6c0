"""Providers as the file describes them: addresses and weights, TLS, paths, headers. Through a real Envoy."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Pair, authority, signed
from tests.envoy.faulty import Upstream, fails, refusing_port, stream
from tests.envoy.gateway import Gateway, serve

NAME = "llm.bank.example"
"""Nobody can look it up: it is only asked for and verified."""


@dataclass(frozen=True, slots=True)
class Https:
    """Certificates, and what providers were asked for."""

    folder: Path
    own: Pair
    foreign: Pair
    client: Pair
    asked: list[str | None] = field(default_factory=list)

    def context(self, name: str, by: Pair, *names: str, wants_client: bool = False) -> ssl.SSLContext:
        """What a provider with this certificate serves with."""
        pair = signed(self.folder, name, by, *names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
        context.sni_callback = lambda _socket, asked, _context: self.asked.append(asked)
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.own.cert)
        return context


@dataclass(frozen=True, slots=True)
class Bench:
    """A gateway and what stands behind it."""

    gateway: Gateway
    upstreams: dict[str, Upstream]
    asked: list[str | None]

    def __getitem__(self, name: str) -> Upstream:
        return self.upstreams[name]

    def ask(self, model: str, text: str = "hello") -> tuple[int, str]:
        """Status, and what was answered."""
        response = self.gateway.ask(text, model)
        if response.status != 200:
            assert response.error["message"]
            return response.status, response.error["type"]
        return 200, response.json["choices"][0]["message"]["content"]

    def got(self) -> dict[str, int]:
        return {name: len(up.requests) for name, up in self.upstreams.items() if up.requests}


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Https:
    folder = tmp_path_factory.mktemp("https")
    own, foreign = authority(folder, "own"), authority(folder, "foreign")
    return Https(folder, own, foreign, signed(folder, "client", own, "DNS:waypost"))


@pytest.fixture(scope="module")
def running(
    https: Https, loop: asyncio.AbstractEventLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    own, foreign = https.own, https.foreign
    contexts = {
        "address": https.context("address", own, "IP:127.0.0.1"),
        "localhost": https.context("localhost", own, "DNS:localhost"),
        "named": https.context("named", own, f"DNS:{NAME}"),
        "mutual": https.context("mutual", own, "IP:127.0.0.1", wants_client=True),
        "stranger": https.context("stranger", foreign, "IP:127.0.0.1"),
        "second": https.context("second", own, "DNS:localhost"),
    }
    plain = ("heavy", "light", "one", "two", "vllm", "ollama", "azure", "red", "blue", "own-paths", "slow")
    upstreams = {name: Upstream(name, loop, context) for name, context in contexts.items()}
    upstreams |= {name: Upstream(name, loop) for name in plain}
    folder = tmp_path_factory.mktemp("providers")
    for name in ("one", "two"):
        (folder / f"{name}.key").write_text(f"sk-{name}\n")
    with refusing_port() as dead, serve(folder, _config(upstreams, https, dead)) as gateway:
        yield Bench(gateway, upstreams, https.asked)
        assert sum(gateway.stats("rejected_header_mutations").values()) == 0
    for upstream in upstreams.values():
        upstream.close()


@pytest.fixture
def bench(running: Bench) -> Bench:
    """The gateway, with healthy providers that have seen nothing."""
    for upstream in running.upstreams.values():
        upstream.clear()
    running.asked.clear()
    return running


def _config(upstreams: dict[str, Upstream], https: Https, dead: int) -> dict[str, Any]:
    def url(name: str, host: str = "127.0.0.1", path: str = "/v1") -> str:
        return f"{'https' if name in _HTTPS else 'http'}://{host}:{upstreams[name].port}{path}"

    def of(kind: str, name: str, **more: Any) -> dict[str, Any]:
        return {"kind": kind, "base_url": url(name), **more}

    ca = {"ca_file": str(https.own.cert)}
    pair = {"cert_file": str(https.client.cert), "key_file": str(https.client.key)}
    there = {"kind": "azure_openai", "base_url": url("azure", path="")}
    providers: dict[str, dict[str, Any]] = {
        "weighted": {"kind": "vllm", "endpoints": [{"url": url("heavy"), "weight": 3}, url("light")]},
        "half-dead": {
            "kind": "vllm",
            "endpoints": [{"address": f"127.0.0.1:{dead}", "weight": 3}, url("one")],
        },
        "by-name": {"kind": "vllm", "base_url": url("one", "localhost")},
        "mixed": {"kind": "vllm", "endpoints": [url("one", "localhost"), url("two")]},
        "half-known": {"kind": "vllm", "endpoints": ["http://nobody.invalid/v1", url("one")]},
        "all-dead": {
            "kind": "vllm",
            "endpoints": [f"http://127.0.0.1:{dead}/v1", "http://nobody.invalid/v1"],
        },
        "limited": of("vllm", "slow", limits={"connections": 1, "pending": 1}),
        "address": of("vllm", "address", tls=ca),
        "localhost": {"kind": "vllm", "base_url": url("localhost", "localhost"), "tls": ca},
        "named": of("vllm", "named", tls={**ca, "server_name": NAME}),
        "misnamed": of("vllm", "named", tls=ca),
        "mutual": of("vllm", "mutual", tls={**ca, **pair}),
        "without-certificate": of("vllm", "mutual", tls=ca),
        "stranger": of("vllm", "stranger", tls=ca),
        "unknown-authority": of("vllm", "address"),
        "two-names": {"kind": "vllm", "endpoints": [url("second", "localhost"), url("address")], "tls": ca},
        "azure": {**there, "api_key": "k-azure"},
        "azure-dated": {**there, "api_key": "k-azure", "api_version": "2024-10-21"},
        "red": of("openai_compatible", "red", headers={"X-Team": "red", "x-token": "t0ken-of-red"}),
        "blue": of("openai_compatible", "blue", headers={"x-side": "blue"}, api_key="sk-blue"),
        "vllm": of("vllm", "vllm"),
        "ollama": of("ollama", "ollama"),
        "own-paths": of("openai_compatible", "own-paths", paths={"chat": "/ask", "embeddings": "/embed:all"}),
        "from-file": of("openai", "two", api_key_file="two.key"),
    }
    chains = {
        "failover": ("stranger", "one"),
        "nobody": ("all-dead", "two-alone"),
        "colours": ("red", "blue"),
    }
    models = {name: {"provider": name, "name": f"wire-{name}"} for name in providers}
    models["one"] = {"provider": "plain", "name": "wire-one"}
    models["two-alone"] = {"provider": "from-file", "name": "wire-two"}
    return {
        "providers": {**providers, "plain": of("vllm", "one")},
        "models": models,
        "routing_rules": [
            {
                "name": word,
                "conditions": [{"type": "keyword_match", "keywords": [word]}],
                "action": {"type": "route", "endpoints": list(endpoints)},
            }
            for word, endpoints in chains.items()
        ],
        "default_model": "one",
        "timeouts": {"connect_seconds": 2},
    }


_HTTPS = {"address", "localhost", "named", "mutual", "stranger", "second"}


# --- addresses --------------------------------------------------------------------------------------------


def test_each_address_gets_its_share(bench: Bench) -> None:
    assert {bench.ask("weighted")[0] for _ in range(40)} == {200}
    found = bench.got()
    assert set(found) == {"heavy", "light"}
    assert 24 <= found["heavy"] <= 36, "three of four, give or take what Envoy's threads begin with"


def test_with_one_address_dead_the_other_answers_every_request(bench: Bench) -> None:
    assert {bench.ask("half-dead") for _ in range(10)} == {(200, "This is one")}
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(bench.ask, ["half-dead"] * 64)) == {(200, "This is one")}


def test_an_address_that_keeps_failing_is_left_alone_and_the_other_one_is_not(bench: Bench) -> None:
    bench["two"].behaviour = fails(503)
    assert {bench.ask("mixed") for _ in range(40)} == {(200, "This is one")}
    assert len(bench["two"].requests) < 20
    counted = bench.gateway.stats("outlier_detection.ejections_active")
    assert sum(n for name, n in counted.items() if "mixed" in name) == 1
    attempts = [bench.gateway.ask("hello", "mixed").header("x-waypost-attempts") for _ in range(20)]
    assert set(attempts) == {"1"}, "nothing is sent to the host that stands in for a provider without any"


def test_a_name_is_looked_up(bench: Bench) -> None:
    assert bench.ask("by-name") == (200, "This is one")
    assert bench["one"].wait().header("host") == f"localhost:{bench['one'].port}"


def test_an_address_whose_name_nobody_knows_takes_no_requests(bench: Bench) -> None:
    assert {bench.ask("half-known") for _ in range(12)} == {(200, "This is one")}


def test_after_every_address_of_a_provider_the_next_one_answers(bench: Bench) -> None:
    assert {bench.ask("auto", "nobody") for _ in range(12)} == {(200, "This is two")}
    assert bench.ask("all-dead")[0] == 503
    assert bench.got() == {"two": 12}


# --- TLS --------------------------------------------------------------------------------------------------


def test_own_authority_by_address(bench: Bench) -> None:
    assert bench.ask("address") == (200, "This is address")
    assert set(bench.asked) <= {None}, "an address is no name to ask for"


def test_own_authority_by_name(bench: Bench) -> None:
    assert bench.ask("localhost") == (200, "This is localhost")
    assert set(bench.asked) <= {"localhost"}


def test_the_name_asked_for_and_verified_may_be_another_than_the_host(bench: Bench) -> None:
    assert bench.ask("named") == (200, "This is named")
    assert set(bench.asked) <= {NAME}
    assert bench["named"].wait().header("host") == f"{NAME}:{bench['named'].port}"


def test_a_client_certificate_is_shown_where_one_is_named(bench: Bench) -> None:
    assert bench.ask("mutual") == (200, "This is mutual")
    assert bench.ask("without-certificate")[0] == 503
    assert bench.got() == {"mutual": 1}


@pytest.mark.parametrize("model", ["stranger", "misnamed", "unknown-authority"])
def test_who_cannot_prove_to_be_the_provider_gets_nothing(bench: Bench, model: str) -> None:
    assert bench.ask(model)[0] == 503
    assert bench.got() == {}


def test_after_a_certificate_of_a_stranger_the_next_answers(bench: Bench) -> None:
    assert bench.ask("auto", "failover") == (200, "This is one")
    assert bench.got() == {"one": 1}


def test_several_names_are_each_asked_for(bench: Bench) -> None:
    answered = {bench.ask("two-names") for _ in range(12)}
    assert answered == {(200, "This is second"), (200, "This is address")}
    assert "localhost" in bench.asked


# --- what each kind is sent -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("azure", "/openai/v1/chat/completions"),
        ("azure-dated", "/openai/deployments/wire-azure-dated/chat/completions?api-version=2024-10-21"),
    ],
)
def test_azures_paths(bench: Bench, model: str, path: str) -> None:
    assert bench.ask(model) == (200, "This is azure")
    request = bench["azure"].wait()
    assert request.path == path
    assert request.header("api-key") == "k-azure"
    assert request.header("authorization") is None
    assert request.json["model"] == f"wire-{model}"


@pytest.mark.parametrize("model", ["vllm", "ollama"])
def test_a_server_of_ones_own_needs_no_key(bench: Bench, model: str) -> None:
    response = bench.gateway.post(
        {"model": model, "messages": [{"role": "user", "content": "hello"}]}, authorization="Bearer client"
    )
    assert response.status == 200
    request = bench[model].wait()
    assert request.path == "/v1/chat/completions"
    assert request.header("authorization") is None


@pytest.mark.parametrize(
    ("send", "path"),
    [
        (lambda g: g.ask("hello", "own-paths"), "/v1/ask"),
        (lambda g: g.post({"model": "own-paths", "input": "hello"}, "/v1/embeddings"), "/v1/embed:all"),
    ],
    ids=["chat", "embeddings"],
)
def test_paths_of_its_own(bench: Bench, send: Callable[[Gateway], Any], path: str) -> None:
    send(bench.gateway)
    assert bench["own-paths"].wait().path == path


def test_a_key_from_a_file(bench: Bench) -> None:
    assert bench.ask("from-file") == (200, "This is two")
    assert bench["two"].wait().header("authorization") == "Bearer sk-two"


def test_headers_reach_their_provider_and_no_other(bench: Bench) -> None:
    bench["red"].behaviour = fails(500)
    assert bench.ask("auto", "colours") == (200, "This is blue")
    red, blue = bench["red"].wait(), bench["blue"].wait()
    assert (red.header("x-team"), red.header("x-token")) == ("red", "t0ken-of-red")
    assert red.header("x-side") is None
    assert (blue.header("x-side"), blue.header("authorization")) == ("blue", "Bearer sk-blue")
    assert not blue.mentions("t0ken-of-red")
    assert blue.header("x-team") is None


def test_a_client_cannot_say_a_header_of_a_provider(bench: Bench) -> None:
    question = {"model": "one", "messages": [{"role": "user", "content": "hello"}]}
    assert bench.gateway.post(question, x_token="forged", x_side="forged").status == 200
    assert not bench["one"].wait().mentions("forged")


def test_no_credential_stands_where_envoy_keeps_its_configuration(bench: Bench) -> None:
    dumped = bench.gateway.envoy_admin("/config_dump")
    assert "wire-" not in dumped
    assert not [secret for secret in ("t0ken-of-red", "k-azure", "sk-blue", "sk-two") if secret in dumped]


# --- limits -----------------------------------------------------------------------------------------------


def test_what_is_above_a_limit_is_refused_at_once_and_what_is_below_is_answered(bench: Bench) -> None:
    gate = bench["slow"].gate()
    bench["slow"].behaviour = stream(["slowly"], gate)
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(bench.gateway.ask, "hello", "limited", stream=True) for _ in range(12)]
        bench["slow"].wait()
        refused = next(as_completed(asked)).result()  # the others wait at the gate
        gate.open(12)
        statuses = sorted(each.result().status for each in asked)
    assert (refused.status, refused.error["code"]) == (503, "overloaded")
    assert set(statuses) == {200, 503}
