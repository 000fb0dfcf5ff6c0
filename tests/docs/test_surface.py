"""Names that users meet are documented: verbs, make targets, response headers, error codes."""

import re

from tests.docs.markdown import ROOT
from waypost.cli import VERBS

REFERENCE = ROOT / "docs" / "reference"
SOURCE = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))


def undocumented(pattern: str, page: str) -> list[str]:
    text = (REFERENCE / page).read_text()
    return sorted({name for name in re.findall(pattern, SOURCE) if f"`{name}`" not in text})


def test_headers_are_documented() -> None:
    assert undocumented(r'"(x-(?:waypost|vsr)-[a-z-]*[a-z])"', "headers.md") == []


def test_error_codes_are_documented() -> None:
    assert undocumented(r'\bcode="([a-z_]+)"', "errors.md") == []


def test_verbs_are_documented() -> None:
    text = (REFERENCE / "cli.md").read_text()
    assert [verb for verb in VERBS if f"\n## waypost {verb}\n" not in text] == []


def test_make_targets_of_the_documentation_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {target for page in pages for target in re.findall(r"`?make ([a-z]+)`", page.read_text())}
    assert [target for target in sorted(named) if f".PHONY: {target}\n" not in makefile] == []
    assert {"demo", "test", "check", "bench"} <= named
