"""A client's `POST /v1/responses` as a request in the neutral form.

Rule 1: what needs something kept by a provider (`previous_response_id`, `conversation`, `background`,
`prompt`), its own tools and members unknown here are left out and named as `native`.
Rule 2: left out unnamed is what changes nothing about the answer: `store` (nothing is stored), `metadata`
(the answer repeats it), `include` of sealed thoughts (they always are there), `truncation`.

Source: OpenAI Responses API, as the types of SDK 3.51.0 have it.
"""

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final

from waypost.dialects import digits
from waypost.dialects.anthropic_content import invalid
from waypost.dialects.foreign import encode, mapping, sequence
from waypost.dialects.forms import Inbound
from waypost.dialects.native import Native, is_nothing
from waypost.dialects.openai_responses_items import Conversation
from waypost.dialects.strict import load
from waypost.errors import RequestError

_SAME: Final = (
    *("model", "temperature", "top_p", "user", "safety_identifier", "prompt_cache_key"),
    *("prompt_cache_retention", "service_tier"),
)
_READ: Final = frozenset(
    {
        *_SAME,
        *("input", "instructions", "max_output_tokens", "parallel_tool_calls", "reasoning", "stream", "text"),
        *("tools", "tool_choice", "include", "store", "truncation", "metadata", "max_tool_calls"),
        *("stream_options",),
    }
)
_STORED: Final = ("previous_response_id", "conversation", "prompt")
_INCLUDED: Final = ("reasoning.encrypted_content",)
_SUMMARIES: Final = ("auto", "concise", "detailed")
_TOOL: Final = ("name", "description", "parameters", "strict")


def read_request(body: bytes) -> Inbound:
    """Read it.

    A stream is asked for its usage, which a stream of Responses always tells.

    Raises:
        RequestError: 400, it is malformed; `param` is a JSON path in the body.
    """
    document = load(body, exact=True)
    native = Native()
    native.beyond(document, _READ)
    neutral = {name: document[name] for name in _SAME if document.get(name) is not None}
    _hints(document, native)
    neutral["messages"] = _messages(document, native)
    limit = document.get("max_output_tokens")
    if limit is not None:
        if type(limit) is not int or limit < 1:
            invalid("`max_output_tokens` must be a whole number of at least 1.", "max_output_tokens")
        neutral["max_completion_tokens"] = limit
    match document.get("stream"):
        case None | False:
            pass
        case True:
            neutral |= {"stream": True, "stream_options": {"include_usage": True}}
        case _:
            invalid("`stream` must be true or false.", "stream")
    neutral |= _tools(document, native) | _text(document, native) | _reasoning(document, native)
    try:
        written = encode(digits.dumps(neutral))
    except ValueError as error:
        raise RequestError("The request body is nested too deeply.", 400, "body_too_complex") from error
    return Inbound(written, native.param, is_mixed=native.is_mixed)


def _object(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name)
    found = {} if value is None else mapping(value)
    if found is None:
        invalid(f"`{name}` must be an object.", name)
    return found


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    found = [] if value is None else sequence(value)
    if found is None:
        invalid(f"`{name}` must be a list.", name)
    return found


def _hints(document: Mapping[str, Any], native: Native) -> None:
    """What is not sent on, as far as it can be passed over."""
    for number, name in enumerate(_list(document, "include")):
        native.unless(name, _INCLUDED, f"include[{number}]")
    native.unless(document.get("truncation"), ("disabled", "auto"), "truncation")
    options = _object(document, "stream_options")
    native.beyond(options, ("include_obfuscation",), "stream_options")
    native.unless(options.get("include_obfuscation"), (True,), "stream_options.include_obfuscation")
    _object(document, "metadata")
    if not isinstance(document.get("store"), bool | None):
        invalid("`store` must be true or false.", "store")
    if type(document.get("max_tool_calls")) not in (int, NoneType):
        invalid("`max_tool_calls` must be a whole number.", "max_tool_calls")


def _messages(document: Mapping[str, Any], native: Native) -> list[dict[str, Any]]:
    talk = Conversation(native)
    instructions, given = document.get("instructions"), document.get("input")
    if not isinstance(instructions, str | None):
        invalid("`instructions` must be a string.", "instructions")
    if instructions:
        talk.say("system", instructions)
    items = [] if isinstance(given, str) else sequence(given)
    if isinstance(given, str):
        talk.say("user", given)
    elif given is None and any(document.get(name) is not None for name in _STORED):
        talk.say("user", [])
    elif not items:
        invalid("`input` must be a string or a non-empty list.", "input")
    for number, item in enumerate(items or ()):
        talk.add(item, f"input[{number}]")
    return talk.messages() or [{"role": "user", "content": []}]


# --- tools ------------------------------------------------------------------------------------------------


