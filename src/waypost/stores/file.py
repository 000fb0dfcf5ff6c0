"""The cache's file: found sound or made, brought to the newest form, or put aside.

Everyone who has it open holds a shared lock on a file beside it. Who comes first holds it alone for a moment,
and only then may a damaged file be moved: a file that somebody else has open is never moved.
"""

import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waypost.stores.base import Eviction, StoreError
from waypost.stores.hand import explain

APPLICATION: Final = 0x57617970
"""Stands in the file's header: it is ours."""

MIGRATIONS: Final = (
    """
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, partition BLOB NOT NULL, exact BLOB NOT NULL,
        scope BLOB NOT NULL, text BLOB NOT NULL, model TEXT NOT NULL, rule TEXT NOT NULL,
        created REAL NOT NULL, expires REAL NOT NULL, used REAL NOT NULL,
        hits INTEGER NOT NULL, size INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX entries_key ON entries (partition, exact);
    CREATE INDEX entries_expires ON entries (expires);
    CREATE TABLE bodies (id INTEGER PRIMARY KEY, features BLOB NOT NULL, answer BLOB NOT NULL);
    CREATE TABLE vectors (
        partition BLOB NOT NULL, id INTEGER NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (partition, id)
    ) WITHOUT ROWID;
    CREATE TABLE removed (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, partition BLOB NOT NULL, id INTEGER NOT NULL
    );
    CREATE TABLE totals (entries INTEGER NOT NULL, size INTEGER NOT NULL);
    INSERT INTO totals VALUES (0, 0);
    CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
        UPDATE totals SET entries = entries + 1, size = size + new.size;
    END;
    CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
        DELETE FROM bodies WHERE id = old.id;
        DELETE FROM vectors WHERE partition = old.partition AND id = old.id;
        INSERT INTO removed (partition, id) VALUES (old.partition, old.id);
        UPDATE totals SET entries = entries - 1, size = size - old.size;
    END;
    """,
)
"""The steps from each `user_version` to the next. Numbers of entries only grow, so that others can follow."""

_HELPS: Final[Mapping[Eviction, str]] = {
    "lru": "CREATE INDEX IF NOT EXISTS entries_used ON entries (used)",
    "lfu": "CREATE INDEX IF NOT EXISTS entries_hits ON entries (hits, used)",
}

_SETTINGS: Final = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "secure_delete = ON",  # what is removed shall not be found in the file
    "trusted_schema = OFF",
    "cache_size = -8000",
    "journal_size_limit = 67108864",
)

BUSY_SECONDS: Final = 5.0
"""How long a writer waits for another process."""

_LOCK_SECONDS: Final = 10.0
_MAGIC: Final = b"SQLite format 3\0"
_HEADER: Final = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class File:
    """An open cache file.

    Attributes:
        lock: descriptor that says it is in use.
    """

    path: Path
    lock: int

    @classmethod
    def open(cls, path: Path) -> "File":
        """Take the file, made first if there is none. Blocks: at start only.

        A damaged file is kept beside it under another name, and a new one begun.

        Raises:
            StoreError: it cannot be used; what to do.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock, alone = _take(path.with_name(f"{path.name}.lock"))
            with ExitStack() as undo:
                undo.callback(os.close, lock)
                _prepare(path, alone=alone)
                fcntl.flock(lock, fcntl.LOCK_SH)
                undo.pop_all()
        except OSError as error:
            raise StoreError(
                "failed", f"the cache {str(path)!r} cannot be opened: {error.strerror}"
            ) from error
        except sqlite3.Error as error:
            told = explain(error)
            raise StoreError(told.kind, f"{str(path)!r}: {told}") from error
        return cls(path, lock)

    def connect(self) -> sqlite3.Connection:
        """A connection, to be used by one thread at a time."""
        return _connect(self.path)

    def prepare(self, eviction: Eviction) -> None:
        """Make the index that the policy needs; takes a second where there are a million entries."""
        if statement := _HELPS.get(eviction):
            with closing(_connect(self.path)) as connection:
                connection.execute(statement)

    def suspect(self) -> None:
        """Have the file put aside at the next start: something in it could not be read."""
        _marker(self.path).touch(mode=0o600)

    def size(self) -> int:
        """Bytes on disk, its log included."""
        named = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(each.stat().st_size for each in named if each.exists())

    def close(self) -> None:
        """Let go, once every connection is closed."""
        os.close(self.lock)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Everything or nothing; waits for other writers first."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # it failed, and a full disk has not ended it already
            connection.execute("ROLLBACK")


def _prepare(path: Path, *, alone: bool) -> None:
    """See that there is a sound file of the newest form."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    _must_be_ours(path)
    if _marker(path).exists() or not _is_sound(path):
        if not alone:
            told = "is damaged and in use; stop every other process that uses it and start again"
            raise StoreError("damaged", f"the cache {str(path)!r} {told}")
        kept = _put_aside(path)
        log.error("the cache %r was damaged; it is kept as %r and a new one begun", str(path), kept)
        _prepare(path, alone=alone)


