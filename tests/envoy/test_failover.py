"""A provider fails before its first byte: the next of the chain answers, never one outside the boundary."""

import contextlib
import http.client
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import openai
import pytest

from tests.envoy.faulty import (
    Behaviour,
    Exchange,
    answers,
    cuts_mid_stream,
    fails,
    html,
    reset,
    respond,
    silent,
)
from tests.envoy.gateway import Gateway, question
from tests.envoy.world import EIGHTFOLD, PAIRS, WIRE_NAMES, World, chain, model, vault

Ask = Callable[[Gateway, str], tuple[str, str]]


def ask_json(gateway: Gateway, text: str) -> tuple[str, str]:
    raw = gateway.sdk().chat.completions.with_raw_response.create(**question(text))
    return raw.parse().choices[0].message.content or "", raw.headers["x-waypost-attempts"]


def ask_stream(gateway: Gateway, text: str) -> tuple[str, str]:
    raw = gateway.sdk().chat.completions.with_raw_response.create(**question(text), stream=True)
    words = [chunk.choices[0].delta.content or "" for chunk in raw.parse()]
    return " ".join(word for word in words if word), raw.headers["x-waypost-attempts"]


@pytest.fixture(params=[ask_json, ask_stream], ids=["json", "sse"])
def ask(request: pytest.FixtureRequest) -> Ask:
    return request.param


FAULTS: dict[str, Behaviour] = {
    **{str(status): fails(status) for status in (401, 403, 404, 408, 429, 500, 502, 503, 504, 529)},
    "html": html(502),
    "empty": respond(500, b""),
    "reset": reset,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_the_next_of_the_chain_answers(gateway: Gateway, world: World, ask: Ask, fault: Behaviour) -> None:
    world["out1"].behaviour = fault
    assert ask(gateway, chain("out1", "out2")) == ("This is out2", "2")
    assert world.got() == {"out1": 1, "out2": 1}


def test_after_silence_the_next_answers(impatient: Gateway, world: World, ask: Ask) -> None:
    world["out1"].behaviour = silent
    assert ask(impatient, chain("out1", "out2")) == ("This is out2", "2")
    assert world["out1"].wait().gone.wait(10)


def test_after_a_refused_connection_the_next_answers(gateway: Gateway, world: World, ask: Ask) -> None:
    assert ask(gateway, chain("outdead", "out1")) == ("This is out1", "2")
    assert ask(gateway, chain("outdead", "out2", "out3")) == ("This is out2", "2")


def test_a_chain_of_three_is_walked_to_its_end(gateway: Gateway, world: World, ask: Ask) -> None:
    world["out1"].behaviour = reset
    world["out2"].behaviour = fails(429)
    assert ask(gateway, chain("out1", "out2", "out3")) == ("This is out3", "3")
    world["out1"].behaviour = fails(500)
    assert ask(gateway, chain("out1", "outdead", "out3")) == ("This is out3", "3")
    assert world.got() == {"out1": 2, "out2": 1, "out3": 2}


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_errors_of_the_client_are_not_retried(gateway: Gateway, world: World, status: int) -> None:
    world["out1"].behaviour = fails(status, "their_code")
    with pytest.raises(openai.APIStatusError) as caught:
        gateway.sdk().chat.completions.create(**question(chain("out1", "out2")))
    assert (caught.value.status_code, caught.value.code) == (status, "their_code")
    assert world.got() == {"out1": 1}


LAST: dict[str, Behaviour] = {
    **{str(status): fails(status) for status in (401, 403, 404, 429, 500, 503)},
    "html": html(500),
    "empty": respond(503, b"", "text/plain"),
    "reset": reset,
}


@pytest.mark.parametrize("fault", LAST.values(), ids=LAST.keys())
@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["json", "sse"])
def test_when_all_fail_the_client_gets_an_error_and_is_told_not_to_retry(
    gateway: Gateway, world: World, options: dict[str, Any], fault: Behaviour
) -> None:
    for name in ("out1", "out2", "out3"):
        world[name].behaviour = fault
    response = gateway.ask(chain("out1", "out2", "out3"), **options)
    assert response.status in {429, 500, 502, 503, 504}, response.status
    assert response.error["code"]
    assert response.header("x-should-retry") == "false"
    assert response.header("x-waypost-decision") == chain("out1", "out2", "out3")
    assert world.got() == {"out1": 1, "out2": 1, "out3": 1}


