"""`waypost doctor`: does everything that Waypost stands on work here, and what to do where it does not."""

import json
import sys
from dataclasses import asdict
from typing import Final

import click

from waypost.cli import HELP
from waypost.cli.examine import Finding, examine
from waypost.cli.options import config_option
from waypost.errors import Exit

COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(context_settings=HELP)
@config_option
@click.option("--envoy-binary", metavar="FILE", help="An Envoy of your own.  [default: the packaged one]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(config: tuple[str, ...], envoy_binary: str | None, as_json: bool) -> None:
    """Check this machine, the install and the configuration; takes seconds and asks nobody.

    Each line is `ok`, `warn` or `fail`; the last two say what to do. Exit code 1 when a check fails.
    """
    findings: list[Finding] = []
    for finding in examine(config, envoy_binary):
        findings.append(finding)
        if not as_json:
            _print(finding)
    failed = any(finding.status == "fail" for finding in findings)
    if as_json:
        told = {"schema": "waypost/doctor.v1", "ok": not failed, "checks": [asdict(f) for f in findings]}
        click.echo(json.dumps(told, ensure_ascii=False))
    sys.exit(Exit.FINDINGS if failed else Exit.OK)


def _print(finding: Finding) -> None:
    word = click.style(f"{finding.status:<5}", fg=COLOURS[finding.status])
    click.echo(f"{word} {finding.name:<14} {finding.found}")
    if finding.fix:
        click.echo(f"{'':<21}fix: {finding.fix}")
