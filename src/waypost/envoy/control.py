"""What the supervisor asks the running Envoy, over its admin socket and through its listener."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from waypost.config.settings import Address
from waypost.observe.upstreams import FILTER, Upstream, read
from waypost.providers.provider import Provider

ANSWER_SECONDS = 2.0
"""Patience with one question; all of them are answered in milliseconds."""


class Control:
    """The admin interface of one Envoy, on a unix socket."""

    def __init__(self, admin_socket: Path) -> None:
        self._socket = str(admin_socket)

    async def is_live(self) -> bool:
        """Whether Envoy has loaded its documents and is not draining."""
        _, body = await self._ask("GET", "/ready")
        return b"LIVE" in body  # the body is chunked even where the connection is closed

    async def active_requests(self) -> int:
        """Requests under way at the listener."""
        _, body = await self._ask("GET", "/stats?filter=^http.main.downstream_rq_active$")
        _, found, number = body.partition(b"downstream_rq_active: ")
        return int(number.split()[0]) if found else 0

    async def upstreams(self, providers: Iterable[Provider]) -> tuple[Upstream, ...]:
        """How providers do; without those that Envoy does not know, and empty where it cannot be asked."""
        try:
            clusters = await self._document("/clusters?format=json")
            stats = await self._document(f"/stats?format=json&filter={quote(FILTER, safe='')}")
            return read(providers, clusters, stats)
        except (OSError, ValueError):  # it starts, stops or is started again
            return ()

    async def _document(self, path: str) -> bytes:
        status, body = await self._ask("GET", path)
        if status != HTTPStatus.OK:
            msg = f"Envoy answers {status}"
            raise ValueError(msg)
        return _dechunked(body)

    async def stop_accepting(self) -> None:
        """Take no new connection, and tell clients of the open ones that the next answer is the last."""
        await self._ask("POST", "/healthcheck/fail")
        await self._ask("POST", "/drain_listeners")

    async def quit(self) -> None:
        """End Envoy; what is still under way is cut."""
        with suppress(ConnectionError):  # it may be gone before it has answered
            await self._ask("POST", "/quitquitquit")

    async def _ask(self, method: str, path: str) -> tuple[int, bytes]:
        async with asyncio.timeout(ANSWER_SECONDS):
            streams = await asyncio.open_unix_connection(self._socket)
            return await _exchange(streams, method, path, "envoy")


async def get_models(address: Address) -> int:
    """Status of a real request through listener, router filter and worker; no provider is asked."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - compared, not bound
    async with asyncio.timeout(ANSWER_SECONDS):
        streams = await asyncio.open_connection(host, address.port)
        status, _ = await _exchange(streams, "GET", "/v1/models", "localhost")
    return status


async def accepts(unix_socket: Path) -> bool:
    """Whether somebody listens on a unix socket."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            _, writer = await asyncio.open_unix_connection(str(unix_socket))
    except OSError:
        return False
    writer.close()
    return True


async def connects(address: Address) -> bool:
    """Whether somebody listens on an address."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.close()
    return True


async def _exchange(
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], method: str, path: str, host: str
) -> tuple[int, bytes]:
    reader, writer = streams
    try:
        head = f"{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read()
    finally:
        writer.close()
    status = answer.partition(b"\r\n")[0].split()[1:2]
    return (int(status[0]) if status else 0), answer.partition(b"\r\n\r\n")[2]


def _dechunked(body: bytes) -> bytes:
    """What Envoy's admin interface says, which is chunked whatever was asked for.

    Raises:
        ValueError: it is not, or it is cut.
    """
    parts: list[bytes] = []
    at = 0
    while size := int(body[at : (end := body.index(b"\r\n", at))], 16):
        at = end + 2 + size + 2
        if at > len(body):
            raise ValueError("cut")
        parts.append(body[end + 2 : at - 2])
    return b"".join(parts)
