"""The response side of a request: what the provider said, as the client may see it, and the record of it.

Rule 1: pure; headers and status in, edits out. A body of the provider passes untouched or is replaced whole.
Rule 2: credentials and model names are the gateway's own, so an answer that refuses them is its own fault.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal

from waypost.dialects.openai_chat import error
from waypost.leaving import Leaving
from waypost.mutations.reasoning import selected_headers
from waypost.mutations.target import Target
from waypost.providers.provider import Endpoint
from waypost.record import AuditRecord
from waypost.request.chat import Dialect

SHOULD_RETRY: Final = "x-should-retry"

_PROVIDERS_OWN: Final = (
    "set-cookie",
    "alt-svc",
    "strict-transport-security",
    "openai-organization",
    "openai-project",
)
"""Response headers that speak of the gateway's account; removed."""

_OURS: Final = ("x-waypost-", "x-vsr-", "x-envoy-")
"""Beginnings of response headers in which only the gateway speaks; removed, whoever sent them."""

_ACCOUNTS: Final = ("anthropic-", "x-goog-", "x-ms-", "apim-", "x-ratelimit-")
"""Beginnings of those in which a provider speaks of the gateway's account; removed likewise."""

_WAITING: Final = ("retry-after", "retry-after-ms")

MAX_WAIT_SECONDS: Final = 60
"""Longest time that a client is told to wait: some wait as long as they are told."""
_DIGITS: Final = re.compile(r"\d{1,18}", re.ASCII)
_JSON: Final = frozenset({"application/json", "application/problem+json"})

Reads = Literal["nothing", "whole", "stream"]
"""`whole`: when all of it is there; `stream`: piece by piece."""

_GOOD: Final = range(200, 300)

FOREIGN_ERRORS: Final[frozenset[Dialect]] = frozenset({"anthropic_messages", "gemini", "gemini_embeddings"})
"""Forms whose errors have another shape than OpenAI's."""

