"""`waypost audit` as a person and as a program see it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from waypost.cli.audit import audit
from waypost.observe.audit import AuditLog, AuditSettings
from waypost.observe.chain import LOCK
from waypost.record import AuditRecord
from waypost.usage import Charge, Usage

START = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Two forwarded decisions with results, one block, one forward that nobody answered; several files."""
    looks = iter(range(100))

    async def main() -> None:
        log = AuditLog.open(
            AuditSettings(rotate_bytes=1500), tmp_path, clock=lambda: START + timedelta(minutes=next(looks))
        )
        for record in (
            AuditRecord(
                "decision", "r1", "forwarded", decision="bank", rule="bank", target=("fin",), because="why"
            ),
            AuditRecord("result", "r1", "ok", target=("onprem",), status=200, attempts=1).charged(
                "qwen", Charge(Usage(5, completion_tokens=2), Decimal("0.00120"))
            ),
            AuditRecord("decision", "r2", "blocked", decision="patients", rule="patients"),
            AuditRecord(
                "decision", "r3\x1b[2J", "forwarded", decision="bank", rule="bank", target=("fin", "gpt")
            ),
            AuditRecord("decision", "r4", "forwarded", decision="semantic_classification", target=("gpt",)),
            AuditRecord("result", "r3\x1b[2J", "error", target=("cloud",), status=503, attempts=2).charged(
                "gpt", Charge(), "cut"
            ),
        ):
            await log.append(record)
        await log.close()

    asyncio.run(main())
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(audit, [str(a) for a in arguments])


def show(state: Path, *arguments: object) -> list[dict[str, Any]]:
    result = run("show", "--dir", state / "audit", "--json", *arguments)
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {row["schema"] for row in rows} <= {"waypost/audit-show.v1"}
    return rows


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["record"]["request_id"][:2] or row["record"]["type"] for row in rows]


def files(state: Path) -> list[Path]:
    return sorted((state / "audit").glob("audit-*.jsonl"))


def test_verify_prints_the_head_to_keep_and_finds_it_again(state: Path) -> None:
    result = run("verify", "--dir", state / "audit")
    assert result.exit_code == 0
    assert f"7 records in {len(files(state))} files\nfolder   {state / 'audit'}\n" in result.stdout
    assert "2026-11-20T08:00:00.000000Z to 2026-11-20T08:06:00.000000Z" in result.stdout
    head = run("head", "--dir", state / "audit").stdout.strip()
    assert head in result.stdout
    again = run("verify", "--dir", state / "audit", "--anchor", head)
    assert (again.exit_code, "anchor   found" in again.stdout) == (0, True)


def test_verify_names_file_line_and_record_and_exits_5(state: Path) -> None:
    second = files(state)[1]
    second.write_bytes(second.read_bytes().replace(b'"patients"', b'"patientz"'))
    result = run("verify", "--dir", state / "audit")
    assert result.exit_code == 5
    assert "audit-000002.jsonl:" in result.stdout
    assert "content and hash do not match" in result.stdout


def test_verify_misses_the_end_only_without_the_anchor(state: Path) -> None:
    head = run("head", "--dir", state / "audit").stdout.strip()
    last = files(state)[-1]
    last.write_bytes(b"".join(last.read_bytes().splitlines(keepends=True)[:-1]))
    assert run("verify", "--dir", state / "audit").exit_code == 0
    result = run("verify", "--dir", state / "audit", "--anchor", head)
    assert (result.exit_code, "the anchor is not in the log" in result.stdout) == (5, True)


