"""The router role: one gRPC stream = one request, from its headers to the response headers.

headers -> body -> decision -> response headers -> result. State dies with the stream.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Final, assert_never
from urllib.parse import unquote

from waypost.attempt import FORM, HOPS, form_id
from waypost.dialects.openai_chat import completion, error, model_object, models_list, parse, wants_json
from waypost.dialects.restore import OpenAiChatStream, SseRestorer, restore_json
from waypost.dialects.spans import replace_model
from waypost.errors import EngineError, RequestError
from waypost.journey import Answer, Forward, Outcome, Refuse, known_model, route
from waypost.mutations.parameters import adjusted
from waypost.needs import Recall, Remembered
from waypost.policy import Policy
from waypost.providers.chain import hop_id
from waypost.record import AuditRecord
from waypost.request.chat import ChatRequest, Dialect
from waypost.request.identity import identify
from waypost.selection.live import Conversations, Health
from waypost.settle import SHOULD_RETRY, Settled, settle
from waypost.transport.driver import Ports, drive
from waypost.transport.messages import Reply, change, immediate, read_attribute, read_headers
from waypost.transport.phases import Phase, Role
from waypost.transport.recording import AuditSink, decision_record, guard_headers
from waypost.transport.wire_pb2 import HeadersResponse, ProcessingMode, ProcessingRequest, ProcessingResponse

log: Final = logging.getLogger(__name__)

LARGE_BYTES: Final = 256 * 1024
"""Bodies above it are read in a thread: parsing and searching 1 MB takes about 10 ms of ordinary text."""

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"
MODELS: Final = "/v1/models"

_DIALECTS: Final[dict[str, Dialect]] = {CHAT: "openai_chat", EMBEDDINGS: "openai_embeddings"}

_PASSED_ON: Final = frozenset(
    {"accept", "accept-encoding", "content-type", "content-length", "traceparent", "user-agent"}
    | {"x-request-id", "x-forwarded-proto", "host", "transfer-encoding"}
)
"""Headers that stay, besides the pseudo-headers. Framing is Envoy's to keep, and without `x-forwarded-proto`
it finds no route."""

_QUALITY: Final = r"(?:; ?q=[01](?:\.\d{1,3})?)?"
_ACCEPT: Final = rf"(?:application/json|text/event-stream|\*/\*){_QUALITY}"
_ENCODING: Final = rf"(?:gzip|deflate|br|zstd|identity|\*){_QUALITY}"
_PLAIN: Final = {
    "accept": re.compile(f"{_ACCEPT}(?:, ?{_ACCEPT})*"),
    "accept-encoding": re.compile(f"{_ENCODING}(?:, ?{_ENCODING})*"),
    "traceparent": re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
}
"""All that a client may say in a header that stays: no rule reads headers for what must not leave."""

_REWRITTEN: Final = (("content-type", "application/json"), ("user-agent", "waypost"))
"""A client's own say what they like, and no rule reads them."""

_FAILED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)})
"""A provider's failure, as its health counts it; other errors are the client's."""

_READABLE: Final = (("accept-encoding", "identity"),)
"""Where the answer has to be read."""

_AND_RESPONSE: Final = ProcessingMode(
    request_header_mode=ProcessingMode.SEND,
    request_body_mode=ProcessingMode.BUFFERED,
    response_header_mode=ProcessingMode.SEND,
    request_trailer_mode=ProcessingMode.SKIP,
    response_trailer_mode=ProcessingMode.SKIP,
)
"""Response headers are asked for per request, not in the filter's configuration: an error that Envoy makes
before it asks us (431, malformed HTTP) would wait for our answer, and its connection is closed by then."""


@dataclass(frozen=True, slots=True)
class Routing:
    """What every request needs of the worker.

    Attributes:
        policy: the policy in force; a request asks once and keeps it.
        now: Unix seconds.
        started: Unix seconds, `created` of every listed model.
        clock: seconds that only grow.
        health: how endpoints do.
        conversations: who served which.
    """

    policy: Callable[[], Policy]
    audit: AuditSink
    now: Callable[[], float]
    ports: Ports = field(default_factory=Ports)
    started: int = 0
    clock: Callable[[], float] = time.monotonic
    health: Health = field(default_factory=lambda: Health(time.monotonic))
    conversations: Conversations = field(default_factory=lambda: Conversations(time.monotonic))

    def recall(self, need: Recall) -> Remembered:
        """What is remembered of a conversation and of endpoints."""
        kept = self.conversations.kept(need.key) if need.key is not None else None
        return Remembered(kept, self.health.snapshot(need.endpoints))


