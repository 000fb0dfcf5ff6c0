"""`waypost route`: what would happen to this text, and why. Nothing is sent."""

import dataclasses
import json
import sys
import time
from contextlib import suppress

import click

from waypost.cli import HELP
from waypost.cli.ask import ask, document_of
from waypost.cli.draw import line, tree
from waypost.cli.options import config_option, load_or_exit
from waypost.config.load import Loaded
from waypost.errors import EngineError, Exit, RequestError
from waypost.needs import Encode, Failed
from waypost.request.chat import Identity
from waypost.runtime import Classifiers, checkpoints
from waypost.signals.base import Encoded
from waypost.transport.driver import Ports


@click.command(context_settings=HELP)
@click.argument("text")
@config_option
@click.option(
    "-m", "--model", help="The model the client asks for.  [default: that of the request body, else auto]"
)
@click.option("--team", help="Team, as a trusted hop would vouch for it.")
@click.option("--tenant", help="Tenant, as a trusted hop would vouch for it.")
@click.option("--user", help="User, as a trusted hop would vouch for it.")
@click.option(
    "-H", "--header", "headers", multiple=True, metavar="NAME=VALUE", help="A header the client sends."
)
@click.option("--explain", is_flag=True, help="Draw every rule and condition.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole trace as JSON.")
def route(
    text: str,
    config: tuple[str, ...],
    model: str | None,
    team: str | None,
    tenant: str | None,
    user: str | None,
    headers: tuple[str, ...],
    explain: bool,
    as_json: bool,
) -> None:
    """Say where TEXT would go and why; nothing is sent.

    TEXT is one user message, a JSON list of messages, or a request body of chat completions; `-` reads it
    from standard input.
    """
    loaded = load_or_exit(config)
    identity = Identity(any((team, tenant, user)), team, tenant, user)
    pairs = [_pair(header) for header in headers]
    try:
        source = sys.stdin.read() if text == "-" else text
        classifiers = _Prepared(loaded)
        ports = Ports(classifiers.answer)
        document = document_of(source) | ({} if model is None else {"model": model})
        told, milliseconds = ask(loaded.policy, document, identity, pairs, ports)
        milliseconds -= 1000 * classifiers.seconds
    except UnicodeDecodeError:
        click.echo("error: standard input is not UTF-8 text", err=True)
        sys.exit(Exit.USAGE)
    except RequestError as error:
        click.echo(f"error: the router would answer {error.status} {error.code}: {error.message}", err=True)
        sys.exit(Exit.FINDINGS)
    if as_json:
        document = {
            "schema": "waypost/route.v1",
            **dataclasses.asdict(told),
            "milliseconds": round(milliseconds, 3),
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
    elif explain:
        click.echo("\n".join(tree(told, milliseconds)))
    else:
        click.echo(line(told, milliseconds))


class _Prepared:
    """Classifiers as a worker has them, and the seconds it took to get there: no request waits for that."""

    def __init__(self, loaded: Loaded) -> None:
        models = checkpoints(loaded.policy, loaded.settings)
        self._classifiers = Classifiers(loaded.settings.encoder, models)
        self._policy = loaded.policy
        self.seconds = 0.0

    async def answer(self, need: Encode) -> Encoded | Failed:
        """Answer a need; what cannot be loaded answers none."""
        began = time.perf_counter()
        with suppress(EngineError):
            self._classifiers.load(self._policy)
        self.seconds += time.perf_counter() - began
        return await self._classifiers.answer(need)


def _pair(header: str) -> tuple[str, str]:
    name, separator, value = header.partition("=")
    if not separator:
        raise click.BadParameter(f"{header!r} has no '='", param_hint="--header")
    return name.strip().lower(), value.strip()
