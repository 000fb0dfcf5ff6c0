import gzip
import json
from pathlib import Path
from typing import Any, Self

import click
import pytest
from click.testing import CliRunner, Result

from tests.unit.encoder.fakes import encoder
from waypost.cli import cli
from waypost.cli import eval as verb
from waypost.encoder.engine import Encoder
from waypost.encoder.settings import EncoderSettings
from waypost.errors import EngineError, Exit
from waypost.evaluate import plots

GUARD = ({"text": "ignore", "attack": 1, "kind": "direct"}, {"text": "hello", "attack": 0, "kind": "chat"})
ROWS: dict[str, Any] = {
    "domain": ({"text": "math", "label": "math"}, {"text": "x", "label": "other"}),
    "intent": ({"text": "x", "intent": "write"},),
    "guard": GUARD,
    "pii": ({"text": "John Smith", "spans": [{"start": 0, "end": 10, "label": "PERSON"}]},),
    "difficulty": ({"text": "x", "hard": 1}, {"text": "y", "correct": "110"}),
    "embedding": ({"text_a": "math", "text_b": "math", "label": 1},),
    "tools": ({"text": "math", "gold": "a", "tools": [{"name": "a", "description": "math"}]},),
}


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[EncoderSettings]:
    """What encoders were opened with; they are fakes."""
    settings: list[EncoderSettings] = []

    def fake(given: EncoderSettings) -> Encoder:
        settings.append(given)
        return encoder()

    monkeypatch.setattr(Encoder, "open", fake)
    return settings


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(verb.eval, [*map(str, arguments)])


@pytest.mark.parametrize("task", verb.TASKS)
def test_every_task_runs(tmp_path: Path, task: str) -> None:
    result = run(task, "--data", write(tmp_path / "a.jsonl", *ROWS[task]), "--json")
    assert result.exit_code == Exit.OK, result.output
    told = json.loads(result.stdout)
    assert (told["schema"], told["task"], told["plots"]) == ("waypost/eval.v1", task, [])
    assert told["files"][0]["rows"] == len(ROWS[task])
    assert result.stderr == ""


def test_several_files_may_follow_one_option(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", GUARD[0]), write(tmp_path / "b.jsonl", GUARD[1])
    (tmp_path / "c.gz").write_bytes(gzip.compress(b.read_bytes()))
    for arguments in (["--data", a, b, tmp_path / "c.gz"], ["--data", a, "--data", b, tmp_path / "c.gz"]):
        told = json.loads(run("guard", *arguments, "--json").stdout)
        assert [Path(file["name"]).name for file in told["files"]] == ["a.jsonl", "b.jsonl", "c.gz"]
        assert told["pooled"]["figures"]["auc"]["value"] == 1


def test_the_table_is_for_reading(tmp_path: Path) -> None:
    result = run("guard", "--data", write(tmp_path / "a.jsonl", *GUARD))
    assert result.stdout.startswith("guard: fake 1 (abababababab, calibration ")
    assert "recall at 1% FPR" in result.stdout


def test_bad_rows_are_shown_with_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", GUARD[0], {"text": "x", "atack": 1}, {"text": "x", "atack": 0})
    result = run("guard", "--data", path)
    assert result.exit_code == Exit.CONFIG
    assert result.stdout == ""
    assert "error: no field 'attack' (in 2 rows)" in result.stderr
    assert f"{path}:2:1" in result.stderr
    assert "help: rename 'atack'?" in result.stderr


def test_texts_of_rows_are_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "CANARY", "attack": "x"}\n{"text": "CANARY" "attack": 1}\n["CANARY"]\n')
    assert "CANARY" not in run("guard", "--data", path).output


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    result = run("guard", "--data", tmp_path / "none.jsonl")
    assert result.exit_code == Exit.CONFIG
    assert "cannot be read: No such file" in result.stderr


def test_options_reach_the_task(tmp_path: Path, opened: list[EncoderSettings]) -> None:
    rows = [row | {"lang": lang} for row in GUARD for lang in ("en", "de")]
    path = write(tmp_path / "a.jsonl", *rows)
    arguments = ["--by", "lang", "--threshold", "0.01", "--limit", "3", "--artefact", tmp_path]
    told = json.loads(run("guard", "--data", path, *arguments, "--json").stdout)
    assert told["settings"] == {"threshold": 0.01}
    assert told["files"][0]["rows"] == 3
    assert set(told["files"][0]["slices"]["lang"]) == {"de", "en"}
    assert opened[0].artefact == tmp_path


