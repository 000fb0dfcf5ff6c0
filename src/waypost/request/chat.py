"""The neutral request: what every later stage reads, whatever dialect the client spoke.

Rule 1: values only, no parsing (`dialects/` builds them) and no I/O.
Rule 2: nothing that leaves for a provider may be missing here: a string a boundary rule
cannot see is a leak.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

Dialect = Literal[
    "openai_chat",
    "openai_embeddings",
    "openai_completions",
    "openai_responses",
    "anthropic_messages",
    "gemini",
    "gemini_embeddings",
]
"""Wire formats; the last two are spoken to providers only."""
PartKind = Literal["text", "tool_call", "image", "audio", "file", "tokens", "excess", "unknown"]

T = TypeVar("T")


BESIDE: Final = "(client) "
"""Beginning of `where` of what a client of another form says and the neutral form has no place for."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of what would leave.

    Attributes:
        kind: `text` and `tool_call` can be read; the other kinds cannot. `excess` stands for all that lies
            behind the text a request is read up to.
        text: the readable text, exactly as sent; empty when the part cannot be read.
        where: JSON path in the client's body, for example `messages[2].content[0].text`.
        again: a second reading of what stands in front of it (escapes decoded, parts of a message joined);
            not to be counted.
    """

    kind: PartKind
    text: str
    where: str
    again: bool = False

    @property
    def is_beside(self) -> bool:
        """Whether it leaves only in the client's own form, in which nothing is edited."""
        return self.where.startswith(BESIDE)

    @property
    def is_readable(self) -> bool:
        """Whether `text` is all there is to this part."""
        return self.kind in {"text", "tool_call"}


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: its role as sent and its parts in order (content, then tool calls)."""

    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, as far as a trusted hop vouches for it.

    Attributes:
        trusted: the peer that sent the request is one of `trusted_hops`.
        team: None when unknown.
        tenant: None when unknown.
        user: None when unknown.
    """

    trusted: bool = False
    team: str | None = None
    tenant: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client of another form sent.

    Attributes:
        body: byte for byte.
        native: parameter that only a provider of its own form can serve; None = any can.
        is_mixed: a provider of its own form would refuse it for what another one said in it.
    """

    body: bytes
    native: str | None = None
    is_mixed: bool = False


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request as it was sent, readable by every signal.

    Attributes:
        dialect: what the client speaks.
        original: the body of the neutral form, which edits splice; the client's own, byte for byte, where it
            speaks that form.
        model: the `model` field as sent.
        stream: whether the client asked for SSE.
        messages: the conversation; an embeddings request has one user message.
        fields: every other string that would leave: tool descriptions, metadata, `user`, unknown fields.
        tools: names of the functions the client offers.
        identity: who is asking.
        headers: the client's headers, names in lower case, internal ones already stripped.
        sent: the client's own where it speaks another form; None = `original` is.
        memo: results of pure functions of this request, so that a text is folded and searched once
            per request however many rules ask; never part of equality.
    """

    dialect: Dialect
    original: bytes
    model: str
    stream: bool = False
    messages: tuple[Message, ...] = ()
    fields: tuple[Part, ...] = ()
    tools: tuple[str, ...] = ()
    identity: Identity = Identity()
    headers: tuple[tuple[str, str], ...] = ()
    sent: Sent | None = None
    memo: dict[Hashable, Any] = field(default_factory=dict[Hashable, Any], compare=False, repr=False)

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Compute a pure function of this request once; later calls with the same key return its result."""
        if key not in self.memo:
            self.memo[key] = compute()
        return self.memo[key]

    @property
    def body(self) -> bytes:
        """What the client sent, byte for byte."""
        return self.original if self.sent is None else self.sent.body

    def header(self, name: str) -> str | None:
        """First value of a header, by lower-case name."""
        return next((value for key, value in self.headers if key == name), None)
