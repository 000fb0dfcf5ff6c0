"""`waypost failover-drill`: does the chain of a rule behave as configured when its endpoints fail."""

import asyncio
import json
import os
import sys
from dataclasses import asdict
from typing import Final, NoReturn

import click

from waypost.cli import HELP
from waypost.cli.ask import ask
from waypost.cli.drill import Row, alone, find, names
from waypost.cli.options import config_option, load_or_exit
from waypost.cli.rehearsal import Drill, run
from waypost.cli.serve import tell
from waypost.cli.words import counted
from waypost.config.load import Loaded
from waypost.decision.engine import SEMANTIC, Route, Rule
from waypost.envoy.binary import find_envoy
from waypost.envoy.folder import run_folder
from waypost.errors import Exit, RequestError, WaypostError
from waypost.runtime import Classifiers, checkpoints
from waypost.trace import Trace
from waypost.transport.driver import Ports

TEXT: Final = "Hi"


@click.command(context_settings=HELP)
@click.argument("rule", default=SEMANTIC)
@config_option
@click.option(
    "--text", metavar="TEXT", help="Send this; the rule must decide it.  [default: it decides anything]"
)
@click.option(
    "--through", type=click.IntRange(0), metavar="N", help="Let N endpoints fail at most.  [default: all]"
)
@click.option("--dry-run", is_flag=True, help="Ask stand-ins on this machine: no keys, no cost.")
@click.option("--envoy-binary", metavar="FILE", help="An Envoy of your own.  [default: the packaged one]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def failover_drill(
    rule: str,
    config: tuple[str, ...],
    text: str | None,
    through: int | None,
    dry_run: bool,
    envoy_binary: str | None,
    as_json: bool,
) -> None:
    """Let the endpoints of RULE fail one after another and see who answers.

    RULE is a rule, a category, or semantic_classification: where requests go that no rule claims. A gateway
    of its own is started; endpoints fail by answering 503 and by refusing connections, in turn.

    The others are asked for real, each for one short answer: that costs a few tokens. --dry-run asks nobody.

    Exit code 1 when another endpoint answered than the configuration says.
    """
    loaded = load_or_exit(config, quiet=True)
    try:
        drill = _drill(loaded, rule, text, through, plays=dry_run)
        if not dry_run and not as_json:
            asked = counted(min(drill.through + 1, len(drill.chain)), "real request")
            click.echo(f"{asked} to: {', '.join(drill.chain[: drill.through + 1])}", err=True)
        with run_folder(None, os.environ) as folder:
            rows = asyncio.run(run(drill, loaded.settings, find_envoy(envoy_binary), folder, tell))
    except WaypostError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(Exit.PROVIDER)
    if as_json:
        _print_json(drill, rows)
    else:
        _print(drill, rows)
    sys.exit(Exit.FINDINGS if any(row.problem for row in rows) else Exit.OK)


def _drill(loaded: Loaded, name: str, text: str | None, through: int | None, *, plays: bool) -> Drill:
    """What to try.

    Raises:
        UsageError: there is no such rule, or it has no chain.
        SystemExit: the text is decided otherwise.
    """
    policy = loaded.policy
    rule = find(policy, name)
    if rule is None or not isinstance(rule.action, Route):
        why = "routes nothing" if rule else "does not exist"
        raise click.UsageError(f"{name!r} {why}; drills are for: {', '.join(names(policy))}")
    if not policy.auto_names:
        raise click.UsageError("`auto_model_names` is empty: no request is routed")
    decides = policy if text is not None else alone(policy, rule)
    ports = Ports(Classifiers(loaded.settings.encoder, checkpoints(decides, loaded.settings)).answer)
    said = TEXT if text is None else text
    document = {"model": min(policy.auto_names), "messages": [{"role": "user", "content": said}]}
    try:
        told, _ = ask(decides, document, ports=ports)
    except RequestError as error:
        _refuse(f"the text would be answered {error.status} {error.code}: {error.message}")
    if text is not None and name == SEMANTIC == told.decision:
        rule = find(policy, told.category or SEMANTIC) or rule  # a category is part of it
    _check(told, rule)
    chain = tuple(dict.fromkeys(hop.endpoint for hop in told.chain))
    wires = {hop.endpoint: hop.model for hop in told.chain}
    most = len(chain) if through is None else min(through, len(chain))
    return Drill(decides, rule, chain, tuple(wires[each] for each in chain), said, most, plays)


def _check(told: Trace, rule: Rule) -> None:
    name = rule.category or rule.name
    if (told.decision, told.category or "") != (rule.name, rule.category):
        _refuse(
            f"this text is decided by {told.category or told.decision!r}, not by {name!r}: {told.because}"
        )
    if not told.chain:
        _refuse(f"{name!r} sends this text nowhere: {told.because}")


def _refuse(message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    sys.exit(Exit.FINDINGS)


def _print(drill: Drill, rows: list[Row]) -> None:
    policy, action = drill.policy, drill.rule.action
    boundary = action.boundary if isinstance(action, Route) else None
    held = f", boundary {', '.join(sorted(boundary))}" if boundary is not None else ""
    zones = (f"{each} ({policy.endpoints[each].zone})" for each in drill.chain)
    click.echo(f"{drill.rule.category or drill.rule.name}: {' > '.join(zones)}{held}")
    width = max(len("answered"), *(len(each) for each in drill.chain))
    click.echo(f"{'failing':>7}  {'answered':<{width}}  {'attempts':>8}  {'status':>6}  {'ms':>8}")
    for row in rows:
        seen = row.seen
        told = f"  {seen.code}" if seen.code else ""
        click.echo(
            f"{len(row.failed):>7}  {seen.answered or '-':<{width}}  {seen.attempts:>8}  {seen.status:>6}"
            f"  {seen.milliseconds:>8.1f}{told}"
        )
        if row.problem:
            click.echo(f"{'':>7}  {click.style('not as configured', fg='red')}: {row.problem}")
    last = rows[-1]
    if last.expected is None:
        code = f", error code {last.seen.code}" if last.seen.code else ""
        click.echo(f"With all of them failing the client sees status {last.seen.status}{code}.")


def _print_json(drill: Drill, rows: list[Row]) -> None:
    told = {
        "schema": "waypost/failover-drill.v1",
        "rule": drill.rule.name,
        "category": drill.rule.category,
        "chain": drill.chain,
        "dry_run": drill.plays,
        "ok": not any(row.problem for row in rows),
        "requests": [asdict(row) for row in rows],
    }
    click.echo(json.dumps(told, ensure_ascii=False))
