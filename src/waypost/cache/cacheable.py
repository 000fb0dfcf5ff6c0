"""What is never kept and never served, and why: one word for each reason, counted and shown in the trace.

Rule 1: whatever is doubtful is passed by: the cache is a saving, never a duty.
Rule 2: the wording of time and person is looked for in every user turn, since a later one leans on it.
Rule 3: linear in what is looked at, and what is looked at is bounded.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal
from unicodedata import combining, normalize

from waypost.cache.control import Control
from waypost.cache.scope import document, shape_of
from waypost.cache.settings import CacheSettings
from waypost.cache.verify import MAX_CHARACTERS, Features, parse
from waypost.cache.words import MATTERS, OWN, SELF, TIME
from waypost.request.chat import ChatRequest, Message

Reason = Literal[
    "disabled", "not_chat", "no_key", "native", "detected", "retrieval", "store_false", "several_answers",
    "temperature", "tool_turn", "media_answer", "too_long", "personal", "time_sensitive", "no_store",
    "no_cache", "media", "no_text", "long_text", "language", "unanswered", "status", "cut", "finish",
    "tool_calls", "refused", "empty",
]  # fmt: skip

REASONS: Final[Mapping[Reason, str]] = {
    "disabled": "the cache is not switched on for what decided",
    "not_chat": "no chat: embeddings, or several prompts at once",
    "no_key": "nobody vouches for the caller as the scope needs, or the body is nested too deeply",
    "native": "the request holds what only a provider of its own form understands",
    "detected": "personal data or an attack was found, or could not be ruled out, on either side",
    "retrieval": "the answer rests on what was retrieved or remembered for this caller, or on a search",
    "store_false": "the body says `store: false`",
    "several_answers": "`n` asks for more than one answer",
    "temperature": "`temperature` is above the limit, so that answers are meant to differ",
    "tool_turn": "the last turn brings results of tools",
    "media_answer": "the answer is to be heard or seen",
    "too_long": "more text of the user's than is looked through",
    "personal": "the question is about whoever asks",
    "time_sensitive": "the answer is true for a moment only",
    "no_store": "a header of the request forbids it",
    "no_cache": "a header of the request asks for a fresh answer",
    "media": "images, audio or files: only an equal request gets the answer",
    "no_text": "the last user turn has no text: only an equal request gets the answer",
    "long_text": "the text is longer than what is compared: only an equal request gets the answer",
    "language": "the language is not one that is verified: only an equal request gets the answer",
    "unanswered": "the answer is an error, though its status is not",
    "status": "the status is not 200",
    "cut": "the answer did not come to its end",
    "finish": "the answer did not end of itself",
    "tool_calls": "the answer calls tools",
    "refused": "the model refused: asked again it may not",
    "empty": "the answer says nothing",
}
"""What each reason means, for documentation and the trace."""

MAX_USER_CHARACTERS: Final = 65_536
"""Most text of user turns that is looked through for wording; about 5 ms."""

VERIFIED: Final = frozenset({"en"})
"""Languages whose questions can be verified (ISO 639-1)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out about a request before the cache is asked.

    Attributes:
        detected: personal data or an attack was found by any guard or rule, or a guard could not tell.
        retrieval: what is sent holds documents or memories that were looked up for this caller.
        language: of the last user turn, ISO 639-1; None = not known, so that its words decide.
        has_key: there is somebody to share with (`scope.exact_key` gave a key).
    """

    detected: bool = False
    retrieval: bool = False
    language: str | None = None
    has_key: bool = True


@dataclass(frozen=True, slots=True)
class Barred:
    """Why the cache is not used; None = it is.

    Attributes:
        lookup: no answer of it is served.
        semantic: no answer to another question is served, nor is this one kept for others.
        store: the answer is not kept.
    """

    lookup: Reason | None = None
    semantic: Reason | None = None
    store: Reason | None = None


def barred(request: ChatRequest, facts: Facts, control: Control, settings: CacheSettings) -> Barred:
    """Look at a request."""
    if (always := bypass(request, facts, settings)) is not None:
        return Barred(always, always, always)
    store: Reason | None = None if control.store else "no_store"
    lookup: Reason | None = None if control.lookup else store or "no_cache"
    return Barred(lookup, lookup or exact_only(request, facts), store)


def bypass(request: ChatRequest, facts: Facts, settings: CacheSettings) -> Reason | None:
    """Why a request neither gets an answer from the cache nor leaves one in it; None = it may."""
    return next(_bypasses(request, facts, settings), None)


def exact_only(request: ChatRequest, facts: Facts) -> Reason | None:
    """Why only an equal request may get the answer; None = one that says the same in other words may too."""
    if _has_media(request.messages):
        return "media"
    shape = shape_of(request)
    if shape is None or not shape.said.strip():
        return "no_text"
    if len(shape.said) > MAX_CHARACTERS:
        return "long_text"
    if facts.language is not None and facts.language not in VERIFIED:
        return "language"
    return "language" if features(request).refused else None


def features(request: ChatRequest) -> Features:
    """What is compared of the last user turn, worked out once."""
    shape = shape_of(request)
    return request.once("cache features", lambda: parse("" if shape is None else shape.said))


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known of an answer when it has ended.

    Attributes:
        status: of the provider.
        complete: it came to its end: the body is whole, or the stream told its last event.
        finish: reasons it ended, one for each choice, as OpenAI names them.
        characters: of its text, reasoning left out.
        tool_calls: it calls tools.
        refused: it says itself that it is a refusal.
        failed: it holds an error.
        detected: personal data or an attack was found in it.
    """

    status: int
    complete: bool
    finish: tuple[str, ...]
    characters: int
    tool_calls: bool = False
    refused: bool = False
    failed: bool = False
    detected: bool = False


