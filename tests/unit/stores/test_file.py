"""The cache's file: made private, brought up to date, refused when it is another's, kept when damaged."""

import logging
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from waypost.stores import file as module
from waypost.stores.base import StoreError
from waypost.stores.file import APPLICATION, MIGRATIONS, File, transaction

INSERT = "INSERT INTO entries VALUES (?, 'p', ?, '', '', '', '', 0, 0, 0, 0, 1)"


@contextmanager
def opened(path: Path) -> Iterator[tuple[File, sqlite3.Connection]]:
    file = File.open(path)
    with closing(file.connect()) as connection:
        yield file, connection
    file.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "cache" / "answers.db"


@pytest.fixture
def made(path: Path) -> Path:
    """A file with many entries, closed."""
    with opened(path) as (_, db), transaction(db):
        for number in range(1, 2001):
            db.execute(INSERT, (number, f"key {number}" * 20))
    return path


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_a_new_file_is_private_and_ours(path: Path) -> None:
    os.umask(old := os.umask(0))
    try:
        os.umask(0o022)
        with opened(path) as (_, db), transaction(db):
            db.execute(INSERT, (1, "k"))
            for each in path.parent.iterdir():
                assert stat.S_IMODE(each.stat().st_mode) == 0o600, each.name
            assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
            assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_others_could_read_is_made_private(made: Path) -> None:
    made.chmod(0o644)
    with opened(made):
        assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_what_was_written_is_there_again(made: Path) -> None:
    with opened(made) as (file, db):
        assert db.execute("SELECT entries, size FROM totals").fetchone() == (2000, 2000)
        assert file.size() >= made.stat().st_size


def test_totals_and_removals_follow_by_themselves(made: Path) -> None:
    with opened(made) as (_, db):
        db.execute("DELETE FROM entries WHERE id <= 3")
        assert db.execute("SELECT entries, size FROM totals").fetchone() == (1997, 1997)
        assert db.execute("SELECT id FROM removed ORDER BY seq").fetchall() == [(1,), (2,), (3,)]


def test_several_may_have_it_open(made: Path) -> None:
    with opened(made), opened(made) as (_, db):
        db.execute("DELETE FROM entries")
    with opened(made) as (_, db):
        assert db.execute("SELECT entries FROM totals").fetchone() == (0,)


def test_a_file_of_the_form_before_is_brought_up_to_date(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    further = "ALTER TABLE entries ADD COLUMN colour TEXT; CREATE INDEX entries_colour ON entries (colour);"
    monkeypatch.setattr(module, "MIGRATIONS", (*MIGRATIONS, further))
    with opened(made) as (_, db):
        assert db.execute("SELECT count(*), max(colour) FROM entries").fetchone() == (2000, None)
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    with opened(made):
        pass


def test_a_step_that_fails_changes_nothing(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE more (x); SELECT * FROM nothing;"))
    with pytest.raises(StoreError):
        File.open(made)
    monkeypatch.undo()
    with opened(made) as (_, db):
        assert not db.execute("SELECT name FROM sqlite_master WHERE name = 'more'").fetchall()


def test_a_newer_file_is_refused_and_left_alone(made: Path) -> None:
    with opened(made) as (_, db):
        db.execute("PRAGMA user_version = 99")
    before = made.read_bytes()
    with pytest.raises(StoreError, match=r"newer waypost; install that one again, or remove"):
        File.open(made)
    assert made.read_bytes() == before


@pytest.mark.parametrize("content", [b"root:x:0:0\n", b"SQLite format 3\0", os.urandom(5000), b"\0" * 4096])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"not a cache of waypost; name another file") as refused:
        File.open(path)
    assert refused.value.kind == "invalid"
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="a database of another program"):
        File.open(path)
    assert path.read_bytes() == before
    assert names(path) == ["answers.db", "answers.db.lock"]


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite_the_root(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3900)


def overwrite_the_rest(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


@pytest.mark.parametrize("damage", [cut, overwrite_the_root, overwrite_the_rest])
def test_a_damaged_file_is_put_aside(made: Path, damage: object, caplog: pytest.LogCaptureFixture) -> None:
    assert callable(damage)
    damage(made)
    bad = made.read_bytes()
    with caplog.at_level(logging.ERROR), opened(made) as (_, db):
        assert db.execute("SELECT entries FROM totals").fetchone() == (0,)
    assert made.with_name("answers.db.damaged-1").read_bytes() == bad
    assert "was damaged; it is kept as 'answers.db.damaged-1' and a new one begun" in caplog.text


def test_a_suspected_file_is_put_aside_at_the_next_start(made: Path) -> None:
    with opened(made) as (file, _):
        file.suspect()
    with opened(made) as (file, db):
        assert db.execute("SELECT entries FROM totals").fetchone() == (0,)
        file.suspect()
    with opened(made):
        assert {"answers.db.damaged-1", "answers.db.damaged-2"} <= set(names(made))
    with opened(made):
        assert "answers.db.damaged-3" not in names(made)


def test_a_damaged_file_that_is_in_use_is_never_moved(made: Path) -> None:
    with opened(made) as (file, _):
        file.suspect()
        with pytest.raises(StoreError, match="stop every other process"):
            File.open(made)
        assert "answers.db.damaged-1" not in names(made)


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        File.open(tmp_path / "file" / "answers.db")
    with pytest.raises(StoreError, match="cannot be opened"):
        File.open(tmp_path)


def test_who_opens_it_for_too_long_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.0)
    path.parent.mkdir(parents=True)
    lock, alone = module._take(path)
    assert alone
    with pytest.raises(StoreError, match="another process has been opening") as busy:
        module._take(path)
    assert busy.value.kind == "busy"
    os.close(lock)


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    with opened(path) as (_, db):
        with pytest.raises(sqlite3.IntegrityError), transaction(db):
            db.executemany(INSERT, [(1, "k"), (1, "k")])
        assert db.execute("SELECT entries FROM totals").fetchone() == (0,)
        with transaction(db):
            db.execute(INSERT, (1, "k"))
        assert db.execute("SELECT entries FROM totals").fetchone() == (1,)
