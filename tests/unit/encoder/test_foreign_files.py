"""What of a folder is run, and what is said where nothing can be."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from waypost.encoder import foreign_files
from waypost.encoder.foreign_files import (
    CONVERTED,
    RECORD,
    checked,
    locate,
    read_json,
    read_object,
    refuse_adapter,
    sha256_of,
    sources,
    weights,
    without_torch,
)
from waypost.errors import EngineError


def put(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def record(folder: Path, made_from: Path) -> None:
    """Vouch for a conversion as it stands."""
    files = {name: sha256_of(folder / name) for name in ("model.onnx", "tokenizer.json")}
    told = {path.name: sha256_of(path) for path in sources(made_from)}
    written = {"format": 1, "precision": "int8", "files": files, "sources": told}
    (folder / RECORD).write_text(json.dumps(written))


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    put(tmp_path, {"config.json": "{}", "model.safetensors": "weights", "tokenizer.json": "{}"})
    inner = put(tmp_path / CONVERTED, {"model.onnx": "small", "tokenizer.json": "{}"})
    record(inner, tmp_path)
    return tmp_path


@pytest.mark.parametrize("inner", ["", "onnx/"])
def test_a_graph_in_32_bits_is_run_as_it_is(tmp_path: Path, inner: str) -> None:
    names = {f"{inner}model.onnx": "graph", "tokenizer.json": "{}", "model.safetensors": "weights"}
    found = locate(put(tmp_path, {**names, f"{inner}model_sdpa_fp16.onnx": "half"}))
    assert found.model == tmp_path / f"{inner}model.onnx"
    assert (found.root, found.tokenizer) == (tmp_path, tmp_path / "tokenizer.json")
    assert (found.precision, found.sha256) == ("", sha256_of(found.model))


def test_our_own_conversion_comes_first(converted: Path) -> None:
    put(converted, {"model.onnx": "large"})
    found = locate(converted)
    assert found.model == converted / CONVERTED / "model.onnx"
    assert (found.root, found.precision) == (converted, "int8")


def test_a_conversion_stands_alone(converted: Path, tmp_path: Path) -> None:
    found = locate(converted / CONVERTED)
    assert found.root == converted / CONVERTED
    (converted / "model.safetensors").unlink()
    assert locate(converted).precision == "int8"


def test_a_conversion_of_other_weights_is_not_used(converted: Path) -> None:
    (converted / "model.safetensors").write_text("other")
    with pytest.raises(EngineError, match=r"model.safetensors' was exchanged .* `waypost models convert"):
        locate(converted)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_conversion_that_was_changed_is_not_used(converted: Path, name: str) -> None:
    (converted / CONVERTED / name).write_text("other")
    with pytest.raises(EngineError, match=r"is not what conversion.json vouches for; convert again"):
        locate(converted)


def test_a_conversion_of_another_version_is_not_used(converted: Path) -> None:
    (converted / CONVERTED / RECORD).write_text('{"format": 2, "files": []}')
    with pytest.raises(EngineError, match="another version of waypost"):
        locate(converted)


def test_weights_alone_must_be_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"config.json": "{}", "model.safetensors": "weights"})
    monkeypatch.setattr(foreign_files, "find_spec", lambda _: None)
    with pytest.raises(EngineError, match="waypost models convert") as told:
        locate(tmp_path)
    assert "torch and transformers and onnx are not installed here: pip install 'waypost[train]'" in str(
        told.value
    )
    monkeypatch.setattr(foreign_files, "find_spec", lambda name: name)
    assert without_torch() == ""
    with pytest.raises(EngineError, match=r"convert [^;]*$"):
        locate(tmp_path)


def test_half_precision_is_not_run_and_the_reason_is_told(tmp_path: Path) -> None:
    put(tmp_path, {"onnx/model_fa_fp16.onnx": "half", "onnx/model_sdpa_fp16.onnx": "half"})
    with pytest.raises(
        EngineError, match=r"model_fa_fp16.onnx, model_sdpa_fp16.onnx: half precision is ten times"
    ):
        locate(tmp_path)


def test_an_adapter_is_refused_by_the_name_of_what_to_take(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "mmbert32k-intent-classifier-lora",
        {"adapter_config.json": '{"base_model_name_or_path": "mmbert"}', "adapter_model.safetensors": "few"},
    )
    with pytest.raises(EngineError, match=r"nothing without mmbert; .* 'mmbert32k-intent-classifier-merged'"):
        locate(folder)
    put(folder, {"model.safetensors": "all"})
    refuse_adapter(folder)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="holds no model; put a Hugging Face checkpoint there"):
        locate(tmp_path)


def test_a_graph_without_a_vocabulary_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"tokenizer.json' is missing"):
        locate(put(tmp_path, {"onnx/model.onnx": "graph"}))


def test_a_pointer_of_git_lfs_is_no_model(tmp_path: Path) -> None:
    put(tmp_path, {"model.onnx": "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"})
    with pytest.raises(EngineError, match="git lfs pull"):
        locate(tmp_path)


def test_files_that_cannot_be_right_are_told(tmp_path: Path) -> None:
    put(tmp_path, {"empty": "", "large": "12345"})
    with pytest.raises(EngineError, match="is empty; download it again"):
        checked(tmp_path / "empty")
    with pytest.raises(EngineError, match="has 5 bytes, more than the 4"):
        checked(tmp_path / "large", 4)
    with pytest.raises(EngineError, match="cannot be read: No such file"):
        checked(tmp_path / "nothing")
    with pytest.raises(EngineError, match="cannot be read"):
        sha256_of(tmp_path / "nothing")


def test_json_is_read_with_care(tmp_path: Path) -> None:
    put(tmp_path, {"bad.json": "{", "list.json": "[1]", "deep.json": "[" * 100_000})
    assert read_json(tmp_path / "list.json") == [1]
    assert read_object(tmp_path / "nothing.json") == {}
    for name in ("bad.json", "deep.json"):
        with pytest.raises(EngineError, match="is not JSON"):
            read_json(tmp_path / name)
    with pytest.raises(EngineError, match="is not a JSON object"):
        read_object(tmp_path / "list.json")


def test_pickles_are_only_taken_where_there_is_nothing_safer(tmp_path: Path) -> None:
    put(tmp_path, {"pytorch_model.bin": "pickle"})
    assert [path.name for path in weights(tmp_path)] == ["pytorch_model.bin"]
    put(tmp_path, {"model-00001-of-00002.safetensors": "a", "model-00002-of-00002.safetensors": "b"})
    assert [path.suffix for path in weights(tmp_path)] == [".safetensors"] * 2
