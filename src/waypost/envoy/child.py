"""A process that is started, started again when it ends, and never outlives us."""

import asyncio
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, Protocol

from waypost.errors import WaypostError

DELAYS: Final = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0)
"""Seconds before each restart in a row; a child that ends once more after the last one is given up."""

STEADY_SECONDS: Final = 10.0
"""A child that lived this long had started well: counting begins anew."""

LOG_BYTES: Final = 1024 * 1024
"""Where a log file begins anew. It may lie in memory."""

LINE_BYTES: Final = 64 * 1024
"""As much of a line as is kept in memory."""

_PR_SET_PDEATHSIG: Final = 1
_HAS_PARENT_SIGNAL: Final = sys.platform == "linux"


class Tell(Protocol):
    """Says one thing to the operator, as one line."""

    def __call__(self, event: str, **fields: object) -> None:
        """Say that `event` happened; fields are JSON values."""
        ...


class EndedError(WaypostError):
    """A child ended and is not started again."""

    def __init__(self, message: str, code: int) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Command:
    """What to run.

    Attributes:
        name: for logs and health.
        environ: its whole environment: nothing it does not need, since it can be read from outside.
        parent_signal: what it gets when we die, where the system can do that; elsewhere SIGKILL.
        log: file for its stderr; None = it shares ours.
        keep: file descriptors it inherits.
    """

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    parent_signal: signal.Signals = signal.SIGKILL
    log: Path | None = None
    keep: tuple[int, ...] = ()


class Child:
    """One command and the process that runs it now.

    Args:
        command: what to run.
        tell: where restarts are told.
        before_restart: called each time before it is started again.
    """

    def __init__(
        self, command: Command, tell: Tell, before_restart: Callable[[], None] = lambda: None
    ) -> None:
        self.command = command
        self._before_restart = before_restart
        self.restarts = 0
        self.last_words: deque[str] = deque(maxlen=20)
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def keep(self, ready: asyncio.Event) -> NoReturn:
        """Run it for as long as this is not cancelled; the process stays, for `stop`.

        Raises:
            EndedError: it ended before `ready`, or too often in a row.
        """
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            started = clock()
            code = await self._live()
            if not ready.is_set():
                raise self._ended(code, "before it was ready")
            failures = 1 if clock() - started >= STEADY_SECONDS else failures + 1
            if failures > len(DELAYS):
                raise self._ended(code, f"{failures} times in a row")
            self.restarts += 1
            delay = DELAYS[failures - 1]
            self._tell(
                "restart", child=self.command.name, exit=code, restarts=self.restarts, delay_seconds=delay
            )
            await asyncio.sleep(delay)
            self._before_restart()

    async def stop(self, number: signal.Signals | None, patience: float) -> None:
        """Send a signal, if any, and wait for the end; after `patience` seconds it is killed."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if number is not None:
            with suppress(ProcessLookupError):
                process.send_signal(number)
        try:
            async with asyncio.timeout(patience):
                await process.wait()
        except TimeoutError:
            self._tell("killed", child=self.command.name, after_seconds=patience)
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _live(self) -> int:
        """One life of the process, from start to exit code (negative: the signal that ended it)."""
        process = self._process = await self._start()
        leash = None if _HAS_PARENT_SIGNAL else await leash_to(process.pid)
        try:
            if self.command.log is not None and process.stderr is not None:
                with self.command.log.open("ab") as file:
                    await self._listen(process.stderr, file)
            return await process.wait()
        finally:
            if leash is not None:
                leash.kill()

    async def _start(self) -> asyncio.subprocess.Process:
        command = self.command
        try:
            return await asyncio.create_subprocess_exec(
                *command.argv,
                env=command.environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=None if command.log is None else asyncio.subprocess.PIPE,
                pass_fds=command.keep,
                process_group=0,  # Ctrl-C in a terminal is ours to answer, not its
                preexec_fn=_die_with_parent(command.parent_signal) if _HAS_PARENT_SIGNAL else None,
            )
        except OSError as error:
            msg = f"{command.name} cannot be started: {command.argv[0]}: {error.strerror}"
            raise EndedError(msg, 1) from error

    async def _listen(self, stderr: asyncio.StreamReader, file: BinaryIO) -> None:
        """Not line by line: a line may be as long as a whole configuration."""
        rest = b""
        while chunk := await stderr.read(LINE_BYTES):
            if file.tell() > LOG_BYTES:
                file.truncate(0)
            file.write(chunk)
            file.flush()
            *lines, rest = (rest[:LINE_BYTES] + chunk).split(b"\n")
            self.last_words.extend(line.decode(errors="replace") for line in lines)
        if rest:
            self.last_words.append(rest.decode(errors="replace"))

    def _ended(self, code: int, when: str) -> EndedError:
        how = f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
        words = self.complaint()
        log = "" if self.command.log is None else f" (log: {self.command.log})"
        return EndedError(f"{self.command.name} {how} {when}{words and ': ' + words}{log}", code)

    def complaint(self) -> str:
        """The last thing it said that sounds like the reason, shortened to one readable line."""
        grave = (line for line in reversed(self.last_words) if "[critical]" in line or "[error]" in line)
        line = next(grave, self.last_words[-1] if self.last_words else "")
        return line if len(line) <= 400 else f"{line[:400]}…"  # noqa: PLR2004 - a line or five in a terminal


def _die_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Linux ends the child with the thread that started it, which is the main one."""
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died while we were being started
            os._exit(1)

    return arrange


async def leash_to(pid: int) -> asyncio.subprocess.Process:
    """For systems without a parent signal: a shell that kills `pid` once a pipe only we hold is closed."""
    script = "read -r _; kill -9 $0"
    return await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", script, str(pid), stdin=asyncio.subprocess.PIPE
    )
