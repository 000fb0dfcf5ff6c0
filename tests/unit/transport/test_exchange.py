"""Bytes in, bytes out; whatever goes wrong ends one stream and nothing else."""

import asyncio
import logging

import pytest

from tests.unit.transport.envoy_says import request_body, request_headers
from waypost.errors import ProtocolError
from waypost.transport.exchange import Exchange
from waypost.transport.phases import Phase, Role
from waypost.transport.wire_pb2 import (
    BodyResponse,
    HeadersResponse,
    HttpTrailers,
    ImmediateResponse,
    ProcessingRequest,
    ProcessingResponse,
)


class Scripted:
    """Gives one answer, or fails."""

    def __init__(self, answer: ProcessingResponse | Exception, role: Role = "router") -> None:
        self.role: Role = role
        self.done = False
        self.ended = False
        self.phases: list[Phase] = []
        self._answer = answer

    async def answer(self, phase: Phase, message: ProcessingRequest) -> ProcessingResponse:
        self.phases.append(phase)
        self.done = True
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    async def closed(self) -> None:
        self.ended = True


PASS = ProcessingResponse(request_headers=HeadersResponse())


def talk(conversation: Scripted, *messages: bytes) -> list[bytes]:
    sent: list[bytes] = []

    async def send(message: bytes) -> None:
        sent.append(message)

    async def carry() -> None:
        exchange = Exchange(conversation, send)
        assert exchange.done is False
        for message in messages:
            await exchange.receive(message)
        assert exchange.done is bool(messages)
        await exchange.closed()

    asyncio.run(carry())
    return sent


def test_a_message_is_answered() -> None:
    conversation = Scripted(PASS)
    assert talk(conversation, request_headers().SerializeToString()) == [PASS.SerializeToString()]
    assert (conversation.phases, conversation.ended) == (["request_headers"], True)


def test_any_message_may_be_answered_at_once() -> None:
    at_once = ProcessingResponse(immediate_response=ImmediateResponse())
    assert talk(Scripted(at_once), request_body(b"{}").SerializeToString()) == [at_once.SerializeToString()]


@pytest.mark.parametrize("message", [b"\xff", b"\x12\x05abc"])
def test_bytes_that_are_no_message_end_the_stream(message: bytes) -> None:
    with pytest.raises(ProtocolError, match="not a ProcessingRequest"):
        talk(Scripted(PASS), message)


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("router", ProcessingRequest()),
        ("router", ProcessingRequest(request_trailers=HttpTrailers())),
        ("router", ProcessingRequest(response_trailers=HttpTrailers())),
        ("upstream", ProcessingRequest(response_trailers=HttpTrailers())),
    ],
)
def test_a_message_the_filter_must_not_send_ends_the_stream(role: Role, message: ProcessingRequest) -> None:
    conversation = Scripted(PASS, role)
    with pytest.raises(ProtocolError, match=f"processing_mode of the {role} filter"):
        talk(conversation, message.SerializeToString())
    assert conversation.phases == []


def test_an_answer_of_another_phase_never_reaches_envoy() -> None:
    wrong = ProcessingResponse(request_body=BodyResponse())
    with pytest.raises(ProtocolError, match="cannot be answered with request_body"):
        talk(Scripted(wrong), request_headers().SerializeToString())


def test_a_bug_ends_the_stream_and_its_text_goes_to_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ProtocolError) as caught, caplog.at_level(logging.ERROR):
        talk(Scripted(ZeroDivisionError("secret")), request_headers().SerializeToString())
    assert "secret" not in str(caught.value)
    assert "ZeroDivisionError" in caplog.text


def test_a_cancelled_message_is_not_swallowed() -> None:
    class Waiting(Scripted):
        async def answer(self, phase: Phase, message: ProcessingRequest) -> ProcessingResponse:
            await asyncio.Event().wait()
            raise AssertionError

    async def carry() -> None:
        async def send(message: bytes) -> None:
            raise AssertionError

        receiving = asyncio.ensure_future(
            Exchange(Waiting(PASS), send).receive(request_headers().SerializeToString())
        )
        await asyncio.sleep(0)
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving

    asyncio.run(carry())
