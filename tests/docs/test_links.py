"""Links inside the repository lead somewhere."""

from pathlib import Path

import pytest

from tests.docs.markdown import PAGES, ROOT, anchors, links

FRAGMENTS = tuple(sorted((ROOT / "changes").glob("*.*.md")))


@pytest.mark.parametrize("page", [*PAGES, *FRAGMENTS], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    folder = ROOT if page in FRAGMENTS else page.parent  # fragments become a part of CHANGELOG.md
    broken = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (folder / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_found_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    pages = {page for page in PAGES if page.is_relative_to(index.parent) and page.parent.name != "notes"}
    assert sorted(str(page.relative_to(ROOT)) for page in pages - linked - {index}) == []
