"""The grpc.aio front: ext_proc streams on TCP or a unix socket, for any Envoy.

It knows sockets, deadlines and cancellation, never Envoy's messages. One server = one role.
Service: envoy.service.ext_proc.v3.ExternalProcessor/Process (bidirectional stream), bytes in and out.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc
from grpc import aio

from waypost.errors import EngineError, ProtocolError
from waypost.transport.exchange import Conversation, Exchange
from waypost.transport.fronts.eager import begin
from waypost.transport.sockets import clear

SERVICE: Final = "envoy.service.ext_proc.v3.ExternalProcessor"

MESSAGE_OVERHEAD_BYTES: Final = 1024 * 1024
"""Headers, attributes and framing around a body."""


class Server:
    """A gRPC server and the streams it carries."""

    def __init__(self, server: aio.Server) -> None:
        self._server = server
        self.running: set[asyncio.Task[Any]] = set()

    async def stop(self, grace: float) -> None:
        """Drain; gRPC itself does not wait for the ends of streams that it cancels."""
        await self._server.stop(grace)
        while self.running:
            await asyncio.wait(self.running)


async def listen(address: str, converse: Callable[[], Conversation], max_body_bytes: int) -> Server:
    """Serve one role until the server is stopped.

    Args:
        address: `host:port` or `unix:/path`; a socket that nobody listens on any more is replaced.
        converse: makes the conversation of one stream.
        max_body_bytes: largest body of a request.

    Raises:
        EngineError: the address cannot be used.
    """
    limit = max_body_bytes + MESSAGE_OVERHEAD_BYTES
    options = [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", limit),
        ("grpc.so_reuseport", 0),  # two workers on one port by accident must be an error
    ]
    server = aio.server(options=options)
    served = Server(server)
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
        _behaviour(converse, served.running)
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Process": handler}),))
    if address.startswith("unix:"):
        clear(Path(address.removeprefix("unix:")))
    mask = os.umask(0o177)  # the socket file is 0600 from its first moment
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise EngineError(f"cannot listen on {address}: {error}") from error
    finally:
        os.umask(mask)
    await server.start()
    return served


def _behaviour(converse: Callable[[], Conversation], running: set[asyncio.Task[Any]]) -> Callable[..., Any]:
    async def process(_: object, context: "aio.ServicerContext[object, bytes]") -> None:
        """Carry one stream, with the read()/write() API, which costs less than a generator.

        A stream that Envoy resets cancels this coroutine; one that it half-closes ends the loop.
        """
        if (task := asyncio.current_task()) is not None:
            _keep(task, running)
        exchange = Exchange(converse(), context.write)
        try:
            while not exchange.done and isinstance(message := await context.read(), bytes):
                await exchange.receive(message)
        except ProtocolError:
            context.set_code(grpc.StatusCode.INTERNAL)
        finally:
            # gRPC may cancel a second time, and what is still to be recorded must be.
            if (closing := begin(exchange.closed())) is not None:
                _keep(closing, running)
                await asyncio.shield(closing)

    return process


def _keep(task: asyncio.Task[Any], running: set[asyncio.Task[Any]]) -> None:
    running.add(task)
    task.add_done_callback(running.discard)
