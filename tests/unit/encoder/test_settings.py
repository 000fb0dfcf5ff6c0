"""What an operator may say about the engine."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from waypost.configurable import build, schema
from waypost.encoder.settings import EncoderSettings


def test_it_needs_no_words() -> None:
    settings = build(EncoderSettings, {})
    assert settings == EncoderSettings()
    assert settings.deadline_seconds == 2


def test_everything_can_be_said() -> None:
    values = {
        "artefact": "/models/mine",
        "device": "cpu",
        "threads": 4,
        "deadline_seconds": 0.5,
        "scan_tokens": 8192,
        "queue_tokens": 16384,
        "memo_bytes": 0,
    }
    settings = build(EncoderSettings, values)
    assert settings.artefact == Path("/models/mine")
    assert settings.memo_bytes == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threads", 0),
        ("threads", 257),
        ("deadline_seconds", 0),
        ("deadline_seconds", 601),
        ("scan_tokens", 255),
        ("queue_tokens", 0),
        ("memo_bytes", -1),
        ("device", "tpu"),
    ],
)
def test_nonsense_is_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        build(EncoderSettings, {key: value})


def test_every_field_is_described() -> None:
    properties = schema(EncoderSettings)["properties"]
    assert all(described.get("description") for described in properties.values())


def test_a_configuration_is_read_without_loading_the_engine() -> None:
    heavy = "{'numpy', 'onnxruntime', 'tokenizers'}"
    script = f"import sys, waypost.encoder.settings; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
