"""An artefact is checked before it is used, and a complaint says where, what and what to do."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from waypost.encoder import manifest
from waypost.encoder.manifest import Artefact, Check
from waypost.errors import EngineError

FILES = {"encoder.onnx": b"network", "tokenizer.json": b"{}"}


def well_formed() -> dict[str, Any]:
    return {
        "format": 1,
        "name": "small",
        "version": "3",
        "files": {
            name: {"sha256": sha256(data).hexdigest(), "bytes": len(data)} for name, data in FILES.items()
        },
        "base": {"model": "none"},
        "window": 256,
        "stride": 192,
        "heads": {
            "domain": {"labels": ["law", "math"], "temperature": 1.5},
            "intent": {"labels": ["chat"], "temperature": 1},
            "complexity": {"slope": 2.0, "bias": -0.5},
            "jailbreak": {
                "labels": ["benign", "attack"],
                "temperature": 2.0,
                "bias": -1.0,
                "length_penalty": 0.1,
                "threshold": 0.6,
            },
            "pii": {"labels": ["PERSON"], "o_bias": 0.5, "thresholds": {"PERSON": 0.7}},
        },
        "likeness": {"slope": 12.0, "middle": 0.5},
        "check": [
            {"text": "hi", "domain": [0.1, 0.2], "intent": [1], "jailbreak": [1, 2], "difficulty": 0.5}
        ],
        "training": {},
        "metrics": {"domain": 0.9},
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    def write(values: dict[str, Any]) -> Path:
        for name, data in FILES.items():
            (tmp_path / name).write_bytes(data)
        (tmp_path / "manifest.json").write_text(json.dumps(values))
        return tmp_path

    return write


Write = Callable[[dict[str, Any]], Path]


def test_what_the_manifest_says_is_read(write: Write) -> None:
    artefact = Artefact.open(write(well_formed()))
    assert (artefact.name, artefact.version, artefact.window, artefact.stride) == ("small", "3", 256, 192)
    heads = artefact.heads
    assert heads.domain.labels == ("law", "math")
    assert heads.domain.temperature == 1.5
    assert (heads.complexity.slope, heads.complexity.bias) == (2, -0.5)
    assert (heads.jailbreak.temperature, heads.jailbreak.bias) == (2, -1)
    assert (heads.jailbreak.length_penalty, heads.jailbreak.threshold) == (0.1, 0.6)
    assert (heads.pii.types, heads.pii.o_bias, heads.pii.thresholds) == (("PERSON",), 0.5, {"PERSON": 0.7})
    assert (heads.likeness.slope, heads.likeness.middle) == (12, 0.5)
    assert artefact.checks == (Check("hi", (0.1, 0.2), (1.0,), (1.0, 2.0), 0.5),)
    assert artefact.sha256 == sha256(b"network").hexdigest()
    assert artefact.about["metrics"] == {"domain": 0.9}


@pytest.mark.parametrize("name", ["manifest.json", "encoder.onnx", "tokenizer.json"])
def test_a_missing_file_is_named(write: Write, name: str) -> None:
    folder = write(well_formed())
    (folder / name).unlink()
    with pytest.raises(EngineError, match=rf"{name}' is missing; write it again"):
        Artefact.open(folder)


def test_the_remedy_for_the_built_in_one_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "BUILT_IN", tmp_path)
    with pytest.raises(EngineError, match="install waypost again"):
        Artefact.open()


def test_a_file_cut_short_is_found(write: Write) -> None:
    folder = write(well_formed())
    (folder / "encoder.onnx").write_bytes(b"netw")
    with pytest.raises(EngineError, match=r"encoder.onnx' has 4 bytes, the manifest says 7"):
        Artefact.open(folder)


def test_a_file_exchanged_is_found(write: Write) -> None:
    folder = write(well_formed())
    (folder / "tokenizer.json").write_bytes(b"[]")
    with pytest.raises(EngineError, match=r"tokenizer.json' is not what the manifest vouches for: sha256"):
        Artefact.open(folder)


def test_a_folder_in_place_of_a_file_is_told(write: Write) -> None:
    folder = write(well_formed())
    (folder / "encoder.onnx").unlink()
    (folder / "encoder.onnx").mkdir()
    with pytest.raises(EngineError, match=r"encoder.onnx' cannot be read: Is a directory"):
        Artefact.open(folder)


@pytest.mark.parametrize("text", ["", "{", "\xff", "[" * 100_000])
def test_what_is_not_json_is_told(write: Write, text: str) -> None:
    folder = write(well_formed())
    (folder / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(EngineError, match=r"manifest.json' is not JSON"):
        Artefact.open(folder)


def test_a_list_is_no_manifest(write: Write) -> None:
    folder = write(well_formed())
    (folder / "manifest.json").write_text("[]")
    with pytest.raises(EngineError, match="is not a JSON object"):
        Artefact.open(folder)


def test_another_format_is_refused_before_anything_else_is_read(write: Write) -> None:
    with pytest.raises(EngineError, match="format is 2, this version of waypost reads 1"):
        Artefact.open(write({"format": 2}))


MISSING = object()


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("name", MISSING, "name is missing"),
        ("name", 5, "name must be a string"),
        ("window", "256", "window must be a whole number"),
        ("window", True, "window must be a whole number"),
        ("window", 4096, "window is 4096, must be between"),
        ("stride", 255, "stride is 255, must be between"),
        ("files", [], "files must be an object"),
        ("files.encoder.onnx", MISSING, r"files\.encoder\.onnx is missing"),
        ("heads.domain.temperature", 0, r"heads\.domain\.temperature must be above 0"),
        ("heads.domain.labels", [], r"heads\.domain\.labels must be a list of names"),
        ("heads.domain.labels", ["a", "a"], r"heads\.domain\.labels names a label twice"),
        ("heads.domain.labels", [1], r"heads\.domain\.labels must be a list of names"),
        ("heads.complexity.slope", float("nan"), r"heads\.complexity\.slope must be a number"),
        ("heads.jailbreak.labels", ["attack", "benign"], r"heads\.jailbreak\.labels must be benign, attack"),
        ("heads.pii.thresholds.PERSON", MISSING, r"heads\.pii\.thresholds\.PERSON is missing"),
        ("likeness.middle", None, r"likeness\.middle must be a number"),
        ("check", {}, "check must be a list of objects"),
        ("check", [{"text": "a", "domain": [1]}], r"check\[0\]\.domain must be a list of 2 numbers"),
    ],
)
def test_every_complaint_names_its_place(write: Write, path: str, value: object, complaint: str) -> None:
    values = well_formed()
    *outer, key = path.replace("encoder.onnx", "encoder!onnx").split(".")
    inner = values
    for name in outer:
        inner = inner[name]
    key = key.replace("!", ".")
    if value is MISSING:
        del inner[key]
    else:
        inner[key] = value
    with pytest.raises(EngineError, match=rf"manifest\.json': {complaint}.*; write it again"):
        Artefact.open(write(values))


def test_the_shipped_artefact_is_whole(folder: Path) -> None:
    artefact = Artefact.open(folder)
    assert (artefact.window, artefact.stride) == (256, 192)
    assert len(artefact.heads.domain.labels) == 14
