"""`waypost serve`: Envoy, the worker and the admin app, as one command."""

import asyncio
import dataclasses
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import click

from waypost import demo as showcase
from waypost.admin.app import create
from waypost.admin.providers import providers
from waypost.admin.server import serving
from waypost.cli import HELP
from waypost.cli.classifiers import named
from waypost.cli.options import config_option, load_or_exit, paths_of, show
from waypost.cli.words import counted
from waypost.config.kept import Kept
from waypost.config.load import Loaded, load
from waypost.config.settings import Address, Settings
from waypost.envoy.binary import find_envoy
from waypost.envoy.child import Command, EndedError
from waypost.envoy.control import Control
from waypost.envoy.folder import FolderError, run_folder
from waypost.envoy.ports import bind, numeric
from waypost.envoy.roots import find_ca_file
from waypost.envoy.supervisor import METRICS_FOLDER, Plan, Supervisor
from waypost.errors import ConfigError, Exit, WaypostError
from waypost.observe.metrics import cooling_seconds, page
from waypost.policy import Policy


@click.command(context_settings=HELP)
@config_option
@click.option(
    "--demo", is_flag=True, help="Five providers on loopback and a configuration to try; no keys needed."
)
@click.option("--envoy-binary", metavar="FILE", help="An Envoy of your own.  [default: the packaged one]")
@click.option(
    "--run-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for sockets, Envoy's documents and its log.  [default: a new one, removed at the end]",
)
@click.option(
    "--access-log",
    type=click.Path(dir_okay=False, resolve_path=True),
    metavar="FILE",
    help="Let Envoy write one JSON line per request, without bodies, queries and keys.",
)
@click.option("--front", type=click.Choice(["grpc", "h2"]), default="h2", hidden=True)
@click.option("--json", "as_json", is_flag=True, help="When ready, print where on stdout as JSON.")
def serve(
    config: tuple[str, ...],
    demo: bool,
    envoy_binary: str | None,
    run_dir: Path | None,
    access_log: str | None,
    front: Literal["grpc", "h2"],
    as_json: bool,
) -> None:
    """Serve clients until SIGTERM or Ctrl-C, which drain; a second one stops at once."""
    if demo and config:
        raise click.UsageError("--demo brings its own configuration: leave out -c, or start without --demo")
    os.umask(0o077)
    paths = [showcase.config_path()] if demo else paths_of(config)
    loaded = load_or_exit([str(path) for path in paths])
    try:
        with run_folder(run_dir, os.environ) as folder, Kept(loaded.texts) as kept:
            listener = bind(loaded.settings.listen, "listen")
            admin = bind(loaded.settings.admin, "admin")
            settings = dataclasses.replace(loaded.settings, listen=numeric(listener))
            listener.close()  # only a free port is wanted: Envoy binds it itself
            plan = Plan(
                folder,
                find_envoy(envoy_binary),
                loaded.policy,
                settings,
                _worker(paths, kept),
                partial(_reload, paths, kept),
                find_ca_file(),
                _showcase() if demo else (),
                _demo_addresses(loaded) if demo else (),
                access_log or "",
                front,
                (kept.fd,),
            )
            asyncio.run(_run(plan, admin, _announcement(loaded, admin, demo=demo, as_json=as_json)))
    except WaypostError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(_exit_code(error))


async def _run(plan: Plan, admin: socket.socket, on_ready: Callable[[], None]) -> None:
    supervisor = Supervisor(plan, os.environ, tell)
    control, folder = Control(plan.folder / "envoy.sock"), plan.folder / METRICS_FOLDER

    async def how_providers_do() -> Mapping[str, object]:
        policy = supervisor.policy
        upstreams = await control.upstreams(policy.providers.values())
        return providers(policy, upstreams, cooling_seconds(folder, _now()))

    async def metrics() -> bytes:
        upstreams = await control.upstreams(supervisor.policy.providers.values())
        return page(folder, upstreams, _now())

    app = create(supervisor.children, supervisor.not_ready, how_providers_do, metrics)
    async with serving(app, admin):
        await supervisor.run(on_ready)


def _now() -> float:
    return datetime.now(UTC).timestamp()


def tell(event: str, **fields: object) -> None:
    """One JSON line on stderr."""
    line = {"ts": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": "warning", "event": event}
    click.echo(json.dumps(line | fields), err=True)


def _worker(paths: Sequence[Path], kept: Kept) -> tuple[str, ...]:
    # -P: a module beside the operator's file must not take the place of ours.
    named = (word for path in paths for word in ("-c", str(path)))
    return (sys.executable, "-P", "-m", "waypost.cli", "extproc", *named, "--kept-fd", str(kept.fd))


def _reload(paths: Sequence[Path], kept: Kept) -> tuple[Policy, Settings] | None:
    """What the files say now; None, and told, when that cannot be used: then the last good ones stay."""
    try:
        loaded = load(paths, os.environ)
    except ConfigError as error:
        show(error)
        tell("config_kept", problems=len(error.problems))
        return None
    kept.keep(loaded.texts)
    return loaded.policy, loaded.settings


def _showcase() -> tuple[Command, ...]:
    return tuple(
        Command(f"demo-{number}", tuple(argv), os.environ)
        for number, argv in enumerate(showcase.children(), 1)
    )


def _demo_addresses(loaded: Loaded) -> tuple[Address, ...]:
    return tuple(
        Address(each.host, each.port)
        for provider in loaded.policy.providers.values()
        for each in provider.hosts
    )


def _announcement(loaded: Loaded, admin: socket.socket, *, demo: bool, as_json: bool) -> Callable[[], None]:
    listen, revision = loaded.settings.listen, loaded.policy.revision
    categories = sum(bool(rule.category) for rule in loaded.policy.rules)
    rules = len(loaded.policy.rules) - categories - 1  # the last one is the default
    counts = [counted(rules, "rule")]
    if categories:
        counts.append("1 category" if categories == 1 else f"{categories} categories")

    def announce() -> None:
        click.echo(
            f"ready: http://{listen}/v1 ({', '.join(counts)}, revision {revision[:12]})\n"
            f"admin: http://{numeric(admin)}/ready",
            err=True,
        )
        if classifiers := named(loaded):
            click.echo(f"classifiers: {classifiers}", err=True)
        if demo:
            click.echo(f"\n{showcase.tour(str(listen))}", err=True)
        if as_json:
            told = {
                "schema": "waypost/serve.v1",
                "listen": str(listen),
                "admin": str(numeric(admin)),
                "revision": revision,
                "rules": rules,
                "pid": os.getpid(),
            }
            click.echo(json.dumps(told))

    return announce


def _exit_code(error: WaypostError) -> int:
    match error:
        case EndedError(code=Exit.CONFIG | Exit.INTEGRITY as code):
            return code
        case FolderError():
            return Exit.USAGE
        case _:
            return Exit.PROVIDER
