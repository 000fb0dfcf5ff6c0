"""What every front must keep, whatever carries it: the same scripts over grpc.aio and over h2.

Envoy's side is played by gRPC's own client where a call matters, and by raw bytes where a byte matters.
"""

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from tests.contracts.http2 import METHOD, connected, hello, opened, raw, sent, wrapped
from waypost.errors import EngineError, ProtocolError
from waypost.transport.fronts import Front, Server, listen
from waypost.transport.fronts.h2_frames import DATA, END_STREAM, RST_STREAM, WINDOW_UPDATE
from waypost.transport.phases import Phase, Role
from waypost.transport.wire_pb2 import HttpBody, ProcessingRequest, ProcessingResponse

LIMIT = 30_000_000
PATIENCE = 30.0

Call = aio.StreamStreamCall[bytes, bytes]


@dataclass(slots=True)
class Ledger:
    """What the conversations of a test went through."""

    begun: list[bytes] = field(default_factory=list[bytes])
    cancelled: list[bytes] = field(default_factory=list[bytes])
    closed: int = 0
    opened: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self) -> None:
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Script:
    """As the body says: echo, done, wait, wrong, bug, more (so many bytes), grave (a bug at the end)."""

    role: Role = "upstream"

    def __init__(self, ledger: Ledger) -> None:
        self.done = False
        self._ledger = ledger
        self._grave = False
        ledger.opened += 1

    async def answer(self, phase: Phase, message: ProcessingRequest) -> ProcessingResponse:
        body = message.request_body.body
        self._ledger.begun.append(body[:20])
        self._ledger.note()
        match body.partition(b" ")[0]:
            case b"wrong":
                raise ProtocolError("told to")
            case b"bug":
                raise KeyError("a bug")
            case b"grave":
                self._grave = True
            case b"done":
                self.done = True
            case b"wait":
                await self._wait(body)
            case _:
                pass
        return answering(body)

    async def _wait(self, body: bytes) -> None:
        try:
            await self._ledger.released.wait()
        except asyncio.CancelledError:
            self._ledger.cancelled.append(body)
            raise

    async def closed(self) -> None:
        for _ in range(10):  # what is still to be recorded may have to wait
            await asyncio.sleep(0)
        self._ledger.closed += 1
        self._ledger.note()
        if self._grave:
            raise KeyError("a bug at the end")


@dataclass(frozen=True, slots=True)
class Served:
    """A front that serves, a channel to it, and what happened."""

    server: Server
    path: Path
    channel: aio.Channel
    ledger: Ledger

    def call(self) -> Call:
        return self.channel.stream_stream(METHOD)()


@asynccontextmanager
async def serving(front: Front, folder: Path) -> AsyncIterator[Served]:
    path, ledger = folder / "s", Ledger()
    server = await listen(f"unix:{path}", lambda: Script(ledger), LIMIT, front)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with aio.insecure_channel(f"unix:{path}", options) as channel:
        yield Served(server, path, channel, ledger)
    await server.stop(0)
    assert ledger.closed == ledger.opened, "every conversation is closed once"


def answering(body: bytes) -> ProcessingResponse:
    """What `Script` says to a body."""
    response = ProcessingResponse()
    text = b"x" * int(body[5:]) if body.startswith(b"more ") else body
    response.request_body.response.body_mutation.body = text
    return response


def reply(body: bytes) -> bytes:
    return answering(body).SerializeToString()


def ask(text: bytes) -> bytes:
    return ProcessingRequest(request_body=HttpBody(body=text)).SerializeToString()


def said(answer: bytes) -> bytes:
    return ProcessingResponse.FromString(answer).request_body.response.body_mutation.body


async def heard(call: Call) -> bytes:
    async with asyncio.timeout(PATIENCE):
        answer = await call.read()
    assert isinstance(answer, bytes), await call.code()
    return said(answer)


async def status(call: Call) -> grpc.StatusCode:
    async with asyncio.timeout(PATIENCE):
        return await call.code()


