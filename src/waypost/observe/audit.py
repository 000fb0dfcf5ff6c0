"""The audit log: who was sent where, by which rule, on what evidence; never the text.

The event loop seals records into a chain (`chain.py`); one thread writes them, a batch and one
`fdatasync` at a time. A batch that fails is cut off and written again, so nothing is written twice.
"""

import asyncio
import fcntl
import hmac
import logging
import os
import secrets
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal, Self

from waypost.configurable import configurable
from waypost.errors import EngineError
from waypost.observe.chain import GENESIS, LOCK, file_name, file_number, log_files, read_tail, seal
from waypost.record import AuditRecord

Clock = Callable[[], datetime]

KEY = "audit.key"
"""Name of the digest key in the state folder; not in the audit folder, which may be copied out."""

RETRY_SECONDS = 1.0
_LOCK_SECONDS = (
    1.0  # a worker that was just replaced may still be closing; `verify` holds it for microseconds
)

log = logging.getLogger(__name__)


@configurable
class AuditSettings:
    """How the audit log is written."""

    durability: Literal["batch", "always"] = "batch"
    """`batch` = records are on disk within `flush_seconds`; `always` = a decision waits for its own."""

    flush_seconds: float = 0.05
    """How long `batch` collects records; also the most that a power cut or a killed worker can take."""

    rotate_bytes: int = 64 * 1024 * 1024
    """Size at which the next file begins; no file is ever deleted."""

    on_error: Literal["block", "allow"] = "block"
    """When records cannot be written: `block` = decisions are refused; `allow` = they go on, and the log says
    how many are missing."""

    queue_records: int = 10_000
    """How many records may wait for a slow or failing disk; beyond it `block` waits and `allow` drops."""

    def __post_init__(self) -> None:
        if not 0.01 <= self.flush_seconds <= 60:  # noqa: PLR2004 - named by the message
            raise ValueError("flush_seconds must be between 0.01 and 60")
        if self.rotate_bytes < 1:
            raise ValueError("rotate_bytes must be at least 1")
        if self.queue_records < 1:
            raise ValueError("queue_records must be at least 1")


def now_utc() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(eq=False)
class _Batch:
    """Lines that go to one file with one sync; `done` tells those who wait for it."""

    file: int
    lines: list[bytes] = field(default_factory=list[bytes])
    done: "asyncio.Future[None] | None" = None


