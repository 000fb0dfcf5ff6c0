"""The server lives as long as its block and leaves signals alone."""

import asyncio
import signal
import socket

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from waypost.admin.server import serving

APP = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])


def listener() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


def test_it_answers_inside_the_block_and_not_after() -> None:
    async def scenario() -> None:
        held = listener()
        port = held.getsockname()[1]
        async with serving(APP, held):
            assert (await ask(port)).endswith(b"here")
        with pytest.raises(ConnectionRefusedError):
            await ask(port)

    asyncio.run(scenario())


def test_signals_stay_with_the_host() -> None:
    async def scenario() -> None:
        before = signal.getsignal(signal.SIGTERM)
        held = listener()
        async with serving(APP, held):
            await ask(held.getsockname()[1])
            assert signal.getsignal(signal.SIGTERM) is before

    asyncio.run(scenario())


def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    class HostError(Exception):
        pass

    async def scenario() -> None:
        held = listener()
        port = held.getsockname()[1]
        try:
            async with serving(APP, held):
                raise HostError
        finally:
            with pytest.raises(ConnectionRefusedError):
                await ask(port)

    with pytest.raises(HostError):
        asyncio.run(scenario())
