"""The checks of `waypost doctor`, one by one, where something is wrong."""

import asyncio
import json
import os
import shutil
import socket
import threading
from collections import namedtuple
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.encoder.fakes import FakeNetwork, encoder
from waypost.cli import examine
from waypost.config.settings import Address, AuditSettings
from waypost.encoder.engine import Encoder
from waypost.encoder.manifest import Check
from waypost.encoder.settings import EncoderSettings, ForeignModel
from waypost.errors import EngineError
from waypost.observe.audit import AuditLog

NOW = datetime(2026, 12, 1, tzinfo=UTC)
CHECK = Check("math", (3.0, 0.0), (0.0, 1.0, 2.0), (0.0, -4.0), 0.25)
CONFIG: dict[str, Any] = {
    "providers": {"p": {"kind": "openai_compatible", "base_url": "http://127.0.0.1:9/v1"}},
    "models": {"m": {"provider": "p", "name": "n"}},
    "default_model": "m",
}


def write(folder: Path, **settings: Any) -> list[str]:
    file = folder / "waypost.yaml"
    file.write_text(json.dumps(CONFIG | settings))
    return [str(file)]


def script(folder: Path, text: str) -> str:
    file = folder / "envoy"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


# --- the install


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine, "_PACKAGES", ("numpy", "not-a-package"))
    found = examine.packages()
    assert (found.status, found.found) == ("fail", "not-a-package is not installed")
    assert found.fix


def test_a_slow_yaml_parser_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine, "find_spec", lambda _: None)
    assert examine.packages().status == "warn"
    assert examine.packages().fix


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        ("echo 'envoy  version: 0a1b/1.40.3/Clean/RELEASE/BoringSSL'", "ok", "1.40.3"),
        ("echo 'envoy  version: 0a1b/1.31.0/Clean/RELEASE/BoringSSL'", "warn", "is version 1.31.0, not 1.40"),
        ("echo hello", "warn", "is version unknown"),
        ("exit 3", "fail", "cannot be run"),
    ],
)
def test_another_envoy(tmp_path: Path, text: str, status: str, told: str) -> None:
    found = examine.envoy_binary(script(tmp_path, text))
    assert found.status == status
    assert told in found.found
    assert bool(found.fix) == (status != "ok")


def test_no_envoy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert examine.envoy_binary("/nowhere/envoy").status == "fail"
    monkeypatch.setattr("waypost.envoy.binary._packaged", lambda: None)
    monkeypatch.setenv("PATH", "")
    found = examine.envoy_binary(None)
    assert found.status == "fail"
    assert found.fix.startswith("Install the package")


# --- the configuration


def test_a_configuration_that_can_be_used(tmp_path: Path) -> None:
    category = {"name": "law", "model_scores": [{"model": "m", "score": 1}]}
    loaded, found = examine.configuration(write(tmp_path, categories=[category]))
    assert loaded is not None
    assert found.status == "ok"
    assert ": 0 rules, 1 model, revision " in found.found


def test_warnings_are_counted_and_the_first_is_told(tmp_path: Path) -> None:
    loaded, found = examine.configuration(write(tmp_path, zones={"attic": {}}))
    assert loaded is not None
    assert found.status == "warn"
    assert "1 warning, the first: " in found.found
    assert "no model is in zone 'attic'" in found.found
    assert "waypost check" in found.fix


def test_a_classifier_that_is_named_and_not_there_has_a_line_of_its_own(tmp_path: Path) -> None:
    files = write(tmp_path, prompt_guard={"enabled": True, "model_id": "somebody/guard"})
    loaded, found = examine.configuration(files)
    assert loaded is not None
    assert found.status == "ok"
    (missing,) = examine.missing_models(loaded.problems)
    assert (missing.name, missing.status) == ("prompt_guard", "warn")
    assert "the built-in classifier is used" in missing.found
    assert "hf download somebody/guard" in missing.fix


def test_without_a_configuration_the_defaults_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("WAYPOST_CONFIG", raising=False)
    monkeypatch.setattr(examine, "classifiers", lambda *_: iter(()))
    found = {finding.name: finding for finding in examine.examine((), None)}
    assert found["configuration"].status == "warn"
    assert found["configuration"].fix == "run `waypost init`"
    assert found["state_dir"].found == f"{tmp_path}/waypost, made at the first start"
    assert list(tmp_path.iterdir()) == []


def test_the_classifiers_of_the_configuration_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[EncoderSettings, Mapping[str, ForeignModel]]] = []
    monkeypatch.setattr(examine, "classifiers", lambda *given: iter(seen.append(given) or ()))
    (tmp_path / "model").mkdir()
    files = write(tmp_path, encoder={"threads": 3}, state_dir=str(tmp_path), bert_model={"model_id": "model"})
    list(examine.examine(files, None))
    write(tmp_path, default_model="nobody")
    list(examine.examine(files, None))
    model = ForeignModel(tmp_path / "model")
    assert seen == [(EncoderSettings(threads=3), {"similarity": model}), (EncoderSettings(), {})]


# --- ports


