import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.unit.config.world import BESIDE, ENVIRON, errors, loads, problems, remarks, rule, write
from waypost.config.load import load
from waypost.decision.engine import Block, Respond, Route
from waypost.decision.expr import All
from waypost.errors import ConfigError
from waypost.guards.judge import Check
from waypost.policy import Unscannable
from waypost.signals.jailbreak import JailbreakDetection


def rules(*items: str) -> str:
    return "routing_rules:\n" + "".join(items)


def test_rule_keeps_everything_that_audit_wants(tmp_path: Path) -> None:
    text = """\
        routing_rules:
          - name: ledgers
            description: d
            business_justification: j
            owner: o@example.com
            conditions: [{type: keyword_match, keywords: [ledger, ledgers]}]
            action: {type: route, endpoint: inside, reasoning: because}
        """
    made = loads(tmp_path, text).policy.rules[0]
    assert (made.description, made.business_justification, made.owner) == ("d", "j", "o@example.com")
    assert made.action == Route(("inside",), frozenset({"internal"}), "because")


@pytest.mark.parametrize(
    ("action", "made", "on_error"),
    [
        ({"endpoint": "outside"}, Route(("outside",)), "open"),
        ({"endpoint": "inside"}, Route(("inside",), frozenset({"internal"})), "closed"),
        ({"endpoint": "outside", "boundary": "external"}, Route(("outside",), frozenset({"external"})),
         "closed"),
        (
            {"endpoint": "", "endpoints": "[inside, outside]", "boundary": "[internal, external]",
             "on_explicit": "refuse"},
            Route(("inside", "outside"), frozenset({"internal", "external"}), on_explicit="refuse"),
            "closed",
        ),
        ({"endpoint": "", "endpoints": "[outside, outside-too]"}, Route(("outside", "outside-too")), "open"),
        (
            {"endpoint": "", "endpoints": "[{model: outside, optional: true}, outside-too]"},
            Route(("outside", "outside-too"), optional=frozenset({"outside"})),
            "open",
        ),
        ({"type": "block", "endpoint": ""}, Block(), "closed"),
        ({"type": "block", "endpoint": "", "status": "451", "message": "no"}, Block(451, "no"), "closed"),
        ({"type": "respond", "endpoint": "", "message": "hello"}, Respond("hello"), "open"),
    ],
)  # fmt: skip
def test_actions_and_their_defaults(
    tmp_path: Path, action: dict[str, str], made: object, on_error: str
) -> None:
    compiled = loads(tmp_path, rules(rule("r", **action))).policy.rules[0]
    assert compiled.action == made
    assert compiled.on_error == on_error


def test_on_error_of_the_file_stays(tmp_path: Path) -> None:
    text = rules(rule("r") + "    on_error: open\n")
    assert loads(tmp_path, text).policy.rules[0].on_error == "open"


@pytest.mark.parametrize(
    ("action", "column", "message"),
    [
        ({"endpoint": "inside", "boundary": "external"}, 55,
         "endpoint 'inside' is in zone 'internal', outside the boundary"),
        ({"endpoint": "", "endpoints": "[inside, outside]"}, 38,
         "the endpoints are in several zones (internal, external)"),
        ({"endpoint": ""}, 5, "a route needs either 'endpoint' or 'endpoints'"),
        ({"endpoints": "[inside]"}, 5, "a route needs either 'endpoint' or 'endpoints'"),
        ({"endpoint": "", "endpoints": "[inside, inside]"}, 47, "'inside' is in the chain twice"),
        ({"endpoint": "", "endpoints": "[" + ", ".join(["inside"] * 9) + "]"}, 38, "must be at most 8 long"),
        ({"reasoning": "true"}, 56, "'reasoning' is a sentence for people, not a switch"),
        ({"type": "block", "endpoint": "", "status": "200"}, 35, "must be greater than or equal to 400"),
        ({"type": "respond", "endpoint": ""}, 5, "the key 'message' is missing"),
    ],
)  # fmt: skip
def test_wrong_action(tmp_path: Path, action: dict[str, str], column: int, message: str) -> None:
    assert errors(tmp_path, rules(rule("r", **action))) == [(5, column, message)]


@pytest.mark.parametrize(
    ("boundary", "remedy"),
    [
        ("external", "widen the boundary or remove 'inside'"),
        ("intrnal", "did you mean 'internal'?"),
        ("moon", "known: internal, external"),
    ],
)
def test_endpoint_outside_the_boundary(tmp_path: Path, boundary: str, remedy: str) -> None:
    (problem,) = problems(tmp_path, rules(rule("r", boundary=boundary)))
    assert problem.help == remedy


