"""What a request's own headers say about the cache: they may only make it careful.

Rule 1: `cache-control` is everybody's, and many a library sends it without a thought: what of it makes no
sense is passed over. `x-waypost-cache-*` is ours: a value that makes no sense is a 400, since whoever wrote
it counts on it.
Rule 2: nothing here widens what settings allow: a threshold is raised, an age is lowered.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from waypost.errors import RequestError
from waypost.request.chat import ChatRequest

CACHE_CONTROL: Final = "cache-control"
OWN_CONTROL: Final = "x-waypost-cache-control"
THRESHOLD: Final = "x-waypost-cache-threshold"
COMPATIBLE: Final = "x-vsr-cache-control"
"""As clients of vLLM Semantic Router write it; `bypass` in it is `no-store` and `no-cache` at once."""

_DIGITS: Final = re.compile("[0-9]{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{0,3}\.?[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Control:
    """What a request wants of the cache.

    Attributes:
        lookup: it may be answered from it.
        store: its answer may be kept.
        max_age_seconds: how old an answer may be; None = as settings say.
        threshold: smallest cosine; None = as settings say.
    """

    lookup: bool = True
    store: bool = True
    max_age_seconds: float | None = None
    threshold: float | None = None

    def raised(self, threshold: float) -> float:
        """The threshold that counts: never below that of the settings."""
        return threshold if self.threshold is None else max(threshold, self.threshold)

    def lowered(self, ttl_seconds: float) -> float:
        """The age that counts: never above the time to live of the settings."""
        return ttl_seconds if self.max_age_seconds is None else min(ttl_seconds, self.max_age_seconds)


def control(request: ChatRequest) -> Control:
    """Read the headers.

    Raises:
        RequestError: 400, a header of ours makes no sense; `param` names it.
    """
    found = Control()
    for name in (CACHE_CONTROL, COMPATIBLE, OWN_CONTROL):
        for directive in _directives(request, name):
            said = _narrowed(found, directive)
            if said is None and name == OWN_CONTROL:
                raise _invalid(name, "no-cache, no-store or max-age=SECONDS")
            found = said or found
    values = [value.strip() for key, value in request.headers if key == THRESHOLD]
    if not values:
        return found
    if not all(map(_NUMBER.fullmatch, values)) or not all(0 < float(value) <= 1 for value in values):
        raise _invalid(THRESHOLD, "a number above 0, up to 1")
    return replace(found, threshold=max(map(float, values)))


def _directives(request: ChatRequest, name: str) -> Iterator[str]:
    for key, value in request.headers:
        if key == name:
            yield from filter(None, (each.strip().lower() for each in value.split(",")))


def _narrowed(found: Control, directive: str) -> Control | None:
    """With one directive more; None = it makes no sense here."""
    name, _, value = (part.strip() for part in directive.partition("="))
    match name, value:
        case "no-cache", "":
            return replace(found, lookup=False)
        case "no-store" | "bypass", "":
            return replace(found, lookup=False, store=False)
        case "max-age", _ if _DIGITS.fullmatch(value.strip('"')):
            age = float(value.strip('"'))
            known = math.inf if found.max_age_seconds is None else found.max_age_seconds
            return replace(found, max_age_seconds=min(age, known))
        case _:
            return None


def _invalid(header: str, wanted: str) -> RequestError:
    return RequestError(f"The header `{header}` must hold {wanted}.", 400, "invalid_header", header)
