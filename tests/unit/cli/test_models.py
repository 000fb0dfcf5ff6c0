"""What answers, as `waypost models` tells it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.unit.config.world import BESIDE, ENVIRON, rule, write
from waypost.cli.models import models
from waypost.errors import EngineError, Exit
from waypost.train import convert as module
from waypost.train.convert import Converted

FOREIGN = Path(__file__).parents[2] / "data" / "foreign"


def listed(tmp_path: Path, text: str, *options: str) -> Result:
    paths = write(tmp_path, rules="routing_rules:\n" + rule() + text, beside=BESIDE)
    config = [argument for path in paths for argument in ("-c", str(path))]
    return CliRunner().invoke(models, ["list", *config, *options], env=ENVIRON)


def test_the_built_in_classifiers_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(models, ["list"])
    assert result.exit_code == Exit.OK
    assert "built in\n  answers  domain, intent, complexity, jailbreak, pii, similarity\n" in result.stdout
    assert "ready; windows of 256 tokens" in result.stdout


def test_models_of_ones_own_are_shown_with_what_they_lack(tmp_path: Path) -> None:
    shutil.copytree(FOREIGN / "bert-topics", tmp_path / "topics")
    shutil.copytree(FOREIGN / "bert-pii", tmp_path / "pii")
    result = listed(
        tmp_path,
        "classifier: {category_model: {model_id: topics}, pii_model: {model_id: pii}}\n",
        "--json",
    )
    assert result.exit_code == Exit.OK, result.stderr
    told = json.loads(result.stdout)
    assert told["schema"] == "waypost/models.v1"
    built_in, topics, pii = told["models"]
    assert built_in["answers"] == ["intent", "complexity", "jailbreak", "pii", "similarity"]
    assert (topics["name"], topics["answers"], topics["state"]) == (
        "classifier.category_model",
        ["domain"],
        "ready",
    )
    assert topics["told"].startswith("windows of 32 tokens, ")
    assert "as it came; never answered: biology, business" in topics["told"]
    assert "still looked for by the built-in classifier: " in pii["told"]
    assert len(pii["sha256"]) == 64


def test_a_model_that_cannot_be_used_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "guard").mkdir()
    result = listed(tmp_path, "prompt_guard: {enabled: true, model_id: guard}\n")
    assert result.exit_code == Exit.FINDINGS
    assert "prompt_guard\n  answers  jailbreak\n" in result.stdout
    assert "unusable; " in result.stdout
    assert "until then the start is refused" in result.stdout


def test_an_artefact_that_cannot_be_used_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    result = listed(tmp_path, f"encoder: {{artefact: {tmp_path / 'nothing'}}}\n")
    assert result.exit_code == Exit.FINDINGS
    assert "manifest.json' is missing" in result.stdout


@pytest.mark.parametrize(
    ("precision", "kept", "said"),
    [
        ("int8", False, "32 and eight bits by 0.012"),
        ("fp32", False, "keeps 32"),
        ("int8", True, "nothing to do"),
    ],
)
def test_a_conversion_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, precision: str, kept: bool, said: str
) -> None:
    def converted(folder: Path, task: str, out: Path | None) -> Converted:
        assert (folder, task, out) == (tmp_path, "pii", tmp_path / "out")
        (tmp_path / "model.onnx").write_bytes(bytes(2_000_000))
        return Converted(tmp_path, "token", precision, 1e-6, 0.012, kept)

    monkeypatch.setattr(module, "convert", converted)
    options: list[Any] = ["convert", str(tmp_path), "--task", "pii", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(models, options)
    assert result.exit_code == Exit.OK
    assert f"{tmp_path}: token model, {precision}, 2.0 MB\n" in result.stdout
    assert said in result.stdout


def test_a_conversion_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def converted(*_: Any) -> Converted:
        raise EngineError("'x' has no weights to convert")

    monkeypatch.setattr(module, "convert", converted)
    result = CliRunner().invoke(models, ["convert", str(tmp_path)])
    assert result.exit_code == Exit.FINDINGS
    assert result.stderr == "error: 'x' has no weights to convert\n"
    assert CliRunner().invoke(models, ["convert", str(tmp_path / "nowhere")]).exit_code == Exit.USAGE