Scene = Callable[[Callable[[Served], Awaitable[None]]], None]


@pytest.fixture(params=["grpc", "h2"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    """Run a coroutine against a front."""

    def play(act: Callable[[Served], Awaitable[None]]) -> None:
        async def run() -> None:
            async with asyncio.timeout(2 * PATIENCE), serving(request.param, tmp_path) as served:
                await act(served)

        asyncio.run(run())
        gc.collect()  # what nobody awaited would complain here, not in another test

    return play


# --- messages ---------------------------------------------------------------------------------------------


def test_messages_of_a_stream_are_answered_in_order(scene: Scene) -> None:
    async def act(served: Served) -> None:
        call = served.call()
        for text in (b"echo one", b"echo two", b"echo three"):
            await call.write(ask(text))
            assert await heard(call) == text
        await call.done_writing()
        assert await status(call) == grpc.StatusCode.OK
        await served.ledger.until(lambda: served.ledger.closed == 1)

    scene(act)


def test_a_client_may_ask_ahead(scene: Scene) -> None:
    async def act(served: Served) -> None:
        call = served.call()
        texts = [b"wait first", *(b"echo %d" % number for number in range(50))]
        for text in texts:
            await call.write(ask(text))
        await served.ledger.until(lambda: bool(served.ledger.begun))
        served.ledger.released.set()
        assert [await heard(call) for _ in texts] == texts
        call.cancel()

    scene(act)


def test_streams_are_kept_apart(scene: Scene) -> None:
    async def one(served: Served, number: int) -> None:
        call = served.call()
        dice = random.Random(number)
        for turn in range(4):
            text = b"echo %d %d " % (number, turn) + bytes([65 + number % 26]) * dice.randrange(40_000)
            await call.write(ask(text))
            assert await heard(call) == text
        await call.write(ask(b"done"))
        assert await heard(call) == b"done"
        assert await status(call) == grpc.StatusCode.OK

    async def act(served: Served) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(60):
                group.create_task(one(served, number))

    scene(act)


def test_a_conversation_that_is_done_ends_its_stream(scene: Scene) -> None:
    async def act(served: Served) -> None:
        call = served.call()
        await call.write(ask(b"done"))
        assert await heard(call) == b"done"
        assert await status(call) == grpc.StatusCode.OK
        await served.ledger.until(lambda: served.ledger.closed == 1)

    scene(act)


def test_twenty_megabytes_pass_both_ways(scene: Scene) -> None:
    async def act(served: Served) -> None:
        text = b"echo " + random.Random(1).randbytes(20_000_000)
        first, second = served.call(), served.call()
        async with asyncio.TaskGroup() as group:
            for call in (first, second):
                group.create_task(call.write(ask(text)))
        assert await heard(first) == text
        assert await heard(second) == text
        first.cancel()
        second.cancel()

    scene(act)


def test_a_message_over_the_limit_ends_its_stream_alone(scene: Scene) -> None:
    async def act(served: Served) -> None:
        other, huge = served.call(), served.call()
        await other.write(ask(b"echo one"))
        assert await heard(other) == b"echo one"
        await huge.write(ask(bytes(LIMIT + 2_000_000)))
        assert await status(huge) == grpc.StatusCode.RESOURCE_EXHAUSTED
        await other.write(ask(b"done"))
        assert await heard(other) == b"done"

    scene(act)


# --- mistakes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mistake", [b"wrong", b"bug", b"grave"])
def test_a_mistake_ends_one_stream(scene: Scene, mistake: bytes) -> None:
    async def act(served: Served) -> None:
        other, broken = served.call(), served.call()
        await other.write(ask(b"wait for it"))
        await served.ledger.until(lambda: len(served.ledger.begun) == 1)
        await broken.write(ask(mistake))
        if mistake == b"grave":
            assert await heard(broken) == mistake
            broken.cancel()
        else:
            assert await status(broken) == grpc.StatusCode.INTERNAL
        await served.ledger.until(lambda: served.ledger.closed == 1)
        served.ledger.released.set()
        assert await heard(other) == b"wait for it"
        other.cancel()

    scene(act)


def test_what_is_no_message_ends_its_stream(scene: Scene) -> None:
    async def act(served: Served) -> None:
        call = served.call()
        await call.write(b"\xff\xff\xff")
        assert await status(call) == grpc.StatusCode.INTERNAL

    scene(act)


# --- ends -------------------------------------------------------------------------------------------------


def test_a_cancelled_call_cancels_the_work(scene: Scene) -> None:
    async def act(served: Served) -> None:
        call = served.call()
        await call.write(ask(b"wait"))
        await served.ledger.until(lambda: bool(served.ledger.begun))
        call.cancel()
        await served.ledger.until(lambda: served.ledger.closed == 1)
        assert served.ledger.cancelled == [b"wait"]

    scene(act)


def test_a_lost_connection_ends_every_stream(scene: Scene) -> None:
    async def act(served: Served) -> None:
        async with connected(served.path) as client:
            await client.say(hello() + opened(1) + sent(1, ask(b"wait")) + opened(3) + sent(3, ask(b"echo")))
            await served.ledger.until(lambda: len(served.ledger.begun) == 2)
        await served.ledger.until(lambda: served.ledger.closed == 2)
        assert served.ledger.cancelled == [b"wait"]

    scene(act)


def test_a_half_closed_stream_is_closed(scene: Scene) -> None:
    async def act(served: Served) -> None:
        async with connected(served.path) as client:
            await client.say(hello() + opened(1) + sent(1, ask(b"echo")))
            await served.ledger.until(lambda: bool(served.ledger.begun))
            await client.say(raw(DATA, END_STREAM, 1))
            await served.ledger.until(lambda: served.ledger.closed == 1)

    scene(act)


def test_a_reset_of_one_stream_leaves_the_others(scene: Scene) -> None:
    async def act(served: Served) -> None:
        async with connected(served.path) as client:
            await client.say(hello() + opened(1) + sent(1, ask(b"wait 1")) + opened(3))
            await served.ledger.until(lambda: bool(served.ledger.begun))
            await client.say(raw(RST_STREAM, 0, 1, (8).to_bytes(4)))
            await served.ledger.until(lambda: served.ledger.cancelled == [b"wait 1"])
            await client.say(sent(3, ask(b"echo 3")))
            while len(client.data(3)) < len(b"echo 3"):
                assert await client.hear()
            assert said(client.data(3)[5:]) == b"echo 3"

    scene(act)


# --- bytes ------------------------------------------------------------------------------------------------


def test_one_byte_at_a_time(scene: Scene) -> None:
    async def act(served: Served) -> None:
        async with connected(served.path) as client:
            for byte in hello() + opened(1) + sent(1, ask(b"echo slowly")):
                await client.say(bytes([byte]))
                await asyncio.sleep(0)
            while b"slowly" not in client.data(1):
                assert await client.hear()
            assert said(client.data(1)[5:]) == b"echo slowly"

    scene(act)


def test_a_message_in_many_frames_among_others(scene: Scene) -> None:
    async def act(served: Served) -> None:
        async with connected(served.path) as client:
            one, three = wrapped(ask(b"echo " + b"1" * 500)), wrapped(ask(b"echo " + b"3" * 500))
            await client.say(hello() + opened(1) + opened(3))
            for start in range(0, len(one), 7):
                await client.say(raw(DATA, 0, 1, one[start : start + 7]))
                await client.say(raw(DATA, 0, 3, three[start : start + 7]))
            while min(len(client.data(1)), len(client.data(3))) < 500:
                assert await client.hear()
            assert said(client.data(1)[5:]) == b"echo " + b"1" * 500
            assert said(client.data(3)[5:]) == b"echo " + b"3" * 500

    scene(act)


def test_no_byte_is_sent_beyond_the_window_of_a_stream(scene: Scene) -> None:
    async def act(served: Served) -> None:
        async with connected(served.path) as client:
            answer = wrapped(reply(b"more 1000"))
            await client.say(hello(window=100) + opened(1) + sent(1, ask(b"more 1000")))
            for granted in range(100, len(answer) + 77, 77):
                while len(client.data(1)) < min(granted, len(answer)):
                    assert await client.hear()
                await client.settle()
                assert client.data(1) == answer[:granted]
                await client.say(raw(WINDOW_UPDATE, 0, 1, (77).to_bytes(4)))

    scene(act)


def test_no_byte_is_sent_beyond_the_window_of_the_connection(scene: Scene) -> None:
    async def act(served: Served) -> None:
        async with connected(served.path) as client:
            answer = wrapped(reply(b"more 50000"))
            calls = b"".join(opened(number) + sent(number, ask(b"more 50000")) for number in (1, 3, 5))
            await client.say(hello(window=1_000_000) + calls)

            async def until(size: int) -> None:
                while (received := sum(each.size for each in client.heard if each.kind == DATA)) < size:
                    assert await client.hear()
                await client.settle()
                assert received == size

            await until(65_535)
            await client.say(raw(WINDOW_UPDATE, 0, 0, (1_000).to_bytes(4)))
            await until(66_535)
            await client.say(raw(WINDOW_UPDATE, 0, 0, (1_000_000).to_bytes(4)))
            await until(3 * len(answer))
            assert {client.data(number) for number in (1, 3, 5)} == {answer}

    scene(act)


# --- drain ------------------------------------------------------------------------------------------------


def test_a_drain_lets_running_streams_finish(scene: Scene) -> None:
    async def act(served: Served) -> None:
        call = served.call()
        await call.write(ask(b"wait"))
        await served.ledger.until(lambda: bool(served.ledger.begun))
        stopping = asyncio.ensure_future(served.server.stop(PATIENCE))
        await asyncio.sleep(0)
        served.ledger.released.set()
        assert await heard(call) == b"wait"
        await call.write(ask(b"done"))
        assert await heard(call) == b"done"
        assert await status(call) == grpc.StatusCode.OK
        await stopping

    scene(act)


def test_what_outlasts_the_grace_is_cancelled_and_closed_before_stop_returns(scene: Scene) -> None:
    async def act(served: Served) -> None:
        waiting, idle = served.call(), served.call()
        await waiting.write(ask(b"wait"))
        await idle.write(ask(b"echo"))
        assert await heard(idle) == b"echo"
        await served.ledger.until(lambda: len(served.ledger.begun) == 2)
        await served.server.stop(0.05)
        assert served.ledger.cancelled == [b"wait"]
        assert served.ledger.closed == 2

    scene(act)


def test_a_front_that_has_stopped_takes_no_connection(scene: Scene) -> None:
    async def act(served: Served) -> None:
        await served.server.stop(0)
        with pytest.raises(OSError, match=r"refused|No such file"):
            await asyncio.open_unix_connection(str(served.path))

    scene(act)


# --- sockets ----------------------------------------------------------------------------------------------


def test_only_this_user_can_connect(scene: Scene) -> None:
    async def act(served: Served) -> None:
        assert served.path.stat().st_mode & 0o777 == 0o600

    scene(act)


@pytest.mark.parametrize("front", ["grpc", "h2"])
def test_two_on_one_socket_is_an_error_and_a_dead_socket_is_replaced(front: Front, tmp_path: Path) -> None:
    async def run() -> None:
        address = f"unix:{tmp_path / 's'}"
        nothing: Any = None
        first = await listen(address, nothing, LIMIT, front)
        with pytest.raises(EngineError, match="another process listens"):
            await listen(address, nothing, LIMIT, front)
        await first.stop(0)
        second = await listen(address, nothing, LIMIT, front)
        await second.stop(0)

    asyncio.run(run())
