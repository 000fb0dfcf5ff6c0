"""The failover chain of one request, and the one place that keeps it inside its boundary."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from waypost.providers.provider import Endpoint

MAX_CHAIN = 8
"""Longest chain Envoy's matcher is generated for; a longer one is a configuration error."""


def within(endpoints: Iterable[Endpoint], boundary: frozenset[str] | None) -> tuple[Endpoint, ...]:
    """The endpoints whose zone lies inside `boundary`, in order; an empty result means 503, never a leak."""
    return tuple(e for e in endpoints if boundary is None or e.zone in boundary)


class Hop(Protocol):
    """A candidate of a chain, however it is to be asked."""

    @property
    def endpoint(self) -> Endpoint:
        """Who is asked."""
        ...


H = TypeVar("H", bound=Hop)


def expanded(chain: Sequence[H]) -> tuple[H, ...]:
    """The attempts of a chain: who is worth trying again comes again at once, as often as its provider says.

    At most `MAX_CHAIN`: repeats make room for those who were not asked yet, the later ones first.
    """
    room = max(0, MAX_CHAIN - len(chain))
    attempts: list[H] = []
    for each in chain[:MAX_CHAIN]:
        again = min(each.endpoint.provider.retries, room)
        room -= again
        attempts += [each] * (1 + again)
    return tuple(attempts)


def attempts(endpoints: Iterable[Endpoint]) -> int:
    """Most attempts at a chain of these, 0 to `MAX_CHAIN`."""
    return min(sum(1 + endpoint.provider.retries for endpoint in endpoints), MAX_CHAIN)


def hop_id(revision: str, endpoint: str) -> str:
    """Opaque value of an `x-waypost-hop-*` header: names an endpoint of one policy revision.

    Attempts share one header map, so later hops reach earlier providers: the value must tell them
    nothing. Router, upstream filter and Envoy's matcher derive it alike without sharing state.
    """
    return hashlib.sha256(f"hop\0{revision}\0{endpoint}".encode()).hexdigest()[:20]
