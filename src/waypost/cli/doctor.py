"""`waypost doctor`: does everything that Waypost stands on work here, and what to do where it does not."""

import json
import sys
from dataclasses import asdict
from typing import Final

import click

from waypost.cli import HELP
from waypost.cli.examine import Finding, examine
from waypost.cli.options import config_option, load_or_exit
from waypost.errors import Exit

WIDTH: Final = 14
"""Of the names of checks; the longest of a machine's has as many letters."""

COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(context_settings=HELP)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@config_option
@click.option(
    "--providers",
    is_flag=True,
    help="Check the configured providers instead, or those that NAME names, with real calls.",
)
@click.option("--envoy-binary", metavar="FILE", help="An Envoy of your own.  [default: the packaged one]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(
    names: tuple[str, ...], config: tuple[str, ...], providers: bool, envoy_binary: str | None, as_json: bool
) -> None:
    """Check this machine, the install and the configuration; takes seconds and asks nobody.

    With --providers every model of the configuration is asked for a short answer and every key is tried,
    which costs a few tokens each. Neither keys nor what providers say are printed.

    Each line is `ok`, `warn` or `fail`; the last two say what to do. Exit code 1 when a check fails, 4 when
    one of a provider does.
    """
    if names and not providers:
        raise click.UsageError("names are those of providers: add --providers")
    findings: list[Finding] = []
    asked = _ask(config, names) if providers else []
    width = max((WIDTH, *(len(finding.name) for finding in asked)))
    for finding in asked if providers else examine(config, envoy_binary):
        findings.append(finding)
        if not as_json:
            _print(finding, width)
    failed = any(finding.status == "fail" for finding in findings)
    if as_json:
        told = {"schema": "waypost/doctor.v1", "ok": not failed, "checks": [asdict(f) for f in findings]}
        click.echo(json.dumps(told, ensure_ascii=False))
    sys.exit((Exit.PROVIDER if providers else Exit.FINDINGS) if failed else Exit.OK)


def _ask(config: tuple[str, ...], names: tuple[str, ...]) -> list[Finding]:
    from waypost.cli.calling import call  # noqa: PLC0415 - the other checks go nowhere and need no HTTP client

    loaded = load_or_exit(config, quiet=True)
    unknown = [name for name in names if name not in loaded.policy.providers]
    if unknown:
        known = ", ".join(loaded.policy.providers) or "none"
        raise click.UsageError(f"no provider is named {unknown[0]!r}; there are: {known}")
    click.echo(f"asking {', '.join(names or loaded.policy.providers)}", err=True)  # silence may be long
    return list(call(loaded, names))


def _print(finding: Finding, width: int) -> None:
    word = click.style(f"{finding.status:<5}", fg=COLOURS[finding.status])
    click.echo(f"{word} {finding.name:<{width}} {finding.found}")
    if finding.fix:
        click.echo(f"{'':<5} {'':<{width}} fix: {finding.fix}")
