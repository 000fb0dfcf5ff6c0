"""Where the values of a JSON object stand in its bytes, so that one is replaced and the rest stays as sent.

Rule 1: nothing is re-serialised; key order, white space and number formats of the client reach the provider.
Rule 2: linear time, and only brackets cost a step of Python: strings of any length are skipped in C.
"""

import json
import re
from typing import Final

from waypost.errors import RequestError

MAX_BRACKETS: Final = 500_000
"""Most `{` and `[` in one body, those inside strings included."""

MAX_MEMBERS: Final = 10_000
"""Most members of the outermost object."""

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SPACE: Final = rb"[ \t\n\r]*+"
_KEY: Final = re.compile(_SPACE + b"(" + _STRING + b")" + _SPACE + b":" + _SPACE, re.DOTALL)
_SCALAR: Final = re.compile(_STRING + rb'|[^\s,\[\]{}":]++', re.DOTALL)
_BRACKET: Final = re.compile(rb'[^"\[\]{}]*+(?:' + _STRING + rb'[^"\[\]{}]*+)*+([\[\]{}])', re.DOTALL)
_OPEN: Final = re.compile(_SPACE + rb"\{" + _SPACE)
_NEXT: Final = re.compile(_SPACE + rb"([,}])")

Span = tuple[str, int, int]
"""Key as decoded, offset of the first byte of its value, offset behind the last."""


def top_level(body: bytes) -> list[Span]:
    """The members of the object that `body` is, in order, duplicates included.

    Meant for bodies that parse as JSON; of others it says 400 where they stop making sense to it.

    Raises:
        RequestError: not an object, or more brackets than any real request has.
    """
    check_size(body)
    found = _OPEN.match(body)
    if not found:
        raise _malformed(0)
    spans: list[Span] = []
    at = found.end()
    if body[at : at + 1] == b"}":
        return spans
    while True:
        key = _KEY.match(body, at)
        if not key:
            raise _malformed(at)
        end = _value_end(body, key.end())
        spans.append((_decoded(key[1]), key.end(), end))
        after = _NEXT.match(body, end)
        if not after:
            raise _malformed(end)
        if after[1] == b"}":
            return spans
        if len(spans) == MAX_MEMBERS:
            raise RequestError(
                f"The request body has more than {MAX_MEMBERS} fields.", 400, "body_too_complex"
            )
        at = after.end()


def check_size(body: bytes) -> None:
    """Refuse a body whose structure alone would keep the event loop busy."""
    if body.count(b"{") + body.count(b"[") > MAX_BRACKETS:
        message = f"The request body has more than {MAX_BRACKETS} objects and arrays."
        raise RequestError(message, 400, "body_too_complex")


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


def _value_end(body: bytes, start: int) -> int:
    if body[start : start + 1] not in {b"{", b"["}:
        scalar = _SCALAR.match(body, start)
        if not scalar:
            raise _malformed(start)
        return scalar.end()
    depth = 0
    at = start
    while bracket := _BRACKET.match(body, at):
        at = bracket.end()
        depth += 1 if bracket[1] in b"[{" else -1
        if depth == 0:
            return at
    raise _malformed(at)


def _decoded(key: bytes) -> str:
    try:
        return json.loads(key, strict=False) if b"\\" in key else key[1:-1].decode()
    except ValueError as error:
        raise RequestError("A key of the request body is not valid JSON.", 400, "invalid_json") from error


def _malformed(offset: int) -> RequestError:
    return RequestError(f"The request body is not a JSON object (byte {offset}).", 400, "invalid_json")
