"""A client's `POST /v1/messages` as a request in the neutral form.

Rule 1: what only Anthropic understands and OpenAI has no word for stands beside its own words, under the
names that answers use too: `thinking_blocks`, `cache_control`, `is_error`, `file_url`, `top_k`.
Rule 2: tools and blocks that only Anthropic's servers can serve are refused.

Source: Anthropic Messages API, version 2023-06-01, as the types of SDK 2.11.0 have it.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

from waypost.dialects import digits
from waypost.dialects.anthropic_content import invalid
from waypost.dialects.anthropic_request import thoughts_of
from waypost.dialects.foreign import encode, mapping, sequence
from waypost.dialects.spans import check_size
from waypost.errors import RequestError

_SAME: Final = ("model", "temperature", "top_p", "top_k", "cache_control")
_REFUSED: Final = ("container", "mcp_servers")
_LOW_BUDGET: Final = 1024
_MEDIUM_BUDGET: Final = 2048


def read_request(body: bytes) -> bytes:
    """Read it.

    A stream is asked for its usage, which a stream of Anthropic's always tells.

    Raises:
        RequestError: 400; `param` is a JSON path in the body.
    """
    check_size(body)
    try:
        document = mapping(digits.loads(body))
    except ValueError as error:
        raise RequestError("The request body is not valid JSON in UTF-8.", 400, "invalid_json") from error
    if document is None:
        raise RequestError("The request body must be a JSON object.", 400, "invalid_json")
    try:
        return encode(digits.dumps(_neutral(document)))
    except ValueError as error:
        raise RequestError("The request body is nested too deeply.", 400, "body_too_complex") from error


def _neutral(document: dict[str, Any]) -> dict[str, Any]:
    for name in _REFUSED:
        if document.get(name) is not None:
            invalid(f"`{name}` is served by Anthropic alone.", name, "unsupported_parameter")
    neutral = {name: document[name] for name in _SAME if document.get(name) is not None}
    limit = document.get("max_tokens")
    if type(limit) is not int or limit < 1:
        invalid("`max_tokens` must be a whole number of at least 1.", "max_tokens")
    neutral["max_completion_tokens"] = limit
    neutral["messages"] = list(_messages(document))
    if stop := document.get("stop_sequences"):
        neutral["stop"] = stop
    if document.get("stream") is True:
        neutral |= {"stream": True, "stream_options": {"include_usage": True}}
    user = (mapping(document.get("metadata")) or {}).get("user_id")
    if isinstance(user, str):
        neutral["user"] = user
    return neutral | _tools(document) | _output(document)


# --- messages ---------------------------------------------------------------------------------------------


def _messages(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if system := document.get("system"):
        yield {"role": "system", "content": _text_content(system, "system")}
    messages = sequence(document.get("messages"))
    if not messages:
        invalid("`messages` must be a non-empty list.", "messages")
    for number, item in enumerate(messages):
        where = f"messages[{number}]"
        message = mapping(item) or {}
        content = message.get("content")
        match message.get("role"):
            case "user":
                yield from _user(content, f"{where}.content")
            case "assistant":
                yield _assistant(content, f"{where}.content")
            case "system":
                yield {"role": "system", "content": _text_content(content, f"{where}.content")}
            case _:
                invalid(f"`{where}.role` must be user or assistant.", f"{where}.role")


def _text_content(content: object, where: str) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    parts = [_part(block, place) for place, block in _blocks(content, where)]
    if any(part["type"] != "text" for part in parts):
        invalid(f"`{where}` must hold text only.", where)
    return parts


def _user(content: object, where: str) -> Iterator[dict[str, Any]]:
    """Results become messages of their own, in front of what else the turn says."""
    if isinstance(content, str):
        yield {"role": "user", "content": content}
        return
    parts: list[dict[str, Any]] = []
    for place, block in _blocks(content, where):
        if block.get("type") == "tool_result":
            yield _result(block, place)
        else:
            parts.append(_part(block, place))
    if parts:
        yield {"role": "user", "content": parts}


def _result(block: dict[str, Any], where: str) -> dict[str, Any]:
    ident, content = block.get("tool_use_id"), block.get("content")
    if not isinstance(ident, str):
        invalid(f"`{where}.tool_use_id` must be a string.", f"{where}.tool_use_id")
    if content is None or isinstance(content, str):
        written: str | list[dict[str, Any]] = content or ""
    else:
        written = [_part(item, place) for place, item in _blocks(content, f"{where}.content")]
    message: dict[str, Any] = {"role": "tool", "tool_call_id": ident, "content": written}
    if block.get("is_error") is True:
        message["is_error"] = True
    return message | _mark(block)


def _assistant(content: object, where: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    if isinstance(content, str):
        return message | {"content": content}
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    thoughts: list[dict[str, Any]] = []
    for place, block in _blocks(content, where):
        match block.get("type"):
            case "thinking" | "redacted_thinking":
                thoughts.append(block)
            case "tool_use":
                calls.append(_call(block, place))
            case _:
                parts.append(_part(block, place))
    if parts:
        message["content"] = parts
    if text := "".join(text for block in thoughts if isinstance(text := block.get("thinking"), str)):
        message["reasoning_content"] = text
    if whole := thoughts_of({"thinking_blocks": thoughts}):
        message["thinking_blocks"] = whole
    if calls:
        message["tool_calls"] = calls
    return message


def _call(block: dict[str, Any], where: str) -> dict[str, Any]:
    ident, name, given = block.get("id"), block.get("name"), mapping(block.get("input"))
    if not isinstance(ident, str) or not isinstance(name, str) or given is None:
        invalid(f"`{where}` must have an `id`, a `name` and an `input` that is an object.", where)
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": digits.dumps(given)}}


def _blocks(content: object, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    blocks = sequence(content)
    if blocks is None:
        invalid(f"`{where}` must be a string or a list.", where)
    for number, item in enumerate(blocks):
        place = f"{where}[{number}]"
        block = mapping(item)
        if block is None:
            invalid(f"`{place}` must be an object.", place)
        yield place, block


def _part(block: dict[str, Any], where: str) -> dict[str, Any]:
    match block:
        case {"type": "text", "text": str(text)}:
            part: dict[str, Any] = {"type": "text", "text": text}
        case {"type": "image", "source": dict()}:
            part = {"type": "image_url", "image_url": {"url": _url(block["source"], f"{where}.source")}}
        case {"type": "document", "source": dict()}:
            part = {"type": "file", "file": _file(block, f"{where}.source")}
        case _:
            invalid(f"`{where}` is no content that can be sent on.", where, "unsupported_content")
    return part | _mark(block)


def _url(source: dict[str, Any], where: str) -> str:
    match source:
        case {"type": "url", "url": str(url)}:
            pass
        case {"type": "base64", "media_type": str(kind), "data": str(data)}:
            url = f"data:{kind};base64,{data}"
        case _:
            invalid(f"`{where}` is none that can be sent on.", where, "unsupported_content")
    return url


def _file(block: dict[str, Any], where: str) -> dict[str, Any]:
    source = block["source"]
    title = block.get("title")
    file = {"filename": title} if isinstance(title, str) and title else {}
    match source:
        case {"type": "text", "data": str(data)}:
            encoded = base64.b64encode(data.encode("utf-8", "replace")).decode("ascii")
            return file | {"file_data": f"data:text/plain;base64,{encoded}"}
        case {"type": "url"}:
            return file | {"file_url": _url(source, where)}
        case _:
            return file | {"file_data": _url(source, where)}


def _mark(block: Mapping[str, Any]) -> dict[str, Any]:
    mark = mapping(block.get("cache_control"))
    return {"cache_control": mark} if mark else {}


# --- tools and form of the answer -------------------------------------------------------------------------


def _tools(document: Mapping[str, Any]) -> dict[str, Any]:
    tools = [
        _tool(mapping(item) or {}, f"tools[{n}]")
        for n, item in enumerate(sequence(document.get("tools")) or ())
    ]
    if not tools:
        return {}
    choice = mapping(document.get("tool_choice")) or {}
    neutral: dict[str, Any] = {"tools": tools}
    match choice:
        case {"type": "tool", "name": str(name)}:
            neutral["tool_choice"] = {"type": "function", "function": {"name": name}}
        case {"type": "auto" | "any" | "none" as kind}:
            neutral["tool_choice"] = "required" if kind == "any" else kind
        case _ if choice:
            invalid("`tool_choice` is unknown.", "tool_choice")
        case _:
            pass
    if choice.get("disable_parallel_tool_use") is True:
        neutral["parallel_tool_calls"] = False
    return neutral


def _tool(tool: dict[str, Any], where: str) -> dict[str, Any]:
    if tool.get("type") not in (None, "custom"):
        invalid(f"`{where}` is a tool that Anthropic alone serves.", where, "unsupported_tool")
    if not isinstance(tool.get("name"), str):
        invalid(f"`{where}` must have a `name`.", where)
    names = {"name": "name", "description": "description", "input_schema": "parameters", "strict": "strict"}
    function = {ours: tool[theirs] for theirs, ours in names.items() if tool.get(theirs) is not None}
    return {"type": "function", "function": function} | _mark(tool)


def _output(document: Mapping[str, Any]) -> dict[str, Any]:
    config = mapping(document.get("output_config")) or {}
    neutral: dict[str, Any] = {}
    wanted = mapping(config.get("format") or document.get("output_format"))
    if wanted:
        if wanted.get("type") != "json_schema" or mapping(wanted.get("schema")) is None:
            invalid("`output_config.format` must be a JSON Schema.", "output_config.format")
        schema = {"name": "answer", "schema": wanted["schema"], "strict": True}
        neutral["response_format"] = {"type": "json_schema", "json_schema": schema}
    effort = _effort(mapping(document.get("thinking")) or {}, config.get("effort"))
    return neutral | ({"reasoning_effort": effort} if effort else {})


def _effort(thinking: Mapping[str, Any], effort: object) -> str | None:
    if thinking.get("type") in ("disabled", "between_tools"):
        return "none"
    if isinstance(effort, str):
        return effort
    budget = thinking.get("budget_tokens")
    if isinstance(budget, int):
        return "low" if budget <= _LOW_BUDGET else "medium" if budget <= _MEDIUM_BUDGET else "high"
    return "high" if thinking.get("type") == "adaptive" else None
