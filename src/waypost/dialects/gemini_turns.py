"""Messages of a conversation as the turns of a Gemini request.

Rule 1: arguments of tools and JSON in their results go out with the characters they came with.
Rule 2: as many results as calls, in their order, in the turn behind them; anything else is refused here, by
the number of the message, and not at the provider.
"""

import base64
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from waypost.dialects import digits, signatures
from waypost.dialects.digits import Verbatim
from waypost.dialects.foreign import Notes, mapping, sequence
from waypost.dialects.gemini_media import MEDIA, detail, media
from waypost.errors import RequestError

DUMMY: Final = base64.b64encode(b"skip_thought_signature_validator").decode()
"""Stands for the signature of a call that another model made.

Source: Gemini API documentation, Thought signatures (2026); base64, as the field is one of bytes.
"""

Json = dict[str, Any]

_TEXT: Final = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
_SYSTEM: Final = frozenset({"system", "developer"})


class Conversation:
    """Reads messages one by one; afterwards `system` and `turns` are what is sent.

    Attributes:
        system: parts of the instruction.
        turns: role and parts of each turn.
        detail: the closest look that any picture wants, an index of `gemini_media.RESOLUTIONS`.
    """

    def __init__(self, notes: Notes, *, is_signed: bool) -> None:
        self.system: list[Json] = []
        self.turns: list[tuple[str, list[Json]]] = []
        self.detail = 0
        self._notes = notes
        self._is_signed = is_signed
        # names of the calls that wait for results, by id as the client has it
        self._calls: dict[str, str] = {}
        self._results: dict[str, Json] = {}
        self._beside: list[Json] = []  # pictures in the results
        self._asked = ""  # where the calls stand

    def read(self, messages: Sequence[Any]) -> None:
        """Read all of them.

        Raises:
            RequestError: 400; `param` names the message.
        """
        for n, item in enumerate(messages):
            where = f"messages[{n}]"
            message = mapping(item)
            if message is None:
                _refuse("must be an object", where)
            self._message(message, where)
        self._settle()
        if not self.turns:
            what = "only system messages" if self.system else "nothing to answer"
            raise RequestError(
                f"`messages` has {what}; this provider wants a message with content from the user.",
                400,
                "invalid_value",
                "messages",
            )

    def _message(self, message: dict[str, Any], where: str) -> None:
        role = message.get("role")
        if role == "tool":
            self._result(message, where)
            return
        if not isinstance(role, str) or role not in _SYSTEM:
            self._settle()
        if message.get("name"):
            self._notes.add(f"{where}.name", "not sent, this provider has no names of speakers")
        content = message.get("content")
        where_content = f"{where}.content"
        match role:
            case "system" | "developer":
                self.system += [_text(text) for text in texts(content, where_content) if text]
            case "user":
                self._turn("user", self._parts(content, where_content))
            case "assistant":
                self._turn("model", self._said(message, where))
            case _:
                _refuse("must be system, developer, user, assistant or tool", f"{where}.role")

    def _turn(self, role: str, parts: list[Json]) -> None:
        if parts and self.turns and self.turns[-1][0] == role:
            self.turns[-1][1].extend(parts)
        elif parts:
            self.turns.append((role, parts))

    def _parts(self, content: object, where: str) -> list[Json]:
        """Parts of a user or tool; empty texts are left out, they would be refused."""
        if content is None or isinstance(content, str):
            return [_text(content)] if content else []
        found: list[Json] = []
        for n, item in enumerate(_list(content, where)):
            part, where_part = _part(item, f"{where}[{n}]")
            if part["type"] in MEDIA:
                self.detail = max(self.detail, detail(part))
                found.append(media(part, where_part))
            elif text := _readable(part, where_part):
                found.append(_text(text))
        return found

    # --- the model's turn ---------------------------------------------------------------------------------

    def _said(self, message: dict[str, Any], where: str) -> list[Json]:
        """What the model said and called. Its thoughts stay away: they are not read again."""
        for name in ("function_call", "audio"):
            if message.get(name) is not None:
                _refuse("cannot be sent to this provider", f"{where}.{name}")
        said = [text for text in texts(message.get("content"), f"{where}.content") if text]
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            said.append(refusal)
        signature = _signature(message)
        signed = {len(said) - 1: signature} if signature else {}
        parts = [_text(text, signed.get(n)) for n, text in enumerate(said)]
        calls = message.get("tool_calls")
        for n, item in enumerate(_list(calls, f"{where}.tool_calls") if calls is not None else ()):
            parts.append(self._call(item, f"{where}.tool_calls[{n}]", is_first=not n))
        self._asked = where
        return parts

    def _call(self, item: object, where: str, *, is_first: bool) -> Json:
        call = mapping(item) or {}
        function = mapping(call.get("function"))
        ident, name = call.get("id"), (function or {}).get("name")
        if not isinstance(ident, str) or not ident or not isinstance(name, str) or not name:
            _refuse("must have an `id` and a `function` with a `name`", where)
        if ident in self._calls:
            _refuse("has the id of another call", f"{where}.id")
        self._calls[ident] = name
        plain, hidden = signatures.find(ident)
        signature = _signature(call) or hidden or (DUMMY if is_first and self._is_signed else None)
        arguments = (function or {}).get("arguments")
        text = "{}" if arguments is None or arguments == "" else arguments
        args = digits.object_text(text.strip() or "{}") if isinstance(text, str) else None
        if args is None:
            _refuse("must be a JSON object, as text", f"{where}.function.arguments", "invalid_tool_arguments")
        return _signed({"functionCall": {"id": plain, "name": name, "args": args}}, signature)

    # --- results of tools ---------------------------------------------------------------------------------

    def _result(self, message: dict[str, Any], where: str) -> None:
        ident = message.get("tool_call_id")
        if not isinstance(ident, str) or ident not in self._calls:
            _refuse("must be the id of a call in the assistant message before it", f"{where}.tool_call_id")
        if ident in self._results:
            _refuse("answers a call that has its result already", f"{where}.tool_call_id")
        content = message.get("content")
        found: list[str] = []
        for n, item in enumerate(
            () if isinstance(content, str) or content is None else _list(content, where)
        ):
            part, where_part = _part(item, f"{where}.content[{n}]")
            if part["type"] in MEDIA:
                self._beside += self._parts([part], where_part)
            else:
                found.append(_readable(part, where_part))
        text = content if isinstance(content, str) else "\n".join(found)
        self._results[ident] = {
            "functionResponse": {
                "id": signatures.find(ident)[0],
                "name": self._calls[ident],
                "response": _response(text, is_error=message.get("is_error") is True),
            }
        }

    def _settle(self) -> None:
        if len(self._results) < len(self._calls):
            _refuse("calls tools whose results do not follow", f"{self._asked}.tool_calls")
        self._turn("user", [*(self._results[ident] for ident in self._calls), *self._beside])
        self._calls, self._results, self._beside = {}, {}, []


