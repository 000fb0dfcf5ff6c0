"""One gRPC stream, bytes to bytes: the contract between a front and a conversation.

A front calls `receive` once per message, in order, and `closed` when the stream ends for whatever reason. The
exchange calls `send` zero or more times. A front knows sockets, an exchange knows messages.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, cast

from google.protobuf.message import DecodeError

from waypost.errors import ProtocolError
from waypost.transport.phases import PHASES, Phase, Role
from waypost.transport.wire_pb2 import ProcessingRequest, ProcessingResponse

Send = Callable[[bytes], Awaitable[None]]

log: Final = logging.getLogger(__name__)


class Conversation(Protocol):
    """One side of one stream; lives as long as the stream.

    Attributes:
        role: which filter it talks to.
        done: nothing more will be answered, so the stream may end.
    """

    role: Role
    done: bool

    async def answer(self, phase: Phase, message: ProcessingRequest) -> ProcessingResponse:
        """Answer one message; cancelled when the stream ends before it is done."""
        ...

    async def closed(self) -> None:
        """Account for a stream that has ended, however it did."""
        ...


class Exchange:
    """Carries one conversation."""

    def __init__(self, conversation: Conversation, send: Send) -> None:
        self._conversation = conversation
        self._send = send

    async def receive(self, message: bytes) -> None:
        """Take one serialized `ProcessingRequest` and send the answer to it.

        Raises:
            ProtocolError: the stream must end with INTERNAL, and Envoy fails closed.
        """
        try:
            answer = await self._answer(message)
        except ProtocolError as error:
            log.error("ext_proc %s: %s", self._conversation.role, error)  # noqa: TRY400 - the message says it all
            raise
        except Exception as error:  # boundary: one request's bug must not become another's
            log.exception("ext_proc %s: request failed", self._conversation.role)
            raise ProtocolError("internal error") from error
        await self._send(answer)

    @property
    def done(self) -> bool:
        """Whether the front should end the stream: it costs Envoy and us less than waiting for its end."""
        return self._conversation.done

    async def closed(self) -> None:
        """End the conversation; a bug in it is logged."""
        try:
            await self._conversation.closed()
        except Exception:  # boundary: other streams share the connection
            log.exception("ext_proc %s: end of a stream failed", self._conversation.role)

    async def _answer(self, message: bytes) -> bytes:
        try:
            request = ProcessingRequest.FromString(message)
        except DecodeError as error:
            raise ProtocolError("not a ProcessingRequest") from error
        phase = cast("Phase", request.WhichOneof("request"))
        contract = PHASES.get((self._conversation.role, phase))
        if contract is None:
            raise ProtocolError(
                f"no {phase} is expected here: check processing_mode of the {self._conversation.role} filter"
            )
        response = await self._conversation.answer(phase, request)
        if response.WhichOneof("response") not in contract.answers:
            raise ProtocolError(f"{phase} cannot be answered with {response.WhichOneof('response')}")
        return response.SerializeToString()
