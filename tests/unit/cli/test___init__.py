"""The command as a shell runs it: exit codes, colours, and never a traceback."""

import sys
from io import StringIO
from pathlib import Path

import pytest

from waypost.cli import main
from waypost.errors import Exit

CONFIG = """
providers: {p: {kind: vllm, base_url: "http://127.0.0.1:9/v1"}}
models: {m: {provider: p, name: x}}
default_model: m
"""


class Terminal(StringIO):
    """Says that somebody is watching."""

    def isatty(self) -> bool:
        return True


class Full(Terminal):
    """A disk without room."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("waypost.yaml").write_text(CONFIG)


def run(monkeypatch: pytest.MonkeyPatch, stdout: StringIO, *words: str) -> object:
    monkeypatch.setattr(sys, "argv", ["waypost", *words])
    monkeypatch.setattr(sys, "stdout", stdout)
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_colours_for_who_wants_none(
    monkeypatch: pytest.MonkeyPatch, no_color: str, *, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    stdout = Terminal()
    assert run(monkeypatch, stdout, "route", "hello") == Exit.OK
    assert ("\x1b[" in stdout.getvalue()) is coloured


def test_output_that_cannot_be_written_is_an_error_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, Full(), "route", "hello") == Exit.FINDINGS
    assert capsys.readouterr().err == "error: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("words", [("nothing",), ("route",), ("check", "--nothing")])
def test_a_mistake_in_the_command_line_is_exit_2(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    assert run(monkeypatch, StringIO(), *words) == Exit.USAGE
