"""`waypost serve` from inside: one Envoy, one worker and what must run beside them.

Started together, called ready when traffic would succeed, kept alive, drained and stopped in order.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal

from waypost.config.settings import Address, Settings
from waypost.envoy import publish
from waypost.envoy.child import Child, Command, Tell
from waypost.envoy.control import Control, accepts, connects, get_models
from waypost.envoy.resources import Resources, Wiring, bootstrap, resources
from waypost.errors import WaypostError
from waypost.policy import Policy
from waypost.transport.sockets import open_socket

START_SECONDS: Final = 30.0
"""From start to ready; a second is usual."""

DRAIN_SECONDS: Final = 25.0
"""For requests under way after SIGTERM; Kubernetes kills after 30."""

POLL_SECONDS: Final = 0.02

METRICS_FOLDER: Final = "metrics"
"""Where the worker counts, inside the run folder."""

_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What Envoy may know of our environment: no provider key is among it."""


class NotReadyError(WaypostError):
    """Everything runs, but traffic would not succeed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, where.

    Attributes:
        folder: sockets, documents and logs; ours alone.
        envoy: the executable.
        worker: command line of the ext_proc worker, without sockets; it reads the configuration itself.
        reload: the configuration as it is now; None = it cannot be used, and the last good one stays.
        beside: further commands that must run, and addresses that must answer before traffic would succeed.
        access_log: see `Wiring`.
        front: how the worker serves. With h2 the sockets are ours: requests wait while it is restarted.
        keep: file descriptors the worker inherits besides.
    """

    folder: Path
    envoy: Path
    policy: Policy
    settings: Settings
    worker: tuple[str, ...]
    reload: Callable[[], tuple[Policy, Settings] | None]
    ca_file: str
    beside: tuple[Command, ...] = ()
    awaited: tuple[Address, ...] = ()
    access_log: str = ""
    front: Literal["grpc", "h2"] = "h2"
    keep: tuple[int, ...] = ()


