"""Chat completions as answers of OpenAI's Responses.

Rule 1: an answer repeats what it was asked with; nothing is stored, and it says so.
Rule 2: chunks of a stream and whole messages are read by the same code.

Source: OpenAI Responses API, as the types of SDK 3.51.0 have it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from waypost.dialects import digits
from waypost.dialects.anthropic_request import thoughts_of
from waypost.dialects.chunks import Calls, arguments_of, choice_of, reasoning_of, texts_of
from waypost.dialects.digits import Verbatim
from waypost.dialects.failures import UNREADABLE, error
from waypost.dialects.foreign import encode, mapping, sequence
from waypost.dialects.native import is_nothing
from waypost.dialects.openai_responses_output import Call, Event, Message, PartKind, Place, Status, Thought
from waypost.dialects.spans import top_level
from waypost.errors import RequestError

_REPEATED: Final[Mapping[str, object]] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "user": None,
}
"""What an answer repeats of its request, and what it says where that says nothing."""

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
_PREFIX: Final = re.compile(r"^(?:chatcmpl|resp|msg)[-_]")
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")
_MAX_IDENT: Final = 40  # an item's is longer by its own prefix and number, and 64 is the most that is taken


class Output:
    """The items of one answer, as what a model says comes in."""

    def __init__(self, ident: str) -> None:
        self._ident = ident
        self._items: list[Thought | Message | Call] = []
        self._open: Thought | Message | None = None
        self._calls: dict[int, Call] = {}
        self._numbers = Calls()
        self.size = 0

    def add(self, delta: Mapping[str, Any]) -> Iterator[Event]:
        """A delta of a message, or a whole one.

        Raises:
            ValueError: a call has no name, or there are too many.
        """
        if text := reasoning_of(delta):
            thought, events = self._thought()
            yield from events
            yield from self._counted(text, thought.say(text))
        if blocks := thoughts_of(delta):
            thought, events = self._thought()
            yield from events
            thought.sign(blocks)
        for text in texts_of(delta.get("content")):
            yield from self._say("output_text", text)
        if (refusal := delta.get("refusal")) and isinstance(refusal, str):
            yield from self._say("refusal", refusal)
        for item in sequence(delta.get("tool_calls")) or ():
            yield from self._call(mapping(item) or {})

    def end(self, status: Status) -> Iterator[Event]:
        """Nothing more comes; what came last has this status."""
        yield from self._close(self._status(self._open, status))
        for call in self._calls.values():
            yield from call.end(self._status(call, status))

    def items(self, status: Status) -> list[dict[str, Any]]:
        """All items, in order; what came last has this status."""
        return [item.item(self._status(item, status)) for item in self._items]

    def _status(self, item: Thought | Message | Call | None, status: Status) -> Status:
        return status if self._items and item is self._items[-1] else "completed"

    def _place(self, prefix: str) -> Place:
        number = len(self._items)
        return Place(number, f"{prefix}_{self._ident}_{number}")

    def _thought(self) -> tuple[Thought, list[Event]]:
        if isinstance(self._open, Thought):
            return self._open, []
        events = self._close("completed")
        self._open = thought = Thought(self._place("rs"))
        self._items.append(thought)
        return thought, [*events, *thought.begin()]

    def _say(self, kind: PartKind, text: str) -> list[Event]:
        events: list[Event] = []
        message = self._open
        if not isinstance(message, Message):
            events = self._close("completed")
            self._open = message = Message(self._place("msg"))
            self._items.append(message)
            events += message.begin()
        return [*events, *self._counted(text, message.say(kind, text))]

    def _call(self, item: Mapping[str, Any]) -> Iterator[Event]:
        """Calls stay open to the end: servers may send their arguments in turns."""
        function = mapping(item.get("function")) or {}
        number = self._numbers.number(item)
        call = self._calls.get(number)
        if call is None:
            name, ident = function.get("name"), item.get("id")
            if not isinstance(name, str) or not name:
                raise ValueError("a call has no name")
            yield from self._close("completed")
            call_id = ident if isinstance(ident, str) and ident else f"call_{self._ident}_{len(self._items)}"
            self._calls[number] = call = Call(self._place("fc"), call_id, name)
            self._items.append(call)
            yield from call.begin()
        if text := arguments_of(function):
            yield from self._counted(text, call.say(text))

    def _close(self, status: Status) -> list[Event]:
        open_, self._open = self._open, None
        return open_.end(status) if open_ else []

    def _counted(self, text: str, events: list[Event]) -> list[Event]:
        self.size += len(text)
        return events


def write_response(answer: bytes, request: bytes) -> bytes:
    """A `chat.completion` as a response; an error stays one.

    Args:
        answer: the completion.
        request: what the client sent.
    """
    try:
        document = mapping(digits.loads(answer)) or {}
        if not is_nothing(document.get("error")):
            return answer
        choice = choice_of(document)
        message = mapping(choice.get("message"))
        if message is None:
            return error(UNREADABLE)
        output, status = Output(plain_id(document)), status_of(choice)
        for number, call in enumerate(sequence(message.get("tool_calls")) or ()):
            if mapping(call) is not None:
                call["index"] = number
        for _ in (*output.add(message), *output.end(status)):
            pass  # what a stream would tell
        whole = begun(document, request) | ended(choice, output.items(status), document.get("usage"))
        return encode(digits.dumps(whole))
    except ValueError:
        return error(UNREADABLE)


def write_error(_: int, body: bytes) -> bytes:
    """An error of OpenAI's shape, which is this form's too."""
    return body


# --- the answer around its items --------------------------------------------------------------------------


def plain_id(document: Mapping[str, Any]) -> str:
    """What the ids of an answer are made of."""
    ident = document.get("id")
    text = _PREFIX.sub("", ident) if isinstance(ident, str) else ""
    return _ODD.sub("_", text)[:_MAX_IDENT] or "0"


def begun(document: Mapping[str, Any], request: bytes) -> dict[str, Any]:
    """A response that has nothing yet.

    Args:
        document: a completion, or its first chunk.
        request: what the client sent.
    """
    created = document.get("created")
    response: dict[str, Any] = {
        "id": f"resp_{plain_id(document)}",
        "object": "response",
        "created_at": created if type(created) is int else 0,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": document.get("model") or "",
        "output": [],
        "previous_response_id": None,
        "store": False,
        "truncation": "disabled",
        "usage": None,
    }
    return response | _repeated(request)


def _repeated(request: bytes) -> dict[str, Any]:
    """Each as JSON that is ready to be written."""
    found = {name: digits.dumps(value) for name, value in _REPEATED.items()}
    try:
        for name, start, end in top_level(request):
            if name in found:
                value = digits.loads(request[start:end])
                if value is not None:
                    found[name] = digits.dumps(value)
    except (RequestError, ValueError):  # it was read before; what is repeated is no reason to lose an answer
        pass
    return {name: Verbatim(value) for name, value in found.items()}


def status_of(choice: Mapping[str, Any]) -> Status:
    """Of a response whose only choice this is."""
    return "incomplete" if _why(choice) else "completed"


def _why(choice: Mapping[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    return _INCOMPLETE.get(reason) if isinstance(reason, str) else None


def ended(choice: Mapping[str, Any], items: list[dict[str, Any]], usage: object) -> dict[str, Any]:
    """What a response has at its end; stands for what it began with."""
    why = _why(choice)
    return {
        "status": status_of(choice),
        "incomplete_details": {"reason": why} if why else None,
        "output": items,
        "usage": usage_to(usage),
    }


def usage_to(usage: object) -> dict[str, Any] | None:
    """Usage as Responses count it; details that are not known are 0, for its clients want numbers."""
    native = mapping(usage) or {}
    given, answered = _count(native, "prompt_tokens"), _count(native, "completion_tokens")
    if given is None or answered is None:
        return None
    read = mapping(native.get("prompt_tokens_details")) or {}
    said = mapping(native.get("completion_tokens_details")) or {}
    return {
        "input_tokens": given,
        "input_tokens_details": {
            "cached_tokens": _count(read, "cached_tokens") or 0,
            "cache_write_tokens": _count(read, "cache_write_tokens") or 0,
        },
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": _count(said, "reasoning_tokens") or 0},
        "total_tokens": given + answered,
    }


def _count(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    return value if type(value) is int and value >= 0 else None
