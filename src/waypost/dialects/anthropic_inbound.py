"""A client's `POST /v1/messages` as a request in the neutral form.

Rule 1: what only Anthropic understands and OpenAI has no word for stands beside its own words, under the
names that answers use too: `thinking_blocks`, `cache_control`, `is_error`, `file_url`, `top_k`.
Rule 2: what only Anthropic can serve (its tools, its blocks, members unknown here) is left out and named as
`native`. Left out unnamed is what changes nothing about the answer: `service_tier`, `speed: standard`,
`diagnostics`, `eager_input_streaming`, `display` of thoughts, marks for caching on calls, and which thoughts
Anthropic is to forget.

Source: Anthropic Messages API, version 2023-06-01, as the types of SDK 2.11.0 have it.
"""

import base64
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, Final

from waypost.dialects import digits, signatures
from waypost.dialects.anthropic_content import invalid
from waypost.dialects.anthropic_request import thoughts_of
from waypost.dialects.foreign import encode, mapping, sequence
from waypost.dialects.forms import Inbound
from waypost.dialects.native import UNREAD, Native
from waypost.dialects.strict import load
from waypost.errors import RequestError

_SAME: Final = ("model", "temperature", "top_p", "top_k", "cache_control")
_READ: Final = frozenset(
    {
        *_SAME,
        *("max_tokens", "messages", "system", "stream", "stop_sequences", "metadata", "tools", "tool_choice"),
        *("thinking", "output_config", "output_format", "service_tier", "speed", "diagnostics"),
        "context_management",
    }
)
_TOOL: Final = frozenset(
    {
        *("type", "name", "description", "input_schema", "strict", "cache_control", "eager_input_streaming"),
        "allowed_callers",
    }
)
_BLOCKS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"type", "text", "cache_control"}),
    "image": frozenset({"type", "source", "cache_control"}),
    "document": frozenset({"type", "source", "title", "cache_control", "citations"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control", "caller"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
}
"""What is read of each block that the neutral form has a place for."""

_SOURCES: Final[Mapping[str, frozenset[str]]] = {
    "url": frozenset({"type", "url"}),
    "base64": frozenset({"type", "media_type", "data"}),
    "text": frozenset({"type", "media_type", "data"}),
}
_MARKS: Final = ((None, None), *(("ephemeral", ttl) for ttl in (None, "5m", "1h")))
_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
_UNTHINKING: Final = ("disabled", "between_tools")
_DISPLAYS: Final = ("summarized", "omitted")
_LOW_BUDGET: Final = 1024
_MEDIUM_BUDGET: Final = 2048


def read_request(body: bytes) -> Inbound:
    """Read it.

    A stream is asked for its usage, which a stream of Anthropic's always tells.

    Raises:
        RequestError: 400, it is malformed; `param` is a JSON path in the body.
    """
    document = load(body, exact=True)
    limit = document.get("max_tokens")
    if type(limit) is not int or limit < 0:
        invalid("`max_tokens` must be a whole number of at least 1, or 0 for no answer.", "max_tokens")
    native = Native()
    neutral = {"max_completion_tokens": limit or 1} | read_document(document, native)
    if not limit:  # only fills the cache
        native.add("max_tokens")
    try:
        written = encode(digits.dumps(neutral))
    except ValueError as error:
        raise RequestError("The request body is nested too deeply.", 400, "body_too_complex") from error
    return Inbound(written, native.param, is_mixed=native.is_mixed)


def read_document(document: dict[str, Any], native: Native) -> dict[str, Any]:
    """All of it but `max_tokens`, which a request to count tokens has none of.

    Raises:
        RequestError: 400, it is malformed.
    """
    native.beyond(document, _READ)
    native.unless(document.get("speed"), ("standard",), "speed")
    native.unless(document.get("service_tier"), ("auto", "standard_only"), "service_tier")
    diagnostics = _object(document, "diagnostics")
    native.beyond(diagnostics, ("previous_message_id",), "diagnostics")
    native.unless_ident(diagnostics.get("previous_message_id"), "diagnostics.previous_message_id")
    _managed(document, native)
    neutral = {name: document[name] for name in _SAME if document.get(name) is not None}
    _mark(document, "")
    neutral["messages"] = list(_messages(document, native))
    if stop := document.get("stop_sequences"):
        neutral["stop"] = stop
    match document.get("stream"):
        case None | False:
            pass
        case True:
            neutral |= {"stream": True, "stream_options": {"include_usage": True}}
        case _:
            invalid("`stream` must be true or false.", "stream")
    metadata = _object(document, "metadata")
    native.beyond(metadata, ("user_id",), "metadata")
    if (user := metadata.get("user_id")) is not None:
        if not isinstance(user, str):
            invalid("`metadata.user_id` must be a string.", "metadata.user_id")
        neutral["user"] = user
    return neutral | _tools(document, native) | _output(document, native)


def _managed(document: Mapping[str, Any], native: Native) -> None:
    """Which thoughts of earlier turns are forgotten concerns Anthropic alone: no other provider gets any."""
    managed = _object(document, "context_management")
    native.beyond(managed, ("edits",), "context_management")
    edits = sequence(managed.get("edits"))
    if edits is None:
        native.unless(managed.get("edits"), (), "context_management.edits")
    for number, edit in enumerate(edits or ()):
        if not _forgets(mapping(edit) or {}):
            native.add(f"context_management.edits[{number}]")


def _forgets(edit: Mapping[str, Any]) -> bool:
    match edit:
        case {"type": "clear_thinking_20251015", "keep": "all", **rest}:
            return not rest
        case {"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": int(), **more}}:
            return not more and len(edit) == len(("type", "keep"))
        case _:
            return len(edit) == 1 and edit.get("type") == "clear_thinking_20251015"


def _object(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name)
    found = {} if value is None else mapping(value)
    if found is None:
        invalid(f"`{name}` must be an object.", name)
    return found


# --- messages ---------------------------------------------------------------------------------------------


def _messages(document: Mapping[str, Any], native: Native) -> Iterator[dict[str, Any]]:
    if system := document.get("system"):
        yield {"role": "system", "content": _text_content(system, "system", native)}
    messages = sequence(document.get("messages"))
    if not messages:
        invalid("`messages` must be a non-empty list.", "messages")
    for number, item in enumerate(messages):
        where = f"messages[{number}]"
        message = mapping(item) or {}
        native.beyond(message, ("role", "content"), where)
        content = message.get("content")
        match message.get("role"):
            case "user":
                yield from _user(content, f"{where}.content", native)
            case "assistant":
                yield _assistant(content, f"{where}.content", native)
            case "system":
                yield {"role": "system", "content": _text_content(content, f"{where}.content", native)}
            case _:
                invalid(f"`{where}.role` must be user or assistant.", f"{where}.role")


def _text_content(content: object, where: str, native: Native) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    parts = [_part(block, place, native) for place, block in _blocks(content, where)]
    if any(part["type"] not in ("text", UNREAD) for part in parts):
        invalid(f"`{where}` must hold text only.", where)
    return parts


def _user(content: object, where: str, native: Native) -> Iterator[dict[str, Any]]:
    """Results become messages of their own, in front of what else the turn says."""
    if isinstance(content, str):
        yield {"role": "user", "content": content}
        return
    parts: list[dict[str, Any]] = []
    is_result = False
    for place, block in _blocks(content, where):
        if block.get("type") == "tool_result":
            is_result = True
            yield _result(block, place, native)
        else:
            parts.append(_part(block, place, native))
    if parts or not is_result:
        yield {"role": "user", "content": parts}


def _result(block: dict[str, Any], where: str, native: Native) -> dict[str, Any]:
    native.beyond(block, _BLOCKS["tool_result"], where)
    ident, content = block.get("tool_use_id"), block.get("content")
    if not isinstance(ident, str):
        invalid(f"`{where}.tool_use_id` must be a string.", f"{where}.tool_use_id")
    if content is None or isinstance(content, str):
        written: str | list[dict[str, Any]] = content or ""
    else:  # not all servers take a list of nothing
        written = [_part(item, place, native) for place, item in _blocks(content, f"{where}.content")] or ""
    message: dict[str, Any] = {"role": "tool", "tool_call_id": ident, "content": written}
    match block.get("is_error"):
        case None | False:
            pass
        case True:
            message["is_error"] = True
        case _:
            invalid(f"`{where}.is_error` must be true or false.", f"{where}.is_error")
    return message | _mark(block, where)


def _assistant(content: object, where: str, native: Native) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    if isinstance(content, str):
        return message | {"content": content}
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    thoughts: list[dict[str, Any]] = []
    for place, block in _blocks(content, where):
        match block.get("type"):
            case "thinking" | "redacted_thinking":
                thoughts.append(_thought(block, place, native))
            case "tool_use":
                calls.append(_call(block, place, native))
            case _:
                parts.append(_part(block, place, native))
    if parts:
        message["content"] = parts
    if calls:
        message["tool_calls"] = calls
    elif not parts:
        message["content"] = ""  # not all servers take a message of nothing
    return message | _thoughts(thoughts, native)


