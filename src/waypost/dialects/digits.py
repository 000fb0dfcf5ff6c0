"""JSON whose numbers keep their digits: tool arguments are a caller's data, not ours to round.

`json` reads `1.10` as 1.1, `1e400` as infinity, and refuses integers of more than 4,300 digits.
"""

import json
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Final, NoReturn, Self, cast

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
        return _decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def object_text(text: str) -> Verbatim | None:
    """The text as it stands, without white space around it; None if it is no JSON object."""
    try:
        value = loads(text)
    except ValueError:
        return None
    return Verbatim(text.strip()) if isinstance(value, dict) else None


def dumps(value: object) -> str:
    """Compact JSON of what `loads` gives and of `Verbatim`; half a surrogate pair stands in it as it came.

    Raises:
        ValueError: nested deeper than Python writes.
    """
    out: list[str] = []
    try:
        _write(value, out.append)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return "".join(out)


def _write(value: object, add: Callable[[str], None]) -> None:
    """Write in pieces: megabytes of a picture are copied once, and not once for each level around it."""
    kind = type(value)
    if kind is str:
        add(encode_basestring(cast("str", value)))
    elif kind is dict:
        mark = "{"
        for name, item in cast("dict[str, object]", value).items():
            add(f"{mark}{encode_basestring(name)}:")
            _write(item, add)
            mark = ","
        add("}" if mark == "," else "{}")
    elif kind is list:
        mark = "["
        for item in cast("list[object]", value):
            add(mark)
            _write(item, add)
            mark = ","
        add("]" if mark == "," else "[]")
    elif isinstance(value, Digits):
        add(value.text)
    else:
        add(value if isinstance(value, Verbatim) else _plain(value))


def _plain(value: object) -> str:
    return _encode(value)


def whole(text: str) -> int | Digits:
    """A whole number as `loads` has it."""
    return int(text) if len(text) <= _MAX_INT else Digits(text)


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


# Made once: `json.loads` and `json.dumps` would make one for each call, which costs more than a short text.
_decode: Final = json.JSONDecoder(parse_float=Digits, parse_int=whole, parse_constant=_not_json).decode
_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
