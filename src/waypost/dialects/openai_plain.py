"""A request in the neutral form without what OpenAI has no word for, for providers that speak OpenAI's form.

Clients of other forms bring it, and clients that send back what another provider's answer held: thoughts with
their signatures, marks for caching, failed calls and pictures in results. What means something to the model
stays, in words that are known everywhere.

Also, what a model of OpenAI's own refuses: of such requests, and of a client's own that were routed to it.

Rule 1: a request that has none of it stays as it is, byte for byte.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from waypost.dialects import digits, signatures
from waypost.dialects.anthropic_content import invalid
from waypost.dialects.foreign import Notes, encode, mapping, says_nothing, sequence
from waypost.dialects.openai_models import Family, family_of
from waypost.dialects.spans import top_level
from waypost.dialects.splice import Drop, Put, splice
from waypost.errors import RequestError

_OTHERS: Final = (
    *("thinking_blocks", "reasoning_content", "cache_control", "is_error"),
    *("extra_content", "images", "native_blocks"),
)
_FAILED: Final = "Error: "
_MARKS: Final = re.compile(rb'"(?:%b|file_url)"' % "|".join(_OTHERS).encode())
"""One pass, and on pictures in base64 a fast one: they have no quote."""

MAX_STOPS: Final = 4
MAX_NAME: Final = 64
"""Longest name of a tool; Anthropic takes longer ones."""
_SAMPLING: Final = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty"),
    *("logit_bias", "logprobs", "top_logprobs"),
)
_ANYWAY: Final = (("temperature", 1), ("top_p", 1))
_UNTHINKING: Final = (None, "none")
_UNKNOWN: Final = "not sent, the model does not take it"
_LIMIT: Final = "max_completion_tokens"
_EFFORT: Final = "reasoning_effort"
_MEDIA: Final = (b'"image_url"', b'"file"', b'"input_audio"')


def plain_request(body: bytes, model: str | None = None) -> bytes:
    """The body without it; the same object where there is nothing to take out.

    Args:
        body: of the neutral form.
        model: of OpenAI itself, which refuses what other servers of its form take; None = one of theirs.

    Raises:
        RequestError: 400; it holds a file that only its address is known of.
    """
    has_results = b'"tool"' in body and any(kind in body for kind in _MEDIA)
    has_more = model is not None and _scan(family_of(model)).search(body) is not None
    if not (has_results or has_more or signatures.MARK.encode() in body or _MARKS.search(body)):
        return body
    try:
        document = mapping(digits.loads(body))
        if document is None:
            return body
        return write_request(document if model is None else exactly(document, model)[0])
    except ValueError as error:
        raise _unreadable() from error


def fitted(body: bytes, model: str, *, strict: bool = False) -> tuple[bytes, tuple[str, ...]]:
    """A client's own body as a model of OpenAI's own takes it, edited in place, and what is not told.

    Args:
        body: of OpenAI's form; the same object comes back where there is nothing to edit.
        model: at OpenAI.
        strict: refuse what cannot be told.

    Raises:
        RequestError: 400; it cannot be read, or, in strict mode, something is not told.
    """
    family = family_of(model)
    if not _scan(family).search(body):
        return body, ()
    names = {_EFFORT, _LIMIT, *_told(family)}
    notes = Notes(strict=strict)
    try:
        document = {
            name: digits.loads(body[start:end]) for name, start, end in top_level(body) if name in names
        }
        changes = _changes(document, family, notes)
        edits = [Drop((n,)) if value is None else Put((n,), value) for n, value in changes.items()]
        return splice(body, edits), notes.all()
    except ValueError as error:
        raise _unreadable() from error


def _unreadable() -> RequestError:
    return RequestError("The request body is no JSON that can be read.", 400, "invalid_json")


def exactly(
    document: Mapping[str, Any], model: str, *, strict: bool = False
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """A request as a model of OpenAI's own takes it, and what is not told.

    Source: OpenAI API reference, chat completions (2026).

    Raises:
        RequestError: 400; a tool's name is too long for it, or, in strict mode, something is not told.
    """
    notes = Notes(strict=strict)
    family = family_of(model)
    for n, item in enumerate(sequence(document.get("tools")) or ()):
        name = (mapping((mapping(item) or {}).get("function")) or {}).get("name")
        if isinstance(name, str) and len(name) > MAX_NAME:
            where = f"tools[{n}].function.name"
            invalid(f"`{where}` has more than {MAX_NAME} characters, which OpenAI does not take.", where)
    changes = _changes(document, family, notes)
    gone = {name for name, value in changes.items() if value is None}
    return {name: value for name, value in {**document, **changes}.items() if name not in gone}, notes.all()


def _changes(document: Mapping[str, Any], family: Family, notes: Notes) -> dict[str, Any]:
    """Parameters with other values; None = it goes."""
    changes: dict[str, Any] = {}
    if document.get("top_k") is not None:
        changes["top_k"] = None
        notes.add("top_k", "not sent, the API has no such parameter")
    stops = sequence(document.get("stop"))
    if family.stops and stops is not None and len(stops) > MAX_STOPS:
        changes["stop"] = stops[:MAX_STOPS]
        notes.add("stop", f"the first {MAX_STOPS} are sent")
    effort = document.get(_EFFORT)
    thinks = effort not in _UNTHINKING
    if not family.thinks and effort is not None:
        changes[_EFFORT] = None
        if thinks:
            notes.tell(_EFFORT, _UNKNOWN)
    for name in _refused(family, thinks=thinks):
        value = document.get(name)
        if not says_nothing(name, value) and (name, value) not in _ANYWAY:
            changes[name] = None
            notes.add(name, _UNKNOWN)
    if not family.old_limit and (limit := document.get("max_tokens")) is not None:
        changes["max_tokens"] = None
        if document.get(_LIMIT) is None:
            changes[_LIMIT] = limit
            notes.tell("max_tokens", f"sent as {_LIMIT}")
        else:
            notes.add("max_tokens", f"not sent, {_LIMIT} is")
    return changes


def _refused(family: Family, *, thinks: bool) -> Iterator[str]:
    """Parameters that a model takes only where they ask for what happens anyway."""
    if family.samples == "never" or (thinks and family.samples == "unthinking"):
        yield from _SAMPLING
    if not family.stops:
        yield "stop"


def _told(family: Family) -> Iterator[str]:
    """Parameters that may have to go, or to change."""
    yield from ("top_k", "stop")
    if not family.thinks:
        yield _EFFORT
    if not family.old_limit:
        yield "max_tokens"
    yield from _refused(family, thinks=True)


@cache
def _scan(family: Family) -> re.Pattern[bytes]:
    """Finds the names of these in one pass; there are few families."""
    return re.compile(rb'"(?:%b)"' % "|".join(dict.fromkeys(_told(family))).encode())


def write_request(document: Mapping[str, Any]) -> bytes:
    """Write it.

    Raises:
        RequestError: 400; it holds a file that only its address is known of.
        ValueError: nested too deeply.
    """
    plain = dict(document)
    plain.pop("cache_control", None)
    if messages := sequence(document.get("messages")):
        plain["messages"] = list(_messages(messages))
    if tools := sequence(document.get("tools")):
        plain["tools"] = [_tool(tool) for tool in tools]
    return encode(digits.dumps(plain))


def _messages(messages: list[Any]) -> Iterator[object]:
    """Pictures in the results of calls become a user's, behind the last of these results."""
    moved: list[object] = []
    for number, item in enumerate(messages):
        message = mapping(item)
        is_result = message is not None and message.get("role") == "tool"
        if moved and not is_result:
            yield {"role": "user", "content": moved}
            moved = []
        if message is None:  # for the provider to refuse
            yield item
            continue
        written = _with_plain_ids(_without(message, _OTHERS))
        parts = sequence(message.get("content"))
        if parts is not None:
            written["content"] = [
                _part(part, f"messages[{number}].content[{n}]") for n, part in enumerate(parts)
            ]
        if is_result:
            moved += _texts_only(written)
            if message.get("is_error") is True:
                written["content"] = f"{_FAILED}{written['content']}"
        yield written
    if moved:
        yield {"role": "user", "content": moved}


