"""Every credential a provider is sent is among the headers that are removed for all others."""

from dataclasses import replace

import pytest

from waypost.providers.provider import Provider, Secret
from waypost.providers.sign import CREDENTIALS, credentials
from waypost.testing.policies import provider

BARE = provider("p")


@pytest.mark.parametrize(
    ("signed", "headers"),
    [
        (BARE, {}),
        (replace(BARE, api_key=Secret("sk-1")), {"authorization": "Bearer sk-1"}),
        (
            replace(BARE, api_key=Secret("sk-1"), organization="org", project="proj"),
            {"authorization": "Bearer sk-1", "openai-organization": "org", "openai-project": "proj"},
        ),
    ],
)
def test_a_provider_gets_its_own_headers(signed: Provider, headers: dict[str, str]) -> None:
    assert credentials(signed) == headers
    assert set(headers) <= set(CREDENTIALS)


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
