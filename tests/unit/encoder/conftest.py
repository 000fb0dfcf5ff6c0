"""The real artefact, for tests that mean it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from waypost.encoder.engine import Encoder
from waypost.encoder.manifest import BUILT_IN
from waypost.encoder.settings import EncoderSettings


@pytest.fixture(scope="session")
def folder() -> Path:
    """The shipped artefact, or the one that WAYPOST_TEST_ARTEFACT names."""
    return Path(os.environ.get("WAYPOST_TEST_ARTEFACT") or BUILT_IN)


@pytest.fixture
def real(folder: Path) -> Iterator[Encoder]:
    encoder = Encoder.open(EncoderSettings(artefact=folder, threads=1, deadline_seconds=60))
    yield encoder
    encoder.close()
