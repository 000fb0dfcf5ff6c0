"""`waypost extproc`: serve the router and the upstream role to an Envoy."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import click

from waypost.cli import HELP
from waypost.cli.classifiers import named
from waypost.cli.options import config_option, load_or_exit
from waypost.config.kept import read_kept
from waypost.config.load import Loaded
from waypost.errors import EngineError, Exit
from waypost.observe.metrics import share
from waypost.runtime import worker
from waypost.transport.fronts import Front

log = logging.getLogger(__name__)


@click.command(context_settings=HELP)
@config_option
@click.option("--router", default="127.0.0.1:50051", show_default=True, metavar="ADDR", help="Router role.")
@click.option(
    "--upstream", default="127.0.0.1:50052", show_default=True, metavar="ADDR", help="Upstream role."
)
@click.option("--front", type=click.Choice(["grpc", "h2"]), hidden=True, help="Who serves.")
@click.option("--json", "as_json", is_flag=True, help="When ready, print where on stdout as JSON.")
@click.option(
    "--parent-fd", type=int, hidden=True, help="Stop when this pipe closes: the supervisor has died."
)
@click.option(
    "--metrics-dir",
    type=click.Path(file_okay=False, path_type=Path),
    hidden=True,
    help="Where to count for the supervisor.",
)
@click.option("--kept-fd", type=int, hidden=True, help="Where the supervisor keeps the configuration.")
def extproc(
    config: tuple[str, ...],
    router: str,
    upstream: str,
    front: Front | None,
    as_json: bool,
    parent_fd: int | None,
    metrics_dir: Path | None,
    kept_fd: int | None,
) -> None:
    """Serve ext_proc to an Envoy that somebody else runs (`waypost envoy-config` prints its configuration).

    ADDR is HOST:PORT or unix:/PATH. Whoever can connect to the upstream role can ask for provider keys.
    """
    supervised = parent_fd is not None  # then what is worth saying at every start has been said
    level = logging.WARNING if supervised else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    if metrics_dir is not None:
        share(metrics_dir)
    loaded = load_or_exit(config, quiet=supervised, texts=None if kept_fd is None else read_kept(kept_fd))
    for address in (router, upstream):
        if not _is_local(address):
            click.secho(
                f"WARNING: {address} is open to the network, without TLS and without a password: whoever can"
                " connect may ask the upstream role for provider keys. Bind to loopback or a unix socket.",
                fg="red",
                bold=True,
                err=True,
            )

    def announce() -> None:
        if as_json:
            revision = loaded.policy.revision
            where = {"schema": "waypost/extproc.v1", "router": router, "upstream": upstream}
            click.echo(json.dumps({**where, "revision": revision, "pid": os.getpid()}))

    try:
        asyncio.run(_serve(loaded, (router, upstream), front, parent_fd, announce))
    except EngineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(Exit.PROVIDER)


async def _serve(
    loaded: Loaded,
    addresses: tuple[str, str],
    front: Front | None,
    parent_fd: int | None,
    on_ready: Callable[[], None],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent_fd is not None:
        loop.add_reader(parent_fd, _until_closed, parent_fd, stop)
    async with worker(loaded.policy, loaded.settings, *addresses, front):
        log.info("ready: router %s, upstream %s, revision %.12s", *addresses, loaded.policy.revision)
        if classifiers := named(loaded):
            log.info("classifiers: %s", classifiers)
        on_ready()
        await stop.wait()
        log.info("draining")


def _until_closed(parent_fd: int, stop: asyncio.Event) -> None:
    if not os.read(parent_fd, 64):
        asyncio.get_running_loop().remove_reader(parent_fd)
        stop.set()


def _is_local(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return address.startswith(("unix:", "fd:")) or ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
