"""A file of rules, keyword lists and test cases, laid out as on the keyword-routing page, needs no change."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from waypost.cli.check import check
from waypost.cli.test import test as run_cases
from waypost.config.load import load
from waypost.decision.engine import Route
from waypost.decision.expr import All

EXAMPLES = Path(__file__).parents[2] / "examples"

PROVIDERS = """\
providers:
  onsite: {kind: vllm, base_url: "http://10.1.1.1:8000/v1", zone: internal}
  hosted: {kind: openai_compatible, base_url: "https://models.example/v1"}
models:
  inhouse-hr: {provider: onsite}
  outside-hr: {provider: hosted}
  general: {provider: hosted}
default_model: general
"""

# The published layout with values of our own: quoted strings, two conditions in one list, lists nobody names,
# a rule that an earlier one always covers.
PAGE = """\
routing_rules:
  - name: "hr-stays-inside"
    description: "Personnel matters never leave the site"
    conditions:
      - type: "keyword_match"
        keywords: ["salary", "bonus", "payslip", "works council"]
    action:
      type: "route"
      endpoint: "inhouse-hr"
      reasoning: "Names personnel data - must stay on site"

  - name: "applicants"
    description: "Applicants' data stays inside"
    conditions:
      - type: "keyword_match"
        keywords: ["application", "interview notes"]
      - type: "pii_detection"
        threshold: 0.7
    action:
      type: "route"
      endpoint: "inhouse-hr"
      reasoning: "Contains an applicant's data"

  - name: "general-hr"
    description: "General questions about work may go outside"
    conditions:
      - type: "keyword_match"
        keywords: ["holiday", "notice period"]
    action:
      type: "route"
      endpoint: "outside-hr"
      reasoning: "General question"

  - name: "pay"
    description: "Pay stays inside"
    business_justification: "Works agreement 14"
    owner: "hr-it@example.com"
    conditions:
      - type: "keyword_match"
        keywords: ["salary", "bonus"]
    action:
      type: "route"
      endpoint: "inhouse-hr"
      reasoning: "Names pay"

personnel_keywords:
  pay: ["salary", "bonus"]
  private: ["grievance", "sick leave"]

test_cases:
  - input: "When is the bonus on my payslip?"
    expected_endpoint: "inhouse-hr"
    expected_reasoning: "Contains 'bonus' and 'payslip' keywords"

  - input: "Name three rivers in Chile."
    expected_endpoint: "semantic_classification"
    expected_reasoning: "No keyword matches - using semantic routing"
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "page.yaml", tmp_path / "providers.yaml"]
    paths[0].write_text(PAGE)
    paths[1].write_text(PROVIDERS)
    return paths


def test_the_published_layout_loads_as_it_stands(files: list[Path]) -> None:
    loaded = load(files, {})
    assert [rule.name for rule in loaded.policy.rules] == [
        "hr-stays-inside", "applicants", "general-hr", "pay", "semantic_classification",
    ]  # fmt: skip
    first, second, third, fourth, _ = loaded.policy.rules
    assert first.action == Route(
        ("inhouse-hr",), frozenset({"internal"}), "Names personnel data - must stay on site"
    )
    assert isinstance(second.when, All)
    assert len(second.when.operands) == 2
    assert isinstance(third.action, Route)
    assert third.action.boundary is None
    assert (fourth.owner, fourth.business_justification) == ("hr-it@example.com", "Works agreement 14")


def test_what_is_doubtful_about_it_is_said(files: list[Path]) -> None:
    said = [(p.severity, p.path) for p in load(files, {}).problems if p.severity == "warning"]
    assert said == [
        ("warning", "routing_rules[1].conditions"),  # needs a keyword and personal data together
        ("warning", "routing_rules[3].name"),  # can never decide
    ]


def test_its_own_test_cases_pass(files: list[Path]) -> None:
    result = CliRunner().invoke(run_cases, [str(path) for path in files])
    assert result.exit_code == 0, result.output
    assert "2 passed, 0 failed" in result.output


@pytest.mark.parametrize(
    "names",
    [
        ("providers", "bank"),
        ("providers", "clinic"),
        ("search", "providers"),
        ("providers", "claims"),
        ("waypost",),
    ],
    ids=str,
)
def test_examples_pass_check_and_their_own_cases(names: tuple[str, ...]) -> None:
    paths = [str(EXAMPLES / f"{name}.yaml") for name in names]
    for verb in (check, run_cases):
        result = CliRunner().invoke(verb, paths, env={"OPENAI_API_KEY": "a-key"})
        assert result.exit_code == 0, result.output
    assert "0 failed" in result.output
    assert not result.output.startswith("0 passed")


def test_no_example_is_left_out() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == {
        "waypost",
        "providers",
        "bank",
        "clinic",
        "search",
        "claims",
    }