def test_types_are_for_personal_data(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *ROWS["pii"])
    told = json.loads(run("pii", "--data", path, "--types", "PERSON, ZIP_CODE", "--json").stdout)
    assert told["settings"]["types"] == ["PERSON", "STREET_ADDRESS"]
    assert run("pii", "--data", path, "--types", "NOBODY").exit_code == Exit.USAGE
    assert run("guard", "--data", path, "--types", "PERSON").exit_code == Exit.USAGE


def test_tools_are_looked_for_in_a_catalogue(tmp_path: Path) -> None:
    stock = [
        {"tool": {"type": "function", "function": {"name": name, "description": name}}}
        for name in ("math", "john")
    ]
    catalogue = tmp_path / "tools.json"
    catalogue.write_text(json.dumps(stock))
    path = write(tmp_path / "a.jsonl", {"text": "math", "gold": "math"})
    arguments = ["--catalogue", catalogue, "--top-k", 1, "--threshold", 0.2, "--json"]
    told = json.loads(run("tools", "--data", path, *arguments).stdout)
    assert told["settings"] == {"mode": "add", "top_k": 1, "floor": 0.2}
    assert told["files"][0]["figures"]["recall_at_1"]["value"] == 1
    assert run("guard", "--data", path, "--catalogue", catalogue).exit_code == Exit.USAGE
    catalogue.write_text("[]")
    result = run("tools", "--data", path, "--catalogue", catalogue)
    assert result.exit_code == Exit.CONFIG
    assert "no tools" in result.stderr


def test_pictures_are_drawn_and_named(tmp_path: Path) -> None:
    path, folder = write(tmp_path / "a.jsonl", *GUARD), tmp_path / "plots"
    result = run("guard", "--data", path, "--plots", folder)
    assert result.stdout.endswith(f"\n\ndrawn: {folder / 'guard-roc.png'}\n")
    assert (folder / "guard-roc.png").exists()


def test_without_matplotlib_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[EncoderSettings]
) -> None:
    def missing(*_: Any) -> Any:
        raise plots.NoPlotsError("matplotlib is not installed; install it")

    monkeypatch.setattr(plots, "canvas", missing)
    result = run("guard", "--data", write(tmp_path / "a.jsonl", *GUARD), "--plots", tmp_path)
    assert result.exit_code == Exit.USAGE
    assert "matplotlib is not installed" in result.stderr
    assert opened == []


def test_an_artefact_that_cannot_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_: EncoderSettings) -> Encoder:
        raise EngineError("'encoder.onnx' has 3 bytes, the manifest says 7")

    monkeypatch.setattr(Encoder, "open", damaged)
    result = run("guard", "--data", write(tmp_path / "a.jsonl", *GUARD))
    assert result.exit_code == Exit.INTEGRITY
    assert result.stderr == "error: 'encoder.onnx' has 3 bytes, the manifest says 7\n"


def test_progress_is_for_terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[list[tuple[int, int]]] = []

    class Bar:
        length, pos = 0, 0

        def __enter__(self) -> Self:
            bars.append([])
            return self

        def __exit__(self, *_: object) -> None: ...

        def update(self, steps: int) -> None:
            self.pos += steps
            bars[-1].append((self.pos, self.length))

    monkeypatch.setattr(click, "progressbar", lambda **_: Bar())
    monkeypatch.setattr(verb, "_is_watched", lambda: True)
    assert run("guard", "--data", write(tmp_path / "a.jsonl", *GUARD)).exit_code == Exit.OK
    assert bars == [[(1, 2), (2, 2)]]


def test_unknown_tasks_and_missing_data_are_usage_errors() -> None:
    assert run("sentiment", "--data", "x").exit_code == Exit.USAGE
    assert run("guard").exit_code == Exit.USAGE


def test_the_verb_is_listed() -> None:
    assert "Measure the classifiers" in CliRunner().invoke(cli, ["--help"]).stdout
