"""An Envoy for as long as something is done with it: its documents do not change, and nothing is drained."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from waypost.config.settings import Address
from waypost.envoy import publish
from waypost.envoy.child import Child, Tell
from waypost.envoy.control import Control, get_models
from waypost.envoy.resources import Resources, bootstrap
from waypost.envoy.supervisor import START_SECONDS, NotReadyError, envoy_command
from waypost.errors import WaypostError
from waypost.providers.provider import Provider

T = TypeVar("T")

POLL_SECONDS: Final = 0.02
RESOLVE_SECONDS: Final = 5.0
"""For the names of providers; one that takes longer counts as one that does not resolve."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What to run, where.

    Attributes:
        binary: the executable.
        folder: for its documents, its socket and its log; ours alone.
        made: what it serves; the worker that it names must listen already.
        listen: address of its listener.
        awaited: providers whose names should have addresses before anything is done.
    """

    binary: Path
    folder: Path
    made: Resources
    listen: Address
    awaited: tuple[Provider, ...] = ()


async def with_envoy(brief: Brief, tell: Tell, act: Callable[[], Awaitable[T]]) -> T:
    """Run Envoy while something is done through it.

    Raises:
        EndedError: Envoy does not stay alive.
        NotReadyError: it lives, but nothing comes through.
    """
    folder = brief.folder
    for kind, documents in publish.first(brief.made):
        publish.put(folder, kind, documents)
    socket = folder / "envoy.sock"
    publish.write(folder / "bootstrap.json", bootstrap(socket, folder / "lds", folder / "cds"))
    child = Child(envoy_command(brief.binary, folder, os.environ), tell)
    ready = asyncio.Event()
    failures: list[WaypostError] = []
    done: list[T] = []
    try:
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(child.keep(ready))
            try:
                await _until_ready(Control(socket), brief.listen, child)
                ready.set()
                await _until_resolved(Control(socket), brief.awaited)
                done.append(await act())
            finally:
                keeper.cancel()
                await child.stop(signal.SIGTERM, 5)
    except* WaypostError as raised:
        failures += [error for error in raised.exceptions if isinstance(error, WaypostError)]
    if failures:
        raise failures[0]
    return done[0]


async def _until_ready(control: Control, listen: Address, child: Child) -> None:
    clock = asyncio.get_running_loop().time
    until = clock() + START_SECONDS
    while not await _is_ready(control, listen):
        if clock() > until:
            complaint = child.complaint()
            log = f"; Envoy says: {complaint}" if complaint else ""
            msg = f"not ready after {START_SECONDS:g} s{log}"
            raise NotReadyError(msg)
        await asyncio.sleep(POLL_SECONDS)


async def _is_ready(control: Control, listen: Address) -> bool:
    try:
        return await control.is_live() and await get_models(listen) == 200  # noqa: PLR2004
    except OSError:
        return False


async def _until_resolved(control: Control, providers: Iterable[Provider]) -> None:
    """A first request that came before the names were known would go on to the next provider."""
    awaited = {provider.name: provider for provider in providers}
    clock = asyncio.get_running_loop().time
    until = clock() + RESOLVE_SECONDS
    while awaited and clock() < until:
        known = [up.provider for up in await control.upstreams(awaited.values()) if up.hosts]
        for name in known:
            awaited.pop(name, None)
        await asyncio.sleep(POLL_SECONDS if awaited else 0)