def test_priority_comes_first_and_the_file_breaks_ties(tmp_path: Path) -> None:
    made = loads(
        tmp_path,
        rules(rule("a"), rule("b") + "    priority: 5\n", rule("c"), rule("d") + "    priority: 5\n"),
    )
    assert [r.name for r in made.policy.rules] == ["b", "d", "a", "c", "semantic_classification"]


def test_rule_given_twice_names_both_places(tmp_path: Path) -> None:
    (error,) = [p for p in problems(tmp_path, rules(rule("r"), rule("r"))) if p.severity == "error"]
    assert (error.line, error.message) == (6, "a rule named 'r' exists already")
    assert error.help.endswith("rules.yaml:2:5")


@pytest.mark.parametrize("name", ["semantic_classification", "explicit_model", "prompt_guard", "pii"])
def test_reserved_rule_names(tmp_path: Path, name: str) -> None:
    assert errors(tmp_path, rules(rule(name))) == [(2, 11, f"the name {name!r} is reserved")]


@pytest.mark.parametrize("name", ["'a\\tb'", '"a\\nb"', "é", "' a'", "x" * 101, "''"])
def test_rule_names_fit_into_a_header(tmp_path: Path, name: str) -> None:
    assert [e[:2] for e in errors(tmp_path, rules(rule(name)))] == ([(2, 11)] if "tb" not in name else [])


def test_old_documentation_layout_is_explained(tmp_path: Path) -> None:
    text = "routing_rules:\n  - {category: math, model: outside, reasoning: true}\n"
    assert errors(tmp_path, text) == [
        (2, 5, "a rule of `category` and `model` is an old documentation layout")
    ]


def test_a_wrong_rule_is_still_checked_to_the_end(tmp_path: Path) -> None:
    text = """\
        routing_rules:
          - name: r
            ownr: me
            priority: high
            conditions: [{type: keyword_match, keywrds: [x]}, {type: nope}]
            action: {type: route, endpoint: insde, reasonig: x}
        """
    assert [e[:2] for e in errors(tmp_path, text)] == [(3, 5), (4, 15), (5, 40), (5, 62), (6, 37), (6, 44)]


def test_default_model_gets_the_boundary_of_its_zone(tmp_path: Path) -> None:
    text = BESIDE.replace("default_model: outside", "default_model: onprem")
    last = load(write(tmp_path, a=text), ENVIRON).policy.rules[-1]
    assert (last.name, last.when) == ("semantic_classification", All(()))
    assert last.action == Route(("inside",), frozenset({"internal"}))


def test_the_only_model_is_the_default(tmp_path: Path) -> None:
    text = "providers: {p: {kind: ollama}}\nmodels: {m: {provider: p}}\n"
    assert load(write(tmp_path, a=text), {}).policy.rules[-1].action == Route(("m",))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("providers: {p: {kind: ollama}}\nmodels: {m: {provider: p}, n: {provider: p}}\n", 1,
         "the key 'default_model' is missing"),
        ("listen: 127.0.0.1:1\n", 1, "no models"),
        (rules(rule("r")), 1, "no models"),
        ("providers: {p: {kind: ollama}}\nmodels: {m: {provider: p}}\ndefault_model: n\n", 3,
         "endpoint 'n' is not a model"),
    ],
)  # fmt: skip
def test_no_default_model(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, a=text), {})
    assert [(p.line, p.message) for p in caught.value.problems] == [(line, message)]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("404", "must be text, not a number"),
        ("[outside]", "must be text, not a list"),
        ("", "the key 'default_model' is missing"),
    ],
)
def test_a_default_model_that_is_no_text_is_told_once(tmp_path: Path, written: str, message: str) -> None:
    text = BESIDE.replace("default_model: outside", f"default_model: {written}")
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, a=text), ENVIRON)
    assert [p.message for p in caught.value.problems] == [message]


GUARD = "prompt_guard: {enabled: true}\n"


