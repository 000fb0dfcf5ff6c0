"""`waypost audit`: is the log whole, and what does it say."""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import click

from waypost.cli import HELP
from waypost.cli.words import counted
from waypost.config.settings import default_state_dir
from waypost.errors import Exit
from waypost.observe.chain import Report, log_files, read_line, read_tail, verify

Record = dict[str, Any]
Row = tuple[Record, Record | None]
"""A record, and the result that belongs to it when it is a decision."""


def place_options(command: Callable[..., None]) -> Callable[..., None]:
    """Where the log lies: `--dir`, else the state folder of the configuration, else the default one."""
    command = click.option(
        "-c", "--config", multiple=True, metavar="FILE", help="Take the state folder from this configuration."
    )(command)
    return click.option(
        "--dir",
        "directory",
        type=click.Path(path_type=Path),
        help="Folder with audit-000001.jsonl and so on.",
    )(command)


def _folder(directory: Path | None, config: tuple[str, ...]) -> Path:
    folder = directory or _state_dir(config) / "audit"
    if not folder.is_dir() or not log_files(folder):
        raise click.UsageError(f"no audit log in {str(folder)!r}; name its folder with --dir")
    return folder


def _state_dir(config: tuple[str, ...]) -> Path:
    if config or "WAYPOST_CONFIG" in os.environ or Path("waypost.yaml").exists():
        from waypost.cli.options import load_or_exit  # noqa: PLC0415 - with --dir no configuration is read

        return load_or_exit(config).settings.state_dir
    return default_state_dir(os.environ)