def _thoughts(blocks: list[dict[str, Any]], native: Native) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if text := "".join(text for block in blocks if isinstance(text := block.get("thinking"), str)):
        told["reasoning_content"] = text
    if whole := thoughts_of({"thinking_blocks": blocks}):
        told["thinking_blocks"] = whole
    elif blocks:
        native.is_mixed = True
    return told


def _thought(block: dict[str, Any], where: str, native: Native) -> dict[str, Any]:
    native.beyond(block, _BLOCKS[block["type"]], where)
    text = block.get("thinking" if block["type"] == "thinking" else "data")
    if not isinstance(text, str) or not isinstance(block.get("signature"), str | None):
        invalid(f"`{where}` is no whole thought.", where)
    return block


def _call(block: dict[str, Any], where: str, native: Native) -> dict[str, Any]:
    native.beyond(block, _BLOCKS["tool_use"], where)
    native.unless(block.get("caller"), ({"type": "direct"},), f"{where}.caller")
    ident, name, given = block.get("id"), block.get("name"), mapping(block.get("input"))
    if not isinstance(ident, str) or not isinstance(name, str) or given is None:
        invalid(f"`{where}` must have an `id`, a `name` and an `input` that is an object.", where)
    mark = mapping(_mark(block, where).get("cache_control")) or {}
    native.beyond(mark, ("type", "ttl"), f"{where}.cache_control")
    native.unless((mark.get("type"), mark.get("ttl")), _MARKS, f"{where}.cache_control")
    native.is_mixed = native.is_mixed or signatures.find(ident)[1] is not None
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": digits.dumps(given)}}


