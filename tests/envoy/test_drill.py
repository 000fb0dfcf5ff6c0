"""`waypost failover-drill`, whole: a real Envoy, and providers of this world or stand-ins."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.envoy.faulty import fails
from tests.envoy.world import KEYS, World, chain, config, model, vault

ALL_KINDS: dict[str, Any] = {
    "providers": {
        "own": {"kind": "vllm", "base_url": "http://10.255.255.1:8000/v1", "zone": "internal"},
        "openai": {"kind": "openai", "api_key": "sk-canary-1"},
        "claude": {"kind": "anthropic", "api_key": "sk-canary-2", "retries": 1},
        "gemini": {"kind": "gemini", "api_key": "sk-canary-3"},
        "azure": {
            "kind": "azure_openai",
            "base_url": "https://x.openai.azure.com",
            "api_version": "2024-10-21",
            "api_key": "sk-canary-4",
        },
    },
    "models": {
        "local": {"provider": "own", "name": "qwen3-32b"},
        "gpt": {"provider": "openai", "name": "gpt-4o"},
        "sonnet": {"provider": "claude", "name": "claude-sonnet-4-5"},
        "flash": {"provider": "gemini", "name": "gemini-2.5-flash"},
        "deployed": {"provider": "azure", "name": "our-gpt"},
    },
    "routing_rules": [
        {
            "name": "far",
            "conditions": [{"type": "keyword_match", "keywords": ["anything"]}],
            "action": {
                "type": "route",
                "endpoints": ["gpt", "sonnet", "deployed", "flash", "local"],
                "boundary": ["external", "internal"],
            },
        }
    ],
    "default_model": "flash",
}


def drill(folder: Path, document: dict[str, Any], *words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, what was told, and everything that was printed."""
    file = folder / "waypost.yaml"
    file.write_text(json.dumps({"state_dir": str(folder / "state"), **document}))
    argv = [sys.executable, "-m", "waypost.cli", "failover-drill", "-c", str(file), "--json", *words]
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    told = subprocess.run(argv, capture_output=True, text=True, timeout=110, env=environ, check=False)
    assert told.stdout, told.stderr
    assert not (folder / "state").exists(), "the drill has a folder of its own"
    assert [path.name for path in folder.iterdir()] == ["waypost.yaml"], "nothing is left behind"
    return told.returncode, json.loads(told.stdout), told.stdout + told.stderr


def rows(told: dict[str, Any]) -> list[tuple[str | None, int, int]]:
    return [
        (row["seen"]["answered"], row["seen"]["attempts"], row["seen"]["status"]) for row in told["requests"]
    ]


def test_stand_ins_play_every_kind_and_nobody_is_asked(tmp_path: Path) -> None:
    code, told, printed = drill(tmp_path, ALL_KINDS, "far", "--dry-run", "--text", "anything at all")
    assert (code, told["ok"]) == (0, True), printed
    assert rows(told) == [
        ("gpt", 1, 200),
        ("sonnet", 2, 200),
        ("deployed", 4, 200),  # behind two attempts at the one in front
        ("flash", 5, 200),
        ("local", 6, 200),
        (None, 6, 503),
    ]
    assert "sk-canary" not in printed


def test_providers_are_asked_in_the_order_of_the_rule(tmp_path: Path, world: World) -> None:
    name = chain("out1", "out2", "out3")
    code, told, printed = drill(tmp_path, config(world), name)
    assert (code, told["ok"]) == (0, True), printed
    assert rows(told) == [
        (model("out1"), 1, 200), (model("out2"), 2, 200), (model("out3"), 3, 200), (None, 3, 503),
    ]  # fmt: skip
    assert world.got() == {"out1": 1, "out2": 1, "out3": 1}
    assert not [key for key in KEYS.values() if key in printed]
    for provider in ("out1", "out2"):
        (request,) = world[provider].requests
        assert request.header("authorization") == f"Bearer {KEYS[provider]}"
        assert "drill" not in request.head.decode()


def test_a_provider_that_fails_by_itself_is_found_out(tmp_path: Path, world: World) -> None:
    world["out1"].behaviour = fails(401)
    code, told, _ = drill(tmp_path, config(world), chain("out1", "out2"), "--through", "1")
    assert (code, told["ok"]) == (1, False)
    assert [row["problem"] for row in told["requests"]] == [
        f"expected {model('out1')!r}, and {model('out2')!r} answered", "",
    ]  # fmt: skip


@pytest.mark.parametrize("text", [(), ("--text", f"the {vault('in1', 'in2')} is full")])
def test_a_boundary_holds_when_everybody_inside_fails(
    tmp_path: Path, world: World, text: tuple[str, ...]
) -> None:
    code, told, printed = drill(tmp_path, config(world), vault("in1", "in2"), *text)
    assert (code, told["ok"]) == (0, True), printed
    assert rows(told) == [(model("in1"), 1, 200), (model("in2"), 2, 200), (None, 2, 503)]
    assert world.got() == {"in1": 1, "in2": 1}


def test_the_default_has_a_chain_of_one(tmp_path: Path) -> None:
    code, told, printed = drill(tmp_path, ALL_KINDS, "--dry-run")
    assert (code, told["rule"]) == (0, "semantic_classification"), printed
    assert rows(told) == [("flash", 1, 200), (None, 1, 503)]
