"""The response side of a request: what the provider said, as the client may see it, and the record of it.

Rule 1: pure; headers and status in, edits out. A body of the provider passes untouched or is replaced whole.
Rule 2: credentials and model names are the gateway's own, so an answer that refuses them is its own fault.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from waypost.dialects.openai_chat import error
from waypost.mutations.reasoning import selected_headers
from waypost.mutations.target import Target
from waypost.providers.provider import Endpoint
from waypost.record import AuditRecord

SHOULD_RETRY: Final = "x-should-retry"

_PROVIDERS_OWN: Final = (
    "set-cookie",
    "alt-svc",
    "strict-transport-security",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
)
"""Response headers that speak of the gateway's account; removed."""

_OURS: Final = ("x-waypost-", "x-vsr-", "x-envoy-")
"""Beginnings of response headers in which only the gateway speaks; removed, whoever sent them."""

_WAITING: Final = ("retry-after", "retry-after-ms")
_JSON: Final = frozenset({"application/json", "application/problem+json"})

_GOOD: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_BAD: Final = range(400, 600)
_SERVER: Final = range(500, 600)
_RETRIED_BY_SDKS: Final = frozenset({408, 409, 429, *_SERVER})


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of a provider's response.

    Attributes:
        status: what the client sees.
        set_headers: overwritten or added.
        remove_headers: taken away; none of them is in `set_headers`.
        body: JSON that replaces the provider's body; None = that one passes.
        code: of the error in `body`.
        endpoint: who was tried last; None = nobody was.
    """

    status: int
    set_headers: tuple[tuple[str, str], ...]
    remove_headers: tuple[str, ...]
    body: bytes | None
    code: str
    attempts: int
    endpoint: Endpoint | None

    def record(self, request_id: str, revision: str) -> AuditRecord:
        """The `result` record."""
        return AuditRecord(
            type="result",
            request_id=request_id,
            outcome="error" if self.status in _BAD else "ok",
            target=(self.endpoint.provider.name,) if self.endpoint else (),
            config_sha256=revision,
            status=self.status,
            attempts=self.attempts,
        )


def settle(
    targets: Sequence[Target],
    attempts: int,
    headers: Mapping[str, str],
    *,
    prompted: bool = False,
    category: str = "",
) -> Settled:
    """Settle the last response of a chain.

    Args:
        targets: the chain that was tried.
        attempts: how many endpoints were tried; the last of them answered or failed. 0 = none was, Envoy
            answered itself.
        headers: of the response, `:status` included, names in lower case.
        prompted: the gateway put a system prompt in.
        category: what decided; empty = a rule did.
    """
    status = int(headers[":status"])
    if attempts < 1:
        return Settled(status, (("x-waypost-attempts", "0"),), (), None, "", 0, None)
    attempts = min(attempts, len(targets))
    target = targets[attempts - 1]
    endpoint = target.endpoint
    own = {"x-waypost-model": endpoint.name, "x-waypost-attempts": str(attempts)}
    code, status, body = _replacement(status, headers.get("content-type", ""), endpoint)
    if body is not None:
        own |= {name: headers[name] for name in _WAITING if name in headers}
    if status in _GOOD:
        if category:
            own["x-vsr-selected-category"] = category
        own["x-vsr-selected-model"] = target.model
        own |= selected_headers(target.reasoning, target.family)
        own["x-vsr-injected-system-prompt"] = str(prompted).lower()
    if _is_spent(status, attempts, headers):
        own[SHOULD_RETRY] = "false"
    forged = (name for name in headers if name.startswith(_OURS))
    removed = tuple(name for name in (*_PROVIDERS_OWN, *forged) if name not in own)
    if headers.get(SHOULD_RETRY, "false") != "false":  # another chain may well be spent by now
        removed += (SHOULD_RETRY,) if SHOULD_RETRY not in own else ()
    return Settled(status, tuple(own.items()), removed, body, code, attempts, endpoint)


def _replacement(status: int, content_type: str, endpoint: Endpoint) -> tuple[str, int, bytes | None]:
    """Error code, status and body for the client; no body = the provider's own passes."""
    provider = f"The provider of model {endpoint.name!r}"
    if status in {401, 403}:
        return _own("provider_rejected_credentials", 502, f"{provider} refused the gateway's credentials.")
    if status == HTTPStatus.NOT_FOUND:
        return _own("provider_model_not_found", 502, f"{provider} does not know what the gateway calls it.")
    if status in _REDIRECT:  # the client must not take its key to wherever this points
        return _own("provider_redirected", 502, f"{provider} answered with a redirect.")
    if status in _BAD and content_type.partition(";")[0].strip().lower() not in _JSON:
        return _own("provider_error", status, f"{provider} answered with status {status}.")
    return "", status, None


def _own(code: str, status: int, message: str) -> tuple[str, int, bytes]:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = "rate_limit_error"
    else:
        kind = "server_error" if status in _SERVER else "invalid_request_error"
    return code, status, error(message, kind, code)


def _is_spent(status: int, attempts: int, headers: Mapping[str, str]) -> bool:
    """Whether the retries of this request are used up, so that a client that retries too would multiply them.

    A chain of one was not retried here, and a provider that names a time to wait is to be believed.
    """
    return status in _RETRIED_BY_SDKS and attempts > 1 and not any(name in headers for name in _WAITING)
