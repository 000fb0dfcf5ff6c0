"""The documentation as its tests see it: pages, code blocks, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "requirements").glob("*.md")])
)

FENCE = re.compile(r"^```(?P<kind>[\w-]*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        kind: what stands behind the fence: `yaml`, `console`, …
        line: of the opening fence, 1-based.
    """

    page: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*kinds: str) -> list[Block]:
    """All blocks of these kinds in all pages."""
    return [block for page in PAGES for block in _blocks(page) if block.kind in kinds]


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, match.start()) + 1, match["kind"], match["text"])


def links(page: Path) -> list[str]:
    """Targets of links that stay inside the repository."""
    text = FENCE.sub("", page.read_text())
    return [m["target"] for m in _LINK.finditer(text) if "://" not in m["target"]]


def anchors(page: Path) -> set[str]:
    """What `#…` may say behind a link to this page."""
    text = FENCE.sub("", page.read_text())
    titles = (m["title"].lower() for m in _HEADING.finditer(text))
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in titles}
