"""What `serve --demo` asks the package: the same ports everywhere, text that a shell accepts."""

import re
import shlex

import waypost.demo
from waypost.demo.providers import PROVIDERS


def test_configuration_and_providers_agree() -> None:
    text = waypost.demo.config_path().read_text(encoding="utf-8")
    for provider in PROVIDERS:
        assert f"${{{provider.variable}:-{provider.default_port}}}" in text
        assert f"api_key: {provider.api_key}\n" in text
    names = set(re.findall(r"provider: \w+, name: ([\w-]+)", text))
    assert names == {model for provider in PROVIDERS for model in provider.models}


def test_demo_keeps_an_audit_log_of_its_own() -> None:
    text = waypost.demo.config_path().read_text(encoding="utf-8")
    assert 'state_dir: "${XDG_STATE_HOME:-~/.local/state}/waypost-demo"' in text


def test_every_line_of_the_tour_is_shell() -> None:
    lines = waypost.demo.tour("127.0.0.1:18801").splitlines()
    curls = [shlex.split(line) for line in lines if line.startswith("curl")]
    assert len(curls) == 5
    assert all("http://127.0.0.1:18801/v1/chat/completions" in words for words in curls)
