"""A journey is run to its end, and its needs are met by the ports."""

import asyncio
import threading
from collections.abc import Generator
from typing import Any, cast

import pytest

from waypost.decision.engine import Route
from waypost.journey import Forward, Journey, route
from waypost.needs import Ask, Encode, Failed
from waypost.request.chat import ChatRequest
from waypost.signals.base import Encoded, Verdict
from waypost.testing import policies
from waypost.testing.signals import NO, Fixed, Learned
from waypost.transport.driver import Ports, drive

RULE = policies.rule("math", "s", Route(("b",)))
ZONES = {"a": "external", "b": "external"}
LEARNED = policies.policy(ZONES, {"s": Learned(head="domain", label="math")}, [RULE])


def test_a_journey_without_needs_ends_at_once() -> None:
    policy = policies.policy(ZONES, {"s": Fixed(NO)}, [RULE])
    outcome = asyncio.run(drive(route(policy, policies.chat("hello"))))
    assert isinstance(outcome, Forward)


def test_what_the_port_says_is_told() -> None:
    asked: list[Encode] = []

    async def encode(need: Encode) -> Encoded | Failed:
        asked.append(need)
        await asyncio.sleep(0)
        return Encoded({"domain": {"math": 0.9}})

    outcome = asyncio.run(drive(route(LEARNED, policies.chat("hello")), Ports(encode)))
    assert outcome.decision.rule.name == "math"
    assert asked == [Encode(frozenset({"domain"}), "hello")]


def test_a_port_may_set_time_limits_also_where_a_front_begins_without_a_task() -> None:
    tasks: list[object] = []

    async def encode(need: Encode) -> Encoded | Failed:
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
        tasks.append(asyncio.current_task())
        return Failed("no")

    async def run() -> None:
        driven = drive(route(LEARNED, policies.chat("hello")), Ports(encode))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(driven.send, None)
        await asyncio.sleep(0)
        assert tasks == []
        driven.close()

    asyncio.run(run())


def test_without_classifiers_the_question_stays_open() -> None:
    outcome = asyncio.run(drive(route(LEARNED, policies.chat("hello"))))
    assert outcome.decision.rule.name == "semantic_classification"
    assert "no classifiers" in outcome.verdicts["s"].because


def test_a_need_nobody_knows_is_a_bug() -> None:
    def journey() -> Generator[Ask[Any], Any, None]:
        yield Ask[Any]()

    with pytest.raises(TypeError, match="Ask"):
        asyncio.run(drive(cast("Journey", journey())))


def test_a_long_text_is_read_beside_the_event_loop() -> None:
    threads: list[int] = []

    class Slow(Fixed):
        def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
            threads.append(threading.get_ident())
            return NO

    policy = policies.policy(ZONES, {"s": Slow(NO)}, [RULE])
    for aside in (False, True):
        asyncio.run(drive(route(policy, policies.chat("hello")), aside=aside))
    here, there = threads
    assert here == threading.get_ident() != there