def test_prompt_guard_is_no_rule_but_a_check_of_every_model(tmp_path: Path) -> None:
    made = loads(tmp_path, GUARD + rules(rule("a") + "    priority: 9\n")).policy
    assert [r.name for r in made.rules] == ["a", "semantic_classification"]
    checks = {name: [c for c in of if c.guard == "prompt_guard"] for name, of in made.guards[""].items()}
    assert set(checks) == {"inside", "outside", "outside-too"}
    assert all(of == [Check("prompt_guard", "prompt_guard", "block")] for of in checks.values())
    assert made.signals["prompt_guard"] == JailbreakDetection(scope="all", unreadable="ignore", threshold=0.5)
    assert made.learned_guards == ("prompt_guard",)


def test_prompt_guard_has_a_threshold_of_its_own(tmp_path: Path) -> None:
    text = "prompt_guard: {enabled: true, threshold: 0.8}\n" + rules(rule())
    signal = loads(tmp_path, text).policy.signals["prompt_guard"]
    assert isinstance(signal, JailbreakDetection)
    assert signal.threshold == 0.8


def test_without_the_switch_there_is_no_guard_against_attacks(tmp_path: Path) -> None:
    made = loads(tmp_path, "prompt_guard: {threshold: 0.8}\n" + rules(rule("a"))).policy
    assert {c.guard for of in made.guards[""].values() for c in of} == {"pii"}
    assert made.learned_guards == ()


def test_what_the_encoder_has_to_read_for_choice_and_shape_is_known_beforehand(tmp_path: Path) -> None:
    assert loads(tmp_path, rules(rule())).policy.reads == frozenset()
    chosen = rules(rule("r", endpoint="outside") + "    select: {type: cheapest_above}\n")
    assert loads(tmp_path, chosen).policy.reads == {"complexity"}
    shaped = rules(rule("r", endpoint="outside", use_reasoning="auto"))
    assert loads(tmp_path, shaped).policy.reads == {"complexity"}


def test_categories_stand_behind_the_rules_and_before_the_default(tmp_path: Path) -> None:
    text = "categories:\n  - {name: math, model_scores: [{model: outside, score: 1}]}\n" + rules(rule("a"))
    made = loads(tmp_path, text).policy
    assert [(r.name, r.category) for r in made.rules] == [
        ("a", ""), ("semantic_classification", "math"), ("semantic_classification", ""),
    ]  # fmt: skip


def test_auto_model_names(tmp_path: Path) -> None:
    assert loads(tmp_path, "auto_model_names: [pick]").policy.auto_names == {"pick"}
    assert errors(tmp_path, "auto_model_names: [inside]\n") != []
    assert errors(tmp_path, "models: {auto: {provider: cloud}}\n") == [
        (1, 10, "the model name 'auto' asks for routing")
    ]


def test_identity(tmp_path: Path) -> None:
    text = "trusted_hops: [10.0.0.0/8, '::1']\nidentity_headers: {team: X-Team}\n"
    identity = loads(tmp_path, text).policy.identity
    assert identity.trusted_hops == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert (identity.team_header, identity.user_header) == ("x-team", "x-authz-user-id")
    assert errors(tmp_path, "trusted_hops: [10.0.0.1/8]") == [(1, 16, "'10.0.0.1/8' is not a network")]


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("block", Unscannable("block")),
        ("allow", Unscannable("allow")),
        ("{reroute: internal}", Unscannable("reroute", "internal")),
        ("~", Unscannable("close")),
    ],
)
def test_unscannable(tmp_path: Path, value: str, made: Unscannable) -> None:
    assert loads(tmp_path, f"unscannable: {value}").policy.unscannable == made


def test_unscannable_zone_must_have_a_model(tmp_path: Path) -> None:
    assert errors(tmp_path, "unscannable: {reroute: nowhere}") == [(1, 24, "no model is in zone 'nowhere'")]


def revision(tmp_path: Path, text: str, **environ: str) -> str:
    return loads(tmp_path, text, ENVIRON | environ).policy.revision


PLAIN = "w_keywords: {w: [alpha]}\n" + rules(rule("r", "{type: keyword_match, lists: [w]}"))


def test_revision_is_a_hash_of_what_decides(tmp_path: Path) -> None:
    first = revision(tmp_path, PLAIN)
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert revision(tmp_path, "# a comment\n" + PLAIN) == first
    assert revision(tmp_path, "listen: 127.0.0.1:9\n" + PLAIN) == first


def test_revision_does_not_depend_on_secrets(tmp_path: Path) -> None:
    assert revision(tmp_path, PLAIN, KEY="sk-another") == revision(tmp_path, PLAIN)


