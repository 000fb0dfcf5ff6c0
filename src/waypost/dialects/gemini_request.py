"""Neutral requests written for Gemini: `generateContent` and `streamGenerateContent`.

Rule 1: pure; the same request gives the same bytes, whatever was tried before.
Rule 2: the body has no model, the path has it, and no key is ever in a path.

Source: Gemini API reference, v1beta (2026); types of google-genai 3.4.0.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn, TypeGuard
from urllib.parse import quote

from waypost.dialects import digits
from waypost.dialects.digits import Digits, Verbatim
from waypost.dialects.foreign import Notes, Written, encode, mapping, says_nothing, sequence
from waypost.dialects.gemini_media import RESOLUTIONS
from waypost.dialects.gemini_models import Family, family_of
from waypost.dialects.gemini_schema import openapi
from waypost.dialects.gemini_turns import Conversation
from waypost.errors import RequestError

MAX_STOPS: Final = 5

_HEADERS: Final = (("content-type", "application/json"), ("accept-encoding", "identity"))
"""An answer that is going to be translated must not be packed."""

_READ: Final = frozenset(
    {
        *("model", "messages", "stream", "stream_options", "n", "stop", "seed", "response_format"),
        *("max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "logprobs", "top_logprobs"),
        *("presence_penalty", "frequency_penalty", "tools", "tool_choice", "reasoning_effort"),
    }
)
_BUDGETS: Final = {
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
"""Tokens of thinking; those of Google's own OpenAI-compatible API, at most what 2.5 Flash takes."""

_JSON_HINT: Final = (
    "Your final answer is one valid JSON object and nothing else: no text around it and no code fence."
)
_LEVELS: Final = ("minimal", "low", "medium", "high")
_EFFORTS: Final = ("none", *_BUDGETS)
_SAFE: Final = 2**53
_SEEDS: Final = 2**31


def write_request(
    document: Mapping[str, Any], model: str, *, strict: bool, most: int | None = None
) -> Written:
    """Write a request.

    Args:
        document: chat completions; numbers may all be floats.
        model: what the provider calls it.
        strict: refuse what would otherwise be left out or changed with a warning.
        most: tokens of an answer, as the file says it; None = what the family of the model gives.

    Raises:
        RequestError: 400; `param` names the field.
    """
    notes = Notes(strict=strict)
    family = family_of(model)
    if most is not None:
        family = replace(family, max_tokens=most)
    for name, value in document.items():
        if name not in _READ and not says_nothing(name, value):
            _refuse_old(name)
            notes.add(name, "not sent, this provider does not know it")
    talk = Conversation(notes, is_signed=family.is_signed)
    talk.read(sequence(document.get("messages")) or [])
    body: dict[str, object] = {"contents": [{"role": role, "parts": parts} for role, parts in talk.turns]}
    tools = _tools(document, family, notes)
    form = _format(document.get("response_format"), family, notes)
    if form and tools and not family.has_both:
        notes.add("response_format", "asked for in words, the model takes no such form beside tools")
        talk.system.append({"text": _in_words(form)})
        form = {}
    if talk.system:
        body["systemInstruction"] = {"parts": talk.system}
    body |= tools
    if settings := _generation(document, family, notes, talk.detail) | form:
        body["generationConfig"] = settings
    return Written(encode(digits.dumps(body)), _path(model, document.get("stream")), _HEADERS, notes.all())


def _path(model: str, stream: object) -> str:
    name = model if "/" in model else f"models/{model}"
    method = "streamGenerateContent?alt=sse" if stream is True else "generateContent"
    return f"/{quote(name, safe='/')}:{method}"


def _refuse_old(name: str) -> None:
    if name in {"functions", "function_call"}:
        _refuse("is too old for this provider; use `tools` and `tool_choice`", name)


# --- how to generate --------------------------------------------------------------------------------------


def _generation(document: Mapping[str, Any], family: Family, notes: Notes, detail: int) -> dict[str, object]:
    read = _Numbers(document, notes)
    longest = read.whole("max_completion_tokens", 1, family.max_tokens)
    found: dict[str, object] = {
        "maxOutputTokens": read.whole("max_tokens", 1, family.max_tokens) if longest is None else longest,
        "temperature": read.number("temperature", 0, 2),
        "topP": read.number("top_p", 0, 1),
        "topK": read.whole("top_k", 1, 1000) if document.get("top_k") != -1 else None,
        "stopSequences": _stops(document.get("stop"), notes) or None,
        "candidateCount": _candidates(read),
        "seed": _seed(document.get("seed"), notes),
        "presencePenalty": read.number("presence_penalty", -2, 2),
        "frequencyPenalty": read.number("frequency_penalty", -2, 2),
        "mediaResolution": RESOLUTIONS[detail] or None,
        **_logprobs(document, read),
    }
    found["thinkingConfig"] = _thinking(
        document.get("reasoning_effort"), family, found["maxOutputTokens"] or family.max_tokens, notes
    )
    return {name: value for name, value in found.items() if value is not None}