def storable(request: ChatRequest, answer: Answered, settings: CacheSettings) -> Reason | None:
    """Why an answer is not kept; None = it is, where `barred` said nothing against it."""
    return next(_unfit(request, answer, settings), None)


# --- requests ---------------------------------------------------------------------------------------------


def _bypasses(request: ChatRequest, facts: Facts, settings: CacheSettings) -> Iterator[Reason]:
    """Reasons in the order they are told; what is cheap is asked first."""
    if not settings.enabled:
        yield "disabled"
    if request.dialect == "openai_embeddings":
        yield "not_chat"
    if request.sent is not None and request.sent.native is not None:
        yield "native"
    if not facts.has_key or (body := document(request)) is None or shape_of(request) is None:
        yield "no_key"
        return
    if facts.detected:
        yield "detected"
    if facts.retrieval or "web_search_options" in body:
        yield "retrieval"
    yield from _parameters(body, settings)
    if not settings.tool_calls and request.messages and request.messages[-1].role in _RESULTS:
        yield "tool_turn"
    yield from _wordings(request, settings)


_RESULTS: Final = frozenset({"tool", "function"})
_ONE: Final = (None, 1)
_SPOKEN: Final = (None, ["text"])


def _parameters(body: Mapping[str, Any], settings: CacheSettings) -> Iterator[Reason]:
    if body.get("store") is False:
        yield "store_false"
    if body.get("n") not in _ONE:
        yield "several_answers"
    temperature = body.get("temperature")
    if temperature is not None and not _within(temperature, settings.max_temperature):
        yield "temperature"
    if body.get("modalities") not in _SPOKEN or body.get("audio") is not None:
        yield "media_answer"


def _within(value: object, limit: float) -> bool:
    """Whether it is a number up to the limit; what is no number is the provider's to refuse."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= limit


def _has_media(messages: Iterable[Message]) -> bool:
    return any(not part.is_readable for message in messages for part in message.parts)


# --- wording ----------------------------------------------------------------------------------------------


_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def _wordings(request: ChatRequest, settings: CacheSettings) -> Iterator[Reason]:
    texts = [part.text for m in request.messages if m.role == "user" for part in m.parts if not part.again]
    if sum(map(len, texts)) > MAX_USER_CHARACTERS:
        yield "too_long"
        return
    words = [word for text in texts for word in _words(text)]
    if settings.scope != "user" and is_personal(words):
        yield "personal"
    if is_time_sensitive(words):
        yield "time_sensitive"


def _words(text: str) -> list[str]:
    text = text.replace("\u2019", "'").casefold()
    if not text.isascii():
        text = "".join(char for char in normalize("NFKD", text) if not combining(char))
    return _WORD.findall(text)


def is_personal(words: Iterable[str]) -> bool:
    """Whether somebody speaks of what is theirs; words in lower case, without accents."""
    said = frozenset(word.removesuffix("'s") for word in words) | frozenset(words)
    return bool(said & OWN) or bool(said & SELF and said & MATTERS)


def is_time_sensitive(words: Sequence[str]) -> bool:
    """Whether the answer is true for a moment only; words in order, lower case, without accents."""
    plain = [word.removesuffix("'s") for word in words]
    single = frozenset((word,) for word in (*words, *plain))
    return not TIME.isdisjoint(single) or not TIME.isdisjoint(frozenset(pairwise(plain)))


# --- answers ----------------------------------------------------------------------------------------------


_OK: Final = 200
_CALLED: Final = frozenset({"tool_calls", "function_call"})
_ENDS: Final = frozenset({"stop", *_CALLED})
_LIMITS: Final = ("max_tokens", "max_completion_tokens")


def _unfit(request: ChatRequest, answer: Answered, settings: CacheSettings) -> Iterator[Reason]:
    if answer.status != _OK:
        yield "status"
    if answer.failed:
        yield "unanswered"
    if not answer.complete or not answer.finish:
        yield "cut"
    calls = answer.tool_calls or not _CALLED.isdisjoint(answer.finish)
    if calls and not settings.tool_calls:
        yield "tool_calls"
    if not _allowed(request) >= frozenset(answer.finish):
        yield "finish"
    if len(answer.finish) > 1:
        yield "several_answers"
    if answer.refused:
        yield "refused"
    if answer.detected:
        yield "detected"
    if not answer.characters and not calls:
        yield "empty"


def _allowed(request: ChatRequest) -> frozenset[str]:
    """Ends of answers that would be given again: one at a limit only where the request set the limit."""
    body = document(request) or {}
    limited = any(body.get(name) is not None for name in _LIMITS)
    return _ENDS | {"length"} if limited else _ENDS
