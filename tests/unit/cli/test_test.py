"""`waypost test`: cases that pass, cases that fail, and their exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.cli.test_route import CONFIG
from waypost.cli.test import test as command

CASES = """
test_cases:
  - input: my internal account
    expected_endpoint: inside
    expected_reasoning: "Contains 'internal' and 'account' keywords"
  - {input: good morning, expected_endpoint: semantic_classification}
  - {input: opening hours?, expected_rule: hours, expected_action: respond}
"""


def run(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [str(path), *arguments])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "waypost.yaml"
    path.write_text(CONFIG + CASES)
    return path


def test_cases_that_pass(config: Path) -> None:
    result = run(config)
    assert result.exit_code == 0
    assert result.stdout.count("PASS") == 3
    assert "3 passed, 0 failed" in result.stdout


def test_a_case_that_fails_says_what_was_expected_and_what_came(config: Path) -> None:
    config.write_text(CONFIG + CASES + "  - {input: my account, expected_endpoint: gpt}\n")
    result = run(config)
    assert result.exit_code == 1
    assert "FAIL my account" in result.stdout
    assert (
        "expected endpoint 'gpt', got 'inside' (rule 'confidential': Contains 'account' keyword)"
        in result.stdout
    )


def test_json_lists_every_case(config: Path) -> None:
    document = json.loads(run(config, "--json").stdout)
    assert document["schema"] == "waypost/test.v1"
    assert (document["passed"], document["failed"]) == (3, 0)
    assert [case["decision"] for case in document["cases"]] == [
        "confidential",
        "semantic_classification",
        "hours",
    ]


def test_a_file_without_cases_says_so(config: Path) -> None:
    config.write_text(CONFIG)
    result = run(config)
    assert result.exit_code == 0
    assert "no test_cases" in result.stderr