def test_verify_as_json(state: Path) -> None:
    report = json.loads(run("verify", "--dir", state / "audit", "--json").stdout)
    assert report["schema"] == "waypost/audit-verify.v1"
    assert (report["ok"], report["records"], report["fault"]) == (True, 7, None)
    files(state)[0].unlink()
    result = run("verify", "--dir", state / "audit", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"]) == (5, False)
    assert report["fault"]["what"] == "audit-000001.jsonl is missing before it"


def test_verify_prints_repairs(state: Path) -> None:
    with files(state)[-1].open("ab") as file:
        file.write(b"half")
    asyncio.run(AuditLog.open(AuditSettings(), state).close())
    result = run("verify", "--dir", state / "audit")
    assert result.exit_code == 0
    assert "4 bytes of an unfinished record" in result.stdout


def test_verify_says_when_the_worker_is_at_the_last_line(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog.open(AuditSettings(), state)
    with files(state)[-1].open("ab") as file:
        file.write(b"half")
    result = run("verify", "--dir", state / "audit")
    assert (result.exit_code, "has not finished the last line yet (4 bytes)" in result.stdout) == (0, True)
    asyncio.run(log.close())
    assert run("verify", "--dir", state / "audit").exit_code == 5


@pytest.mark.parametrize("anchor", ["abc", "A" * 64])
def test_an_anchor_that_is_no_hash_is_a_usage_error(state: Path, anchor: str) -> None:
    assert run("verify", "--dir", state / "audit", "--anchor", anchor).exit_code == 2


@pytest.mark.parametrize("verb", ["verify", "head", "show"])
def test_no_log_is_a_usage_error(tmp_path: Path, verb: str) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        result = run(verb, "--dir", folder)
        assert (result.exit_code, "no audit log in" in result.stderr) == (2, True)


def test_a_log_that_cannot_be_read_is_named(state: Path) -> None:
    first = files(state)[0]
    first.unlink()
    first.mkdir()
    result = run("verify", "--dir", state / "audit")
    assert result.exit_code == 1
    assert "audit-000001.jsonl" in result.stderr


def test_head_without_a_sound_record_exits_5(tmp_path: Path) -> None:
    (tmp_path / "audit-000001.jsonl").write_bytes(b"garbage\n")
    assert run("head", "--dir", tmp_path).exit_code == 5


def test_head_as_json(state: Path) -> None:
    head = json.loads(run("head", "--dir", state / "audit", "--json").stdout)
    assert (head["schema"], head["seq"], len(head["hash"])) == ("waypost/audit-head.v1", 7, 64)


def test_show_joins_each_decision_with_its_result(state: Path) -> None:
    rows = show(state)
    assert ids(rows) == ["start", "r1", "r2", "r3", "r4"]
    assert [row["result"] and row["result"]["status"] for row in rows] == [None, 200, None, 503, None]


def test_show_for_people(state: Path) -> None:
    lines = run("show", "--dir", state / "audit").stdout.splitlines()
    assert (
        lines[1]
        == "2026-11-20 08:01:00.000Z  forwarded  bank -> fin  onprem 200 (1 attempt, 0.0012 USD)  why  r1"
    )
    assert lines[2] == "2026-11-20 08:03:00.000Z  blocked    patients  r2"
    assert lines[3].endswith(r"bank -> fin, gpt  cloud 503 (2 attempts, stream cut)  r3\x1b[2J")
    assert lines[4].endswith("semantic_classification -> gpt  no result  r4")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-n", 2), ["r3", "r4"]),
        (("--request-id", "r2"), ["r2"]),
        (("--rule", "bank"), ["r1", "r3"]),
        (("--rule", "bank", "-n", 1), ["r3"]),
        (("--outcome", "blocked"), ["r2"]),
        (("--outcome", "error"), ["r3"]),
        (("--outcome", "nothing"), []),
        (("--since", "2026-11-20T08:04:00Z"), ["r3", "r4"]),
        (("--since", "2026-11-20T09:04:00+01:00"), ["r3", "r4"]),
        (("--since", "2026-11-20T08:04:00"), ["r3", "r4"]),
        (("--since", "2026-11-20T08:05:00Z", "--outcome", "error"), ["r3"]),
    ],
)
def test_show_filters(state: Path, arguments: tuple[object, ...], expected: list[str]) -> None:
    assert ids(show(state, *arguments)) == expected


@pytest.mark.parametrize(("age", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400)])
def test_show_since_an_age(tmp_path: Path, age: str, seconds: int) -> None:
    async def main() -> None:
        looks = iter((datetime.now(UTC) - timedelta(seconds=seconds + 30), datetime.now(UTC)))
        log = AuditLog.open(AuditSettings(), tmp_path, clock=lambda: next(looks))
        await log.append(AuditRecord("decision", "r1", "blocked"))
        await log.close()

    asyncio.run(main())
    assert ids(show(tmp_path, "--since", age)) == ["r1"]


def test_show_since_nonsense_is_a_usage_error(state: Path) -> None:
    assert run("show", "--dir", state / "audit", "--since", "yesterday").exit_code == 2


def test_show_warns_of_a_line_it_cannot_read_and_goes_on(state: Path) -> None:
    first = files(state)[0]
    first.write_bytes(b"garbage\n" + first.read_bytes())
    result = run("show", "--dir", state / "audit")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 5)
    assert "audit-000001.jsonl, byte 0: not a JSON record" in result.stderr


def test_the_default_folder_is_the_state_folder_of_the_user(
    state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.chdir(home)
    monkeypatch.delenv("WAYPOST_CONFIG", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    (home / "state").mkdir()
    (home / "state" / "waypost").symlink_to(state)
    assert run("head").exit_code == 0
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(home))
    (home / ".local").mkdir()
    (home / ".local" / "state").symlink_to(home / "state")
    assert run("head").exit_code == 0


def test_a_copy_without_the_lock_can_be_verified(state: Path) -> None:
    (state / "audit" / LOCK).unlink()
    (state / "audit").chmod(0o500)
    try:
        assert run("verify", "--dir", state / "audit").exit_code == 0
    finally:
        (state / "audit").chmod(0o700)


CONFIG = """
state_dir: .
providers: {onprem: {kind: vllm, base_url: "http://127.0.0.1:9/v1"}}
models: {fin: {provider: onprem, name: qwen}}
default_model: fin
"""


def test_the_folder_comes_from_the_configuration(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYPOST_CONFIG", raising=False)
    (state / "waypost.yaml").write_text(CONFIG)
    assert run("head", "-c", state / "waypost.yaml").exit_code == 0
    monkeypatch.chdir(state)
    assert run("head").exit_code == 0
    (state / "waypost.yaml").write_text("nonsense: 1\n")
    assert run("head").exit_code == 3
    assert run("head", "--dir", state / "audit").exit_code == 0


def test_a_reader_that_goes_away_is_no_unreadable_log(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("waypost.cli.audit.log_files", gone)
    result = run("head", "--dir", state / "audit")
    assert isinstance(result.exception, BrokenPipeError)
