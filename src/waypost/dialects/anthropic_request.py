"""A request in the neutral form, written as Anthropic's `POST /v1/messages`.

Rule 1: what the API would refuse is refused here, naming the message: pairs of calls and results, arguments
that are no JSON object, messages without content.
Rule 2: arguments go out with the characters they came with; ids change only where the API would refuse them.

Source: Anthropic Messages API, version 2023-06-01, as the types of SDK 2.11.0 have it.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any, Final, cast

from waypost.dialects import digits, signatures
from waypost.dialects.anthropic_content import blocks, invalid, marked, texts
from waypost.dialects.anthropic_models import Family, family_of
from waypost.dialects.anthropic_schema import closed
from waypost.dialects.digits import Verbatim
from waypost.dialects.foreign import Notes, Written, encode, mapping, says_nothing, sequence
from waypost.errors import RequestError

PATH: Final = "/messages"
VERSION: Final = "2023-06-01"

JSON_TOOL: Final = "waypost_json_answer"
"""The function that models without structured output call with the object that was asked for."""

_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
_EFFORTS: Final = frozenset({"none", *_BUDGETS})
_LEAST_BUDGET: Final = 1024

_IDENT: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}", re.ASCII)

_READ: Final = frozenset(
    {
        *("model", "messages", "stream", "tools", "tool_choice", "parallel_tool_calls", "n", "stop"),
        *("max_completion_tokens", "max_tokens", "temperature", "top_p", "top_k", "user"),
        *("safety_identifier", "response_format", "reasoning_effort", "cache_control"),
    }
)
_JSON_HINT: Final = "Answer with one valid JSON object and nothing else: no text around it and no code fence."


def write_request(
    document: Mapping[str, Any], model: str, *, strict: bool = False, most: int | None = None
) -> Written:
    """Write it for a model.

    Args:
        document: a chat completions request; its `model` is not looked at.
        model: as the provider calls it.
        strict: refuse what cannot be sent as it was asked for, instead of noting it.
        most: tokens of an answer, as the file says it; None = what the family of the model gives.

    Raises:
        RequestError: 400; `param` names the field.
    """
    notes = Notes(strict=strict)
    family = family_of(model)
    if most is not None:
        family = replace(family, max_tokens=most)
    try:
        written = encode(digits.dumps(_body(document, model, family, notes)))
    except ValueError as error:
        raise RequestError("The request body is nested too deeply.", 400, "body_too_complex") from error
    return Written(written, PATH, (("anthropic-version", VERSION),), notes.all())


def _body(document: Mapping[str, Any], model: str, family: Family, notes: Notes) -> dict[str, Any]:
    if document.get("n") not in (None, 1):
        invalid("This model gives one answer for each request.", "n")
    talk = _Conversation(family, notes)
    talk.read(document.get("messages"))
    body: dict[str, Any] = {"model": model, "max_tokens": _max_tokens(document, family, notes)}
    body |= _tools(document, talk, family, notes)
    body |= _format(document, talk, family, body, notes)
    body |= _thinking(document, talk, family, body, notes)
    body |= _sampling(document, family, body, notes)
    body |= _rest(document, notes)
    for name, value in document.items():
        if name not in _READ and not says_nothing(name, value):
            notes.add(name, "not sent, the API has no such parameter")
    if talk.system:
        body["system"] = talk.system
    body["messages"] = talk.turns
    return body


# --- messages ---------------------------------------------------------------------------------------------


class _Conversation:
    """Turns in Anthropic's order: users and assistants in turn, results in front of what else a user says.

    Attributes:
        called: functions called in it, in order.
        is_unsigned: calls that wait for the model to go on came without the thoughts in front of them.
    """

    def __init__(self, family: Family, notes: Notes) -> None:
        self.system: list[dict[str, Any]] = []
        self.turns: list[dict[str, Any]] = []
        self.called: dict[str, None] = {}
        self.is_unsigned = False
        self.is_prefilled = False
        self._family = family
        self._notes = notes
        self._open: dict[str, str] = {}  # calls without a result: id in the request -> id sent
        self._used: set[str] = set()

    def read(self, messages: object) -> None:
        """All messages of a request."""
        for number, item in enumerate(sequence(messages) or ()):
            where = f"messages[{number}]"
            message = mapping(item)
            if message is None:
                invalid(f"`{where}` must be an object.", where)
            self._add(message, where)
        if self._open:
            invalid("The last call of a tool has no result.", "messages", "tool_result_missing")
        if not self.turns:
            invalid("The API needs at least one message of a user, not only instructions.", "messages")
        if self.turns[0]["role"] != "user":
            invalid("The first message must be a user's.", "messages")
        for turn in self.turns:
            if turn["role"] == "user":
                turn["content"].sort(key=_is_said)
        self._end()

    def _end(self) -> None:
        """An assistant message that comes last is to be continued, and must not end in white space."""
        blocks = self.turns[-1]["content"]
        if self.turns[-1]["role"] == "user":
            return
        if blocks[-1]["type"] == "text":
            blocks[-1]["text"] = blocks[-1]["text"].rstrip()
        if not self._family.prefills:
            invalid("This model does not continue an assistant message; a user's must come last.", "messages")
        self.is_prefilled = True

    def _add(self, message: dict[str, Any], where: str) -> None:
        if message.get("name") and message.get("role") != "tool":
            self._notes.add(f"{where}.name", "not sent, the API has no names of speakers")
        match message.get("role"):
            case "system" | "developer":
                self.system += marked(list(texts(message.get("content"), where, self._notes)), message)
            case "user":
                found = list(blocks(message.get("content"), f"{where}.content", self._notes))
                if not found:
                    invalid(f"`{where}` has no content.", where)
                self._append("user", marked(found, message))
            case "assistant":
                self._assistant(message, where)
            case "tool":
                self._append("user", [self._result(message, where)])
            case _:
                invalid(f"`{where}.role` is none that the API knows.", f"{where}.role")

    def _append(self, role: str, blocks: list[dict[str, Any]]) -> None:
        if self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["content"] += blocks
        elif blocks:
            self.turns.append({"role": role, "content": blocks})

    def _assistant(self, message: dict[str, Any], where: str) -> None:
        if self._open and self.turns[-1]["role"] == "user":
            invalid(f"A call of a tool in front of `{where}` has no result.", where, "tool_result_missing")
        if message.get("function_call"):
            invalid("`function_call` is not supported; use `tool_calls`.", f"{where}.function_call")
        if message.get("audio"):
            invalid(f"`{where}.audio` cannot be sent to this model.", f"{where}.audio", "unsupported_content")
        thoughts = thoughts_of(message) if self._family.thinking != "none" else []
        words = list(texts(message.get("content"), f"{where}.content", self._notes))
        words += texts(message.get("refusal"), f"{where}.refusal", self._notes)
        calls = list(self._calls(message.get("tool_calls"), f"{where}.tool_calls"))
        if words or calls:
            self.is_unsigned = bool(calls) and not thoughts
            self._append("assistant", [*thoughts, *marked([*words, *calls], message)])

    def _calls(self, value: object, where: str) -> Iterator[dict[str, Any]]:
        for number, item in enumerate(sequence(value) or ()):
            place = f"{where}[{number}]"
            call = mapping(item) or {}
            function = mapping(call.get("function")) or {}
            name, ident = function.get("name"), call.get("id")
            if not isinstance(name, str) or not isinstance(ident, str) or not ident:
                invalid(f"`{place}` must have an `id` and a `function` with a `name`.", place)
            if ident in self._open:
                invalid(f"`{place}.id` is that of another call.", f"{place}.id")
            self._open[ident] = sent = self._unused(ident)
            self.called[_named(name, place)] = None
            yield {
                "type": "tool_use",
                "id": sent,
                "name": name,
                "input": _input(function.get("arguments"), f"{place}.function.arguments"),
            }

    def _unused(self, ident: str) -> str:
        """An id that the API takes, and no call has yet: some providers number calls from 0 in each turn."""
        plain = signatures.find(ident)[0]
        if not _IDENT.fullmatch(plain):
            plain = f"call_{hashlib.sha256(ident.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"
        made, count = plain, 1
        while made in self._used:
            count += 1
            made = f"{plain[:50]}_{len(self._used)}_{count}"
        self._used.add(made)
        return made

    def _result(self, message: dict[str, Any], where: str) -> dict[str, Any]:
        ident = message.get("tool_call_id")
        if not isinstance(ident, str) or ident not in self._open:
            invalid(
                f"`{where}` answers no call of the assistant message in front of it.",
                f"{where}.tool_call_id",
                "tool_result_unmatched",
            )
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": self._open.pop(ident)}
        content = message.get("content")
        if isinstance(content, str):
            if content:
                block["content"] = content
        elif found := list(blocks(content, f"{where}.content", self._notes)):
            block["content"] = found
        if message.get("is_error") is True:
            block["is_error"] = True
        return marked([block], message)[0]


def _is_said(block: Mapping[str, Any]) -> bool:
    return block["type"] != "tool_result"


def thoughts_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Blocks of thinking as they came from this API: all of a message, or none where one is not whole."""
    blocks: list[dict[str, Any]] = []
    for item in sequence(message.get("thinking_blocks")) or ():
        match mapping(item):
            case {"type": "thinking", "thinking": str(text), "signature": str(signature)} if signature:
                blocks.append({"type": "thinking", "thinking": text, "signature": signature})
            case {"type": "redacted_thinking", "data": str(data)} if data:
                blocks.append({"type": "redacted_thinking", "data": data})
            case _:
                return []
    return blocks


