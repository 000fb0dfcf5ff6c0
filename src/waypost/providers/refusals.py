"""What a provider's error says about who else could serve the request: the next model, or the next key.

Rule 1: pure, and read once per error; what is not understood says nothing.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from waypost.dialects import gemini_errors
from waypost.dialects.foreign import mapping, sequence
from waypost.dialects.servers import SERVERS
from waypost.request.chat import Dialect

Reason = Literal["context", "quota", "credential"]
"""`context`: the request is too long for this model. `quota`: nothing more is served on this account for a
while, or until it is paid. `credential`: the key is refused."""

STEERED: Final = frozenset({400, 402, 403, 413, 422, 429})
"""Statuses whose body may say that another model or key would do."""

MAX_BYTES: Final = 64 * 1024
"""Longest error that is read.

Source: Envoy 1.40.0 crashes over long bodies in an upstream filter; at 900 kB it did not.
"""

_CODES: Final[Mapping[str, Reason]] = {
    "context_length_exceeded": "context",
    "exceed_context_size_error": "context",
    "insufficient_quota": "quota",
    "billing_hard_limit_reached": "quota",
    "billing_not_active": "quota",
    "account_deactivated": "credential",
    "invalid_api_key": "credential",
    "provider_rejected_credentials": "credential",
}
_TOO_LONG: Final = re.compile(
    r"(?i)context (?:length|window|size)|maximum model length|prompt is too long|\b(?:input|prompt) too long"
)
"""How servers say it that have no code for it: vLLM, SGLang, Ollama, Mistral and others."""

_SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_LONGEST: Final = 40
"""Of a date."""

_UNPAID: Final = re.compile(r"(?i)credit balance is too low|exceeded your current quota")


def reason(dialect: Dialect, status: int, body: bytes) -> Reason | None:
    """Why the request was refused, where that is another model's or key's chance.

    Args:
        dialect: the provider's.
        status: of the answer.
        body: all of it, at most `MAX_BYTES`.
    """
    server = SERVERS.get(dialect)
    error = _error(server.read_error(status, body)[1] if server else body)
    for name in ("code", "type"):
        said = error.get(name)
        if isinstance(said, str) and said in _CODES:
            return _CODES[said]
    message = error.get("message")
    if not isinstance(message, str):
        return None
    if _UNPAID.search(message):
        return "quota"
    return "context" if status in {400, 413, 422} and _TOO_LONG.search(message) else None


def wait_seconds(headers: Mapping[str, str], body: bytes = b"", *, now: float) -> float | None:
    """How long the provider wants to be left alone; None = it does not say so in a way that is known.

    Args:
        headers: of the answer, names in lower case.
        body: of the answer, where it is known; Gemini says it there.
        now: Unix seconds.
    """
    for name, per_second in (("retry-after-ms", 1000), ("retry-after", 1)):
        if _SECONDS.fullmatch(written := headers.get(name, "").strip()):
            return float(written) / per_second
    if date := headers.get("retry-after", "").strip():
        return _until(date, now)
    return float(told) if body and (told := gemini_errors.retry_after(body)) is not None else None


def _until(date: str, now: float) -> float | None:
    try:
        when = parsedate_to_datetime(date[:_LONGEST])
    except (ValueError, OverflowError):
        return None
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.fromtimestamp(now, UTC)).total_seconds())


def _error(body: bytes) -> dict[str, object]:
    """The error object; of servers that have none, what stands in its place."""
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    said = mapping((sequence(document) or [document])[0]) or {}
    return mapping(said.get("error")) or ({"message": said["error"]} if "error" in said else said)
