from pathlib import Path

import pytest

from tests.unit.config.world import problems, remarks, rule

BLOCK = {"type": "block", "endpoint": ""}


def rules(*items: str) -> str:
    return "routing_rules:\n" + "".join(items)


def words(*terms: str, **options: str) -> str:
    more = "".join(f", {key}: {value}" for key, value in options.items())
    return f"{{type: keyword_match, keywords: [{', '.join(terms)}]{more}}}"


def unreachable(tmp_path: Path, *items: str) -> list[str]:
    return [r for r in remarks(tmp_path, rules(*items)) if "never decide" in r]


OUT = {"endpoint": "outside"}
IN = {"endpoint": "inside"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (rule("a", words("x1", "y1"), **OUT), rule("b", words("x1"), **OUT)),
        (rule("a", words("x1", "y1"), **IN), rule("b", words("y1", "x1"), **IN)),
        (rule("a", words("x1"), **IN), rule("b", words("x1"), **OUT)),
        (rule("a", words("x1"), **OUT), rule("b", words("x1", "y1", match="all"), **OUT)),
        (rule("a", words("x1", "y1"), **OUT), rule("b", words("x1", "y1", "z1", min_matches="2"), **OUT)),
        (rule("a", words("x1"), **OUT), rule("b", words("X1", case_sensitive="true"), **OUT)),
        (rule("a", words("x1"), **OUT), rule("b", words("x1", scope="user"), **OUT)),
        (rule("a", words("ledger", forms="inflected"), **OUT), rule("b", words("ledgers"), **OUT)),
        (rule("a", words("ledger", forms="inflected"), **OUT),
         rule("b", words("ledger", forms="inflected"), **OUT)),
        (rule("a", words("ledger", forms="inflected"), **OUT),
         rule("b", words("q1", "ledgers", match="all"), **OUT)),
        (rule("a", words("x1"), **OUT), rule("b", f"{{all_of: [{words('x1')}, {words('q1')}]}}", **OUT)),
        (rule("a", f"{{any_of: [{words('x1')}, {words('q1')}]}}", **OUT), rule("b", words("q1"), **OUT)),
        (rule("a", words("x1", "q1"), **OUT),
         rule("b", f"{{any_of: [{words('x1')}, {words('q1')}]}}", **OUT)),
        (rule("a", f"{{none_of: [{words('x1')}]}}", **OUT),
         rule("b", f"{{none_of: [{words('x1', 'q1')}]}}", **OUT)),
        (rule("a", f"{{all_of: [{words('x1')}, {words('q1')}]}}", **OUT),
         rule("b", f"{{all_of: [{words('q1')}, {words('x1')}]}}", **OUT)),
    ],
)  # fmt: skip
def test_rule_that_can_never_decide(tmp_path: Path, first: str, second: str) -> None:
    assert unreachable(tmp_path, first, second) == [
        "warning: rule 'b' can never decide: 'a' takes every request it would match"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (rule("a", words("x1"), **OUT), rule("b", words("x1", "y1"), **OUT)),
        (rule("a", words("ledger"), **OUT), rule("b", words("ledger", forms="inflected"), **OUT)),
        (rule("a", words("ledger", "ledgers"), **OUT), rule("b", words("ledger", forms="inflected"), **OUT)),
        (rule("a", words("x1"), **OUT), rule("b", words("x1"), **IN)),  # b also stands above a named model
        (rule("a", words("x1"), **OUT), rule("b", words("x1"), **BLOCK)),
        (rule("a", words("x1", scope="last_user"), **OUT), rule("b", words("x1"), **OUT)),
        (rule("a", words("X1", case_sensitive="true"), **OUT), rule("b", words("x1"), **OUT)),
        (rule("a", words("x1", "y1", match="all"), **OUT), rule("b", words("x1", "y1"), **OUT)),
        (rule("a", words("x1"), **OUT), rule("b", f"{{none_of: [{words('x1')}]}}", **OUT)),
        (rule("a", words("x1"), **IN) + "    on_error: open\n", rule("b", words("x1"), **IN)),
        (rule("a", words("x1"), **OUT), rule("b", "{type: regex_match, patterns: [x1]}", **OUT)),
        (rule("a", words("x1", unreadable="ignore"), **IN), rule("b", words("x1"), **IN)),
    ],
)
def test_rule_that_can_decide(tmp_path: Path, first: str, second: str) -> None:
    assert unreachable(tmp_path, first, second) == []


