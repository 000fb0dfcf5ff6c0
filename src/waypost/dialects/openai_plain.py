"""A request in the neutral form without what OpenAI has no word for, for providers that speak OpenAI's form.

Clients of other forms bring it: thoughts with their signatures, marks for caching, failed calls and pictures
in results. What means something to the model stays, in words that are known everywhere.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from waypost.dialects import digits
from waypost.dialects.anthropic_content import invalid
from waypost.dialects.foreign import encode, mapping, sequence

_OTHERS: Final = ("thinking_blocks", "reasoning_content", "cache_control", "is_error")
_FAILED: Final = "Error: "


def write_request(document: Mapping[str, Any]) -> bytes:
    """Write it.

    Raises:
        RequestError: 400; it holds a file that only its address is known of.
    """
    plain = dict(document)
    plain.pop("cache_control", None)
    plain["messages"] = list(_messages(sequence(document.get("messages")) or []))
    if tools := sequence(document.get("tools")):
        plain["tools"] = [_without(mapping(tool) or {}, ("cache_control",)) for tool in tools]
    return encode(digits.dumps(plain))


def _messages(messages: list[Any]) -> Iterator[dict[str, Any]]:
    """Pictures in the results of calls become a user's, behind the last of these results."""
    moved: list[dict[str, Any]] = []
    for number, item in enumerate(messages):
        message = mapping(item) or {}
        is_result = message.get("role") == "tool"
        if moved and not is_result:
            yield {"role": "user", "content": moved}
            moved = []
        written = _without(message, _OTHERS)
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


def _texts_only(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Leave the text of a result in it, and give back its other parts."""
    parts = sequence(result.get("content"))
    if parts is None:
        result["content"] = result.get("content") or ""
        return []
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    result["content"] = "\n".join(texts)
    return [part for part in parts if part.get("type") != "text"]


def _part(item: object, where: str) -> dict[str, Any]:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    part = mapping(item) or {}
    if "file_url" in (mapping(part.get("file")) or {}):
        invalid(f"`{where}` is a file that this model cannot fetch.", where, "unsupported_content")
    return _without(part, ("cache_control",))


def _without(value: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in names}
