"""`waypost init`: write a commented configuration that works, with what the environment offers."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

import click

from waypost.cli import HELP
from waypost.cli.options import DEFAULT
from waypost.config.load import Loaded, load
from waypost.config.render import render
from waypost.errors import ConfigError, Exit

TEMPLATES: Final = ("local", "openai", "compliance", "multi")


class Hosted(NamedTuple):
    """A provider that is there when its key is set."""

    name: str
    block: str
    model: str


HOSTED: Final[Mapping[str, Hosted]] = {
    "ANTHROPIC_API_KEY": Hosted("anthropic", "kind: anthropic", "claude-sonnet-4-5"),
    "GEMINI_API_KEY": Hosted("gemini", "kind: gemini", "gemini-2.5-flash"),
    "DEEPSEEK_API_KEY": Hosted(
        "deepseek", 'kind: openai_compatible, base_url: "https://api.deepseek.com/v1"', "deepseek-chat"
    ),
    "GROQ_API_KEY": Hosted(
        "groq",
        'kind: openai_compatible, base_url: "https://api.groq.com/openai/v1"',
        "llama-3.3-70b-versatile",
    ),
    "MISTRAL_API_KEY": Hosted(
        "mistral", 'kind: openai_compatible, base_url: "https://api.mistral.ai/v1"', "mistral-large-latest"
    ),
}
"""Keys that the `multi` template makes providers of."""


@click.command(context_settings=HELP)
@click.option("--template", type=click.Choice(TEMPLATES), help="What to start from.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT, show_default=True
)
@click.option("--force", is_flag=True, help="Overwrite the file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def init(template: str | None, yes: bool, output: Path, force: bool, as_json: bool) -> None:
    """Write a commented configuration with test cases.

    Keys set in the environment are found and named, never copied into the file.
    """
    keys = [name for name in ("OPENAI_API_KEY", *HOSTED) if os.environ.get(name)]
    if output.exists() and not force:
        _stop(f"{str(output)!r} exists; --force overwrites it")
    if template is None:
        template = "openai" if "OPENAI_API_KEY" in keys else "local"
        if not yes and not as_json and sys.stdin.isatty():
            template = click.prompt("Template", type=click.Choice(TEMPLATES), default=template, err=True)
    try:
        loaded = _write(output, content(str(template), keys), force=force)
    except FileExistsError:
        _stop(f"{str(output)!r} exists; --force overwrites it")
    except OSError as error:
        _stop(f"{str(output)!r} cannot be written: {error.strerror}")
    if as_json:
        told = {"schema": "waypost/init.v1", "path": str(output), "template": template, "found": keys}
        click.echo(json.dumps(told))
        return
    for key in keys:
        click.echo(f"Found  {key}")
    policy = loaded.policy
    counts = f"rules: {len(policy.rules) - 1}, test cases: {len(loaded.test_cases)}"
    click.echo(f"Wrote  {output}  (template {template}, {counts})")
    option = "" if output == DEFAULT else f" -c {output}"
    click.echo(f"Next   waypost check{option}   then   waypost serve{option}")


def content(template: str, keys: Sequence[str]) -> str:
    """Text of a template for an environment in which `keys` are set."""
    text = files("waypost.config").joinpath(f"templates/{template}.yaml").read_text("utf-8")
    if "OPENAI_API_KEY" not in keys:
        # The empty default lets `waypost check` and `waypost test` run before there is a key.
        text = text.replace('"${OPENAI_API_KEY}"', '"${OPENAI_API_KEY:-}"')
    if template == "multi":
        found = [(key, HOSTED[key]) for key in keys if key in HOSTED]
        providers = [f'  {h.name}: {{{h.block}, api_key: "${{{key}}}"}}\n' for key, h in found]
        models = [f"  {h.name}: {{provider: {h.name}, name: {h.model}}}\n" for _, h in found]
        text = text.replace("providers:\n", f"providers:\n{''.join(providers)}", 1)
        text = text.replace("models:\n", f"models:\n{''.join(models)}", 1)
    return text


def _write(output: Path, text: str, *, force: bool) -> Loaded:
    """Write the file whole or not at all, after loading it."""
    with tempfile.TemporaryDirectory(prefix=".waypost-", dir=output.parent) as folder:
        draft = Path(folder) / output.name
        draft.write_text(text, "utf-8")
        try:
            loaded = load([draft], os.environ)
        except ConfigError as error:
            click.echo(render(error.problems, error.sources), err=True)
            sys.exit(Exit.CONFIG)
        if force:
            draft.replace(output)
        else:
            output.hardlink_to(draft)
        return loaded


def _stop(message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    sys.exit(Exit.USAGE)
