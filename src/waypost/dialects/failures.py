"""What the client is told of a provider's error, in OpenAI's shape, whatever dialect it came in.

Rule 1: what a provider says goes on only where the request was wrong, and without what names its account.
Rule 2: what only the operator can mend (a key, a bill) is no fault of the client's: it becomes a 5xx.
"""

import re
from typing import Final

from waypost.dialects.foreign import dump, encode

UNREADABLE: Final = "The provider's answer could not be understood."
ENDED_EARLY: Final = "The provider's answer ended before it was complete."

_INVALID: Final = "invalid_request_error"
_SERVER: Final = "server_error"
_TABLE: Final[dict[int, tuple[int, str, str | None, str]]] = {
    400: (400, _INVALID, None, "The provider does not accept this request."),
    401: (502, _SERVER, "provider_rejected_credentials", "The provider refused the gateway's credentials."),
    402: (503, "insufficient_quota", "insufficient_quota", "The gateway's account has no means left."),
    403: (403, "permission_error", "permission_denied", "The provider does not permit this request."),
    404: (404, _INVALID, "model_not_found", "The provider does not know the model."),
    413: (413, _INVALID, "request_too_large", "The request is too large for the provider."),
    422: (422, _INVALID, None, "The provider does not accept this request."),
    429: (429, "rate_limit", "rate_limit_exceeded", "The provider's rate limit is reached; try again later."),
    504: (504, _SERVER, "timeout", "The provider took too long."),
    529: (503, _SERVER, "overloaded", "The provider is overloaded."),
}
"""Status, type, code and message for the client, by what the provider said."""

_TOLD: Final = frozenset({400, 413, 422})
_SERVERS: Final = range(500, 600)
_LONGEST: Final = 500
_TOO_LONG: Final = re.compile(
    r"prompt is too long|exceeds? the maximum (?:number of tokens|input token)|exceeds? (?:the )?context"
    r"|context (?:length|window)",
    re.IGNORECASE,
)
_UNPAID: Final = re.compile(r"credit balance is too low|exceeded your current quota", re.IGNORECASE)
_ACCOUNT: Final = re.compile(
    r"\b(?:sk|org|req|wrkspc|user|acct|key)[-_][\w-]{6,}|AIza[\w-]{10,}|ya29\.[\w.-]{10,}"
    r"|projects?[ /:_]{1,2}\S{1,100}|consumer\S{0,100}|[\w.+-]{1,64}@[\w.-]{1,100}|https?://\S{1,400}",
    re.ASCII | re.IGNORECASE,
)


def failure(status: int, said: object) -> tuple[int, dict[str, object]]:
    """Status and error object for the client.

    Args:
        status: of the provider's answer, or what an error in a stream amounts to; 4xx or 5xx.
        said: the provider's message, if it is a text.
    """
    words = said[:_LONGEST] if isinstance(said, str) else ""
    if status in _TOLD and _UNPAID.search(words):
        status = 402
    is_theirs = status in _SERVERS
    fallback = (
        status,
        _SERVER if is_theirs else _INVALID,
        "provider_error" if is_theirs else None,
        f"The provider {'failed' if is_theirs else 'answered'} with status {status}.",
    )
    seen, kind, code, message = _TABLE.get(status, fallback)
    if status in _TOLD and words:
        code = "context_length_exceeded" if _TOO_LONG.search(words) else code
        message = _ACCOUNT.sub("[removed]", words)
    return seen, {"message": message, "type": kind, "param": None, "code": code}


def broken(message: str = UNREADABLE) -> dict[str, object]:
    """The error object for an answer that cannot be understood."""
    return {"message": message, "type": _SERVER, "param": None, "code": "provider_error"}


def error(message: str, kind: str = _SERVER, code: str | None = "provider_error") -> bytes:
    """An error body in OpenAI's form."""
    return body({"message": message, "type": kind, "param": None, "code": code})


def body(found: dict[str, object]) -> bytes:
    """An error object as a body of OpenAI's."""
    return encode(dump({"error": found}))
