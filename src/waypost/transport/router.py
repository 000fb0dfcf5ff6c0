"""The router role: one gRPC stream = one request, from its headers to the end of its answer.

headers -> body -> decision -> response headers -> response body -> result. State dies with the stream.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final, assert_never

from waypost.answering import Answering, Stream, failure, fixed
from waypost.attempt import FORM, HOPS, form_id
from waypost.dialects import anthropic_messages
from waypost.dialects.anthropic_request import VERSION
from waypost.dialects.foreign import Reply as Unsaid
from waypost.dialects.openai_chat import error, wants_base64, wants_json, wants_usage
from waypost.dialects.reading import read_request
from waypost.errors import EngineError, ProtocolError, RequestError
from waypost.journey import Answer, Forward, Outcome, Refuse, known_model, route
from waypost.leaving import Leaving
from waypost.mutations.parameters import adjusted
from waypost.needs import Recall, Remembered
from waypost.observe.metrics import Metrics
from waypost.policy import Policy
from waypost.providers.chain import hop_id
from waypost.providers.provider import Endpoint
from waypost.providers.refusals import wait_seconds
from waypost.providers.sign import CLIENTS_OWN
from waypost.request.chat import ChatRequest
from waypost.request.identity import identify
from waypost.selection.live import Conversations, Health
from waypost.settle import MAX_WAIT_SECONDS, SHOULD_RETRY, Settled, settle, told
from waypost.transport.accounting import charge_of, count, count_attempts, result_record
from waypost.transport.breakers import Breakers
from waypost.transport.doors import COUNT_TOKENS, Door, unknown_model
from waypost.transport.driver import Ports, drive
from waypost.transport.keys import Keys
from waypost.transport.messages import Reply, change, immediate, read_attribute, read_headers
from waypost.transport.phases import Phase, Role
from waypost.transport.recording import AuditSink, decision_record, guard_headers
from waypost.transport.wire_pb2 import (
    BodyResponse,
    HeadersResponse,
    ProcessingMode,
    ProcessingRequest,
    ProcessingResponse,
)
from waypost.usage import Usage

log: Final = logging.getLogger(__name__)

LARGE_BYTES: Final = 256 * 1024
"""Bodies above it are read in a thread: parsing and searching 1 MB takes about 10 ms of ordinary text."""

SMALL_BYTES: Final = 16 * 1024
"""Requests up to here may stay in memory while they are answered; taking them apart costs more."""

_PASSED_ON: Final = frozenset(
    {"accept", "content-type", "content-length", "traceparent", "user-agent"}
    | {"x-request-id", "x-forwarded-proto", "host", "transfer-encoding"}
)
"""Headers that stay, besides the pseudo-headers. Framing is Envoy's to keep, and without `x-forwarded-proto`
it finds no route."""

_QUALITY: Final = r"(?:; ?q=[01](?:\.\d{1,3})?)?"
_ACCEPT: Final = rf"(?:application/json|text/event-stream|\*/\*){_QUALITY}"
_PLAIN: Final = {
    "accept": re.compile(f"{_ACCEPT}(?:, ?{_ACCEPT})*"),
    "traceparent": re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
}
"""All that a client may say in a header that stays: no rule reads headers for what must not leave."""

_REWRITTEN: Final = (("content-type", "application/json"), ("user-agent", "waypost"))
"""A client's own say what they like, and no rule reads them."""

_GOOD: Final = range(200, 300)
_FAILED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)})
"""A provider's failure, as its health counts it; other errors are the client's."""

_READABLE: Final = (("accept-encoding", "identity"),)
"""Every answer is read: what it used, and whether it came to its end."""

