"""Errors of Gemini as errors of OpenAI's shape.

Source: Gemini API documentation, Troubleshooting (2026); google.rpc.Code and google.rpc.error_details.
"""

import json
import re
from typing import Any, Final

from waypost.dialects import failures
from waypost.dialects.failures import failure
from waypost.dialects.foreign import mapping, sequence

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
_DELAY: Final = re.compile(r"(\d{1,6})(?:\.\d{1,9})?s", re.ASCII)
_BAD: Final = range(400, 600)


def read_error(status: int, body: bytes) -> tuple[int, bytes]:
    """An error answer for the client.

    Args:
        status: of the provider's answer.
        body: whatever came with it.
    """
    said = _said(body)
    status, error = told(said, status)
    return status, failures.body(error)


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
    return failure(status, said.get("message"))


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