def _texts_only(result: dict[str, Any]) -> list[object]:
    """Leave the text of a result in it, and give back its other parts."""
    parts = sequence(result.get("content"))
    if parts is None:
        result["content"] = result.get("content") or ""
        return []
    result["content"] = "\n".join(text for part in parts if (text := _text(part)) is not None)
    return [part for part in parts if _text(part) is None]


def _text(item: object) -> str | None:
    """Text of a part; None = it is another kind of part."""
    text = item if isinstance(item, str) else (mapping(item) or {}).get("text")
    return text if isinstance(text, str) else None


def _part(item: object, where: str) -> object:
    part = mapping(item)
    if part is None:
        return item
    if "file_url" in (mapping(part.get("file")) or {}):
        invalid(f"`{where}` is a file that this model cannot fetch.", where, "unsupported_content")
    return _without(part, ("cache_control",))


def _tool(item: object) -> object:
    tool = mapping(item)
    if tool is None:
        return item
    written = _without(tool, ("cache_control",))
    if function := mapping(tool.get("function")):
        written["function"] = _without(function, ("cache_control",))
    return written


def _with_plain_ids(message: dict[str, Any]) -> dict[str, Any]:
    """Ids as their providers gave them: OpenAI takes none longer than 40 characters."""
    if isinstance(ident := message.get("tool_call_id"), str):
        message["tool_call_id"] = signatures.find(ident)[0]
    if calls := sequence(message.get("tool_calls")):
        message["tool_calls"] = [_call(call) for call in calls]
    return message


def _call(item: object) -> object:
    call = mapping(item)
    if call is None:
        return item
    written = _without(call, ("extra_content", "cache_control"))
    if isinstance(ident := call.get("id"), str):
        written["id"] = signatures.find(ident)[0]
    return written


def _without(value: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in names}
