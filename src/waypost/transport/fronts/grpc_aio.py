"""The grpc.aio front: ext_proc streams on TCP or a unix socket, for any Envoy.

It knows sockets, deadlines and cancellation, never Envoy's messages. One server = one role.
Service: envoy.service.ext_proc.v3.ExternalProcessor/Process (bidirectional stream), bytes in and out.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import grpc
from grpc import aio

from waypost.errors import EngineError, ProtocolError
from waypost.transport.exchange import Conversation, Exchange

SERVICE: Final = "envoy.service.ext_proc.v3.ExternalProcessor"

MESSAGE_OVERHEAD_BYTES: Final = 1024 * 1024
"""Headers, attributes and framing around a body."""


async def listen(address: str, converse: Callable[[], Conversation], max_body_bytes: int) -> aio.Server:
    """Serve one role until the server is stopped; `stop(grace)` on what is returned drains it.

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
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(_behaviour(converse))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Process": handler}),))
    if address.startswith("unix:"):
        _clear(Path(address.removeprefix("unix:")))
    mask = os.umask(0o177)  # the socket file is 0600 from its first moment
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise EngineError(f"cannot listen on {address}: {error}") from error
    finally:
        os.umask(mask)
    await server.start()
    return server


def _clear(path: Path) -> None:
    """Remove a socket file that a dead worker left behind; a living one is an error."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.settimeout(1)
        probe.connect(str(path))
        raise EngineError(f"another process listens on unix:{path}")
    path.unlink(missing_ok=True)


def _behaviour(converse: Callable[[], Conversation]) -> Callable[..., Any]:
    async def process(_: object, context: "aio.ServicerContext[object, bytes]") -> None:
        """Carry one stream. The read()/write() API costs a third less than a generator (docs/notes/0002).

        A stream that Envoy resets cancels this coroutine; one that it half-closes ends the loop.
        """
        exchange = Exchange(converse(), context.write)
        try:
            while not exchange.done and isinstance(message := await context.read(), bytes):
                await exchange.receive(message)
        except ProtocolError:
            context.set_code(grpc.StatusCode.INTERNAL)
        finally:
            await exchange.closed()

    return process
