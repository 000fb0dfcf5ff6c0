from dataclasses import asdict, replace
from typing import get_args

import pytest

from waypost.providers.provider import (
    DEFAULT_ZONE,
    Account,
    Endpoint,
    Host,
    Provider,
    ProviderKind,
    Secret,
    Tls,
)
from waypost.request.chat import Dialect

KEY = Secret("sk-do-not-print")
ACCOUNT = Account((KEY,), headers=(("x-token", KEY),))
OPENAI = Provider("openai", "openai", "https", (Host("api.openai.com", 443),), "/v1", account=ACCOUNT)
AZURE = replace(OPENAI, kind="azure_openai", base_path="/openai", api_version="2024-10-21")


@pytest.mark.parametrize(
    ("scheme", "host", "port", "authority"),
    [
        ("https", "api.openai.com", 443, "api.openai.com"),
        ("https", "api.openai.com", 8443, "api.openai.com:8443"),
        ("http", "10.0.0.5", 80, "10.0.0.5"),
        ("http", "10.0.0.5", 443, "10.0.0.5:443"),
        ("http", "::1", 8000, "[::1]:8000"),
        ("https", "fd00::5", 443, "[fd00::5]"),
    ],
)
def test_authority_names_the_port_only_where_it_is_not_the_schemes_own(
    scheme: str, host: str, port: int, authority: str
) -> None:
    assert replace(OPENAI, scheme=scheme, hosts=(Host(host, port),)).authority == authority


def test_several_hosts_have_the_authority_of_the_first_or_of_the_name_that_is_asked_for() -> None:
    hosts = (Host("a.example", 8443), Host("b.example", 443))
    assert replace(OPENAI, hosts=hosts).authority == "a.example:8443"
    assert replace(OPENAI, hosts=hosts[1:], tls=Tls(server_name="n.example")).authority == "n.example"


@pytest.mark.parametrize(
    "other",
    [
        replace(OPENAI, hosts=(Host("api.openai.com", 8443),)),
        replace(OPENAI, hosts=(Host("api.openai.com", 443), Host("b.example", 443))),
        replace(OPENAI, hosts=(Host("api.openai.com", 443, 2),)),
        replace(OPENAI, scheme="http"),
        replace(OPENAI, tls=Tls(ca_file="/ca.pem")),
        replace(OPENAI, name="other"),
    ],
)
def test_a_provider_that_is_reached_in_another_way_has_another_cluster(other: Provider) -> None:
    assert other.cluster != OPENAI.cluster
    assert other.cluster.startswith(f"{other.name}-")


def test_what_a_provider_is_sent_makes_no_other_cluster() -> None:
    assert replace(OPENAI, account=Account(), zone="eu", base_path="/v2", retries=2).cluster == OPENAI.cluster


@pytest.mark.parametrize(
    ("kind", "spoken", "foreign"),
    [
        ("openai", {"openai_chat", "openai_embeddings", "openai_responses"}, {}),
        ("azure_openai", {"openai_chat", "openai_embeddings", "openai_responses"}, {}),
        ("vllm", {"openai_chat", "openai_embeddings", "openai_completions"}, {}),
        ("ollama", {"openai_chat", "openai_embeddings", "openai_completions"}, {}),
        ("openai_compatible", {"openai_chat", "openai_embeddings", "openai_completions"}, {}),
        ("anthropic", {"anthropic_messages"}, {"openai_chat": "anthropic_messages"}),
        ("gemini", set(), {"openai_chat": "gemini", "openai_embeddings": "gemini_embeddings"}),
    ],
)
def test_what_each_kind_understands(
    kind: ProviderKind, spoken: set[Dialect], foreign: dict[Dialect, Dialect]
) -> None:
    found = replace(OPENAI, kind=kind)
    assert {dialect for dialect in get_args(Dialect) if found.speaks(dialect)} == spoken
    assert {d: found.foreign(d) for d in get_args(Dialect) if found.foreign(d)} == foreign


@pytest.mark.parametrize(
    ("provider", "dialect", "path"),
    [
        (OPENAI, "openai_chat", "/v1/chat/completions"),
        (OPENAI, "openai_embeddings", "/v1/embeddings"),
        (OPENAI, "openai_responses", "/v1/responses"),
        (replace(OPENAI, kind="vllm"), "openai_completions", "/v1/completions"),
        (replace(OPENAI, kind="anthropic"), "anthropic_messages", "/v1/messages"),
        (replace(OPENAI, paths={"openai_chat": "/ask"}), "openai_chat", "/v1/ask"),
        (AZURE, "openai_chat", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"),
        (AZURE, "openai_embeddings", "/openai/deployments/gpt-4o/embeddings?api-version=2024-10-21"),
        (AZURE, "openai_responses", "/openai/responses?api-version=2024-10-21"),
        (
            replace(AZURE, base_path="/openai/v1", api_version=""),
            "openai_chat",
            "/openai/v1/chat/completions",
        ),
    ],
)
def test_paths(provider: Provider, dialect: Dialect, path: str) -> None:
    assert provider.path(dialect, "gpt-4o") == path


def test_a_model_cannot_leave_its_place_in_a_path() -> None:
    found = AZURE.path("openai_chat", "../a/b?c#d é")
    assert found == "/openai/deployments/..%2Fa%2Fb%3Fc%23d%20%C3%A9/chat/completions?api-version=2024-10-21"


def test_a_path_of_its_own_says_that_a_form_is_spoken() -> None:
    found = replace(OPENAI, kind="vllm", paths={"anthropic_messages": "/messages"})
    assert found.speaks("anthropic_messages")
    assert found.path("anthropic_messages", "m") == "/v1/messages"


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{!r:>40}".format, "%s".__mod__])
@pytest.mark.parametrize("value", [KEY, OPENAI, Endpoint("gpt", OPENAI, "gpt-4o")])
def test_a_key_never_prints_itself(shown: object, value: object) -> None:
    assert callable(shown)
    assert KEY.reveal() not in shown(value)


def test_a_key_is_not_unpacked_with_what_holds_it() -> None:
    assert KEY.reveal() not in str(asdict(Endpoint("gpt", OPENAI, "gpt-4o")))


def test_a_key_is_revealed_on_request_and_compares_by_value() -> None:
    assert KEY.reveal() == "sk-do-not-print"
    assert Secret("sk-do-not-print") == KEY
    assert Secret("other") != KEY
    assert hash(Secret("sk-do-not-print")) == hash(KEY)
    assert KEY != "sk-do-not-print"


def test_an_endpoint_lies_in_the_zone_of_its_provider() -> None:
    assert Endpoint("gpt", OPENAI, "gpt-4o").zone == DEFAULT_ZONE
    assert Endpoint("ai", replace(OPENAI, zone="internal"), "qwen3-32b").zone == "internal"
