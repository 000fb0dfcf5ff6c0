"""The shape of a dialect: what a client's form and what a provider's form must be able to do.

Rule 1: the neutral form, OpenAI's chat completions, stands between the two, so forms never meet each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from waypost.dialects.foreign import Reply, Written


class Part(Protocol):
    """One step in the way of an answer that comes in pieces."""

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes, cut anywhere: what goes on at once."""
        ...

    def end(self) -> bytes:
        """The provider ended its answer: what still goes on."""
        ...


class Reader(Part, Protocol):
    """The first step in the way of a foreign answer."""

    @property
    def usage(self) -> dict[str, Any] | None:
        """As OpenAI counts it; what is known so far, also of a stream that broke off."""
        ...


@dataclass(frozen=True, slots=True)
class Inbound:
    """A client's request in the neutral form.

    Attributes:
        neutral: body of a chat completion.
        native: parameter that only a provider of the client's own form can serve; None = any can.
        is_mixed: the conversation has in it what only another provider, or Waypost itself, can have put there
            (thoughts nobody signed, signatures hidden in ids): in the client's own form it would be refused,
            so that the neutral form is to leave.
    """

    neutral: bytes
    native: str | None = None
    is_mixed: bool = False


@dataclass(frozen=True, slots=True)
class ClientForm:
    """What clients of one dialect send and read.

    Attributes:
        read_request: raises RequestError.
        write_response: a chat completion, and the client's request, which some answers repeat.
        stream: a writer of chunks of a chat completion, for this request of the client.
        write_error: status, and an error of OpenAI's shape.
    """

    read_request: Callable[[bytes], Inbound]
    write_response: Callable[[bytes, bytes], bytes]
    stream: Callable[[bytes], Part]
    write_error: Callable[[int, bytes], bytes]


@dataclass(frozen=True, slots=True)
class ServerForm:
    """What providers of one dialect are sent and answer.

    Attributes:
        write_request: document of the neutral form, model, whether what cannot be said is refused, and most
            tokens of an answer as the file says it; None = what is known of the model by its name.
        read_response: a completion, or an error of OpenAI's shape where it cannot be understood.
        stream: a reader of the provider's stream.
        read_error: status and body as the client gets them.
    """

    write_request: Callable[[Mapping[str, Any], str, bool, int | None], Written]
    read_response: Callable[[bytes, Reply], bytes]
    stream: Callable[[Reply], Reader]
    read_error: Callable[[int, bytes], tuple[int, bytes]]
