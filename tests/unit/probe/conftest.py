"""Certificates are made once; that takes a second."""

from pathlib import Path

import pytest

from tests.unit.probe.servers import certificates


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pem")
    certificates(folder)
    return folder