def test_the_sdk_does_not_multiply_the_attempts(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = world["out2"].behaviour = fails(500)
    with pytest.raises(openai.InternalServerError):
        gateway.sdk(max_retries=2).chat.completions.create(**question(chain("out1", "out2")))
    assert world.got() == {"out1": 1, "out2": 1}


def test_a_provider_that_is_down_alone(gateway: Gateway, world: World) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        gateway.sdk().chat.completions.create(**question(chain("outdead")))
    assert caught.value.code
    assert caught.value.response.headers["x-waypost-decision"] == chain("outdead")


def test_a_provider_that_is_slow_alone(impatient: Gateway, world: World) -> None:
    world["out1"].behaviour = silent
    response = impatient.ask(chain("out1"))
    assert response.status == 504
    assert response.error["type"]


EVERY_FAULT = {**FAULTS, "refused": None, "cut": cuts_mid_stream(["a", "b"]), "400": fails(400)}


@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["json", "sse"])
@pytest.mark.parametrize("fault", EVERY_FAULT.values(), ids=EVERY_FAULT.keys())
@pytest.mark.parametrize("name", ["auto", model("out1"), model("in1"), model("outdead"), model("in2")])
def test_whatever_fails_nothing_crosses_the_boundary(
    gateway: Gateway, world: World, fault: Behaviour | None, name: str, options: dict[str, Any]
) -> None:
    for inside in ("in1", "in2"):
        world[inside].behaviour = fault or fails(500)
    text = vault("indead") if fault is None else vault("in1", "in2")
    with contextlib.suppress(http.client.IncompleteRead):  # what became of a stream that was cut
        gateway.ask(text, name, **options)
    assert not [provider for provider in world.got() if provider.startswith("out")]


def test_silence_does_not_cross_the_boundary(impatient: Gateway, world: World) -> None:
    world["in1"].behaviour = world["in2"].behaviour = silent
    assert impatient.ask(vault("in1", "in2"), model("out1")).status == 504
    assert world.got() == {"in1": 1, "in2": 1}


def test_a_chain_inside_the_boundary_fails_over(gateway: Gateway, world: World, ask: Ask) -> None:
    world["in1"].behaviour = fails(500)
    assert ask(gateway, vault("in1", "in2")) == ("This is in2", "2")
    world["in1"].clear()
    assert ask(gateway, vault("indead", "in1")) == ("This is in1", "2")


def test_a_chain_of_eight_is_walked_to_its_end(gateway: Gateway, world: World, ask: Ask) -> None:
    """Providers may come twice, with another model each time."""
    for name in ("out1", "out2", "in1", "in2"):
        world[name].behaviour = fails(500)
    world["out3"].script = [fails(500)]
    assert ask(gateway, EIGHTFOLD) == ("This is out3", "8")
    assert world.got() == {"out1": 2, "out2": 1, "out3": 2, "in1": 1, "in2": 2}
    assert [r.json["model"] for r in world["out3"].requests] == [WIRE_NAMES["out3"], "second-out3"]
    assert [r.json["model"] for r in world["in2"].requests] == [WIRE_NAMES["in2"], "second-in2"]
    for upstream in world.upstreams.values():
        assert all(r.header("content-length") == str(len(r.body)) for r in upstream.requests)


def test_many_at_once_do_not_mix(gateway: Gateway, world: World) -> None:
    """Each request names who fails for it; it must be answered by the next one, with its own text."""

    def moody(name: str) -> Behaviour:
        async def behaviour(exchange: Exchange) -> None:
            mark = exchange.request.json["user"]
            wanted = fails(500) if f"not-{name}" in mark else answers(f"{name} for {mark}")
            await wanted(exchange)

        return behaviour

    for name, upstream in world.upstreams.items():
        upstream.behaviour = moody(name)
    cases = [(first, second, number % 3 > 0) for number, (first, second) in enumerate(PAIRS * 10)]

    def one(case: tuple[str, str, bool]) -> None:
        first, second, fails_first = case
        mark = f"{'not-' if fails_first else ''}{first} {uuid4()}"
        response = gateway.ask(chain(first, second), user=mark)
        answered = second if fails_first else first
        assert response.json["choices"][0]["message"]["content"] == f"{answered} for {mark}"
        assert response.header("x-waypost-model") == model(answered)

    with ThreadPoolExecutor(32) as pool:
        assert len(list(pool.map(one, cases))) == 200
    assert not [
        r
        for name, up in world.upstreams.items()
        for r in up.requests
        if name not in r.json["messages"][0]["content"]
    ]


def test_forty_failovers_at_once(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = fails(500)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: gateway.ask(chain("out1", "out2")), range(40)))
    assert [answer.status for answer in answers] == [200] * 40
    assert world.got() == {"out1": 40, "out2": 40}


def test_the_result_is_on_record(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = fails(500)
    found = gateway.ask(chain("out1", "out2")).header("x-waypost-request-id")

    gateway.until(lambda: gateway.records(found, "result"), "a result in the audit log")
    (result,) = gateway.records(found, "result")
    assert (result["attempts"], result["status"], result["outcome"]) == (2, 200, "ok")
    assert any("out2" in target for target in result["target"])