class _Readable(click.Group):
    """Says which file cannot be read, instead of a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise click.ClickException(f"the log cannot be read: {error}") from error


@click.group(cls=_Readable, context_settings=HELP)
def audit() -> None:
    """Check and read the audit log."""


@audit.command("verify")
@place_options
@click.option("--anchor", metavar="HASH", help="An earlier head; finds records cut off the end.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def verify_command(
    ctx: click.Context, directory: Path | None, config: tuple[str, ...], anchor: str | None, as_json: bool
) -> None:
    """Check every byte of the log; exit 5 at the first thing found wrong."""
    if anchor is not None and not re.fullmatch("[0-9a-f]{64}", anchor):
        raise click.UsageError("--anchor is a head hash: 64 hexadecimal digits in lower case")
    folder = _folder(directory, config)
    report = verify(folder, anchor)
    if as_json:
        fields = {"ok": report.fault is None, "dir": str(folder), "anchor": anchor, **asdict(report)}
        click.echo(json.dumps({"schema": "waypost/audit-verify.v1", **fields}))
    else:
        for name, text in _lines(folder, report, anchor):
            click.echo(f"{name:<8} {_plain(text)}")
    if report.fault:
        ctx.exit(Exit.INTEGRITY)


def _lines(folder: Path, report: Report, anchor: str | None) -> Iterator[tuple[str, str]]:
    fault = report.fault
    if fault:
        where = f"{fault.file}:{fault.line}" if fault.file else "end of the log"
        yield "DAMAGED", f"{where}, record {fault.seq}: {fault.what}"
        yield "intact", f"{counted(report.records, 'record')} before it"
        yield "folder", str(folder)
        return
    yield "ok", f"{counted(report.records, 'record')} in {counted(report.files, 'file')}"
    yield "folder", str(folder)
    yield "time", f"{report.first_ts} to {report.last_ts}"
    yield "head", report.head
    yield "anchor", "found" if anchor else "not given: records cut off the end are not missed without one"
    for note in report.notes:
        yield "note", note
    if report.unfinished_bytes:
        yield "note", f"the worker has not finished the last line yet ({report.unfinished_bytes} bytes)"


@audit.command("head")
@place_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
def head_command(ctx: click.Context, directory: Path | None, config: tuple[str, ...], as_json: bool) -> None:
    """Print the hash of the last record, to keep as an anchor elsewhere."""
    folder = _folder(directory, config)
    last = next((tail.last for path in reversed(log_files(folder)) if (tail := read_tail(path)).last), None)
    if last is None:
        click.echo("error: the log holds no sound record", err=True)
        ctx.exit(Exit.INTEGRITY)
    elif as_json:
        fields = {key: last[key] for key in ("hash", "seq", "ts")}
        click.echo(json.dumps({"schema": "waypost/audit-head.v1", **fields}))
    else:
        click.echo(last["hash"])


@audit.command("show")
@place_options
@click.option(
    "-n", "count", default=20, show_default=True, type=click.IntRange(1), help="How many, newest last."
)
@click.option("--request-id", metavar="ID", help="Of this request.")
@click.option("--rule", help="Decided by this rule.")
@click.option(
    "--outcome", help="forwarded, answered, blocked, ok, error, aborted, started, recovered or lost."
)
@click.option("--since", metavar="T", help="Not older than 2026-11-20T08:00:00Z, or 90s, 15m, 12h, 7d.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def show_command(
    directory: Path | None,
    config: tuple[str, ...],
    count: int,
    request_id: str | None,
    rule: str | None,
    outcome: str | None,
    since: str | None,
    as_json: bool,
) -> None:
    """Show what was decided, each decision with its result. Does not check the chain."""
    oldest = _instant(since) if since else ""

    def wanted(row: Row) -> bool:
        record, result = row
        outcomes = {str(record["outcome"]), str(result["outcome"]) if result else ""}
        return (
            (request_id is None or record["request_id"] == request_id)
            and (rule is None or record["rule"] == rule)
            and (outcome is None or outcome in outcomes)
        )

    rows = islice(filter(wanted, _rows(_folder(directory, config), oldest)), count)
    for record, result in reversed(list(rows)):
        if as_json:
            click.echo(json.dumps({"schema": "waypost/audit-show.v1", "record": record, "result": result}))
        else:
            click.echo(_plain(_sentence(record, result)))


def _rows(folder: Path, oldest: str) -> Iterator[Row]:
    """Records not older than `oldest`, newest first; a result comes with its decision, else at the end."""
    results: dict[str, Record] = {}
    for record in _backwards(folder):
        if record["ts"] < oldest:
            break
        if record["type"] == "result":
            results[record["request_id"]] = record
        elif record["type"] == "decision":
            yield record, results.pop(record["request_id"], None)
        else:
            yield record, None
    yield from ((result, None) for result in results.values())


def _backwards(folder: Path) -> Iterator[Record]:
    """The records as far as they can be read, newest first; `verify` judges the others."""
    for path in reversed(log_files(folder)):
        data = path.read_bytes()
        end = len(data)
        while end:
            start = data.rfind(b"\n", 0, end - 1) + 1
            try:
                yield read_line(data[start:end])
            except ValueError as error:
                click.echo(f"warning: {path.name}, byte {start}: {error}", err=True)
            end = start


def _sentence(record: Record, result: Record | None) -> str:
    """One line for a person: when, what became of it, which rule, where to, on what evidence, for whom."""
    parts = [record["ts"][:23].replace("T", " ") + "Z", f"{record['outcome']:<9}"]
    if record["type"] == "decision":
        goal = ", ".join(record["target"])
        parts.append(f"{record['decision']} -> {goal}" if goal else record["decision"])
        parts.append(_ending(result) if result else "no result" if record["outcome"] == "forwarded" else "")
    elif record["type"] == "result":
        parts.append(_ending(record))
    parts += [record["because"], record["request_id"]]
    return "  ".join(part for part in parts if part)


def _ending(result: Record) -> str:
    """Who answered, how, and what it cost; lines of earlier versions do not say the last two."""
    told = [counted(result["attempts"], "attempt")]
    if (end := result.get("stream_end")) in {"error", "cut"}:
        told.append(f"stream {end}")
    if cost := result.get("cost_usd"):
        told.append(f"{cost} USD")
    return " ".join((*result["target"], str(result["status"] or result["outcome"]), f"({', '.join(told)})"))


def _plain(text: str) -> str:
    """Text that cannot steer a terminal: a client chooses model names and request ids."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _instant(text: str) -> str:
    """A point in time as records spell it, from an RFC 3339 time or an age."""
    if age := re.fullmatch(r"(\d{1,6})([smhd])", text):
        unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[age[2]]
        when = datetime.now(UTC) - timedelta(**{unit: int(age[1])})
    else:
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            raise click.UsageError(f"--since {text!r} is neither a time nor an age such as 15m") from None
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")
