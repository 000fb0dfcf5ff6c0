"""What the writing thread does: every change of the file is one short transaction here."""

import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from waypost.stores.base import OVERHEAD, About, Entry, Eviction, Extent, Filter, Limits, Row, unit
from waypost.stores.file import transaction

AT_ONCE: Final = 500
"""Entries removed in one transaction: others may write in between."""

KEPT_REMOVALS: Final = 20_000
"""How many removals are remembered for other processes; who missed more loads its vectors again."""

_PLAIN, _DEFLATED = b"\0", b"\1"
_WORTH: Final = 256
"""Answers shorter than this are not compressed."""

_FREE_PAGES: Final = 256
"""Unused pages of the file that are left for what comes next; 1 MiB."""

_PAGES_AT_ONCE: Final = 4096
"""Most pages that one sweep gives back; 16 MiB."""

_COLUMNS: Final = """
    SELECT id, partition, exact, scope, text, model, rule, created, expires, used, hits, size FROM entries
    WHERE id > :above AND id <= :upto AND (:exact IS NULL OR exact = :exact)
    AND (:scope IS NULL OR scope = :scope) AND (:text IS NULL OR text = :text)
    AND (:model IS NULL OR model = :model) AND (:rule IS NULL OR rule = :rule)
    AND (:before IS NULL OR created < :before) """
_IN: Final = _COLUMNS + "AND partition = :partition "
_FORWARD, _LATEST = "ORDER BY id LIMIT :limit", "ORDER BY id DESC LIMIT :limit"

_VICTIMS: Final[Mapping[Eviction, str]] = {
    "lru": "SELECT id, size FROM entries ORDER BY used, id LIMIT ?",
    "lfu": "SELECT id, size FROM entries ORDER BY hits, used, id LIMIT ?",
    "fifo": "SELECT id, size FROM entries ORDER BY id LIMIT ?",
}
Uses = Mapping[int, tuple[int, float]]
"""How often an entry was given out, and when last, by id."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What was removed without being asked for."""

    evicted: int = 0
    expired: int = 0


def write(
    db: sqlite3.Connection, entries: Sequence[tuple[Entry, bytes]], uses: Uses, limits: Limits, now: float
) -> Gone:
    """Keep entries, each with its packed answer, and make room for them first; all of it or nothing."""
    entries = list({(entry.partition, entry.exact): (entry, answer) for entry, answer in entries}.values())
    with transaction(db):
        _count(db, uses)
        for entry, _ in entries:
            db.execute(
                "DELETE FROM entries WHERE partition = ? AND exact = ?", (entry.partition, entry.exact)
            )
        sizes = [size_of(entry, answer) for entry, answer in entries]
        gone = _make_room(db, Extent(len(entries), sum(sizes)), limits, now)
        for (entry, answer), size in zip(entries, sizes, strict=True):
            _insert(db, entry, answer, size)
    return gone


def size_of(entry: Entry, answer: bytes) -> int:
    """Bytes that count towards the limit."""
    return OVERHEAD + len(answer) + len(entry.features) + len(entry.vector) // 2


def pack(answer: bytes) -> bytes:
    """An answer as it stands in the file."""
    if len(answer) >= _WORTH:
        small = zlib.compress(answer, 1)
        if len(small) < len(answer):
            return _DEFLATED + small
    return _PLAIN + answer


def unpack(packed: bytes) -> bytes:
    """An answer as it was put in.

    Raises:
        zlib.error: it is damaged.
    """
    kind, rest = packed[:1], packed[1:]
    if kind == _DEFLATED:
        return zlib.decompress(rest)
    if kind != _PLAIN:
        raise zlib.error("an answer that was packed in no known way")
    return rest


def remove(db: sqlite3.Connection, which: Filter, above: int, upto: int) -> tuple[int, Extent]:
    """Remove some of the entries with ids beyond `above`; up to which id none is left, and what went."""
    with transaction(db):
        met = _some(db, which, above, upto, AT_ONCE)
        db.executemany("DELETE FROM entries WHERE id = ?", [(number,) for number, _ in met])
    return _reached(met, upto), _extent(met)


def measure(db: sqlite3.Connection, which: Filter, above: int, upto: int) -> tuple[int, Extent]:
    """What `remove` would remove, a larger piece at once."""
    met = _some(db, which, above, upto, 20 * AT_ONCE)
    return (upto if len(met) < 20 * AT_ONCE else met[-1][0]), _extent(met)


def newest(db: sqlite3.Connection) -> int:
    """The highest id there is."""
    return db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchone()[0]


