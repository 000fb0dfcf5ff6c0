"""The verb: which rules have a chain, what is printed, what the exit code says. The drill is a stand-in."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from waypost.cli import failover_drill as module
from waypost.cli.drill import Seen, judge
from waypost.cli.failover_drill import failover_drill
from waypost.cli.rehearsal import Drill
from waypost.envoy.supervisor import NotReadyError

CONFIG = {
    "providers": {
        "one": {"kind": "openai", "api_key": "sk-canary"},
        "two": {"kind": "anthropic", "api_key": "sk-canary"},
        "own": {"kind": "vllm", "base_url": "http://127.0.0.1:9/v1", "zone": "internal"},
    },
    "models": {
        "a": {"provider": "one", "name": "gpt-4o"},
        "b": {"provider": "two", "name": "claude-sonnet-4-5"},
        "c": {"provider": "own", "name": "qwen"},
    },
    "routing_rules": [
        {
            "name": "inside",
            "conditions": [{"type": "keyword_match", "keywords": ["ledger"]}],
            "action": {"type": "route", "endpoint": "c"},
        },
        {
            "name": "never",
            "conditions": [{"type": "keyword_match", "keywords": ["forbidden"]}],
            "action": {"type": "block"},
        },
        {
            "name": "both",
            "conditions": [{"type": "keyword_match", "keywords": ["anything"]}],
            "action": {"type": "route", "endpoints": ["b", "a"]},
        },
    ],
    "default_model": "a",
}

Seens = Sequence[Seen]


class Played:
    """Takes the place of the drill; answers as the chain says unless told otherwise."""

    def __init__(self) -> None:
        self.drill: Drill | None = None
        self.seen: list[Seen] | None = None
        self.error: Exception | None = None

    async def __call__(self, drill: Drill, *_: Any) -> Any:
        if self.error:
            raise self.error
        self.drill = drill
        good = [Seen(200, name, k + 1, 12.3) for k, name in enumerate(drill.chain)]
        seen = self.seen or [*good, Seen(503, None, len(drill.chain), 4.5, "provider_error")]
        return [
            judge(drill.policy, drill.rule, drill.chain, k, each)
            for k, each in enumerate(seen[: drill.through + 1])
        ]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    one = Played()
    monkeypatch.setattr(module, "run", one)
    return one


def call(folder: Path, *words: str, **settings: Any) -> Result:
    file = folder / "waypost.yaml"
    file.write_text(json.dumps(CONFIG | settings))
    told = CliRunner().invoke(failover_drill, ["-c", str(file), *words])
    assert "sk-canary" not in told.output
    return told


def test_the_default_is_where_requests_go_that_no_rule_claims(tmp_path: Path, played: Played) -> None:
    told = call(tmp_path)
    assert told.exit_code == 0, told.output
    assert played.drill is not None
    assert (played.drill.chain, played.drill.text, played.drill.plays) == (("a",), "Hi", False)
    assert told.stdout.splitlines() == [
        "semantic_classification: a (external)",
        "failing  answered  attempts  status        ms",
        "      0  a                1     200      12.3",
        "      1  -                1     503       4.5  provider_error",
        "With all of them failing the client sees status 503, error code provider_error.",
    ]


def test_what_it_costs_is_told_before(tmp_path: Path, played: Played) -> None:
    assert "2 real requests to: b, a" in call(tmp_path, "both").stderr
    assert "1 real request to: b" in call(tmp_path, "both", "--through", "0").stderr
    assert call(tmp_path, "both", "--dry-run").stderr == ""
    assert played.drill is not None
    assert played.drill.plays


def test_a_rule_is_drilled_whatever_its_conditions(tmp_path: Path, played: Played) -> None:
    told = call(tmp_path, "inside")
    assert told.stdout.startswith("inside: c (internal), boundary internal\n")


def test_a_text_must_be_decided_by_the_rule(tmp_path: Path, played: Played) -> None:
    assert call(tmp_path, "both", "--text", "anything goes").exit_code == 0
    wrong = call(tmp_path, "inside", "--text", "anything goes")
    assert wrong.exit_code == 1
    assert "decided by 'both', not by 'inside'" in wrong.stderr
    blocked = call(tmp_path, "both", "--text", "a forbidden word, anything")
    assert "decided by 'never'" in blocked.stderr


def test_only_so_many_fail(tmp_path: Path, played: Played) -> None:
    told = call(tmp_path, "both", "--through", "1", "--json")
    document = json.loads(told.stdout)
    assert document["schema"] == "waypost/failover-drill.v1"
    assert [row["failed"] for row in document["requests"]] == [[], ["b"]]
    assert [row["expected"] for row in document["requests"]] == ["b", "a"]
    assert document["ok"]
    assert "With all" not in call(tmp_path, "both", "--through", "1").stdout
    assert call(tmp_path, "both", "--through", "99").exit_code == 0


def test_another_answer_than_configured_is_a_finding(tmp_path: Path, played: Played) -> None:
    played.seen = [Seen(200, "b", 1, 1.0), Seen(502, None, 2, 1.0, "provider_rejected_credentials")]
    told = call(tmp_path, "both", "--through", "1")
    assert told.exit_code == 1
    assert (
        "not as configured: expected 'a', and nobody (502 provider_rejected_credentials) answered"
        in told.stdout
    )
    played.seen = None
    assert call(tmp_path, "both").exit_code == 0


@pytest.mark.parametrize("name", ["never", "nobody"])
def test_what_has_no_chain_is_no_drill(tmp_path: Path, played: Played, name: str) -> None:
    told = call(tmp_path, name)
    assert told.exit_code == 2
    assert "drills are for: inside, both, semantic_classification" in told.output


def test_without_a_name_that_asks_for_routing_there_is_none(tmp_path: Path, played: Played) -> None:
    assert call(tmp_path, auto_model_names=[]).exit_code in {2, 3}


def test_a_gateway_that_does_not_start_is_exit_code_four(tmp_path: Path, played: Played) -> None:
    played.error = NotReadyError("not ready after 30 s")
    told = call(tmp_path)
    assert (told.exit_code, "not ready after 30 s" in told.stderr) == (4, True)


def test_a_broken_configuration_is_exit_code_three(tmp_path: Path, played: Played) -> None:
    assert call(tmp_path, default_model="nobody").exit_code == 3
