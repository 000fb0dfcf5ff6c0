"""One answer as it is stored: whole, in no client's form.

Rule 1: an answer is stored only if it came to its end. A fault, a cut and a missing finish reason make none.
Rule 2: what has no place in the stored form makes the whole answer one that is not stored; but for proofs of
thoughts and figures of the provider, nothing is left out.
Rule 3: what is read back is checked as if a stranger had written it; what is not understood is a miss.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from io import StringIO
from math import isfinite
from typing import Any, Final, Literal, get_args

from waypost.dialects import digits, signatures
from waypost.dialects.anthropic_response import reasoning_of
from waypost.dialects.chunks import Calls, Chunks, Done, Fault, Step
from waypost.dialects.foreign import dump, encode, mapping, sequence
from waypost.dialects.forms import Part
from waypost.dialects.sse import MAX_EVENT
from waypost.usage import MAX_TOKENS, UNKNOWN, Usage, from_openai

Finish = Literal["stop", "length", "tool_calls", "content_filter"]
"""Why an answer ended; one that ended for another reason is not stored."""

MAX_CHARS: Final = 2**20
"""Most characters of an answer that is stored: text, thoughts, names and arguments together."""

MAX_CALLS: Final = 128

_VERSION: Final = b"\x01"
"""First byte of what is stored; another one when the members behind it change."""

_FINISHES: Final[tuple[Finish, ...]] = get_args(Finish)
_LONGEST_NAME: Final = 200
_LONGEST_NUMBER: Final = 40
_TEXTS: Final = ("content", "refusal", "reasoning", "native_finish")
_COUNTS: Final = (
    *("prompt_tokens", "cached_tokens", "cache_write_tokens"),
    *("completion_tokens", "reasoning_tokens"),
)

_TOLD: Final = frozenset({"role", "content", "refusal", "reasoning_content", "reasoning", "tool_calls"})
_PROOFS: Final = frozenset({"thinking_blocks", "reasoning_details", "extra_content"})
"""Thoughts once more, signed: only who goes on behind a call of a tool has to send them back."""

_CALL: Final = frozenset({"index", "id", "type", "function"})
_FUNCTION: Final = frozenset({"name", "arguments"})
_BESIDE: Final = ("citations", "search_results", "images", "videos", "related_questions")
"""Parts of an answer that some servers put beside its choices."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function.

    Attributes:
        ident: empty = the server gave none.
        arguments: JSON text of an object as it came; blank = there are none.
    """

    ident: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A completed answer.

    Attributes:
        model: as its provider names it; empty = it does not.
        reasoning: text of the thoughts, without proofs.
        native_finish: the provider's own word for `finish`; empty = it has no other.
        usage: what the answer took when it was made.
        seconds: what it took to make it.
        cost_usd: likewise; None = unknown.
    """

    model: str
    finish: Finish
    content: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    native_finish: str = ""
    usage: Usage = UNKNOWN
    seconds: float = 0.0
    cost_usd: Decimal | None = None

    def encode(self) -> bytes:
        """Bytes for a store; not compressed."""
        told: dict[str, object] = {
            "model": self.model,
            "finish": self.finish,
            **{name: getattr(self, name) for name in _TEXTS},
            "calls": [[call.ident, call.name, call.arguments] for call in self.calls],
            "usage": [getattr(self.usage, name) for name in _COUNTS],
            "seconds": self.seconds,
            "cost_usd": None if self.cost_usd is None else str(self.cost_usd),
        }
        return _VERSION + encode(dump({name: value for name, value in told.items() if value}))


def decode(raw: bytes) -> Stored | None:
    """What `Stored.encode` wrote; None = another version wrote it, or nobody did."""
    if raw[:1] != _VERSION:
        return None
    try:
        return _stored(mapping(json.loads(raw[1:].decode())) or {})
    except (ValueError, RecursionError):
        return None


