"""Sockets of the grpc.aio front; what every front does with streams is in tests/contracts."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from waypost.attempt import Hops
from waypost.errors import EngineError
from waypost.transport.breakers import Breakers
from waypost.transport.fronts.grpc_aio import listen
from waypost.transport.keys import Keys
from waypost.transport.upstream import Upstream


def nobody() -> Hops:
    return Hops({}, {})


@asynccontextmanager
async def serving(address: str) -> AsyncIterator[None]:
    server = await listen(
        address, lambda: Upstream(nobody, Keys(lambda: 0.0), Breakers(lambda: 0.0), lambda: 0.0), 1024
    )
    try:
        yield
    finally:
        await server.stop(0)


def connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))


def test_a_socket_is_the_owners_alone(tmp_path: Path) -> None:
    async def act() -> None:
        async with serving(f"unix:{tmp_path / 's'}"):
            assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
            connect(tmp_path / "s")

    mask = os.umask(0)
    try:
        asyncio.run(act())
        assert os.umask(0) == 0
    finally:
        os.umask(mask)


def test_a_socket_of_the_dead_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))

    async def act() -> None:
        async with serving(f"unix:{tmp_path / 's'}"):
            connect(tmp_path / "s")

    asyncio.run(act())


def test_a_socket_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    async def act() -> None:
        async with serving(f"unix:{tmp_path / 's'}"):
            with pytest.raises(EngineError, match="another process listens"):
                await listen(
                    f"unix:{tmp_path / 's'}",
                    lambda: Upstream(nobody, Keys(lambda: 0.0), Breakers(lambda: 0.0), lambda: 0.0),
                    1024,
                )
            connect(tmp_path / "s")

    asyncio.run(act())


@pytest.mark.parametrize("name", ["folder/that/is/not/there/s", "file"])
def test_an_address_that_cannot_be_used_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("not a socket")

    async def act() -> None:
        with pytest.raises(EngineError, match=name):
            await listen(
                f"unix:{tmp_path / name}",
                lambda: Upstream(nobody, Keys(lambda: 0.0), Breakers(lambda: 0.0), lambda: 0.0),
                1024,
            )

    asyncio.run(act())
    assert (tmp_path / "file").read_text() == "not a socket"


def test_two_workers_cannot_share_a_port() -> None:
    async def act() -> None:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            first.listen()
            address = f"127.0.0.1:{first.getsockname()[1]}"
            with pytest.raises(EngineError, match=address):
                await listen(
                    address,
                    lambda: Upstream(nobody, Keys(lambda: 0.0), Breakers(lambda: 0.0), lambda: 0.0),
                    1024,
                )

    asyncio.run(act())
