"""What must not stand in a file that is committed."""

import json
import re
from pathlib import Path

import pytest

from tests.house.source import ROOT, SRC, tracked

# The brackets keep the patterns from finding themselves.
MACHINE = re.compile(r"(?<![\w.$}])/(wo[r]k|fa[r]m|ro[o]t)/\w|/o[p]t/pypi")
REGISTRY = re.compile(r"py[p]i\.org|py[t]honhosted|deb[.]debian|npm[j]s\.(org|com)|crates[.]io")
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b|NotImplemented[E]rror|not implemented", re.IGNORECASE)


def lines(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["machine paths", "registry hosts"])
def test_no_file_names_a_machine(pattern: re.Pattern[str]) -> None:
    assert lines(pattern, list(tracked())) == []


def test_nothing_in_the_source_is_unfinished() -> None:
    # Word banks are prose in many languages; "todo" is Spanish.
    prose = {"banks", "follow_up.py"}
    code = [path for path in tracked() if path.is_relative_to(SRC) and not prose.intersection(path.parts)]
    assert lines(UNFINISHED, code) == []


def test_no_test_can_be_skipped() -> None:
    budget = json.loads((ROOT / "tests/house/budget.json").read_text())["skipped_tests"]
    skips = re.compile(r"pytest\.(mark\.)?(skip|xfail|importorsk[i]p)")
    found = lines(skips, [p for p in tracked() if p.is_relative_to(ROOT / "tests") and p != Path(__file__)])
    assert len(found) <= budget, found
