"""Answers of Anthropic's Messages API as chat completions, and chat completions as its answers.

Rule 1: an answer that cannot be understood becomes an error in the reader's own form, never an exception.
Rule 2: what a provider says of itself (keys, accounts, requests) does not reach the client.

Source: Anthropic Messages API, version 2023-06-01, as the types of SDK 2.11.0 have it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from waypost.dialects import digits, failures
from waypost.dialects.anthropic_request import JSON_TOOL, thoughts_of
from waypost.dialects.chunks import arguments_of, choice_of, reasoning_of, texts_of
from waypost.dialects.failures import UNREADABLE, error, failure
from waypost.dialects.foreign import Reply, encode, mapping, sequence

FINISH: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_STOP: Final[Mapping[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}

BAD_ANSWER: Final = UNREADABLE


# --- usage ------------------------------------------------------------------------------------------------


def usage_from(native: Mapping[str, Any]) -> dict[str, Any] | None:
    """Usage as OpenAI counts it: the prompt with what was cached. None = not all of it is known."""
    given, answered = _count(native, "input_tokens"), _count(native, "output_tokens")
    if given is None or answered is None:
        return None
    read = _count(native, "cache_read_input_tokens")
    written = _count(native, "cache_creation_input_tokens")
    prompt = given + (read or 0) + (written or 0)
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": answered,
        "total_tokens": prompt + answered,
    }
    cached = {"cached_tokens": read, "cache_write_tokens": written}
    if known := {name: count for name, count in cached.items() if count is not None}:
        usage["prompt_tokens_details"] = known
    thought = _count(mapping(native.get("output_tokens_details")) or {}, "thinking_tokens")
    if thought is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": thought}
    return usage


def usage_to(usage: object) -> dict[str, Any]:
    """Usage as Anthropic counts it: the prompt without what was cached; 0 where it is not known."""
    native = mapping(usage) or {}
    details = mapping(native.get("prompt_tokens_details")) or {}
    read, written = _count(details, "cached_tokens"), _count(details, "cache_write_tokens")
    prompt = (_count(native, "prompt_tokens") or 0) - (read or 0) - (written or 0)
    counted: dict[str, Any] = {
        "input_tokens": max(0, prompt),
        "output_tokens": _count(native, "completion_tokens") or 0,
    }
    if read is not None:
        counted["cache_read_input_tokens"] = read
    if written is not None:
        counted["cache_creation_input_tokens"] = written
    thought = _count(mapping(native.get("completion_tokens_details")) or {}, "reasoning_tokens")
    if thought is not None:
        counted["output_tokens_details"] = {"thinking_tokens": thought}
    return counted


def _count(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    return value if type(value) is int and value >= 0 else None


# --- errors -----------------------------------------------------------------------------------------------


_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUSES: Final[Mapping[str, int]] = {kind: status for status, kind in _TYPES.items()}
_CLIENTS: Final = range(400, 500)


def read_error(status: int, body: bytes) -> tuple[int, bytes]:
    """An error of the provider's as one of OpenAI's, with the status that the client sees.

    Args:
        status: of the response, 4xx or 5xx.
        body: may be anything: HTML, empty, cut.
    """
    found = mapping((_document(body) or {}).get("error")) or {}
    seen, told = failure(status, found.get("message"))
    return seen, failures.body(told)


def error_from(native: object) -> bytes:
    """The `error` of an event or answer that came with status 200, as an error body of OpenAI's."""
    found = mapping(native) or {}
    kind = found.get("type")
    status = _STATUSES.get(kind, 500) if isinstance(kind, str) else 500
    return failures.body(failure(status, found.get("message"))[1])


def write_error(status: int, body: bytes) -> bytes:
    """An error body of OpenAI's as one of Anthropic's, whose types go by status."""
    found = mapping((_document(body) or {}).get("error")) or {}
    message = found.get("message")
    kind = _TYPES.get(status, "invalid_request_error" if status in _CLIENTS else "api_error")
    if found.get("code") == "overloaded":
        kind = "overloaded_error"
    return error_to(kind, message if isinstance(message, str) and message else f"Status {status}.")


def error_to(kind: str, message: str) -> bytes:
    """An error body in Anthropic's form."""
    return encode(digits.dumps({"type": "error", "error": {"type": kind, "message": message}}))


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        return mapping(digits.loads(body))
    except ValueError:
        return None


# --- answers toward the client of OpenAI's form -----------------------------------------------------------


def read_response(body: bytes, reply: Reply) -> bytes:
    """An answer as a `chat.completion`, or as an error body where it is none."""
    document = _document(body) or {}
    if document.get("type") == "error":
        return error_from(document.get("error"))
    try:
        answer = _completion(document, reply)
        return encode(digits.dumps(answer)) if answer else error(BAD_ANSWER)
    except ValueError:
        return error(BAD_ANSWER)


def _completion(document: dict[str, Any], reply: Reply) -> dict[str, Any] | None:
    content = sequence(document.get("content"))
    if content is None:
        return None
    message = _message([mapping(item) or {} for item in content])
    end = finish_from(document, has_calls="tool_calls" in message)
    ident = document.get("id")
    answer: dict[str, Any] = {
        "id": ident if isinstance(ident, str) and ident else reply.ident,
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model_of(document.get("model")),
        "choices": [{"index": 0, "message": message, "logprobs": None} | end],
    }
    if usage := usage_from(mapping(document.get("usage")) or {}):
        answer["usage"] = usage
    return answer


