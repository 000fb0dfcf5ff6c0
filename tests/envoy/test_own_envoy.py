"""`waypost extproc` and `waypost envoy-config` behind an Envoy that nobody of ours supervises."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.envoy.gateway import Gateway, free_port, wait_until
from tests.envoy.world import World, chain, config
from waypost.envoy.binary import find_envoy


@pytest.fixture
def foreign(world: World, tmp_path: Path) -> Iterator[Gateway]:
    """Both processes as the how-to starts them; the process of the gateway is Envoy."""
    listen, router, upstream = (
        f"127.0.0.1:{free_port()}",
        f"127.0.0.1:{free_port()}",
        f"unix:{tmp_path}/up.sock",
    )
    file, bootstrap, log = tmp_path / "waypost.yaml", tmp_path / "envoy.json", tmp_path / "log"
    file.write_text(json.dumps({"state_dir": str(tmp_path)} | config(world)))
    waypost = (sys.executable, "-m", "waypost.cli")
    ends = ("-c", str(file), "--router", router, "--upstream", upstream)
    printed = subprocess.run(
        [*waypost, "envoy-config", *ends, "--listen", listen], check=True, capture_output=True
    )
    bootstrap.write_bytes(printed.stdout)
    with ExitStack() as stack, log.open("wb") as output:
        commands = (
            [*waypost, "extproc", *ends],
            [str(find_envoy()), "-c", str(bootstrap), "--log-level", "warning", "--use-dynamic-base-id"],
        )
        for command in commands:
            process = stack.enter_context(subprocess.Popen(command, stdout=output, stderr=output))
            stack.callback(process.terminate)
        port = int(listen.rpartition(":")[2])
        gateway = Gateway(process, port, 0, tmp_path, log)
        wait_until(lambda: _answers(gateway), "an answer through Envoy")
        yield gateway


def _answers(gateway: Gateway) -> bool:
    try:
        return gateway.request("GET", "/v1/models").status == 200
    except OSError:
        return False


def test_it_routes_and_fails_over_like_the_bundled_one(foreign: Gateway, world: World) -> None:
    answer = foreign.ask(chain("outdead", "out1"))

    assert answer.status == 200
    assert answer.header("x-waypost-model") == "model-out1"
    assert answer.header("x-waypost-attempts") == "2"
    assert world.got() == {"out1": 1}


def test_errors_have_the_same_shape(foreign: Gateway) -> None:
    assert foreign.request("GET", "/elsewhere").error["code"] == "not_found"
    assert foreign.ask(chain("outdead")).error["code"] == "provider_unavailable"
