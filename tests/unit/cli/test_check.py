import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.config.world import BESIDE, ENVIRON, rule, write
from waypost.cli.check import check
from waypost.errors import Exit

GOOD = "routing_rules:\n" + rule()
WARNED = GOOD + "pay_keywords: {pay: [salary]}\nzones: {attic: {}}\n"
BAD = "routing_ruls: []\nlisten: nowhere\n"


def run(tmp_path: Path, text: str, *options: str) -> Result:
    paths = write(tmp_path, rules=text, beside=BESIDE)
    return CliRunner().invoke(check, [*map(str, paths), *options], env=ENVIRON)


def test_good_file_is_read_back(tmp_path: Path) -> None:
    result = run(tmp_path, GOOD)
    assert result.exit_code == Exit.OK
    assert result.stdout.startswith("1. r: if the text (everything that would leave) contains any of")
    assert "\nok: 2 providers, 3 models, 1 rule, 0 test cases; no problems; revision " in result.stdout
    assert result.stderr == ""


def test_warnings_are_shown_and_allowed(tmp_path: Path) -> None:
    result = run(tmp_path, WARNED)
    assert result.exit_code == Exit.OK
    assert "warning: no model is in zone 'attic'" in result.stderr
    assert "1 warning, 1 remark" in result.stdout


def test_guards_are_read_back_behind_the_rules(tmp_path: Path) -> None:
    shown = run(tmp_path, GOOD).stdout
    assert "\nGuards\n- before outside, outside-too: if " in shown
    assert "the default for zones called external" in shown
    told = json.loads(run(tmp_path, GOOD, "--json").stdout)["guards"]
    assert [sentence.startswith("before outside, outside-too: if ") for sentence in told] == [True]
    without = run(tmp_path, "pii: {action: allow}\n" + GOOD)
    assert "Guards" not in without.stdout
    assert json.loads(run(tmp_path, "pii: {action: allow}\n" + GOOD, "--json").stdout)["guards"] == []


def test_errors_are_shown_with_their_lines(tmp_path: Path) -> None:
    result = run(tmp_path, BAD)
    assert result.exit_code == Exit.CONFIG
    assert result.stdout == ""
    assert "error: unknown key 'routing_ruls'" in result.stderr
    assert "1 | routing_ruls: []\n  | ^\n" in result.stderr
    assert result.stderr.endswith("\n2 errors\n")


def test_json_of_a_good_file(tmp_path: Path) -> None:
    told = json.loads(run(tmp_path, WARNED, "--json").stdout)
    assert (told["schema"], told["ok"]) == ("waypost/check.v1", True)
    assert [p["severity"] for p in told["problems"]] == ["info", "warning"]
    assert [r["name"] for r in told["rules"]] == ["r", "semantic_classification"]
    assert told["rules"][0]["sentence"].startswith("r: if the text")
    assert len(told["revision"]) == 64


def test_json_of_a_bad_file(tmp_path: Path) -> None:
    result = run(tmp_path, BAD, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == Exit.CONFIG
    assert (told["schema"], told["ok"]) == ("waypost/check.v1", False)
    assert [(p["line"], p["column"], p["path"]) for p in told["problems"]] == [
        (1, 1, "routing_ruls"),
        (2, 9, "listen"),
    ]


def test_files_and_options_are_joined(tmp_path: Path) -> None:
    rules, beside = map(str, write(tmp_path, rules=GOOD, beside=BESIDE))
    assert CliRunner().invoke(check, [rules, "-c", beside], env=ENVIRON).exit_code == Exit.OK


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_output_holds_a_secret(tmp_path: Path, options: tuple[str, ...]) -> None:
    text = """\
        providers:
          p: {kind: openai, api_key: CANARY-one, zne: x}
          q: {kind: openai, api_kye: CANARY-two}
          r: {kind: openai, api_key: "${KEY}", base_url: 'https://CANARY-four@h'}
        default_model: ${KEY}
        """
    for config in (text, text.replace("zne", "zone").replace("api_kye", "api_key"), text + "  ]"):
        paths = write(tmp_path, a=config)
        result = CliRunner().invoke(check, [*map(str, paths), *options], env={"KEY": "CANARY-three"})
        assert "CANARY" not in result.output
        assert result.exit_code == Exit.CONFIG
