"""What families of Claude models understand, by name.

Source: Anthropic's model pages, migration guides (4.6 to 5.5) and SDK 2.11.0 types, November 2026.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

Thinking = Literal["none", "budget", "adaptive"]
Off = Literal["omit", "disabled", "between_tools", "never"]

_VERSION: Final = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of model.

    Attributes:
        max_tokens: most tokens of an answer; more are refused.
        thinking: how it is told to think; the wrong way is refused.
        off: how it is told not to; `omit` = by saying nothing, `never` = it cannot be told.
        has_xhigh: knows the effort `xhigh`.
        has_display: can be asked for a summary of its thoughts, and gives none unasked.
        samples: takes `temperature`, `top_p` and `top_k`.
        samples_once: of these not `temperature` and `top_p` together.
        prefills: goes on with an assistant message that comes last.
        forces: `tool_choice` may demand a call.
        has_schema: takes `output_config.format`.
    """

    max_tokens: int = 128_000
    thinking: Thinking = "adaptive"
    off: Off = "disabled"
    has_xhigh: bool = True
    has_display: bool = True
    samples: bool = False
    samples_once: bool = True
    prefills: bool = False
    forces: bool = True
    has_schema: bool = True

    @property
    def thinks_unasked(self) -> bool:
        """Whether a request that says nothing of it is thought about."""
        return self.thinking == "adaptive" and self.off != "omit"


_OLD: Final = Family(
    max_tokens=4_096,
    thinking="none",
    off="omit",
    samples=True,
    samples_once=False,
    prefills=True,
    has_schema=False,
)
_BUDGET: Final = replace(_OLD, max_tokens=64_000, thinking="budget")
_ALWAYS: Final = Family(off="never", forces=False)

UNKNOWN: Final = replace(_BUDGET, max_tokens=8_192)
"""No Claude model: other servers speak this dialect too, in its older form."""


def family_of(model: str) -> Family:
    """The family; a Claude model without a version in its name stands for the newest."""
    name = model.rpartition("/")[2].lower()
    if "claude" not in name:
        return UNKNOWN
    if "fable" in name or "mythos" in name:
        return _ALWAYS
    version = _version(name)
    return _of_4(version, name) if version < (4, 6) else _of_5(version, name)


def _version(name: str) -> tuple[int, int]:
    found = _VERSION.search(name)
    return (int(found[1]), int(found[2] or 0)) if found else (5, 5)


def _of_4(version: tuple[int, int], name: str) -> Family:
    if version < (3, 7):
        return replace(_OLD, max_tokens=8_192) if version == (3, 5) else _OLD
    if version < (4, 0):
        return _BUDGET
    large = "opus" not in name or version >= (4, 5)
    limit = 64_000 if large else 32_000
    is_newer = version >= (4, 1)
    return replace(_BUDGET, max_tokens=limit, samples_once=is_newer, has_schema=is_newer)


def _of_5(version: tuple[int, int], name: str) -> Family:
    if version < (4, 7):
        return Family(off="omit", has_xhigh=False, has_display=False, samples=True)
    if version < (5, 0):
        return Family(off="omit")
    if version < (5, 5):
        return Family()
    if "opus" in name:
        return _ALWAYS
    return Family(off="between_tools" if "sonnet" in name else "disabled", forces=False)