def test_priority_counts_for_what_comes_first(tmp_path: Path) -> None:
    first = rule("a", words("x1"), **OUT)
    assert unreachable(tmp_path, first, rule("b", words("x1"), **OUT) + "    priority: 1\n") == [
        "warning: rule 'a' can never decide: 'b' takes every request it would match"
    ]


def test_words_of_lists_count(tmp_path: Path) -> None:
    text = "w_keywords: {w: [x1, y1]}\n" + rules(
        rule("a", "{type: keyword_match, lists: [w]}", **OUT), rule("b", words("y1"), **OUT)
    )
    assert any("never decide" in r for r in remarks(tmp_path, text))


@pytest.mark.parametrize(
    ("terms", "absent"),
    [
        (("procedure",), "'procedures'"),
        (("procedures",), "'procedure'"),
        (("policy",), "'policies'"),
        (("box", "key"), "'boxes', 'keys'"),
        (("class",), "'classes'"),
        (("strategies", "boxes"), "'strategy', 'box'"),
        (("bonuses", "cases", "losses"), "'bonus', 'case', 'loss'"),
        (("Patient",), "'patients'"),
        (("child", "diagnosis"), "'children', 'diagnoses'"),
        (("medical record", "power of attorney"), "'medical records', 'powers of attorney'"),
        (("look up", "looked up"), "'looks up', 'looking up'"),
        (("trade", "trades", "trading"), "'traded'"),
        (("pay", "pays", "paid"), "'paying'"),
        (("index", "indices", "table"), "'tables'"),
    ],
)
def test_near_forms_of_a_guarding_keyword(tmp_path: Path, terms: tuple[str, ...], absent: str) -> None:
    assert remarks(tmp_path, rules(rule("r", words(*terms)))) == [
        f"info: rule 'r' does not see {absent}: near forms of its keywords"
    ]


@pytest.mark.parametrize(
    "terms",
    [
        ("procedure", "procedures"),
        ("medical record", "medical records"),
        ("é12",),
        ("eu",),
        ("NDA",),
        ("SALARY",),
        ("covid-19", "gpt4", "'12'", "C++"),
        ("encrypted", "news", "trading"),
        ("terminated",),
        ("trade", "trades"),
        ("transfer", "transfers", "transferred"),
        ("diagnosis", "diagnoses"),
        ("confidential",),
    ],
)
def test_no_near_forms(tmp_path: Path, terms: tuple[str, ...]) -> None:
    assert remarks(tmp_path, rules(rule("r", words(*terms)))) == []


def test_near_forms_count_as_the_condition_reads_case(tmp_path: Path) -> None:
    (remark,) = remarks(tmp_path, rules(rule("r", words("Ledger", "ledgers", case_sensitive="true"))))
    assert "does not see 'Ledgers', 'ledger':" in remark


@pytest.mark.parametrize(
    "text",
    [
        rules(rule("r", words("procedure"), **OUT)),
        rules(rule("r", words("procedure", "trade", forms="inflected"))),
        rules(rule("r", f"{{none_of: [{words('procedure')}]}}")),
    ],
)
def test_near_forms_do_not_matter_where_none_slips_through(tmp_path: Path, text: str) -> None:
    assert remarks(tmp_path, text) == []


def test_near_forms_are_told_once_for_a_condition_at_its_keywords(tmp_path: Path) -> None:
    text = """\
pay_keywords: {pay: [salary, bonus]}
routing_rules:
  - name: a
    conditions:
      - any_of:
          - type: keyword_match
            keywords: [procedure, ledger]
          - type: keyword_match
            lists: [pay]
    action: {type: block}
"""
    found = [(p.line, p.severity, p.message) for p in problems(tmp_path, text)]
    assert found == [
        (7, "info", "rule 'a' does not see 'procedures', 'ledgers': near forms of its keywords"),
        (9, "info", "rule 'a' does not see 'salaries', 'bonuses': near forms of its keywords"),
    ]


def test_many_near_forms_are_cut_short(tmp_path: Path) -> None:
    (remark,) = remarks(tmp_path, rules(rule("r", words(*(f"word{chr(97 + n)}" for n in range(9))))))
    assert "'wordfs' and 3 more" in remark


PII = "{type: pii_detection, threshold: 0.7}"


def test_guard_that_needs_keyword_and_personal_data_together(tmp_path: Path) -> None:
    both = rule("a", f"{words('chart', 'charts')}\n      - {PII}")
    warning = (
        "warning: rule 'a' needs a keyword and personal data together;"
        " a text with one of them can leave by rule 'b'"
    )
    assert warning in remarks(tmp_path, rules(both, rule("b", words("dose"), **OUT)))
    assert warning not in remarks(tmp_path, rules(both, rule("b", words("dose"), **IN)))
    either = rule("a", f"{{any_of: [{words('chart', 'charts')}, {PII}]}}")
    assert warning not in remarks(tmp_path, rules(either, rule("b", words("dose"), **OUT)))


