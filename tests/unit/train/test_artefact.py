import json
from hashlib import sha256
from pathlib import Path

import pytest

from tests.unit.train.fakes import reading, row
from waypost.encoder.heads import Guard
from waypost.encoder.manifest import Artefact
from waypost.errors import EngineError
from waypost.train import artefact
from waypost.train.artefact import About, checked, write_json, write_manifest
from waypost.train.calibration import plain
from waypost.train.rows import DOMAINS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "encoder.onnx").write_bytes(b"model")
    (tmp_path / "tokenizer.json").write_bytes(b"{}")
    return tmp_path


def test_the_engine_reads_what_is_written(folder: Path) -> None:
    heads = plain((*DOMAINS, "ours"))
    reading_ = reading(row("hello"), 3, 1, margins=[2.5], difficulty=0.1234567, domains=15)
    about = About("test-1", checked([reading_]), {"digest": "ab"}, {"domain": {"accuracy": 0.5}})
    write_manifest(folder, heads, about)
    found = Artefact.open(folder)
    assert found.heads == heads
    assert (found.name, found.version, found.window, found.stride) == ("waypost-encoder", "test-1", 256, 192)
    assert found.sha256 == sha256(b"model").hexdigest()
    (check,) = found.checks
    assert check.text == "hello"
    assert check.domain[3] == 3.0
    assert check.jailbreak == (0.0, 2.5)
    assert check.difficulty == 0.1235
    assert found.about["training"] == {"digest": "ab"}
    assert found.about["base"]["trunk_layers"] == 4


def test_numbers_of_the_guard_arrive(folder: Path) -> None:
    guard = Guard(1.5, -0.25, 0.3, 0.5)
    plain_ = plain(DOMAINS)
    heads = type(plain_)(plain_.domain, plain_.intent, plain_.complexity, guard, plain_.pii, plain_.likeness)
    write_manifest(folder, heads, About("1"))
    assert Artefact.open(folder).heads.jailbreak == guard


def test_an_exchanged_model_is_noticed(folder: Path) -> None:
    write_manifest(folder, plain(DOMAINS), About("1"))
    (folder / "encoder.onnx").write_bytes(b"other")
    with pytest.raises(EngineError, match="not what the manifest vouches for"):
        Artefact.open(folder)


def test_half_a_file_is_never_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}


def test_a_file_hashes_as_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert artefact.sha256(tmp_path / "a") == sha256(b"abc").hexdigest()