class Supervisor:
    """Runs a plan once.

    Args:
        plan: what to run.
        environ: ours; the worker inherits it.
        tell: where events go.
    """

    def __init__(self, plan: Plan, environ: Mapping[str, str], tell: Tell) -> None:
        self._plan = plan
        self._tell = tell
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._router = plan.folder / "router.sock"
        self._upstream = plan.folder / "upstream.sock"
        self._control = Control(plan.folder / "envoy.sock")
        # The worker ends when the pipe's other end, which nobody else holds, is closed.
        self._leash = os.pipe()
        held = plan.front == "h2"
        self._held = [open_socket(p).detach() for p in (self._router, self._upstream)] if held else []
        self._policies: tuple[Policy, ...] = (plan.policy,)
        self._resources = self._make(plan.settings)
        self._envoy = Child(envoy_command(plan.envoy, plan.folder, environ), tell)
        self._worker = Child(self._worker_command(environ), tell, self._follow)
        self._beside = [Child(command, tell) for command in plan.beside]

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Start, stay, stop.

        Args:
            on_ready: called once, when traffic would succeed.

        Raises:
            EndedError: a child does not stay alive.
            NotReadyError: nothing ended, but traffic would still not succeed.
        """
        self._publish()
        failures: list[WaypostError] = []
        with self._signals():
            try:
                async with asyncio.TaskGroup() as group:
                    keepers = [group.create_task(child.keep(self._ready)) for child in self._children()]
                    try:
                        await self._serve(on_ready)
                    finally:
                        for keeper in keepers:
                            keeper.cancel()
                        await self._stop()
            except* WaypostError as raised:
                failures += [error for error in raised.exceptions if isinstance(error, WaypostError)]
        if failures:
            raise failures[0]

    async def not_ready(self) -> list[str]:
        """Why traffic would not succeed now; empty = it would. The last question is a real request."""
        if self._stopping.is_set():
            return ["stopping"]
        if not await self._worker_listens():
            return ["the worker does not listen"]
        silent = [f"nothing listens on {a}" for a in self._plan.awaited if not await connects(a)]
        if silent:
            return silent
        try:
            if not await self._control.is_live():
                return ["Envoy is not live"]
            status = await get_models(self._plan.settings.listen)
        except OSError as error:
            return [f"Envoy does not answer: {error.strerror or type(error).__name__}"]
        if status == HTTPStatus.OK:
            self._ready.set()  # whoever asked: from now on a child that ends is started again
        return [] if status == HTTPStatus.OK else [f"GET /v1/models through the listener answers {status}"]

    async def _worker_listens(self) -> bool:
        if self._held:  # they accept whether it is there or not; the request at the end will tell
            return self._worker.pid is not None
        return await accepts(self._router) and await accepts(self._upstream)

    @property
    def policy(self) -> Policy:
        """The one that Envoy and the worker serve; a new one counts from the worker's next start."""
        return self._policies[0]

    def children(self) -> dict[str, dict[str, int | None]]:
        """Process id (None = not running) and restarts of each child."""
        return {c.command.name: {"pid": c.pid, "restarts": c.restarts} for c in self._children()}

    def stop(self) -> None:
        """Drain and stop; asked a second time, stop at once."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    def _children(self) -> Iterator[Child]:
        yield from self._beside
        yield self._worker
        yield self._envoy

    async def _serve(self, on_ready: Callable[[], None]) -> None:
        if await self._becomes_ready():
            on_ready()
        await self._stopping.wait()

    async def _becomes_ready(self) -> bool:
        """False = told to stop before."""
        clock = asyncio.get_running_loop().time
        until = clock() + START_SECONDS
        while (reasons := await self.not_ready()) and not self._ready.is_set():
            if self._stopping.is_set():
                return False
            if clock() > until:
                complaint = self._envoy.complaint()
                log = f"; Envoy says: {complaint}" if complaint else ""
                msg = f"not ready after {START_SECONDS:g} s: {', '.join(reasons)}{log}"
                raise NotReadyError(msg)
            await asyncio.sleep(POLL_SECONDS)
        return True

    async def _stop(self) -> None:
        """Envoy first, so that no request meets a router that has left."""
        self._stopping.set()
        asked = self._ready.is_set() and self._envoy.pid is not None and await self._drain()
        # A signal to an Envoy that is ending already would keep it from writing its access log down.
        await self._envoy.stop(None if asked else signal.SIGTERM, 5)
        await self._worker.stop(signal.SIGTERM, 2 if self._hurry.is_set() else 10)
        for child in self._beside:
            await child.stop(signal.SIGTERM, 2)

    async def _drain(self) -> bool:
        """Let requests under way end; True = Envoy was told to quit."""
        clock = asyncio.get_running_loop().time
        until = clock() + DRAIN_SECONDS
        try:
            await self._control.stop_accepting()
            while await self._is_busy() and not await self._is_hurried(POLL_SECONDS):
                if clock() > until:
                    self._tell("drain_cut", after_seconds=DRAIN_SECONDS)
                    break
            await self._control.quit()
        except OSError:
            return False  # it is gone, and its requests with it, or it does not listen any more
        return True

    async def _is_busy(self) -> bool:
        try:
            return await self._control.active_requests() > 0
        except TimeoutError:
            return True

    async def _is_hurried(self, seconds: float) -> bool:
        """Whether a second signal comes within `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        return self._hurry.is_set()

    @contextmanager
    def _signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _publish(self) -> None:
        folder = self._plan.folder
        shutil.rmtree(folder / METRICS_FOLDER, ignore_errors=True)  # of an earlier run
        for kind, documents in publish.first(self._resources):
            publish.put(folder, kind, documents)
        publish.write(
            folder / "bootstrap.json", bootstrap(folder / "envoy.sock", folder / "lds", folder / "cds")
        )

    def _follow(self) -> None:
        """The worker will read the configuration anew: Envoy must know the hops of what it finds there."""
        fresh = self._plan.reload()
        if fresh is None:
            return  # the worker gets the last good one
        policy, settings = fresh
        if policy.revision != self._policies[0].revision:
            self._policies = (policy, self._policies[0])
            self._tell("config_changed", revision=policy.revision)
        made = self._make(settings)
        for kind, documents in publish.change(self._resources, made):
            publish.put(self._plan.folder, kind, documents)
        self._resources = made

    def _make(self, settings: Settings) -> Resources:
        plan = self._plan
        wiring = Wiring(f"unix:{self._router}", f"unix:{self._upstream}", plan.ca_file, plan.access_log)
        settings = replace(settings, listen=plan.settings.listen)  # the address was tried at the start
        return resources(self._policies, settings, wiring, plan.folder / "rds")

    def _worker_command(self, environ: Mapping[str, str]) -> Command:
        paths = (f"unix:{self._router}", f"unix:{self._upstream}")
        router, upstream = (f"fd:{number}" for number in self._held) if self._held else paths
        sockets = ("--front", self._plan.front, "--router", router, "--upstream", upstream)
        metrics = ("--metrics-dir", str(self._plan.folder / METRICS_FOLDER))
        argv = (*self._plan.worker, *sockets, *metrics, "--parent-fd", str(self._leash[0]))
        # SIGTERM, not SIGKILL: it has audit records to write down.
        return Command(
            "worker", argv, environ, signal.SIGTERM, keep=(self._leash[0], *self._held, *self._plan.keep)
        )


def envoy_command(binary: Path, folder: Path, environ: Mapping[str, str]) -> Command:
    """How Envoy is run on the documents of a folder."""
    options = (
        ("-c", str(folder / "bootstrap.json")),
        ("--concurrency", str(min(2, os.cpu_count() or 1))),
        ("--drain-time-s", "600"),  # of connections to a listener that was replaced
        ("--drain-strategy", "immediate"),
        ("--log-level", "warning"),
        ("--use-dynamic-base-id", "--disable-hot-restart"),
    )
    argv = (str(binary), *(word for pair in options for word in pair))
    known = {name: environ[name] for name in _INHERITED if name in environ}
    return Command("envoy", argv, known, log=folder / "envoy.log")
