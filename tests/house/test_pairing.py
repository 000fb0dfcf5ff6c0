"""Unit tests mirror the source file for file, so that a reader finds one from the other."""

import json
from pathlib import Path

from tests.house.source import ROOT, SRC, modules

UNIT = ROOT / "tests/unit"
UNPAIRED = set(json.loads((ROOT / "tests/house/budget.json").read_text())["unpaired"])


def mirror(path: Path) -> Path:
    inside = path.relative_to(SRC / "waypost")
    return UNIT / inside.with_name(f"test_{inside.name}")


def has_code(path: Path) -> bool:
    return path.name not in {"__init__.py", "__main__.py"}


def test_every_module_has_its_unit_test() -> None:
    missing = {m.name for m in modules() if has_code(m.path) and not mirror(m.path).exists()}
    assert missing - UNPAIRED == set(), "write the test, beside the others"


def test_the_list_of_modules_without_a_test_only_shrinks() -> None:
    paired = {m.name for m in modules() if not has_code(m.path) or mirror(m.path).exists()}
    assert UNPAIRED & paired == set(), "take these out of budget.json"


def test_no_unit_test_outlived_its_module() -> None:
    expected = {mirror(m.path) for m in modules()}
    found = set(UNIT.rglob("test_*.py"))
    assert sorted(str(path.relative_to(ROOT)) for path in found - expected) == []