MAX_WHOLE: Final = 32 * 1024 * 1024
"""Longest answer that is waited for; Envoy holds it meanwhile."""

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
        body: an error of OpenAI's shape that replaces the provider's body; None = that one passes.
        code: of the error in `body`.
        target: who was tried last; None = nobody was.
        reads: how its body is looked at.
    """

    status: int
    set_headers: tuple[tuple[str, str], ...]
    remove_headers: tuple[str, ...]
    body: bytes | None
    code: str
    attempts: int
    target: Target | None
    reads: Reads = "nothing"

    def record(self, request_id: str, revision: str) -> AuditRecord:
        """The `result` record."""
        return AuditRecord(
            type="result",
            request_id=request_id,
            outcome="error" if self.status in _BAD else "ok",
            target=(self.target.endpoint.provider.name,) if self.target else (),
            config_sha256=revision,
            status=self.status,
            attempts=self.attempts,
        )


def settle(
    leaving: Leaving,
    dialect: Dialect,
    attempts: int,
    headers: Mapping[str, str],
    *,
    ends: bool = False,
) -> Settled:
    """Settle the last response of a chain.

    Args:
        leaving: what was sent along which chain.
        dialect: of the client.
        attempts: how many targets were tried; the last of them answered or failed. 0 = none was, Envoy
            answered itself.
        headers: of the response, `:status` included, names in lower case.
        ends: there is no body.
    """
    status = int(headers[":status"])
    if attempts < 1:
        reads: Reads = "nothing" if ends or dialect not in FOREIGN_ERRORS else "whole"
        return Settled(status, (("x-waypost-attempts", "0"),), (), None, "", 0, None, reads)
    attempts = min(attempts, len(leaving.targets))
    target = leaving.targets[attempts - 1]
    own = {"x-waypost-model": target.endpoint.name, "x-waypost-attempts": str(attempts)}
    if dropped := leaving.dropped.get(target.key):
        own["x-waypost-dropped-params"] = ", ".join(_told(note) for note in dropped)
    spoken = leaving.spoken(target)
    kind = "" if ends else headers.get("content-type", "")  # an empty error is as good as no JSON
    code, status, body = _replacement(status, kind, target.endpoint, native=leaving.native)
    reads = "nothing"
    if body is None:
        reads = _reads(status, headers, spoken, dialect, ends=ends)
        if reads == "nothing" and status in _GOOD and spoken != dialect:
            code, status, body = _own(
                "provider_unreadable", 502, f"The provider of model {target.endpoint.name!r} gave no answer."
            )
    own |= {name: value for name, value in _waiting(headers) if body is not None or value != headers[name]}
    if _is_spent(status, attempts, headers):
        own[SHOULD_RETRY] = "false"
    forged = (name for name in headers if name.startswith((*_OURS, *_ACCOUNTS)))
    removed = tuple(name for name in (*_PROVIDERS_OWN, *forged) if name not in own)
    if headers.get(SHOULD_RETRY, "false") != "false":  # another chain may well be spent by now
        removed += (SHOULD_RETRY,) if SHOULD_RETRY not in own else ()
    return Settled(status, tuple(own.items()), removed, body, code, attempts, target, reads)


def told(target: Target, *, prompted: bool, category: str) -> dict[str, str]:
    """Headers of a good answer for clients of vLLM Semantic Router.

    Args:
        target: who answered.
        prompted: the gateway put a system prompt in.
        category: what decided; empty = a rule did.
    """
    own = {"x-vsr-selected-category": category} if category else {}
    own["x-vsr-selected-model"] = target.model
    own |= selected_headers(target.reasoning, target.family)
    return own | {"x-vsr-injected-system-prompt": str(prompted).lower()}


def _reads(
    status: int, headers: Mapping[str, str], spoken: Dialect, dialect: Dialect, *, ends: bool
) -> Reads:
    if ends or headers.get("content-encoding", "identity") != "identity":
        return "nothing"
    if status in _BAD:  # Envoy's own errors have OpenAI's shape, whoever was asked
        may_be_bill = status == HTTPStatus.TOO_MANY_REQUESTS  # a spent account is told so by OpenAI
        return "whole" if may_be_bill or {spoken, dialect} & FOREIGN_ERRORS else "nothing"
    if status != HTTPStatus.OK:
        return "nothing"
    kind = _kind(headers.get("content-type", ""))
    if kind == "text/event-stream":
        return "stream"
    length = headers.get("content-length", "")
    is_huge = _DIGITS.fullmatch(length) is not None and int(length) > MAX_WHOLE
    return "whole" if kind == "application/json" and not is_huge else "nothing"


def _told(note: str) -> str:
    param, _, what = note.partition(": ")
    return f"{param} ({what})" if what else param


def _waiting(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """How long the client is told to wait, no longer than it should be told."""
    for name, most in ((_WAITING[0], MAX_WAIT_SECONDS), (_WAITING[1], 1000 * MAX_WAIT_SECONDS)):
        value = headers.get(name)
        if value is not None:
            is_short = _DIGITS.fullmatch(value) is not None and int(value) <= most
            yield name, value if is_short else str(most)


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _replacement(
    status: int, content_type: str, endpoint: Endpoint, *, native: bool
) -> tuple[str, int, bytes | None]:
    """Error code, status and body for the client; no body = the provider's own passes.

    Args:
        status: of the provider.
        content_type: of its body.
        endpoint: who answered.
        native: what is not found may be what the client named.
    """
    provider = f"The provider of model {endpoint.name!r}"
    if status in {401, 403}:
        return _own("provider_rejected_credentials", 502, f"{provider} refused the gateway's credentials.")
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return _own("insufficient_quota", 503, f"{provider} wants the gateway's account paid.")
    if status == HTTPStatus.NOT_FOUND and not native:
        return _own("provider_model_not_found", 502, f"{provider} does not know what the gateway calls it.")
    if status in _REDIRECT:  # the client must not take its key to wherever this points
        return _own("provider_redirected", 502, f"{provider} answered with a redirect.")
    if status in _BAD and _kind(content_type) not in _JSON:
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
