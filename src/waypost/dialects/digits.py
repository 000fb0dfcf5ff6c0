"""JSON whose numbers keep their digits: tool arguments are a caller's data, not ours to round.

`json` reads `1.10` as 1.1, `1e400` as infinity, and refuses integers of more than 4,300 digits.
"""

import json
from typing import Any, Final, NoReturn, Self, cast

_MAX_INT: Final = 18


class Digits(float):
    """A number as it was written; its value is the nearest float, maybe infinity."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Self:
        """Of the text of a JSON number."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str


class Verbatim(str):
    """JSON text that is written as it stands."""

    __slots__ = ()


def loads(text: str | bytes) -> object:
    """Read JSON in UTF-8; whole numbers of up to 18 digits are `int`, other numbers `Digits`.

    Raises:
        ValueError: it is none, or is nested deeper than Python reads.
    """
    if isinstance(text, bytes):
        text = text.decode()
    try:
        return json.loads(text, parse_float=Digits, parse_int=whole, parse_constant=_not_json)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def dumps(value: object) -> str:
    """Compact JSON of what `loads` gives and of `Verbatim`; half a surrogate pair stands in it as it came.

    Raises:
        ValueError: nested deeper than Python writes.
    """
    try:
        return _dumps(value)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _dumps(value: object) -> str:
    if isinstance(value, Verbatim):
        return value
    if isinstance(value, Digits):
        return value.text
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return "{" + ",".join([f"{_plain(name)}:{_dumps(item)}" for name, item in members]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([_dumps(item) for item in cast("list[Any]", value)]) + "]"
    return _plain(value)


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def whole(text: str) -> int | Digits:
    """A whole number as `loads` has it."""
    return int(text) if len(text) <= _MAX_INT else Digits(text)


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
