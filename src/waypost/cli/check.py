"""`waypost check`: what is wrong with a configuration, and what its rules say in plain English."""

import json
import os
import sys
from dataclasses import asdict

import click

from waypost.cli import HELP
from waypost.cli.options import config_option, paths_of, summary
from waypost.cli.words import counted
from waypost.config.load import Loaded, load
from waypost.config.readback import guards, read_back
from waypost.config.render import render
from waypost.errors import ConfigError, Exit


@click.command(context_settings=HELP)
@click.argument("files", nargs=-1, type=click.Path())
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(files: tuple[str, ...], config: tuple[str, ...], as_json: bool) -> None:
    """Check a configuration and read its rules back as sentences.

    FILES are joined, as with -c. Exit code 3 when there are errors; warnings do not count.
    """
    try:
        loaded = load(paths_of((*files, *config)), os.environ)
    except ConfigError as error:
        if as_json:
            problems = [asdict(problem) for problem in error.problems]
            click.echo(json.dumps({"schema": "waypost/check.v1", "ok": False, "problems": problems}))
        else:
            click.echo(render(error.problems, error.sources), err=True)
            click.echo(f"\n{summary(error.problems)}", err=True)
        sys.exit(Exit.CONFIG)
    if as_json:
        click.echo(json.dumps(_document(loaded), ensure_ascii=False))
        return
    if loaded.problems:
        click.echo(render(loaded.problems, loaded.sources) + "\n", err=True)
    click.echo("\n".join(read_back(loaded.policy)))
    if said := guards(loaded.policy):
        click.echo("\nGuards\n" + "\n".join(f"- {sentence}" for sentence in said))
    click.echo(f"\nok: {_count(loaded)}; {summary(loaded.problems)}; revision {loaded.policy.revision[:16]}")


def _document(loaded: Loaded) -> dict[str, object]:
    sentences = read_back(loaded.policy)
    return {
        "schema": "waypost/check.v1",
        "ok": True,
        "problems": [asdict(problem) for problem in loaded.problems],
        "revision": loaded.policy.revision,
        "guards": guards(loaded.policy),
        "rules": [
            {
                "name": rule.name,
                "owner": rule.owner,
                "business_justification": rule.business_justification,
                "on_error": rule.on_error,
                "sentence": sentence.split(". ", 1)[1],
            }
            for rule, sentence in zip(loaded.policy.rules, sentences, strict=True)
        ],
    }


def _count(loaded: Loaded) -> str:
    policy = loaded.policy
    counts = {
        "provider": len(policy.providers),
        "model": len(policy.endpoints),
        "rule": len(policy.rules) - 1,
        "test case": len(loaded.test_cases),
    }
    return ", ".join(counted(n, noun) for noun, n in counts.items())
