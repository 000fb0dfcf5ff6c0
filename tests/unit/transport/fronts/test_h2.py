"""What the front adds to `test_h2_connection`: when it writes, waits, lets go. See also tests/contracts."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.http2 import connected, frames, hello, opened, raw, sent
from waypost.errors import EngineError
from waypost.transport.fronts.h2 import MAX_UNREAD, Link, Server, listen
from waypost.transport.fronts.h2_frames import DATA, GOAWAY, HEADERS, PING, RST_STREAM, WINDOW_UPDATE
from waypost.transport.phases import Phase, Role
from waypost.transport.sockets import open_socket
from waypost.transport.wire_pb2 import HttpBody, ProcessingRequest, ProcessingResponse

ASK = ProcessingRequest(request_body=HttpBody(body=b"?")).SerializeToString()
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

Answer = Callable[[], Coroutine[Any, Any, None]]


class Asked:
    """A conversation that runs one coroutine per message, then answers."""

    role: Role = "upstream"
    done = False

    def __init__(self, act: Answer) -> None:
        self._act = act
        self.endings = 0

    async def answer(self, phase: Phase, message: ProcessingRequest) -> ProcessingResponse:
        await self._act()
        response = ProcessingResponse()
        response.request_body.response.body_mutation.body = b"!"
        return response

    async def closed(self) -> None:
        self.endings += 1


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and may be full."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = ""
        self.unread = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return bool(self.closed)

    def close(self) -> None:
        self.closed = "closed"

    def abort(self) -> None:
        self.closed = "aborted"

    def kinds(self) -> list[tuple[int, int]]:
        return [(each.kind, each.stream) for each in frames(b"".join(self.writes))]


def linked(act: Answer) -> tuple[Link, Wire, list[Asked]]:
    """A connection past its greetings, and every conversation on it."""
    conversations: list[Asked] = []

    def converse() -> Asked:
        conversations.append(Asked(act))
        return conversations[-1]

    link, wire = Link(Server(converse, 100_000_000)), Wire()
    link.connection_made(wire)
    link.data_received(hello(window=50_000_000) + raw(8, 0, 0, (50_000_000).to_bytes(4)))
    wire.writes.clear()
    return link, wire, conversations


async def at_once() -> None:
    pass


async def ticks(number: int = 3) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


# --- when it writes ---------------------------------------------------------------------------------------


def test_answers_that_need_no_waiting_leave_in_one_write_and_no_task() -> None:
    async def run() -> None:
        link, wire, _ = linked(at_once)
        link.data_received(b"".join(opened(n) + sent(n, ASK) for n in (1, 3, 5)))

        assert len(wire.writes) == 1
        assert wire.kinds().count((DATA, 3)) == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_answers_that_become_ready_together_leave_together() -> None:
    async def run() -> None:
        gate = asyncio.Event()

        async def wait() -> None:
            await gate.wait()

        link, wire, _ = linked(wait)
        link.data_received(b"".join(opened(n) + sent(n, ASK) for n in (1, 3, 5)))
        assert wire.writes == []
        gate.set()
        await ticks()

        assert len(wire.writes) == 1
        assert {stream for kind, stream in wire.kinds() if kind == DATA} == {1, 3, 5}

    asyncio.run(run())


def test_a_reader_that_is_slow_is_waited_for() -> None:
    async def run() -> None:
        link, wire, _ = linked(at_once)
        link.pause_writing()
        link.data_received(opened(1) + sent(1, ASK) + raw(PING, payload=bytes(8)))
        assert wire.kinds() == [(PING, 0), (HEADERS, 1)]
        link.resume_writing()
        assert wire.kinds()[2:] == [(DATA, 1)]

    asyncio.run(run())


def test_a_client_that_asks_without_reading_is_cut_off() -> None:
    async def run() -> None:
        link, wire, _ = linked(at_once)
        wire.unread = MAX_UNREAD + 1
        link.data_received(raw(PING, payload=bytes(8)))
        assert wire.closed == "aborted"

    asyncio.run(run())


def test_a_broken_rule_is_told_before_the_connection_is_closed() -> None:
    async def run() -> None:
        link, wire, conversations = linked(at_once)
        link.data_received(opened(1) + sent(1, ASK) + raw(DATA))
        assert (GOAWAY, 0) in wire.kinds()
        assert wire.closed == "closed"
        link.connection_lost(None)
        assert [each.endings for each in conversations] == [1]

    asyncio.run(run())


def test_nothing_is_written_to_a_connection_that_is_lost() -> None:
    async def run() -> None:
        gate = asyncio.Event()

        async def stubborn() -> None:
            with suppress(asyncio.CancelledError):
                await gate.wait()

        link, wire, conversations = linked(stubborn)
        link.data_received(opened(1) + sent(1, ASK))
        wire.close()
        link.connection_lost(None)
        await ticks(5)
        assert wire.writes == []
        assert [each.endings for each in conversations] == [1]

    asyncio.run(run())


# --- work that waits --------------------------------------------------------------------------------------


def test_work_that_waits_goes_on_as_a_task_of_its_own() -> None:
    async def run() -> None:
        found: list[asyncio.Task[Any] | None] = []

        async def wait() -> None:
            await asyncio.sleep(0)
            async with asyncio.timeout(1):
                await asyncio.sleep(0)
            found.append(asyncio.current_task())

        link, wire, _ = linked(wait)
        link.data_received(opened(1) + sent(1, ASK) + opened(3) + sent(3, ASK))
        await ticks(5)
        assert len(set(found)) == 2
        assert asyncio.current_task() not in found
        assert [kind for kind, _ in wire.kinds()] == [HEADERS, HEADERS, DATA, DATA]

    asyncio.run(run())


def test_what_one_request_sets_in_its_context_no_other_sees() -> None:
    async def run() -> None:
        seen: list[str] = []

        async def remember() -> None:
            seen.append(REQUEST_ID.get())
            REQUEST_ID.set("first")
            await asyncio.sleep(0)
            seen.append(REQUEST_ID.get())

        link, _, _ = linked(remember)
        link.data_received(opened(1) + sent(1, ASK) + opened(3) + sent(3, ASK))
        await ticks(5)
        assert seen == ["", "", "first", "first"]

    asyncio.run(run())


def test_a_call_that_is_reset_before_its_task_has_run_is_cancelled() -> None:
    async def run() -> None:
        left: list[str] = []

        async def wait() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                left.append("cancelled")
                raise

        link, _, conversations = linked(wait)
        link.data_received(opened(1) + sent(1, ASK) + raw(RST_STREAM, 0, 1, bytes(4)))
        await ticks(5)
        assert left == ["cancelled"]
        assert [each.endings for each in conversations] == [1]

    asyncio.run(run())


def test_a_client_that_asks_ahead_is_held_back_until_its_answers_are_there() -> None:
    async def run() -> None:
        gate = asyncio.Event()

        async def wait() -> None:
            await gate.wait()

        link, wire, _ = linked(wait)
        large = ProcessingRequest(request_body=HttpBody(body=bytes(1_000_000))).SerializeToString()
        link.data_received(opened(1) + sent(1, ASK) + sent(1, ASK))
        for _ in range(5):
            link.data_received(sent(1, large))
        assert (WINDOW_UPDATE, 1) not in wire.kinds()
        gate.set()
        await ticks()
        assert (WINDOW_UPDATE, 1) in wire.kinds()

    asyncio.run(run())


def test_a_message_that_comes_while_the_last_answer_is_on_its_way_is_not_forgotten() -> None:
    async def run() -> None:
        link, wire, _ = linked(lambda: asyncio.sleep(0))
        link.data_received(opened(1) + sent(1, ASK))
        for number in range(2, 30):
            link.data_received(sent(1, ASK))
            await ticks(number % 4)
        await ticks(100)
        assert wire.kinds().count((DATA, 1)) == 29

    asyncio.run(run())


# --- where it listens -------------------------------------------------------------------------------------


def nobody() -> Any:
    raise AssertionError("nothing was asked")


@pytest.mark.parametrize("address", ["127.0.0.1:0", "fd:x", "fd:", "localhost:5"])
def test_it_listens_on_unix_sockets_only(address: str) -> None:
    with pytest.raises(EngineError, match="the h2 front serves unix sockets only"):
        asyncio.run(listen(address, nobody, 0))


def test_a_socket_that_is_held_elsewhere_outlives_its_servers(tmp_path: Path) -> None:
    """A connection made while nobody serves waits, and the next server takes it."""

    async def serve(number: int) -> Server:
        return await listen(f"fd:{os.dup(number)}", lambda: Asked(at_once), 1000)

    async def run() -> None:
        with open_socket(tmp_path / "s") as held:
            first = await serve(held.fileno())
            await first.stop(0)
            async with connected(tmp_path / "s") as client:
                await client.say(hello() + opened(1) + sent(1, ASK))
                second = await serve(held.fileno())
                async with asyncio.timeout(20):
                    while not client.data(1):
                        assert await client.hear()
                await second.stop(0)
            assert (tmp_path / "s").is_socket()

    asyncio.run(run())


def test_a_connection_without_streams_is_given_up_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        server = await listen(f"unix:{tmp_path / 's'}", nobody, 1000)
        async with connected(tmp_path / "s") as client:
            await client.say(hello())
            await client.settle()
            stopping = asyncio.ensure_future(server.stop(60))
            while await client.hear():
                pass
            await asyncio.wait_for(stopping, 20)
            assert [each.kind for each in client.heard].count(GOAWAY) == 2

    asyncio.run(run())


def test_a_client_that_does_not_react_is_cut_off_after_the_grace(tmp_path: Path) -> None:
    async def run() -> None:
        server = await listen(f"unix:{tmp_path / 's'}", nobody, 1000)
        async with connected(tmp_path / "s") as mute:
            await mute.say(hello())
            await mute.settle()
            async with asyncio.timeout(20):
                await server.stop(0.01)
        assert not server.links

    asyncio.run(run())