def browse(db: sqlite3.Connection, which: Filter, limit: int) -> list[Row]:
    """Entries, the latest first."""
    statement = _COLUMNS + _LATEST if which.partition is None else _IN + _LATEST
    return [row_of(found[1:]) for found in db.execute(statement, _asked(which, 0, newest(db), limit))]


def row_of(found: Sequence[Any]) -> Row:
    """An entry from its columns, `partition` to `size`."""
    partition, exact, scope, text, model, rule, created, expires, used, hits, size = found
    return Row(partition, exact, About(scope, text, model, rule), created, expires, used, hits, size)


def sweep(db: sqlite3.Connection, uses: Uses, now: float) -> int:
    """Remove some of what has expired; how many entries. Fewer than `AT_ONCE` = that was all."""
    with transaction(db):
        _count(db, uses)
        gone = db.execute(
            "DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE expires <= ? LIMIT ?)",
            (now, AT_ONCE),
        ).rowcount
        db.execute("DELETE FROM removed WHERE seq <= (SELECT max(seq) FROM removed) - ?", (KEPT_REMOVALS,))
    if gone:
        wipe(db)
    spare: int = db.execute("PRAGMA freelist_count").fetchone()[0]
    if spare > _FREE_PAGES:
        pages = min(spare - _FREE_PAGES, _PAGES_AT_ONCE)
        db.executescript(f"PRAGMA incremental_vacuum({pages})")  # `execute` would free a single page
    return gone


def wipe(db: sqlite3.Connection) -> None:
    """See that what was removed is not in the log beside the file either, unless somebody reads for long."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _count(db: sqlite3.Connection, uses: Uses) -> None:
    db.executemany(
        "UPDATE entries SET hits = hits + ?, used = max(used, ?) WHERE id = ?",
        [(hits, used, number) for number, (hits, used) in uses.items()],
    )


def _make_room(db: sqlite3.Connection, coming: Extent, limits: Limits, now: float) -> Gone:
    entries, size = db.execute("SELECT entries, size FROM totals").fetchone()
    over = Extent(entries + coming.entries - limits.max_entries, size + coming.size - limits.max_bytes)
    stale = "SELECT id, size FROM entries WHERE expires <= ? LIMIT ?"
    expired = evicted = 0
    while over.entries > 0 or over.size > 0:
        at_once = min(max(over.entries, 16), AT_ONCE)
        if late := db.execute(stale, (now, at_once)).fetchall():
            victims, over = _enough(late, over)
            expired += len(victims)
        else:
            victims, over = _enough(db.execute(_VICTIMS[limits.eviction], (at_once,)).fetchall(), over)
            evicted += len(victims)
        if not victims:
            break
        db.executemany("DELETE FROM entries WHERE id = ?", victims)
    return Gone(evicted, expired)


def _enough(found: Sequence[tuple[int, int]], over: Extent) -> tuple[list[tuple[int]], Extent]:
    """As many ids as are needed, and how much there is still too much then."""
    victims: list[tuple[int]] = []
    for number, freed in found:
        if over.entries <= 0 and over.size <= 0:
            break
        victims.append((number,))
        over = Extent(over.entries - 1, over.size - freed)
    return victims, over


def _insert(db: sqlite3.Connection, entry: Entry, answer: bytes, size: int) -> None:
    about = entry.about
    keys = (entry.partition, entry.exact, about.scope, about.text, about.model, about.rule)
    number = db.execute(
        "INSERT INTO entries (partition, exact, scope, text, model, rule, created, expires, used, hits, size)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (*keys, entry.created, entry.expires, entry.created, size),
    ).lastrowid
    db.execute("INSERT INTO bodies VALUES (?, ?, ?)", (number, entry.features, answer))
    if entry.vector:
        half = unit(entry.vector).astype(np.float16).tobytes()
        db.execute("INSERT INTO vectors VALUES (?, ?, ?)", (entry.partition, number, half))


def _some(db: sqlite3.Connection, which: Filter, above: int, upto: int, limit: int) -> list[tuple[int, int]]:
    """Ids and sizes."""
    statement = _COLUMNS + _FORWARD if which.partition is None else _IN + _FORWARD
    return [(found[0], found[-1]) for found in db.execute(statement, _asked(which, above, upto, limit))]


def _asked(which: Filter, above: int, upto: int, limit: int) -> dict[str, Any]:
    return asdict(which) | {"above": above, "upto": upto, "limit": limit}


def _reached(met: Sequence[tuple[int, int]], upto: int) -> int:
    return upto if len(met) < AT_ONCE else met[-1][0]


def _extent(met: Sequence[tuple[int, int]]) -> Extent:
    return Extent(len(met), sum(size for _, size in met))
