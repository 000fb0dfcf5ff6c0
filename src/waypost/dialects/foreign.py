"""What every dialect other than OpenAI's shares: what is sent, what an answer is made from, what got lost.

Rule 1: the neutral form is OpenAI's chat completions; a dialect writes requests from it and reads answers
into it, so two foreign dialects never meet.
Rule 2: nothing is lost in silence. What a provider has no word for is noted, or refused where that is wanted.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from waypost.errors import RequestError

MAX_WARNINGS: Final = 32
"""Most notes that one request carries; they travel in a response header."""

_HARMLESS: Final = frozenset({"stream_options", "store", "prompt_cache_key", "prompt_cache_retention"})
"""What says nothing about the answer, or is said by the provider anyway."""

_DEFAULTS: Final[Mapping[str, tuple[object, ...]]] = {
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "logit_bias": ({},),
    "metadata": ({},),
    "modalities": (["text"],),
    "parallel_tool_calls": (True,),
    "service_tier": ("auto", "default"),
    "verbosity": ("medium",),
}
"""Values that ask for what happens anyway."""

_LONGEST_NAME: Final = 200
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_NAME: Final = re.compile(r"[A-Za-z_][\w.\[\]-]{0,79}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Written:
    """A request in a provider's own dialect.

    Attributes:
        path: behind the provider's base path, query included.
        headers: names in lower case; no credential among them.
        warnings: `parameter: what became of it`, ASCII, no text of the caller's.
    """

    body: bytes
    path: str
    headers: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What an answer says that the provider does not.

    Attributes:
        model: where the provider names none: what the client asked for.
        ident: `id` of the answer where the provider gives none; ids of tool calls are made from it, so it
            must be another one for each answer.
        created: Unix seconds.
        include_usage: whether a stream ends with a chunk of usage.
        is_base64: whether embeddings are base64 of 32-bit floats, little end first.
    """

    model: str
    ident: str
    created: int
    include_usage: bool = False
    is_base64: bool = False

    def model_of(self, named: object) -> str:
        """The model that answered, by the provider's own word if it has one."""
        return named if isinstance(named, str) and 0 < len(named) <= _LONGEST_NAME else self.model


_LINE_ENDS: Final = (("\u2028", "\\u2028"), ("\u2029", "\\u2029"), ("\x85", "\\u0085"))


class Notes:
    """What cannot be sent as it was asked for."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._notes: dict[str, None] = {}

    def add(self, param: str, what: str) -> None:
        """Note it.

        Args:
            param: JSON path in the request; an odd name is not repeated.
            what: what became of it, in ASCII.

        Raises:
            RequestError: 400, in strict mode.
        """
        name = param if _NAME.fullmatch(param) else "*"
        if self._strict:
            raise RequestError(
                f"`{name}` cannot be sent as it is: {what}.", 400, "unsupported_parameter", name
            )
        self.tell(name, what)

    def tell(self, name: str, what: str) -> None:
        """Note it, and refuse it in no mode: a wish that models meet as well as they can, as an effort is.

        Strict mode must not refuse what the file asked for; it asks for efforts in the client's name.
        """
        if len(self._notes) < MAX_WARNINGS:
            self._notes[f"{name}: {what}"] = None

    def all(self) -> tuple[str, ...]:
        """Each once, in order."""
        return tuple(self._notes)


def says_nothing(name: str, value: object) -> bool:
    """Whether a parameter may be left out without a word."""
    return value is None or name in _HARMLESS or value in _DEFAULTS.get(name, ())


def mapping(value: object) -> dict[str, Any] | None:
    """A JSON object, or None."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def sequence(value: object) -> list[Any] | None:
    """A JSON list, or None."""
    return cast("list[Any]", value) if isinstance(value, list) else None


def dump(value: object) -> str:
    """Compact JSON; for `encode`, since half a surrogate pair may stand in it as it came."""
    return _encode(value)


def encode(text: str) -> bytes:
    """JSON text as bytes; what UTF-8 cannot say becomes an escape of JSON.

    So does what some readers of event streams take for the end of a line.
    """
    if not text.isascii():
        for end, escape in _LINE_ENDS:
            if end in text:
                text = text.replace(end, escape)
    return text.encode("utf-8", "backslashreplace")
