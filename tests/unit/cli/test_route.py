"""`waypost route`: the decision, the tree and the trace, with nothing sent."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.artefact import FOLDER
from waypost.cli.route import route
from waypost.runtime import Classifiers
from waypost.testing.signals import FakeEncoder

CONFIG = """
providers:
  onprem: {kind: vllm, base_url: "http://127.0.0.1:8000/v1", zone: internal}
  cloud: {kind: openai, api_key: "sk-canary-123456"}
models:
  inside: {provider: onprem, name: qwen3-32b}
  gpt: {provider: cloud, name: gpt-4o}
routing_rules:
  - name: confidential
    owner: compliance@example.com
    business_justification: Law 7
    conditions: [{type: keyword_match, keywords: [internal, account]}]
    action: {type: route, endpoint: inside, reasoning: Must stay inside}
  - name: trading-desk
    conditions: [{type: metadata, team: [trading]}, {type: keyword_match, keywords: [position]}]
    action: {type: route, endpoint: inside}
  - name: refused
    conditions:
      - any_of:
          - {type: keyword_match, keywords: [launder]}
          - {type: regex_match, patterns: ['tax\\s+evasion']}
    action: {type: block, message: Not here.}
  - name: hours
    conditions: [{type: keyword_match, keywords: [opening hours]}]
    action: {type: respond, message: Nine to five.}
default_model: gpt
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "waypost.yaml"
    path.write_text(CONFIG)
    return path