class _Numbers:
    """Numbers of one request, within what Gemini takes."""

    def __init__(self, document: Mapping[str, Any], notes: Notes) -> None:
        self._document = document
        self._notes = notes

    def number(self, name: str, low: float, high: float) -> float | None:
        """The number, brought within its limits; None if it is not there."""
        value = self._document.get(name)
        if value is None:
            return None
        if not _is_number(value):
            _refuse("must be a number", name)
        if not low <= value <= high:
            value = min(max(value, low), high)
            self._notes.add(name, f"{'lowered' if value == high else 'raised'} to {value}")
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A number without a fraction, brought below its limit; None if it is not there."""
        value = self._document.get(name)
        if (
            value is not None
            and not isinstance(value, bool)
            and isinstance(value, int | float)
            and value < low
        ):
            _refuse(f"must be at least {low}", name)
        found = self.number(name, low, high)
        if found is not None and found != int(found):
            _refuse("must be a whole number", name)
        return None if found is None else int(found)


def _is_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, float):
        return math.isfinite(value)  # 1e999 is JSON
    return isinstance(value, int) and not isinstance(value, bool)


def _candidates(read: _Numbers) -> int | None:
    count = read.whole("n", 1, 8)
    return None if count == 1 else count


def _seed(value: object, notes: Notes) -> int | None:
    """Gemini's are of 32 bits; a longer one is folded, and so still gives the same answer each time."""
    if value is None:
        return None
    if not _is_number(value):
        _refuse("must be a whole number", "seed")
    seed = int(value)
    if -_SEEDS <= seed < _SEEDS:
        return seed
    notes.add("seed", "folded into 31 bits")
    return seed % _SEEDS


def _stops(value: object, notes: Notes) -> list[str]:
    stops = [value] if isinstance(value, str) else sequence(value)
    if stops is None and value is not None:
        _refuse("must be a string or a list of strings", "stop")
    found: list[str] = []
    for stop in stops or ():
        if not isinstance(stop, str):
            _refuse("must be a string or a list of strings", "stop")
        if stop:
            found.append(stop)
    if len(found) > MAX_STOPS:
        notes.add("stop", f"only the first {MAX_STOPS} are sent")
    return found[:MAX_STOPS]


def _logprobs(document: Mapping[str, Any], read: _Numbers) -> dict[str, object]:
    if document.get("logprobs") is not True:
        return {}
    return {"responseLogprobs": True, "logprobs": read.whole("top_logprobs", 0, 20)}


def _format(value: object, family: Family, notes: Notes) -> dict[str, object]:
    wanted = {"type": "text"} if value is None else mapping(value) or {}
    kind = wanted.get("type")
    if kind not in ("text", "json_object", "json_schema"):
        _refuse("must be text, json_object or json_schema", "response_format.type")
    if kind == "text":
        return {}
    found: dict[str, object] = {"responseMimeType": "application/json"}
    where = "response_format.json_schema"
    holder = mapping(wanted.get("json_schema"))
    if kind == "json_schema" and holder is None:
        _refuse("must be an object", where)
    schema = mapping((holder or {}).get("schema"))
    if kind == "json_schema" and schema is not None:
        key = "responseJsonSchema" if family.json_schema else "responseSchema"
        found[key] = _schema(schema, family, notes, f"{where}.schema")
    return found


def _in_words(form: dict[str, object]) -> str:
    schema = next((value for name, value in form.items() if name.endswith("Schema")), None)
    return f"{_JSON_HINT} It is valid against this JSON Schema: {schema}" if schema else _JSON_HINT


def _schema(schema: dict[str, Any], family: Family, notes: Notes, where: str) -> Verbatim:
    """A schema as this family takes it."""
    try:
        return Verbatim(digits.dumps(_exact(schema if family.json_schema else openapi(schema, where, notes))))
    except (RecursionError, ValueError) as wrong:
        message = f"`{where}` is nested too deeply, or has a number that is too large."
        raise RequestError(message, 400, "schema_too_complex", where) from wrong


def _exact(value: object) -> object:
    """Floats that are whole as integers again: readers of bodies may make floats of all numbers."""
    if isinstance(value, float) and not isinstance(value, Digits):
        return int(value) if value.is_integer() and abs(value) < _SAFE else value
    if (found := mapping(value)) is not None:
        return {name: _exact(item) for name, item in found.items()}
    if (items := sequence(value)) is not None:
        return [_exact(item) for item in items]
    return value