def test_unused_provider_and_unused_list(tmp_path: Path) -> None:
    found = problems(tmp_path, "providers:\n  p: {kind: ollama}\npay_keywords:\n  pay: [salary, '...']\n")
    assert [(p.line, p.severity, p.message) for p in found] == [
        (2, "info", "no model uses the provider 'p'"),
        (4, "info", "no condition names the keyword list 'pay'"),
        (4, "warning", "'...' has no letter or digit"),
    ]


@pytest.mark.parametrize(
    ("condition", "action", "fate"),
    [
        ("{type: metadata, team: red}", IN, "applies"),
        ("{type: metadata, header: x-app, equals: [crm], trusted: true}", BLOCK, "applies"),
        ("{none_of: [{type: metadata, user: [ann]}]}", OUT, "is skipped"),
    ],
)
def test_identity_without_a_trusted_hop(
    tmp_path: Path, condition: str, action: dict[str, str], fate: str
) -> None:
    asked = rules(rule("r", condition, **action))
    told = f"there are no `trusted_hops`, so nobody can vouch for this: rule 'r' {fate} whoever asks"
    assert f"warning: {told}" in remarks(tmp_path, asked)
    hops = "trusted_hops: [10.0.0.0/8]\n"
    assert not any("vouch" in remark for remark in remarks(tmp_path, hops + asked))


def test_a_header_of_the_client_needs_no_trusted_hop(tmp_path: Path) -> None:
    text = rules(rule("r", "{type: metadata, header: x-app, equals: [crm]}"))
    assert not any("vouch" in remark for remark in remarks(tmp_path, text))


@pytest.mark.parametrize(
    ("address", "open_"),
    [
        ("0.0.0.0:1", True),
        ("'[::]:1'", True),
        ("127.0.0.9:1", False),
        ("'[::1]:1'", False),
        ("localhost:1", False),
    ],
)
def test_an_admin_port_for_everybody(tmp_path: Path, address: str, *, open_: bool) -> None:
    found = remarks(tmp_path, f"admin: {address}\n" + rules(rule()))
    assert any("the admin port is open" in remark for remark in found) is open_


def test_a_model_called_like_another_provider(tmp_path: Path) -> None:
    text = "models: {onprem: {provider: cloud, name: x}, cloud: {provider: cloud, name: y}}\n" + rules(rule())
    assert [r for r in remarks(tmp_path, text) if "is a provider too" in r] == [
        "warning: 'onprem' is a provider too: rules that name it mean this model at 'cloud'"
    ]


def test_the_rule_of_prompt_guard_stands_in_no_list(tmp_path: Path) -> None:
    assert not any(
        "prompt_guard" in remark for remark in remarks(tmp_path, "prompt_guard: {enabled: true}\n")
    )


def test_the_guard_that_a_key_switches_on_is_no_rule_of_the_file(tmp_path: Path) -> None:
    assert remarks(tmp_path, "prompt_guard: {enabled: true}\n" + rules(rule())) == []


def test_categories_that_make_no_sense(tmp_path: Path) -> None:
    text = """\
categories:
  - {name: numbers, domain: [math, physics], model_scores: [{model: outside, score: 1}]}
  - {name: math, model_scores: [{model: outside, score: 1}]}
  - {name: law, threshold: 1, model_scores: [{model: outside, score: 1}]}
  - {name: other, model_scores: [{model: outside, score: 1}]}
"""
    assert [(p.line, p.severity, p.message) for p in problems(tmp_path, text)] == [
        (3, "warning", "category 'math' can never win: 'numbers' stands for all that it does"),
        (4, "warning", "hardly any request reaches a threshold of 1"),
    ]


def test_thresholds_out_of_reason(tmp_path: Path) -> None:
    text = rules(
        rule("a", "{type: domain, domains: [math, law], threshold: 0.1}"),
        rule("b", "{type: pii_detection, threshold: 0.99}"),
    )
    assert remarks(tmp_path, text) == [
        "warning: even a guess reaches a threshold of 0.1",
        "warning: no pattern is surer than 0.95, so what patterns find never counts",
    ]


def test_a_classifier_in_front_of_keywords_is_no_fault(tmp_path: Path) -> None:
    text = rules(rule("a", "{type: complexity}", **OUT), rule("b", words("x1"), **OUT))
    assert remarks(tmp_path, text) == []
