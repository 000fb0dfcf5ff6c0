"""What a model can take, what a request needs, and what of it the model lacks.

Rule 1: what nobody said about a model eliminates nothing; it is reported as unknown.
Rule 2: needs are read from the body as sent; the caller's word, never a guess from the text.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, cast, get_args

from waypost.configurable import configurable
from waypost.dialects.spans import top_level
from waypost.errors import RequestError
from waypost.request.chat import ChatRequest, PartKind
from waypost.usage import Price

Capability = Literal["tools", "images", "audio", "files", "json_schema", "streaming", "web_search"]

CAPABILITIES: Final[tuple[Capability, ...]] = get_args(Capability)


@configurable
class Capabilities:
    """What a model can do. What is left out is unknown and keeps no request away; `false` does."""

    tools: bool | None = None
    """Calls functions."""

    images: bool | None = None
    """Reads images."""

    audio: bool | None = None
    """Hears audio."""

    files: bool | None = None
    """Reads files, such as PDF."""

    json_schema: bool | None = None
    """Answers in the form of a JSON Schema (`response_format: {type: json_schema}`)."""

    streaming: bool | None = None
    """Answers piece by piece (`stream: true`)."""

    web_search: bool | None = None
    """Searches the web by itself."""

    def known(self, capability: Capability) -> bool | None:
        """Whether the model has it; None = nobody said."""
        return getattr(self, capability)


_UNSAID: Final = Capabilities()


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a model.

    Attributes:
        context_window: most tokens of prompt and answer together; None = unknown.
        max_output_tokens: most tokens of an answer; None = unknown.
        price: None = unknown; a model of one's own may be free, and then says so with zeros.
    """

    context_window: int | None = None
    max_output_tokens: int | None = None
    capabilities: Capabilities = _UNSAID
    price: Price | None = None


UNKNOWN: Final = Profile()
"""Of a model that nobody said anything about."""


class Lack(NamedTuple):
    """One thing a request needs and a model cannot give.

    Attributes:
        name: a capability, `context_window` or `max_output_tokens`.
        because: for people; goes on from the name of the model.
    """

    name: str
    because: str


_MEDIA: Final[dict[PartKind, Capability]] = {"image": "images", "audio": "audio", "file": "files"}
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_READ: Final = frozenset({*_LIMITS, "response_format", "web_search_options"})


def needs(request: ChatRequest, requires: Iterable[Capability] = ()) -> frozenset[Capability]:
    """What it takes to serve this request as it was sent, and what its rule requires besides."""
    return frozenset((*requires, *_needed(request)))


def _needed(request: ChatRequest) -> Iterator[Capability]:
    if request.stream:
        yield "streaming"
    if request.tools:
        yield "tools"
    for part in (part for message in request.messages for part in message.parts):
        if part.kind in _MEDIA:
            yield _MEDIA[part.kind]
        elif part.kind == "tool_call":
            yield "tools"
    fields = _fields(request)
    if (
        b"json_schema" in fields.get("response_format", b"")
        and _type(fields["response_format"]) == "json_schema"
    ):
        yield "json_schema"
    if fields.get("web_search_options", b"null") != b"null":
        yield "web_search"


def output_tokens(request: ChatRequest) -> int | None:
    """Most tokens the caller wants back; None = the request does not say, or not as a number above 0."""
    found = (_number(_fields(request).get(name, b"")) for name in _LIMITS)
    return max((tokens for tokens in found if tokens is not None), default=None)


def lacking(
    profile: Profile, needed: Iterable[Capability], prompt_tokens: int, wanted_tokens: int | None
) -> tuple[Lack, ...]:
    """What a model is known to lack for a request; an empty result also where too little is known.

    Args:
        profile: of the model.
        needed: what the request takes.
        prompt_tokens: an estimate.
        wanted_tokens: most tokens of the answer; None = the caller left it open.
    """
    found = [
        Lack(name, f"lacks {name}") for name in sorted(needed) if profile.capabilities.known(name) is False
    ]
    window, most = profile.context_window, profile.max_output_tokens
    tokens = prompt_tokens + (wanted_tokens or 0)
    if window is not None and tokens > window:
        found.append(Lack("context_window", f"takes {window} tokens, about {tokens} are needed"))
    if most is not None and wanted_tokens is not None and wanted_tokens > most:
        found.append(
            Lack("max_output_tokens", f"answers with {most} tokens at most, {wanted_tokens} are wanted")
        )
    return tuple(found)


def unknown(profile: Profile, needed: Iterable[Capability]) -> tuple[str, ...]:
    """What the request needs and nobody said of the model; the window is needed always."""
    names: list[str] = [name for name in sorted(needed) if profile.capabilities.known(name) is None]
    return (*names, "context_window") if profile.context_window is None else tuple(names)


def _fields(request: ChatRequest) -> dict[str, bytes]:
    """Members of the body that are read here, as written; of several the last counts, as for providers."""
    return request.once("selection members", lambda: _members(request.original))


def _members(body: bytes) -> dict[str, bytes]:
    try:
        return {name: body[start:end] for name, start, end in top_level(body) if name in _READ}
    except RequestError:  # what no edit can be made in is refused where edits are made
        return {}


def _type(member: bytes) -> object:
    value: Any = json.loads(member)
    return cast("dict[str, object]", value).get("type") if isinstance(value, dict) else None


_LONGEST: Final = 12
"""Digits of the largest number of tokens anybody means."""


def _number(member: bytes) -> int | None:
    """A whole number above 0; None for anything else, the provider will say what it thinks of it."""
    return int(member) or None if len(member) <= _LONGEST and member.isdigit() else None