def texts(content: object, where: str) -> list[str]:
    """The texts of a message that can have nothing else.

    Raises:
        RequestError: 400; it has something else.
    """
    if content is None or isinstance(content, str):
        return [content or ""]
    return [_readable(*_part(item, f"{where}[{n}]")) for n, item in enumerate(_list(content, where))]


def _response(text: str, *, is_error: bool) -> Verbatim | Json:
    """What a tool answered; Gemini wants an object."""
    if is_error:
        return {"error": text}
    return digits.object_text(text) or {"output": text}


def _text(text: str, signature: str | None = None) -> Json:
    return _signed({"text": text}, signature)


def _signed(part: Json, signature: str | None) -> Json:
    return part | {"thoughtSignature": signature} if signature else part


def _part(item: object, where: str) -> tuple[dict[str, Any], str]:
    part = {"type": "text", "text": item} if isinstance(item, str) else mapping(item)
    if part is None or not isinstance(part.get("type"), str):
        _refuse("must be an object with a `type`", where)
    return part, where


def _readable(part: dict[str, Any], where: str) -> str:
    key = _TEXT.get(part["type"])
    text = part.get(key) if key else None
    if not isinstance(text, str):
        _refuse("is no kind of content that can be sent there", where)
    return text


def _signature(holder: dict[str, Any]) -> str | None:
    """Where Google's own OpenAI-compatible API puts it."""
    google = mapping((mapping(holder.get("extra_content")) or {}).get("google")) or {}
    found = google.get("thought_signature")
    return found if isinstance(found, str) and signatures.is_signature(found) else None


def _list(value: object, where: str) -> list[Any]:
    found = sequence(value)
    if found is None:
        _refuse("must be a list", where)
    return found


def _refuse(message: str, where: str, code: str = "invalid_value") -> NoReturn:
    raise RequestError(f"`{where}` {message}.", 400, code, where)
