"""`waypost extproc`: when it starts, warns and stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.artefact import FOLDER
from waypost.cli import extproc as module
from waypost.cli.extproc import extproc
from waypost.errors import EngineError, Exit

CONFIG = {
    "providers": {"p": {"kind": "openai", "api_key": "sk-1"}},
    "models": {"m": {"provider": "p", "name": "n"}},
    "default_model": "m",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "waypost.yaml"
    file.write_text(json.dumps(CONFIG | {"state_dir": str(tmp_path / "state")}))
    return file


@contextmanager
def running(config: Path, *options: str, pass_fds: tuple[int, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """The verb as a process of its own, ready."""
    folder = config.parent
    command = [sys.executable, "-m", "waypost.cli", "extproc", "-c", str(config), *options]
    command += ["--router", f"unix:{folder / 'r'}", "--upstream", f"unix:{folder / 'u'}"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=pass_fds
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines_until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if word in line:
            return seen
    raise AssertionError(seen)


def until_served(path: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_serves_and_drains_when_told_to(config: Path, number: signal.Signals) -> None:
    with running(config) as process:
        assert f"router unix:{config.parent / 'r'}" in lines_until(process, "ready")
        process.send_signal(number)
        assert "draining" in lines_until(process, "draining")
        assert process.wait(30) == Exit.OK


def test_it_names_the_classifiers_where_something_asks_them(config: Path) -> None:
    guard = {"prompt_guard": {"enabled": True}, "encoder": {"artefact": str(FOLDER)}}
    config.write_text(json.dumps(json.loads(config.read_text()) | guard))
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    with running(config) as process:
        told = lines_until(process, " classifiers: ").splitlines()[-1]
    assert told.partition(" classifiers: ")[2].startswith(
        f"{manifest['name']} {manifest['version']}, sha256 "
    )


def test_it_says_where_it_serves_as_json(config: Path) -> None:
    with running(config, "--json") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert (told["schema"], told["pid"]) == ("waypost/extproc.v1", process.pid)
        assert told["router"] == f"unix:{config.parent / 'r'}"


def test_it_ends_with_its_supervisor(config: Path) -> None:
    read, write = os.pipe()
    with running(config, "--parent-fd", str(read), pass_fds=(read,)) as process:
        os.close(read)
        until_served(config.parent / "r")
        os.write(write, b"still here")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        os.close(write)
        assert process.wait(30) == Exit.OK


@asynccontextmanager
async def unable(*_: object) -> AsyncIterator[None]:
    raise EngineError("the address cannot be used")
    yield


@pytest.mark.parametrize(
    ("address", "warns"),
    [
        ("0.0.0.0:50051", True),
        ("[::]:50051", True),
        ("gateway:50051", True),
        ("10.0.0.1:50051", True),
        ("127.0.0.1:50051", False),
        ("[::1]:50051", False),
        ("localhost:50051", False),
        ("unix:/run/w.sock", False),
    ],
)
def test_it_warns_where_strangers_could_ask_for_keys(
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    warns: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(module, "worker", unable)
    result = CliRunner().invoke(extproc, ["-c", str(config), "--upstream", address])
    assert result.exit_code == Exit.PROVIDER
    assert ("WARNING" in result.stderr and address in result.stderr) is warns
    assert "error: the address cannot be used" in result.stderr


def test_a_configuration_with_errors_is_not_served(config: Path) -> None:
    config.write_text("{}")
    assert CliRunner().invoke(extproc, ["-c", str(config)]).exit_code == Exit.CONFIG
