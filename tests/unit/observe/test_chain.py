"""One line of the audit log, and what the check of many says."""

import json
from dataclasses import fields, replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from waypost.observe.chain import (
    CLIP,
    GENESIS,
    file_name,
    is_writing,
    log_files,
    read_line,
    read_tail,
    seal,
    verify,
)
from waypost.record import AuditRecord, Matched
from waypost.usage import Charge, Usage

TS = "2026-11-20T08:00:00.000000Z"
RECORD = AuditRecord(
    "decision",
    "req-1",
    "forwarded",
    decision="bank",
    rule="bank",
    because="keyword 'internal'",
    matched=(Matched("keyword_match", "internal", "messages[0].content", 3, 11),),
    requested_model="auto",
    target=("onprem",),
    boundary=("internal",),
)


def lines(count: int, seq: int = 0, prev: str = GENESIS) -> list[bytes]:
    made: list[bytes] = []
    for number in range(seq + 1, seq + count + 1):
        line, prev = seal(RECORD, seq=number, ts=TS, prev=prev)
        made.append(line)
    return made


def write(folder: Path, *files: list[bytes]) -> Path:
    for number, content in enumerate(files, 1):
        (folder / file_name(number)).write_bytes(b"".join(content))
    return folder


def test_every_field_of_a_record_is_in_its_line() -> None:
    line, _ = seal(
        replace(RECORD, category="law", guards=("pii block CREDIT_CARD 0.950",)), seq=1, ts=TS, prev=GENESIS
    )
    told = json.loads(line)
    assert {field.name for field in fields(AuditRecord)} <= set(told)
    assert told["category"] == "law"
    assert told["guards"] == ["pii block CREDIT_CARD 0.950"]


def test_a_line_tells_costs_as_text_and_what_is_unknown_as_null() -> None:
    charge = Charge(Usage(20, completion_tokens=9), Decimal("0.0042"))
    line, _ = seal(replace(RECORD, type="result").charged("m", charge, "cut"), seq=1, ts=TS, prev=GENESIS)
    told = read_line(line)
    assert (told["model"], told["cost_usd"], told["saved_usd"], told["stream_end"]) == (
        "m",
        "0.0042",
        None,
        "cut",
    )
    assert (told["prompt_tokens"], told["cached_tokens"], told["completion_tokens"]) == (20, None, 9)


def test_a_line_of_an_earlier_version_is_read() -> None:
    """Logs are never rewritten, so what older lines lack must not be missed."""
    line, _ = seal(RECORD, seq=1, ts=TS, prev=GENESIS)
    added = {
        name
        for name in json.loads(line)
        if name.endswith(("_tokens", "_usd")) or name in {"model", "stream_end"}
    }
    record = {name: value for name, value in json.loads(line).items() if name not in added}
    del record["hash"]
    body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    record["hash"] = sha256(body).hexdigest()
    assert read_line(json.dumps(record, sort_keys=True, separators=(",", ":")).encode() + b"\n") == record


