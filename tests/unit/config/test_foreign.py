"""The model keys of existing files: folders that are there, and what is said of those that are not."""

from pathlib import Path

import pytest

from tests.unit.config.world import loads, problems
from waypost.encoder.settings import ForeignModel

KEYS = {
    "domain": "classifier: {{category_model: {{model_id: {0}, category_mapping_path: {1}}}}}\n",
    "pii": "classifier: {{pii_model: {{model_id: {0}, pii_mapping_path: {1}}}}}\n",
    "jailbreak": "prompt_guard: {{model_id: {0}, jailbreak_mapping_path: {1}}}\n",
    "similarity": "bert_model: {{model_id: {0}}}\n",
}


@pytest.mark.parametrize("head", KEYS)
def test_a_folder_that_is_there_answers_its_head(tmp_path: Path, head: str) -> None:
    (tmp_path / "models/own").mkdir(parents=True)
    (tmp_path / "models/labels.json").write_text("{}")
    loaded = loads(tmp_path, KEYS[head].format("models/own", "models/labels.json"))
    labels = None if head == "similarity" else tmp_path / "models/labels.json"
    assert loaded.settings.foreign == {head: ForeignModel(tmp_path / "models/own", labels)}
    assert loaded.problems == ()


def test_a_folder_may_be_anywhere_and_needs_no_names_of_labels(tmp_path: Path) -> None:
    own = tmp_path / "elsewhere"
    own.mkdir()
    loaded = loads(tmp_path, KEYS["domain"].format(own, "models/nothing-here.json"))
    assert loaded.settings.foreign == {"domain": ForeignModel(own)}


@pytest.mark.parametrize("head", KEYS)
@pytest.mark.parametrize(
    ("model_id", "remedy"),
    [
        ("models/gone", "put the checkpoint there, or remove the key"),
        ("./gone", "put the checkpoint there, or remove the key"),
        (
            "owner/some-model",
            "nothing is fetched at run time: `hf download owner/some-model --local-dir models/some-model`",
        ),
    ],
)
def test_what_is_not_there_is_a_warning_that_says_what_to_do(
    tmp_path: Path, head: str, model_id: str, remedy: str
) -> None:
    text = KEYS[head].format(model_id, "x.json")
    (problem,) = problems(tmp_path, text)
    assert problem.severity == "warning"
    assert problem.message == f"{model_id!r} is no folder; the built-in classifier is used"
    assert problem.help == remedy
    assert problem.path.endswith("model_id")
    assert loads(tmp_path, text).settings.foreign == {}


def test_a_file_without_the_keys_has_none(tmp_path: Path) -> None:
    assert loads(tmp_path, "classifier: {category_model: {threshold: 0.6}}").settings.foreign == {}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("x")
    assert [p.severity for p in problems(tmp_path, "bert_model: {model_id: model.onnx}")] == ["warning"]