def _stored(told: Mapping[str, Any]) -> Stored:
    """Raises: ValueError, it is none."""
    finish = _finish(told.get("finish"))
    if finish is None:
        raise ValueError("no finish")
    read = Stored(
        _string(told, "model"),
        finish,
        calls=tuple(_call(call) for call in sequence(told.get("calls", [])) or ()),
        usage=_usage(told.get("usage")),
        seconds=_seconds(told.get("seconds", 0.0)),
        cost_usd=_money(told.get("cost_usd")),
        **{name: _string(told, name) for name in _TEXTS},
    )
    if not _is_whole(read):
        raise ValueError("no answer")
    return read


def _call(told: object) -> Call:
    match told:
        case [str(ident), str(name), str(arguments)]:
            return Call(ident, name, arguments)
        case _:
            raise ValueError("no call")


def _usage(told: object) -> Usage:
    counts = sequence(told) or [None] * len(_COUNTS)
    if len(counts) != len(_COUNTS) or not all(
        each is None or (type(each) is int and 0 <= each <= MAX_TOKENS) for each in counts
    ):
        raise ValueError("no usage")
    return Usage(*counts)


def _seconds(told: object) -> float:
    if not isinstance(told, int | float) or not isfinite(told) or told < 0:
        raise ValueError("no time")
    return float(told)


def _money(told: object) -> Decimal | None:
    if told is None:
        return None
    if not isinstance(told, str) or len(told) > _LONGEST_NUMBER:
        raise ValueError("no amount")
    try:
        amount = Decimal(told)
    except InvalidOperation as wrong:
        raise ValueError("no amount") from wrong
    if not amount.is_finite() or amount < 0:
        raise ValueError("no amount")
    return amount


def _finish(told: object) -> Finish | None:
    return next((finish for finish in _FINISHES if finish == told), None)


