"""`waypost serve`: from options to a plan, from failures to exit codes. tests/envoy/test_serve.py runs it."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from click.testing import CliRunner, Result

from waypost.cli import serve as verb
from waypost.config.kept import read_kept
from waypost.envoy.child import EndedError
from waypost.envoy.supervisor import NotReadyError, Plan
from waypost.errors import WaypostError

CONFIG = """
listen: 127.0.0.1:{listen}
admin: 127.0.0.1:{admin}
providers:
  cloud: {{kind: openai_compatible, base_url: "http://127.0.0.1:9/v1"}}
models:
  gpt: {{provider: cloud, name: gpt-4o}}
default_model: gpt
"""


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    """The command makes its files private for as long as it runs, which here is the test run."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def file(tmp_path: Path, free_ports: tuple[int, int]) -> Path:
    path = tmp_path / "waypost.yaml"
    path.write_text(CONFIG.format(listen=free_ports[0], admin=free_ports[1]))
    return path


@pytest.fixture
def free_ports() -> tuple[int, int]:
    with socket() as one, socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """What would have been run; it is ready at once and then ends."""
    seen: list[Plan] = []

    async def run(plan: Plan, admin: Any, on_ready: Callable[[], None]) -> None:
        seen.append(plan)
        assert plan.folder.is_dir()
        on_ready()
        admin.close()

    monkeypatch.setattr(verb, "_run", run)
    return seen


def run(*arguments: str) -> Result:
    return CliRunner().invoke(verb.serve, arguments)


def test_the_worker_reads_the_same_files_and_nothing_beside_them(file: Path, plans: list[Plan]) -> None:
    assert run("-c", str(file)).exit_code == 0

    worker = plans[0].worker
    assert worker[1:-1] == ("-P", "-m", "waypost.cli", "extproc", "-c", str(file), "--kept-fd")
    assert plans[0].keep == (int(worker[-1]),)
    assert plans[0].beside == ()
    assert plans[0].access_log == ""


def test_what_is_said_when_ready(file: Path, plans: list[Plan], free_ports: tuple[int, int]) -> None:
    told = run("-c", str(file), "--json")
    revision = plans[0].policy.revision

    assert told.stderr == (
        f"ready: http://127.0.0.1:{free_ports[0]}/v1 (0 rules, revision {revision[:12]})\n"
        f"admin: http://127.0.0.1:{free_ports[1]}/ready\n"
    )
    assert json.loads(told.stdout)["revision"] == revision


def test_categories_and_classifiers_are_named_when_ready(
    file: Path, plans: list[Plan], tmp_path: Path
) -> None:
    manifest = {"name": "small", "version": "3", "files": {"encoder.onnx": {"sha256": "ab" * 32}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    category = "  - {name: law, model_scores: [{model: gpt, score: 1}]}\n"
    with file.open("a") as text:
        text.write(f"encoder: {{artefact: {tmp_path}}}\ncategories:\n{category}")

    said = run("-c", str(file)).stderr
    assert "(0 rules, 1 category, revision " in said
    assert said.endswith(f"\nclassifiers: small 3, sha256 {'ab' * 6}\n")

    with file.open("a") as text:
        text.write(category.replace("law", "math"))
    assert "(0 rules, 2 categories, revision " in run("-c", str(file)).stderr


def test_the_configuration_can_be_read_again_and_the_last_good_one_is_kept(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def edit(plan: Plan) -> None:
        again = plan.reload()
        assert again is not None
        assert again[0].revision == plan.policy.revision
        good = file.read_text()
        file.write_text(f"{good}\n# a remark")
        assert plan.reload() is not None
        file.write_text("broken: [")
        assert plan.reload() is None
        seen.extend(read_kept(plan.keep[0]).values())
        assert seen == [f"{good}\n# a remark"]

    async def serve(plan: Plan, admin: socket, on_ready: Callable[[], None]) -> None:
        edit(plan)
        admin.close()

    monkeypatch.setattr(verb, "_run", serve)
    told = run("-c", str(file))
    assert told.exit_code == 0, told.output
    assert len(seen) == 1
    assert '"event": "config_kept"' in told.stderr


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (EndedError("worker ended with exit code 3", 3), 3),
        (EndedError("worker ended with exit code 5", 5), 5),
        (EndedError("envoy was ended by SIGSEGV", -11), 4),
        (EndedError("envoy ended with exit code 1", 1), 4),
        (NotReadyError("not ready after 30 s"), 4),
    ],
)
def test_failures_are_one_line_and_an_exit_code(
    file: Path, failure: WaypostError, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(plan: Plan, admin: Any, on_ready: Callable[[], None]) -> None:
        admin.close()
        raise failure

    monkeypatch.setattr(verb, "_run", fail)

    told = run("-c", str(file))

    assert told.exit_code == code
    assert told.stderr == f"error: {failure}\n"


def test_an_event_is_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    verb.tell("restart", child="envoy", exit=-9)

    line = json.loads(capsys.readouterr().err)
    assert line.pop("ts").endswith("+00:00")
    assert line == {"level": "warning", "event": "restart", "child": "envoy", "exit": -9}