def _message(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    texts = list(_texts(blocks))
    calls = [block for block in blocks if block.get("type") == "tool_use" and block.get("name") != JSON_TOOL]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": None,
    }
    thoughts = [block for block in blocks if block.get("type") in ("thinking", "redacted_thinking")]
    if reasoning := "".join(filter(None, (_string(block, "thinking") for block in thoughts))):
        message["reasoning_content"] = reasoning
    if thoughts := thoughts_of({"thinking_blocks": thoughts}):
        message["thinking_blocks"] = thoughts
    if calls:
        message["tool_calls"] = [
            {
                "id": _string(block, "id"),
                "type": "function",
                "function": {"name": _string(block, "name"), "arguments": arguments(block.get("input"))},
            }
            for block in calls
        ]
    if others := [
        block for block in blocks if block.get("type") not in _UNDERSTOOD or block.get("citations")
    ]:
        message["native_blocks"] = others
    return message


_UNDERSTOOD: Final = ("text", "tool_use", "thinking", "redacted_thinking")


def _texts(blocks: list[dict[str, Any]]) -> Iterator[str]:
    for block in blocks:
        if block.get("type") == "text":
            yield _string(block, "text")
        elif block.get("type") == "tool_use" and block.get("name") == JSON_TOOL:
            yield arguments(block.get("input"))


def _string(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    return value if isinstance(value, str) else ""


def arguments(value: object) -> str:
    """What a tool is called with, as JSON text; no object = no arguments.

    Raises:
        ValueError: nested too deeply.
    """
    return digits.dumps(mapping(value) or {})


def finish_from(native: Mapping[str, Any], *, has_calls: bool) -> dict[str, Any]:
    """The end of a choice: `finish_reason`, what the provider itself called it, and what it says of that.

    Args:
        native: a message, or the delta of one.
        has_calls: of functions the client knows.
    """
    reason = native.get("stop_reason")
    finish = FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"
    if finish == "tool_calls" and not has_calls:
        finish = "stop"
    return {"finish_reason": finish, "native_finish_reason": reason} | _told(native)


def _told(end: Mapping[str, Any]) -> dict[str, Any]:
    """The text that it stopped at, and why it refused, under the names that both forms have."""
    told: dict[str, Any] = {}
    if isinstance(end.get("stop_sequence"), str):
        told["stop_sequence"] = end["stop_sequence"]
    if details := mapping(end.get("stop_details")):
        told["stop_details"] = details
    return told


# --- answers toward a client of Anthropic's form ----------------------------------------------------------


def write_response(body: bytes) -> bytes:
    """A `chat.completion` as a message of Anthropic's, or as an error of its form."""
    document = _document(body) or {}
    if document.get("error"):
        return write_error(500, body)
    choice = choice_of(document)
    message = mapping(choice.get("message"))
    if message is None:
        return error_to("api_error", BAD_ANSWER)
    content = [*_thoughts(message), *_words(message)]
    ident = message_id(document.get("id"))
    calls = [mapping(item) or {} for item in sequence(message.get("tool_calls")) or ()]
    try:
        uses = [_use(call, call_id(call, ident, number)) for number, call in enumerate(calls)]
    except ValueError:
        return error_to("api_error", BAD_ANSWER)
    is_cut = choice.get("finish_reason") == "length"  # in the middle of a call, maybe
    if None in uses and not is_cut:
        return error_to("api_error", BAD_ANSWER)
    content += [use for use in uses if use is not None]
    answer = {
        "id": ident,
        "type": "message",
        "role": "assistant",
        "model": document.get("model"),
        "content": content,
        **stop_from(choice, has_calls=bool(calls)),
        "usage": usage_to(document.get("usage")),
    }
    try:
        return encode(digits.dumps(answer))
    except ValueError:
        return error_to("api_error", BAD_ANSWER)


def _thoughts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Blocks of thinking; of what another provider thought there is only the text, and no signature."""
    if signed := thoughts_of(message):
        return signed
    text = reasoning_of(message)
    return [{"type": "thinking", "thinking": text, "signature": ""}] if text else []


def _words(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for text in texts_of(message.get("content")):
        yield {"type": "text", "text": text}
    if refusal := _string(message, "refusal"):
        yield {"type": "text", "text": refusal}


def _use(call: dict[str, Any], ident: str) -> dict[str, Any] | None:
    function = mapping(call.get("function")) or {}
    found = digits.object_text(arguments_of(function).strip() or "{}")
    if found is None or not _string(function, "name"):
        return None
    return {
        "type": "tool_use",
        "id": ident,
        "name": function["name"],
        "input": found,
    }


def stop_from(choice: Mapping[str, Any], *, has_calls: bool) -> dict[str, Any]:
    """The end of a message; an answer that once came from Anthropic keeps its own words."""
    reason = _stop_reason(choice, has_calls=has_calls)
    return {"stop_reason": reason, "stop_sequence": None} | _told(choice)


def _stop_reason(choice: Mapping[str, Any], *, has_calls: bool) -> str:
    native, finish = choice.get("native_finish_reason"), choice.get("finish_reason")
    if isinstance(native, str) and FINISH.get(native, "") == finish:
        return native
    if finish == "stop" and has_calls:  # as some servers say
        return "tool_use"
    return _STOP.get(finish, "end_turn") if isinstance(finish, str) else "end_turn"


def call_id(call: Mapping[str, Any], message: str, number: int) -> str:
    """The id of a call; of one that has none it is made from that of its message and its number in it.

    OpenAI takes none longer than 40 characters, should the conversation go on there.
    """
    made = hashlib.sha256(f"{message}\0{number}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return _string(call, "id") or f"toolu_{made}"


def message_id(ident: object) -> str:
    """The id of a message, with the prefix that Anthropic's have."""
    text = ident if isinstance(ident, str) else ""
    return text if text.startswith("msg_") else f"msg_{text}"
