"""From decision to models: which endpoint answers, and who follows when it does not."""

from collections.abc import Mapping
from dataclasses import dataclass

from waypost.decision.engine import Route
from waypost.providers.chain import within
from waypost.providers.provider import Endpoint


@dataclass(frozen=True, slots=True)
class Selection:
    """The chain of one request.

    Attributes:
        chain: endpoints in failover order, none outside the boundary; empty = nobody may serve it.
        boundary: zones the chain was held to; None = anywhere.
        because: why this order.
    """

    chain: tuple[Endpoint, ...]
    boundary: frozenset[str] | None
    because: str


def static(route: Route, endpoints: Mapping[str, Endpoint]) -> Selection:
    """The rule's own order."""
    chain = within((endpoints[name] for name in route.endpoints), route.boundary)
    return Selection(chain, route.boundary, "order of the rule")
