"""Vectors in memory: read in pieces, kept level with the file, within bounds, never a removed answer."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from waypost.stores import indexes as module
from waypost.stores import writing
from waypost.stores.base import About, Candidate, Entry, Filter, Floats, Limits
from waypost.stores.file import File
from waypost.stores.indexes import Indexes, Question

WIDTH = 32
PLENTY = 1 << 30


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    opened = File.open(tmp_path / "answers.db")
    yield opened
    opened.close()


@pytest.fixture
def db(file: File) -> Iterator[sqlite3.Connection]:
    """The searching side."""
    with closing(file.connect()) as connection:
        yield connection


@pytest.fixture
def writer(file: File) -> Iterator[sqlite3.Connection]:
    with closing(file.connect()) as connection:
        yield connection


def vector(seed: int) -> Floats:
    made = np.random.default_rng(seed).standard_normal(WIDTH).astype(np.float32)
    return made / np.linalg.norm(made)


def keep(writer: sqlite3.Connection, *numbers: int, partition: bytes = b"p", expires: float = 1000.0) -> None:
    made = [
        (Entry(partition, b"%d" % n, About(), b"f%d" % n, vector(n).tobytes(), b"", 1.0, expires), b"\0")
        for n in numbers
    ]
    writing.write(writer, made, {}, Limits(), 5.0)


def drop(writer: sqlite3.Connection, *numbers: int) -> None:
    for number in numbers:
        writing.remove(writer, Filter(exact=b"%d" % number), 0, writing.newest(writer))


def asked(number: int, partition: bytes = b"p", count: int = 3, now: float = 5.0) -> Question:
    return Question(partition, vector(number), count, now)


def keys(found: list[Candidate] | None) -> list[bytes]:
    assert found is not None
    return [each.exact for each in found]


def test_a_partition_is_read_when_it_is_asked_for(db: sqlite3.Connection, writer: sqlite3.Connection) -> None:
    keep(writer, 1, 2, 3)
    keep(writer, 4, partition=b"q")
    indexes = Indexes(PLENTY)
    assert indexes.vectors == 0
    assert indexes.nearest(db, asked(2, count=1)) == [Candidate(b"2", pytest.approx(1, abs=1e-3), b"f2")]
    assert indexes.vectors == 3
    assert keys(indexes.nearest(db, asked(1, b"nobody's"))) == []


def test_a_large_partition_is_read_in_pieces(
    db: sqlite3.Connection, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE", 10)
    keep(writer, *range(35))
    indexes = Indexes(PLENTY)
    assert [indexes.nearest(db, asked(30)) for _ in range(3)] == [None] * 3
    keep(writer, 40)
    drop(writer, 3, 33)
    found = indexes.nearest(db, asked(30))
    assert keys(found)[0] == b"30"
    assert indexes.vectors == 34
    assert keys(indexes.nearest(db, asked(40)))[0] == b"40"
    assert b"33" not in keys(indexes.nearest(db, asked(33)))


def test_rows_and_removals_of_others_are_followed(db: sqlite3.Connection, writer: sqlite3.Connection) -> None:
    keep(writer, 1, 2)
    indexes = Indexes(PLENTY)
    indexes.nearest(db, asked(1))
    keep(writer, 3)
    keep(writer, 4, partition=b"q")
    assert keys(indexes.nearest(db, asked(3)))[0] == b"3"
    assert indexes.vectors == 3
    drop(writer, 1, 3, 4)
    assert keys(indexes.nearest(db, asked(3))) == [b"2"]
    assert indexes.vectors == 1
    keep(writer, 2)  # replaced
    assert keys(indexes.nearest(db, asked(2))) == [b"2"]
    assert indexes.vectors == 1


def test_a_long_absence_is_caught_up_with_in_pieces(
    db: sqlite3.Connection, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FOLLOWED", 10)
    indexes = Indexes(PLENTY)
    keep(writer, 1)
    indexes.nearest(db, asked(1))
    keep(writer, *range(2, 27))
    seen = [indexes.vectors for _ in range(4) if indexes.nearest(db, asked(1))]
    assert seen == [11, 21, 26, 26]


def test_who_missed_removals_reads_anew(
    db: sqlite3.Connection, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "KEPT_REMOVALS", 2)
    keep(writer, *range(20))
    indexes = Indexes(PLENTY)
    indexes.nearest(db, asked(1))
    drop(writer, *range(10))
    writing.sweep(writer, {}, 5.0)
    assert keys(indexes.nearest(db, asked(15)))[0] == b"15"
    assert indexes.vectors == 10
    drop(writer, 10)
    indexes.nearest(db, asked(15))
    assert indexes.vectors == 9


def test_a_row_that_is_gone_is_never_given_back(db: sqlite3.Connection, writer: sqlite3.Connection) -> None:
    """Even while the index does not know yet: here it is kept from hearing of it."""
    keep(writer, *range(40))
    indexes = Indexes(PLENTY)
    indexes.nearest(db, asked(1))
    drop(writer, *range(38))
    indexes._version = db.execute("PRAGMA data_version").fetchone()[0]
    assert set(keys(indexes.nearest(db, asked(1)))) <= {b"38", b"39"}
    assert indexes.vectors < 40


def test_the_search_is_widened_past_what_expired(db: sqlite3.Connection, writer: sqlite3.Connection) -> None:
    keep(writer, *range(60), expires=4.0)
    keep(writer, 99)
    assert keys(Indexes(PLENTY).nearest(db, asked(1))) == [b"99"]


def test_memory_is_bounded(db: sqlite3.Connection, writer: sqlite3.Connection) -> None:
    for number in range(20):
        keep(writer, *range(100), partition=b"%d" % number)
    one = Indexes(PLENTY)
    one.nearest(db, asked(1, b"0"))
    indexes = Indexes(3 * one.size)
    for number in range(20):
        assert keys(indexes.nearest(db, asked(7, b"%d" % number)))[0] == b"7"
        assert indexes.size <= 3 * one.size
    assert indexes.vectors == 300
    assert {*indexes._loaded} == {b"17", b"18", b"19"}
    indexes.nearest(db, asked(7, b"17"))
    indexes.nearest(db, asked(7, b"0"))
    assert {*indexes._loaded} == {b"17", b"19", b"0"}


def test_one_partition_may_take_more(db: sqlite3.Connection, writer: sqlite3.Connection) -> None:
    keep(writer, *range(50))
    keep(writer, 1, partition=b"q")
    indexes = Indexes(0)
    for partition in (b"p", b"q", b"p"):
        assert keys(indexes.nearest(db, asked(1, partition)))[0] == b"1"
        assert len(indexes._loaded) == 1
    indexes.drop()
    assert (indexes.size, indexes.vectors) == (0, 0)


def test_rows_followed_count_towards_the_bound(db: sqlite3.Connection, writer: sqlite3.Connection) -> None:
    keep(writer, 1)
    keep(writer, 1, partition=b"q")
    indexes = Indexes(1 << 14)
    indexes.nearest(db, asked(1, b"q"))
    indexes.nearest(db, asked(1))
    keep(writer, *range(2, 500))
    indexes.nearest(db, asked(1))
    assert {*indexes._loaded} == {b"p"}


def test_another_length_of_vector_begins_anew(db: sqlite3.Connection, writer: sqlite3.Connection) -> None:
    keep(writer, 1)
    indexes = Indexes(PLENTY)
    longer = np.eye(2 * WIDTH, dtype=np.float32)[0]
    assert indexes.nearest(db, Question(b"p", longer, 3, 5.0)) == []
    assert keys(indexes.nearest(db, asked(1))) == [b"1"]