def _input(arguments: object, where: str) -> Verbatim:
    """Arguments as they stand; the API wants an object, and models without one to give leave them empty."""
    if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
        return Verbatim("{}")
    found = digits.object_text(arguments) if isinstance(arguments, str) else None
    if found is None:
        invalid(f"`{where}` must be a JSON object in a string.", where, "invalid_tool_arguments")
    return found


def _named(name: str, where: str) -> str:
    if not _NAME.fullmatch(name):
        invalid(f"The name of the function in `{where}` must match [a-zA-Z0-9_-]{{1,128}}.", where)
    return name


# --- tools ------------------------------------------------------------------------------------------------


def _tools(document: Mapping[str, Any], talk: _Conversation, family: Family, notes: Notes) -> dict[str, Any]:
    """`tools` and `tool_choice`."""
    if document.get("functions"):
        invalid("`functions` is not supported; use `tools`.", "functions")
    tools = [
        _tool(item, f"tools[{n}]", family, notes)
        for n, item in enumerate(sequence(document.get("tools")) or ())
    ]
    if not tools:
        if document.get("tool_choice") not in (None, "auto", "none"):
            invalid("`tool_choice` needs `tools`.", "tool_choice")
        # The API wants to know the functions that a conversation speaks of, also when none may be called.
        tools = [{"name": name, "input_schema": {"type": "object"}} for name in talk.called]
        return {"tools": tools, "tool_choice": {"type": "none"}} if tools else {}
    tools, choice = _choice(document.get("tool_choice"), tools)
    if choice and choice["type"] in {"any", "tool"} and not family.forces:
        notes.add("tool_choice", "sent as auto, the model cannot be made to call")
        choice = {"type": "auto"}
    if document.get("parallel_tool_calls") is False and (choice or {}).get("type") != "none":
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return {"tools": tools} | ({"tool_choice": choice} if choice else {})


