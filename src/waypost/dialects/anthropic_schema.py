"""JSON Schemas of an answer as Anthropic's structured outputs take them.

Source: Claude API documentation, Structured outputs (2026): every object says `additionalProperties: false`.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from waypost.dialects import digits
from waypost.dialects.digits import Verbatim
from waypost.dialects.foreign import Notes, mapping, sequence

_DATA: Final = frozenset({"enum", "const", "default", "examples"})
"""Keywords whose values are no schemas."""


def closed(schema: Mapping[str, Any], notes: Notes) -> Verbatim:
    """The schema with every object closed; that an object was open is noted.

    Raises:
        ValueError: nested too deeply.
    """
    copy = cast("dict[str, Any]", digits.loads(digits.dumps(schema)))
    stack: list[object] = [copy]
    while stack:
        node = stack.pop()
        if (members := mapping(node)) is not None:
            if _is_object(members):
                if members.get("additionalProperties", False) is not False:
                    notes.add("response_format", "objects hold the properties they name and no others")
                members["additionalProperties"] = False
            stack += (value for name, value in members.items() if name not in _DATA)
        elif (items := sequence(node)) is not None:
            stack += items
    return Verbatim(digits.dumps(copy))


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or "object" in (sequence(kind) or ())
