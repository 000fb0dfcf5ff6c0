"""What the wheel holds: the package with its data, and nothing else."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.house.source import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_the_package_with_its_data(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    assert {"waypost/py.typed", "waypost/demo/demo.yaml", "waypost/transport/wire.proto"} <= names
    assert {name.partition("/")[0] for name in names} == {"waypost", "waypost-0.1.0.dist-info"}


def test_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 30_000_000  # 26 of them are the classifiers
