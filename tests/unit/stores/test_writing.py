"""Changes of the file, one transaction at a time."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from waypost.stores import writing
from waypost.stores.base import OVERHEAD, About, Entry, Extent, Filter, Limits
from waypost.stores.file import File
from waypost.stores.writing import Gone, browse, measure, newest, pack, remove, sweep, unpack, wipe, write

VECTOR = np.eye(8, dtype="<f4")[0].tobytes()
SMALL = Limits(max_entries=10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.db"


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    file = File.open(path)
    with closing(file.connect()) as connection:
        yield connection
    file.close()


def entry(number: int, **changed: Any) -> Entry:
    made = Entry(
        b"p", b"%d" % number, About(b"s", b"t", "m", "r"), b"features", VECTOR, b"a", 1.0 + number, 1000.0
    )
    return replace(made, **changed)


def keep(db: sqlite3.Connection, *entries: Entry, limits: Limits = Limits(), now: float = 5.0) -> Gone:  # noqa: B008 - frozen
    return write(db, [(each, pack(each.answer)) for each in entries], {}, limits, now)


def counts(db: sqlite3.Connection) -> list[int]:
    tables = ("entries", "bodies", "vectors")
    return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]  # noqa: S608 - ours


@pytest.mark.parametrize(
    "answer", [b"", b"short", b"long" * 1000, bytes(range(256)) * 2, np.random.default_rng(1).bytes(5000)]
)
def test_an_answer_is_packed_and_unpacked(answer: bytes) -> None:
    assert unpack(pack(answer)) == answer
    assert len(pack(answer)) <= len(answer) + 1


def test_a_long_answer_is_made_smaller() -> None:
    assert len(pack(b"The same words. " * 200)) < 200


@pytest.mark.parametrize("packed", [b"", b"\2abc", b"\1abc", pack(b"long" * 1000)[:-5]])
def test_damage_is_not_taken_for_an_answer(packed: bytes) -> None:
    with pytest.raises(zlib.error):
        unpack(packed)


def test_a_removed_entry_leaves_nothing_behind(db: sqlite3.Connection) -> None:
    keep(db, *(entry(number) for number in range(5)))
    assert counts(db) == [5, 5, 5]
    assert remove(db, Filter(), 0, newest(db)) == (5, Extent(5, 5 * (OVERHEAD + 8 + 2 + 16)))
    assert counts(db) == [0, 0, 0]
    assert db.execute("SELECT * FROM totals").fetchone() == (0, 0)


def test_what_was_removed_is_not_in_the_files(db: sqlite3.Connection, path: Path) -> None:
    keep(db, entry(1, features=b"a very private question", answer=b"its answer"))
    wipe(db)
    assert b"very private question" in path.read_bytes()
    remove(db, Filter(), 0, newest(db))
    wipe(db)
    for each in path.parent.iterdir():
        assert b"very private question" not in each.read_bytes()
        assert b"its answer" not in each.read_bytes()


def test_a_batch_that_fails_is_not_kept_in_part(db: sqlite3.Connection) -> None:
    keep(db, *(entry(number) for number in range(10)), limits=SMALL)
    broken = [(entry(20), b"fine"), (entry(21, about=About(model=None)), b"broken")]  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        write(db, broken, {}, SMALL, 5.0)
    assert [row.exact for row in browse(db, Filter(), 99)] == [b"%d" % number for number in range(9, -1, -1)]


def test_numbers_are_never_given_twice(db: sqlite3.Connection) -> None:
    keep(db, entry(1), entry(2))
    remove(db, Filter(), 0, newest(db))
    keep(db, entry(3))
    assert newest(db) == 3


def test_a_batch_larger_than_the_store_leaves_its_own_room(db: sqlite3.Connection) -> None:
    keep(db, *(entry(number) for number in range(10)), limits=SMALL)
    gone = keep(db, *(entry(number) for number in range(20, 26)), limits=SMALL)
    assert gone == Gone(evicted=6)
    assert [row.exact for row in browse(db, Filter(), 99)][-4:] == [b"9", b"8", b"7", b"6"]


def test_room_is_made_in_bytes(db: sqlite3.Connection) -> None:
    limits = Limits(max_bytes=8 * 1024 * 1024)
    noise = np.random.default_rng(1).bytes(1024 * 1024)
    gone = [keep(db, entry(number, answer=noise), limits=limits).evicted for number in range(10)]
    assert gone == [0] * 7 + [1] * 3


def test_expired_entries_go_first(db: sqlite3.Connection) -> None:
    keep(
        db,
        *(entry(number, expires=4.0 if number > 6 else 1000.0) for number in range(10)),
        limits=SMALL,
        now=1.0,
    )
    assert keep(db, *(entry(number) for number in range(20, 25)), limits=SMALL) == Gone(evicted=2, expired=3)


def test_replacing_makes_no_room(db: sqlite3.Connection) -> None:
    keep(db, *(entry(number) for number in range(10)), limits=SMALL)
    assert keep(db, entry(3), entry(3, answer=b"twice"), entry(4), limits=SMALL) == Gone()
    assert db.execute(
        "SELECT answer FROM bodies JOIN entries USING (id) WHERE exact = ?", (b"3",)
    ).fetchall() == [(pack(b"twice"),)]
    assert counts(db) == [10, 10, 10]


def test_removal_goes_on_where_it_stopped(db: sqlite3.Connection) -> None:
    keep(db, *(entry(number, about=About(model="m" if number % 2 else "n")) for number in range(1300)))
    above, steps, upto = 0, 0, newest(db)
    while above < upto:
        above, gone = remove(db, Filter(model="m"), above, upto)
        assert gone.entries <= writing.AT_ONCE
        steps += 1
    assert steps == 2
    assert measure(db, Filter(model="m"), 0, upto) == (upto, Extent())
    assert measure(db, Filter(partition=b"p"), 0, upto)[1].entries == 650


def test_what_came_later_is_not_removed(db: sqlite3.Connection) -> None:
    keep(db, entry(1))
    upto = newest(db)
    keep(db, entry(2))
    remove(db, Filter(), 0, upto)
    assert [row.exact for row in browse(db, Filter(), 9)] == [b"2"]


def test_uses_are_added_up(db: sqlite3.Connection) -> None:
    keep(db, entry(1))
    write(db, [], {1: (2, 50.0), 99: (1, 1.0)}, SMALL, 60.0)
    sweep(db, {1: (1, 40.0)}, 60.0)
    (row,) = browse(db, Filter(), 9)
    assert (row.hits, row.used) == (3, 50.0)


def test_a_sweep_takes_some_of_what_expired(db: sqlite3.Connection) -> None:
    keep(db, *(entry(number, expires=9.0 if number < 700 else 1000.0) for number in range(800)))
    assert [sweep(db, {}, 9.0) for _ in range(3)] == [500, 200, 0]
    assert counts(db)[0] == 100


def test_removals_are_remembered_for_a_while(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "KEPT_REMOVALS", 10)
    keep(db, *(entry(number) for number in range(30)))
    remove(db, Filter(), 0, newest(db))
    sweep(db, {}, 5.0)
    assert db.execute("SELECT min(id), max(id) FROM removed").fetchone() == (21, 30)


def test_the_file_shrinks(db: sqlite3.Connection, path: Path) -> None:
    noise = np.random.default_rng(1).bytes(100_000)
    keep(db, *(entry(number, answer=noise) for number in range(100)))
    wipe(db)
    large = path.stat().st_size
    remove(db, Filter(), 0, newest(db))
    for _ in range(3):
        sweep(db, {}, 5.0)
    wipe(db)
    assert path.stat().st_size < large / 3
