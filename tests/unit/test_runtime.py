"""A worker from open to closed, and the policies it holds."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from grpc import aio

from tests.unit.transport.envoy_says import request_headers
from waypost.config.settings import Settings
from waypost.errors import EngineError
from waypost.providers.chain import hop_id
from waypost.runtime import REVISIONS, Policies, worker
from waypost.testing import policies
from waypost.transport.wire_pb2 import ProcessingResponse

POLICY = policies.policy({"a": "external"}, {}, ())
METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"


def revision(name: str) -> Policies:
    return Policies(replace(POLICY, revision=name))


def test_the_hops_of_the_last_policies_are_kept() -> None:
    held = revision("0")
    for number in range(1, REVISIONS + 1):
        held.install(replace(POLICY, revision=str(number)))
    assert held.current().revision == str(REVISIONS)
    assert set(held.hops()) == {hop_id(str(number), "a") for number in range(1, REVISIONS + 1)}


def test_a_policy_that_comes_back_is_held_once() -> None:
    held = revision("0")
    for name in ("1", "0", "0"):
        held.install(replace(POLICY, revision=name))
    assert held.current().revision == "0"
    assert set(held.hops()) == {hop_id("0", "a"), hop_id("1", "a")}


def test_requests_under_way_keep_the_hops_they_have_seen() -> None:
    held = revision("0")
    seen = held.hops()
    held.install(replace(POLICY, revision="1"))
    assert set(seen) == {hop_id("0", "a")}


def addresses(folder: Path) -> tuple[str, str]:
    return f"unix:{folder / 'r'}", f"unix:{folder / 'u'}"


def records(folder: Path) -> list[str]:
    files = sorted((folder / "state" / "audit").glob("*.jsonl"))
    return [json.loads(line)["type"] for file in files for line in file.read_text().splitlines()]


async def models(address: str) -> bytes:
    async with aio.insecure_channel(address) as channel:
        call = channel.stream_stream(METHOD)()
        await call.write(request_headers("GET", "/v1/models", end=True).SerializeToString())
        answer = await call.read()
        assert isinstance(answer, bytes)
        assert await call.code() == grpc.StatusCode.OK
        return ProcessingResponse.FromString(answer).immediate_response.body


def test_a_worker_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    async def act() -> None:
        settings = Settings(state_dir=tmp_path / "state")
        async with worker(POLICY, settings, *addresses(tmp_path)) as held:
            assert held.current() == POLICY
            assert b'"id":"a"' in await models(addresses(tmp_path)[0])

    asyncio.run(act())
    assert records(tmp_path) == ["start"]
    asyncio.run(act())  # everything was let go


def test_a_worker_that_cannot_start_leaves_nothing_behind(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")

    async def act(router: str) -> None:
        async with worker(POLICY, settings, router, addresses(tmp_path)[1]):
            pass

    with pytest.raises(EngineError):
        asyncio.run(act(f"unix:{tmp_path}/not/there"))
    asyncio.run(act(addresses(tmp_path)[0]))


def test_two_workers_do_not_share_a_log(tmp_path: Path) -> None:
    async def act() -> None:
        settings = Settings(state_dir=tmp_path / "state")
        async with worker(POLICY, settings, *addresses(tmp_path)):
            with pytest.raises(EngineError, match="audit log"):
                async with worker(POLICY, settings, *addresses(tmp_path)):
                    pass

    asyncio.run(act())
