"""Where the values of a JSON object stand in its bytes, so that one is replaced and the rest stays as sent.

Rule 1: nothing is re-serialised; key order, white space and number formats of the client reach the provider.
Rule 2: linear time, and only brackets cost a step of Python: strings of any length are skipped in C.
Rule 3: what one request may cost is bounded before it is parsed, by its structure: no text is too long.
"""

import json
import re
from typing import Final

from waypost.errors import RequestError

MAX_BRACKETS: Final = 50_000
"""Most objects and arrays in one body: a conversation of 10,000 messages has fewer."""

MAX_STRINGS: Final = 200_000
"""Most strings in one body, keys included."""

MAX_VALUES: Final = 500_000
"""Most values in one body; an embeddings request has at most 300,000 tokens."""

MAX_MEMBERS: Final = 10_000
"""Most members of the outermost object."""

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SPACE: Final = rb"[ \t\n\r]*+"
_KEY: Final = re.compile(_SPACE + b"(" + _STRING + b")" + _SPACE + b":" + _SPACE, re.DOTALL)
_SCALAR: Final = re.compile(_STRING + rb'|[^\s,\[\]{}":]++', re.DOTALL)
_BRACKET: Final = re.compile(rb'[^"\[\]{}]*+(?:' + _STRING + rb'[^"\[\]{}]*+)*+([\[\]{}])', re.DOTALL)
_STRINGS: Final = re.compile(_STRING, re.DOTALL)
_OPEN: Final = re.compile(_SPACE + rb"\{" + _SPACE)
_NEXT: Final = re.compile(_SPACE + rb"([,}])")

Span = tuple[str, int, int]
"""Key as decoded, offset of the first byte of its value, offset behind the last."""


def top_level(body: bytes) -> list[Span]:
    """The members of the object that `body` is, in order, duplicates included.

    Meant for bodies that parse as JSON; of others it says 400 where they stop making sense to it.

    Raises:
        RequestError: not an object, or more members and brackets than any real request has.
    """
    found = _OPEN.match(body)
    if not found:
        raise malformed(0)
    spans: list[Span] = []
    at = found.end()
    if body[at : at + 1] == b"}":
        return spans
    while True:
        name, start = key_at(body, at)
        end = value_end(body, start)
        spans.append((name, start, end))
        after = _NEXT.match(body, end)
        if not after:
            raise malformed(end)
        if after[1] == b"}":
            return spans
        if len(spans) == MAX_MEMBERS:
            raise RequestError(
                f"The request body has more than {MAX_MEMBERS} fields.", 400, "body_too_complex"
            )
        at = after.end()


def check_size(body: bytes) -> None:
    """Refuse a body that parsing would make many times as large, or keep the event loop busy with.

    Raises:
        RequestError: too many strings, values, objects or arrays.
    """
    # An escaped quote belongs to a string; `\\"` that ends one makes this count low, by half at most.
    strings = (body.count(b'"') - body.count(b'\\"')) // 2
    if strings > MAX_STRINGS or (_is_large(body) and _is_large(_STRINGS.sub(b"", body))):
        raise _too_complex()


def _is_large(json: bytes) -> bool:
    brackets = json.count(b"{") + json.count(b"[")
    return brackets > MAX_BRACKETS or brackets + json.count(b",") > MAX_VALUES


def _too_complex() -> RequestError:
    limits = f"{MAX_VALUES} values, {MAX_STRINGS} strings or {MAX_BRACKETS} objects and arrays"
    return RequestError(f"The request body has more than {limits}.", 400, "body_too_complex")


def replace_model(body: bytes, model: str) -> bytes:
    """`body` with another `model`, every other byte as it was.

    Raises:
        RequestError: no `model`, or two of them: the provider might read the other one.
    """
    spans = [(start, end) for key, start, end in top_level(body) if key == "model"]
    if len(spans) != 1:
        raise RequestError("The request body must have exactly one `model`.", 400, "invalid_json", "model")
    start, end = spans[0]
    return b"".join((body[:start], json.dumps(model).encode("ascii"), body[end:]))


def key_at(body: bytes, at: int) -> tuple[str, int]:
    """The key at or behind `at`, decoded, and the offset of the first byte of its value.

    Raises:
        RequestError: no key and colon stand there.
    """
    key = _KEY.match(body, at)
    if not key:
        raise malformed(at)
    return _decoded(key[1]), key.end()


def value_end(body: bytes, start: int) -> int:
    """The offset behind the value whose first byte is at `start`.

    Raises:
        RequestError: no value stands there, or one with more brackets than any real request has.
    """
    if body[start : start + 1] not in {b"{", b"["}:
        scalar = _SCALAR.match(body, start)
        if not scalar:
            raise malformed(start)
        return scalar.end()
    depth = 0
    at = start
    for _ in range(2 * MAX_BRACKETS):
        bracket = _BRACKET.match(body, at)
        if not bracket:
            raise malformed(at)
        at = bracket.end()
        depth += 1 if bracket[1] in b"[{" else -1
        if depth == 0:
            return at
    raise _too_complex()


def _decoded(key: bytes) -> str:
    try:
        return json.loads(key, strict=False) if b"\\" in key else key[1:-1].decode()
    except ValueError as error:
        raise RequestError("A key of the request body is not valid JSON.", 400, "invalid_json") from error


def malformed(offset: int) -> RequestError:
    """What is said of a body that is not JSON from this byte on."""
    return RequestError(f"The request body is not a JSON object (byte {offset}).", 400, "invalid_json")
