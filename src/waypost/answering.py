"""A provider's answer on its way to the client: read in the provider's form, written in the client's.

Rule 1: pure. What passes in one form passes byte for byte, but for what was masked and for a tap that learns
what the answer used.
Rule 2: forms never meet each other: what is translated stands in the neutral form between.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from waypost.dialects import failures, sse
from waypost.dialects.clients import CLIENTS
from waypost.dialects.foreign import Reply, mapping
from waypost.dialects.forms import Part, Reader
from waypost.dialects.gemini_errors import retry_after
from waypost.dialects.openai_chat import completion
from waypost.dialects.reading import NEUTRAL
from waypost.dialects.restore import OpenAiChatStream, SseRestorer, restore_json
from waypost.dialects.servers import SERVERS
from waypost.dialects.tap import StreamTap, body_usage
from waypost.providers.refusals import reason
from waypost.request.chat import ChatRequest, Dialect
from waypost.usage import Usage, from_openai

_NEUTRAL: Final[Mapping[Dialect, Dialect]] = {"gemini_embeddings": "openai_embeddings"}
_BAD_GATEWAY: Final = 502
_GOOD: Final = 200
_ERRORS: Final = (b'{"error"', b'{"type":"error"')
"""How an error begins in the forms that clients read."""

_ERROR_MARK: Final = b'"error"'
_SERVER_ERROR: Final = 500
_OWN: Final = ("router_", "provider_", "gateway_")
"""How codes of errors begin that Envoy answers with itself."""

_GEMINI: Final = frozenset({"gemini", "gemini_embeddings"})


@dataclass(frozen=True, slots=True)
class Answering:
    """What becomes of one answer.

    Attributes:
        spoken: form the provider answers in.
        request: of the client, whose form and wishes are to be met.
        reply: what the provider does not say.
        values: what placeholders stand for; empty = nothing is put back.
        json_content: the text of the answer is JSON.
        drops_usage: the client did not ask a stream for its usage.
    """

    spoken: Dialect
    request: ChatRequest
    reply: Reply
    values: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    json_content: bool = False
    drops_usage: bool = False

    @property
    def neutral(self) -> Dialect:
        """The form between; the client's own where nothing is translated. Placeholders are put back in it."""
        if self.spoken in NEUTRAL or (self.spoken == self.request.dialect and not self.values):
            return self.spoken
        return _NEUTRAL.get(self.spoken, "openai_chat")

    @property
    def translates(self) -> bool:
        """Whether the provider and the client speak different forms."""
        return self.spoken != self.request.dialect

    def stream(self) -> "Stream":
        """The way of an answer that comes in pieces."""
        tap = StreamTap(self.neutral, drop_usage=self.drops_usage)
        reader = SERVERS[self.spoken].stream(self.reply) if self.spoken != self.neutral else None
        parts: list[Part] = [tap] if reader is None else [reader, tap]
        if reader is None and self.translates:
            parts.append(Discreet())
        if self.values:
            parts.append(SseRestorer(self.values, OpenAiChatStream(json_content=self.json_content)))
        if self.request.dialect != self.neutral:
            parts.append(CLIENTS[self.request.dialect].stream(self.request.body))
        return Stream(parts, tap, reader)

    def whole(self, status: int, body: bytes) -> "Whole":
        """An answer that came whole, or an error.

        Args:
            status: of the provider, 200 or an error.
            body: JSON of the provider's form.
        """
        if status != _GOOD:
            return self._failed(status, body)
        foreign = self.spoken != self.neutral
        neutral = SERVERS[self.spoken].read_response(body, self.reply) if foreign else body
        if foreign and neutral.startswith(b'{"error"'):
            return self.told(_BAD_GATEWAY, neutral)
        usage = body_usage(self.neutral, neutral)
        if self.values:
            neutral = restore_json(neutral, self.values, json_content=self.json_content)
        if self.request.dialect != self.neutral:
            neutral = CLIENTS[self.request.dialect].write_response(neutral, self.request.body)
            if neutral.startswith(_ERRORS):
                return self.told(_BAD_GATEWAY, failures.error(failures.UNREADABLE))
        return Whole(_GOOD, neutral, usage)

    def _failed(self, status: int, body: bytes) -> "Whole":
        if reason(self.spoken, status, body) == "quota":
            seen, spent = failures.failure(HTTPStatus.PAYMENT_REQUIRED, None)
            return self.told(seen, failures.body(spent))
        error = _openai_error(body)  # also Envoy's own, whoever was asked
        server = SERVERS.get(self.spoken)
        if error is None and server is not None:
            seen, said = server.read_error(status, body)
            is_bill = seen >= _SERVER_ERROR > status  # what only the operator can mend
            if self.translates or is_bill:
                return self.told(seen, said, retry_after(body) if self.spoken in _GEMINI else None)
        if error is None and not self.translates:
            return Whole(status, body)
        if self.translates and not _is_own(error):
            status, told = failures.failure(status, (error or {}).get("message"))
            body = failures.body(told)
        return self.told(status, body)

    def told(self, status: int, body: bytes, wait: int | None = None) -> "Whole":
        """An error of OpenAI's shape as this client reads it."""
        return Whole(status, failure(self.request.dialect, status, body), retry_after=wait)


