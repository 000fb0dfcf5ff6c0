"""Parts of a drill that need no Envoy: what fails, what stands in, what a client reads."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx

from tests.unit.cli.test_drill import CHAIN, POLICY, RULE
from tests.unit.probe.servers import listening
from waypost.cli import rehearsal
from waypost.cli.drill import PLAYED, STAND_IN_KEY
from waypost.cli.rehearsal import Drill

DRILL = Drill(POLICY, RULE, CHAIN, ("wire-a", "wire-b", "wire-c"), "Hi", 3, plays=True)


def test_one_address_answers_503_and_one_refuses() -> None:
    async def scenario() -> list[Any]:
        async with rehearsal._faults() as hosts, httpx.AsyncClient(trust_env=False) as client:
            urls = [f"http://{host.host}:{host.port}/" for host in hosts]
            return await asyncio.gather(*(client.post(url) for url in urls), return_exceptions=True)

    answered, refused = asyncio.run(scenario())
    assert answered.status_code == 503
    assert isinstance(refused, httpx.ConnectError)


def test_every_provider_of_the_chain_is_played_in_its_dialect() -> None:
    async def scenario() -> dict[str, list[str]]:
        async with rehearsal._stand_ins(DRILL) as ports, httpx.AsyncClient(trust_env=False) as client:
            told: dict[str, list[str]] = {}
            for name, port in ports.items():
                signed = {"authorization": f"Bearer {STAND_IN_KEY}"}
                if name == "inside":
                    signed = {"x-api-key": STAND_IN_KEY, "anthropic-version": "2023-06-01"}
                answer = await client.get(f"http://127.0.0.1:{port}/v1/models", headers=signed)
                told[name] = [each["id"] for each in answer.json()["data"]]
            return told

    assert asyncio.run(scenario()) == {"one": ["wire-a", "wire-b"], "inside": [PLAYED["anthropic"]]}


def seen(status: int, body: bytes, **headers: str) -> Any:
    async def scenario() -> Any:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
            head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{named}\r\n"
            writer.write(head.encode() + body)
            await writer.drain()

        async with listening(answer) as port, httpx.AsyncClient(trust_env=False) as client:
            return await rehearsal._ask(client, f"http://127.0.0.1:{port}/v1/chat/completions", {})

    return replace(asyncio.run(scenario()), milliseconds=0.0)


def test_who_answered_is_read_from_the_headers() -> None:
    assert seen(200, b"{}", x_waypost_model="b", x_waypost_attempts="2") == rehearsal.Seen(200, "b", 2, 0.0)


def test_an_error_has_the_gateways_word() -> None:
    body = json.dumps({"error": {"code": "provider_error", "message": "x"}}).encode()
    assert seen(503, body, x_waypost_model="b").answered is None
    assert seen(503, body).code == "provider_error"
    assert seen(503, b'{"error": {"code": null, "type": "server_error"}}').code == "server_error"
    for odd in (b"", b"<html>", b"[]", b'{"error": "x"}'):
        assert seen(503, odd).code == ""


def test_no_answer_is_one_too() -> None:
    async def scenario() -> Any:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await rehearsal._ask(client, "http://127.0.0.1:1/", {})

    told = asyncio.run(scenario())
    assert (told.status, told.answered, told.code) == (0, None, "ConnectError")


def test_what_is_asked_is_short_and_chosen_by_nobody() -> None:
    body = rehearsal._body(DRILL)
    assert body == {
        "model": "MoM",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": rehearsal.MOST_TOKENS,
    }
