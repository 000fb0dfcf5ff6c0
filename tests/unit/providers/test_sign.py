"""Every credential a provider is sent is among the headers that are removed for all others."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.providers.provider import Account, ProviderKind, Secret
from waypost.providers.sign import CREDENTIALS, credentials
from waypost.testing.policies import provider

BARE = provider("p")
KINDS = get_args(ProviderKind)
BEARER = {"openai", "vllm", "ollama", "openai_compatible"}


@pytest.mark.parametrize(
    ("account", "key", "headers"),
    [
        (Account(), None, {}),
        (Account(), "sk-1", {"authorization": "Bearer sk-1"}),
        (
            Account(organization="org", project="proj"),
            "sk-1",
            {"authorization": "Bearer sk-1", "openai-organization": "org", "openai-project": "proj"},
        ),
        (Account(headers=(("x-team", Secret("red")),)), None, {"x-team": "red"}),
    ],
)
def test_a_provider_gets_its_own_headers(account: Account, key: str | None, headers: dict[str, str]) -> None:
    assert credentials(replace(BARE, account=account), key) == headers


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        *((kind, "authorization", "Bearer k") for kind in sorted(BEARER)),
        ("anthropic", "x-api-key", "k"),
        ("gemini", "x-goog-api-key", "k"),
        ("azure_openai", "api-key", "k"),
    ],
)
def test_every_kind_reads_the_key_in_its_own_header(kind: Any, header: str, value: str) -> None:
    assert credentials(replace(BARE, kind=kind), "k") == {header: value}
    assert header in CREDENTIALS


@given(kind=st.sampled_from(KINDS), keys=st.lists(st.text("abc", min_size=1), min_size=1))
def test_only_the_key_whose_turn_it_is_is_sent(kind: Any, keys: list[str]) -> None:
    account = Account(tuple(Secret(f"<{key}>") for key in keys))
    sent = " ".join(credentials(replace(BARE, kind=kind, account=account), "the-one").values())

    assert "the-one" in sent
    assert not any(f"<{key}>" in sent for key in keys)


def test_the_list_of_what_is_removed_holds_every_providers_header() -> None:
    assert set(CREDENTIALS) >= {
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "anthropic-version",
        "anthropic-beta",
        "openai-organization",
        "openai-project",
    }
