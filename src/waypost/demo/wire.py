"""What the demo's dialects and its sockets hand each other: a call, and what goes back.

Rule 1: no sockets here; a dialect is a function from a call to an answer.
"""

import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from waypost.demo.faults import NONE, Faults

Json = dict[str, Any]
Form = Literal["openai", "compatible", "anthropic", "gemini"]

CONTEXT: Final = "context_length_exceeded"
QUOTA: Final = "insufficient_quota"

_LETTERS: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class DemoProvider:
    """One provider of the demo.

    Attributes:
        variable: environment variable with its port; `demo.yaml` reads the same.
        api_key: key it demands, in the header of its form; not a secret.
        models: wire names it serves.
        form: dialect; `compatible` is OpenAI's as vLLM and others serve it, who take more than OpenAI does.
    """

    name: str
    variable: str
    default_port: int
    api_key: str
    models: tuple[str, ...]
    form: Form = "compatible"

    def port(self, environ: Mapping[str, str]) -> int:
        """Where it listens."""
        return int(environ.get(self.variable) or self.default_port)


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came.

    Attributes:
        query: parameters of the URL, the last of each name.
        headers: names in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, in its own dialect.

    Attributes:
        pieces: the body; of a stream one piece for each event.
        lead: pieces of a stream up to and with its second token.
        error: of a stream, an event that says it failed.
    """

    pieces: tuple[bytes, ...]
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    faults: Faults = NONE
    lead: int = 0
    error: bytes = b""


class RefusedError(Exception):
    """A request is answered with an error, in the shape of whoever answers.

    Attributes:
        status: as OpenAI would have it; a dialect may have another one for a `code`.
        param: path of the field.
        code: OpenAI's, or a reason of Google's.
        retry_after: seconds.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.retry_after = retry_after
        super().__init__(message)


def refuse_marked(faults: Faults, *, streams: bool) -> None:
    """Do what the request's marks want done instead of an answer.

    Args:
        faults: what the marks want.
        streams: whether the answer is a stream, in which an error can stand.

    Raises:
        RefusedError: an error is wanted, or a word in a mark is unknown.
    """
    if faults.unknown:
        raise RefusedError(400, f"There is no fault {faults.unknown!r}.", code="unknown_fault")
    if faults.has("context"):
        raise RefusedError(400, "The prompt does not fit into the model.", code=CONTEXT)
    if faults.has("quota"):
        raise RefusedError(429, "The account has nothing left.", code=QUOTA)
    status = faults.status or (500 if faults.has("error") and not streams else 0)
    if status:
        message = f"A fault of status {status} was asked for."
        raise RefusedError(status, message, retry_after=faults.retry_after)


def dump(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def whole(value: object, headers: tuple[tuple[str, str], ...] = (), faults: Faults = NONE) -> Answer:
    """A JSON answer."""
    return Answer((dump(value),), 200, (("content-type", "application/json"), *headers), faults)


def identifier(prefix: str, length: int) -> str:
    """A new id."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(length))


def refuse_strangers(call: Call, own: frozenset[str]) -> None:
    """Real providers do not look at each other's credentials; here one that went astray shows.

    Raises:
        RefusedError: 400.
    """
    astray = sorted((_CREDENTIALS - own) & call.headers.keys())
    if astray:
        raise RefusedError(400, f"The header {astray[0]!r} belongs to another provider.", param=astray[0])
    if "key" in call.query:
        raise RefusedError(400, "A key does not belong in a URL, where it is logged.", param="key")


_CREDENTIALS: Final = frozenset(
    {
        *("authorization", "x-api-key", "api-key", "x-goog-api-key"),
        *("anthropic-version", "anthropic-beta", "openai-organization", "openai-project"),
    }
)
