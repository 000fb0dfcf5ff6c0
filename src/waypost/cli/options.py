"""What every verb that reads a configuration shares: `-c`, loading, and how problems are shown."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from waypost.cli.words import counted
from waypost.config.load import Loaded, load
from waypost.config.render import brief, render
from waypost.errors import ConfigError, Exit

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT: Final = Path("waypost.yaml")
VARIABLE: Final = "WAYPOST_CONFIG"


def config_option(command: F) -> F:
    """Add `-c/--config FILE`, repeatable, as the parameter `config: tuple[str, ...]`."""
    return click.option(
        "-c",
        "--config",
        multiple=True,
        metavar="FILE",
        help=f"Configuration; repeat it to join several files.  [default: {DEFAULT}, else ${VARIABLE}]",
    )(command)


def paths_of(config: Sequence[str]) -> list[Path]:
    """The files a command line means: those given, else `waypost.yaml` here, else `$WAYPOST_CONFIG`."""
    if config:
        return [Path(name) for name in config]
    named = os.environ.get(VARIABLE)
    return [Path(named) if named and not DEFAULT.exists() else DEFAULT]


def load_or_exit(
    config: Sequence[str], *, quiet: bool = False, texts: Mapping[str, str] | None = None
) -> Loaded:
    """Load the configuration; warnings go to stderr in a line each, unless `quiet`; `texts` as in `load`.

    Raises:
        SystemExit: with exit code 3 after showing every problem on stderr.
    """
    try:
        loaded = load(paths_of(config), os.environ, texts)
    except ConfigError as error:
        show(error)
        sys.exit(Exit.CONFIG)
    for problem in loaded.problems:
        if problem.severity == "warning" and not quiet:
            click.echo(brief(problem), err=True)
    return loaded


def show(error: ConfigError) -> None:
    """Every problem on stderr."""
    click.echo(render(error.problems, error.sources), err=True)
    click.echo(f"\n{summary(error.problems)}", err=True)


def summary(problems: Sequence[Any]) -> str:
    """How many errors, warnings and remarks there are."""
    counts = [(kind, sum(p.severity == kind for p in problems)) for kind in ("error", "warning", "info")]
    named = {"error": "error", "warning": "warning", "info": "remark"}
    return ", ".join(counted(n, named[kind]) for kind, n in counts if n) or "no problems"