def test_revision_does_not_depend_on_keys_in_files_or_values_of_headers(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")
    text = "providers: {p: {kind: vllm, api_key_file: key, headers: {x-a: '${A}'}}}\n"
    first = revision(tmp_path, text, A="one")
    assert revision(tmp_path, text, A="two") == first
    assert revision(tmp_path, text.replace("api_key_file: key, ", ""), A="one") == first
    assert revision(tmp_path, text.replace("x-a", "x-b"), A="one") != first


@pytest.mark.parametrize(
    "more",
    ["retries: 2", "limits: {requests: 3}", "paths: {chat: /x}", "endpoints: ['http://h/v1']", "zone: z"],
)
def test_revision_changes_with_how_a_provider_is_reached(tmp_path: Path, more: str) -> None:
    text = "providers: {p: {kind: vllm%s}}\n"
    assert revision(tmp_path, text % f", {more}") != revision(tmp_path, text % "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("alpha", "beta"),
        ("name: r", "name: s"),
        ("endpoint: inside", "endpoint: outside"),
        ("lists", "match: all, lists"),
        ("w_keywords", "pii: {action: mask}\nw_keywords"),
        ("w_keywords", "prompt_guard: {enabled: true}\nw_keywords"),
        ("w_keywords", "block_style: openai\nw_keywords"),
        ("w_keywords", "strict_parameters: true\nw_keywords"),
        ("endpoint: inside", "endpoints: [{model: inside, optional: true}]"),
        ("    action", "    system_prompt: Be kind.\n    action"),
        ("    action", "    headers: {request: {set: {x-a: b}}}\n    action"),
        ("    action", "    parameters: {blocked: [user]}\n    action"),
        ("    action", "    tools: {mode: filter}\n    action"),
        ("    action", "    select: scored\n    action"),
        ("    action", "    sticky: true\n    action"),
        ("    action", "    requires: [tools]\n    action"),
        ("endpoint: inside", "endpoint: inside, use_reasoning: false"),
    ],
)
def test_revision_changes_with_what_decides(tmp_path: Path, old: str, new: str) -> None:
    assert revision(tmp_path, PLAIN.replace(old, new)) != revision(tmp_path, PLAIN)


@pytest.mark.parametrize(
    "says",
    ["reasoning_family: qwen3", "loras: [{name: fine}]", "context_window: 9", "price: {input: 1, output: 1}",
     "capabilities: {tools: false}", "pii: {action: allow}"],
)  # fmt: skip
def test_revision_changes_with_what_a_model_is_said_to_be(tmp_path: Path, says: str) -> None:
    text = rules(rule("r", endpoint="more")) + "models: {more: {provider: cloud%s}}\n"
    assert revision(tmp_path, text % f", {says}") != revision(tmp_path, text % "")


def test_policy_without_remarks(tmp_path: Path) -> None:
    assert remarks(tmp_path, rules(rule())) == []


def test_parameters_are_refused_where_the_file_says_so(tmp_path: Path) -> None:
    assert not loads(tmp_path, PLAIN).policy.strict
    assert loads(tmp_path, f"strict_parameters: true\n{PLAIN}").policy.strict


def test_somebody_must_be_there(tmp_path: Path) -> None:
    chain = "[{model: outside, optional: true}, {model: outside-too, optional: true}]"
    text = rules(rule("r", endpoint="", endpoints=chain))
    assert remarks(tmp_path, text) == ["warning: every model is optional, so they are asked all the same"]
    assert remarks(tmp_path, text.replace("outside-too, optional: true", "outside-too")) == []


def test_a_category_may_have_optional_models(tmp_path: Path) -> None:
    text = """
        categories:
          - name: math
            model_scores: [{model: outside, score: 2, optional: true}, {model: outside-too, score: 1}]
        """
    action = loads(tmp_path, text).policy.rules[0].action
    assert action == Route(("outside", "outside-too"), optional=frozenset({"outside"}))


def test_an_endpoint_knows_how_much_it_takes(tmp_path: Path) -> None:
    text = rules(rule("r")) + "models: {small: {provider: cloud, context_window: 9, max_output_tokens: 4}}\n"
    endpoints = loads(tmp_path, text).policy.endpoints
    assert (endpoints["small"].context_window, endpoints["outside"].context_window) == (9, None)
    assert (endpoints["small"].max_output_tokens, endpoints["outside"].max_output_tokens) == (4, None)
