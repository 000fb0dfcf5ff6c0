"""The `waypost` command: one file per verb, imported only when that verb runs."""

import importlib
import sys

import click

from waypost.errors import Exit

VERBS = {
    "audit": "waypost.cli.audit:audit",
    "check": "waypost.cli.check:check",
    "config": "waypost.cli.config:config",
    "envoy-config": "waypost.cli.envoy_config:envoy_config",
    "extproc": "waypost.cli.extproc:extproc",
    "init": "waypost.cli.init:init",
    "route": "waypost.cli.route:route",
    "serve": "waypost.cli.serve:serve",
    "test": "waypost.cli.test:test",
}


class LazyGroup(click.Group):
    """Loads a verb's module when the verb is asked for, so that `--help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, sorted."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in VERBS:
            return None
        module, name = VERBS[cmd_name].split(":")
        return getattr(importlib.import_module(module), name)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="waypost", prog_name="waypost")
def cli() -> None:
    """Route each request to the right model, inside your data policy, and say why."""


def main() -> None:
    """Entry point; maps the error tree to exit codes and never shows a traceback."""
    try:
        sys.exit(cli.main(standalone_mode=False) or Exit.OK)
    except click.UsageError as error:
        error.show()
        sys.exit(Exit.USAGE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(Exit.INTERRUPTED)


if __name__ == "__main__":
    main()
