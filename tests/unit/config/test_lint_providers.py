from pathlib import Path

import pytest

from tests.unit.config.world import problems, remarks, rule
from waypost.config.lint_providers import is_loopback


def of(tmp_path: Path, provider: str) -> list[str]:
    return remarks(tmp_path, f"providers: {{p: {provider}}}\nmodels: {{m: {{provider: p}}}}\n")


@pytest.mark.parametrize(
    ("provider", "remark"),
    [
        ("{kind: openai}", "no api_key: api.openai.com will refuse every request"),
        ("{kind: anthropic}", "no api_key: api.anthropic.com will refuse every request"),
        ("{kind: gemini}", "no api_key: generativelanguage.googleapis.com will refuse every request"),
        (
            "{kind: azure_openai, base_url: 'https://n.openai.azure.com'}",
            "no api_key: n.openai.azure.com will refuse every request",
        ),
        ("{kind: openai, api_key: 'sk-literal'}", "a credential stands in the file"),
        ("{kind: openai, api_key: '${NOPE:-sk-literal}'}", "a credential stands in the file"),
        ("{kind: openai, api_keys: ['${KEY}', 'sk-literal']}", "a credential stands in the file"),
        ("{kind: vllm, base_url: 'http://10.0.0.9/v1'}", "requests to 10.0.0.9 are sent without encryption"),
        (
            "{kind: vllm, endpoints: ['http://127.0.0.1/v1', 'http://10.0.0.9/v1']}",
            "requests to 127.0.0.1 are sent without encryption",
        ),
        ("{kind: vllm, base_url: 'http://127.0.0.1:8000'}", "requests go to 127.0.0.1:8000/chat/completions"),
    ],
)
def test_remarks_on_providers(tmp_path: Path, provider: str, remark: str) -> None:
    assert of(tmp_path, provider) == [f"warning: {remark}"]


@pytest.mark.parametrize(
    "provider",
    [
        "{kind: openai, api_key: '${KEY}'}",
        "{kind: openai, api_key: '${NOPE:-}', base_url: 'https://proxy.example/v1'}",
        "{kind: anthropic, api_key: '${KEY}'}",
        "{kind: gemini, api_keys: ['${KEY}', '${HOME}']}",
        "{kind: gemini, api_key: '${KEY}', base_url: 'https://generativelanguage.googleapis.com/v1'}",
        "{kind: azure_openai, api_key: '${KEY}', base_url: 'https://n.openai.azure.com'}",
        "{kind: azure_openai, api_key: '${KEY}', base_url: 'https://n.openai.azure.com/openai/v1/'}",
        "{kind: azure_openai, api_key: '${KEY}', base_url: 'https://n.openai.azure.com', api_version: v1}",
        "{kind: vllm, base_url: 'http://10.0.0.9/v1', zone: internal}",
        "{kind: vllm, base_url: 'https://h.example/v1'}",
        "{kind: vllm, base_url: 'http://127.0.0.1:1/v1', api_key: literal}",
        "{kind: vllm, base_url: 'http://localhost:1/v1'}",
        "{kind: vllm}",
        "{kind: ollama}",
        "{kind: vllm, endpoints: ['https://10.0.0.8/v1', 'https://10.0.0.9/v1', 'https://h.example/v1']}",
        "{kind: vllm, endpoints: ['https://a.example/v1', 'https://b.example/v1'], tls: {server_name: n}}",
    ],
)
def test_providers_without_remarks(tmp_path: Path, provider: str) -> None:
    assert of(tmp_path, provider) == []


AZURE = "https://n.openai.azure.com"


@pytest.mark.parametrize(
    ("kind", "url", "message", "remedy"),
    [
        ("vllm", "https://h/v1/chat/completions", "requests go to /v1/chat/completions/chat/completions",
         "end base_url before the operation"),
        ("vllm", "https://h/v1/responses", "requests go to /v1/responses/chat/completions",
         "end base_url before the operation"),
        ("anthropic", "https://api.anthropic.com", "requests go to api.anthropic.com/messages",
         "end base_url with /v1"),
        ("anthropic", "https://h/claude", "requests go to /claude/messages", "end base_url with /v1"),
        ("anthropic", "https://h/v1/messages", "requests go to /v1/messages/messages",
         "end base_url before the operation"),
        ("gemini", "https://h/x", "requests go to /x/models/MODEL:generateContent",
         "end base_url with /v1beta"),
        ("gemini", "https://h", "requests go to h/models/MODEL:generateContent", "end base_url with /v1beta"),
        ("gemini", "https://h/v1beta/models", "requests go to /v1beta/models/models/MODEL:generateContent",
         "end base_url before the operation"),
        ("gemini", "https://h/v1beta/openai/", "requests go to /v1beta/openai/models/MODEL:generateContent",
         "end base_url with /v1beta; Gemini's OpenAI form is the kind `openai_compatible`"),
        ("azure_openai", f"{AZURE}/openai/deployments/gpt-4o",
         "requests go to a path below /openai/deployments/gpt-4o",
         "end base_url before /openai: a model's `name` is its deployment"),
        ("azure_openai", f"{AZURE}/openai/deployments/gpt-4o/chat/completions",
         "requests go to a path below /openai/deployments/gpt-4o/chat/completions",
         "end base_url before /openai: a model's `name` is its deployment"),
        ("azure_openai", f"{AZURE}/openai", "requests go to /openai/chat/completions",
         "end base_url with /openai/v1, or add `api_version`"),
        ("azure_openai, api_version: preview", f"{AZURE}/openai/v1",
         "with api_version requests go to /openai/v1/deployments/NAME",
         "end base_url before /openai, or remove `api_version`"),
    ],
)  # fmt: skip
def test_a_path_that_does_not_suit_the_kind(
    tmp_path: Path, kind: str, url: str, message: str, remedy: str
) -> None:
    provider = f"{{kind: {kind}, base_url: '{url}', api_key: '${{KEY}}'}}"
    (found,) = problems(tmp_path, f"providers: {{p: {provider}}}\nmodels: {{m: {{provider: p}}}}\n")
    assert (found.severity, found.message, found.help) == ("warning", message, remedy)
    assert found.path == "providers.p.base_url"


def test_names_that_share_one_host_header(tmp_path: Path) -> None:
    text = "{kind: vllm, endpoints: ['https://a.example/v1', 'https://b.example/v1']}"
    assert of(tmp_path, text) == [
        "info: all of these are asked for 'a.example': their `host` header is the first one's"
    ]


def test_an_unused_provider(tmp_path: Path) -> None:
    found = problems(tmp_path, "providers:\n  p: {kind: ollama}\n" + "routing_rules:\n" + rule())
    assert [(p.line, p.severity, p.message) for p in found] == [
        (2, "info", "no model uses the provider 'p'"),
    ]


@pytest.mark.parametrize(
    ("host", "is_own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False),
     ("localhost.example", False), ("", False)],
)  # fmt: skip
def test_what_is_the_machine_itself(host: str, *, is_own: bool) -> None:
    assert is_loopback(host) is is_own