def test_a_line_is_canonical_json_and_its_hash_covers_the_rest() -> None:
    line, digest = seal(RECORD, seq=7, ts=TS, prev=GENESIS)
    record = json.loads(line)
    assert line == json.dumps(record, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    body = {key: value for key, value in record.items() if key != "hash"}
    assert sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest() == digest
    assert (record["seq"], record["prev"], record["hash"], record["v"]) == (7, GENESIS, digest, 1)
    assert record["matched"] == [
        {"end": 11, "signal": "keyword_match", "start": 3, "term": "internal", "where": "messages[0].content"}
    ]


def test_a_quoted_key_in_a_value_does_not_move_the_hash() -> None:
    line, digest = seal(
        AuditRecord("decision", '"justification":', "ok", because='"hash":"'), seq=1, ts=TS, prev=GENESIS
    )
    assert read_line(line)["hash"] == digest


def test_a_lone_surrogate_and_a_line_separator_stay_on_one_ascii_line() -> None:
    line, _ = seal(AuditRecord("decision", "\ud800\u2028\n", "ok"), seq=1, ts=TS, prev=GENESIS)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert read_line(line)["request_id"] == "\ud800\u2028\n"


def test_what_a_client_chose_is_clipped() -> None:
    matched = (Matched("keyword_match", "internal", "w" * 999, 0, 8),)
    long = AuditRecord(
        "decision", "i" * 999, "ok", actor="a" * 999, requested_model="m" * 999, matched=matched
    )
    record = read_line(seal(long, seq=1, ts=TS, prev=GENESIS)[0])
    assert [len(record[key]) for key in ("request_id", "actor", "requested_model")] == [CLIP] * 3
    assert len(record["matched"][0]["where"]) == CLIP


def resealed(change: object) -> bytes:
    """A line whose hash fits content that Waypost would not write."""
    record = json.loads(lines(1)[0]) | change
    record.pop("hash")
    body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    record["hash"] = sha256(body).hexdigest()
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (lines(1)[0][:-1], "unfinished"),
        (b"\n", "not a JSON record"),
        (b"[]\n", "not a JSON record"),
        (b"[" * 100_000 + b"\n", "not a JSON record"),
        (b"\xff\n", "not a JSON record"),
        (lines(1)[0].replace(b'"seq":1', b'"seq":1,"seq":1'), "not spelled"),
        (lines(1)[0].replace(b'"seq":1', b'"seq": 1'), "not spelled"),
        (lines(1)[0].replace(b"\n", b"\r\n"), "not spelled"),
        (lines(1)[0].replace(b"keyword", b"\\u006beyword"), "not spelled"),
        (lines(1)[0].replace(b'"status":0', b'"status":1'), "do not match"),
        (lines(1)[0].replace(b'"seq":1', b'"seq":1.0'), "'?seq'? is missing or not of its type"),
        (resealed({"status": True}), "status is missing or not of its type"),
        (resealed({"v": 2}), "version 2"),
    ],
)
def test_a_line_that_waypost_did_not_write_says_why(line: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_line(line)


def test_a_field_of_a_later_waypost_does_not_spoil_the_check() -> None:
    assert read_line(resealed({"zone_of_answer": "internal"}))["zone_of_answer"] == "internal"


def test_verify_tells_what_was_checked(tmp_path: Path) -> None:
    made = lines(5)
    report = verify(write(tmp_path, made[:3], made[3:]))
    assert report.fault is None
    assert (report.files, report.records, report.first_ts, report.last_ts) == (2, 5, TS, TS)
    assert report.head == json.loads(made[-1])["hash"]


@pytest.mark.parametrize("at", range(5))
def test_any_record_is_an_anchor(tmp_path: Path, at: int) -> None:
    made = lines(5)
    assert verify(write(tmp_path, made[:3], made[3:]), json.loads(made[at])["hash"]).fault is None


def test_records_cut_off_the_end_are_missed_without_an_anchor_and_found_with_one(tmp_path: Path) -> None:
    made = lines(5)
    write(tmp_path, made[:3])
    assert verify(tmp_path).fault is None
    fault = verify(tmp_path, json.loads(made[-1])["hash"]).fault
    assert fault is not None
    assert (fault.file, fault.seq) == ("", 4)


def test_a_removed_record_is_placed(tmp_path: Path) -> None:
    made = lines(5)
    fault = verify(write(tmp_path, made[:2], [made[2], made[4]])).fault
    assert fault is not None
    assert (fault.file, fault.line, fault.seq) == ("audit-000002.jsonl", 2, 4)


def test_a_rebuilt_record_breaks_the_one_behind_it(tmp_path: Path) -> None:
    forged, _ = seal(
        AuditRecord("decision", "other", "ok"), seq=2, ts=TS, prev=json.loads(lines(1)[0])["hash"]
    )
    made = lines(3)
    fault = verify(write(tmp_path, [made[0], forged, made[2]])).fault
    assert fault is not None
    assert (fault.line, fault.what) == (3, "prev is not the hash of the record before it")


@pytest.mark.parametrize("gone", [1, 2])
def test_a_removed_file_is_named(tmp_path: Path, gone: int) -> None:
    made = lines(6)
    write(tmp_path, made[:2], made[2:4], made[4:])
    (tmp_path / file_name(gone)).unlink()
    fault = verify(tmp_path).fault
    assert fault is not None
    assert file_name(gone) in fault.what


def test_swapped_files_are_found(tmp_path: Path) -> None:
    made = lines(4)
    assert verify(write(tmp_path, made[2:], made[:2])).fault is not None


def test_only_the_newest_file_may_be_empty(tmp_path: Path) -> None:
    made = lines(2)
    assert verify(write(tmp_path, made, [])).fault is None
    fault = verify(write(tmp_path, [], made)).fault
    assert fault is not None
    assert fault.what == "the file is empty"


def test_repairs_and_gaps_become_notes(tmp_path: Path) -> None:
    repaired, prev = seal(AuditRecord("start", "", "recovered", because="cut"), seq=1, ts=TS, prev=GENESIS)
    gap, _ = seal(AuditRecord("gap", "", "lost", because="2 records"), seq=2, ts=TS, prev=prev)
    assert verify(write(tmp_path, [repaired, gap])).notes == (
        f"{TS} record 1: cut",
        f"{TS} record 2: 2 records",
    )


def test_files_sort_by_number(tmp_path: Path) -> None:
    for name in ("audit-1000000.jsonl", "audit-999999.jsonl", "audit-1.jsonl", "audit-000001.jsonl.torn-3"):
        (tmp_path / name).touch()
    assert [path.name for path in log_files(tmp_path)] == ["audit-999999.jsonl", "audit-1000000.jsonl"]


def test_nobody_writes_where_nobody_ever_did(tmp_path: Path) -> None:
    assert not is_writing(tmp_path)


@pytest.mark.parametrize(
    ("content", "seq", "torn", "damaged"),
    [
        (b"", 0, b"", False),
        (b"half", 0, b"half", False),
        (b"bad\n", 0, b"", True),
        (b"".join(lines(2)), 2, b"", False),
        (b"".join(lines(2)) + b"half\rhalf", 2, b"half\rhalf", False),
        (b"".join(lines(2)) + b"bad\nhalf", 2, b"half", True),
        (b"".join(lines(2)) + b"\0" * 1_000_000, 2, b"\0" * 1_000_000, False),
        (b"".join(lines(2)) + b"bad\n" * 100_000, 2, b"", True),
    ],
)
def test_the_tail_of_a_file(tmp_path: Path, content: bytes, seq: int, torn: bytes, *, damaged: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    tail = read_tail(path)
    assert (tail.last["seq"] if tail.last else 0, tail.torn, tail.damaged) == (seq, torn, damaged)


def test_a_number_left_out_is_found_in_a_chain_that_holds(tmp_path: Path) -> None:
    first, prev = seal(RECORD, seq=1, ts=TS, prev=GENESIS)
    third, _ = seal(RECORD, seq=3, ts=TS, prev=prev)
    fault = verify(write(tmp_path, [first, third])).fault
    assert fault is not None
    assert "record 3 stands here" in fault.what
