"""What families of Gemini models understand, by name.

Source: Gemini API documentation, Models, Thinking, Structured outputs and Thought signatures (2026).
"""

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

Thinking = Literal["none", "budget", "level"]

_VERSION: Final = re.compile(r"gemini-(\d{1,3})(?:\.(\d{1,3}))?(?!\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of model.

    Attributes:
        max_tokens: most tokens of an answer.
        json_schema: takes JSON Schema as it is; others want the subset that OpenAPI 3.0 has.
        has_both: takes functions and a form of the answer in one request; others refuse them.
        thinking: how it is told how hard to think; the wrong way is refused.
        least_budget: fewest tokens of thinking, while it thinks.
        can_stop: it can be told not to think at all.
        levels: those it knows, from the lowest; others are refused.
        is_signed: a call in the history must carry its signature.
    """

    max_tokens: int = 65_536
    json_schema: bool = True
    has_both: bool = True
    thinking: Thinking = "level"
    least_budget: int = 1
    can_stop: bool = False
    levels: tuple[str, ...] = ("low", "medium", "high")
    is_signed: bool = True


_OLD: Final = Family(max_tokens=8_192, json_schema=False, has_both=False, thinking="none", is_signed=False)
_BUDGET: Final = Family(has_both=False, thinking="budget", is_signed=False)
_UNKNOWN: Final = replace(_OLD, max_tokens=2**31 - 1)


def family_of(model: str) -> Family:
    """The family; a name without a version (`gemini-flash-latest`) stands for the newest."""
    name = model.rpartition("/")[2].lower()
    found = _VERSION.match(name)
    if found is None:
        return Family() if name.startswith("gemini") else _UNKNOWN
    version = int(found[1]), int(found[2] or 0)
    rest = name[found.end() :]
    if version < (2, 5):
        return _OLD
    if version < (3, 0):
        return _two_five(rest)
    return _three(version, rest)


def _three(version: tuple[int, int], rest: str) -> Family:
    """3 Pro has no level between low and high; Flash up to 3.6 and Flash-Lite know one below low."""
    if version == (3, 0) and rest.startswith("-pro"):
        return Family(levels=("low", "high"))
    knows_minimal = rest.startswith("-flash-lite") or (version < (3, 7) and rest.startswith("-flash"))
    return Family(levels=("minimal", *Family().levels)) if knows_minimal else Family()


def _two_five(rest: str) -> Family:
    if rest.startswith("-pro"):
        return replace(_BUDGET, least_budget=128)
    return replace(_BUDGET, least_budget=512 if rest.startswith("-flash-lite") else 1, can_stop=True)
