"""What the documentation shows as typed in a terminal gives what it shows.

A `console` block holds commands after `$ ` and what they print. Those of `waypost` run in a folder with the
page's first complete configuration as `waypost.yaml`. Times differ, so they are not compared.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs.markdown import Block, blocks
from tests.docs.test_configurations import ENVIRON
from waypost.cli import VERBS, cli

STARTS_SERVERS = {"serve", "extproc"}


@dataclass(frozen=True)
class Example:
    """One command and what it prints."""

    block: Block
    command: list[str]
    output: str

    def __str__(self) -> str:
        return f"{self.block}: {shlex.join(self.command)}"


def examples() -> Iterator[Example]:
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            command = shlex.split(line, comments=True)
            if command[:1] == ["waypost"] and command[1] not in STARTS_SERVERS:
                yield Example(block, command[1:], output)


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d+ m?s\b", "N ms", text).rstrip()


@pytest.mark.parametrize("example", examples(), ids=str)
def test_example_prints_what_the_page_shows(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    complete = (b for b in blocks("yaml") if b.page == example.block.page and "providers:" in b.text)
    if (configuration := next(complete, None)) is not None:
        Path("waypost.yaml").write_text(configuration.text)
    result = CliRunner().invoke(cli, example.command, env=ENVIRON)
    assert timeless(result.stdout) == timeless(example.output), result.output


def test_shell_blocks_name_verbs_that_exist() -> None:
    typed = [line for block in blocks("console", "bash", "sh") for line in block.text.splitlines()]
    verbs = {match[1] for line in typed if (match := re.match(r"(?:\$ )?waypost ([a-z-]+)", line))}
    assert verbs <= set(VERBS)
    assert verbs, "the documentation shows no command at all"
