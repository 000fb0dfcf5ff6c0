from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.unit.config.world import BESIDE, ENVIRON, rule, write
from waypost.cli.options import config_option, load_or_exit, paths_of, summary
from waypost.errors import Exit, Problem


@click.command()
@config_option
def verb(config: tuple[str, ...]) -> None:
    loaded = load_or_exit(config)
    click.echo(f"{len(loaded.policy.rules)} rules")


def test_files_that_are_named_are_loaded(tmp_path: Path) -> None:
    rules, beside = map(str, write(tmp_path, rules="routing_rules:\n" + rule(), beside=BESIDE))
    result = CliRunner().invoke(verb, ["-c", rules, "--config", beside], env=ENVIRON)
    assert (result.exit_code, result.stdout, result.stderr) == (Exit.OK, "2 rules\n", "")


def test_warnings_take_a_line_and_remarks_none(tmp_path: Path) -> None:
    text = "pay_keywords: {pay: [salary]}\nzones: {attic: {}}\n"
    rules, beside = map(str, write(tmp_path, rules=text, beside=BESIDE))
    result = CliRunner().invoke(verb, ["-c", rules, "-c", beside], env=ENVIRON)
    assert result.stderr == f"{rules}:2:16: warning: no model is in zone 'attic'\n"


def test_errors_end_the_verb(tmp_path: Path) -> None:
    (path,) = write(tmp_path, a="lisen: 1")
    result = CliRunner().invoke(verb, ["-c", str(path)])
    assert (result.exit_code, result.stdout) == (Exit.CONFIG, "")
    assert result.stderr.startswith("error: ")
    assert result.stderr.endswith("2 errors\n")


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WAYPOST_CONFIG", raising=False)
    assert paths_of(()) == [Path("waypost.yaml")]
    monkeypatch.setenv("WAYPOST_CONFIG", "/etc/waypost.yaml")
    assert paths_of(()) == [Path("/etc/waypost.yaml")]
    Path("waypost.yaml").touch()
    assert paths_of(()) == [Path("waypost.yaml")]
    assert paths_of(("a", "b")) == [Path("a"), Path("b")]


def test_summary_counts() -> None:
    def problem(severity: str) -> Problem:
        return Problem("a", 1, 1, "", "m", severity=severity)

    assert summary([]) == "no problems"
    assert summary([problem("error"), problem("info"), problem("info")]) == "1 error, 2 remarks"
    assert summary([problem("warning")]) == "1 warning"
