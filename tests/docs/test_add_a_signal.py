"""The recipe for a condition type works as written: one file, one registry line, one test."""

import ast
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from tests.docs.examples import ENVIRON
from tests.docs.markdown import ROOT, blocks
from tests.docs.test_configurations import BESIDE
from waypost.cli import cli
from waypost.signals.registry import BUILT_IN

PAGE = ROOT / "docs/how-to/add-a-signal.md"
CODE, REGISTRATION, TEST = (block.text for block in blocks("python") if block.page == PAGE)
(CONFIG,) = (block.text for block in blocks("yaml") if block.page == PAGE)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's code as the file it describes, registered for one test."""
    (tmp_path / "shouting.py").write_text(f"{CODE}\n\n{TEST}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shouting", raising=False)
    module = import_module("shouting")
    monkeypatch.setitem(BUILT_IN, "shouting", module.Shouting)
    return module


def test_signal_is_short() -> None:
    assert len(CODE.splitlines()) < 40
    assert ast.get_docstring(ast.parse(CODE))
    assert REGISTRATION.count("\n") == 1


def test_signal_keeps_the_contract(recipe: ModuleType) -> None:
    recipe.test_keeps_the_contract()


def test_signal_works_in_a_configuration(recipe: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "waypost.yaml"
    file.write_text(BESIDE + CONFIG)
    runner = CliRunner()
    told = runner.invoke(cli, ["route", "-c", str(file), "WHY IS IT SO VERY LOUD here?"], env=ENVIRON)
    assert "rule calm-down" in told.output
    file.write_text(BESIDE + CONFIG.replace("share", "shaer"))
    refused = runner.invoke(cli, ["check", "-c", str(file)], env=ENVIRON)
    assert refused.exit_code == 3
    assert "did you mean 'share'?" in refused.output