def _tools(document: Mapping[str, Any], native: Native) -> dict[str, Any]:
    given = _list(document, "tools")
    tools = [tool for n, item in enumerate(given) if (tool := _tool(item, f"tools[{n}]", native))]
    choice = _choice(document.get("tool_choice"), native)
    parallel = document.get("parallel_tool_calls")
    if not isinstance(parallel, bool | None):
        invalid("`parallel_tool_calls` must be true or false.", "parallel_tool_calls")
    if not tools:
        if not given and choice not in (None, "auto", "none"):
            invalid("`tool_choice` needs `tools`.", "tool_choice")
        return {}
    neutral: dict[str, Any] = {"tools": tools}
    if choice is not None:
        neutral["tool_choice"] = choice
    if parallel is not None:
        neutral["parallel_tool_calls"] = parallel
    return neutral


def _tool(item: object, where: str, native: Native) -> dict[str, Any] | None:
    """A function; None = a tool that providers of this form serve."""
    tool = mapping(item) or {}
    if not isinstance(tool.get("type"), str):
        invalid(f"`{where}` must be an object with a `type`.", where)
    if tool["type"] != "function":
        native.add(where)
        return None
    native.beyond(tool, ("type", "allowed_callers", *_TOOL), where)
    native.unless(tool.get("allowed_callers"), (["direct"],), f"{where}.allowed_callers")
    if not isinstance(tool.get("name"), str):
        invalid(f"`{where}` must have a `name`.", where)
    function = {name: tool[name] for name in _TOOL if tool.get(name) is not None}
    return {"type": "function", "function": function}


def _choice(choice: object, native: Native) -> str | dict[str, Any] | None:
    if choice is None or choice in ("none", "auto", "required"):
        return str(choice) if choice else None
    wanted = mapping(choice) or {}
    kind, name = wanted.get("type"), wanted.get("name")
    if kind == "function" and isinstance(name, str):
        native.beyond(wanted, ("type", "name"), "tool_choice")
        return {"type": "function", "function": {"name": name}}
    if kind == "allowed_tools" and wanted.get("mode") in ("auto", "required"):
        native.beyond(wanted, ("type", "mode", "tools"), "tool_choice")
        items = enumerate(_list(wanted, "tools"))
        tools = [tool for n, item in items if (tool := _allowed(item, n, native))]
        return {"type": "allowed_tools", "allowed_tools": {"mode": wanted["mode"], "tools": tools}}
    if not isinstance(kind, str) or kind in ("function", "allowed_tools"):
        invalid("`tool_choice` is unknown.", "tool_choice")
    native.add("tool_choice")
    return None


def _allowed(item: object, number: int, native: Native) -> dict[str, Any] | None:
    where = f"tool_choice.tools[{number}]"
    tool = mapping(item) or {}
    if tool.get("type") != "function" or not isinstance(tool.get("name"), str):
        native.add(where)
        return None
    native.beyond(tool, ("type", "name"), where)
    return {"type": "function", "function": {"name": tool["name"]}}


# --- form of the answer -----------------------------------------------------------------------------------


def _text(document: Mapping[str, Any], native: Native) -> dict[str, Any]:
    text = _object(document, "text")
    native.beyond(text, ("format", "verbosity"), "text")
    neutral: dict[str, Any] = {}
    if not is_nothing(verbosity := text.get("verbosity")):
        native.unless(verbosity, ("low", "medium", "high"), "text.verbosity")
        neutral["verbosity"] = verbosity
    wanted = mapping(text.get("format")) or {}
    match wanted:
        case {"type": "json_schema", "name": str(), "schema": dict()}:
            native.beyond(wanted, ("type", "name", "schema", "strict", "description"), "text.format")
            schema = {name: value for name, value in wanted.items() if name != "type" and value is not None}
            neutral["response_format"] = {"type": "json_schema", "json_schema": schema}
        case {"type": "json_object"}:
            native.beyond(wanted, ("type",), "text.format")
            neutral["response_format"] = {"type": "json_object"}
        case {"type": "text"}:
            native.beyond(wanted, ("type",), "text.format")
        case _ if not is_nothing(text.get("format")):
            invalid("`text.format` is none that is known.", "text.format")
        case _:
            pass
    return neutral


def _reasoning(document: Mapping[str, Any], native: Native) -> dict[str, Any]:
    reasoning = _object(document, "reasoning")
    native.beyond(reasoning, ("effort", "summary", "generate_summary", "context", "mode"), "reasoning")
    native.unless(reasoning.get("summary"), _SUMMARIES, "reasoning.summary")
    native.unless(reasoning.get("generate_summary"), _SUMMARIES, "reasoning.generate_summary")
    native.unless(reasoning.get("context"), ("auto",), "reasoning.context")
    native.unless(reasoning.get("mode"), ("standard",), "reasoning.mode")
    effort = reasoning.get("effort")
    if not isinstance(effort, str | None):
        invalid("`reasoning.effort` must be a string.", "reasoning.effort")
    return {"reasoning_effort": effort} if effort else {}
