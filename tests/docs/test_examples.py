"""Commands in the documentation print what it shows."""

import re

import pytest

from tests.docs.examples import rerun, timeless
from tests.docs.markdown import Block, blocks
from waypost.cli import VERBS


@pytest.mark.parametrize("block", blocks("console"), ids=str)
def test_commands_print_what_the_page_shows(block: Block) -> None:
    assert timeless(rerun(block)) == timeless(block.text), "run `make docs` and read what changed"


def test_shell_blocks_name_verbs_that_exist() -> None:
    typed = [line for block in blocks("console", "bash", "sh") for line in block.text.splitlines()]
    verbs = {match[1] for line in typed if (match := re.match(r"(?:\$ )?waypost ([a-z-]+)", line))}
    assert verbs <= set(VERBS)
    assert verbs, "the documentation shows no command at all"
