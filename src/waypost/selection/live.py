"""How endpoints do, and who serves which conversation: what one process remembers, bounded.

Objects, unlike the rest of this package; fed by who sees the answers, read into `Facts`. Not for use by
several threads.
"""

import math
from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from waypost.selection.base import Live

WINDOW_SECONDS: Final = 300.0
"""How far back a window goes: long enough for ten answers of a model that is asked twice a minute, short
enough that one which was down is tried again soon."""

MOST_ATTEMPTS: Final = 256
"""Attempts in one window. The median of 256 times is the true one give or take six percentiles."""

MOST_ENDPOINTS: Final = 1024

Clock = Callable[[], float]
"""Seconds that only grow, such as `time.monotonic`."""


class Health:
    """Times to the first token and failures of every endpoint, of the last minutes."""

    def __init__(self, clock: Clock, window_seconds: float = WINDOW_SECONDS) -> None:
        self._clock = clock
        self._seconds = window_seconds
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def observe(self, endpoint: str, seconds: float | None, *, error: bool) -> None:
        """Add an attempt, in time that does not grow with those before.

        Args:
            endpoint: its name.
            seconds: from sending the request to the first token; None = there was none, or nobody measured.
            error: whether the attempt failed by the provider's fault. A refusal of the client's request is
                none.
        """
        window = self._windows.setdefault(endpoint, _Window())
        self._windows.move_to_end(endpoint)
        if len(self._windows) > MOST_ENDPOINTS:
            self._windows.popitem(last=False)
        known = seconds is not None and math.isfinite(seconds) and seconds >= 0
        window.add(_Attempt(self._clock(), seconds if known else None, error))

    def snapshot(self, endpoints: Iterable[str]) -> dict[str, Live]:
        """What is known of these endpoints; one that was not tried lately is missing."""
        since = self._clock() - self._seconds
        found: dict[str, Live] = {}
        for name in endpoints:
            window = self._windows.get(name)
            if window is not None:
                window.forget(since)
                if window.attempts:
                    found[name] = window.live(self._seconds)
        return found


class _Attempt(NamedTuple):
    at: float
    seconds: float | None
    error: bool


class _Window:
    """Attempts in order of time, and their times in order of length beside."""

    def __init__(self) -> None:
        self.attempts: deque[_Attempt] = deque()
        self._sorted: list[float] = []
        self._errors = 0

    def add(self, attempt: _Attempt) -> None:
        if len(self.attempts) == MOST_ATTEMPTS:
            self._drop()
        self.attempts.append(attempt)
        self._errors += attempt.error
        if attempt.seconds is not None:
            insort(self._sorted, attempt.seconds)

    def forget(self, since: float) -> None:
        while self.attempts and self.attempts[0].at < since:
            self._drop()

    def _drop(self) -> None:
        oldest = self.attempts.popleft()
        self._errors -= oldest.error
        if oldest.seconds is not None:
            del self._sorted[bisect_left(self._sorted, oldest.seconds)]

    def live(self, window_seconds: float) -> Live:
        n = len(self.attempts)
        median = self._sorted[(len(self._sorted) - 1) // 2] if self._sorted else None
        return Live(median, self._errors / n, n, window_seconds)


class Conversations:
    """A `Memory` in this process: bounded, the longest unused goes first, and what is old is forgotten."""

    def __init__(self, clock: Clock, limit: int = 50_000, ttl_seconds: float = 3600.0) -> None:
        """Keep `limit` conversations, each until `ttl_seconds` after its last answer."""
        self._clock = clock
        self._limit = limit
        self._ttl = ttl_seconds
        self._kept: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def kept(self, key: str) -> str | None:
        """Who answered last; None = not known, or too long ago."""
        found = self._kept.get(key)
        if found is None:
            return None
        if found[1] + self._ttl <= self._clock():
            del self._kept[key]
            return None
        return found[0]

    def keep(self, key: str, endpoint: str) -> None:
        """Remember who answered."""
        self._kept[key] = endpoint, self._clock()
        self._kept.move_to_end(key)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
