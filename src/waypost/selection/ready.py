"""What is known of providers at this moment moves candidates within a chain, and never one into it."""

from collections.abc import Mapping
from dataclasses import replace

from waypost.selection.base import Selection


def ready(
    selection: Selection,
    optional: frozenset[str],
    cooling: Mapping[str, float],
    absent: frozenset[str],
) -> Selection:
    """Those behind who want to be left alone, and those out who are optional and not there.

    Somebody is asked in any case: of those who want to be left alone the one first that is ready first, and
    where all are absent, all of them.

    Args:
        selection: the chain as chosen.
        optional: endpoints that may be passed over.
        cooling: seconds that providers want to be left alone, by endpoint.
        absent: endpoints whose model their provider did not know lately.
    """
    missing = optional & absent
    present = [each for each in selection.chain if each.name not in missing] or list(selection.chain)
    chain = tuple(sorted(present, key=lambda each: cooling.get(each.name, 0.0)))
    if chain == selection.chain:
        return selection
    out = {each.name: "its provider did not know it lately" for each in selection.chain if each not in chain}
    told = [f"{name!r} is passed over: {why}" for name, why in out.items()]
    if list(chain) != present:
        waits = [each.name for each in chain if cooling.get(each.name)]
        told.append(f"behind the others, at the wish of their providers: {', '.join(map(repr, waits))}")
    considered = tuple(
        replace(each, eliminated=out.get(each.endpoint, each.eliminated)) for each in selection.considered
    )
    return replace(
        selection, chain=chain, because="; ".join((selection.because, *told)), considered=considered
    )
