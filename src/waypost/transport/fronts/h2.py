"""The HTTP/2 front: ext_proc streams of our own Envoy on a unix socket, for a tenth of grpc.aio's CPU.

It knows sockets, deadlines and cancellation, never Envoy's messages. One server = one role. An answer that is
known without waiting is written in the call that brought the question; only one that waits becomes a task.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from waypost.errors import EngineError, ProtocolError
from waypost.transport.exchange import Conversation, Exchange
from waypost.transport.fronts.eager import begin
from waypost.transport.fronts.h2_connection import BATCH, INTERNAL, OK, Connection, Message
from waypost.transport.sockets import BACKLOG, adopt_socket, open_socket

MESSAGE_OVERHEAD_BYTES: Final = 1024 * 1024
"""Headers, attributes and framing around a body."""

MAX_UNREAD: Final = 4 * 1024 * 1024
"""Bytes written to a client that reads nothing; it asks without listening to answers."""


async def listen(address: str, converse: Callable[[], Conversation], max_body_bytes: int) -> "Server":
    """Serve one role until the server is stopped.

    Args:
        address: `unix:/path`, or `fd:N` for a listening unix socket that is inherited.
        converse: makes the conversation of one stream.
        max_body_bytes: largest body of a request.

    Raises:
        EngineError: the address cannot be used.
    """
    kind, _, place = address.partition(":")
    if kind == "unix":
        listener = open_socket(Path(place))
    elif kind == "fd" and place.isdigit():
        listener = adopt_socket(int(place))
    else:
        raise EngineError(f"cannot listen on {address}: the h2 front serves unix sockets only")
    server = Server(converse, max_body_bytes + MESSAGE_OVERHEAD_BYTES)
    # Not create_unix_server: since Python 3.13 it removes the file, which another process may own.
    server.listener = await asyncio.get_running_loop().create_server(
        server.connect, sock=listener, backlog=BACKLOG
    )
    return server


class Server:
    """A listening socket, its connections and the work under way."""

    def __init__(self, converse: Callable[[], Conversation], max_message_bytes: int) -> None:
        self.converse = converse
        self.max_message_bytes = max_message_bytes
        self.listener: asyncio.Server | None = None
        self.links: set[Link] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.left = asyncio.Event()  # set when a connection ends

    def connect(self) -> "Link":
        """A connection was accepted."""
        return Link(self)

    async def stop(self, grace: float) -> None:
        """Take no more connections and streams; what runs may go on for `grace` seconds."""
        if self.listener is not None:
            self.listener.close()
        for link in self.links:
            link.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._is_deserted()
        for link in self.links:
            link.cut()
        await self._is_deserted()
        while self.tasks:
            await asyncio.wait(self.tasks)

    async def _is_deserted(self) -> None:
        while self.links:
            self.left.clear()
            await self.left.wait()


class Call:
    """One stream: its exchange, messages that wait for it, and the task if it waits for something itself."""

    __slots__ = ("exchange", "over", "task", "waiting")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.waiting: deque[bytes] = deque()
        self.task: asyncio.Task[None] | None = None
        self.over = False


class Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = Connection(server.max_message_bytes)
        self._calls: dict[int, Call] = {}
        self._transport = cast("asyncio.Transport", None)
        self._flushing = False
        self._paused = False

    # --- for asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.links.add(self)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Answer what can be answered at once, in one write."""
        self._flushing = True
        for event in self._connection.receive(data):
            if isinstance(event, Message):
                self._deliver(event.stream, event.data)
            else:
                self._end(event.stream)
        self._flush()

    def pause_writing(self) -> None:
        """Answers wait in the connection, where they have not been copied yet."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self._paused = False
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """End every stream."""
        for stream in tuple(self._calls):
            self._end(stream)
        self._server.links.discard(self)
        self._server.left.set()

    # --- for the server

    def drain(self) -> None:
        """Let the client open its next streams elsewhere."""
        self._connection.drain()
        self._flush()

    def cut(self) -> None:
        """End what still runs."""
        self._transport.abort()

    # --- streams

    def _deliver(self, stream: int, message: bytes) -> None:
        call = self._calls.get(stream)
        if call is None:
            exchange = Exchange(self._server.converse(), partial(self._send, stream))
            call = self._calls[stream] = Call(exchange)
        call.waiting.append(message)
        if call.task is None:
            self._begin(call, self._carry(stream, call))
        else:
            self._connection.hold(stream, held=True)

    def _end(self, stream: int) -> None:
        call = self._calls.get(stream)
        if call is None:
            self._connection.finish(stream)  # it never asked anything, or has been answered
            return
        call.over = True
        if call.task is not None:
            call.task.cancel()
        else:
            self._begin(call, self._carry(stream, call))

    async def _carry(self, stream: int, call: Call) -> None:
        """Answer the messages that wait; if nothing more is to come, end the stream."""
        status = OK
        try:
            while call.waiting and not call.over:
                await call.exchange.receive(call.waiting.popleft())
                call.over |= call.exchange.done
        except ProtocolError:
            call.over, status = True, INTERNAL
        finally:
            if call.over:
                self._calls.pop(stream, None)
                self._connection.finish(stream, status)
                await call.exchange.closed()
            else:
                call.task = None
                self._connection.hold(stream, held=False)
            self._flush_soon()

    async def _send(self, stream: int, message: bytes) -> None:
        self._connection.send(stream, message)
        self._flush_soon()

    def _begin(self, call: Call, work: Coroutine[Any, Any, None]) -> None:
        """Only work that has to wait becomes a task."""
        if (task := begin(work)) is not None:
            call.task = task
            self._server.tasks.add(task)
            task.add_done_callback(self._server.tasks.discard)

    # --- writing

    def _flush_soon(self) -> None:
        """Several answers that become ready together are written together."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        transport = self._transport
        if transport.is_closing():
            return
        while out := self._connection.take(0 if self._paused else BATCH):
            transport.write(out)
        if self._connection.over:
            transport.close()
        elif transport.get_write_buffer_size() > MAX_UNREAD:
            transport.abort()
