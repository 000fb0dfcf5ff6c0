"""The demo's providers on loopback ports: who there is, and the sockets that serve them.

One process, one server, a socket for each; the port a request comes in by is the provider. What they say is
in `openai`, `anthropic` and `gemini`, what goes wrong with it in `faults`.
"""

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Final, cast
from urllib.parse import parse_qsl

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from waypost.demo import anthropic, gemini, openai
from waypost.demo.faults import Course, course
from waypost.demo.wire import Answer, Call, DemoProvider, Form, RefusedError
from waypost.errors import Exit

CHUNK_SECONDS: Final = 0.02
"""Pause between two streamed words, so that one can watch a stream arrive."""

PROVIDERS: Final = (
    DemoProvider(
        "onprem", "WAYPOST_DEMO_PORT_1", 9101, "demo-key-onprem", ("finance-32b", "clinic-27b", "legal-32b")
    ),
    DemoProvider(
        "cloud",
        "WAYPOST_DEMO_PORT_2",
        9102,
        "demo-key-cloud",
        ("general-large", "medical-large", "embed-small"),
        "openai",
    ),
    DemoProvider("search", "WAYPOST_DEMO_PORT_3", 9103, "demo-key-search", ("search-large",)),
    DemoProvider(
        "anthropic",
        "WAYPOST_DEMO_PORT_4",
        9104,
        "demo-key-anthropic",
        ("claude-sonnet-5-5", "claude-opus-4-7", "claude-haiku-4-5"),
        "anthropic",
    ),
    DemoProvider(
        "gemini",
        "WAYPOST_DEMO_PORT_5",
        9105,
        "demo-key-gemini",
        ("gemini-3-pro", "gemini-2.5-flash", "gemini-2.0-flash", "gemini-embedding-001"),
        "gemini",
    ),
)

_DIALECTS: Final[
    dict[Form, tuple[Callable[[DemoProvider, Call], Answer], Callable[[RefusedError], Answer]]]
] = {
    "openai": (openai.serve, openai.refusal),
    "compatible": (openai.serve, openai.refusal),
    "anthropic": (anthropic.serve, anthropic.refusal),
    "gemini": (gemini.serve, gemini.refusal),
}
_HTML: Final = Answer(
    (b"<html><body><h1>502 Bad Gateway</h1></body></html>",), 502, (("content-type", "text/html"),)
)
_TRANSPORT: Final = "transport"
_RESET: Final = struct.pack("ii", 1, 0)
"""Of the socket option that throws away what is not sent and says so to the other side."""


def answer(provider: DemoProvider, call: Call) -> Answer:
    """What this provider answers to a call."""
    serve, refusal = _DIALECTS[provider.form]
    try:
        return serve(provider, call)
    except RefusedError as error:
        return refusal(error)


class App:
    """ASGI application of all demo providers.

    Args:
        providers: by the port a request comes in by.
        pause: seconds between two streamed words.
    """

    def __init__(self, providers: Mapping[int, DemoProvider], pause: float = CHUNK_SECONDS) -> None:
        self._providers = providers
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        call = await _read(scope, receive)
        given = answer(self._providers[scope["server"][1]], call)
        if given.faults.has("hang"):
            await _silence(receive)
        elif given.faults.has("reset"):
            await _cut(scope, receive, at_once=True)
        else:
            await self._write(_HTML if given.faults.has("html") else given, call, scope, receive, send)

    async def _write(self, given: Answer, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        takes = "gzip" in call.headers.get("accept-encoding", "")
        way = course(given.pieces, given.faults, lead=given.lead, error=given.error, gzip=takes)
        await send({"type": "http.response.start", "status": given.status, "headers": _headers(given, way)})
        for n, piece in enumerate(way.pieces):
            if n:
                await asyncio.sleep(self._pause * way.pause)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if way.ending == "end":
            await send({"type": "http.response.body"})
        elif way.ending == "cut":
            await _cut(scope, receive, at_once=False)
        else:
            await _silence(receive)


async def _read(scope: Scope, receive: Receive) -> Call:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    return Call(scope["method"], scope["path"], query, headers, bytes(body))


def _headers(given: Answer, way: Course) -> list[tuple[bytes, bytes]]:
    told = [(name.encode(), value.encode()) for name, value in given.headers]
    if way.packed:
        told.append((b"content-encoding", b"gzip"))
    if way.length is not None:
        told.append((b"content-length", b"%d" % way.length))
    return told


async def _silence(receive: Receive) -> None:
    """Wait until the client goes."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(scope: Scope, receive: Receive, *, at_once: bool) -> None:
    """End the connection: with a reset, or behind what was written."""
    transport = cast("asyncio.Transport", scope["state"][_TRANSPORT])
    if at_once:
        listener = cast("socket.socket", transport.get_extra_info("socket"))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    else:
        transport.close()
    await _silence(receive)


class _Protocol(H11Protocol):
    """Lets the application see the connection, so that it can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A client is there."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


def server(sockets: Mapping[socket.socket, DemoProvider], pause: float = CHUNK_SECONDS) -> uvicorn.Server:
    """What serves these sockets; its `run` wants them too."""
    app = App({listener.getsockname()[1]: provider for listener, provider in sockets.items()}, pause)
    config = uvicorn.Config(
        app,
        http=_Protocol,
        log_level="warning",
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def _listen(provider: DemoProvider, environ: Mapping[str, str]) -> socket.socket:
    """Bind one provider's loopback port.

    Raises:
        OSError: the port is taken; the message names it and the way out.
    """
    port = provider.port(environ)
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1024)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        message = f"demo provider {provider.name!r} cannot listen on 127.0.0.1:{port}: {reason}"
        message += f"; set {provider.variable} to a free port"
        raise OSError(message) from None


def main() -> int:
    """Serve until a signal says stop."""
    try:
        sockets = {_listen(provider, os.environ): provider for provider in PROVIDERS}
    except OSError as error:
        print(f"waypost: {error}", file=sys.stderr)  # noqa: T201  a process of its own: stderr is its only voice
        return Exit.PROVIDER
    server(sockets).run(sockets=list(sockets))
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
