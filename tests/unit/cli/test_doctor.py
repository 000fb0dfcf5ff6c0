"""`waypost doctor`: what it prints, and what its exit code says."""

import asyncio
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.artefact import FOLDER, damaged
from tests.unit.probe.servers import CHAT, serving
from waypost.cli.doctor import doctor

CONFIG = {
    "providers": {
        "p": {"kind": "openai_compatible", "base_url": "http://127.0.0.1:9/v1", "api_key": "${KEY}"}
    },
    "models": {"m": {"provider": "p", "name": "n"}},
    "default_model": "m",
}
CANARY = "sk-canary-51b0"
NAMES = [
    "python", "packages", "envoy", "configuration", "listen", "admin", "state_dir", "disk", "clock",
    "classifiers", "load", "arithmetic", "speed",
]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(folder: Path, *options: str, **settings: Any) -> Result:
    """The verb on a configuration on free ports."""
    own = {
        "listen": f"127.0.0.1:{free_port()}",
        "admin": f"127.0.0.1:{free_port()}",
        "state_dir": str(folder / "state"),
        "encoder": {"artefact": str(FOLDER)},
    }
    file = folder / "waypost.yaml"
    file.write_text(json.dumps(own | CONFIG | settings))
    return CliRunner().invoke(doctor, ["-c", str(file), *options], env={"KEY": CANARY})


def lines(told: Result) -> Mapping[str, str]:
    """What was printed of each check, the fix included."""
    found: dict[str, str] = {}
    for line in told.stdout.splitlines():
        status, name = line[:5].strip(), line[6:20].strip()
        last = name if status else list(found)[-1]
        found[last] = f"{found[last]} {line.strip()}" if not status else f"{status} {line[20:].strip()}"
    return found


def test_a_sound_machine_has_a_line_for_everything_and_a_fix_for_what_is_not_ok(tmp_path: Path) -> None:
    told = run(tmp_path)
    assert told.exit_code == 0, told.output
    assert list(lines(told)) == NAMES
    for text in lines(told).values():
        assert text.startswith("ok ") or " fix: " in text
    assert lines(told)["envoy"].startswith("ok 1.40.")
    assert not (tmp_path / "state").exists()
    assert CANARY not in told.output


def test_json_has_the_figures(tmp_path: Path) -> None:
    told = json.loads(run(tmp_path, "--json").stdout)
    assert (told["schema"], told["ok"]) == ("waypost/doctor.v1", True)
    figures = {check["name"]: check["figures"] for check in told["checks"]}
    assert list(figures) == NAMES
    assert len(figures["classifiers"]["sha256"]) == 64
    assert figures["load"]["seconds"] > 0
    assert {"ms_32", "ms_128"} < set(figures["speed"])


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_damaged_artefact_is_a_line_with_a_fix(tmp_path: Path, options: tuple[str, ...]) -> None:
    told = run(tmp_path, *options, encoder={"artefact": str(damaged(tmp_path / "artefact"))})
    assert told.exit_code == 1
    assert isinstance(told.exception, SystemExit)
    if options:
        (finding,) = (check for check in json.loads(told.stdout)["checks"] if check["name"] == "classifiers")
        found, fix = finding["found"], finding["fix"]
        assert finding["status"] == "fail"
    else:
        found, _, fix = lines(told)["classifiers"].partition(" fix: ")
        assert found.startswith("fail ")
    assert "encoder.onnx' is not what the manifest vouches for: sha256 " in found
    assert fix == "write it again with `waypost train`"
    assert "Traceback" not in told.output


def test_what_else_is_wrong_is_found_in_the_same_run(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = run(
            tmp_path,
            "--envoy-binary",
            "/nowhere/envoy",
            listen=f"127.0.0.1:{taken.getsockname()[1]}",
            encoder={"artefact": str(tmp_path / "nothing")},
        )
    assert told.exit_code == 1
    failed = {name: text for name, text in lines(told).items() if text.startswith("fail ")}
    assert set(failed) == {"envoy", "listen", "classifiers"}
    assert all(" fix: " in text for text in failed.values())


def test_a_broken_configuration_is_a_line_and_the_rest_is_checked(tmp_path: Path) -> None:
    told = run(tmp_path, default_model="nobody")
    found = lines(told)
    assert told.exit_code == 1
    assert found["configuration"].startswith("fail ")
    assert "nobody" in found["configuration"]
    assert "waypost check" in found["configuration"]
    assert {"python", "envoy", "classifiers"} < set(found)
    assert "listen" not in found


# --- providers


def call_providers(folder: Path, *options: str, answer: tuple[int, Any] = (200, CHAT)) -> Result:
    """The verb, with a provider on this machine that answers everything alike."""

    async def scenario() -> Result:
        async with serving(lambda _: answer) as server:
            base = f"http://127.0.0.1:{server.port}/v1"
            one = {"kind": "openai_compatible", "base_url": base, "api_key": "${KEY}"}
            return await asyncio.to_thread(run, folder, "--providers", *options, providers={"p": one})

    told = asyncio.run(scenario())
    assert CANARY not in told.output
    return told


def test_providers_are_checked_instead_of_the_machine(tmp_path: Path) -> None:
    told = call_providers(tmp_path)
    assert told.exit_code == 0, told.output
    assert list(lines(told)) == ["p", "p key", "p m"]
    assert lines(told)["p key"] == "ok KEY is accepted"


def test_a_provider_that_fails_is_exit_code_four(tmp_path: Path) -> None:
    told = call_providers(tmp_path, "--json", "p", answer=(401, {}))
    assert told.exit_code == 4
    checks = {check["name"]: check for check in json.loads(told.stdout)["checks"]}
    assert (checks["p key"]["status"], checks["p key"]["found"]) == ("fail", "KEY is refused (401)")


def test_names_are_those_of_providers(tmp_path: Path) -> None:
    assert run(tmp_path, "p").exit_code == 2
    unknown = run(tmp_path, "--providers", "nobody")
    assert unknown.exit_code == 2
    assert "no provider is named 'nobody'; there are: p" in unknown.output


def test_providers_of_a_broken_configuration_are_not_asked(tmp_path: Path) -> None:
    assert run(tmp_path, "--providers", default_model="nobody").exit_code == 3
