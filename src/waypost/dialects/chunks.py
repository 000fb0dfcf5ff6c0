"""A stream of chunks of a chat completion, read for those who write it in a client's form.

Rule 1: after its end, good or bad, nothing of a stream counts.
Rule 2: it came to its end only if it said why; `[DONE]` alone says nothing, and not all servers send it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from waypost.dialects import digits
from waypost.dialects.failures import ENDED_EARLY, UNREADABLE
from waypost.dialects.foreign import mapping, sequence
from waypost.dialects.sse import Event, SseReader

MAX_CALLS: Final = 1024
"""Most calls of functions in one answer."""

TOO_LONG: Final = "The provider's answer is longer than can be told at its end."


@dataclass(frozen=True, slots=True)
class Fault:
    """A stream failed; what was sent of it stands."""

    message: str
    kind: str = "server_error"
    code: str | None = "provider_error"


@dataclass(frozen=True, slots=True)
class Done:
    """A stream came to its end."""


Step = dict[str, Any] | Fault | Done
"""A chunk, or the end."""


class Chunks:
    """Reads one stream."""

    def __init__(self) -> None:
        self._events = SseReader()
        self._is_finished = False
        self._is_over = False

    def feed(self, chunk: bytes) -> Iterator[Step]:
        """The next bytes, cut anywhere: what is in them."""
        for event in self._events.feed(chunk):
            yield from self._event(event)

    def end(self) -> Iterator[Step]:
        """There are no more bytes; the last step is always an end, unless there was one."""
        for event in self._events.end():
            yield from self._event(event)
        if not self._is_over:
            yield self._ended()

    def _event(self, event: Event) -> Iterator[Step]:
        if self._is_over:
            return
        if (event.data or b"").startswith(b"[DONE]"):
            yield self._ended()
            return
        document = _document(event)
        if document is None:
            yield self.fail(Fault(UNREADABLE))
        elif document.get("error"):
            yield self.fail(_fault(document["error"]))
        else:
            yield document
            self._is_finished = self._is_finished or any(
                map(_says_why, sequence(document.get("choices")) or ())
            )

    def _ended(self) -> Step:
        self._is_over = True
        return Done() if self._is_finished else Fault(ENDED_EARLY)

    def fail(self, fault: Fault) -> Fault:
        """End it with a fault that its reader found."""
        self._is_over = True
        return fault


def _document(event: Event) -> dict[str, Any] | None:
    try:
        return mapping(digits.loads(event.data or b""))
    except ValueError:
        return None


def _says_why(choice: object) -> bool:
    return isinstance((mapping(choice) or {}).get("finish_reason"), str)


def _fault(error: object) -> Fault:
    found = mapping(error) or {}
    message, kind, code = found.get("message"), found.get("type"), found.get("code")
    return Fault(
        message if isinstance(message, str) and message else "The provider failed.",
        kind if isinstance(kind, str) and kind else "server_error",
        code if isinstance(code, str) else None,
    )


def choice_of(document: dict[str, Any]) -> dict[str, Any]:
    """The first choice of a completion or chunk; empty if it has none."""
    return mapping(next(iter(sequence(document.get("choices")) or ()), None)) or {}


def texts_of(content: object) -> Iterator[str]:
    """Texts of the content of a message or delta, which some servers give in parts; none is empty."""
    for part in [content] if isinstance(content, str) else sequence(content) or ():
        text = part if isinstance(part, str) else (mapping(part) or {}).get("text")
        if isinstance(text, str) and text:
            yield text


def reasoning_of(message: Mapping[str, Any]) -> str:
    """Text of the reasoning in a message or delta, by either name or as a part of its content."""
    for name in ("reasoning_content", "reasoning"):
        if (text := message.get(name)) and isinstance(text, str):
            return text
    parts = [mapping(part) or {} for part in sequence(message.get("content")) or ()]
    return "".join(text for part in parts for text in texts_of(part.get("thinking")))


def arguments_of(function: Mapping[str, Any]) -> str:
    """Arguments of a call, or a piece of them; some servers give the object and not its text.

    Raises:
        ValueError: nested too deeply.
    """
    given = function.get("arguments")
    return given if isinstance(given, str) else "" if given is None else digits.dumps(given)


def is_preface(document: dict[str, Any]) -> bool:
    """Whether a chunk says nothing of the answer: Azure's first is about the prompt, without id and model."""
    return not document.get("id") and not document.get("choices")


class Calls:
    """Tells the calls of functions in one answer apart.

    Not all servers number them, and some give all that are called at once the number 0.
    """

    def __init__(self) -> None:
        self._idents: list[object] = []
        self._numbers: dict[int, int] = {}  # by the number that a server gives: the last it was given to

    def number(self, item: Mapping[str, Any]) -> int:
        """Which call it is that an item of `tool_calls` says more of, from 0.

        Raises:
            ValueError: there are too many.
        """
        index, ident = item.get("index"), item.get("id")
        is_numbered = type(index) is int
        last = self._numbers.get(index) if is_numbered else len(self._idents) - 1
        if last is None or last < 0 or self._is_another(item, self._idents[last], is_numbered=is_numbered):
            last = len(self._idents)
            if last == MAX_CALLS:
                raise ValueError("too many calls")
            self._idents.append(ident)
        if is_numbered:
            self._numbers[index] = last
        return last

    @staticmethod
    def _is_another(item: Mapping[str, Any], before: object, *, is_numbered: bool) -> bool:
        """A number is believed, unless id and name are new: some servers make up an id for each piece."""
        ident = item.get("id")
        has_name = bool((mapping(item.get("function")) or {}).get("name"))
        return bool(ident) and ident != before and (has_name or not is_numbered)
