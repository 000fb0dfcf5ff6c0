"""Servers that carry ext_proc streams: one module each, with the same `listen`."""

import os
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Final, Literal, Protocol, cast

from waypost.transport.exchange import Conversation

Front = Literal["grpc", "h2"]

FRONTS: Final[Mapping[Front, str]] = {
    "grpc": "waypost.transport.fronts.grpc_aio",
    "h2": "waypost.transport.fronts.h2",
}
"""Modules, each imported where it is needed: a worker hardly ever needs both."""


class Server(Protocol):
    """One role, being served."""

    async def stop(self, grace: float) -> None:
        """Take no more streams, let those that run go on for `grace` seconds, end the rest."""
        ...


Listen = Callable[[str, Callable[[], Conversation], int], Awaitable[Server]]


async def listen(
    address: str,
    converse: Callable[[], Conversation],
    max_body_bytes: int,
    front: Front | None = None,
) -> Server:
    """Serve one role until the server is stopped.

    Args:
        address: `host:port`, `unix:/path`, or `fd:N` for a listening unix socket that is inherited.
        converse: makes the conversation of one stream.
        max_body_bytes: largest body of a request.
        front: who serves; None = h2 on unix sockets, grpc elsewhere.

    Raises:
        EngineError: the address cannot be used.
    """
    name: Front = front or ("h2" if address.startswith(("unix:", "fd:")) else "grpc")
    if name == "grpc":
        # Read when gRPC is loaded. Its older listener takes a seventh less CPU and time (note 0008).
        os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
    module = import_module(FRONTS[name])
    return await cast("Listen", module.listen)(address, converse, max_body_bytes)