def _string(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")  # noqa: TRY004 - all that is wrong here is one kind of wrong
    return value


def _is_whole(answer: Stored) -> bool:
    """Whether it says something, and every client can be told it."""
    has_calls = all(call.name and _is_object(call.arguments) for call in answer.calls)
    return has_calls and bool(answer.content or answer.refusal or answer.calls)


def _is_object(arguments: str) -> bool:
    return not arguments.strip() or digits.object_text(arguments) is not None


# --- what is told while it is made ------------------------------------------------------------------------


class Builder:
    """Stands in the way of an answer in the neutral form, passes it on as it comes, and keeps what it says.

    It belongs in front of a `StreamTap`, which may take the usage out.

    Args:
        reader: makes neutral chunks of what passes, where that is of another form; what it writes is for
            the builder alone. None = neutral chunks pass.
        most: characters that are kept at most; of a longer answer nothing is.
    """

    def __init__(self, reader: Part | None = None, most: int = MAX_CHARS) -> None:
        self._reader = reader
        self._chunks = Chunks()
        self._draft: _Draft | None = _Draft(most)
        self._is_done = False

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes: the same object."""
        if self._draft is not None and not self._is_done:
            self._read(self._chunks.feed(chunk if self._reader is None else self._reader.feed(chunk)))
        return chunk

    def end(self) -> bytes:
        """The provider ended its answer."""
        if self._draft is not None and not self._is_done:
            if self._reader is not None:
                self._read(self._chunks.feed(self._reader.end()))
            self._read(self._chunks.end())
        return b""

    def stored(self, seconds: float, cost_usd: Decimal | None) -> Stored | None:
        """The answer; None = it did not come to its end so far, or is none to be stored.

        Args:
            seconds: what it took.
            cost_usd: what it cost; None = unknown.
        """
        return self._draft.stored(seconds, cost_usd) if self._draft is not None and self._is_done else None

    def _read(self, steps: Iterator[Step]) -> None:
        for step in steps:
            if self._draft is None or self._is_done:
                return
            match step:
                case Done():
                    self._is_done = True
                case Fault():
                    self._draft = None
                case _:
                    if not self._draft.add(step, "delta"):
                        self._draft = None


def whole(body: bytes, seconds: float, cost_usd: Decimal | None, most: int = MAX_CHARS) -> Stored | None:
    """An answer that came in one piece; None = it is none to be stored.

    Args:
        body: a chat completion, or anything else; one that is longer than an event may be is not read.
        seconds: what it took.
        cost_usd: what it cost; None = unknown.
        most: characters that are kept at most.
    """
    if len(body) > MAX_EVENT:
        return None
    try:
        document = mapping(json.loads(body)) or {}
    except (ValueError, RecursionError):
        return None
    draft = _Draft(most)
    return draft.stored(seconds, cost_usd) if draft.add(document, "message") else None


@dataclass(slots=True)
class _CallDraft:
    ident: str = ""
    name: str = ""
    arguments: StringIO = field(default_factory=StringIO)


class _Draft:
    """What was told so far; `add` says whether it can still become an answer that is stored."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._texts = {name: StringIO() for name in ("content", "refusal", "reasoning")}
        self._calls: dict[int, _CallDraft] = {}
        self._numbers = Calls()
        self._has_proofs = False
        self._model = ""
        self._choice: Mapping[str, Any] = {}  # the one that says why it ended
        self._usage = UNKNOWN

    def add(self, document: Mapping[str, Any], name: Literal["delta", "message"]) -> bool:
        """A chunk, or the whole completion."""
        if any(document.get(each) for each in (*_BESIDE, "error")):
            return False
        model = document.get("model")
        if isinstance(model, str) and len(model) <= _LONGEST_NAME:
            self._model = model
        self._usage = from_openai(document.get("usage")) or self._usage
        choices = sequence(document.get("choices")) or []
        if not choices:
            return name == "delta"  # as the chunk of usage has it
        choice = mapping(choices[0]) or {}
        if len(choices) > 1 or choice.get("index") or choice.get("logprobs"):
            return False
        if isinstance(choice.get("finish_reason"), str):
            self._choice = choice
        told = mapping(choice.get(name)) or {}
        return self._say(told, is_piece=name == "delta") and self._left >= 0

    def _say(self, told: Mapping[str, Any], *, is_piece: bool) -> bool:
        beyond = {name for name, value in told.items() if value and name not in _TOLD}
        self._has_proofs |= bool(beyond & _PROOFS)
        texts = {name: told.get(name) or "" for name in ("content", "refusal")}
        if beyond - _PROOFS or not all(isinstance(text, str) for text in texts.values()):
            return False
        for name, text in {**texts, "reasoning": reasoning_of(told)}.items():
            self._keep(self._texts[name], text)
        calls = (mapping(item) or {} for item in sequence(told.get("tool_calls")) or ())
        return all(self._call(item, is_piece=is_piece) for item in calls)

    def _call(self, item: Mapping[str, Any], *, is_piece: bool) -> bool:
        function = mapping(item.get("function")) or {}
        beyond = {name for name, value in item.items() if value and name not in _CALL}
        beyond |= {name for name, value in function.items() if value and name not in _FUNCTION}
        ident = _text(item.get("id"))
        if signatures.MARK in ident:
            beyond.discard("extra_content")  # the same signature
        if beyond or item.get("type") not in (None, "function"):
            return False
        try:
            number = self._numbers.number(item) if is_piece else len(self._calls)
        except ValueError:
            return False
        call = self._calls.setdefault(number, _CallDraft())
        name = _text(function.get("name"))
        self._left -= len(ident) + len(name)
        call.ident, call.name = call.ident or ident, call.name or name
        self._keep(call.arguments, _text(function.get("arguments")))
        return len(self._calls) <= MAX_CALLS

    def _keep(self, kept: StringIO, text: str) -> None:
        self._left -= len(text)
        if self._left >= 0:
            kept.write(text)

    def stored(self, seconds: float, cost_usd: Decimal | None) -> Stored | None:
        finish, native = _finish(self._choice.get("finish_reason")), self._choice.get("native_finish_reason")
        if finish is None or (self._has_proofs and self._calls):
            return None
        calls = (Call(each.ident, each.name, each.arguments.getvalue()) for each in self._calls.values())
        answer = Stored(
            self._model,
            finish,
            **{name: text.getvalue() for name, text in self._texts.items()},
            calls=tuple(calls),
            native_finish=native if isinstance(native, str) and len(native) <= _LONGEST_NAME else "",
            usage=self._usage,
            seconds=seconds,
            cost_usd=cost_usd,
        )
        return answer if _is_whole(answer) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
