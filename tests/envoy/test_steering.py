"""Errors of the client's go back to the client, unless they say that another model makes none of it."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.envoy.faulty import Behaviour, Closed, Exchange, Upstream, answers, chunk, fails, head, respond
from tests.envoy.gateway import Gateway
from tests.envoy.words import provider, served, told, words

WINDOWS = {"small": 8_000, "large": 200_000, "tiny": 4_000, "claude": 8_000, "gemini": 8_000, "open": None}


@pytest.fixture(scope="module")
def all_upstreams(loop: asyncio.AbstractEventLoop) -> dict[str, Upstream]:
    return {name: Upstream(name, loop) for name in WINDOWS}


@pytest.fixture(scope="module")
def shared(all_upstreams: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    kinds = {
        "claude": {"kind": "anthropic", "api_key": "sk-ant"},
        "gemini": {"kind": "gemini", "api_key": "AIza", "path": "/v1beta"},
    }
    config = words(
        {name: provider(each, **kinds.get(name, {})) for name, each in all_upstreams.items()},
        {
            "up": ("small", "large"),
            "down": ("small", "tiny"),
            "downup": ("small", "tiny", "large"),
            "unknown": ("small", "open"),
            "claudeup": ("claude", "large"),
            "geminiup": ("gemini", "large"),
            "last": ("large",),
        },
        {name: {"context_window": window} for name, window in WINDOWS.items() if window},
    ) | {"timeouts": {"cooldown_seconds": 0}}
    with served(tmp_path_factory.mktemp("steering"), config, all_upstreams.values()) as gateway:
        yield gateway


@pytest.fixture
def upstreams(all_upstreams: dict[str, Upstream]) -> dict[str, Upstream]:
    for each in all_upstreams.values():
        each.clear()
    return all_upstreams


@pytest.fixture
def gateway(shared: Gateway, upstreams: dict[str, Upstream]) -> Gateway:
    return shared


def overflow(size: int = 0, **more: Any) -> bytes:
    """An error of OpenAI's shape, of exactly this size if it is not 0."""
    error = {"message": "Too long.", "type": "invalid_request_error", "param": "messages", **more}
    body = json.dumps({"error": {**error, "code": "context_length_exceeded"}}).encode()
    return body + b" " * max(0, size - len(body))


def chunked(status: int, body: bytes) -> Behaviour:
    """A response whose length nobody knows before its end."""

    async def behaviour(exchange: Exchange) -> None:
        fixed = {"content-type": "application/json", "transfer-encoding": "chunked"}
        await exchange.send(head(status, fixed) + chunk(body) + chunk(b""))

    return behaviour


VLLM = {"object": "error", "message": "This model's maximum context length is 8000 tokens.", "code": 400}
ANTHROPIC = {
    "type": "error",
    "error": {"type": "invalid_request_error", "message": "prompt is too long: 9000 tokens > 8000 maximum"},
}
GEMINI = {
    "error": {
        "code": 400,
        "status": "INVALID_ARGUMENT",
        "message": "The input token count (9000) exceeds the maximum number of tokens allowed (8000).",
    }
}


@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["json", "sse"])
@pytest.mark.parametrize(
    ("word", "first", "behaviour"),
    [
        *(("up", "small", respond(status, overflow())) for status in (400, 413, 422)),
        ("up", "small", respond(400, json.dumps(VLLM).encode())),
        ("claudeup", "claude", respond(400, json.dumps(ANTHROPIC).encode())),
        ("geminiup", "gemini", respond(400, json.dumps(GEMINI).encode())),
    ],
)
def test_a_request_that_is_too_long_goes_to_a_model_with_more_room(
    gateway: Gateway,
    upstreams: dict[str, Upstream],
    word: str,
    first: str,
    behaviour: Behaviour,
    options: dict[str, Any],
) -> None:
    upstreams[first].behaviour = behaviour
    assert told(gateway.ask(word, **options)) == (200, "large", "2")
    assert len(upstreams[first].requests) == 1
    (request,) = upstreams["large"].requests
    assert request.json["model"] == "wire-large"
    assert request.header("content-length") == str(len(request.body))


def test_what_nobody_said_is_not_held_against_a_model(
    gateway: Gateway, upstreams: dict[str, Upstream]
) -> None:
    upstreams["small"].behaviour = respond(400, overflow())
    assert told(gateway.ask("unknown")) == (200, "open", "2")


