"""Parts die: before the first byte clients get a result or an error, after it a broken transfer."""

import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.envoy.faulty import (
    PATIENCE,
    cuts_mid_stream,
    silent,
    stalls_after_headers,
    stalls_mid_stream,
    stream,
)
from tests.envoy.gateway import Gateway, Response, question
from tests.envoy.world import World, chain, vault
from waypost.errors import Exit


def broken_stream(gateway: Gateway, on_word: Callable[[], None] = lambda: None) -> list[str | None]:
    """The words of a stream that must end as a broken transfer."""
    words: list[str | None] = []

    def read() -> None:
        for chunk in chunks:
            words.append(chunk.choices[0].delta.content)
            on_word()

    chunks = gateway.sdk().chat.completions.create(**question(chain("out1", "out2")), stream=True)
    with pytest.raises(openai.APIConnectionError):
        read()
    return words


def test_a_stream_that_is_cut_is_an_error_not_an_end(gateway: Gateway, world: World) -> None:
    gate = world["out1"].gate()
    world["out1"].behaviour = cuts_mid_stream(["one"], gate)
    assert broken_stream(gateway, gate.open) == ["one"]
    assert world.got() == {"out1": 1}  # after the first byte nobody else is asked


def test_a_stream_that_is_cut_at_once_is_never_a_clean_end(gateway: Gateway, world: World) -> None:
    """Envoy may learn of the cut while the headers still wait for the router: then it is a plain error."""
    world["out1"].behaviour = cuts_mid_stream(["one", "two"])
    for _ in range(20):
        with pytest.raises((openai.APIConnectionError, openai.InternalServerError)):
            list(gateway.sdk().chat.completions.create(**question(chain("out1")), stream=True))


def test_a_stream_that_stalls_is_ended_as_broken(impatient: Gateway, world: World) -> None:
    world["out1"].behaviour = stalls_mid_stream(["one", "two"])
    assert broken_stream(impatient) == ["one", "two"]
    assert world["out1"].wait().gone.wait(PATIENCE)
    assert world.got() == {"out1": 1}


def test_a_stall_after_the_headers_is_ended_too(impatient: Gateway, world: World) -> None:
    world["out1"].behaviour = stalls_after_headers
    assert broken_stream(impatient) == []
    assert world.got() == {"out1": 1}


def test_a_client_that_leaves_cancels_the_stream(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = stalls_mid_stream(["one"])
    with gateway.sdk().chat.completions.create(**question("hello"), stream=True) as chunks:
        assert next(chunks).choices[0].delta.content == "one"
    assert world["out1"].wait().gone.wait(PATIENCE)


def test_a_client_that_leaves_cancels_a_request_that_has_no_answer_yet(
    gateway: Gateway, world: World
) -> None:
    world["out1"].behaviour = silent
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    connection.request("POST", "/v1/chat/completions", json.dumps(question(chain("out1", "out2"))))
    request = world["out1"].wait()
    connection.close()
    assert request.gone.wait(PATIENCE)
    assert world.got() == {"out1": 1}
    name = request.header("x-request-id")
    gateway.until(lambda: gateway.records(name, "result"), "a record of the abandoned request")
    assert [record["outcome"] for record in gateway.records(name, "result")] == ["aborted"]


def test_two_hundred_streams_at_once(gateway: Gateway, world: World) -> None:
    gate = world["out1"].gate()
    world["out1"].behaviour = stream(["a", "b", "c"], gate)

    def one(number: int) -> str:
        body = gateway.ask(chain("out1"), stream=True, user=f"client {number}").body.decode()
        events = [json.loads(line[6:]) for line in body.split("\n\n") if line.startswith("data: {")]
        return "".join(event["choices"][0]["delta"].get("content", "") for event in events)

    with ThreadPoolExecutor(200) as pool:
        streams = [pool.submit(one, number) for number in range(200)]
        world["out1"].wait(200)  # all of them are open at this moment
        gate.open(600)
        assert [future.result() for future in streams] == ["abc"] * 200
    assert len({request.json["user"] for request in world["out1"].requests}) == 200


@contextlib.contextmanager
def in_background(call: Callable[[], Response]) -> Iterator[Callable[[], Response | None]]:
    """Run a request in a thread; calling the value waits for its end, None = the transfer broke."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)

        def result() -> Response | None:
            try:
                return future.result(PATIENCE)
            except (http.client.HTTPException, ConnectionError):
                return None

        yield result


def serves(gateway: Gateway) -> bool:
    """Whether a request gets its answer at this moment."""
    try:
        return gateway.ask("hello").status == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_killed_worker_costs_no_answer_that_has_begun_and_comes_back(
    fresh: Callable[..., Gateway], world: World
) -> None:
    gateway = fresh()
    gate = world["out1"].gate()
    world["out1"].behaviour = stream(["one", "two"], gate)
    worker = gateway.worker
    with in_background(lambda: gateway.ask(chain("out1"), stream=True)) as result:
        world["out1"].wait()
        gate.open()
        gateway.kill(worker)
        gate.open(2)
        answer = result()
    # A stream goes on to its true end or breaks; what it must not do is to end early and look complete.
    assert answer is None or answer.status >= 500 or answer.body.endswith(b"data: [DONE]\n\n")
    if answer is not None and answer.status >= 500:
        assert answer.error
    world["out1"].clear()
    gateway.until(lambda: serves(gateway), "a worker that serves again")
    assert gateway.worker != worker


def test_a_worker_killed_during_a_decision_gives_a_result_or_an_error(
    fresh: Callable[..., Gateway], world: World
) -> None:
    gateway = fresh()
    words = [chain("out1"), vault("in1"), "forbidden", "opening hours"] * 10
    statuses: list[int] = []

    def ask(text: str) -> None:
        response = gateway.ask(text)
        if response.status >= 400:
            assert response.error
        statuses.append(response.status)

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(ask, text) for text in words]
        world["out1"].wait()
        gateway.kill(gateway.worker)
        for future in futures:
            future.result(PATIENCE)
    assert set(statuses) <= {200, 403, 503}
    assert not [r for r in world["out1"].requests if r.mentions("vault")]
    gateway.until(lambda: serves(gateway), "a worker that serves again")
    audit = [sys.executable, "-m", "waypost.cli", "audit", "verify", "--dir"]
    (folder,) = {file.parent for file in gateway.state.rglob("audit-*.jsonl")}
    assert subprocess.run([*audit, str(folder)], check=False).returncode == Exit.OK


def test_without_a_worker_every_answer_is_an_error_of_the_api(
    fresh: Callable[..., Gateway], world: World
) -> None:
    gateway = fresh()
    seen: set[int] = set()

    def back() -> bool:
        response = gateway.ask("hello")
        seen.add(response.status)
        if response.status != 200:
            assert response.error
        return response.status == 200

    for _ in range(3):
        gateway.kill(gateway.worker)
        gateway.until(back, "a worker that serves again")
    assert seen <= {200, 503}
    assert gateway.ready() == 200


def test_a_killed_envoy_is_back_and_cuts_what_was_running(
    fresh: Callable[..., Gateway], world: World
) -> None:
    gateway = fresh()
    envoy = gateway.envoy
    world["out1"].behaviour = stalls_mid_stream(["one"])
    with gateway.sdk().chat.completions.create(**question("hello"), stream=True) as chunks:
        assert next(chunks).choices[0].delta.content == "one"
        gateway.kill(envoy)
        with pytest.raises(openai.APIConnectionError):
            next(chunks)
    world["out1"].clear()
    gateway.until(lambda: serves(gateway), "an Envoy that serves again")
    assert gateway.envoy != envoy
