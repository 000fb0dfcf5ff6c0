"""The upstream role: one gRPC stream = one attempt at one provider, and nothing shared between attempts."""

import logging
from collections.abc import Callable
from typing import Final

from waypost.attempt import Attempt, Hops, attempt
from waypost.dialects.openai_chat import error
from waypost.errors import ProtocolError, RequestError
from waypost.providers.provider import Secret
from waypost.transport.messages import Reply, change, immediate, read_attribute, read_headers
from waypost.transport.phases import Phase, Role
from waypost.transport.wire_pb2 import (
    ProcessingMode,
    ProcessingRequest,
    ProcessingResponse,
)

log: Final = logging.getLogger(__name__)

_REFUSED: Final = Reply(
    503,
    "attempt_refused",
    error("The gateway could not address this request to its provider.", "server_error", "attempt_refused"),
    (("x-should-retry", "false"),),
)


class Upstream:
    """The conversation of one attempt; `hops` is asked once, when the attempt begins."""

    role: Role = "upstream"

    def __init__(self, hops: Callable[[], Hops]) -> None:
        self.done = False
        self._hops = hops
        self._attempt: Attempt | None = None

    async def answer(self, phase: Phase, message: ProcessingRequest) -> ProcessingResponse:
        """Sign the headers; edit the body if it was written for another endpoint."""
        if phase == "request_headers":
            return self._headers(message)
        if self._attempt is None:
            raise ProtocolError("a body without headers: set request_header_mode to SEND")
        self.done = True
        try:
            sent = self._attempt.body(message.request_body.body)
        except RequestError as wrong:
            return immediate(_mistake(wrong), {})
        response = ProcessingResponse()
        change(response.request_body.response, sent.headers, body=sent.body)
        return response

    async def closed(self) -> None:
        """Nothing outlives an attempt."""

    def _headers(self, message: ProcessingRequest) -> ProcessingResponse:
        headers = dict(read_headers(message.request_headers.headers))
        try:
            planned = attempt(self._hops(), read_attribute(message, "xds.cluster_name"), headers)
        except ProtocolError as refused:
            # Not left to the filter's failure mode, which may be set to let requests pass.
            log.error("attempt refused: %s", refused)  # noqa: TRY400 - the message says it all
            self.done = True
            return immediate(_REFUSED, {})
        self._attempt = planned
        self.done = not planned.needs_body
        response = ProcessingResponse()
        key = next(
            (k.reveal() for k in planned.target.endpoint.provider.account.keys if isinstance(k, Secret)), None
        )
        change(response.request_headers.response, *planned.headers(key))
        if planned.needs_body and message.protocol_config.request_body_mode == ProcessingMode.NONE:
            response.mode_override.request_body_mode = ProcessingMode.BUFFERED
            response.mode_override.request_header_mode = ProcessingMode.SEND
            response.mode_override.response_header_mode = ProcessingMode.SKIP
        return response


def _mistake(wrong: RequestError) -> Reply:
    return Reply(wrong.status, wrong.code, error(wrong.message, wrong.kind, wrong.code, wrong.param))
