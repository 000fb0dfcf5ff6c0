"""`canary`: a percentage of the conversations for each model, by a stable hash.

Every percentage, also one of 0, fills a slice of its own from its beginning, so that it can grow without
pushing another one aside. Only what is larger than its slice (100 percent divided by their number) spills
over, into the ends of the others. No layout can do without that for three or more: the places of one
percentage would have to be the complement of those of each of the others, and so the same.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import ClassVar, Final

from waypost.configurable import configurable
from waypost.selection.base import Candidate, Facts, Judged, Method
from waypost.signals.base import Lint

PLACES: Final = 10_000
"""Percentages are kept to two decimals."""

_WHOLE: Final = 100.0
_REST: Final = 255


@configurable
class Canary(Method):
    """Splits conversations by percentage. A conversation keeps its model as long as the percentages stay.

    What the percentages leave goes to the first model without one, else to the first model. Where nothing
    tells conversations apart, that one serves them.
    """

    kind: ClassVar[str] = "canary"

    def judge(
        self, candidates: Sequence[Candidate], facts: Facts, slack: Mapping[str, float]
    ) -> Sequence[Judged]:
        """The one that the hash picks, then by size; what a conversation keeps counts for nothing.

        So a percentage that goes to 0 takes everybody off a model, at once.
        """
        rest = _rest(candidates)
        places = tuple(_places(candidate) for candidate in candidates)
        picked = rest if facts.key is None else _pick(places, rest, facts.key)
        left = max(0, PLACES - sum(held or 0 for held in places))
        judged: list[Judged] = []
        for number, held in enumerate(places):
            share = ((held or 0) + (left if number == rest else 0)) / PLACES
            judged.append(Judged(share + (number == picked), {"share": share}))
        return judged

    def why(self, facts: Facts) -> str:
        """The hash."""
        if facts.key is None:
            return "nothing tells conversations apart, so the one that takes the rest"
        return "percentage of conversations, by a stable hash"

    def lint(self, candidates: Sequence[Candidate]) -> Iterator[Lint]:
        """Percentages out of range, missing altogether, or beyond a hundred together."""
        given = {c.endpoint.name: c.percent for c in candidates if c.percent is not None}
        for name, percent in given.items():
            if not 0 <= percent <= _WHOLE:
                yield Lint("percent", f"{name!r} has {percent:g} percent", "give 0 to 100")
        if not given:
            yield Lint("percent", "no model has a percentage", "give `percent` to those that take a share")
        elif sum(given.values()) > _WHOLE:
            yield Lint("percent", f"the percentages add up to {sum(given.values()):g}", "100 at most")


def _rest(candidates: Sequence[Candidate]) -> int:
    return next((number for number, c in enumerate(candidates) if c.percent is None), 0)


def _places(candidate: Candidate) -> int | None:
    if candidate.percent is None:
        return None
    return round(min(max(candidate.percent, 0.0), _WHOLE) / _WHOLE * PLACES)


def _pick(places: tuple[int | None, ...], rest: int, key: str) -> int:
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).digest()
    owner = _layout(places)[int.from_bytes(digest[:8]) % PLACES]
    return rest if owner == _REST else owner


@lru_cache(maxsize=256)
def _layout(places: tuple[int | None, ...]) -> bytes:
    """Owner of every place; None = has no slice. More than there are places are cut off."""
    owners = [(number, held) for number, held in enumerate(places) if held is not None]
    table = bytearray([_REST]) * PLACES
    spilled: list[int] = []
    for slot, (owner, held) in enumerate(owners):
        start, end = (PLACES * edge // len(owners) for edge in (slot, slot + 1))
        inside = min(held, end - start)
        table[start : start + inside] = bytes([owner]) * inside
        spilled += [owner] * (held - inside)
    free = (place for place in reversed(range(PLACES)) if table[place] == _REST)
    for owner, place in zip(spilled, list(free), strict=False):
        table[place] = owner
    return bytes(table)
