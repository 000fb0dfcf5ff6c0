"""Providers that keep failing are asked after the others for a while, then tried again.

Envoy leaves single addresses alone that fail, and never the only one of a provider: where there is nobody
else to ask, asking it is better than asking nobody. Along a chain there is somebody else.

What one process remembers: bounded by the providers there are, lost with it. Not for use by several threads.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FAILURES: Final = 5
"""In a row, until a provider is left alone; as Envoy counts them for an address."""

REST_SECONDS: Final = 15.0
"""For how long. Then one failure is enough to leave it alone again."""

_MOST: Final = 4096
"""Attempts of requests under way that count for nothing."""


@dataclass(slots=True)
class _Breaker:
    """One provider: failures in a row, and when it may be asked again."""

    failures: int = 0
    until: float = 0.0


class Breakers:
    """Counts failures by provider.

    Args:
        clock: seconds that only grow.
        rest_seconds: how long a provider is left alone; 0 = never.
    """

    def __init__(self, clock: Callable[[], float], rest_seconds: float = REST_SECONDS) -> None:
        self._clock = clock
        self._rest = rest_seconds
        self._breakers: dict[str, _Breaker] = {}
        self._spared: OrderedDict[tuple[str, str], int] = OrderedDict()

    def spared(self, provider: str, request: str) -> None:
        """An attempt of a request that goes on is not the provider's failure; `failed` will say that it is.

        Args:
            provider: its name.
            request: id of the request; one that never ends must not spare another's failure.
        """
        self._spared[provider, request] = self._spared.get((provider, request), 0) + 1
        if len(self._spared) > _MOST:
            self._spared.popitem(last=False)

    def failed(self, provider: str, request: str) -> None:
        """An attempt of a request was answered with an error, or with nothing."""
        breaker = self._of(provider)
        if spared := self._spared.pop((provider, request), 0):
            if spared > 1:
                self._spared[provider, request] = spared - 1
            return
        breaker.failures += 1
        if breaker.failures >= FAILURES:
            breaker.failures = FAILURES - 1
            breaker.until = self._clock() + self._rest

    def answered(self, provider: str) -> None:
        """It works."""
        breaker = self._of(provider)
        breaker.failures, breaker.until = 0, 0.0

    def resting(self, provider: str) -> float:
        """Seconds for which others are to be asked first; 0 = it may be asked."""
        breaker = self._breakers.get(provider)
        return 0.0 if breaker is None else max(0.0, breaker.until - self._clock())

    def _of(self, provider: str) -> _Breaker:
        return self._breakers.setdefault(provider, _Breaker())
