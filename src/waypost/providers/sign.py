"""One provider's credentials, and the removal of everybody else's.

Attempts share one header map, so what an earlier attempt set would reach the next provider.
"""

from typing import Final

from waypost.providers.provider import Provider

CREDENTIALS: Final = (
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "anthropic-version",
    "anthropic-beta",
    "openai-organization",
    "openai-project",
)
"""Every header that tells any provider who calls; removed on each attempt unless that attempt sets it."""


def credentials(provider: Provider) -> dict[str, str]:
    """The headers this provider wants to see, in clear text."""
    found: dict[str, str] = {}
    if provider.api_key is not None:
        found["authorization"] = f"Bearer {provider.api_key.reveal()}"
    if provider.organization is not None:
        found["openai-organization"] = provider.organization
    if provider.project is not None:
        found["openai-project"] = provider.project
    return found
