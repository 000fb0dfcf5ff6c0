"""One provider's credentials, and the removal of everybody else's.

Attempts share one header map, so what an earlier attempt set would reach the next provider.
"""

from collections.abc import Mapping
from typing import Final

from waypost.providers.provider import Provider
from waypost.request.chat import Dialect

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

CLIENTS_OWN: Final[Mapping[Dialect, tuple[str, ...]]] = {
    "anthropic_messages": ("anthropic-version", "anthropic-beta")
}
"""Those of them that a request in its client's own form brings along, where a whole chain speaks it."""

_KEY_HEADER: Final = {"anthropic": "x-api-key", "gemini": "x-goog-api-key", "azure_openai": "api-key"}


def credentials(provider: Provider, key: str | None) -> dict[str, str]:
    """The headers this provider wants to see, in clear text.

    Args:
        provider: who is asked.
        key: the one of its keys whose turn it is; None = it has none.
    """
    found = {name: value.reveal() for name, value in provider.account.headers}
    if key is not None:
        header = _KEY_HEADER.get(provider.kind)
        found |= {header: key} if header else {"authorization": f"Bearer {key}"}
    if provider.account.organization is not None:
        found["openai-organization"] = provider.account.organization
    if provider.account.project is not None:
        found["openai-project"] = provider.account.project
    return found
