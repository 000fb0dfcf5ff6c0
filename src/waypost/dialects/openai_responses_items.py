"""Items of a request to OpenAI's Responses as messages of a chat.

Rule 1: what a model said without a break (thoughts, words, calls) is one message.
Rule 2: a result stands behind the message that has its call, found by `call_id`, wherever it came.
Rule 3: an item that is served by providers of this form alone is left out and named as `native`.

Source: OpenAI Responses API, as the types of SDK 3.51.0 have it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from waypost.dialects import signatures
from waypost.dialects.anthropic_content import invalid
from waypost.dialects.foreign import mapping, sequence
from waypost.dialects.native import UNREAD, Native
from waypost.dialects.thoughts import is_sealed, unseal

_ROLES: Final = ("user", "assistant", "system", "developer")
_STATUSES: Final = ("in_progress", "completed", "incomplete")
_PHASES: Final = ("commentary", "final_answer")
_TEXTS: Final = ("input_text", "output_text", "text")
_THOUGHTS: Final = ("summary_text", "reasoning_text")
_DETAILS: Final = ("auto", "low", "high", "original")

_ITEM: Final = frozenset({"type", "id", "status"})
_ITEMS: Final[Mapping[str, frozenset[str]]] = {
    "message": _ITEM | {"role", "content", "phase"},
    "function_call": _ITEM | {"call_id", "name", "arguments", "caller"},
    "function_call_output": _ITEM | {"call_id", "output", "caller"},
    "reasoning": _ITEM | {"summary", "content", "encrypted_content"},
}
_PART: Final = frozenset({"type", "prompt_cache_breakpoint"})
_PARTS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(_TEXTS, _PART | {"text"}),
    "refusal": _PART | {"refusal"},
    "input_image": _PART | {"image_url", "detail"},
    "input_file": _PART | {"file_data", "file_url", "filename", "detail"},
    "input_audio": _PART | {"input_audio"},
}
"""What is read of each item and part."""


@dataclass(slots=True)
class _Turn:
    """A message, what was thought before it, and the results of its calls."""

    message: dict[str, Any]
    results: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    thoughts: list[str] = field(default_factory=list[str])


class Conversation:
    """Messages, as items come.

    Args:
        native: what is left out is added to it.
    """

    def __init__(self, native: Native) -> None:
        self._native = native
        self._turns: list[_Turn] = []
        self._open: dict[str, Any] | None = None  # what the model says, while it goes on
        self._calls: dict[str, _Turn] = {}  # by `call_id`
        self._unmatched = ""  # path of the first result without a call

    def messages(self) -> list[dict[str, Any]]:
        """All of them, in order.

        Raises:
            RequestError: 400; a result has no call, and no call can stand elsewhere.
        """
        if self._unmatched and self._native.param is None:
            where = self._unmatched
            invalid(f"`{where}` is that of no call.", f"{where}.call_id", "tool_result_unmatched")
        return [message for turn in self._turns for message in (_settled(turn), *turn.results)]

    def say(self, role: str, content: str | list[dict[str, Any]]) -> None:
        """Add a message as it stands."""
        self._open = None
        self._turns.append(_Turn({"role": role, "content": content}))

    def add(self, value: object, where: str) -> None:
        """Add an item.

        Raises:
            RequestError: 400, it is malformed.
        """
        item = mapping(value)
        if item is None:
            invalid(f"`{where}` must be an object.", where)
        kind = item.get("type") or ("message" if "role" in item else None)
        if not isinstance(kind, str):
            invalid(f"`{where}.type` must be a string.", f"{where}.type")
        if kind not in _ITEMS:
            self._native.add(where)
            self.say("user", [{"type": UNREAD}])
            return
        self._native.beyond(item, _ITEMS[kind], where)
        self._native.unless(item.get("status"), _STATUSES, f"{where}.status")
        self._native.unless(item.get("caller"), ({"type": "direct"},), f"{where}.caller")
        self._native.unless_ident(item.get("id"), f"{where}.id")
        match kind:
            case "message":
                self._message(item, where)
            case "function_call":
                self._call(item, where)
            case "function_call_output":
                self._result(item, where)
            case _:
                self._thought(item, where)

    def _message(self, item: dict[str, Any], where: str) -> None:
        role = item.get("role")
        if role not in _ROLES:
            invalid(f"`{where}.role` must be one of {', '.join(_ROLES)}.", f"{where}.role")
        self._native.unless(item.get("phase"), _PHASES, f"{where}.phase")
        parts = list(self._content(item.get("content"), f"{where}.content"))
        if role != "assistant":
            self.say(role, _joined(parts))
            return
        message = self._assistant().message
        before = message.get("content")
        if (listed := sequence(before)) is not None:
            listed += parts
            return
        if before:
            parts = [{"type": "text", "text": before}, *parts]
        message["content"] = _joined(parts)

    def _assistant(self) -> _Turn:
        """The turn of the model that goes on, or a new one."""
        if self._open is None:
            self._open = {"role": "assistant", "content": None}
            self._turns.append(_Turn(self._open))
        return self._turns[-1]

    def _call(self, item: dict[str, Any], where: str) -> None:
        ident, name, given = item.get("call_id"), item.get("name"), item.get("arguments")
        if not isinstance(ident, str) or not isinstance(name, str) or not isinstance(given, str):
            invalid(f"`{where}` must have a `call_id`, a `name` and `arguments` that are strings.", where)
        turn = self._assistant()
        call = {"id": ident, "type": "function", "function": {"name": name, "arguments": given}}
        turn.message.setdefault("tool_calls", []).append(call)
        self._calls[ident] = turn
        self._native.is_mixed = self._native.is_mixed or signatures.find(ident)[1] is not None

    def _result(self, item: dict[str, Any], where: str) -> None:
        ident, output = item.get("call_id"), item.get("output")
        if not isinstance(ident, str):
            invalid(f"`{where}.call_id` must be a string.", f"{where}.call_id")
        content = _joined(list(self._content(output, f"{where}.output")))
        message = {"role": "tool", "tool_call_id": ident, "content": content}
        self._open = None
        if (turn := self._calls.get(ident)) is not None:
            turn.results.append(message)
        else:
            self._unmatched = self._unmatched or where
            self._turns.append(_Turn(message))

    def _thought(self, item: dict[str, Any], where: str) -> None:
        """What nobody can read of another's thought goes back to those who wrote it alone."""
        texts = [*self._texts(item, "summary", where), *self._texts(item, "content", where)]
        sealed = item.get("encrypted_content")
        if not isinstance(sealed, str | None):
            invalid(f"`{where}.encrypted_content` must be a string.", f"{where}.encrypted_content")
        self._native.unless_sealed(sealed, f"{where}.encrypted_content")
        turn = self._assistant()
        turn.thoughts += texts
        if sealed and is_sealed(sealed):
            self._native.is_mixed = True
            if blocks := unseal(sealed):
                turn.message.setdefault("thinking_blocks", []).extend(blocks)

    def _texts(self, item: Mapping[str, Any], name: str, where: str) -> Iterator[str]:
        value = item.get(name)
        parts = [] if value is None else sequence(value)
        if parts is None:
            invalid(f"`{where}.{name}` must be a list.", f"{where}.{name}")
        for number, value in enumerate(parts):
            place, part = f"{where}.{name}[{number}]", mapping(value) or {}
            if not isinstance(part.get("text"), str):
                invalid(f"`{place}` must have a `text`.", place)
            self._native.beyond(part, ("type", "text"), place)
            self._native.unless(part.get("type"), _THOUGHTS, f"{place}.type")
            yield part["text"]

    def _content(self, content: object, where: str) -> Iterator[dict[str, Any]]:
        if isinstance(content, str):
            yield {"type": "text", "text": content}
            return
        parts = sequence(content)
        if parts is None:
            invalid(f"`{where}` must be a string or a list.", where)
        for number, item in enumerate(parts):
            place = f"{where}[{number}]"
            part = mapping(item)
            if part is None or not isinstance(part.get("type"), str):
                invalid(f"`{place}` must be an object with a `type`.", place)
            yield self._part(part, place)

    def _part(self, part: dict[str, Any], where: str) -> dict[str, Any]:
        kind = part["type"]
        if kind not in _PARTS:
            self._native.add(where)
            return {"type": UNREAD}
        self._native.beyond(part, _PARTS[kind], where)
        mark = part.get("prompt_cache_breakpoint")
        self._native.unless(mark, ({"mode": "explicit"},), f"{where}.prompt_cache_breakpoint")
        if kind == "input_image":
            return self._image(part, where)
        if kind == "input_file":
            return self._file(part, where)
        name = kind if kind in ("refusal", "input_audio") else "text"
        said = part.get(name)
        if not isinstance(said, dict if kind == "input_audio" else str):
            invalid(f"`{where}` is no whole {kind}.", where)
        return {"type": name, name: said}

    def _image(self, part: dict[str, Any], where: str) -> dict[str, Any]:
        self._native.unless(part.get("detail"), _DETAILS, f"{where}.detail")
        url, detail = part.get("image_url"), part.get("detail")
        if isinstance(url, str):
            image = {"url": url} | ({"detail": detail} if detail in _DETAILS else {})
            return {"type": "image_url", "image_url": image}
        if not isinstance(part.get("file_id"), str):
            invalid(f"`{where}` must have an `image_url`.", where)
        return {"type": UNREAD}

    def _file(self, part: dict[str, Any], where: str) -> dict[str, Any]:
        self._native.unless(part.get("detail"), _DETAILS, f"{where}.detail")
        given = {
            name: part[name] for name in ("filename", "file_data", "file_url") if part.get(name) is not None
        }
        if not all(isinstance(value, str) for value in given.values()):
            invalid(f"`{where}` must have a `file_data` or `file_url` that is a string.", where)
        if "file_data" in given or "file_url" in given:
            return {"type": "file", "file": given}
        if not isinstance(part.get("file_id"), str):
            invalid(f"`{where}` must have a `file_data` or a `file_url`.", where)
        return {"type": UNREAD}


def _settled(turn: _Turn) -> dict[str, Any]:
    """Thoughts that nothing came of stand at an empty text: not all servers take a message of nothing."""
    message = turn.message | ({"content": ""} if _is_silent(turn.message) else {})
    if turn.thoughts:
        message["reasoning_content"] = "\n\n".join(filter(None, turn.thoughts))
    return message


def _is_silent(message: Mapping[str, Any]) -> bool:
    return message["role"] == "assistant" and message["content"] is None and "tool_calls" not in message


def _joined(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """One text as it is, none as an empty one: not all servers take either as a list."""
    if not parts:
        return ""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts
