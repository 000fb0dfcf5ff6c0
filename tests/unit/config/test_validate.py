from typing import Any

import pytest

from waypost.config import schema
from waypost.config.document import Findings, parse
from waypost.config.schema import ACTIONS
from waypost.config.validate import check, check_tagged, nearest


def told(cls: Any, text: str) -> tuple[Any, list[tuple[str, str, str]]]:
    root = parse(text, "f.yaml", {}).root
    assert root is not None
    findings = Findings(root)
    value = check(cls, root, (), findings)
    return value, [(p.path, p.message, p.help) for p in sorted(findings.problems)]


@pytest.mark.parametrize(
    ("cls", "text", "path", "message", "help_"),
    [
        (schema.Provider, "kind: opnai", "kind",
         "must be 'openai', 'anthropic', 'gemini', 'azure_openai', 'vllm', 'ollama' or 'openai_compatible'",
         "did you mean 'openai'?"),
        (schema.Provider, "{kind: vllm, paths: {chat: v1/chat}}", "paths.chat",
         "must be a path that begins with '/', without a query", ""),
        (schema.Provider, "{kind: vllm, endpoints: [{url: http://h/v1, weight: 0}]}", "endpoints[0].weight",
         "must be greater than or equal to 1", ""),
        (schema.Provider, "{kind: azure_openai, api_version: 'a b'}", "api_version",
         "must be letters, digits, '.', '_' and '-' only", ""),
        (schema.Provider, "{kind: vllm, retries: 4}", "retries", "must be less than or equal to 3", ""),
        (schema.Provider, "{kind: vllm, zone: 3}", "zone", "must be text, not a number", "put it in quotes"),
        (schema.Provider, "zone: a", "kind", "the key 'kind' is missing", ""),
        (schema.Model, "{provider: a, price: {input: -1, output: 1}}", "price.input",
         "must be greater than or equal to 0", ""),
        (schema.Rule, "{name: a, conditions: {a: 1}, action: {}}", "conditions",
         "must be a list, not a mapping", ""),
        (schema.Rule, "{name: a, conditions: [], action: {}}", "conditions", "must not be empty", ""),
        (schema.Rule, "{name: 'a ', conditions: [a], action: {}}", "name",
         "must be printable ASCII without a space at either end: it goes into headers", ""),
        (schema.Rule, "{name: a, conditions: [a], action: {}, priority: high}", "priority",
         "must be a whole number, not text", ""),
        (schema.Case, "input: 3", "input", "must be text or a list, not a number", "put it in quotes"),
        (schema.Case, "input: [a]", "input[0]", "must be a mapping, not text", ""),
        (schema.Document, "unscannable: blok", "unscannable",
         "must be 'block' or 'allow' or a mapping", "did you mean 'block'?"),
        (schema.Document, "audit: {flush_seconds: 0}", "audit.flush_seconds",
         "flush_seconds must be between 0.01 and 60", ""),
        (schema.Document, "identity_headers: {team: 'a b'}", "identity_headers.team",
         "must be the name of a header", ""),
        (schema.Document, "[]", "", "must be a mapping, not a list", ""),
    ],
)  # fmt: skip
def test_wrong_value_is_told_in_plain_words(cls: Any, text: str, path: str, message: str, help_: str) -> None:
    value, problems = told(cls, text)
    assert value is None
    assert problems == [(path, message, help_)]


def test_unknown_key_suggests_one_of_its_own_block() -> None:
    _, problems = told(schema.Document, "timeouts: {conect_seconds: 1}\nidentity_headers: {teem: a}\n")
    assert [p[2] for p in problems] == ["did you mean 'connect_seconds'?", "did you mean 'team'?"]


def test_unknown_key_far_from_all_lists_what_is_known() -> None:
    _, problems = told(schema.Price, "{input: 1, output: 1, zzz: 1}")
    assert problems == [("zzz", "unknown key 'zzz'", "known: input, output, cached_input, cache_write")]


def test_all_faults_of_a_block_come_at_once() -> None:
    _, problems = told(schema.Route, "{endpoints: [a, 2], boundary: 3, on_explicit: refus}")
    assert [p[0] for p in problems] == ["endpoints[1]", "boundary", "on_explicit"]


def test_misspelled_key_is_read_as_the_one_that_was_meant() -> None:
    value, problems = told(schema.Model, "{provder: onprem}")
    assert value == schema.Model(provider="onprem")
    assert problems == [("provder", "unknown key 'provder'", "did you mean 'provider'?")]


def test_union_is_not_told_branch_by_branch() -> None:
    _, problems = told(schema.Document, "unscannable: {rerout: a}")
    assert [p[1] for p in problems if "unknown" in p[1]] == ["unknown key 'rerout'"]
    assert not any("'block'" in p[1] for p in problems)


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("{type: rout}", "type", "unknown action type 'rout'"),
        ("{endpoint: a}", "", "the action has no 'type'"),
        ("[]", "", "an action must be a mapping, not a list"),
        ("{type: [a]}", "type", "must be text, not a list"),
        ("{type: block, stats: 400}", "stats", "unknown key 'stats'"),
        ("{type: respond}", "message", "the key 'message' is missing"),
    ],
)
def test_tagged_block_is_checked_by_the_class_of_its_tag(text: str, path: str, message: str) -> None:
    root = parse(text, "f.yaml", {}).root
    assert root is not None
    findings = Findings(root)
    check_tagged(ACTIONS, root, (), findings, noun="action")
    (problem,) = findings.problems
    assert problem.path == path
    assert problem.message.startswith(message)


def test_tagged_block_becomes_its_class() -> None:
    root = parse("{type: block, status: 451}", "f.yaml", {}).root
    assert root is not None
    assert check_tagged(ACTIONS, root, (), Findings(root), noun="action") == schema.Block(status=451)


def test_nearest_without_anything_known_says_nothing() -> None:
    assert nearest("a", []) == ""