def _must_be_ours(path: Path) -> None:
    """Refuse a file that somebody else wrote, before SQLite may change it."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
    elsewhere = "name another file under `path`; this one was left as it is"
    if header and (len(header) < _HEADER or not header.startswith(_MAGIC)):
        raise StoreError("invalid", f"{str(path)!r} is not a cache of waypost; {elsewhere}")
    if header and int.from_bytes(header[68:72]) != APPLICATION:
        raise StoreError("invalid", f"{str(path)!r} is a database of another program; {elsewhere}")


def _is_sound(path: Path) -> bool:
    """Bring the file to the newest form; False = it cannot be read."""
    try:
        connection = _connect(path, new=not path.stat().st_size)
        try:
            _migrate(connection, path)
            connection.execute("SELECT entries, size FROM totals").fetchone()
            connection.execute("SELECT max(id) FROM entries").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if explain(error).kind != "damaged":
            raise
        return False
    return True


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version > len(MIGRATIONS):
        remedy = "install that one again, or remove the file: it is only a cache"
        raise StoreError("invalid", f"the cache {str(path)!r} was written by a newer waypost; {remedy}")
    if version == len(MIGRATIONS):
        return
    with transaction(connection):
        for number in range(_version(connection), len(MIGRATIONS)):
            for statement in _statements(MIGRATIONS[number]):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _statements(script: str) -> Iterator[str]:
    """One by one: `executescript` would end the transaction."""
    gathered = ""
    for piece in script.split(";"):
        gathered += piece + ";"
        if sqlite3.complete_statement(gathered):
            if gathered.strip(" \n;"):
                yield gathered
            gathered = ""


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _connect(path: Path, *, new: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    with ExitStack() as undo:
        undo.callback(connection.close)
        if new:  # before there is a log beside it: the header itself must say whose file it is
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        undo.pop_all()
    return connection


def _put_aside(path: Path) -> str:
    """Rename the file and its log; the name it has now."""
    stem = f"{path.name}.damaged"
    number = 1 + sum(1 for each in path.parent.iterdir() if each.name.startswith(stem))
    for ending in ("", "-wal", "-shm", "-journal"):
        old = path.with_name(path.name + ending)
        if old.exists():
            old.rename(path.with_name(f"{stem}-{number}{ending}"))
    _marker(path).unlink(missing_ok=True)
    return f"{stem}-{number}"


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.suspect")


def _take(path: Path) -> tuple[int, bool]:
    """Lock the cache, alone if nobody else has it open; whether it is alone."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    give_up = time.monotonic() + _LOCK_SECONDS
    while True:
        for how in (fcntl.LOCK_EX, fcntl.LOCK_SH):
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return lock, how == fcntl.LOCK_EX
        if time.monotonic() > give_up:
            os.close(lock)
            raise StoreError("busy", f"another process has been opening the cache {str(path)!r} for too long")
        time.sleep(0.02)
