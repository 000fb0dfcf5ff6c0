"""Gemini's thought signatures, carried by the client inside the id of a tool call.

Gemini 3 refuses a call in the history that comes back without the signature it came with. Nothing is kept
here between requests and most clients return only the ids of calls, so the id has it.

Rule 1: an id with a signature matches what every API takes in an id: `[A-Za-z0-9_-]+`.
Rule 2: an id that was cut or changed on its way has no signature; a wrong one would be refused.
"""

import re
import zlib
from typing import Final

MARK: Final = "__thought__"
"""Between the two."""

_CHECK: Final = 8
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}", re.ASCII)
_TO_URL: Final = str.maketrans("+/", "-_")
_FROM_URL: Final = str.maketrans("-_", "+/")


def is_signature(value: object) -> bool:
    """Whether it may be sent as one: base64 of either alphabet."""
    return isinstance(value, str) and _BASE64.fullmatch(value) is not None


def hide(ident: str, signature: str) -> str:
    """The id with a signature in it, which is base64."""
    text = signature.rstrip("=").translate(_TO_URL)
    return f"{ident}{MARK}{zlib.crc32(text.encode('ascii')):08x}{text}"


def find(ident: str) -> tuple[str, str | None]:
    """The id as the provider knows it, and the signature hidden in it, if it is whole."""
    plain, mark, rest = ident.rpartition(MARK)
    if not mark:
        return ident, None
    check, text = rest[:_CHECK], rest[_CHECK:]
    if not is_signature(text) or f"{zlib.crc32(text.encode('ascii')):08x}" != check:
        return plain, None
    return plain, text.translate(_FROM_URL) + "=" * (-len(text) % 4)
