from pathlib import Path

import pytest

from tests.unit.config.world import conditions as questions
from tests.unit.config.world import errors, loads, problems, rule
from waypost.decision.expr import All, Any, Is, Not
from waypost.signals.base import TextSignal
from waypost.signals.keyword import KeywordMatch
from waypost.signals.metadata import Metadata

A, B, C = (f"{{type: keyword_match, keywords: [{word}]}}" for word in ("alpha", "beta", "gamma"))


def rules(*items: str) -> str:
    return "routing_rules:\n" + "".join(items)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (f"[{A}]", Is("keyword_match#1")),
        (f"[{A}, {B}]", All((Is("keyword_match#1"), Is("keyword_match#2")))),
        (f"[{A}, {A}]", All((Is("keyword_match#1"), Is("keyword_match#1")))),
        (f"[any_of: [{A}, {B}]]", Any((Is("keyword_match#1"), Is("keyword_match#2")))),
        (f"[none_of: [{A}]]", Not(Any((Is("keyword_match#1"),)))),
        (
            f"[all_of: [{A}, any_of: [{B}, none_of: [{C}]]]]",
            All((Is("keyword_match#1"), Any((Is("keyword_match#2"), Not(Any((Is("keyword_match#3"),))))))),
        ),
    ],
)
def test_conditions_become_expressions(tmp_path: Path, conditions: str, expected: object) -> None:
    text = f"routing_rules:\n  - name: r\n    conditions: {conditions}\n    action: {{type: block}}\n"
    assert loads(tmp_path, text).policy.rules[0].when == expected


def test_names_number_the_conditions_of_a_kind(tmp_path: Path) -> None:
    text = rules(rule("r", A), rule("s", "{type: context_length, min_tokens: 5}"), rule("t", B), rule("u", A))
    assert list(questions(tmp_path, text)) == [
        "keyword_match#1",
        "context_length#1",
        "keyword_match#2",
    ]


@pytest.mark.parametrize(
    ("action", "scope", "unreadable"),
    [
        ({"endpoint": "inside"}, "all", "fail"),
        ({"endpoint": "outside", "boundary": "external"}, "all", "fail"),
        ({"type": "block", "endpoint": ""}, "all", "fail"),
        ({"endpoint": "outside"}, "conversation", "ignore"),
        ({"type": "respond", "message": "hi", "endpoint": ""}, "conversation", "ignore"),
    ],
)
def test_text_that_is_read_follows_the_action(
    tmp_path: Path, action: dict[str, str], scope: str, unreadable: str
) -> None:
    signal = loads(tmp_path, rules(rule("r", A, **action))).policy.signals["keyword_match#1"]
    assert isinstance(signal, TextSignal)
    assert (signal.scope, signal.unreadable) == (scope, unreadable)


def test_what_the_file_says_stays(tmp_path: Path) -> None:
    condition = "{type: keyword_match, keywords: [alpha], scope: last_user, unreadable: ignore}"
    signal = loads(tmp_path, rules(rule("r", condition))).policy.signals["keyword_match#1"]
    assert isinstance(signal, TextSignal)
    assert (signal.scope, signal.unreadable) == ("last_user", "ignore")


def test_unscannable_allow_ignores_what_cannot_be_read(tmp_path: Path) -> None:
    signal = loads(tmp_path, "unscannable: allow\n" + rules(rule("r", A))).policy.signals["keyword_match#1"]
    assert isinstance(signal, TextSignal)
    assert (signal.scope, signal.unreadable) == ("all", "ignore")


def test_the_same_words_under_another_scope_are_another_condition(tmp_path: Path) -> None:
    signals = questions(tmp_path, rules(rule("r", A), rule("s", A, endpoint="outside")))
    assert [getattr(s, "scope", None) for s in signals.values()] == ["all", "conversation"]


def test_signals_are_bound_to_their_lists(tmp_path: Path) -> None:
    text = "pay_keywords: {all: [salary]}\n" + rules(
        rule("r", "{type: keyword_match, lists: [all], keywords: [bonus]}")
    )
    signal = loads(tmp_path, text).policy.signals["keyword_match#1"]
    assert isinstance(signal, KeywordMatch)
    assert set(signal.terms) == {"bonus", "salary"}


