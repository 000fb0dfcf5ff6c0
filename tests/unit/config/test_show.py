from pathlib import Path

from tests.unit.config.world import loads
from waypost.config.load import load
from waypost.config.show import as_yaml


def test_what_took_effect_without_credentials(tmp_path: Path) -> None:
    document = loads(tmp_path, "timeouts: {idle_seconds: 9}\npay_keywords: {pay: [salary]}\n").document
    assert document["providers"]["cloud"] == {"kind": "openai", "api_key": "*****"}
    timeouts = document["timeouts"]
    assert (timeouts["connect_seconds"], timeouts["idle_seconds"]) == (5.0, 9.0)
    assert document["pay_keywords"] == {"pay": ["salary"]}
    assert document["state_dir"] == "/home/op/.local/state/waypost"
    assert "routing_rules" not in document
    assert "sk-from-environment" not in as_yaml(document)


def test_credentials_of_every_spelling_are_masked(tmp_path: Path) -> None:
    text = "providers: {p: {kind: vllm, api_keys: ['${KEY}', sk-literal], headers: {x-token: sk-header}}}\n"
    document = loads(tmp_path, text).document
    assert document["providers"]["p"] == {
        "kind": "vllm",
        "api_keys": ["*****", "*****"],
        "headers": {"x-token": "*****"},
    }


def test_yaml_keeps_the_order(tmp_path: Path) -> None:
    text = as_yaml(loads(tmp_path, "listen: 127.0.0.1:1").document)
    assert text.index("listen:") < text.index("providers:") < text.index("default_model:")


def test_what_is_shown_loads_again(tmp_path: Path) -> None:
    first = loads(tmp_path, "listen: 127.0.0.1:1")
    (tmp_path / "again").mkdir()
    again = tmp_path / "again" / "shown.yaml"
    again.write_text(as_yaml(first.document))
    assert load([again], {}).policy.revision == first.policy.revision
