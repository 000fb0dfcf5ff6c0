"""`waypost envoy-config`: a whole Envoy configuration on stdout, and nothing secret in it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from waypost.cli.envoy_config import envoy_config
from waypost.envoy.binary import find_envoy

CANARY = "sk-canary-771"
CONFIG = f"""
listen: 127.0.0.1:8801
providers:
  cloud: {{kind: openai, api_key: {CANARY}, organization: org-{CANARY}}}
models:
  gpt: {{provider: cloud, name: gpt-4o}}
default_model: gpt
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "waypost.yaml"
    path.write_text(CONFIG)
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(envoy_config, arguments)


def clusters(document: Any) -> dict[str, Any]:
    return {cluster["name"]: cluster for cluster in document["static_resources"]["clusters"]}


def address(cluster: Any) -> Any:
    return cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]


def test_envoy_accepts_what_is_printed(file: str, tmp_path: Path) -> None:
    printed = tmp_path / "envoy.json"
    printed.write_text(run("-c", file).stdout)

    told = subprocess.run(
        [find_envoy(), "--mode", "validate", "-c", printed, "--log-level", "warning"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert told.returncode == 0, told.stderr


def test_it_listens_where_the_configuration_says_and_asks_extproc_where_it_is_by_default(file: str) -> None:
    document = json.loads(run("-c", file).stdout)
    listener = document["static_resources"]["listeners"][0]

    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 8801}
    found = clusters(document)
    assert address(found["waypost_router"])["socket_address"]["port_value"] == 50051
    assert address(found["waypost_upstream"])["socket_address"]["port_value"] == 50052


def test_every_address_can_be_another_one(file: str) -> None:
    told = run(
        "-c",
        file,
        "--listen",
        "[::]:80",
        "--router",
        "waypost:1",
        "--upstream",
        "unix:/u.sock",
        "--ca-file",
        "/ca.pem",
    )
    document = json.loads(told.stdout)
    found = clusters(document)

    listener = document["static_resources"]["listeners"][0]
    assert listener["address"]["socket_address"] == {"address": "::", "port_value": 80}
    assert address(found["waypost_router"])["socket_address"] == {"address": "waypost", "port_value": 1}
    assert address(found["waypost_upstream"]) == {"pipe": {"path": "/u.sock"}}
    assert '"filename": "/ca.pem"' in told.stdout


def test_no_secret_is_printed(file: str) -> None:
    assert CANARY not in run("-c", file).output
    assert CANARY not in run("-c", file, "--json").output


def test_json_names_its_schema(file: str) -> None:
    told = json.loads(run("-c", file, "--json").stdout)

    assert told["schema"] == "waypost/envoy-config.v1"
    assert told["bootstrap"] == json.loads(run("-c", file).stdout)


@pytest.mark.parametrize("option", ["--listen", "--router", "--upstream"])
@pytest.mark.parametrize("value", ["8801", ":8801", "host:", "host:0", "host:70000", "host:http"])
def test_an_address_that_is_none_is_a_usage_error(file: str, option: str, value: str) -> None:
    told = run("-c", file, option, value)

    assert told.exit_code == 2
    assert f"{value!r} is not HOST:PORT" in told.output


def test_a_broken_configuration_is_exit_3(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("listen: nowhere\n")

    assert run("-c", str(broken)).exit_code == 3
