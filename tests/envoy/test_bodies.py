"""Large bodies in both directions, also as the very first thing a fresh Envoy sees."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.envoy.faulty import burst, fails, respond, stream_burst
from tests.envoy.gateway import Gateway, question, serve
from tests.envoy.world import World, chain, config, model

KB, MB = 1024, 1024 * 1024


def large(size: int, word: str) -> bytes:
    """A chat request of at least `size` bytes."""
    return json.dumps(question(f"{word} " + "lorem ipsum " * (size // 12 + 1))).encode()


UNGUARDED: dict[str, Any] = {
    "routing_rules": [
        {
            "name": "lorem",
            "conditions": [{"type": "keyword_match", "keywords": ["lorem"]}],
            "action": {"type": "route", "endpoints": [model("out1"), model("out2")]},
        }
    ]
}
"""Settings without a block or a boundary: those must read a text whole, and there is a limit to that."""


@pytest.fixture(scope="module")
def shared_unguarded(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serve(tmp_path_factory.mktemp("unguarded"), config(whole_world) | UNGUARDED) as gateway:
        yield gateway


@pytest.fixture
def unguarded(shared_unguarded: Gateway, world: World) -> Gateway:
    return shared_unguarded


@pytest.mark.parametrize("size", [33 * KB, 64 * KB, 500 * KB, MB, 3 * MB // 2, 10 * MB, 20 * MB])
def test_a_large_request_arrives_and_fails_over(unguarded: Gateway, world: World, size: int) -> None:
    world["out1"].behaviour = fails(500)
    sent = large(size, "hello")
    assert unguarded.post(sent).header("x-waypost-decision") == "lorem"
    for name in ("out1", "out2"):
        assert world[name].wait().json["messages"] == json.loads(sent)["messages"]


def test_a_text_too_long_to_be_read_goes_nowhere_a_guard_might_forbid(gateway: Gateway, world: World) -> None:
    assert gateway.post(large(20 * MB, "hello")).status == 200
    response = gateway.post(large(20 * MB, "h\u00e9llo"))
    assert (response.status, response.json["error"]["code"]) == (413, "too_large")
    assert world.got() == {"out1": 1}


@pytest.mark.parametrize("size", [64 * KB, 500 * KB, 20 * MB])
def test_the_first_request_of_a_fresh_envoy_may_be_large(
    fresh: Callable[..., Gateway], world: World, size: int
) -> None:
    gateway = fresh(**UNGUARDED)
    envoy = gateway.envoy
    world["out1"].behaviour = fails(500)
    assert gateway.post(large(size, "hello")).status == 200
    assert len(world["out2"].wait().body) >= size
    assert gateway.envoy == envoy


def test_a_body_over_the_limit_is_a_413(fresh: Callable[..., Gateway], world: World) -> None:
    gateway = fresh(max_body_bytes=MB)
    assert gateway.post(large(MB - 64 * KB, chain("out1"))).status == 200
    response = gateway.post(large(2 * MB, chain("out1")))
    assert response.status == 413
    assert response.error["type"] == "invalid_request_error"
    assert world.got() == {"out1": 1}
    assert gateway.ask("still there?").status == 200


@pytest.mark.parametrize("size", [3 * MB // 2, 5 * MB, 20 * MB])
def test_a_burst_of_a_response_passes(gateway: Gateway, world: World, size: int) -> None:
    envoy = gateway.envoy
    world["out1"].behaviour = burst(size)
    assert len(gateway.ask("hello").json["choices"][0]["message"]["content"]) == size
    world["out1"].behaviour = stream_burst(size)
    response = gateway.ask("hello", stream=True)
    assert len(response.body) > size
    assert response.body.endswith(b"data: [DONE]\n\n")
    assert gateway.envoy == envoy


def test_a_slow_reader_gets_a_burst_whole(gateway: Gateway, world: World) -> None:
    envoy = gateway.envoy
    world["out1"].behaviour = stream_burst(20 * MB)
    body = json.dumps(question("hello", stream=True)).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    received = 0
    with socket.socket() as client:
        client.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KB
        )  # keeps the window closed most of the time
        client.settimeout(30)
        client.connect(("127.0.0.1", gateway.port))
        client.sendall(head % len(body) + body)
        tail = b""
        while data := client.recv(8 * KB):
            received += len(data)
            tail = (tail + data)[-100:]
    assert received > 20 * MB
    assert b"data: [DONE]\n\n" in tail
    assert gateway.envoy == envoy


def test_an_error_with_a_huge_body_is_survived(gateway: Gateway, world: World) -> None:
    envoy = gateway.envoy
    world["out1"].behaviour = world["out2"].behaviour = respond(500, b"x" * (20 * MB), "text/plain")
    response = gateway.ask(chain("out1", "out2"))
    assert response.status >= 500
    assert gateway.envoy == envoy
    assert gateway.ask("hello", model("out3")).status == 200
