"""`waypost test`: run the file's `test_cases` through the engine that decides for real."""

import json
import sys
import time

import click

from waypost.cases import Case, judge
from waypost.cli import HELP
from waypost.cli.ask import ask
from waypost.cli.options import config_option, load_or_exit
from waypost.decision.engine import SEMANTIC
from waypost.errors import Exit, RequestError
from waypost.policy import Policy
from waypost.runtime import Classifiers, checkpoints
from waypost.transport.driver import Ports


@click.command(context_settings=HELP)
@click.argument("files", nargs=-1, type=click.Path())
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def test(files: tuple[str, ...], config: tuple[str, ...], as_json: bool) -> None:
    """Run the `test_cases` of the configuration; exit 1 if one fails."""
    loaded = load_or_exit((*files, *config))
    started = time.perf_counter()
    models = checkpoints(loaded.policy, loaded.settings)
    ports = Ports(Classifiers(loaded.settings.encoder, models).answer)
    results = [(case, *_run(loaded.policy, case, ports)) for case in loaded.test_cases]
    seconds = time.perf_counter() - started
    failed = sum(1 for *_, problems in results if problems)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "schema": "waypost/test.v1",
                    "passed": len(results) - failed,
                    "failed": failed,
                    "seconds": round(seconds, 4),
                    "cases": [
                        {
                            "input": case.title,
                            "decision": decision,
                            "passed": not problems,
                            "problems": problems,
                        }
                        for case, decision, _, problems in results
                    ],
                },
                ensure_ascii=False,
            )
        )
    else:
        width = max((len(case.title) for case, *_ in results), default=0)
        for case, _, target, problems in results:
            verdict = click.style("FAIL", fg="red") if problems else click.style("PASS", fg="green")
            click.echo(f"{verdict} {case.title:<{width}}  -> {target}")
            for problem in problems:
                click.echo(f"     {problem}")
        click.echo(f"{len(results) - failed} passed, {failed} failed in {seconds:.2f} s")
    if not results:
        click.echo("note: the configuration has no test_cases", err=True)
    sys.exit(Exit.FINDINGS if failed else Exit.OK)


def _run(policy: Policy, case: Case, ports: Ports) -> tuple[str, str, list[str]]:
    """What decided, where that led, and what was expected otherwise."""
    try:
        document = {"model": case.model, "messages": case.messages}
        told, _ = ask(policy, document, case.identity, ports=ports)
    except RequestError as error:
        return "", f"{error.status} {error.code}", [error.message]
    if told.decision == SEMANTIC:
        target = f"{SEMANTIC}: {told.category}, {told.chain[0].endpoint}" if told.category else SEMANTIC
    elif told.chain:
        target = told.chain[0].endpoint
    else:
        target = f"{told.outcome} {told.status} (rule {told.decision})"
    return told.decision, target, list(judge(case, told))
