"""The `waypost` command: one file per verb, imported only when that verb runs."""

import importlib
import os
import sys
from typing import Final

import click

from waypost.errors import Exit

VERBS: Final = {
    "audit": "Check and read the audit log.",
    "check": "Check a configuration and read its rules back as sentences.",
    "config": "Show the configuration's schema or what took effect.",
    "doctor": "Check this machine, the install and the configuration.",
    "envoy-config": "Print the configuration for an Envoy of your own.",
    "eval": "Measure the classifiers on labelled texts.",
    "extproc": "Serve ext_proc to an Envoy of your own.",
    "failover-drill": "Let the endpoints of a rule fail one after another and see who answers.",
    "init": "Write a commented configuration with test cases.",
    "models": "Show which models answer; convert a checkpoint of your own.",
    "route": "Say where a text would go and why; nothing is sent.",
    "serve": "Serve clients: Envoy, the deciding process and the admin app.",
    "test": "Run the test cases of a configuration.",
    "train": "Train the classifiers again, with rows of your own if you like.",
}
"""Every verb and its line in `--help`, which must not import them: that takes half a second."""


HELP: Final = {"help_option_names": ["-h", "--help"]}
"""Context settings of every verb: the same whether it is called through `cli` or by itself."""


class LazyGroup(click.Group):
    """Imports a verb when it is asked for: `name-with-dash` is the object of that name in its own module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, sorted."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in VERBS:
            return None
        name = cmd_name.replace("-", "_")
        return getattr(importlib.import_module(f"waypost.cli.{name}"), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(VERBS.items()))


@click.group(cls=LazyGroup, context_settings=HELP)
@click.version_option(package_name="waypost", prog_name="waypost")
def cli() -> None:
    """Route each request to the right model, inside your data policy, and say why."""


def main() -> None:
    """Entry point; maps the error tree to exit codes and never shows a traceback."""
    colour = False if os.environ.get("NO_COLOR") else None  # None: on a terminal; https://no-color.org
    try:
        sys.exit(cli.main(standalone_mode=False, color=colour) or Exit.OK)
    except click.UsageError as error:
        error.show()
        sys.exit(Exit.USAGE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(Exit.INTERRUPTED)
    except OSError as error:  # standard output cannot be written
        click.echo(f"error: {error}", err=True)
        sys.exit(Exit.FINDINGS)