def _tool(item: object, where: str, family: Family, notes: Notes) -> dict[str, Any]:
    tool = mapping(item) or {}
    function = mapping(tool.get("function"))
    if tool.get("type") != "function" or function is None or not isinstance(function.get("name"), str):
        invalid(f"`{where}` must be a function with a `name`.", where, "unsupported_tool")
    written: dict[str, Any] = {"name": _named(function["name"], where)}
    if isinstance(description := function.get("description"), str) and description:
        written["description"] = description
    written["input_schema"] = _schema(function.get("parameters"), f"{where}.function.parameters")
    if function.get("strict") is True:
        if family.has_schema:
            written["strict"] = True
        else:
            notes.add(f"{where}.function.strict", "not sent, the model does not know it")
    return marked(marked([written], function), tool)[0]


def _schema(value: object, where: str) -> Verbatim:
    schema = mapping({} if value is None else value)
    if schema is None or schema.get("type", "object") != "object":
        invalid(f"`{where}` must be a JSON Schema of type object.", where)
    return Verbatim(digits.dumps(schema if "type" in schema else {"type": "object", **schema}))


def _choice(value: object, tools: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The tools that stay, and which of them is to be called."""
    names = {tool["name"] for tool in tools}
    choice: dict[str, Any] | None = None
    match value:
        case None:
            pass
        case "auto" | "none":
            choice = {"type": value}
        case "required":
            choice = {"type": "any"}
        case {"type": "function", "function": {"name": str(name)}} if name in names:
            choice = {"type": "tool", "name": name}
        case {"type": "allowed_tools"} if left := _allowed(cast("dict[str, Any]", value), tools):
            return left
        case _:
            invalid("`tool_choice` is unknown, or names no function of `tools`.", "tool_choice")
    return tools, choice


def _allowed(
    value: dict[str, Any], tools: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
    allowed = mapping(value.get("allowed_tools")) or {}
    items = [mapping(item) or {} for item in sequence(allowed.get("tools")) or ()]
    found = [(mapping(item.get("function")) or {}).get("name") for item in items]
    names = {name for name in found if isinstance(name, str)}
    left = [tool for tool in tools if tool["name"] in names]
    kinds = {"auto": "auto", "required": "any"}
    mode = allowed.get("mode")
    return (left, {"type": kinds[mode]}) if left and isinstance(mode, str) and mode in kinds else None


# --- what the answer is to be like ------------------------------------------------------------------------


def _max_tokens(document: Mapping[str, Any], family: Family, notes: Notes) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        value = document.get(name)
        if value is None:
            continue
        if not _is_number(value) or value < 1 or value != value // 1:
            invalid(f"`{name}` must be a whole number of at least 1.", name)
        if value > family.max_tokens:
            notes.add(name, f"lowered to {family.max_tokens}, the most the model gives")
        return int(min(value, family.max_tokens))
    return family.max_tokens


def _format(
    document: Mapping[str, Any], talk: _Conversation, family: Family, body: dict[str, Any], notes: Notes
) -> dict[str, Any]:
    """`response_format`: a schema natively, else as a function to be called; any object by instruction."""
    match document.get("response_format"):
        case None | {"type": "text"}:
            return {}
        case {"type": "json_object"}:
            talk.system.append({"type": "text", "text": _JSON_HINT})
            return {}
        case {"type": "json_schema", "json_schema": {"schema": dict()}} as wanted:
            schema: dict[str, Any] = cast("dict[str, Any]", wanted)["json_schema"]["schema"]
        case _:
            invalid("`response_format` is none that the API knows.", "response_format")
    if family.has_schema:
        return {"output_config": {"format": {"type": "json_schema", "schema": closed(schema, notes)}}}
    written = Verbatim(digits.dumps(schema))
    tool = {"name": JSON_TOOL, "description": "Give the final answer.", "input_schema": written}
    tools = [tool, *body.get("tools", ())]
    is_only = body.get("tool_choice", {}).get("type") == "none" or len(tools) == 1
    choice = {"type": "tool", "name": JSON_TOOL} if is_only else {"type": "any"}
    return {"tools": tools, "tool_choice": body.get("tool_choice", {}) | choice}


def _thinking(
    document: Mapping[str, Any], talk: _Conversation, family: Family, body: dict[str, Any], notes: Notes
) -> dict[str, Any]:
    effort = document.get("reasoning_effort")
    if effort is not None and not (isinstance(effort, str) and effort in _EFFORTS):
        invalid("`reasoning_effort` is none that the API knows.", "reasoning_effort")
    why = _why_not(effort, talk, family, body)
    if why:
        notes.tell("reasoning_effort", f"not sent, {why}")
    if effort == "none" or (_is_forced(body) and family.thinks_unasked):
        return _unthinking(family, body, notes)
    if effort is None or why:
        return {}
    if family.thinking == "budget":
        return _budget(_BUDGETS[effort], body["max_tokens"])
    level = {"minimal": "low", "xhigh": "xhigh" if family.has_xhigh else "high"}.get(effort, effort)
    display = {"display": "summarized"} if family.has_display else {}
    config = {**body.get("output_config", {}), "effort": level}
    return {"thinking": {"type": "adaptive"} | display, "output_config": config}


def _why_not(effort: str | None, talk: _Conversation, family: Family, body: dict[str, Any]) -> str:
    """Why the model is not told to think, though it should; empty = it is."""
    if effort is None or effort == "none":
        return ""
    is_budget = family.thinking == "budget"
    reasons = (
        (family.thinking == "none", "the model does not think"),
        (_is_forced(body), "a model that has to call a function must not think"),
        (talk.is_prefilled, "an answer that was begun is not thought about"),
        (is_budget and talk.is_unsigned, "calls in the conversation came without their thinking_blocks"),
        (is_budget and body["max_tokens"] <= _LEAST_BUDGET, f"it takes more than {_LEAST_BUDGET} tokens"),
    )
    return next((why for holds, why in reasons if holds), "")


def _is_forced(body: dict[str, Any]) -> bool:
    return body.get("tool_choice", {}).get("type") in {"any", "tool"}


def _unthinking(family: Family, body: dict[str, Any], notes: Notes) -> dict[str, Any]:
    if family.off == "never":
        notes.tell("reasoning_effort", "sent as low, the model always thinks")
        return {"output_config": {**body.get("output_config", {}), "effort": "low"}}
    return {} if family.off == "omit" else {"thinking": {"type": family.off}}


def _budget(budget: int, max_tokens: int) -> dict[str, Any]:
    """Thinking counts against `max_tokens`: at least half of it is for the answer, if it is that tight."""
    if budget >= max_tokens:
        budget = max(_LEAST_BUDGET, max_tokens // 2)
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _sampling(
    document: Mapping[str, Any], family: Family, body: dict[str, Any], notes: Notes
) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    thinks = body.get("thinking", {}).get("type") in {"enabled", "adaptive"}
    for name in ("temperature", "top_p", "top_k"):
        value = document.get(name)
        if value is None:
            continue
        if not _is_number(value) or value < 0:
            invalid(f"`{name}` must be a number that is not negative.", name)
        if not family.samples or thinks:
            if value != 1 or name == "top_k":
                notes.add(name, "not sent, the model does not take it")
        elif name == "top_p" and family.samples_once and "temperature" in sent:
            if value != 1:
                notes.add(name, "not sent, the model takes it or temperature, not both")
        else:
            sent[name] = value
            if name != "top_k" and value > 1:
                notes.add(name, "lowered to 1, the most the model takes")
                sent[name] = 1
    return sent


def _rest(document: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """`stop_sequences`, `metadata`, `stream` and the mark for caching."""
    rest: dict[str, Any] = {}
    if stop := list(_stop(document.get("stop"), notes)):
        rest["stop_sequences"] = stop
    user = document.get("safety_identifier") or document.get("user")
    if isinstance(user, str) and user:
        # The provider needs to tell users apart, not to know them.
        rest["metadata"] = {"user_id": hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()}
    if document.get("stream") is True:
        rest["stream"] = True
    return marked([rest], document)[0]


def _stop(value: object, notes: Notes) -> Iterator[str]:
    for item in [value] if isinstance(value, str) else sequence(value) or ():
        if not isinstance(item, str):
            invalid("`stop` must be a string or a list of strings.", "stop")
        if item.strip():
            yield item
        else:
            notes.add("stop", "text of white space only is not sent, the API refuses it")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
