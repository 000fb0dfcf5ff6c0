"""The worker's side of the audit log: durability, failing disks, recovery, one writer, the digest key."""

import asyncio
import errno
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from waypost.configurable import build
from waypost.errors import EngineError
from waypost.observe import audit
from waypost.observe.audit import AuditLog, AuditSettings
from waypost.observe.chain import verify
from waypost.record import AuditRecord, Matched

NEVER = 60.0
ALWAYS = AuditSettings(durability="always")


class Clock:
    """Wall time that moves by one second per look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Disk:
    """`os.fdatasync` that fails or waits on demand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.syncs = 0
        self.is_full = False
        self.free = threading.Event()
        self.free.set()
        self._real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self)
        monkeypatch.setattr(audit, "RETRY_SECONDS", 0.01)

    def __call__(self, fd: int) -> None:
        self.free.wait(30)
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.syncs += 1
        self._real(fd)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def decision(number: int = 1) -> AuditRecord:
    return AuditRecord("decision", f"req-{number}", "forwarded", decision="bank", target=("onprem",))


def written(state_dir: Path) -> list[dict[str, Any]]:
    files = sorted((state_dir / "audit").glob("audit-*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_bytes().splitlines()]


def ids(state_dir: Path) -> list[str]:
    return [record["request_id"] for record in written(state_dir) if record["type"] == "decision"]


def record_in(state_dir: Path, count: int, settings: AuditSettings = ALWAYS, first: int = 1) -> None:
    async def main() -> None:
        log = AuditLog.open(settings, state_dir, clock=Clock())
        for number in range(first, first + count):
            await log.append(decision(number))
        await log.close()

    asyncio.run(main())


@pytest.mark.parametrize("key", ["flush_seconds", "rotate_bytes", "queue_records"])
def test_settings_refuse_zero(key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        build(AuditSettings, {key: 0})


def test_a_log_begins_with_a_start_record(tmp_path: Path) -> None:
    async def main() -> None:
        await AuditLog.open(AuditSettings(), tmp_path, revision="abc", clock=Clock()).close()

    asyncio.run(main())
    (start,) = written(tmp_path)
    assert (start["type"], start["outcome"], start["config_sha256"]) == ("start", "started", "abc")
    assert (start["seq"], start["prev"], start["ts"]) == (1, "0" * 64, "2026-11-20T08:00:01.000000Z")
    assert verify(tmp_path / "audit").fault is None


def test_the_record_holds_every_field_and_only_those(tmp_path: Path) -> None:
    told = AuditRecord(
        "decision",
        "req",
        "forwarded",
        actor="team=trading",
        decision="bank",
        rule="bank",
        owner="compliance",
        justification="law",
        reasoning="stay inside",
        because="keyword",
        matched=(Matched("keyword_match", "internal", "messages[0]", 3, 11),),
        requested_model="auto",
        target=("a", "b"),
        boundary=("internal",),
        prompt_hmac="ff",
        config_sha256="ee",
        status=200,
        attempts=2,
        guards=("pii mask EMAIL_ADDRESS 0.950", "masked EMAIL_ADDRESS=2"),
    )

    async def main() -> None:
        log = AuditLog.open(ALWAYS, tmp_path)
        await log.append(told)
        await log.close()

    asyncio.run(main())
    record = written(tmp_path)[-1]
    for added in ("v", "ts", "seq", "prev", "hash"):
        record.pop(added)
    matched = [{"signal": "keyword_match", "term": "internal", "where": "messages[0]", "start": 3, "end": 11}]
    names = AuditRecord.__slots__
    assert record == {name: getattr(told, name) for name in names} | {
        "matched": matched,
        "target": ["a", "b"],
        "boundary": ["internal"],
        "guards": ["pii mask EMAIL_ADDRESS 0.950", "masked EMAIL_ADDRESS=2"],
    }


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    state = tmp_path / "state"
    record_in(state, 3, AuditSettings(rotate_bytes=1))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [state, *state.rglob("*")]}
    assert modes.pop("state") == modes.pop("audit") == 0o700
    assert "audit.key" in modes
    assert "audit-000003.jsonl" in modes
    assert set(modes.values()) == {0o600}


def test_the_chain_goes_on_after_a_restart_and_across_files(tmp_path: Path) -> None:
    record_in(tmp_path, 3)
    record_in(tmp_path, 3, AuditSettings(rotate_bytes=1), first=4)
    assert ids(tmp_path) == [f"req-{n}" for n in range(1, 7)]
    report = verify(tmp_path / "audit")
    assert (report.fault, report.records, report.files) == (None, 8, 5)


def test_a_file_is_rotated_before_it_passes_its_size(tmp_path: Path) -> None:
    record_in(tmp_path, 20, AuditSettings(rotate_bytes=2000))
    sizes = [path.stat().st_size for path in (tmp_path / "audit").glob("audit-*.jsonl")]
    assert len(sizes) > 5
    assert max(sizes) <= 2000


def test_always_returns_when_the_record_is_on_disk(tmp_path: Path) -> None:
    async def main() -> None:
        log = AuditLog.open(ALWAYS, tmp_path)
        await log.append(decision(1))
        assert ids(tmp_path) == ["req-1"]
        await log.close()

    asyncio.run(main())


def test_always_shares_one_sync_among_those_who_wait(tmp_path: Path, disk: Disk) -> None:
    async def main() -> None:
        log = AuditLog.open(ALWAYS, tmp_path)
        before = disk.syncs
        await asyncio.gather(*(log.append(decision(n)) for n in range(50)))
        assert disk.syncs == before + 1
        await log.close()

    asyncio.run(main())
    assert ids(tmp_path) == [f"req-{n}" for n in range(50)]


def test_batch_returns_at_once_and_writes_at_close(tmp_path: Path) -> None:
    async def main() -> None:
        log = AuditLog.open(AuditSettings(flush_seconds=NEVER), tmp_path)
        await log.append(decision())
        assert ids(tmp_path) == []
        await log.close()

    asyncio.run(main())
    assert ids(tmp_path) == ["req-1"]


def test_batch_writes_after_flush_seconds(tmp_path: Path) -> None:
    async def main() -> None:
        log = AuditLog.open(AuditSettings(flush_seconds=0.01), tmp_path)
        await log.append(decision())
        await asyncio.wait_for(log._moved.wait(), 30)
        assert ids(tmp_path) == ["req-1"]
        await log.close()

    asyncio.run(main())


def test_batch_does_not_wait_for_the_timer_when_the_queue_is_half_full(tmp_path: Path) -> None:
    async def main() -> None:
        log = AuditLog.open(AuditSettings(flush_seconds=NEVER, queue_records=4), tmp_path)
        for number in (1, 2):
            await log.append(decision(number))
        await asyncio.wait_for(log._moved.wait(), 30)
        assert ids(tmp_path) == ["req-1", "req-2"]
        await log.close()

    asyncio.run(main())


def test_block_waits_for_room_in_the_queue(tmp_path: Path, disk: Disk) -> None:
    async def main() -> None:
        log = AuditLog.open(AuditSettings(flush_seconds=NEVER, queue_records=2), tmp_path)
        disk.free.clear()
        appends = [asyncio.ensure_future(log.append(decision(number))) for number in range(5)]
        await asyncio.gather(*appends[:2])
        assert not any(task.done() for task in appends[2:])
        disk.free.set()
        await asyncio.gather(*appends)
        await log.close()
        assert log.dropped == 0

    asyncio.run(main())
    assert ids(tmp_path) == [f"req-{n}" for n in range(5)]


def test_allow_drops_what_the_queue_cannot_hold_and_the_log_says_how_many(tmp_path: Path, disk: Disk) -> None:
    async def main() -> None:
        log = AuditLog.open(AuditSettings(flush_seconds=NEVER, queue_records=2, on_error="allow"), tmp_path)
        disk.free.clear()
        for number in range(5):
            await log.append(decision(number))
        assert log.dropped == 3
        disk.free.set()
        await asyncio.wait_for(log._moved.wait(), 30)
        await log.append(decision(9))
        await log.close()

    asyncio.run(main())
    assert ids(tmp_path) == ["req-0", "req-1", "req-9"]
    report = verify(tmp_path / "audit")
    assert report.fault is None
    assert "3 records could not be written" in report.notes[0]


def test_block_refuses_decisions_while_the_disk_is_full_and_recovers(tmp_path: Path, disk: Disk) -> None:
    async def main() -> None:
        log = AuditLog.open(ALWAYS, tmp_path)
        disk.is_full = True
        with pytest.raises(EngineError, match="No space left"):
            await log.append(decision(1))
        with pytest.raises(EngineError, match="No space left"):
            await log.append(decision(2))
        assert log.write_errors >= 1
        disk.is_full = False
        while log.failing:
            log._moved.clear()
            await asyncio.wait_for(log._moved.wait(), 30)
        await log.append(decision(3))
        await log.close()

    asyncio.run(main())
    # The decision that met the error was made, so it is kept; the second one never began.
    assert ids(tmp_path) == ["req-1", "req-3"]
    assert verify(tmp_path / "audit").fault is None


def test_allow_goes_on_while_the_disk_is_full_and_writes_later(tmp_path: Path, disk: Disk) -> None:
    async def main() -> None:
        log = AuditLog.open(AuditSettings(durability="always", on_error="allow"), tmp_path)
        disk.is_full = True
        for number in (1, 2):
            await log.append(decision(number))
        assert log.failing
        disk.is_full = False
        await log.close()

    asyncio.run(main())
    assert ids(tmp_path) == ["req-1", "req-2"]
    assert verify(tmp_path / "audit").fault is None


def test_half_a_write_is_cut_off_before_it_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    calls: list[int] = []

    def short(fd: int, data: memoryview) -> int:
        calls.append(fd)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        return real(fd, data[:100])

    async def main() -> None:
        log = AuditLog.open(AuditSettings(flush_seconds=NEVER), tmp_path)
        monkeypatch.setattr(audit, "RETRY_SECONDS", 0.0)
        monkeypatch.setattr(os, "write", short)
        await log.append(decision())
        log._flush()
        await asyncio.wait_for(log._moved.wait(), 30)
        assert log.write_errors == 1
        await log.close()

    asyncio.run(main())
    assert ids(tmp_path) == ["req-1"]
    assert verify(tmp_path / "audit").fault is None


def test_close_says_what_was_lost(tmp_path: Path, disk: Disk) -> None:
    async def main() -> None:
        log = AuditLog.open(AuditSettings(flush_seconds=NEVER), tmp_path)
        await log.append(decision(1))
        await log.append(decision(2))
        disk.is_full = True
        with pytest.raises(EngineError, match="2 audit records were lost"):
            await log.close()

    asyncio.run(main())


def test_a_closed_log_takes_nothing_and_closes_twice(tmp_path: Path) -> None:
    async def main() -> None:
        log = AuditLog.open(AuditSettings(), tmp_path)
        await log.close()
        await log.close()
        with pytest.raises(EngineError, match="closed"):
            await log.append(decision())

    asyncio.run(main())


def move(path: Path) -> None:
    path.rename(path.with_suffix(".old"))


def replace(path: Path) -> None:
    path.write_bytes(path.read_bytes())
    path.with_suffix(".new").write_bytes(path.read_bytes())
    path.with_suffix(".new").replace(path)


def cut(path: Path) -> None:
    os.truncate(path, 0)


def extend(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"{}\n")


@pytest.mark.parametrize("meddle", [move, replace, cut, extend, Path.unlink])
def test_a_file_that_somebody_meddles_with_is_not_written_on(
    tmp_path: Path, meddle: Callable[[Path], None]
) -> None:
    async def main() -> None:
        log = AuditLog.open(ALWAYS, tmp_path)
        meddle(tmp_path / "audit" / "audit-000001.jsonl")
        with pytest.raises(EngineError, match=r"while in use|No such file"):
            await log.append(decision())
        with pytest.raises(EngineError, match="lost at shutdown"):
            await log.close()

    asyncio.run(main())


def test_there_is_one_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_LOCK_SECONDS", 0.0)

    async def main() -> None:
        log = AuditLog.open(AuditSettings(), tmp_path)
        with pytest.raises(EngineError, match=f"process {os.getpid()} writes the audit log"):
            AuditLog.open(AuditSettings(), tmp_path)
        await log.close()
        await AuditLog.open(AuditSettings(), tmp_path).close()

    asyncio.run(main())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("in the way")
    with pytest.raises(EngineError, match=str(tmp_path / "audit")):
        AuditLog.open(AuditSettings(), tmp_path)


def test_a_log_that_cannot_be_opened_is_let_go(tmp_path: Path, disk: Disk) -> None:
    disk.is_full = True
    with pytest.raises(EngineError, match="No space left"):
        AuditLog.open(AuditSettings(), tmp_path)
    disk.is_full = False
    record_in(tmp_path, 1)
    assert verify(tmp_path / "audit").fault is None


def test_an_unfinished_line_is_put_aside_and_told(tmp_path: Path) -> None:
    record_in(tmp_path, 2)
    path = tmp_path / "audit" / "audit-000001.jsonl"
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"actor":"half')
    assert verify(tmp_path / "audit").fault is not None
    record_in(tmp_path, 1, first=3)
    report = verify(tmp_path / "audit")
    assert report.fault is None
    assert "14 bytes of an unfinished record" in report.notes[0]
    assert (tmp_path / "audit" / f"audit-000001.jsonl.torn-{whole}").read_bytes() == b'{"actor":"half'
    assert ids(tmp_path) == ["req-1", "req-2", "req-3"]


def test_damaged_lines_stay_and_the_chain_goes_on_in_the_next_file(tmp_path: Path) -> None:
    record_in(tmp_path, 2)
    path = tmp_path / "audit" / "audit-000001.jsonl"
    sound = path.read_bytes()
    path.write_bytes(sound + b"garbage\nhalf")
    record_in(tmp_path, 1, first=3)
    assert path.read_bytes() == sound + b"garbage\nhalf"
    fault = verify(tmp_path / "audit").fault
    assert fault is not None
    assert (fault.file, fault.line, fault.seq) == ("audit-000001.jsonl", 4, 4)
    path.write_bytes(sound)
    report = verify(tmp_path / "audit")
    assert report.fault is None
    assert "ends in damaged lines" in report.notes[0]


def test_a_log_of_which_nothing_is_sound_starts_again_beside_it(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "audit-000001.jsonl").write_bytes(b"garbage\n")
    record_in(tmp_path, 1)
    assert (tmp_path / "audit" / "audit-000001.jsonl").read_bytes() == b"garbage\n"
    assert verify(tmp_path / "audit").fault is not None


def test_an_empty_newest_file_is_filled(tmp_path: Path) -> None:
    record_in(tmp_path, 1)
    (tmp_path / "audit" / "audit-000002.jsonl").touch()
    record_in(tmp_path, 1, first=2)
    report = verify(tmp_path / "audit")
    assert (report.fault, report.files, report.notes) == (None, 2, ())


def test_verify_beside_the_writer_reports_a_line_in_the_making(tmp_path: Path) -> None:
    path = tmp_path / "audit" / "audit-000001.jsonl"

    async def main() -> None:
        log = AuditLog.open(ALWAYS, tmp_path)
        await log.append(decision())
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"actor')
        report = verify(tmp_path / "audit")
        assert (report.fault, report.records, report.unfinished_bytes) == (None, 2, 7)
        path.write_bytes(whole)
        await log.close()

    asyncio.run(main())


def test_equal_texts_have_equal_digests_under_one_key_only(tmp_path: Path) -> None:
    async def digests(state_dir: Path) -> tuple[str, str, str]:
        log = AuditLog.open(AuditSettings(), state_dir)
        told = log.digest(b"hello"), log.digest(b"hello"), log.digest(b"hallo")
        await log.close()
        return told

    first, again, other = asyncio.run(digests(tmp_path / "a"))
    assert first == again
    assert first != other
    assert len(first) == 64
    assert asyncio.run(digests(tmp_path / "a"))[0] == first
    assert asyncio.run(digests(tmp_path / "b"))[0] != first


def test_the_key_made_by_another_process_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / audit.KEY
    real = Path.hardlink_to

    def late(self: Path, target: Path) -> None:
        path.write_text("ab" * 32)
        real(self, target)

    monkeypatch.setattr(Path, "hardlink_to", late)
    assert audit._load_key(path) == b"\xab" * 32
    assert [p.name for p in tmp_path.iterdir()] == [audit.KEY]


@pytest.mark.parametrize("content", ["", "no hex", "abcd"])
def test_a_bad_key_is_refused_and_the_log_is_let_go(tmp_path: Path, content: str) -> None:
    (tmp_path / audit.KEY).write_text(content)
    with pytest.raises(EngineError, match="no digest key"):
        AuditLog.open(AuditSettings(), tmp_path)
    (tmp_path / audit.KEY).unlink()
    record_in(tmp_path, 1)


WRITER = """
import asyncio, sys
from pathlib import Path
from waypost.observe.audit import AuditLog, AuditSettings
from waypost.record import AuditRecord

async def main():
    log = AuditLog.open(AuditSettings(durability="always", rotate_bytes=20_000), Path(sys.argv[1]))
    for number in range(100_000):
        await log.append(AuditRecord("decision", str(number), "forwarded"))
        print(number, flush=True)

asyncio.run(main())
"""


def test_a_killed_worker_loses_no_record_it_vouched_for(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        vouched = list(islice(worker.stdout, 200))
        beside = verify(tmp_path / "audit")
        worker.kill()
        vouched += worker.stdout.readlines()
    assert (beside.fault, beside.records >= 200) == (None, True)
    record_in(tmp_path, 1)
    assert verify(tmp_path / "audit").fault is None
    complete = [line.strip() for line in vouched if line.endswith("\n")]
    assert ids(tmp_path)[: len(complete)] == complete