def _blocks(content: object, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    blocks = sequence(content)
    if blocks is None:
        invalid(f"`{where}` must be a string or a list.", where)
    for number, item in enumerate(blocks):
        place = f"{where}[{number}]"
        block = mapping(item)
        if block is None or not isinstance(block.get("type"), str):
            invalid(f"`{place}` must be an object with a `type`.", place)
        yield place, block


def _part(block: dict[str, Any], where: str, native: Native) -> dict[str, Any]:
    match block:
        case {"type": "text", "text": str(text)}:
            part: dict[str, Any] = {"type": "text", "text": text}
        case {"type": "image", "source": dict()}:
            url = _url(block["source"], f"{where}.source", native)
            part = {"type": "image_url", "image_url": {"url": url}} if url else {"type": UNREAD}
        case {"type": "document", "source": dict()}:
            file = _file(block, where, native)
            part = {"type": "file", "file": file} if file else {"type": UNREAD}
        case {"type": "text" | "image" | "document"}:
            invalid(f"`{where}` is no whole {block['type']}.", where)
        case _:
            native.add(where)
            return {"type": UNREAD}
    native.beyond(block, _BLOCKS[block["type"]], where)
    return part | _mark(block, where)


def _url(source: dict[str, Any], where: str, native: Native) -> str | None:
    """Address of what only is known by it, or `data:` URL; None = of another source."""
    match source:
        case {"type": "url", "url": str(url)}:
            pass
        case {"type": "base64", "media_type": str(kind), "data": str(data)}:
            url = f"data:{kind};base64,{data}"
        case {"type": "url" | "base64"}:
            invalid(f"`{where}` is no whole source.", where)
        case _:
            native.add(where)
            return None
    native.beyond(source, _SOURCES[source["type"]], where)
    return url


def _file(block: dict[str, Any], where: str, native: Native) -> dict[str, Any] | None:
    title, source, place = block.get("title"), block["source"], f"{where}.source"
    if title is not None and not isinstance(title, str):
        invalid(f"`{where}.title` must be a string.", f"{where}.title")
    native.unless(block.get("citations"), ({"enabled": False},), f"{where}.citations")
    file = {"filename": title} if title else {}
    match source:
        case {"type": "text", "data": str(data)}:
            native.unless(source.get("media_type"), ("text/plain",), f"{place}.media_type")
            native.beyond(source, _SOURCES["text"], place)
            encoded = base64.b64encode(data.encode("utf-8", "replace")).decode("ascii")
            return file | {"file_data": f"data:text/plain;base64,{encoded}"}
        case _ if url := _url(source, place, native):
            return file | {"file_url" if source["type"] == "url" else "file_data": url}
        case _:
            return None


def _mark(block: Mapping[str, Any], where: str) -> dict[str, Any]:
    mark = block.get("cache_control")
    if mark is None:
        return {}
    if mapping(mark) is None:
        place = f"{where}.cache_control" if where else "cache_control"
        invalid(f"`{place}` must be an object.", place)
    return {"cache_control": mark}


# --- tools and form of the answer -------------------------------------------------------------------------


def _tools(document: Mapping[str, Any], native: Native) -> dict[str, Any]:
    given = document.get("tools")
    items = [] if given is None else sequence(given)
    if items is None:
        invalid("`tools` must be a list.", "tools")
    tools = [tool for n, item in enumerate(items) if (tool := _tool(item, f"tools[{n}]", native))]
    chosen = _choice(_object(document, "tool_choice"), native)
    if not items and chosen.get("tool_choice") not in (None, "auto", "none"):
        invalid("`tool_choice` needs `tools`.", "tool_choice")
    return {"tools": tools} | chosen if tools else {}


def _choice(choice: dict[str, Any], native: Native) -> dict[str, Any]:
    native.beyond(choice, ("type", "name", "disable_parallel_tool_use"), "tool_choice")
    neutral: dict[str, Any] = {}
    match choice:
        case {"type": "tool", "name": str(name)}:
            neutral["tool_choice"] = {"type": "function", "function": {"name": name}}
        case {"type": "auto" | "any" | "none" as kind}:
            native.unless(choice.get("name"), (), "tool_choice.name")
            neutral["tool_choice"] = "required" if kind == "any" else kind
        case {"type": str(kind)} if kind != "tool":
            native.add("tool_choice")
        case _ if choice:
            invalid("`tool_choice` is unknown.", "tool_choice")
        case _:
            pass
    match choice.get("disable_parallel_tool_use"):
        case None | False:
            pass
        case True:
            neutral["parallel_tool_calls"] = False
        case _:
            where = "tool_choice.disable_parallel_tool_use"
            invalid(f"`{where}` must be true or false.", where)
    return neutral


def _tool(item: object, where: str, native: Native) -> dict[str, Any] | None:
    """A function; None = a tool that Anthropic serves."""
    tool = mapping(item) or {}
    if tool.get("type") not in (None, "custom"):
        native.add(where)
        return None
    native.beyond(tool, _TOOL, where)
    native.unless(tool.get("allowed_callers"), (["direct"],), f"{where}.allowed_callers")
    native.unless(tool.get("eager_input_streaming"), (True,), f"{where}.eager_input_streaming")
    if not isinstance(tool.get("name"), str):
        invalid(f"`{where}` must have a `name`.", where)
    names = {"name": "name", "description": "description", "input_schema": "parameters", "strict": "strict"}
    function = {ours: tool[theirs] for theirs, ours in names.items() if tool.get(theirs) is not None}
    return {"type": "function", "function": function} | _mark(tool, where)


def _output(document: Mapping[str, Any], native: Native) -> dict[str, Any]:
    config = _object(document, "output_config")
    native.beyond(config, ("format", "effort"), "output_config")
    neutral: dict[str, Any] = {}
    wanted = config.get("format") or document.get("output_format")
    if wanted:
        given = mapping(wanted) or {}
        if given.get("type") != "json_schema" or mapping(given.get("schema")) is None:
            invalid("`output_config.format` must be a JSON Schema.", "output_config.format")
        native.beyond(given, ("type", "schema"), "output_config.format")
        schema = {"name": "answer", "schema": given["schema"], "strict": True}
        neutral["response_format"] = {"type": "json_schema", "json_schema": schema}
        if config.get("format") and document.get("output_format"):
            native.add("output_format")
    thinking = _object(document, "thinking")
    native.beyond(thinking, ("type", "budget_tokens", "display"), "thinking")
    native.unless(thinking.get("type"), (*_UNTHINKING, "enabled", "adaptive"), "thinking.type")
    native.unless(thinking.get("display"), _DISPLAYS, "thinking.display")
    native.unless(config.get("effort"), _EFFORTS, "output_config.effort")
    effort = _effort(thinking, config.get("effort"))
    return neutral | ({"reasoning_effort": effort} if effort else {})


def _effort(thinking: Mapping[str, Any], effort: object) -> str | None:
    budget = thinking.get("budget_tokens")
    if type(budget) not in (int, NoneType):
        invalid("`thinking.budget_tokens` must be a whole number.", "thinking.budget_tokens")
    if thinking.get("type") in _UNTHINKING:
        return "none"
    if isinstance(effort, str):
        return effort if effort in _EFFORTS else None
    if budget is not None:
        return "low" if budget <= _LOW_BUDGET else "medium" if budget <= _MEDIUM_BUDGET else "high"
    return "high" if thinking.get("type") == "adaptive" else None