def test_it_does_not_go_where_there_is_less_room(gateway: Gateway, upstreams: dict[str, Upstream]) -> None:
    upstreams["small"].behaviour = respond(400, overflow())
    response = gateway.ask("down")
    assert told(response) == (400, "small", "1")
    assert response.error["code"] == "context_length_exceeded"
    assert not upstreams["tiny"].requests


def test_on_the_way_to_more_room_everybody_is_asked(gateway: Gateway, upstreams: dict[str, Upstream]) -> None:
    upstreams["small"].behaviour = upstreams["tiny"].behaviour = respond(400, overflow())
    assert told(gateway.ask("downup")) == (200, "large", "3")


def test_at_the_end_of_the_chain_the_client_is_told(gateway: Gateway, upstreams: dict[str, Upstream]) -> None:
    for name in ("small", "large"):
        upstreams[name].behaviour = respond(400, overflow())
    for word, who, attempt in (("up", "large", "2"), ("last", "large", "1")):
        response = gateway.ask(word)
        assert told(response) == (400, who, attempt)
        assert response.error["code"] == "context_length_exceeded"
        assert response.header("x-should-retry") in (None, "false")


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_other_errors_of_the_client_do_not_go_on(
    gateway: Gateway, upstreams: dict[str, Upstream], status: int
) -> None:
    upstreams["small"].behaviour = fails(status, "their_code")
    response = gateway.ask("up")
    assert told(response) == (status, "small", "1")
    assert response.error["code"] == "their_code"
    assert not upstreams["large"].requests


@pytest.mark.parametrize("size", [1_000, 65_535, 65_536])
def test_errors_of_up_to_64_kilobytes_are_read(
    gateway: Gateway, upstreams: dict[str, Upstream], size: int
) -> None:
    upstreams["small"].behaviour = respond(400, overflow(size))
    assert told(gateway.ask("up")) == (200, "large", "2")


@pytest.mark.parametrize("size", [65_537, 1_500_000, 5_000_000])
def test_longer_errors_pass_unread(gateway: Gateway, upstreams: dict[str, Upstream], size: int) -> None:
    """Reading them would crash Envoy 1.40.0."""
    upstreams["small"].behaviour = respond(400, overflow(size))
    response = gateway.ask("up")
    assert told(response) == (400, "small", "1")


@pytest.mark.parametrize("size", [0, 65_537, 1_500_000])
def test_errors_of_unknown_length_are_judged_by_their_status(
    gateway: Gateway, upstreams: dict[str, Upstream], size: int
) -> None:
    upstreams["small"].behaviour = chunked(400, overflow(size))
    assert told(gateway.ask("up")) == (400, "small", "1")
    upstreams["small"].behaviour = chunked(429, overflow(size))
    assert told(gateway.ask("up")) == (200, "large", "2")


@pytest.mark.parametrize("status", [402, 403, 429])
def test_bodies_of_errors_that_go_on_anyway_do_no_harm(
    gateway: Gateway, upstreams: dict[str, Upstream], status: int
) -> None:
    for size in (0, 1, 65_536, 65_537):
        upstreams["small"].behaviour = respond(status, b"x" * size)
        assert told(gateway.ask("up")) == (200, "large", "2")


def test_an_error_that_is_cut_short_goes_on(gateway: Gateway, upstreams: dict[str, Upstream]) -> None:
    """Its length was known, not all of its body came: nothing of it has been sent yet."""

    async def cut(exchange: Exchange) -> None:
        body = overflow()
        await exchange.send(
            head(400, {"content-type": "application/json", "content-length": str(len(body) + 9)})
        )
        await exchange.send(body)
        exchange.writer.close()
        raise Closed

    upstreams["small"].behaviour = cut
    assert told(gateway.ask("up")) == (200, "large", "2")


def test_forty_at_once_go_on(gateway: Gateway, upstreams: dict[str, Upstream]) -> None:
    upstreams["small"].behaviour = respond(400, overflow(60_000))
    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(lambda _: told(gateway.ask("up")), range(40)))
    assert found == [(200, "large", "2")] * 40


def test_answers_that_are_none_of_this_pass(gateway: Gateway, upstreams: dict[str, Upstream]) -> None:
    body = json.dumps({"error": None, "x": "context_length_exceeded"}).encode()
    upstreams["small"].behaviour = respond(200, body)
    assert gateway.ask("up").body == body
    upstreams["small"].behaviour = answers("A stream")
    assert b"[DONE]" in gateway.ask("up", stream=True).body
