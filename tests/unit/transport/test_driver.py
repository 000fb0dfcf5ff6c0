"""A journey is run to its end, and its needs are met by the ports."""

import asyncio
import threading
from collections.abc import Generator
from dataclasses import replace
from typing import Any, cast

import pytest

from waypost.decision.engine import Route
from waypost.journey import Forward, Journey, route
from waypost.needs import Ask, Encode, Failed, Recall, Remembered
from waypost.request.chat import ChatRequest
from waypost.selection.base import Candidate
from waypost.selection.choosing import Choosing
from waypost.selection.sticky import Sticky
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


def test_what_is_remembered_comes_from_its_port() -> None:
    asked: list[Recall] = []

    def recall(need: Recall) -> Remembered:
        asked.append(need)
        return Remembered("b")

    candidates = tuple(Candidate(endpoint) for endpoint in LEARNED.endpoints.values())
    choosing = Choosing(candidates, sticky=Sticky())
    made = policies.policy(ZONES, {}, [], default=Route(("a", "b")))
    made = replace(made, choices={made.rules[-1].key: choosing})
    outcome = asyncio.run(drive(route(made, policies.chat("hello")), Ports(recall=recall)))
    assert isinstance(outcome, Forward)
    assert [endpoint.name for endpoint in outcome.selection.chain] == ["b", "a"]
    (need,) = asked
    assert need.endpoints == ("a", "b")
    assert need.key == outcome.conversation is not None
    forgetful = asyncio.run(drive(route(made, policies.chat("hello"))))
    assert isinstance(forgetful, Forward)
    assert forgetful.selection.chain[0].name == "a"


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
