"""The upstream role: one gRPC stream = one attempt at one provider.

Attempts share what is known of credentials, and nothing of a request.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from waypost.attempt import Attempt, Hops, attempt
from waypost.dialects.openai_chat import error
from waypost.errors import ProtocolError, RequestError
from waypost.providers.refusals import MAX_BYTES, STEERED, reason, wait_seconds
from waypost.transport.breakers import Breakers
from waypost.transport.keys import Keys
from waypost.transport.messages import Reply, change, immediate, read_attribute, read_headers
from waypost.transport.phases import Phase, Role
from waypost.transport.wire_pb2 import ProcessingMode, ProcessingRequest, ProcessingResponse

log: Final = logging.getLogger(__name__)

LARGE_BYTES: Final = 256 * 1024
"""Bodies above it are written in a thread: translating 1 MB takes some 10 ms."""

_REFUSED: Final = Reply(
    503,
    "attempt_refused",
    error("The gateway could not address this request to its provider.", "server_error", "attempt_refused"),
    (("x-should-retry", "false"),),
)
_NO_FAILURE: Final = frozenset({401, 402, 403, 404, 408, 429})
"""Statuses that Envoy goes on from, which say nothing of how the provider does."""

_ELSEWHERE: Final = "503"
"""A status that Envoy goes on with along the chain."""


class Upstream:
    """The conversation of one attempt."""

    role: Role = "upstream"

    def __init__(
        self, hops: Callable[[], Hops], keys: Keys, breakers: Breakers, now: Callable[[], float]
    ) -> None:
        """Begin.

        Args:
            hops: asked once, when the attempt begins.
            keys: of this process.
            breakers: likewise.
            now: Unix seconds.
        """
        self.done = False
        self._hops = hops
        self._keys = keys
        self._breakers = breakers
        self._now = now
        self._attempt: Attempt | None = None
        self._key: str | None = None
        self._request_id = ""
        self._answer: Mapping[str, str] = {}

    async def answer(self, phase: Phase, message: ProcessingRequest) -> ProcessingResponse:
        """Sign the headers, write the body for this provider, and look at an error."""
        if phase == "request_headers":
            return self._on_headers(message)
        if self._attempt is None:
            raise ProtocolError(f"{phase} without request headers: set request_header_mode to SEND")
        match phase:
            case "request_body":
                return await self._on_body(self._attempt, message.request_body.body)
            case "response_headers":
                return self._on_response(self._attempt, message)
            case "response_body":
                return self._on_error(self._attempt, message.response_body.body)

    async def closed(self) -> None:
        """Nothing outlives an attempt."""

    def _on_headers(self, message: ProcessingRequest) -> ProcessingResponse:
        headers = dict(read_headers(message.request_headers.headers))
        try:
            planned = attempt(self._hops(), read_attribute(message, "xds.cluster_name"), headers)
        except ProtocolError as refused:
            # Not left to the filter's failure mode, which may be set to let requests pass.
            log.error("attempt refused: %s", refused)  # noqa: TRY400 - the message says it all
            self.done = True
            return immediate(_REFUSED, {})
        self._attempt = planned
        self._request_id = headers.get("x-request-id", "")
        self._key = self._keys.pick(planned.target)
        watched = _is_watched(planned)
        self.done = not planned.needs_body and not watched
        response = ProcessingResponse()
        change(response.request_headers.response, *planned.headers(self._key))
        asks = planned.needs_body and message.protocol_config.request_body_mode == ProcessingMode.NONE
        if asks or watched:
            mode = response.mode_override
            mode.request_header_mode = ProcessingMode.SEND
            mode.request_body_mode = (
                ProcessingMode.BUFFERED if asks else message.protocol_config.request_body_mode
            )
            mode.response_header_mode = ProcessingMode.SEND if watched else ProcessingMode.SKIP
        return response

    async def _on_body(self, planned: Attempt, left: bytes) -> ProcessingResponse:
        self.done = not _is_watched(planned)
        try:
            aside = len(left) > LARGE_BYTES
            sent = await asyncio.to_thread(planned.body, left) if aside else planned.body(left)
        except RequestError as wrong:
            self.done = True
            mistake = error(wrong.message, wrong.kind, wrong.code, wrong.param)
            return immediate(Reply(wrong.status, wrong.code, mistake, (("x-should-retry", "false"),)), {})
        response = ProcessingResponse()
        change(response.request_body.response, sent.headers, body=sent.body)
        return response

    def _on_response(self, planned: Attempt, message: ProcessingRequest) -> ProcessingResponse:
        """Touch nothing that passes; ask for the body of a small error that may say who else would do."""
        self._answer = dict(read_headers(message.response_headers.headers))
        response = ProcessingResponse()
        response.response_headers.SetInParent()
        if self._is_telling(planned) and not message.response_headers.end_of_stream:
            response.mode_override.response_header_mode = ProcessingMode.SEND
            response.mode_override.response_body_mode = ProcessingMode.BUFFERED
            return response
        self.done = True
        self._tell(planned, b"")
        return response

    def _is_telling(self, planned: Attempt) -> bool:
        """Only a body whose length is known to be small: longer ones can crash Envoy 1.40.0 here."""
        length = self._answer.get("content-length", "")
        return (
            bool(planned.later)
            and self._status in STEERED
            and self._answer.get("content-encoding", "identity") == "identity"
            and length.isascii()
            and length.isdigit()
            and 0 < int(length[:9]) <= MAX_BYTES
        )

    def _on_error(self, planned: Attempt, body: bytes) -> ProcessingResponse:
        self.done = True
        response = ProcessingResponse()
        response.response_body.SetInParent()
        if self._tell(planned, body):
            change(response.response_body.response, [(":status", _ELSEWHERE)])
        return response

    @property
    def _status(self) -> int:
        return int(self._answer.get(":status", "0"))

    def _tell(self, planned: Attempt, body: bytes) -> bool:
        """Remember how the provider answered; whether the request goes on along the chain because of it."""
        status = self._status
        if status < HTTPStatus.BAD_REQUEST:
            return False
        if status == HTTPStatus.NOT_FOUND and planned.form.native:
            return False  # not found may be what the client named
        why = reason(planned.spoken, status, body) if body else None
        wait = wait_seconds(self._answer, body, now=self._now())
        self._keys.told(planned.target, status, wait, key=self._key, reason=why)
        goes_on = why is not None and (why != "context" or planned.has_room_later)
        if planned.later and (goes_on or status in _NO_FAILURE):
            self._breakers.spared(planned.target.endpoint.provider.name, self._request_id)
        return goes_on


def _is_watched(planned: Attempt) -> bool:
    """Whether its response is looked at.

    Who is asked last, with the only key there is, is not: the router role sees that response anyway.
    """
    return bool(planned.later) or len(planned.target.endpoint.provider.account.keys) > 1