class AuditLog:
    """An open log; one per `state_dir`, used from one event loop.

    Attributes:
        records: accepted by this process.
        dropped: not recorded, under `on_error: allow`.
        write_errors: batches that failed to reach the disk, retries included.
        failing: why the last write failed; empty while all is well.
        head: hash of the last accepted record.
    """

    def __init__(
        self, settings: AuditSettings, file: "_File", lock: int, key: bytes, clock: Clock, tip: "_Tip"
    ) -> None:
        self.records = 0
        self.dropped = 0
        self.write_errors = 0
        self.failing = ""
        self.head = tip.head
        self._seq = tip.seq
        self._number = file.number
        self._size = file.size
        self._settings = settings
        self._file = file
        self._lock = lock
        self._key = key
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "waypost-audit")
        self._batches: deque[_Batch] = deque()
        self._waiting = 0
        self._unreported = 0
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._moved: asyncio.Event = asyncio.Event()
        self._closed = False

    @classmethod
    def open(
        cls,
        settings: AuditSettings,
        state_dir: Path,
        *,
        revision: str = "",
        clock: Clock = now_utc,
    ) -> Self:
        """Take the log of `state_dir` and write a `start` record. Blocks on the disk: at start only.

        An unfinished last line is kept beside its file, cut off and noted in the start record. Damaged
        lines stay as they are for `verify` to find, and records go on in the next file.

        `revision` is that of the policy the worker starts with; `clock` gives wall time with a zone.

        Raises:
            EngineError: the folder cannot be used, or another process has the log.
        """
        folder = state_dir / "audit"
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            lock = _take_lock(folder / LOCK)
            try:
                key = _load_key(state_dir / KEY)
                tip = _recover(folder)
                file = _File(folder, tip.number)
                opened = cls(settings, file, lock, key, clock, tip)
                opened._begin(tip.note, revision)
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            raise EngineError(f"the audit log in {str(folder)!r} cannot be opened: {error}") from error
        return opened

    def _begin(self, note: str, revision: str) -> None:
        if note:
            log.error("audit log: %s", note)
        because = "; ".join(filter(None, (note, f"digest key {self.digest(b'')[:16]}")))
        outcome = "recovered" if note else "started"
        self._seal(AuditRecord("start", "", outcome, because=because, config_sha256=revision))
        batch = self._batches.popleft()
        self._file.write(batch.file, b"".join(batch.lines))
        self._waiting = 0

    def digest(self, data: bytes) -> str:
        """HMAC-SHA256, hex, of what a client sent: equal texts match; without the key none can be guessed."""
        return hmac.digest(self._key, data, "sha256").hex()

    async def append(self, record: AuditRecord) -> None:
        """Record it: queued (`batch`) or on disk (`always`) on return; order of calls is order in the log.

        Raises:
            EngineError: under `on_error: block`, the record is not safe and its decision must not stand.
        """
        allow = self._settings.on_error == "allow"
        while True:
            if self._closed:
                raise EngineError("the audit log is closed")
            if self.failing and not allow:
                raise EngineError(f"the audit log cannot be written: {self.failing}")
            if self._waiting < self._settings.queue_records:
                break
            if allow:
                self.dropped += 1
                self._unreported += 1
                return
            self._flush()
            await self._moved.wait()
        if self._unreported:
            because = f"{self._unreported} records could not be written"
            self._unreported = 0
            self._seal(AuditRecord("gap", "", "lost", because=because))
        batch = self._seal(record)
        self._schedule()
        if self._settings.durability == "always" and not self.failing:
            await self._on_disk(batch, allow=allow)

    async def close(self) -> None:
        """Write what waits and let go of the log.

        Raises:
            EngineError: records were lost; how many.
        """
        if self._closed:
            return
        self._closed = True
        while self._writing or self._batches:
            self._flush()
            await self._moved.wait()
            if self.failing and not self._writing:
                break
        self._thread.shutdown()
        self._file.close()
        os.close(self._lock)
        if lost := self._waiting + self._unreported:
            raise EngineError(f"{lost} audit records were lost at shutdown: {self.failing}")

    def _seal(self, record: AuditRecord) -> _Batch:
        """Chain a record and put it into the batch of its file."""
        stamp = self._clock().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        self._seq += 1
        line, self.head = seal(record, seq=self._seq, ts=stamp, prev=self.head)
        if self._size and self._size + len(line) > self._settings.rotate_bytes:
            self._number += 1
            self._size = 0
        self._size += len(line)
        batch = self._batches[-1] if self._batches else None
        if batch is None or batch.file != self._number or (self._writing and len(self._batches) == 1):
            batch = _Batch(self._number)
            self._batches.append(batch)
        batch.lines.append(line)
        self._waiting += 1
        self.records += 1
        return batch

    async def _on_disk(self, batch: _Batch, *, allow: bool) -> None:
        batch.done = batch.done or asyncio.get_running_loop().create_future()
        try:
            await asyncio.shield(batch.done)
        except OSError as error:
            if not allow:
                raise EngineError(f"the audit log cannot be written: {error}") from error

    def _schedule(self) -> None:
        """See that the oldest batch will be written."""
        if self._writing:
            return
        if not self.failing and 2 * self._waiting >= self._settings.queue_records:
            self._flush()
        elif not self._timer:
            delay = 0.0 if self._settings.durability == "always" else self._settings.flush_seconds
            delay = RETRY_SECONDS if self.failing else delay
            self._timer = asyncio.get_running_loop().call_later(delay, self._flush)

    def _flush(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._moved.clear()
        if self._writing or not self._batches:
            return
        batch = self._batches[0]
        self._writing = True
        loop = asyncio.get_running_loop()
        written = loop.run_in_executor(self._thread, self._file.write, batch.file, b"".join(batch.lines))
        written.add_done_callback(partial(self._written, batch))

    def _written(self, batch: _Batch, written: "asyncio.Future[None]") -> None:
        self._writing = False
        error = written.exception()
        if error is None:
            self._batches.popleft()
            self._waiting -= len(batch.lines)
            if self.failing:
                log.warning("audit log: records are written again")
            self.failing = ""
        else:
            self.write_errors += 1
            if not self.failing:
                log.error("audit log: records cannot be written: %s", error)
            self.failing = str(error)
        done, batch.done = batch.done, None
        if done and not done.done():
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
        self._moved.set()
        if self._batches and not self._closed:
            self._schedule()


class _File:
    """The thread's side: the newest file; after a failed write it is cut back to its last synced byte."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        self._path = folder / file_name(number)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._unsure = False
        self.number = number
        self.size = os.fstat(self._fd).st_size

    def write(self, number: int, data: bytes) -> None:
        """Append whole lines and have them on disk on return.

        Raises:
            OSError: none of them counts; call again with the same lines, or more.
        """
        if number != self.number:
            path = self._folder / file_name(number)
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            os.close(self._fd)
            self._fd, self._path, self.number, self.size, self._unsure = fd, path, number, 0, False
        self._check()
        self._unsure = True
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        getattr(os, "fdatasync", os.fsync)(self._fd)  # macOS has no fdatasync
        if not self.size:
            _sync_folder(self._folder)
        self.size += len(data)
        self._unsure = False

    def _check(self) -> None:
        """Refuse to write on where somebody else moved, cut or extended the file."""
        ours, named = os.fstat(self._fd), self._path.stat()
        if not os.path.samestat(ours, named):
            raise OSError(f"{self._path} was moved or replaced while in use; restart the worker")
        if self._unsure and ours.st_size > self.size:
            os.ftruncate(self._fd, self.size)
        elif ours.st_size != self.size:
            raise OSError(f"{self._path} was changed while in use; restart the worker")

    def close(self) -> None:
        os.close(self._fd)


@dataclass(frozen=True, slots=True)
class _Tip:
    """Where the chain goes on: after record `seq` with hash `head`, in file `number`."""

    number: int
    seq: int
    head: str
    note: str


def _recover(folder: Path) -> _Tip:
    """Find the last sound record; put an unfinished line behind it aside."""
    files = log_files(folder)
    number, note = (file_number(files[-1]) if files else 1), ""
    seq, head = 0, GENESIS
    for path in reversed(files):
        tail = read_tail(path)
        if path is files[-1] and tail.damaged:
            number += 1
            note = f"{path.name} ends in damaged lines, left as they are; run `waypost audit verify`"
        elif path is files[-1] and tail.torn:
            kept = _put_aside(path, tail.torn)
            note = f"{path.name} ended in {len(tail.torn)} bytes of an unfinished record, now in {kept}"
        if tail.last:
            seq, head = tail.last["seq"], tail.last["hash"]
            break
    return _Tip(number, seq, head, note)


def _put_aside(path: Path, torn: bytes) -> str:
    end = path.stat().st_size - len(torn)
    kept = path.with_name(f"{path.name}.torn-{end}")
    fd = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(torn)
        file.flush()
        os.fsync(fd)
    _sync_folder(path.parent)
    os.truncate(path, end)
    return kept.name


def _take_lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    give_up = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < give_up:
                time.sleep(0.05)
                continue
            owner = os.pread(fd, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            message = f"process {owner} writes the audit log in {str(path.parent)!r}; use another state_dir"
            raise EngineError(message) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return fd


def _load_key(path: Path) -> bytes:
    """The digest key, made on first use; of two processes that make one, the slower reads the other's."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(fd)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        _sync_folder(path.parent)
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) < 32:  # noqa: PLR2004 - named by the message
        raise EngineError(f"{str(path)!r} is no digest key: 32 bytes or more in hex are expected")
    return key


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
