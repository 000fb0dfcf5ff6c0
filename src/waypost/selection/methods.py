"""All methods by name, and the one function that selects with any of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from waypost.providers.chain import MAX_CHAIN, within
from waypost.selection.base import Candidate, Considered, Facts, Judged, Method, Selection
from waypost.selection.canary import Canary
from waypost.selection.capabilities import Lack, lacking, unknown
from waypost.selection.cheapest_above import CheapestAbove
from waypost.selection.scored import Scored
from waypost.selection.static import Static
from waypost.selection.sticky import Sticky

METHODS: Final[Mapping[str, type[Method]]] = {
    method.kind: method for method in (Static, Scored, CheapestAbove, Canary)
}
"""By the `type` of their YAML block."""

Kind = Literal["", "boundary", "capability", "limit", "live"]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A candidate, what the method thinks of it, and what keeps it out.

    Attributes:
        kind: empty = nothing keeps it out.
    """

    candidate: Candidate
    judged: Judged
    kind: Kind = ""
    because: str = ""
    lacks: tuple[Lack, ...] = ()

    @property
    def name(self) -> str:
        return self.candidate.endpoint.name


def select(
    method: Method,
    candidates: Sequence[Candidate],
    facts: Facts,
    boundary: frozenset[str] | None,
    sticky: Sticky | None = None,
) -> Selection:
    """Choose who answers and who follows when that one does not.

    Args:
        method: how to choose.
        candidates: in the order of the rule; one named twice is in the chain once, with its better entry.
        facts: all there is to know.
        boundary: zones no attempt may leave; None = anywhere.
        sticky: None = every request is chosen for anew.
    """
    kept = facts.kept if sticky else None
    slack = {kept: sticky.margin} if sticky and kept else {}
    judged = method.judge(candidates, facts, slack) if candidates else ()
    held = kept if facts.in_tool_loop else None
    standings = [_standing(c, j, facts, boundary, held) for c, j in zip(candidates, judged, strict=True)]
    able = [each for each in standings if not each.kind]
    relaxed = not able and any(each.kind == "live" for each in standings)
    if relaxed:
        able = [each for each in standings if each.kind == "live"]
    order = sorted(able, key=lambda each: (each.name != held, -_score(each), each.name != kept))
    chain = _distinct(order)[:MAX_CHAIN]
    return Selection(
        tuple(each.candidate.endpoint for each in chain),
        boundary,
        _because(method, facts, chain, standings, relaxed=relaxed) + _loyalty(kept, chain, standings),
        tuple(_considered(each, facts, chain) for each in standings),
        () if chain else _lacks(standings),
    )


def _standing(
    candidate: Candidate, judged: Judged, facts: Facts, boundary: frozenset[str] | None, held: str | None
) -> _Standing:
    """What keeps a candidate out: first what nothing can change, then what the operator limits."""
    if not within((candidate.endpoint,), boundary):
        return _Standing(
            candidate, judged, "boundary", f"lies in zone {candidate.endpoint.zone!r}, outside the boundary"
        )
    lacks = lacking(candidate.profile, facts.needs, facts.prompt_tokens, facts.output_tokens)
    if lacks:
        return _Standing(candidate, judged, "capability", "; ".join(lack.because for lack in lacks), lacks)
    if candidate.endpoint.name != held:  # limits are for choosing; a tool loop ends where it began
        if judged.over:
            return _Standing(candidate, judged, "limit", judged.over)
        if judged.over_live:
            return _Standing(candidate, judged, "live", judged.over_live)
    return _Standing(candidate, judged)


def _score(standing: _Standing) -> float:
    return standing.judged.score or 0.0


def _distinct(order: Sequence[_Standing]) -> list[_Standing]:
    """Each endpoint once: hops of a chain are told apart by its name."""
    first: dict[str, _Standing] = {}
    for each in order:
        first.setdefault(each.name, each)
    return list(first.values())


def _considered(standing: _Standing, facts: Facts, chain: Sequence[_Standing]) -> Considered:
    eliminated = ""
    if not any(standing is each for each in chain):
        eliminated = standing.because or _behind(standing, chain)
    judged = standing.judged
    missing = (*judged.unknown, *unknown(standing.candidate.profile, facts.needs))
    return Considered(standing.name, judged.score, eliminated, judged.parts, missing)


def _behind(standing: _Standing, chain: Sequence[_Standing]) -> str:
    if any(each.name == standing.name for each in chain):
        return "is listed twice, the other entry is better"
    return f"stands behind the first {MAX_CHAIN}"


def _because(
    method: Method, facts: Facts, chain: Sequence[_Standing], standings: Sequence[_Standing], *, relaxed: bool
) -> str:
    if not chain:
        told = "; ".join(dict.fromkeys(f"{each.name!r} {each.because}" for each in standings))
        return f"no candidate can serve it: {told}" if told else "no candidate"
    ignored = "; limits on live figures would leave nobody and are ignored" if relaxed else ""
    return f"{method.why(facts)}: {chain[0].name!r}{ignored}"


def _loyalty(kept: str | None, chain: Sequence[_Standing], standings: Sequence[_Standing]) -> str:
    """What became of the model that served the conversation."""
    if kept is None or not chain:
        return ""
    if chain[0].name == kept:
        return "; the conversation stays with it"
    own = [each for each in standings if each.name == kept]
    out = next((each.because for each in own if each.because), "") if own else "is no candidate here"
    return f"; the conversation leaves {kept!r}" + (f", which {out}" if out else "")


def _lacks(standings: Sequence[_Standing]) -> tuple[str, ...]:
    """What is lacking, where nobody inside the boundary is out for another reason."""
    inside = [each for each in standings if each.kind != "boundary"]
    if any(each.kind != "capability" for each in inside):
        return ()
    return tuple(dict.fromkeys(_names(inside)))


def _names(standings: Sequence[_Standing]) -> Iterator[str]:
    return (lack.name for each in standings for lack in each.lacks)
