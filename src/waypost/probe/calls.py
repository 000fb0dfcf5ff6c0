"""What a provider is asked, in the form it speaks, and how its answer is read.

Rule 1: pure, and with the same parts as traffic: what works here is written, addressed and read alike there.
Rule 2: of an answer only what we have words for comes out; a provider's own sentences may repeat anything.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from waypost.dialects.foreign import Reply, mapping, sequence
from waypost.dialects.servers import SERVERS
from waypost.errors import RequestError
from waypost.providers.provider import Provider
from waypost.request.chat import Dialect

PROMPT: Final = "Hi"
MOST_TOKENS: Final = 16
"""Of an answer; the least that OpenAI's Responses take."""

_REPLY: Final = Reply("probe", "probe", 0)
_NAME: Final = re.compile(r"[\w.:/@+-]{1,100}", re.ASCII)
_MANY: Final = 10_000
_COUNTED: Final = "max_completion_tokens"
"""What OpenAI's newer models want; others know `max_tokens` only."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        form: what it is in the neutral form: chat, embeddings, or one that only its provider speaks.
        written: dialect it is sent in.
        path: query included.
        headers: names in lower case; no credential among them.
    """

    form: Dialect
    written: Dialect
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def calls(provider: Provider, model: str) -> Iterator[Call]:
    """Requests of which one succeeds where the model is served; the usual one first.

    Whether a model chats, embeds or speaks Responses only, no configuration says.
    """
    message = {"role": "user", "content": PROMPT}
    wordings = (_COUNTED, "max_tokens") if provider.kind in {"openai", "azure_openai"} else ("max_tokens",)
    for limit in wordings:
        yield from _call(provider, "openai_chat", {"messages": [message], limit: MOST_TOKENS}, model)
    yield from _call(provider, "openai_embeddings", {"input": PROMPT}, model)
    if provider.speaks("openai_responses"):
        document = {"input": PROMPT, "max_output_tokens": MOST_TOKENS, "store": False}
        yield from _call(provider, "openai_responses", document, model)


def _call(provider: Provider, form: Dialect, fields: Mapping[str, Any], model: str) -> Iterator[Call]:
    document = {"model": model, **fields}
    if provider.speaks(form):
        body = json.dumps(document).encode()
        yield Call(form, form, provider.path(form, model), (), body)
        return
    written = provider.foreign(form)
    if written is not None:
        said = SERVERS[written].write_request(document, model, False, None)  # noqa: FBT003 - the door's own order
        yield Call(form, written, provider.base_path + said.path, said.headers, said.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, in our words.

    Attributes:
        status: as the provider meant it; some say 400 where others say 401.
        understood: our reader made of it what a client would get.
        code: of an error, where it is one that we know; else empty.
    """

    status: int
    understood: bool = False
    code: str = ""


_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_BAD_REQUEST: Final = 400


def read(call: Call, status: int, body: bytes) -> Answer:
    """Read an answer; whatever its bytes are, it is one."""
    if status == 200:  # noqa: PLR2004
        return Answer(status, _is_understood(call, body))
    if call.written in SERVERS:
        _, body = SERVERS[call.written].read_error(status, body)  # its status is the one for clients
    error = mapping((_document(body) or {}).get("error")) or {}
    words = {str(error.get(name)) for name in ("code", "type")}
    if "provider_rejected_credentials" in words and status == _BAD_REQUEST:
        status = 401  # as Google's API says it
    return Answer(status, code=next(iter(words & _CODES), ""))


def _is_understood(call: Call, body: bytes) -> bool:
    try:
        if call.written in SERVERS:
            body = SERVERS[call.written].read_response(body, _REPLY)
    except RequestError:
        return False
    document = _document(body) or {}
    match call.form:
        case "openai_embeddings":
            first = _first(document.get("data"))
            return bool(first and first.get("embedding"))
        case "openai_responses":
            return sequence(document.get("output")) is not None
        case _:
            first = _first(document.get("choices"))
            return first is not None and mapping(first.get("message")) is not None


def _first(value: object) -> dict[str, Any] | None:
    items = sequence(value)
    return mapping(items[0]) if items else None


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        return mapping(json.loads(body))
    except (ValueError, RecursionError):
        return None


def listing(provider: Provider) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """Path and headers of the question which models there are; None = this provider cannot be asked."""
    match provider.kind:
        case "anthropic":
            written = next(iter(calls(provider, "x")))
            return f"{provider.base_path}/models?limit=1000", written.headers
        case "gemini":
            return f"{provider.base_path}/models?pageSize=1000", ()
        case "azure_openai" if provider.api_version:
            return None
        case _:
            return f"{provider.base_path}/models", ()


def names(body: bytes) -> Sequence[str] | None:
    """Models of a list, in any provider's form; None = it is none. Odd names are left out."""
    document = _document(body) or {}
    items = sequence(document.get("data"))
    items = sequence(document.get("models")) if items is None else items
    if items is None:
        return None
    objects = (mapping(item) or {} for item in items[:_MANY])
    said = (str(each.get("id") or each.get("name") or "").removeprefix("models/") for each in objects)
    return [name for name in said if _NAME.fullmatch(name)]
