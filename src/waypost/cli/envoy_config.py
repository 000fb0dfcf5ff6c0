"""`waypost envoy-config`: the configuration of an Envoy that somebody else runs."""

import dataclasses
import json

import click

from waypost.cli import HELP
from waypost.cli.options import config_option, load_or_exit
from waypost.config.settings import Address
from waypost.envoy.resources import Wiring, static_bootstrap
from waypost.envoy.roots import find_ca_file


@click.command("envoy-config", context_settings=HELP)
@config_option
@click.option("--router", default="127.0.0.1:50051", show_default=True, metavar="ADDR", help="Router role.")
@click.option(
    "--upstream", default="127.0.0.1:50052", show_default=True, metavar="ADDR", help="Upstream role."
)
@click.option(
    "--listen", metavar="IP:PORT", help="Where Envoy listens.  [default: `listen` of the configuration]"
)
@click.option("--ca-file", metavar="FILE", help="CA bundle on Envoy's machine.  [default: this machine's]")
@click.option("--json", "as_json", is_flag=True, help="Wrap it in an object that names its schema.")
def envoy_config(
    config: tuple[str, ...],
    router: str,
    upstream: str,
    listen: str | None,
    ca_file: str | None,
    as_json: bool,
) -> None:
    """Print one static bootstrap in JSON for Envoy 1.40; `waypost extproc` serves it.

    ADDR is HOST:PORT or unix:/PATH, as Envoy reaches the two roles. No secret is in what is printed. Print
    it again when the configuration changes: with another revision Envoy answers 503 and sends nothing astray.
    """
    loaded = load_or_exit(config)
    settings = loaded.settings
    if listen is not None:
        settings = dataclasses.replace(settings, listen=_address(listen, "--listen"))
    for option, target in (("--router", router), ("--upstream", upstream)):
        if not target.startswith("unix:/"):
            _address(target, option)
    document = static_bootstrap(loaded.policy, settings, Wiring(router, upstream, ca_file or find_ca_file()))
    told = {"schema": "waypost/envoy-config.v1", "bootstrap": document} if as_json else document
    click.echo(json.dumps(told, indent=2))


def _address(text: str, option: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        msg = f"{text!r} is not HOST:PORT"
        raise click.BadParameter(msg, param_hint=option)
    return Address(host.strip("[]"), int(port))