class Router:
    """The conversation of one request."""

    role: Role = "router"

    def __init__(self, routing: Routing) -> None:
        self.done = False
        self._routing = routing
        self._policy = routing.policy()
        self._headers: tuple[tuple[str, str], ...] = ()
        self._source = ""
        self._path = ""
        self._request_id = ""
        self._outcome: Outcome | None = None
        self._settled: Settled | None = None
        self._restorer: SseRestorer | None = None
        self._sent = 0.0
        self._wants_json = False

    async def answer(self, phase: Phase, message: ProcessingRequest) -> ProcessingResponse:
        """Answer one message."""
        match phase:
            case "request_headers":
                return self._on_headers(message)
            case "request_body":
                return await self._on_body(message)
            case "response_headers":
                return self._on_response(message)
            case "response_body":
                return await self._on_response_body(message)

    async def closed(self) -> None:
        """Record how a request that was sent ended; without an answer it was aborted."""
        if not isinstance(self._outcome, Forward):
            return
        record = AuditRecord("result", self._request_id, "aborted", config_sha256=self._policy.revision)
        if self._settled is not None:
            record = self._settled.record(self._request_id, self._policy.revision)
        try:
            await self._routing.audit.append(record)
        except EngineError as failed:
            log.error("result of request %s is not recorded: %s", self._request_id, failed)  # noqa: TRY400

    # --- request headers

    def _on_headers(self, message: ProcessingRequest) -> ProcessingResponse:
        self._headers = read_headers(message.request_headers.headers)
        self._source = read_attribute(message, "source.address")
        headers = dict(self._headers)
        self._request_id = headers.get("x-request-id", "")
        self._path = headers.get(":path", "").partition("?")[0]
        try:
            reply = self._at_once(headers)
            if reply is None:
                _expect_body(headers, end_of_stream=message.request_headers.end_of_stream)
        except RequestError as wrong:
            reply = _mistake(wrong)
        if reply is not None:
            return self._reply(reply)
        return ProcessingResponse(request_headers=HeadersResponse(), mode_override=_AND_RESPONSE)

    def _at_once(self, headers: Mapping[str, str]) -> Reply | None:
        """The answer that needs no body; None = this request has a body to wait for."""
        method = headers.get(":method", "")
        if self._path in _DIALECTS:
            return None if method == "POST" else _wrong_method(method, "POST")
        if self._path != MODELS and not self._path.startswith(f"{MODELS}/"):
            known = f"POST {CHAT}, POST {EMBEDDINGS}, GET {MODELS}"
            raise RequestError(f"Nothing is served at this path. There are: {known}.", 404, "not_found")
        if method != "GET":
            return _wrong_method(method, "GET")
        if self._path == MODELS:
            return Reply(200, "models", models_list(self._models(), self._routing.started))
        name = unquote(self._path.removeprefix(f"{MODELS}/"))
        owner = dict(self._models()).get(name)
        if owner is None:
            raise _unknown_model(name)
        return Reply(200, "models", model_object(name, owner, self._routing.started))

    def _models(self) -> Iterator[tuple[str, str]]:
        yield from ((name, "waypost") for name in sorted(self._policy.auto_names))
        yield from ((name, endpoint.provider.name) for name, endpoint in self._policy.endpoints.items())
        owners = {
            name: self._policy.endpoints[of].provider.name for name, (of, _) in self._policy.adapters.items()
        }
        yield from owners.items()

    # --- request body

    async def _on_body(self, message: ProcessingRequest) -> ProcessingResponse:
        body = message.request_body.body
        aside = len(body) > LARGE_BYTES
        try:
            request = await asyncio.to_thread(self._read, body) if aside else self._read(body)
        except RequestError as wrong:
            return self._reply(_mistake(wrong))
        outcome = await drive(
            route(self._policy, request),
            replace(self._routing.ports, recall=self._routing.recall),
            aside=aside,
        )
        if isinstance(outcome, Answer) and request.dialect == "openai_embeddings":
            text = f"Rule {outcome.decision.rule.name!r} answers with a fixed text, which is no embedding."
            outcome = Refuse(403, "blocked", text, outcome.decision, outcome.verdicts)
        try:
            digest = self._routing.audit.digest(request.original)
            await self._routing.audit.append(
                decision_record(self._policy, request, outcome, self._request_id, digest)
            )
        except EngineError as failed:
            log.error("request %s refused, it cannot be recorded: %s", self._request_id, failed)  # noqa: TRY400
            return self._reply(_UNRECORDED)
        self._outcome = outcome
        match outcome:
            case Forward():
                return self._forward(request, outcome)
            case Answer(text):
                kind, body = completion(request, text, self._request_id, int(self._routing.now()))
                return self._reply(Reply(200, "answered", body, content_type=kind))
            case Refuse():
                return self._reply(self._refusal(request, outcome))
            case _:
                assert_never(outcome)

    def _refusal(self, request: ChatRequest, refusal: Refuse) -> Reply:
        """An error, or what looks like a model that declines; a fault of the gateway is always an error."""
        status, code, text = refusal.status, refusal.code, refusal.message
        is_policy = status == HTTPStatus.FORBIDDEN
        if is_policy and self._policy.block_style == "openai" and request.dialect == "openai_chat":
            now = int(self._routing.now())
            kind, body = completion(request, text, self._request_id, now, blocked=True)
            return Reply(200, code, body, content_type=kind)
        kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "policy_violation"
        return Reply(status, code, error(text, kind, code), ((SHOULD_RETRY, "false"),))

    def _read(self, body: bytes) -> ChatRequest:
        policy = self._policy
        hops = policy.identity
        names = (hops.team_header, hops.tenant_header, hops.user_header)
        request = parse(
            body,
            _DIALECTS[self._path],
            headers=self._headers,
            identity=identify(self._source, hops.trusted_hops, self._headers, names),
        )
        if not known_model(policy, request.model):
            raise _unknown_model(request.model)
        return request

    def _forward(self, request: ChatRequest, outcome: Forward) -> ProcessingResponse:
        """Send it along the chain: hop ids for Envoy, the first endpoint's model in the body."""
        chain = outcome.selection.chain[: len(HOPS)]
        hops = [
            (header, hop_id(self._policy.revision, t.key))
            for header, t in zip(HOPS, outcome.targets, strict=False)
        ]
        self._sent = self._routing.clock()
        self._wants_json = outcome.restore and wants_json(request)
        taken = (name for name, value in self._headers if name[0] != ":" and not _stays(name, value))
        unwanted = outcome.shape.request.remove
        changed = dict(
            [
                *hops,
                (FORM, form_id(self._policy.revision, request.dialect)),
                ("x-envoy-max-retries", str(len(chain) - 1)),
                *((name, value) for name, value in _REWRITTEN if name not in unwanted),
                *outcome.shape.request.set,
                *(_READABLE if outcome.restore else ()),
            ]
        )
        response = ProcessingResponse()
        response.request_body.response.clear_route_cache = True
        change(
            response.request_body.response,
            changed.items(),
            [name for name in dict.fromkeys((*taken, *unwanted)) if name not in changed],
            body=_neutral(request, outcome),
        )
        return response

    # --- response headers

    def _on_response(self, message: ProcessingRequest) -> ProcessingResponse:
        response = ProcessingResponse()
        own = self._own_headers()
        if not isinstance(self._outcome, Forward):  # Envoy's own answer to a request that went nowhere
            change(response.response_headers.response, own.items())
            return response
        headers = dict(read_headers(message.response_headers.headers))
        attempts = int(read_attribute(message, "upstream.request_attempt_count") or 0)
        settled = settle(
            self._outcome.targets,
            attempts,
            headers,
            prompted=self._outcome.shaped.prompted,
            category=self._outcome.decision.rule.category,
        )
        self._observe(self._outcome, settled)
        self._settled = settled
        self.done = True
        if settled.body is not None:
            return self._reply(Reply(settled.status, settled.code, settled.body, settled.set_headers))
        shaped = self._outcome.shape.response
        kept = {name for name, _ in (*settled.set_headers, *shaped.set)} | own.keys()
        removed = (*settled.remove_headers, *(name for name in shaped.remove if name not in kept))
        if self._outcome.restore and self._can_restore(headers, end=message.response_headers.end_of_stream):
            self.done = False
            removed += ("content-length",)
            mode = ProcessingMode.STREAMED if self._restorer else ProcessingMode.BUFFERED
            response.mode_override.response_body_mode = mode
            response.mode_override.response_header_mode = ProcessingMode.SEND
        changed = [*shaped.set, *settled.set_headers, *own.items()]
        change(response.response_headers.response, changed, [n for n in removed if n not in dict(changed)])
        return response

    def _observe(self, outcome: Forward, settled: Settled) -> None:
        """Tell what this process remembers: how each endpoint did that was tried, and who served."""
        tried = outcome.targets[: settled.attempts]
        for target in tried[:-1]:
            self._routing.health.observe(target.endpoint.name, None, error=True)
        if not tried:
            return
        # Behind a failed attempt nobody knows when this one began.
        seconds = self._routing.clock() - self._sent if len(tried) == 1 else None
        failed = settled.status in _FAILED
        self._routing.health.observe(tried[-1].endpoint.name, None if failed else seconds, error=failed)
        if outcome.conversation is not None and not failed:
            self._routing.conversations.keep(outcome.conversation, tried[-1].endpoint.name)

    def _can_restore(self, headers: Mapping[str, str], *, end: bool) -> bool:
        """Whether the answer has a body that can be read; one that cannot passes with its placeholders."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if end or headers[":status"] != "200" or headers.get("content-encoding", "identity") != "identity":
            return False
        if kind == "text/event-stream":
            form = OpenAiChatStream(json_content=self._wants_json)
            self._restorer = SseRestorer(self._values(), form)
        return self._restorer is not None or kind == "application/json"

    def _values(self) -> Mapping[str, str]:
        masked = self._outcome.masked if isinstance(self._outcome, Forward) else None
        return masked.values if masked else {}

    async def _on_response_body(self, message: ProcessingRequest) -> ProcessingResponse:
        """Put back what was masked."""
        piece, end = message.response_body.body, message.response_body.end_of_stream
        response = ProcessingResponse()
        self.done = end
        if self._restorer is not None:
            body = self._restorer.feed(piece) + (self._restorer.end() if end else b"")
            if body:
                response.response_body.response.body_mutation.body = body
            else:
                response.response_body.response.body_mutation.clear_body = True
            return response
        aside = len(piece) > LARGE_BYTES
        values = self._values()
        restore = partial(restore_json, piece, values, json_content=self._wants_json)
        whole = await asyncio.to_thread(restore) if aside else restore()
        self.done = True
        change(response.response_body.response, body=whole)
        return response

    # --- common

    def _own_headers(self) -> dict[str, str]:
        own = {"x-waypost-request-id": self._request_id}
        if self._outcome is not None:
            rule = self._outcome.decision.rule
            own["x-waypost-decision"] = rule.name
            if rule.category:
                own["x-waypost-category"] = rule.category
            own |= guard_headers(self._outcome)
            if isinstance(self._outcome, Forward) and self._outcome.shaped.adjustments:
                own["x-waypost-adjusted"] = adjusted(self._outcome.shaped.adjustments)
        return own

    def _reply(self, reply: Reply) -> ProcessingResponse:
        self.done = True
        return immediate(reply, self._own_headers())


_UNRECORDED: Final = Reply(
    503,
    "audit_unavailable",
    error(
        "Decisions cannot be recorded at the moment, so none is made.", "server_error", "audit_unavailable"
    ),
)


def _neutral(request: ChatRequest, outcome: Forward) -> bytes | None:
    """The body that every attempt starts from; None = as the client sent it."""
    model = outcome.targets[0].model
    body = outcome.shaped.body
    if body is None:
        return None if model == request.model else replace_model(request.original, model)
    return replace_model(body, model)


def _stays(name: str, value: str) -> bool:
    return name in _PASSED_ON and (name not in _PLAIN or _PLAIN[name].fullmatch(value) is not None)


def _expect_body(headers: Mapping[str, str], *, end_of_stream: bool) -> None:
    if end_of_stream:
        raise RequestError("The request has no body.", 400, "missing_body")
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        message = "Compressed request bodies are not supported: send it without content-encoding."
        raise RequestError(message, 415, "unsupported_encoding")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if "origin" in headers and kind != "application/json":
        # A web page may send such a body to any address without being asked first; JSON it may not.
        message = "Requests from a browser must have content-type: application/json."
        raise RequestError(message, 415, "unsupported_media_type")


def _mistake(wrong: RequestError) -> Reply:
    return Reply(wrong.status, wrong.code, error(wrong.message, wrong.kind, wrong.code, wrong.param))


def _wrong_method(method: str, allowed: str) -> Reply:
    reply = _mistake(RequestError(f"{method} is not served here; {allowed} is.", 405, "method_not_allowed"))
    return replace(reply, headers=(("allow", allowed),))


def _unknown_model(name: str) -> RequestError:
    message = (
        f"There is no model {name[:100]!r} here. GET {MODELS} lists them; `auto` lets the router choose."
    )
    return RequestError(message, 404, "model_not_found", "model")
