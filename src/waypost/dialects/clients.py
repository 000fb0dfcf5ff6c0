"""What clients of each dialect send and read."""

from collections.abc import Mapping
from typing import Final

from waypost.dialects import anthropic_messages, openai_completions, openai_responses
from waypost.dialects.forms import ClientForm, Inbound, Part
from waypost.request.chat import Dialect


class Same:
    """A stream that goes on as it comes."""

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes."""
        return chunk

    def end(self) -> bytes:
        """It ended; nothing is behind it."""
        return b""


def _same(_: bytes) -> Part:
    return Same()


def _messages(_: bytes) -> Part:
    return anthropic_messages.StreamWriter()


CLIENTS: Final[Mapping[Dialect, ClientForm]] = {
    "openai_chat": ClientForm(
        read_request=Inbound,
        write_response=lambda answer, _: answer,
        stream=_same,
        write_error=lambda _, error: error,
    ),
    "openai_completions": ClientForm(
        read_request=openai_completions.read_request,
        write_response=openai_completions.write_response,
        stream=openai_completions.StreamWriter,
        write_error=openai_completions.write_error,
    ),
    "openai_responses": ClientForm(
        read_request=openai_responses.read_request,
        write_response=openai_responses.write_response,
        stream=openai_responses.StreamWriter,
        write_error=openai_responses.write_error,
    ),
    "anthropic_messages": ClientForm(
        read_request=anthropic_messages.read_request,
        write_response=lambda answer, _: anthropic_messages.write_response(answer),
        stream=_messages,
        write_error=anthropic_messages.write_error,
    ),
}
"""By the dialect that a client speaks."""
