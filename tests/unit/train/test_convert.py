"""What a conversion does around the export: checks, the record, and never half a result. Needs no torch."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from waypost.encoder.foreign_files import CONVERTED, RECORD, locate, read_vocabulary
from waypost.encoder.foreign_network import Kind
from waypost.encoder.foreign_tokens import ForeignTokeniser
from waypost.errors import EngineError
from waypost.train import convert as module
from waypost.train.convert import Converted, convert, difference, kind_of

FOREIGN = Path(__file__).parents[2] / "data" / "foreign"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkpoint with weights that nobody reads."""
    folder = tmp_path / "guard"
    shutil.copytree(FOREIGN / "modernbert-guard", folder)
    (folder / "model.onnx").unlink()
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def exported(folder: Path, kind: Kind, out: Path) -> float:
    assert kind == "sequence"
    for name in ("model.onnx", "tokenizer.json"):
        shutil.copyfile(FOREIGN / "modernbert-guard" / name, out / name)
    return 1e-6


@pytest.fixture(autouse=True)
def rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight bits that are the same 32, so that torch's tools are not needed."""

    def smaller(part: Path, kind: Kind, folder: Path) -> tuple[str, float]:
        return "int8", 0.01

    monkeypatch.setattr(module, "_smaller", smaller)


def test_a_conversion_lies_where_the_engine_looks(source: Path) -> None:
    made = convert(source, export=exported)
    assert made == Converted(source / CONVERTED, "sequence", "int8", 1e-6, 0.01)
    assert made.size > 1000
    assert locate(source).model == source / CONVERTED / "model.onnx"
    inside = {path.name for path in made.folder.iterdir()}
    assert inside == {"model.onnx", "tokenizer.json", "config.json", "jailbreak_type_mapping.json", RECORD}


def test_the_same_files_are_not_converted_twice(source: Path) -> None:
    first = convert(source, export=exported)

    def never(*_: Any) -> float:
        raise AssertionError

    assert convert(source, export=never) == Converted(
        first.folder, "sequence", "int8", first.exported, first.rounded, kept=True
    )
    (source / "model.safetensors").write_bytes(b"other")
    assert not convert(source, export=exported).kept
    (source / CONVERTED / "model.onnx").write_bytes(b"damaged")
    assert not convert(source, export=exported).kept
    assert locate(source).precision == "int8"


def test_another_folder_can_be_named(source: Path, tmp_path: Path) -> None:
    made = convert(source, out=tmp_path / "made", export=exported)
    shutil.rmtree(source)
    assert locate(made.folder).root == made.folder


def test_a_folder_with_something_else_in_it_is_left_alone(source: Path, tmp_path: Path) -> None:
    for out in (source, tmp_path):
        with pytest.raises(EngineError, match="is not empty, and no earlier conversion"):
            convert(source, out=out, export=exported)
    assert (source / "model.safetensors").exists()


def test_a_failure_leaves_what_was_there(source: Path) -> None:
    convert(source, export=exported)
    (source / "model.safetensors").write_bytes(b"other")

    def fails(_folder: Path, _kind: Kind, out: Path) -> float:
        (out / "model.onnx").write_bytes(b"half")
        raise EngineError("cannot be loaded")

    with pytest.raises(EngineError, match="cannot be loaded"):
        convert(source, export=fails)
    assert json.loads((source / CONVERTED / RECORD).read_text())["precision"] == "int8"
    assert not list(source.glob("*.part"))


def test_a_place_that_cannot_be_written_is_told(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match=r"cannot be written: .* --out"):
        convert(source, out=tmp_path / "file" / "made", export=exported)


def test_without_torch_the_remedy_is_told(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "without_torch", lambda: "; torch is not installed here: pip install 'waypost[train]'"
    )
    with pytest.raises(EngineError, match=r"a conversion needs torch, once; torch is not installed here"):
        convert(source)


def test_without_weights_there_is_nothing_to_convert(source: Path) -> None:
    (source / "model.safetensors").unlink()
    with pytest.raises(EngineError, match="has no weights to convert"):
        convert(source, export=exported)


def test_weights_that_were_not_fetched_are_told(source: Path) -> None:
    (source / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(EngineError, match="git lfs pull"):
        convert(source, export=exported)


def test_an_adapter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(EngineError, match="download the merged checkpoint"):
        convert(tmp_path, export=exported)


@pytest.mark.parametrize(
    ("task", "architecture", "kind"),
    [
        ("auto", "ModernBertForSequenceClassification", "sequence"),
        ("auto", "DebertaV2ForTokenClassification", "token"),
        ("auto", "MPNetModel", "embedding"),
        ("jailbreak", "BertForSequenceClassification", "sequence"),
        ("pii", "BertForTokenClassification", "token"),
        ("embedding", "BertModel", "embedding"),
    ],
)
def test_what_a_checkpoint_is(tmp_path: Path, task: Any, architecture: str, kind: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    assert kind_of(tmp_path, task) == kind


@pytest.mark.parametrize(
    ("task", "architecture", "said"),
    [
        (
            "pii",
            "BertForSequenceClassification",
            "is BertForSequenceClassification; for pii a token classifier",
        ),
        ("domain", "BertModel", "for domain a sequence classifier is needed"),
        ("auto", "LlamaForCausalLM", "is LlamaForCausalLM; no encoder that can be used here"),
    ],
)
def test_what_a_checkpoint_is_not(tmp_path: Path, task: Any, architecture: str, said: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    with pytest.raises(EngineError, match=said):
        kind_of(tmp_path, task)


def test_a_folder_without_a_configuration_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"holds no config.json"):
        kind_of(tmp_path, "auto")


@pytest.mark.parametrize(
    ("name", "kind"), [("bert-topics", "sequence"), ("bert-pii", "token"), ("embedding", "embedding")]
)
def test_two_files_are_compared_by_what_they_say(name: str, kind: Kind) -> None:
    folder = FOREIGN / name
    tokeniser = ForeignTokeniser(read_vocabulary(folder / "tokenizer.json"))
    model = folder / "model.onnx"
    assert difference(model, model, tokeniser, kind, 32) == pytest.approx(0, abs=1e-6)
