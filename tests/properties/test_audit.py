"""The audit log keeps what it was told, and no byte of it can change unseen."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.observe.audit import AuditLog, AuditSettings
from waypost.observe.chain import CLIP, file_name, log_files, verify
from waypost.record import AuditRecord, Matched

texts = st.text(st.characters(), max_size=20)  # surrogates included: clients can send them
matches = st.builds(Matched, texts, texts, texts, st.integers(0, 2**40), st.integers(0, 2**40))
records = st.builds(
    AuditRecord,
    type=st.sampled_from(["decision", "result", "start", "gap"]),
    request_id=texts,
    outcome=st.sampled_from(["forwarded", "answered", "blocked", "ok", "error", "aborted"]),
    actor=texts,
    decision=texts,
    rule=texts,
    owner=texts,
    justification=texts,
    reasoning=texts,
    because=texts,
    matched=st.lists(matches, max_size=3).map(tuple),
    requested_model=st.text(st.characters(), max_size=2 * CLIP),
    target=st.lists(texts, max_size=3).map(tuple),
    boundary=st.lists(texts, max_size=3).map(tuple),
    prompt_hmac=texts,
    config_sha256=texts,
    status=st.integers(0, 999),
    attempts=st.integers(0, 9),
)


def write(state_dir: Path, told: list[AuditRecord], rotate_bytes: int = 1 << 20) -> None:
    async def main() -> None:
        log = AuditLog.open(AuditSettings(rotate_bytes=rotate_bytes), state_dir)
        await asyncio.gather(*(log.append(record) for record in told))
        await log.close()

    asyncio.run(main())


def read(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in log_files(folder) for line in path.read_bytes().split(b"\n")[:-1]]


@cache
def written(count: int = 9, rotate_bytes: int = 1800) -> dict[str, bytes]:
    """A sound log of several files."""
    with tempfile.TemporaryDirectory() as state_dir:
        told = [
            AuditRecord("decision", f"req-{n}", "forwarded", because="'a' é", target=("x",))
            for n in range(count)
        ]
        write(Path(state_dir), told, rotate_bytes)
        return {path.name: path.read_bytes() for path in log_files(Path(state_dir) / "audit")}


@contextmanager
def laid_out(files: dict[str, bytes]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        yield Path(folder)


def head() -> str:
    return str(json.loads(list(written().values())[-1].split(b"\n")[-2])["hash"])


names = st.sampled_from([file_name(n) for n in range(1, len(written()) + 1)])


def test_the_sound_log_is_sound() -> None:
    assert len(written()) > 3
    with laid_out(written()) as folder:
        assert verify(folder, head()).fault is None


@settings(max_examples=400)
@given(names, st.data())
def test_a_changed_byte_is_found(name: str, data: st.DataObject) -> None:
    content = bytearray(written()[name])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    with laid_out({**written(), name: bytes(content)}) as folder:
        assert verify(folder).fault is not None


@settings(max_examples=400)
@given(names, st.data())
def test_inserted_bytes_are_found(name: str, data: st.DataObject) -> None:
    content = written()[name]
    at = data.draw(st.integers(0, len(content)))
    inserted = data.draw(
        st.binary(min_size=1, max_size=3) | st.sampled_from([b" ", b"\n", b"\r", b"\0", b"\\", b"0"])
    )
    with laid_out({**written(), name: content[:at] + inserted + content[at:]}) as folder:
        assert verify(folder).fault is not None


@settings(max_examples=400)
@given(names, st.data())
def test_removed_bytes_are_found_against_the_anchor(name: str, data: st.DataObject) -> None:
    content = written()[name]
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start + 1, len(content)) | st.just(start + 1))
    with laid_out({**written(), name: content[:start] + content[end:]}) as folder:
        assert verify(folder, head()).fault is not None


@given(st.data())
def test_removed_bytes_are_found_without_an_anchor_unless_whole_records_go_off_the_end(
    data: st.DataObject,
) -> None:
    name = list(written())[-1]
    content = written()[name]
    end = data.draw(st.integers(0, len(content) - 1))
    with laid_out({**written(), name: content[:end]}) as folder:
        is_whole = content[:end].endswith(b"\n") or end == 0
        assert (verify(folder).fault is None) == is_whole
        assert verify(folder, head()).fault is not None


@given(st.permutations(sorted(written())))
def test_files_in_another_order_are_found(order: list[str]) -> None:
    if order != sorted(written()):
        with laid_out(dict(zip(order, written().values(), strict=True))) as folder:
            assert verify(folder).fault is not None


@given(st.sets(names, min_size=1))
def test_removed_files_are_found(gone: set[str]) -> None:
    with laid_out({name: content for name, content in written().items() if name not in gone}) as folder:
        assert verify(folder, head()).fault is not None


@given(st.data())
def test_a_record_moved_or_repeated_is_found(data: st.DataObject) -> None:
    lines = b"".join(written().values()).splitlines(keepends=True)
    taken = data.draw(st.integers(0, len(lines) - 1))
    put = data.draw(st.integers(0, len(lines)).filter(lambda at: at not in {taken, taken + 1}))
    repeated = [*lines[:put], lines[taken], *lines[put:]]
    with laid_out({file_name(1): b"".join(repeated)}) as folder:
        assert verify(folder).fault is not None
    moved = [line for at, line in enumerate(repeated) if at != taken + (put <= taken)]
    with laid_out({file_name(1): b"".join(moved)}) as folder:
        assert verify(folder).fault is not None


@given(st.lists(records, max_size=8), st.integers(1, 3000))
def test_the_log_keeps_what_it_was_told_in_the_order_it_was_told(
    told: list[AuditRecord], rotate_bytes: int
) -> None:
    with tempfile.TemporaryDirectory() as state_dir:
        write(Path(state_dir), told, rotate_bytes)
        kept = read(Path(state_dir) / "audit")[1:]
        report = verify(Path(state_dir) / "audit")
    assert report.fault is None
    assert report.records == len(told) + 1
    assert [record["seq"] for record in kept] == list(range(2, len(told) + 2))
    for record, source in zip(kept, told, strict=True):
        expected = json.loads(json.dumps(asdict(source)))
        expected["requested_model"] = expected["requested_model"][:CLIP]
        assert {key: record[key] for key in expected} == expected
        assert set(record) - set(expected) == {"v", "ts", "seq", "prev", "hash"}


@settings(max_examples=60)
@given(st.data(), st.binary(max_size=40))
def test_a_crash_in_the_last_write_loses_no_whole_record(data: st.DataObject, garbage: bytes) -> None:
    name, content = list(written().items())[-1]
    cut = data.draw(st.integers(0, len(content)))
    garbage = garbage.replace(b"\n", b"")  # a page that never reached the disk holds no line end
    survived = {**written(), name: content[:cut] + garbage}
    before = b"".join(survived.values()).count(b"\n")
    with tempfile.TemporaryDirectory() as state_dir:
        folder = Path(state_dir) / "audit"
        folder.mkdir()
        for file, kept in survived.items():
            (folder / file).write_bytes(kept)
        write(Path(state_dir), [AuditRecord("decision", "after", "forwarded")])
        report = verify(folder)
        assert report.fault is None
        assert report.records == before + 2
        torn = (content[:cut] + garbage).rpartition(b"\n")[2]
        assert [path.read_bytes() for path in folder.glob("*.torn-*")] == ([torn] if torn else [])
        assert len(report.notes) == bool(torn)


def test_no_field_of_a_record_is_meant_for_text_of_a_prompt() -> None:
    """A new field is a new way for a text to be stored: whoever adds one must say here what it holds."""
    assert {field.name for field in fields(AuditRecord)} == {
        *("type", "outcome", "status", "attempts", "stream_end"),  # fixed words and counts
        *("prompt_tokens", "cached_tokens", "cache_write_tokens", "completion_tokens", "reasoning_tokens"),
        *("cost_usd", "saved_usd"),  # decimals made here
        *(
            "rule",
            "owner",
            "justification",
            "reasoning",
            "decision",
            "target",
            "boundary",
            "category",
            "model",
        ),  # the operator's words
        *("because", "matched"),  # the operator's terms and offsets
        "guards",  # names of guards, actions and types, scores and counts
        *("prompt_hmac", "config_sha256"),  # digests
        *("request_id", "actor", "requested_model"),  # names, clipped
    }
    assert {field.name for field in fields(Matched)} == {"signal", "term", "where", "start", "end"}