def _thinking(effort: object, family: Family, longest: object, notes: Notes) -> dict[str, object] | None:
    """A level or a budget, never both: that would be refused."""
    if effort is None:
        return None
    if not isinstance(effort, str) or effort not in _EFFORTS:
        _refuse(f"must be one of {', '.join(_EFFORTS)}", "reasoning_effort")
    if family.thinking == "none":
        if effort != "none":
            notes.tell("reasoning_effort", "not sent, this model does not think")
        return None
    if effort == "none" and not family.can_stop:
        notes.tell("reasoning_effort", "this model cannot stop thinking; it is to think as little as it can")
    if family.thinking == "level":
        return _level(effort, family, notes)
    if effort == "none":
        return {"thinkingBudget": 0 if family.can_stop else family.least_budget}
    budget = _BUDGETS[effort]
    if isinstance(longest, int) and budget > longest // 2:  # thoughts count: half is left for the answer
        budget = max(longest // 2, family.least_budget)
        notes.tell("reasoning_effort", "thinks less than that, for its thoughts count against max_tokens")
    return {"thinkingBudget": budget, "includeThoughts": True}


def _level(effort: str, family: Family, notes: Notes) -> dict[str, object]:
    if effort == "none":
        return {"thinkingLevel": family.levels[0]}
    wanted = _LEVELS.index(effort) if effort in _LEVELS else len(_LEVELS)
    higher = (level for level in family.levels if _LEVELS.index(level) >= wanted)
    level = next(higher, family.levels[-1])
    if level != effort:
        notes.tell("reasoning_effort", f"sent as {level}")
    return {"thinkingLevel": level, "includeThoughts": True}


# --- tools ------------------------------------------------------------------------------------------------


def _tools(document: Mapping[str, Any], family: Family, notes: Notes) -> dict[str, object]:
    offered = document.get("tools")
    tools = sequence(offered)
    if tools is None and offered is not None:
        _refuse("must be a list", "tools")
    found = [_declaration(tool, family, notes, f"tools[{n}]") for n, tool in enumerate(tools or ())]
    mode, names, is_filter = _choice(document.get("tool_choice"))
    known = {tool["name"] for tool in found}
    if names is not None and not set(names) <= known:
        _refuse("names a tool that is not offered", "tool_choice")
    if not found:
        if mode == "ANY":
            _refuse("needs `tools`", "tool_choice")
        return {}
    if is_filter:
        wanted = frozenset(names or ())
        found = [tool for tool in found if tool["name"] in wanted]
        names = None
    out: dict[str, object] = {"tools": [{"functionDeclarations": found}]}
    if mode:
        config = {"mode": mode, **({"allowedFunctionNames": names} if names else {})}
        out["toolConfig"] = {"functionCallingConfig": config}
    return out


def _declaration(tool: object, family: Family, notes: Notes, where: str) -> dict[str, object]:
    found = mapping(tool) or {}
    function = mapping(found.get("function"))
    if found.get("type") != "function" or function is None:
        _refuse("must be of type `function`; this provider has no others", where)
    name, description = function.get("name"), function.get("description")
    if not isinstance(name, str) or not name:
        _refuse("must be a non-empty string", f"{where}.function.name")
    out: dict[str, object] = {"name": name}
    if isinstance(description, str) and description:
        out["description"] = description
    parameters = function.get("parameters")
    schema = mapping(parameters)
    if schema is None and parameters is not None:
        _refuse("must be an object", f"{where}.function.parameters")
    if schema:
        key = "parametersJsonSchema" if family.json_schema else "parameters"
        out[key] = _schema(schema, family, notes, f"{where}.function.parameters")
    return out


def _choice(value: object) -> tuple[str, list[str] | None, bool]:
    """Mode, the names it is limited to, and whether other tools are not to be offered at all."""
    if value is None:
        return "", None, False
    if isinstance(value, str):
        mode = {"auto": "AUTO", "required": "ANY", "none": "NONE"}.get(value)
        if mode is None:
            _refuse("must be auto, required, none or a tool", "tool_choice")
        return mode, None, False
    choice = mapping(value) or {}
    if choice.get("type") == "function":
        return "ANY", [_chosen(choice)], False
    allowed = mapping(choice.get("allowed_tools"))
    tools = sequence((allowed or {}).get("tools"))
    if choice.get("type") != "allowed_tools" or allowed is None or not tools:
        _refuse("must be auto, required, none or a tool", "tool_choice")
    names = [_chosen(mapping(tool) or {}) for tool in tools]
    return ("ANY", names, False) if allowed.get("mode") == "required" else ("AUTO", names, True)


def _chosen(tool: dict[str, Any]) -> str:
    name = (mapping(tool.get("function")) or {}).get("name")
    if not isinstance(name, str) or not name:
        _refuse("must name its function", "tool_choice")
    return name


def _refuse(message: str, where: str) -> NoReturn:
    raise RequestError(f"`{where}` {message}.", 400, "invalid_value", where)
