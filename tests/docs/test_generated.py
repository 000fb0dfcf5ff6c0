"""Pages drawn from the code are the ones the code draws now."""

import runpy

import pytest

from tests.docs.markdown import ROOT

GENERATOR = runpy.run_path(str(ROOT / "docs" / "generate.py"))


@pytest.mark.parametrize("name", GENERATOR["PAGES"])
def test_page_is_current(name: str) -> None:
    assert (ROOT / "docs/reference" / name).read_text() == GENERATOR["page"](name), "run `make docs`"