class Discreet:
    """Events of OpenAI's form on their way to another one: a provider's words about its error stay behind."""

    def feed(self, chunk: bytes) -> bytes:
        """The next events, each of them whole."""
        if _ERROR_MARK not in chunk:
            return chunk
        events = [(event, event.document() or {}) for event in sse.SseReader().feed(chunk)]
        return b"".join(
            sse.write(_told(document["error"]) if document.get("error") else event.data or b"")
            for event, document in events
        )

    def end(self) -> bytes:
        """Nothing was kept."""
        return b""


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer as the client gets it.

    Attributes:
        usage: None = not known.
        retry_after: seconds that the body asks for; None = it does not.
    """

    status: int
    body: bytes
    usage: Usage | None = None
    retry_after: int | None = None


class Stream:
    """The parts that a streamed answer goes through."""

    def __init__(self, parts: Sequence[Part], tap: StreamTap, reader: Reader | None = None) -> None:
        self._parts = tuple(parts)
        self._reader = reader
        self.tap = tap

    @property
    def usage(self) -> Usage | None:
        """What it used as far as the provider told. Of an answer that broke off only its reader knows it."""
        early = None if self._reader is None else from_openai(self._reader.usage)
        return self.tap.usage or early

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes: the same object where they pass as they came."""
        for part in self._parts:
            if not chunk:
                return b""
            chunk = part.feed(chunk)
        return chunk

    def end(self) -> bytes:
        """The provider ended its answer: what is still to be said."""
        rest = b""
        for part in self._parts:
            rest = (part.feed(rest) if rest else b"") + part.end()
        return rest


def failure(dialect: Dialect, status: int, body: bytes) -> bytes:
    """An error of OpenAI's shape as clients of a form read it."""
    client = CLIENTS.get(dialect)
    return body if client is None else client.write_error(status, body)


def _openai_error(body: bytes) -> Mapping[str, object] | None:
    try:
        document = mapping(json.loads(body))
    except (ValueError, RecursionError):
        return None
    told = mapping((document or {}).get("error")) or {}
    return told if "param" in told and isinstance(told.get("type"), str) else None


def fixed(request: ChatRequest, text: str, ident: str, created: int, *, blocked: bool) -> tuple[str, bytes]:
    """A fixed answer in the client's form: content type and body; arguments as for `completion`."""
    kind, body = completion(request, text, ident, created, blocked=blocked)
    client = CLIENTS.get(request.dialect)
    if client is None or request.dialect == "openai_chat":
        return kind, body
    if not request.stream:
        return kind, client.write_response(body, request.body)
    writer = client.stream(request.body)
    return kind, writer.feed(body) + writer.end()


def _is_own(error: Mapping[str, object] | None) -> bool:
    code = (error or {}).get("code")
    return isinstance(code, str) and code.startswith(_OWN)


def _told(error: object) -> bytes:
    """An error within a stream; the gateway's own keeps its words."""
    said = mapping(error)
    if said is not None and _is_own(said):
        return failures.body(dict(said))
    return failures.body(failures.failure(_SERVER_ERROR, None)[1])
