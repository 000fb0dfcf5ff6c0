"""Pages drawn from the code are the ones the code draws now."""

import pytest

from docs.generate import PAGES, SECTIONS, page, with_section
from tests.docs.markdown import ROOT


@pytest.mark.parametrize("name", PAGES)
def test_page_is_current(name: str) -> None:
    assert (ROOT / "docs/reference" / name).read_text() == page(name), "run `make docs`"


@pytest.mark.parametrize("name", SECTIONS)
def test_section_is_current(name: str) -> None:
    assert (ROOT / name).read_text() == with_section(name), "run `make docs`"
