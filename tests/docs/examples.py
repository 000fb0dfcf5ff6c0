"""What the documentation shows as typed in a terminal, run for real. `make docs` writes the outputs again.

A `console` block holds commands after `$ ` and what they print. Those of `waypost` run in a folder with the
page's first complete configuration as `waypost.yaml`; commands that start servers are left alone.
"""

import os
import re
import shlex
import sys
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner

from tests.docs.markdown import FENCE, PAGES, Block, blocks
from waypost.cli import cli

KEYS = ("ANTHROPIC", "AZURE_OPENAI", "GEMINI", "MISTRAL", "OPENAI")
ENVIRON = {f"{name}_API_KEY": "a-key" for name in KEYS} | {"GATEWAY_TOKEN": "a-token", "XDG_STATE_HOME": "."}
"""What examples find in the environment."""

NOT_RUN = {"serve", "extproc"}
_PROMPT = re.compile(r"^\$ ", re.MULTILINE)


def configuration(page: Path) -> str:
    """The file that the page's commands read; empty where it shows none."""
    return next(
        (block.text for block in blocks("yaml") if block.page == page and "providers:" in block.text), ""
    )


def rerun(block: Block) -> str:
    """The block with the outputs its commands print now."""
    _, *typed = _PROMPT.split(block.text)
    with TemporaryDirectory() as folder, chdir(folder):
        Path("waypost.yaml").write_text(configuration(block.page))
        return "".join(f"$ {_rerun(part)}" for part in typed)


def _rerun(typed: str) -> str:
    line, _, _ = typed.partition("\n")
    program, *arguments = shlex.split(line)
    if program != "waypost" or arguments[0] in NOT_RUN:
        return typed
    printed = CliRunner().invoke(cli, arguments, env=ENVIRON).output
    return f"{line}\n{printed}"


def timeless(text: str) -> str:
    """Without what differs from run to run."""
    return re.sub(r"\d+\.\d+ m?s\b", "N ms", text)


def refresh(page: Path) -> None:
    """Write outputs that have changed."""
    text = page.read_text()
    for match in reversed(list(FENCE.finditer(text))):
        if match["kind"] == "console":
            now = rerun(Block(page, 0, "console", match["text"]))
            if timeless(now) != timeless(match["text"]):
                text = text[: match.start("text")] + now + text[match.end("text") :]
    page.write_text(text)


if __name__ == "__main__":
    os.environ["NO_COLOR"] = "1"
    for name in sys.argv[1:] or PAGES:
        refresh(Path(name))
