import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from waypost.cli.check import check
from waypost.cli.init import HOSTED, TEMPLATES, init
from waypost.cli.test import test as run_cases
from waypost.errors import Exit

NO_KEYS = dict.fromkeys(("OPENAI_API_KEY", *HOSTED))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*options: str, **environ: str) -> Result:
    return CliRunner().invoke(init, options, env=NO_KEYS | environ)


@pytest.mark.parametrize("key", ["", "sk-CANARY"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_what_is_written_passes_check_and_its_own_cases(template: str, key: str) -> None:
    keys = dict.fromkeys(("OPENAI_API_KEY", *HOSTED), key)
    written = run("--template", template, **keys)
    assert written.exit_code == Exit.OK, written.output
    for verb in (check, run_cases):
        result = CliRunner().invoke(verb, [], env=NO_KEYS | keys)
        assert result.exit_code == Exit.OK, result.output
        assert "0 test cases" not in result.output
    assert "CANARY" not in Path("waypost.yaml").read_text() + written.output


@pytest.mark.parametrize(
    ("environ", "template"),
    [({}, "local"), ({"OPENAI_API_KEY": "k"}, "openai"), ({"GROQ_API_KEY": "k"}, "local")],
)
def test_template_follows_the_keys(environ: dict[str, str], template: str) -> None:
    assert f"template {template}," in run(**environ).output


def test_keys_are_named() -> None:
    output = run("--yes", OPENAI_API_KEY="a", ANTHROPIC_API_KEY="b").output
    assert "Found  OPENAI_API_KEY\n" in output
    assert "Found  ANTHROPIC_API_KEY\n" in output
    assert "GEMINI" not in output


def test_multi_takes_in_every_key_that_is_set() -> None:
    run("--template", "multi", MISTRAL_API_KEY="a", OPENAI_API_KEY="b", ANTHROPIC_API_KEY="c")
    text = Path("waypost.yaml").read_text()
    assert '  anthropic: {kind: anthropic, api_key: "${ANTHROPIC_API_KEY}"}\n' in text
    assert "  anthropic: {provider: anthropic, name: claude-sonnet-4-5}\n" in text
    assert 'api_key: "${MISTRAL_API_KEY}"' in text
    assert 'api_key: "${OPENAI_API_KEY}"' in text
    assert "GROQ" not in text


def test_file_is_never_overwritten_unasked() -> None:
    Path("waypost.yaml").write_text("mine")
    result = run()
    assert (result.exit_code, Path("waypost.yaml").read_text()) == (Exit.USAGE, "mine")
    assert result.stderr == "error: 'waypost.yaml' exists; --force overwrites it\n"
    assert run("--force").exit_code == Exit.OK
    assert "providers:" in Path("waypost.yaml").read_text()


def test_nothing_is_left_beside_the_file() -> None:
    run("-o", "other.yaml")
    assert [path.name for path in Path().iterdir()] == ["other.yaml"]


def test_other_name_is_told_on() -> None:
    assert (
        "Next   waypost check -c other.yaml   then   waypost serve -c other.yaml"
        in run("-o", "other.yaml").output
    )


def test_folder_that_is_not_there() -> None:
    result = run("-o", "nope/waypost.yaml")
    assert result.exit_code == Exit.USAGE
    assert result.stderr == "error: 'nope/waypost.yaml' cannot be written: No such file or directory\n"


def test_json() -> None:
    told = json.loads(run("--json", OPENAI_API_KEY="k").stdout)
    assert told.pop("schema") == "waypost/init.v1"
    assert told == {"path": "waypost.yaml", "template": "openai", "found": ["OPENAI_API_KEY"]}
