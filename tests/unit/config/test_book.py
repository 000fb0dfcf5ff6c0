from pathlib import Path

import pytest

from tests.unit.config.world import conditions, errors, loads, problems, write
from waypost.config.load import load
from waypost.errors import ConfigError


@pytest.mark.parametrize(
    ("key", "name"), [("providers", "a b"), ("providers", "é"), ("models", "é"), ("models", "''")]
)
def test_names_must_fit_into_headers(tmp_path: Path, key: str, name: str) -> None:
    body = "{kind: ollama}" if key == "providers" else "{provider: cloud}"
    (found,) = errors(tmp_path, f"{key}:\n  {name}: {body}\n")
    assert found[:2] == (2, 3)


def test_model_names_default_to_their_key(tmp_path: Path) -> None:
    policy = loads(tmp_path, "timeouts: {}").policy
    assert policy.endpoints["inside"].model == "inside"
    assert policy.endpoints["outside"].model == "gpt-4o"
    assert list(policy.endpoints) == ["inside", "outside", "outside-too"]


def test_model_of_an_unknown_provider(tmp_path: Path) -> None:
    found = problems(tmp_path, "models:\n  m: {provider: onprm}\n")
    assert [(p.line, p.column, p.message, p.help) for p in found] == [
        (2, 17, "'onprm' is not a provider", "did you mean 'onprem'?")
    ]


def test_reserved_model_name(tmp_path: Path) -> None:
    (found,) = errors(tmp_path, "models:\n  explicit_model: {provider: cloud}\n")
    assert found == (2, 3, "the name 'explicit_model' is reserved")


def test_what_is_said_of_a_model_is_kept(tmp_path: Path) -> None:
    text = "models:\n  m: {provider: cloud, price: {input: 1, output: 2}, reasoning_family: qwen3}\n"
    assert problems(tmp_path, text) == []


def test_failed_provider_causes_no_further_errors(tmp_path: Path) -> None:
    text = """\
        providers: {p: {kind: anthropc}}
        models: {m: {provider: p}}
        routing_rules:
          - name: r
            conditions: [{type: keyword_match, keywords: [ledger]}]
            action: {type: route, endpoint: m}
          - name: s
            conditions: [{type: keyword_match, keywords: [ledger]}]
            action: {type: route, endpoint: p}
        """
    (found,) = problems(tmp_path, text)
    assert found.help == "did you mean 'anthropic'?"


@pytest.mark.parametrize(
    ("endpoint", "message", "help_"),
    [
        ("insde", "endpoint 'insde' is not a model", "did you mean 'inside'?"),
        ("cloud", "endpoint 'cloud' is a provider with the models outside, outside-too", "name one of them"),
        ("bare", "endpoint 'bare' is a provider with no model", "add a model with `provider: bare`"),
    ],
)
def test_endpoint_that_means_no_model(tmp_path: Path, endpoint: str, message: str, help_: str) -> None:
    found = problems(tmp_path, f"providers: {{bare: {{kind: ollama}}}}\nunscannable: allow\nrouting_rules:\n"
        f"  - name: r\n    conditions: [{{type: keyword_match, keywords: [x]}}]\n"
        f"    action: {{type: route, endpoint: {endpoint}}}\n")  # fmt: skip
    (error,) = [p for p in found if p.severity == "error"]
    assert (error.line, error.message, error.help) == (6, message, help_)


def test_provider_with_one_model_names_that_model(tmp_path: Path) -> None:
    text = (
        "routing_rules:\n  - name: r\n    conditions: [{type: keyword_match, keywords: [ledger, ledgers]}]\n"
        "    action: {type: route, endpoint: onprem}\n"
    )
    action = loads(tmp_path, text).policy.rules[0].action
    assert getattr(action, "endpoints", None) == ("inside",)


LISTS = """\
hr_keywords: {pay: [salary], private: [grievance]}
bank_keywords: {private: [vault]}
keywords: {extra: [bonus]}
routing_rules:
  - name: r
    conditions: [{type: keyword_match, lists: LISTS}]
    action: {type: route, endpoint: outside}
"""


@pytest.mark.parametrize(
    "names", ["[pay]", "[hr_keywords.pay]", "[hr_keywords.private, extra]", "[keywords.extra]"]
)
def test_lists_go_by_short_and_full_name(tmp_path: Path, names: str) -> None:
    signals = conditions(tmp_path, LISTS.replace("LISTS", names))
    assert list(signals) == ["keyword_match#1"]


def test_short_name_of_two_lists_is_ambiguous(tmp_path: Path) -> None:
    found = problems(tmp_path, LISTS.replace("LISTS", "[private]"))
    (error,) = [p for p in found if p.severity == "error"]
    assert error.message == "keyword list 'private' exists more than once"
    assert error.help == "name one in full: hr_keywords.private, bank_keywords.private"


def test_unknown_list(tmp_path: Path) -> None:
    (error,) = [p for p in problems(tmp_path, LISTS.replace("LISTS", "[pai]")) if p.severity == "error"]
    assert (error.line, error.message, error.help) == (
        6,
        "'pai' is not a keyword list",
        "did you mean 'pay'?",
    )


def test_list_must_be_a_mapping_of_lists(tmp_path: Path) -> None:
    assert [e[2] for e in errors(tmp_path, "a_keywords: [x]\nb_keywords: {c: d, e: [1]}\n")] == [
        "must be a mapping from list names to keywords, not a list",
        "must be a list, not text",
        "must be text, not a number",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("providers: [a]", "must be a mapping from names to blocks, not a list"),
        ("providers: abc", "must be a mapping from names to blocks, not text"),
        ("test_cases: {a: 1}", "must be a list, not a mapping"),
    ],
)
def test_section_of_the_wrong_shape(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, alone=text), {})
    assert message in [p.message for p in caught.value.problems]
