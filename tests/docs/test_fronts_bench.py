"""What the benchmark of the fronts says in Envoy's place is still what a worker understands."""

import asyncio
import os
from pathlib import Path

from bench.fronts import CHUNK, script, shared
from bench.router import prompt, write_config
from tests.unit.transport.envoy_says import Log
from waypost.config.load import load
from waypost.transport.exchange import Exchange
from waypost.transport.router import Router, Routing
from waypost.transport.wire_pb2 import ProcessingResponse


def test_a_request_is_answered_message_by_message(tmp_path: Path) -> None:
    config, *_ = write_config(tmp_path / "config", 9)
    said = script(load([config], os.environ).policy, prompt(200))
    assert asyncio.run(shared(config, said, 1)) > 0, "and it leaves where an answer is another one"


def test_an_event_of_a_stream_passes_as_it_came(tmp_path: Path) -> None:
    config, *_ = write_config(tmp_path / "config", 9)
    policy = load([config], os.environ).policy
    said = script(policy, prompt(200))
    answers: list[ProcessingResponse] = []

    async def keep(answer: bytes) -> None:
        answers.append(ProcessingResponse.FromString(answer))

    async def talk() -> bool:
        exchange = Exchange(Router(Routing(lambda: policy, Log(), lambda: 0.0)), keep)
        for message in (*said.router[:2], said.begun, said.chunk, said.chunk):
            await exchange.receive(message)
        return exchange.done

    assert not asyncio.run(talk())
    assert [answer.WhichOneof("response") for answer in answers[-2:]] == ["response_body"] * 2
    assert not answers[-1].response_body.response.HasField("body_mutation")
    assert CHUNK.endswith(b"\n\n")