@pytest.mark.parametrize(
    ("condition", "column", "message"),
    [
        ("{type: keyword_mach, keywords: [a]}", 16, "unknown condition type 'keyword_mach'"),
        ("{keywords: [alpha]}", 9, "the condition has no 'type'"),
        ("alpha", 9, "a condition must be a mapping, not text"),
        ("{any_of: []}", 18, "'any_of' takes a list of at least one condition"),
        ("{any_of: {type: keyword_match}}", 18, "'any_of' takes a list of at least one condition"),
        (f"{{any_of: [{A}], none_of: [{A}]}}", 62, "'none_of' cannot stand beside 'any_of'"),
        ("{type: keyword_match, keyword: [alpha]}", 31, "unknown key 'keyword'"),
        ("{type: keyword_match, keywords: ['']}", 42, "'' can never match: nothing is left of it"),
        ("{type: regex_match, patterns: ['(?=a)']}", 40, "'(?=a)' is not a valid pattern"),
    ],
)
def test_wrong_condition(tmp_path: Path, condition: str, column: int, message: str) -> None:
    (found, *_) = errors(tmp_path, rules(rule("r", condition)))
    assert found[:2] == (4, column)
    assert found[2].startswith(message)


def test_remark_of_a_bound_signal_is_passed_on(tmp_path: Path) -> None:
    condition = "{type: keyword_match, lists: [w], min_matches: 3}"
    found = problems(tmp_path, "w_keywords: {w: [alpha, beta]}\n" + rules(rule("r", condition)))
    (error,) = [p for p in found if p.severity == "error"]
    assert error.path == "routing_rules[0].conditions[0].min_matches"
    assert "only 2 different keywords" in error.message


def test_absence_and_personal_data_are_looked_for_in_everything(tmp_path: Path) -> None:
    text = rules(
        rule("r", f"none_of: [{A}]", endpoint="outside"),
        rule("s", "{type: pii_detection}", endpoint="outside"),
    )
    for signal in questions(tmp_path, text).values():
        assert isinstance(signal, TextSignal)
        assert (signal.scope, signal.unreadable) == ("all", "fail")


def test_a_configured_identity_header_counts_only_from_a_trusted_hop(tmp_path: Path) -> None:
    text = "identity_headers: {team: X-Team}\n" + rules(
        rule("r", "{type: metadata, header: x-team, equals: [red]}"),
        rule("s", "{type: metadata, header: x-app, equals: [crm]}"),
    )
    own, other = questions(tmp_path, text).values()
    assert isinstance(own, Metadata)
    assert isinstance(other, Metadata)
    assert (own.trusted, other.trusted) == (True, None)


LEARNED = rules(
    rule("p", "{type: pii_detection}"),
    rule("j", "{type: jailbreak_detection}"),
    rule("s", "{type: similarity, examples: [a b]}"),
    rule("d", "{type: domain, domains: [math]}"),
)
OWN = """\
classifier: {category_model: {threshold: 0.61}, pii_model: {threshold: 0.62}}
prompt_guard: {threshold: 0.63}
bert_model: {threshold: 0.64}
"""


def thresholds(tmp_path: Path, text: str) -> list[float]:
    return [getattr(signal, "threshold", 0.0) for signal in questions(tmp_path, text).values()]


def test_thresholds_of_the_model_keys_are_the_defaults_of_conditions(tmp_path: Path) -> None:
    assert thresholds(tmp_path, LEARNED) == [0.7, 0.5, 0.6, 0.5]
    assert thresholds(tmp_path, OWN + LEARNED) == [0.62, 0.63, 0.64, 0.5]


def test_a_threshold_of_a_condition_stays(tmp_path: Path) -> None:
    text = rules(rule("p", "{type: pii_detection, threshold: 0.7}"), rule("q", "{type: pii_detection}"))
    assert thresholds(tmp_path, OWN + text) == [0.7, 0.62]


@pytest.mark.parametrize(
    ("condition", "scope", "unreadable"),
    [
        ("{type: jailbreak_detection}", "all", "fail"),
        ("{type: jailbreak_detection, scope: last_user}", "last_user", "fail"),
        ("{type: language, languages: [de]}", "last_user", "ignore"),
        ("{type: language, languages: [de], scope: all}", "all", "ignore"),
    ],
)
def test_what_is_read_where_nothing_is_guarded(
    tmp_path: Path, condition: str, scope: str, unreadable: str
) -> None:
    (signal,) = questions(tmp_path, rules(rule("r", condition, endpoint="outside"))).values()
    assert isinstance(signal, TextSignal)
    assert (signal.scope, signal.unreadable) == (scope, unreadable)


@pytest.mark.parametrize(
    ("condition", "column", "message"),
    [
        ("{type: domain, domains: [maths]}", 34, "'maths' is unknown to the classifiers"),
        ("{type: intent, intents: [code]}", 34, "'code' is unknown to the classifiers"),
        ("{type: language, languages: [german]}", 38, "'german' is no language that is told apart"),
        ("{type: similarity, examples: []}", 38, "no examples"),
        ("{type: complexity, threshold: 2}", 39, "threshold is 2"),
        ("{type: jailbreak_detection, threshold: 0}", 48, "threshold is 0"),
    ],
)
def test_a_learned_condition_that_cannot_work(
    tmp_path: Path, condition: str, column: int, message: str
) -> None:
    assert errors(tmp_path, rules(rule("r", condition))) == [(4, column, message)]