@contextmanager
def answering(body: bytes) -> Iterator[Address]:
    """An HTTP server that says one thing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Address("127.0.0.1", server.server_port)
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("body", "runs"),
    [
        (b'{"status": "ok", "children": {"worker": {"pid": 1}}}', True),
        (b'{"status": "ok"}', False),
        (b'{"children": 7}', False),
        (b"hello", False),
        (b"[]", False),
    ],
)
def test_only_a_waypost_is_taken_for_one(body: bytes, *, runs: bool) -> None:
    with answering(body) as address:
        assert examine.is_running(address) is runs


def test_nobody_is_not_taken_for_one() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert not examine.is_running(Address(*probe.getsockname()))


def test_a_port_that_is_taken_names_its_holder_unless_a_waypost_runs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(*taken.getsockname())
        found = examine.port("listen", address, runs=False)
        assert found.status == "fail"
        assert found.found.startswith(f"{address} is already in use by pid {os.getpid()} (")
        assert found.fix == "stop that, or change `listen` in the configuration"
        assert examine.port("listen", address, runs=True).status == "ok"
    assert examine.port("listen", address, runs=False).found == f"{address} is free"


# --- the state folder, the disk and the clock


def test_a_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = examine.state(tmp_path / "file" / "state")
    assert found.status == "fail"
    assert "set `state_dir`" in found.fix
    assert examine.state(tmp_path).found == str(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("free", "status"), [(5e9, "ok"), (0.5e9, "warn"), (5e6, "fail")])
def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, status: str) -> None:
    usage = namedtuple("usage", "free")  # noqa: PYI024
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(int(free)) if place == tmp_path else None)
    found = examine.disk(tmp_path / "not" / "yet")
    assert (found.status, found.figures["free_bytes"]) == (status, int(free))
    assert bool(found.fix) == (status != "ok")


def write_record(state: Path) -> None:
    async def act() -> None:
        await AuditLog.open(AuditSettings(), state, revision="0").close()

    asyncio.run(act())


def test_a_clock_before_the_release_and_one_behind_the_log(tmp_path: Path) -> None:
    assert examine.clock(tmp_path, examine.RELEASED - timedelta(days=1)).status == "fail"
    assert examine.clock(tmp_path, NOW).status == "ok"
    write_record(tmp_path)
    written = datetime.now(UTC)
    assert examine.clock(tmp_path, written).status == "ok"
    behind = examine.clock(tmp_path, written - timedelta(hours=1))
    assert behind.status == "warn"
    assert "the audit log has a record of" in behind.found
    assert "clock" in behind.fix


# --- the classifiers


def findings(monkeypatch: pytest.MonkeyPatch, one: Encoder) -> dict[str, examine.Finding]:
    monkeypatch.setattr(Encoder, "open", lambda _: one)
    return {finding.name: finding for finding in examine.classifiers(EncoderSettings(), {})}


def test_classifiers_that_compute_what_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings(monkeypatch, encoder(checks=(CHECK,)))
    assert {finding.status for finding in found.values()} == {"ok"}
    assert found["classifiers"].figures == {"name": "fake", "version": "1", "sha256": "ab" * 32}
    assert found["arithmetic"].figures == {"texts": 1, "mean": 0, "worst": 0, "moved": 0}
    assert found["speed"].figures["provider"] == "fake"
    assert set(found["load"].figures) == {"seconds", "cpu_seconds", "loaded_bytes", "used_bytes"}


def test_classifiers_that_compute_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings(monkeypatch, encoder(checks=(replace(CHECK, domain=(0.0, 3.0)),)))["arithmetic"]
    assert found.status == "fail"
    assert "1 with another likeliest label" in found.found
    assert "onnxruntime" in found.fix


def test_classifiers_without_stored_results(monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings(monkeypatch, encoder())["arithmetic"]
    assert found.status == "warn"
    assert found.fix


def test_a_slow_processor_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine, "SLOW_MS", 0.0)
    found = findings(monkeypatch, encoder(checks=(CHECK,)))["speed"]
    assert found.status == "warn"
    assert found.fix


def test_a_network_that_fails_is_closed_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise EngineError("out of memory while reading a window of 5 tokens")

    one = encoder(FakeNetwork(fail), checks=(CHECK,))
    closed: list[bool] = []
    monkeypatch.setattr(one, "close", lambda: closed.append(True))
    found = findings(monkeypatch, one)["classifiers"]
    assert (found.status, found.found) == ("fail", "out of memory while reading a window of 5 tokens")
    assert found.fix == "install waypost again"
    assert closed == [True]


def test_a_library_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(settings: EncoderSettings) -> Encoder:
        raise ImportError("libstdc++.so.6: cannot open shared object file", name="onnxruntime")

    monkeypatch.setattr(Encoder, "open", broken)
    (found,) = examine.classifiers(EncoderSettings(), {})
    assert found.status == "fail"
    assert "onnxruntime cannot be imported: libstdc++.so.6" in found.found
    assert found.fix


@pytest.mark.parametrize(
    ("head", "key", "status"),
    [("jailbreak", "prompt_guard", "fail"), ("domain", "classifier.category_model", "warn")],
)
def test_a_classifier_of_ones_own_that_cannot_be_used(
    tmp_path: Path, head: str, key: str, status: str
) -> None:
    one = encoder()
    found = examine.checkpoint(head, ForeignModel(tmp_path), one)
    assert (found.name, found.status) == (key, status)
    assert str(tmp_path) in found.found
    assert ("the built-in classifier is used" in found.found) == (status == "warn")
    assert found.fix
    one.close()


def test_a_classifier_of_ones_own_that_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = encoder()
    opened = SimpleNamespace(artefact=replace(one.artefact, folder=tmp_path), lacks=("law", "math"))
    monkeypatch.setattr("waypost.encoder.foreign.open_foreign", lambda *_: opened)
    monkeypatch.setattr(Encoder, "open", lambda _: one)
    *_, found = examine.classifiers(EncoderSettings(), {"domain": ForeignModel(tmp_path)})
    assert (found.name, found.status) == ("classifier.category_model", "ok")
    assert found.found == f"{tmp_path}, sha256 abababababab, 16 tokens at a time; never answers law, math"
    assert found.figures == {"head": "domain", "sha256": "ab" * 32}
