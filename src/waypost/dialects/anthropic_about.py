"""What clients of Anthropic's form ask without sending a message: how long one is, which models there are.

Source: Anthropic API, version 2023-06-01, `POST /v1/messages/count_tokens` and `GET /v1/models`, as the types
of SDK 2.11.0 have them.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from waypost.dialects import digits
from waypost.dialects.anthropic_inbound import read_document
from waypost.dialects.foreign import encode, mapping, sequence
from waypost.dialects.native import Native
from waypost.dialects.strict import load
from waypost.dialects.texts import too_complex

BYTES_PER_TOKEN: Final = 4
"""Of UTF-8, as elsewhere where no tokenizer is asked."""

IMAGE_TOKENS: Final = 1600
"""Of a picture; the most that Anthropic counts for one of its usual size."""

FILE_TOKENS: Final = 3000
"""Of a file that is not text; about two pages, as Anthropic counts them."""

_COUNTED: Final = ("system", "messages", "tools")
_WHOLE: Final = frozenset({"input", "input_schema"})
_SILENT: Final = frozenset({"type", "role", "id", "tool_use_id", "cache_control", "signature", "media_type"})


def count_tokens(body: bytes) -> int:
    """About how many tokens a request has, by its length.

    Args:
        body: a message request without `max_tokens`.

    Raises:
        RequestError: 400, it is malformed; `param` is a JSON path in the body.
    """
    document = load(body, exact=True)
    read_document(document, Native())
    try:
        size = sum(_sizes([document.get(name) for name in _COUNTED]))
    except ValueError as wrong:
        raise too_complex() from wrong
    return -(-size // BYTES_PER_TOKEN)


def _sizes(value: object) -> Iterator[int]:
    """Bytes of the texts in it, and what stands for pictures and files."""
    stack: list[object] = [value]
    while stack:
        found = stack.pop()
        if isinstance(found, str):
            yield len(found.encode("utf-8", "replace"))
        elif (items := sequence(found)) is not None:
            stack += items
        elif (members := mapping(found)) is not None:
            kind = members.get("type")
            if kind in ("image", "document") and (source := _unread(members)):
                yield BYTES_PER_TOKEN * (IMAGE_TOKENS if kind == "image" else FILE_TOKENS)
                members = {name: item for name, item in members.items() if item is not source}
            stack += [item for name, item in members.items() if name not in _SILENT | _WHOLE]
            yield from (
                len(digits.dumps(members[name]).encode("utf-8", "replace"))
                for name in _WHOLE & members.keys()
            )


def _unread(block: dict[str, Any]) -> dict[str, Any] | None:
    """Where a picture or file comes from, unless that is a text."""
    source = mapping(block.get("source")) or {}
    return None if source.get("type") in ("text", "content") else source


def write_count(tokens: int) -> bytes:
    """The answer to a request to count tokens."""
    return encode(digits.dumps({"input_tokens": tokens}))


def write_models(names: Sequence[str], created: int) -> bytes:
    """Body of `GET /v1/models`, all on one page.

    Args:
        names: in order.
        created: Unix seconds.
    """
    page = {
        "data": [_model(name, created) for name in names],
        "has_more": False,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }
    return encode(digits.dumps(page))


def write_model(name: str, created: int) -> bytes:
    """Body of `GET /v1/models/{id}`; `created` in Unix seconds."""
    return encode(digits.dumps(_model(name, created)))


def _model(name: str, created: int) -> dict[str, Any]:
    when = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": when,
        "lifecycle": "active",
    }
