r"""The audit log's format: one line, the files, and the check of both. `audit.py` writes it.

A line is one JSON object in canonical spelling: keys sorted, no spaces, ASCII (every other character
as `\uXXXX`, so that one string has one spelling and a lone surrogate cannot stop the log), one `\n`.
`hash` is the SHA-256 of the same line without the member `hash`; `prev` is the `hash` of the line before,
across files. So whoever changes a byte must rewrite everything behind it, and an anchor finds that too.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from waypost.record import AuditRecord

GENESIS = "0" * 64
"""`prev` of the first record of all."""

VERSION = 1

LOCK = "lock"
"""Name of the file in the audit folder that its one writer holds locked."""

CLIP = 256
"""Longest text, in characters, kept of what clients and hops choose: model, request id, actor, JSON path."""

_TEXTS = (
    "actor because config_sha256 decision hash justification outcome owner prev prompt_hmac reasoning "
    "request_id requested_model rule ts type"
)
_FIELDS: dict[str, type] = {
    **dict.fromkeys(_TEXTS.split(), str),
    **dict.fromkeys(("attempts", "seq", "status", "v"), int),
    **dict.fromkeys(("boundary", "matched", "target"), list),
}
_NAME = re.compile(r"audit-(\d{6,})\.jsonl")
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode
_CHUNK = 64 * 1024


def file_name(number: int) -> str:
    """Name of the `number`-th file, counted from 1; names sort as they were written."""
    return f"audit-{number:06}.jsonl"


def file_number(path: Path) -> int:
    """Which file of the log this is; 0 when it is none."""
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0


def log_files(folder: Path) -> list[Path]:
    """The files of the log in the order they were written."""
    return sorted((path for path in folder.iterdir() if file_number(path)), key=file_number)


def seal(record: AuditRecord, *, seq: int, ts: str, prev: str) -> tuple[bytes, str]:
    """Make the line of a record and the hash it passes on."""
    body = _encode(
        {
            "actor": record.actor[:CLIP],
            "attempts": record.attempts,
            "because": record.because,
            "boundary": record.boundary,
            "cache_write_tokens": record.cache_write_tokens,
            "cached_tokens": record.cached_tokens,
            "category": record.category,
            "completion_tokens": record.completion_tokens,
            "config_sha256": record.config_sha256,
            "cost_usd": record.cost_usd,
            "decision": record.decision,
            "guards": record.guards,
            "justification": record.justification,
            "matched": [
                {"end": m.end, "signal": m.signal, "start": m.start, "term": m.term, "where": m.where[:CLIP]}
                for m in record.matched
            ],
            "model": record.model,
            "outcome": record.outcome,
            "owner": record.owner,
            "prev": prev,
            "prompt_hmac": record.prompt_hmac,
            "prompt_tokens": record.prompt_tokens,
            "reasoning": record.reasoning,
            "reasoning_tokens": record.reasoning_tokens,
            "request_id": record.request_id[:CLIP],
            "requested_model": record.requested_model[:CLIP],
            "rule": record.rule,
            "saved_usd": record.saved_usd,
            "seq": seq,
            "status": record.status,
            "stream_end": record.stream_end,
            "target": record.target,
            "ts": ts,
            "type": record.type,
            "v": VERSION,
        }
    ).encode()
    digest = sha256(body).hexdigest()
    # No JSON string holds a bare quote, so the first hit is the key itself.
    head, key, tail = body.partition(b'"justification":')
    return b'%b"hash":"%b",%b%b\n' % (head, digest.encode(), key, tail), digest


def read_line(line: bytes) -> dict[str, Any]:
    """Read one whole line and check everything that can be checked without its neighbours.

    Raises:
        ValueError: what is wrong with it.
    """
    if not line.endswith(b"\n"):
        raise ValueError("unfinished record: the line does not end")
    try:
        parsed: object = json.loads(line)
        spelled = _encode(parsed).encode() + b"\n"
    except (ValueError, RecursionError):
        raise ValueError("not a JSON record") from None
    if not isinstance(parsed, dict):
        raise ValueError("not a JSON record")  # noqa: TRY004 - one error type: what is wrong with a line
    record = cast("dict[str, Any]", parsed)
    if record.get("v") != VERSION:
        raise ValueError(f"record version {record.get('v')!r}, this Waypost reads {VERSION}")
    if wrong := [key for key, kind in _FIELDS.items() if type(record.get(key)) is not kind]:
        raise ValueError(f"{wrong[0]} is missing or not of its type")
    if spelled != line:
        raise ValueError(
            "not spelled as Waypost writes it: spaces, key order, a repeated key or an escape differ"
        )
    body = line[:-1].replace(b'"hash":"%b",' % record["hash"].encode(), b"", 1)
    if sha256(body).hexdigest() != record["hash"]:
        raise ValueError("content and hash do not match")
    return record


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing found wrong.

    Attributes:
        file: name within the folder; empty when the fault is of the log as a whole.
        line: 1-based; 0 when the fault concerns the whole file.
        seq: which record should have stood there.
    """

    file: str
    line: int
    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found, up to the first fault.

    Attributes:
        records: intact records from the beginning.
        head: hash of the last intact one; kept elsewhere, it is the anchor of a later check.
        notes: what the log itself says about repairs and records that could not be written.
        unfinished_bytes: size of a last line that the running writer has not finished.
    """

    files: int = 0
    records: int = 0
    first_ts: str = ""
    last_ts: str = ""
    head: str = GENESIS
    notes: tuple[str, ...] = ()
    unfinished_bytes: int = 0
    fault: Fault | None = None


def verify(folder: Path, anchor: str | None = None) -> Report:
    """Check every byte of the log in `folder`, streaming; safe while the worker writes.

    Args:
        folder: holds `audit-000001.jsonl` and so on; a log begins with file 1.
        anchor: a hash that was the head once; without it, records cut off the end cannot be missed.

    Raises:
        OSError: a file cannot be read.
    """
    files = log_files(folder)
    records, first_ts, last_ts, head, unfinished = 0, "", "", GENESIS, 0
    fault: Fault | None = None
    notes: list[str] = []
    anchored = anchor is None
    for found in _walk(folder, files):
        match found:
            case Fault():
                fault = found
            case int():
                unfinished = found
            case dict():
                records += 1
                last_ts, head = found["ts"], found["hash"]
                first_ts = first_ts or last_ts
                anchored = anchored or head == anchor
                if found.get("outcome") in {"recovered", "lost"}:
                    notes.append(f"{last_ts} record {found['seq']}: {found.get('because')}")
    if not anchored and not fault:
        what = "the anchor is not in the log: records were cut off its end, or it was rebuilt"
        fault = Fault("", 0, records + 1, what)
    return Report(len(files), records, first_ts, last_ts, head, tuple(notes), unfinished, fault)


def _walk(folder: Path, files: list[Path]) -> Iterator[dict[str, Any] | Fault | int]:
    """Every record in order; then, if need be, the first fault or the size of a line still being written."""
    seq, head = 0, GENESIS
    writing = is_writing(folder)
    for expected, path in enumerate(files, 1):
        is_last = expected == len(files)
        if file_number(path) != expected:
            yield Fault(path.name, 0, seq + 1, f"{file_name(expected)} is missing before it")
            return
        number = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if is_last and not line.endswith(b"\n") and (writing or is_writing(folder)):
                    yield len(line)
                    return
                try:
                    record = _link(line, seq, head)
                except ValueError as error:
                    yield Fault(path.name, number, seq + 1, str(error))
                    return
                seq, head = record["seq"], record["hash"]
                yield record
        if number == 0 and not is_last:
            yield Fault(path.name, 0, seq + 1, "the file is empty")
            return


def _link(line: bytes, seq: int, head: str) -> dict[str, Any]:
    record = read_line(line)
    if record["seq"] != seq + 1:
        raise ValueError(
            f"record {record['seq']} stands here: records were removed, added or put in another order"
        )
    if record["prev"] != head:
        raise ValueError("prev is not the hash of the record before it")
    return record


def is_writing(folder: Path) -> bool:
    """Whether a worker holds the log open."""
    try:
        fd = os.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class Tail:
    """How a file ends.

    Attributes:
        last: the last record that is sound by itself; None when there is none.
        torn: bytes of a last line that does not end.
        damaged: whole lines that are no records stand behind `last`.
    """

    last: dict[str, Any] | None
    torn: bytes
    damaged: bool


def read_tail(path: Path) -> Tail:
    """Find the last sound record of a file, reading from its end."""
    size = path.stat().st_size
    reach = min(_CHUNK, size)
    with path.open("rb") as file:
        while True:
            file.seek(size - reach)
            lines = list(BytesIO(file.read(reach)))  # bytes.splitlines would also split at \r
            tail = _last_sound(lines if reach == size else lines[1:])
            if reach == size or tail.last:
                return tail
            reach = min(reach * 8, size)


def _last_sound(lines: list[bytes]) -> Tail:
    torn = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
    for behind, line in enumerate(reversed(lines)):
        try:
            return Tail(read_line(line), torn, damaged=behind > 0)
        except ValueError:
            continue
    return Tail(None, torn, damaged=bool(lines))