_LIST: Final = re.compile(r"[a-z0-9-]{1,100}(?:, ?[a-z0-9-]{1,100}){0,31}")
"""All that a client may say in these: names of versions and betas."""

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
        keys: credentials, and who wants to be left alone.
        breakers: who keeps failing.
        metrics: what is counted.
    """

    policy: Callable[[], Policy]
    audit: AuditSink
    now: Callable[[], float]
    ports: Ports = field(default_factory=Ports)
    started: int = 0
    clock: Callable[[], float] = time.monotonic
    health: Health = field(default_factory=lambda: Health(time.monotonic))
    conversations: Conversations = field(default_factory=lambda: Conversations(time.monotonic))
    keys: Keys = field(default_factory=lambda: Keys(time.monotonic))
    breakers: Breakers = field(default_factory=lambda: Breakers(time.monotonic))
    metrics: Metrics = field(default_factory=Metrics)

    def recall(self, need: Recall) -> Remembered:
        """What is remembered of a conversation and of endpoints."""
        kept = self.conversations.kept(need.key) if need.key is not None else None
        known = self.policy().endpoints
        named = [known[name] for name in need.endpoints if name in known]
        return Remembered(
            kept,
            self.health.snapshot(need.endpoints),
            {each.name: seconds for each in named if (seconds := self._resting(each)) > 0},
            frozenset(each.name for each in named if self.keys.is_absent(each)),
        )

    def _resting(self, endpoint: Endpoint) -> float:
        return max(self.keys.cooling(endpoint), self.breakers.resting(endpoint.provider.name))


class Router:
    """The conversation of one request."""

    role: Role = "router"

    def __init__(self, routing: Routing) -> None:
        self.done = False
        self._routing = routing
        self._policy = routing.policy()
        self._headers: tuple[tuple[str, str], ...] = ()
        self._source = ""
        self._door = Door("", "", "openai_chat")
        self._request_id = ""
        self._outcome: Outcome | None = None
        self._sent: Sent | None = None
        self._settled: Settled | None = None
        self._stream: Stream | None = None
        self._usage: Usage | None = None

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
        if self._sent is None:
            return
        settled, stream = self._settled, self._stream
        charge = charge_of(self._policy, settled, stream.usage if stream else self._usage)
        end = stream.tap.outcome if stream else None
        count(self._routing.metrics, self._sent.outcome.decision.rule.name, settled, charge, end)
        record = result_record(self._policy, self._request_id, settled, charge, end)
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
        self._door = Door.of(headers)
        try:
            reply = self._door.at_once(self._policy, self._routing.started)
            if reply is None:
                _expect_body(headers, end_of_stream=message.request_headers.end_of_stream)
        except RequestError as wrong:
            reply = self._mistake(wrong)
        if reply is not None:
            return self._reply(reply)
        return ProcessingResponse(request_headers=HeadersResponse(), mode_override=_AND_RESPONSE)

    # --- request body

    async def _on_body(self, message: ProcessingRequest) -> ProcessingResponse:
        body = message.request_body.body
        aside = len(body) > LARGE_BYTES
        try:
            if self._door.path == COUNT_TOKENS:
                return self._reply(await asyncio.to_thread(_counted, body) if aside else _counted(body))
            request = await asyncio.to_thread(self._read, body) if aside else self._read(body)
        except RequestError as wrong:
            return self._reply(self._mistake(wrong))
        outcome = await drive(
            route(self._policy, request),
            replace(self._routing.ports, recall=self._routing.recall),
            aside=aside,
        )
        if isinstance(outcome, Answer) and request.dialect == "openai_embeddings":
            text = f"Rule {outcome.decision.rule.name!r} answers with a fixed text, which is no embedding."
            outcome = Refuse(403, "blocked", text, outcome.decision, outcome.verdicts)
        try:
            digest = self._routing.audit.digest(request.body)
            await self._routing.audit.append(
                decision_record(self._policy, request, outcome, self._request_id, digest)
            )
        except EngineError as failed:
            log.error("request %s refused, it cannot be recorded: %s", self._request_id, failed)  # noqa: TRY400
            return self._reply(self._mistake(_UNRECORDED))
        self._outcome = outcome
        match outcome:
            case Forward():
                answer = self._forward(outcome)
                self._sent = Sent.of(request, outcome, self._routing.clock())
                return answer
            case Answer(text):
                reply = self._fixed(request, text)
            case Refuse():
                reply = self._refusal(request, outcome)
            case _:
                assert_never(outcome)
        self._routing.metrics.ended(outcome.decision.rule.name, None, reply.status)
        return self._reply(reply)

    def _fixed(self, request: ChatRequest, text: str, code: str = "answered") -> Reply:
        now = int(self._routing.now())
        kind, body = fixed(request, text, self._request_id, now, blocked=code != "answered")
        return Reply(200, code, body, content_type=kind)

    def _refusal(self, request: ChatRequest, refusal: Refuse) -> Reply:
        """An error, or what looks like a model that declines; a fault of the gateway is always an error."""
        status, code, text = refusal.status, refusal.code, refusal.message
        is_policy = status == HTTPStatus.FORBIDDEN
        if is_policy and self._policy.block_style == "openai" and request.dialect != "openai_embeddings":
            return self._fixed(request, text, code)
        kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "policy_violation"
        if refusal.param is not None:
            kind = "invalid_request_error"
        return self._mistake(RequestError(text, status, code, refusal.param, kind), (SHOULD_RETRY, "false"))

    def _read(self, body: bytes) -> ChatRequest:
        policy = self._policy
        hops = policy.identity
        names = (hops.team_header, hops.tenant_header, hops.user_header)
        request = read_request(
            body,
            self._door.dialect,
            headers=self._headers,
            identity=identify(self._source, hops.trusted_hops, self._headers, names),
        )
        if not known_model(policy, request.model):
            raise unknown_model(request.model)
        wants_usage(request)  # remembered: its answer must not have to walk through a large body
        return request

    def _forward(self, outcome: Forward) -> ProcessingResponse:
        """Send it along the chain: opaque ids for Envoy, and one body for every attempt."""
        leaving, shape = outcome.leaving, outcome.shape
        revision = self._policy.revision
        hops = [(name, hop_id(revision, t.key)) for name, t in zip(HOPS, leaving.targets, strict=False)]
        taken = (name for name, value in self._headers if name[0] != ":" and not _stays(name, value))
        unwanted = shape.request.remove
        changed = dict(
            [
                *hops,
                (FORM, _form(revision, leaving)),
                ("x-envoy-max-retries", str(len(hops) - 1)),
                *((name, value) for name, value in _REWRITTEN if name not in unwanted),
                *shape.request.set,
                *_READABLE,
                *_own_form(self._headers, leaving),
            ]
        )
        response = ProcessingResponse()
        response.request_body.response.clear_route_cache = True
        change(
            response.request_body.response,
            changed.items(),
            [name for name in dict.fromkeys((*taken, *unwanted)) if name not in changed],
            body=leaving.body,
        )
        return response

    # --- response headers

    def _on_response(self, message: ProcessingRequest) -> ProcessingResponse:
        response = ProcessingResponse()
        sent = self._sent
        if sent is None:  # Envoy's own answer to a request that went nowhere
            change(response.response_headers.response, self._own_headers().items())
            return response
        headers = dict(read_headers(message.response_headers.headers))
        attempts = int(read_attribute(message, "upstream.request_attempt_count") or 0)
        ends = message.response_headers.end_of_stream
        settled = settle(sent.leaving, self._door.dialect, attempts, headers, ends=ends)
        self._observe(sent, settled, headers)
        self._settled = settled
        self.done = settled.reads == "nothing"
        if settled.body is not None:
            body = failure(self._door.dialect, settled.status, settled.body)
            return self._reply(Reply(settled.status, settled.code, body, settled.set_headers))
        changed = {
            **dict(sent.outcome.shape.response.set),
            **dict(settled.set_headers),
            **self._own_headers(),
        }
        if "x-request-id" not in headers:  # SDKs read it; a provider's own is for the provider's support
            changed["x-request-id"] = self._request_id
        if settled.target is not None and settled.status in _GOOD:
            prompted, category = sent.outcome.shaped.prompted, sent.outcome.decision.rule.category
            changed |= told(settled.target, prompted=prompted, category=category)
        removed = {*settled.remove_headers, *sent.outcome.shape.response.remove}
        if settled.reads != "nothing":
            is_stream = settled.reads == "stream"
            mode = ProcessingMode.STREAMED if is_stream else ProcessingMode.BUFFERED
            response.mode_override.response_body_mode = mode
            response.mode_override.response_header_mode = ProcessingMode.SEND
            if is_stream:
                removed.add("content-length")
                self._stream = self._answering(sent, settled).stream()
        change(response.response_headers.response, changed.items(), [n for n in removed if n not in changed])
        return response

    def _answering(self, sent: "Sent", settled: Settled) -> Answering:
        request, leaving = sent.request, sent.leaving
        masked = sent.outcome.masked if sent.outcome.restore else None
        unsaid = Unsaid(
            model=request.model,
            ident=f"chatcmpl-{self._request_id.replace('-', '')}",
            created=int(self._routing.now()),
            include_usage=True,
            is_base64=sent.wishes.base64,
        )
        return Answering(
            spoken=self._door.dialect if settled.target is None else leaving.spoken(settled.target),
            request=request,
            reply=unsaid,
            values=masked.values if masked else {},
            json_content=sent.outcome.restore and sent.wishes.json,
            drops_usage=request.dialect == "openai_chat" and not sent.wishes.usage,
        )

    def _observe(self, sent: "Sent", settled: Settled, headers: Mapping[str, str]) -> None:
        """Tell what this process remembers: how each endpoint did that was tried, and who served."""
        tried = sent.leaving.targets[: settled.attempts]
        providers = [each.endpoint.provider.name for each in tried]
        count_attempts(self._routing.metrics, providers, int(headers[":status"]))
        for target in tried[:-1]:
            self._routing.health.observe(target.endpoint.name, None, error=True)
            self._routing.breakers.failed(target.endpoint.provider.name, self._request_id)
        if not tried:
            return
        # Behind a failed attempt nobody knows when this one began.
        seconds = self._routing.clock() - sent.at if len(tried) == 1 else None
        failed = settled.status in _FAILED
        status = int(headers[":status"])
        is_clients = status == HTTPStatus.NOT_FOUND and sent.leaving.native
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._routing.breakers.failed(providers[-1], self._request_id)
        else:
            self._routing.breakers.answered(providers[-1])
        if status >= HTTPStatus.BAD_REQUEST and not is_clients:
            wait = wait_seconds(headers, now=self._routing.now())
            self._routing.keys.told(tried[-1], status, wait)
        self._routing.health.observe(tried[-1].endpoint.name, None if failed else seconds, error=failed)
        if sent.outcome.conversation is not None and not failed:
            self._routing.conversations.keep(sent.outcome.conversation, tried[-1].endpoint.name)

    # --- response body

    async def _on_response_body(self, message: ProcessingRequest) -> ProcessingResponse:
        """Pass it on: as it came where nothing changes."""
        piece, end = message.response_body.body, message.response_body.end_of_stream
        self.done = end
        response = ProcessingResponse(response_body=BodyResponse())
        if self._stream is not None:
            body = self._stream.feed(piece) + (self._stream.end() if end else b"")
            if not body and piece:
                response.response_body.response.body_mutation.clear_body = True
            elif body != piece:
                response.response_body.response.body_mutation.body = body
            return response
        sent, settled = self._sent, self._settled
        if sent is None or settled is None:
            raise ProtocolError("a response body that nobody asked for: check processing_mode")
        answering = self._answering(sent, settled)
        if len(piece) > LARGE_BYTES:
            whole = await asyncio.to_thread(answering.whole, settled.status, piece)
        else:
            whole = answering.whole(settled.status, piece)
        self.done = True
        self._usage = whole.usage
        self._settled = replace(settled, status=whole.status)
        changed = self._costs(settled)
        if whole.status != settled.status or whole.body is not piece:
            changed[":status"] = str(whole.status)
            if whole.retry_after is not None:
                changed["retry-after"] = str(min(whole.retry_after, MAX_WAIT_SECONDS))
            change(response.response_body.response, changed.items(), body=whole.body)
        elif changed:
            change(response.response_body.response, changed.items())
        return response

    def _costs(self, settled: Settled) -> dict[str, str]:
        """What the client is told of the costs of an answer that came whole."""
        told = self._policy.costs.headers
        return charge_of(self._policy, settled, self._usage).headers() if told else {}

    # --- common

    def _own_headers(self) -> dict[str, str]:
        own = {"x-waypost-request-id": self._request_id}
        if self._door.dialect == "anthropic_messages":
            own["request-id"] = self._request_id
        if self._outcome is not None:
            rule = self._outcome.decision.rule
            own["x-waypost-decision"] = rule.name
            if rule.category:
                own["x-waypost-category"] = rule.category
            own |= guard_headers(self._outcome)
            if isinstance(self._outcome, Forward) and self._outcome.shaped.adjustments:
                own["x-waypost-adjusted"] = adjusted(self._outcome.shaped.adjustments)
        return own

    def _mistake(self, wrong: RequestError, *headers: tuple[str, str]) -> Reply:
        """An error as this client reads it."""
        if wrong.code == "method_not_allowed":
            headers = ("allow", self._door.allowed), *headers
        body = error(wrong.message, wrong.kind, wrong.code, wrong.param)
        return Reply(wrong.status, wrong.code, failure(self._door.dialect, wrong.status, body), headers)

    def _reply(self, reply: Reply) -> ProcessingResponse:
        self.done = True
        return immediate(reply, {"x-request-id": self._request_id} | self._own_headers())


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the neutral request says of its answer."""

    usage: bool
    json: bool
    base64: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was sent along its chain; `at` is when, by the clock of `Routing`."""

    request: ChatRequest
    outcome: Forward
    at: float
    wishes: "Wishes"

    @classmethod
    def of(cls, request: ChatRequest, outcome: Forward, at: float) -> "Sent":
        """Without what nobody reads any more: an answer may take minutes, and a request be large."""
        wishes = Wishes(wants_usage(request), wants_json(request), wants_base64(request))
        if len(request.original) <= SMALL_BYTES:
            return cls(request, outcome, at, wishes)
        light = replace(request, original=b"", messages=(), fields=(), memo={})
        shaped, leaving = replace(outcome.shaped, body=None), replace(outcome.leaving, body=None)
        return cls(light, replace(outcome, shaped=shaped, leaving=leaving), at, wishes)

    @property
    def leaving(self) -> Leaving:
        """What was sent, and along which chain."""
        return self.outcome.leaving


_UNRECORDED: Final = RequestError(
    "Decisions cannot be recorded at the moment, so none is made.",
    503,
    "audit_unavailable",
    kind="server_error",
)


def _counted(body: bytes) -> Reply:
    """An estimate, so that nothing has to leave for it."""
    counted = b'{"input_tokens":%d}' % anthropic_messages.count_tokens(body)
    return Reply(200, "counted", counted, (("x-waypost-estimated", "true"),))


def _own_form(headers: Iterable[tuple[str, str]], leaving: Leaving) -> Iterator[tuple[str, str]]:
    """Headers that belong to the client's own form, where all who are asked speak it."""
    names = CLIENTS_OWN.get(leaving.form, ())
    found = {name: value for name, value in headers if name in names and _LIST.fullmatch(value)}
    if leaving.form == "anthropic_messages":
        found = {"anthropic-version": VERSION} | found
    yield from found.items()


def _form(revision: str, leaving: Leaving) -> str:
    return form_id(revision, leaving.form, mixed=leaving.mixed, native=leaving.native, fitted=leaving.fitted)


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
