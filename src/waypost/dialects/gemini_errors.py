"""Errors of Gemini as errors of OpenAI's shape.

Rule 1: what a provider says goes on only where the request was wrong, and without what names its account.

Source: Gemini API documentation, Troubleshooting (2026); google.rpc.Code and google.rpc.error_details.
"""

import json
import re
from typing import Any, Final

from waypost.dialects.foreign import dump, encode, mapping, sequence

_NUMBERS: Final = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_INVALID: Final = "invalid_request_error"
_SERVER: Final = "server_error"
_TABLE: Final[dict[int, tuple[int, str, str | None, str]]] = {
    400: (400, _INVALID, None, "The provider does not accept this request."),
    # The key is the gateway's own: the client cannot mend it.
    401: (502, _SERVER, "provider_rejected_credentials", "The provider refused the gateway's credentials."),
    402: (503, "insufficient_quota", "insufficient_quota", "The provider wants to be paid."),
    403: (403, "permission_error", "permission_denied", "The provider does not permit this request."),
    404: (404, _INVALID, "model_not_found", "The provider does not know this model."),
    413: (413, _INVALID, "request_too_large", "The request is too large for the provider."),
    422: (422, _INVALID, None, "The provider does not accept this request."),
    429: (429, "rate_limit", "rate_limit_exceeded", "The provider's rate limit is reached."),
    529: (503, _SERVER, "overloaded", "The provider is overloaded."),
}
"""Status, type, code and message for the client, by what the provider said."""

_TOLD: Final = frozenset({400, 413, 422})
_LONGEST: Final = 500
_TOO_LONG: Final = re.compile(
    r"exceeds? the maximum (?:number of tokens|input token)|context (?:length|window)"
)
_ACCOUNT: Final = re.compile(
    r"AIza[\w-]{10,}|ya29\.[\w.-]{10,}|projects?[ /:_]\S{1,100}|consumer\S{0,100}|[\w.+-]{1,64}@[\w.-]{1,100}"
    r"|https?://\S{1,400}",
    re.ASCII | re.IGNORECASE,
)
_DELAY: Final = re.compile(r"(\d{1,6})(?:\.\d{1,9})?s", re.ASCII)
_BAD: Final = range(400, 600)
_SERVERS: Final = range(500, 600)


def read_error(status: int, body: bytes) -> tuple[int, bytes]:
    """An error answer for the client.

    Args:
        status: of the provider's answer.
        body: whatever came with it.
    """
    said = _said(body)
    status, error = told(said, status)
    return status, encode(dump({"error": error}))


def retry_after(body: bytes) -> int | None:
    """Seconds that the provider wants the client to wait, rounded up; None if it does not say."""
    for item in sequence((_said(body) or {}).get("details")) or ():
        delay = (mapping(item) or {}).get("retryDelay")
        if isinstance(delay, str) and (found := _DELAY.fullmatch(delay)):
            return int(found[1]) + ("." in delay)
    return None


def told(said: dict[str, Any] | None, status: int = 200) -> tuple[int, dict[str, object]]:
    """Status and error object for the client.

    Args:
        said: what stands under `error`; None = nothing that can be read.
        status: as it came; one of success is that of a stream with an error in it.
    """
    said = said or {}
    if status not in _BAD:
        status = _status(said)
    if status in {400, 403} and _is_key_refused(said):
        status = 401
    fallback = (status, _SERVER, "provider_error", f"The provider failed with status {status}.")
    if status not in _SERVERS:
        fallback = (status, _INVALID, None, f"The provider answered with status {status}.")
    status, kind, code, message = _TABLE.get(status, fallback)
    words = said.get("message")
    if status in _TOLD and isinstance(words, str) and words:
        words = words[:_LONGEST]
        code = "context_length_exceeded" if _TOO_LONG.search(words) else code
        message = _ACCOUNT.sub("...", words)
    return status, {"message": message, "type": kind, "param": None, "code": code}


def failed(message: str) -> dict[str, object]:
    """The error object for an answer that cannot be understood."""
    return {"message": message, "type": _SERVER, "param": None, "code": "provider_error"}


def _said(body: bytes) -> dict[str, Any] | None:
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    first = (sequence(value) or [value])[0]  # a stream without `alt=sse` is a list
    return mapping((mapping(first) or {}).get("error"))


def _status(said: dict[str, Any]) -> int:
    code = said.get("code")
    if isinstance(code, int) and code in _BAD:
        return code
    name = said.get("status")
    return _NUMBERS.get(name, 500) if isinstance(name, str) else 500


def _is_key_refused(said: dict[str, Any]) -> bool:
    """A wrong key is an invalid argument to Google."""
    details = sequence(said.get("details")) or ()
    reasons = {reason for item in details if isinstance(reason := (mapping(item) or {}).get("reason"), str)}
    return not reasons.isdisjoint({"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "ACCESS_TOKEN_EXPIRED"})
