"""What keeps a conversation with its model, and what tells conversations apart.

Replicas are stateless, and an OpenAI body does not name the model of earlier turns. So who served a
conversation last is remembered beside the journey (`Memory`) and comes in as a fact, `Facts.kept`.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, Protocol

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Lint


class Memory(Protocol):
    """Who served a conversation last; may forget at any time."""

    def kept(self, key: str) -> str | None:
        """Name of the endpoint; None = not known, or too long ago."""
        ...

    def keep(self, key: str, endpoint: str) -> None:
        """Remember who answered."""
        ...


@configurable
class Sticky:
    """A conversation keeps its model.

    Between a tool call and its results it always does, unless the model cannot serve the request or lies
    outside the boundary. Else it changes when another model is better by more than the margin.
    """

    margin: float = 0.1
    """By how much the score of another model must be higher. 0 = any difference will do."""

    def lint(self) -> Iterator[Lint]:
        """A margin out of range."""
        if not 0 <= self.margin <= 1:
            yield Lint("margin", f"margin is {self.margin:g}", "give a number from 0 to 1")


HEADERS: Final = ("x-conversation-id", "x-session-id", "x-claude-code-session-id")
"""Headers in which clients name a conversation; the first that is there counts."""

_INSTRUCTIONS: Final = frozenset({"system", "developer"})
_RESULTS: Final = frozenset({"tool", "function"})


def conversation(request: ChatRequest) -> str | None:
    """A key of the conversation: the caller, and the client's own id of it or else its first user turn.

    A hash, but not a secret one: whoever guesses the first turn knows it, so it belongs into no log.

    Returns:
        None where there is neither id nor text. Callers whom nobody vouches for share the keys of one caller.
    """
    named = next((value for header in HEADERS if (value := request.header(header))), None)
    first = None if named else _opening(request)
    if not named and not first:
        return None
    caller = request.identity
    # The `repr` of a tuple: no two tuples have the same one, and lone surrogates are escaped.
    told = repr((caller.tenant, caller.team, caller.user, named, first))
    return hashlib.sha256(told.encode()).hexdigest()


def _opening(request: ChatRequest) -> str:
    """Text of the first user turn; instructions in front of it often tell the time and so never repeat."""
    opening = next((message for message in request.messages if message.role == "user"), None)
    parts = opening.parts if opening else ()
    return "\n".join(part.text for part in parts if part.kind == "text" and not part.again)


def in_tool_loop(request: ChatRequest) -> bool:
    """Whether the conversation ends with tool results, which the model that asked for them waits for."""
    said = next((m for m in reversed(request.messages) if m.role not in _INSTRUCTIONS), None)
    return said is not None and said.role in _RESULTS
