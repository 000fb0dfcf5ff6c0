"""`waypost config`: the JSON Schema for editors, and the configuration that took effect."""

import json

import click

from waypost.cli import HELP
from waypost.cli.options import config_option, load_or_exit
from waypost.config.schema import json_schema
from waypost.config.show import as_yaml
from waypost.signals.registry import BUILT_IN


@click.group(context_settings=HELP)
def config() -> None:
    """Show the configuration's schema or what took effect."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Wrap it in an object that names its schema.")
def schema(as_json: bool) -> None:
    """Print the JSON Schema of the configuration file.

    An editor uses it after this first line of the file: `# yaml-language-server: $schema=waypost.schema.json`
    """
    described = json_schema(BUILT_IN)
    wrapped = {"schema": "waypost/config-schema.v1", "json_schema": described}
    click.echo(json.dumps(wrapped if as_json else described, indent=2))


@config.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of YAML.")
def show(config: tuple[str, ...], as_json: bool) -> None:
    """Print what took effect: files joined, variables put in, defaults filled in, credentials hidden."""
    document = load_or_exit(config).document
    if as_json:
        click.echo(json.dumps({"schema": "waypost/config.v1", "config": dict(document)}, ensure_ascii=False))
    else:
        click.echo(as_yaml(document), nl=False)
