"""A client's JSON read so that no later reader can understand it otherwise.

Rule 1: what two readers could take different values from is refused: a key twice in one object, a key that
differs from a known one only in case, NaN, anything but UTF-8.
Rule 2: what one body may cost is bounded before and while it is read.
"""

import json
import re
from collections.abc import Collection, Iterable
from typing import Any, Final, NoReturn

from waypost.dialects.digits import Digits, whole
from waypost.dialects.foreign import mapping
from waypost.dialects.spans import MAX_MEMBERS, check_size
from waypost.dialects.texts import too_complex
from waypost.errors import RequestError

_NAMED: Final = re.compile(r"\w{1,40}", re.ASCII)


def load(body: bytes, *, exact: bool = False) -> dict[str, Any]:
    """The object that a body is.

    Args:
        body: as it came.
        exact: numbers keep their digits, as `digits.loads` has them; else each is a float.

    Raises:
        RequestError: 400; it is none, or one that is not to be trusted.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as wrong:
        message = f"The request body is not UTF-8 (byte {wrong.start})."
        raise RequestError(message, 400, "invalid_encoding") from wrong
    if text.startswith("\ufeff") or "\0" in text[:4]:
        raise RequestError(
            "The request body must be UTF-8 without a byte order mark.", 400, "invalid_encoding"
        )
    check_size(body)
    found = mapping(_loaded(text, exact=exact))
    if found is None:
        raise RequestError("The request body must be a JSON object.", 400, "invalid_json")
    if len(found) > MAX_MEMBERS:
        raise too_complex()
    return found


def _loaded(text: str, *, exact: bool) -> object:
    fraction, number = (Digits, whole) if exact else (float, float)
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_not_json,
            parse_float=fraction,
            parse_int=number,
        )
    except json.JSONDecodeError as wrong:
        message = (
            f"The request body is not valid JSON: {wrong.msg} at line {wrong.lineno} column {wrong.colno}."
        )
        raise RequestError(message, 400, "invalid_json") from wrong
    except RecursionError as wrong:
        raise too_complex() from wrong


def one_case(names: Iterable[str], read: Collection[str]) -> None:
    """Refuse `Messages`: servers written in Go take it for `messages`, and here it was not.

    Args:
        names: keys of an object.
        read: keys that are understood in it, in lower case.

    Raises:
        RequestError: 400; two keys that differ only in case.
    """
    for name in names:
        if name not in read and (meant := name.casefold()) in read:
            message = f"A key differs from {meant!r} only in case; two readers could take different values."
            raise RequestError(message, 400, "duplicate_key", meant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        message = "The request body has a key twice in one object; two readers could take different values."
        raise RequestError(message, 400, "duplicate_key", twice if _NAMED.fullmatch(twice) else None)
    return found


def _not_json(constant: str) -> NoReturn:
    raise RequestError(f"{constant} is not a JSON number.", 400, "invalid_json")
