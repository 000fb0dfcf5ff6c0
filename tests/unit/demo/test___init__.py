"""What `serve --demo` asks the package: the same ports everywhere, text that a shell accepts."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import waypost.demo
from waypost.demo.providers import PROVIDERS


def test_configuration_and_providers_agree() -> None:
    text = waypost.demo.config_path().read_text(encoding="utf-8")
    for provider in PROVIDERS:
        assert f"${{{provider.variable}:-{provider.default_port}}}" in text
        assert f"api_key: {provider.api_key}\n" in text
    names = set(re.findall(r"provider: \w+, name: ([\w.-]+)", text))
    served = {model for provider in PROVIDERS for model in provider.models}
    assert served - names == {"gemini-2.0-flash", "gemini-embedding-001"}
    assert names <= served
    kinds = dict(re.findall(r"^  (\w+):\n    kind: (\w+)$", text, re.MULTILINE))
    forms = {"vllm": "compatible", "openai_compatible": "compatible"}
    assert {name: forms.get(kind, kind) for name, kind in kinds.items()} == {
        p.name: p.form for p in PROVIDERS
    }


def test_demo_keeps_an_audit_log_of_its_own() -> None:
    text = waypost.demo.config_path().read_text(encoding="utf-8")
    assert 'state_dir: "${XDG_STATE_HOME:-~/.local/state}/waypost-demo"' in text


def test_nobody_waits_longer_for_a_silent_provider_than_the_page_says() -> None:
    text = waypost.demo.config_path().read_text(encoding="utf-8")
    silence = re.search(r"^timeouts: \{idle_seconds: (\d+),", text, re.MULTILINE)
    assert silence
    page = (Path(__file__).parents[3] / "docs/how-to/try-failures.md").read_text(encoding="utf-8")
    assert page.count(f"after {silence[1]} seconds") == 2


def test_every_category_of_the_configuration_is_asked_about() -> None:
    text = waypost.demo.config_path().read_text(encoding="utf-8")
    _, _, categories = text.partition("\ncategories:\n")
    names = re.findall(r"^  - (?:\{name: ([\w ]+),|name: ([\w ]+)$)", categories, re.MULTILINE)
    assert ["".join(name) for name in names] == list(waypost.demo.QUESTIONS)
    for question in waypost.demo.QUESTIONS.values():
        assert f"input: {question}," in text.replace('"', "")


def test_the_tour_is_shell_and_python() -> None:
    tour = waypost.demo.tour("127.0.0.1:18801")
    _, _, shell = tour.partition("\n\n")
    subprocess.run(["bash", "-n"], input=shell, text=True, check=True)
    assert len(re.findall(r"^ask ", shell, re.MULTILINE)) == 6
    assert shell.count("http://127.0.0.1:18801/v1") == 2
    snippet = re.search(r"<<'END'\n(.*?)\nEND\n", shell, re.DOTALL)
    assert snippet
    compile(snippet[1], "tour", "exec")


def test_paths_in_the_tour_may_hold_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/my tools/python")
    (line, *_) = (line for line in waypost.demo.tour("x:1").splitlines() if " route --explain " in line)
    assert shlex.split(line)[0] == "/my tools/python"


def test_the_tour_stays_short() -> None:
    lines = waypost.demo.tour("127.0.0.1:18801").splitlines()
    assert len(lines) <= 60
    assert max(len(line) for line in lines if "waypost.cli" not in line) <= 110
