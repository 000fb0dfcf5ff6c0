"""`waypost test`: cases that pass, cases that fail, and their exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.cli.test_route import CONFIG
from waypost.cli.test import test as command
from waypost.runtime import Classifiers
from waypost.testing.signals import FakeEncoder

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


def test_a_case_may_name_a_model_and_a_caller(config: Path) -> None:
    own = """
  - {input: my account, model: gpt, expected_endpoint: inside}
  - {input: my position, team: trading, expected_rule: trading-desk}
  - {input: my position, team: sales, expected_endpoint: semantic_classification}
"""
    config.write_text(CONFIG + CASES.rstrip() + own)
    assert run(config).exit_code == 0, run(config).output


def test_a_case_that_names_no_known_model_is_told_at_load_and_fails(config: Path) -> None:
    config.write_text(CONFIG + CASES.rstrip() + "\n  - {input: hi, model: gtp, expected_rule: hours}\n")
    result = run(config)
    assert result.exit_code == 1
    assert "'gtp' does not exist" in result.stderr
    assert "404 model_not_found" in result.stdout


MEANING = """
categories:
  - {name: math, model_scores: [{model: gpt, score: 1}]}
  - {name: other, model_scores: [{model: inside, score: 1}]}
test_cases:
  - {input: What is two and two?, expected_category: math, expected_endpoint: gpt}
  - {input: What is two and two?, expected_endpoint: semantic_classification}
  - {input: my internal account, expected_rule: confidential}
"""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEncoder:
    """In place of the classifiers."""
    encoder = FakeEncoder({"domain": {"math": 0.9}})
    monkeypatch.setattr(Classifiers, "answer", lambda _self, need: encoder.answer(need))
    return encoder


def test_cases_may_expect_a_category(config: Path, fake: FakeEncoder) -> None:
    config.write_text(CONFIG + MEANING)
    result = run(config)
    assert result.exit_code == 0, result.output
    assert "PASS What is two and two?  -> semantic_classification: math, gpt" in result.stdout
    assert fake.passes == [frozenset({"domain"})] * 2, "the case that a keyword decides asked nothing"


def test_another_category_is_a_miss(config: Path, fake: FakeEncoder) -> None:
    fake.heads = {"domain": {"law": 0.9}}
    config.write_text(CONFIG + MEANING)
    result = run(config)
    assert result.exit_code == 1
    assert "     expected category 'math', got 'other'" in result.stdout
    assert "     expected endpoint 'gpt', got 'inside' (category 'other')" in result.stdout


def test_classifiers_that_do_not_answer_are_a_miss_that_says_why(config: Path, fake: FakeEncoder) -> None:
    fake.down = "no memory"
    config.write_text(CONFIG + MEANING)
    result = run(config)
    assert result.exit_code == 1
    assert (
        "expected category 'math', got none ('semantic_classification': No keyword matches - "
        in result.stdout
    )
    assert "not answered: no memory" in result.stdout