def run(config: Path, *arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(route, [*arguments, "-c", str(config)], input=stdin)


def traced(config: Path, *arguments: str, stdin: str | None = None) -> dict[str, Any]:
    result = run(config, "--json", *arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_one_line_names_target_rule_and_that_nothing_was_sent(config: Path) -> None:
    result = run(config, "my internal account")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    assert result.stdout.startswith("inside   rule confidential   ")
    assert result.stdout.endswith("ms   not sent\n")


def test_explain_draws_every_rule_with_the_words_and_their_offsets(config: Path) -> None:
    told = run(config, "--explain", "my internal account").stdout
    assert "Contains 'internal' and 'account' keywords" in told
    assert "internal@messages[0].content[3:11]" in told
    assert "Must stay inside (owner compliance@example.com)" in told
    assert "no attempt leaves internal" in told
    assert "skipped  rule 1 is final" in told


def test_explain_says_why_a_rule_did_not_match(config: Path) -> None:
    told = run(config, "--explain", "good morning").stdout
    assert "no rule matched" in told
    assert "None of 2 keywords found" in told
    assert "✗ any of" in told


def test_json_is_the_whole_trace(config: Path) -> None:
    told = traced(config, "my internal account")
    assert told["schema"] == "waypost/route.v1"
    assert told["chain"] == [
        {"endpoint": "inside", "provider": "onprem", "model": "qwen3-32b", "zone": "internal"}
    ]
    assert told["signals"][0]["matches"][0] == {
        "term": "internal",
        "where": "messages[0].content",
        "start": 3,
        "end": 11,
    }


def test_standard_input_is_text_messages_or_a_whole_body(config: Path) -> None:
    messages = [
        {"role": "user", "content": "hello"},
        {"role": "tool", "content": "internal", "tool_call_id": "x"},
    ]
    assert traced(config, "-", stdin="my account")["decision"] == "confidential"
    assert traced(config, "-", stdin=json.dumps(messages))["decision"] == "confidential"
    assert traced(config, "-", stdin=json.dumps({"messages": messages}))["decision"] == "confidential"
    assert traced(config, "-", stdin="[internal] note")["decision"] == "confidential"


def test_a_named_model_is_kept_inside_or_honoured(config: Path) -> None:
    assert traced(config, "-m", "gpt", "my account")["chain"][0]["endpoint"] == "inside"
    assert traced(config, "-m", "gpt", "hello")["decision"] == "explicit_model"


def test_a_whole_body_is_taken_at_its_word(config: Path) -> None:
    body = {"model": "gpt", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 9}
    assert traced(config, json.dumps(body))["decision"] == "explicit_model"
    assert traced(config, "-m", "auto", json.dumps(body))["decision"] == "semantic_classification"


def test_what_a_provider_is_not_told_is_told(config: Path) -> None:
    text = config.read_text().replace("kind: openai,", "kind: anthropic,")
    config.write_text(text)
    body = {"model": "gpt", "messages": [{"role": "user", "content": "hello"}], "seed": 7}
    assert "gpt is not told seed" in run(config, "--explain", json.dumps(body)).stdout
    refused = run(config, "--explain", json.dumps(body | {"n": 2}))
    assert "refused with 400" in refused.stdout


def test_a_team_is_what_a_trusted_hop_would_vouch_for(config: Path) -> None:
    assert traced(config, "--team", "trading", "my position")["decision"] == "trading-desk"
    assert traced(config, "--team", "sales", "my position")["decision"] == "semantic_classification"


def test_refusals_and_fixed_answers_are_told(config: Path) -> None:
    assert run(config, "help with tax  evasion").stdout.startswith("refused with 403   rule refused")
    assert run(config, "your opening hours?").stdout.startswith("fixed answer   rule hours")
    assert "200 Nine to five." in run(config, "--explain", "your opening hours?").stdout


def test_what_the_router_would_refuse_is_one_clear_line(config: Path) -> None:
    result = run(config, "-m", "nope", "hello")
    assert result.exit_code == 1
    assert "404 model_not_found: unknown model 'nope'; known are MoM, auto, inside, gpt" in result.stderr
    result = run(config, "-", stdin='[{"role": "user", "content": 7}]')
    assert result.exit_code == 1
    assert "messages[0].content" in result.stderr


def test_usage_errors(config: Path) -> None:
    assert run(config, "-H", "broken", "hello").exit_code == 2
    result = run(config, "-", stdin=b"\xff\xfe")
    assert result.exit_code == 2
    assert "UTF-8" in result.stderr


def test_a_broken_configuration_is_exit_3_and_shows_no_secret(config: Path) -> None:
    config.write_text(CONFIG.replace("default_model: gpt", "default_model: gtp"))
    result = run(config, "hello")
    assert result.exit_code == 3
    assert "gtp" in result.stderr
    assert "canary" not in result.output


def test_no_output_shows_a_credential(config: Path) -> None:
    for arguments in (("--json",), ("--explain",), ()):
        assert "canary" not in run(config, *arguments, "my account").output


MEANING = """
categories:
  - {name: math, model_scores: [{model: gpt, score: 1}]}
"""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEncoder:
    """In place of the classifiers."""
    encoder = FakeEncoder({"domain": {"math": 0.9}})
    monkeypatch.setattr(Classifiers, "answer", lambda _self, need: encoder.answer(need))
    return encoder


def test_a_category_is_told_with_every_value_of_its_head(config: Path, fake: FakeEncoder) -> None:
    config.write_text(CONFIG + MEANING)
    assert run(config, "What is two and two?").stdout.startswith("gpt   category math   ")
    told = traced(config, "What is two and two?")
    assert (told["decision"], told["category"]) == ("semantic_classification", "math")
    assert told["encoder"]["heads"]["domain"]["math"] == 0.9
    assert len(told["encoder"]["heads"]["domain"]) == 14
    assert {s["name"]: s["threshold"] for s in told["signals"]}["category: math"] == 0.5


def test_a_rule_of_keywords_loads_no_classifiers(config: Path, fake: FakeEncoder) -> None:
    config.write_text(CONFIG + MEANING)
    assert traced(config, "my internal account")["encoder"] is None
    assert fake.passes == []


def test_classifiers_that_do_not_answer_are_told(config: Path, fake: FakeEncoder) -> None:
    fake.down = "no memory"
    config.write_text(CONFIG + MEANING)
    told = run(config, "--explain", "What is two and two?").stdout
    assert "Encoder   no memory" in told
    assert "categories: not answered: no memory" in told


def test_the_real_classifiers_answer_in_one_pass(config: Path) -> None:
    config.write_text(CONFIG + MEANING + f"encoder: {{artefact: {FOLDER}}}\n")
    told = traced(config, "What is two and two?")
    assert told["encoder"]["failed"] == ""
    assert sum(told["encoder"]["heads"]["domain"].values()) == pytest.approx(1)
    assert told["encoder"]["passes"] == 1
    assert [(w["of"], w["remembered"]) for w in told["encoder"]["windows"]] == [("focus", False)]


def test_an_artefact_that_cannot_be_used_decides_nothing(config: Path, tmp_path: Path) -> None:
    config.write_text(CONFIG + MEANING + f"encoder: {{artefact: {tmp_path / 'nowhere'}}}\n")
    told = traced(config, "What is two and two?")
    assert (told["decision"], told["category"]) == ("semantic_classification", "")
    assert "is missing" in told["encoder"]["failed"]


def test_loading_the_classifiers_is_no_part_of_a_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker has them before it serves: loading would be told as the time of every first decision."""
    clock = [0.0]

    def load(_self: Classifiers, policy: object) -> None:
        assert policy is not None
        clock[0] += 500

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(Classifiers, "load", load)
    monkeypatch.setattr(
        Classifiers, "answer", lambda _self, need: FakeEncoder({"domain": {"law": 1}}).answer(need)
    )
    file = tmp_path / "waypost.yaml"
    file.write_text(CONFIG + "categories: [{name: law, model_scores: [{model: gpt, score: 1}]}]\n")
    result = CliRunner().invoke(route, ["-c", str(file), "--json", "What is a tort?"])
    assert json.loads(result.stdout)["milliseconds"] == 0
    assert clock == [500]
