"""Providers of a configuration, asked all at once and told in its order."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.unit.probe.servers import CHAT, Answering, error, serving
from waypost.cli.calling import call
from waypost.cli.examine import Finding
from waypost.config.load import load

ENVIRON = {"FIRST_KEY": "sk-first-canary", "SECOND_KEY": "sk-second-canary"}


def called(
    folder: Path, monkeypatch: Any, answering: Answering, names: Sequence[str] = (), **settings: Any
) -> list[Finding]:
    """Ask the providers of a file whose keys come from variables."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)

    def ask(port: int) -> list[Finding]:
        base = {"kind": "openai_compatible", "base_url": f"http://127.0.0.1:{port}/v1"}
        providers: Mapping[str, Any] = {
            "one": {**base, "api_key": "${FIRST_KEY}"},
            "two": {**base, "api_keys": ["${SECOND_KEY}", "plain-canary"]},
        }
        models = {f"m{n}": {"provider": name, "name": f"wire-{name}"} for n, name in enumerate(providers)}
        document = {"providers": providers, "models": models, "default_model": "m0", **settings}
        file = folder / "waypost.yaml"
        file.write_text(json.dumps(document))
        return list(call(load([file], ENVIRON), names))

    async def scenario() -> list[Finding]:
        async with serving(answering) as server:
            return await asyncio.to_thread(ask, server.port)

    findings = asyncio.run(scenario())
    assert "canary" not in str(findings)
    return findings


def test_all_providers_in_the_order_of_the_file(tmp_path: Path, monkeypatch: Any) -> None:
    findings = called(tmp_path, monkeypatch, lambda _: (200, CHAT))
    assert [finding.name for finding in findings] == [
        "one", "one key", "one m0", "two", "two key", "two key", "two m1",
    ]  # fmt: skip
    assert {finding.status for finding in findings} == {"ok"}


def test_only_those_that_were_named(tmp_path: Path, monkeypatch: Any) -> None:
    findings = called(tmp_path, monkeypatch, lambda _: (200, CHAT), ["two"])
    assert {finding.name.split()[0] for finding in findings} == {"two"}


def test_a_key_is_called_by_its_variable(tmp_path: Path, monkeypatch: Any) -> None:
    findings = called(tmp_path, monkeypatch, lambda _: (401, error("invalid_api_key")))
    refused = [finding.found for finding in findings if finding.status == "fail"]
    assert refused == [
        "FIRST_KEY is refused (401)",
        "SECOND_KEY is refused (401)",
        "key 2 of 2 is refused (401)",
    ]


def test_what_a_rule_calls_optional_need_not_be_there(tmp_path: Path, monkeypatch: Any) -> None:
    rule = {
        "name": "both",
        "conditions": [{"type": "keyword_match", "keywords": ["anything"]}],
        "action": {"type": "route", "endpoints": ["m0", {"model": "m1", "optional": True}]},
    }
    findings = called(tmp_path, monkeypatch, lambda _: (404, error("model_not_found")), routing_rules=[rule])
    told = {finding.name: finding.status for finding in findings}
    assert (told["one m0"], told["two m1"]) == ("fail", "warn")
