"""HTTP/1.1 upstreams under test control: they record every byte they get and misbehave on request.

Written on bare sockets on purpose: no HTTP library stands between a test and what Envoy put on the wire.
All upstreams of a test run share one event loop in a thread; tests themselves are synchronous.
"""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 20.0
"""Seconds a test waits for an event that must come; only ever spent when a test fails."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived.

    Attributes:
        head: request line and header lines, byte for byte, without the final blank line.
        body: decoded body; of a chunked one the data alone.
        gone: set when the peer closes the connection before the next request.
    """

    head: bytes
    body: bytes
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def path(self) -> str:
        return self.head.split(b" ", 2)[1].decode()

    @property
    def headers(self) -> list[tuple[str, str]]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [(name.lower(), value.strip()) for name, value in (line.split(":", 1) for line in lines)]

    def header(self, name: str) -> str | None:
        """First value by lower-case name."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    def mentions(self, needle: str) -> bool:
        """Whether the bytes occur anywhere in head or body."""
        return needle.encode() in self.head or needle.encode() in self.body


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a behaviour has to work with: the request and the raw connection."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_gone(self) -> None:
        """Wait until the peer closes."""
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """Close with a TCP RST."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Behaviour = Callable[[Exchange], Awaitable[None]]
"""Answers one request; closing the connection is part of it where the fault wants that."""


class Closed(Exception):  # noqa: N818  control flow of this file, not an error
    """A behaviour is done with the connection."""


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def completion(text: str, model: str = "scripted") -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    head = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": 1700000000, "model": model}
    return {**head, "choices": [choice], "usage": usage}


def event(text: str, finish_reason: str | None = None) -> bytes:
    """One SSE event of a chat stream."""
    delta = {} if finish_reason else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    head = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "scripted",
    }
    return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"


_SSE = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
DONE = b"data: [DONE]\n\n"


def respond(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> Behaviour:
    """A complete response."""

    async def behaviour(exchange: Exchange) -> None:
        fixed = {"content-type": content_type, "content-length": str(len(body))}
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        await exchange.send(head(status, fixed | extra) + body)

    return behaviour


def fails(status: int, code: str = "scripted_failure") -> Behaviour:
    """An error in the API's shape."""
    error = {"message": f"scripted {status}", "type": "server_error", "param": None, "code": code}
    return respond(status, json.dumps({"error": error}).encode())


def html(status: int) -> Behaviour:
    """What a load balancer in front of a provider says."""
    return respond(status, b"<html><body><h1>Bad day</h1></body></html>", "text/html")


def stream(
    texts: Sequence[str] = ("Hello", " from", " a", " stream"),
    gate: Callable[[int], Awaitable[None]] | None = None,
) -> Behaviour:
    """SSE, one event per text; `gate(n)` is awaited before event n is sent."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.send(head(200, _SSE))
        for number, text in enumerate(texts):
            if gate:
                await gate(number)
            await exchange.send(chunk(event(text)))
        await exchange.send(chunk(event("", "stop")) + chunk(DONE) + chunk(b""))

    return behaviour


def answers(text: str) -> Behaviour:
    """The healthy provider: embeddings, JSON or SSE, as asked."""

    async def behaviour(exchange: Exchange) -> None:
        request = exchange.request
        if "/embeddings" in request.path:
            data = [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            body = {"object": "list", "data": data, "model": "scripted", "usage": usage}
        elif b'"stream":true' in request.body.replace(b" ", b""):
            return await stream(text.split())(exchange)
        else:
            body = completion(text)
        return await respond(200, json.dumps(body).encode())(exchange)

    return behaviour


async def reset(exchange: Exchange) -> None:
    """RST instead of a response."""
    exchange.reset()
    raise Closed


async def silent(exchange: Exchange) -> None:
    """Not a byte, until the peer gives up."""
    await exchange.until_gone()
    raise Closed


async def stalls_after_headers(exchange: Exchange) -> None:
    """Response headers, then nothing."""
    await exchange.send(head(200, _SSE))
    await exchange.until_gone()
    raise Closed


def stalls_mid_stream(texts: Sequence[str]) -> Behaviour:
    """Some events, then nothing, until the peer gives up."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.send(head(200, _SSE) + b"".join(chunk(event(text)) for text in texts))
        await exchange.until_gone()
        raise Closed

    return behaviour


def cuts_mid_stream(texts: Sequence[str], gate: Callable[[int], Awaitable[None]] | None = None) -> Behaviour:
    """Some events, then (once `gate` opens) the connection is closed without the final chunk."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.send(head(200, _SSE) + b"".join(chunk(event(text)) for text in texts))
        if gate:
            await gate(len(texts))
        exchange.writer.close()
        raise Closed

    return behaviour


def burst(size: int) -> Behaviour:
    """A JSON completion of at least `size` bytes, written at once."""
    return respond(200, json.dumps(completion("x" * size)).encode())


def stream_burst(size: int) -> Behaviour:
    """An SSE stream of at least `size` bytes in 1 KB events, written at once."""
    one = chunk(event("y" * 1024))
    whole = head(200, _SSE) + one * (size // 1024 + 1) + chunk(event("", "stop")) + chunk(DONE) + chunk(b"")

    async def behaviour(exchange: Exchange) -> None:
        await exchange.send(whole)

    return behaviour


class Gate:
    """Lets a scripted stream go on one event at a time, at the test's word."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._permits = asyncio.Semaphore(0)

    async def __call__(self, number: int) -> None:
        await self._permits.acquire()

    def open(self, count: int = 1) -> None:
        """Let `count` more events pass."""
        for _ in range(count):
            self._loop.call_soon_threadsafe(self._permits.release)


class Upstream:
    """One provider: a loopback port, what it got, and how it behaves.

    `script` holds one behaviour per request, used up in order; then `behaviour` answers. With `tls` it
    speaks https.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.behaviour: Behaviour = answers(f"This is {name}")
        self.script: list[Behaviour] = []
        self.requests: list[Request] = []
        self._arrived = threading.Condition()
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = self._call(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20, backlog=1024, ssl=tls)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def clear(self) -> None:
        """Back to a healthy provider that has seen nothing."""
        self.behaviour = answers(f"This is {self.name}")
        self.script.clear()
        self.requests.clear()

    def gate(self) -> Gate:
        return Gate(self._loop)

    def wait(self, count: int = 1) -> Request:
        """Wait until `count` requests have arrived since `clear`; the last of them."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.requests) >= count, PATIENCE):
                msg = f"{self.name} got {len(self.requests)} requests, not {count}"
                raise AssertionError(msg)
            return self.requests[count - 1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(
            task
        )  # asyncio itself holds a task only weakly: one that waits at a gate would vanish
        try:
            while request := await self._receive(reader):
                try:
                    behaviour = self.script.pop(0) if self.script else self.behaviour
                    await behaviour(Exchange(request, reader, writer))
                except (Closed, ConnectionError):
                    request.gone.set()
                    return
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _receive(self, reader: asyncio.StreamReader) -> Request | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
            request = Request(head, b"")
            length = request.header("content-length")
            if length is not None:
                body = await reader.readexactly(int(length))
            elif request.header("transfer-encoding"):
                body = await _chunked(reader)
            else:
                body = b""
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        request = Request(head, body)
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        return request

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readline()
    return b"".join(parts)


@contextlib.contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A running loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="upstreams")
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A port where every connection is refused: bound, so that nobody else takes it, but not listening."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
