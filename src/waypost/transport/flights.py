"""Single flight: of identical requests at the same time one asks the model, and the others wait for it.

What one process shares among its requests: bounded, lost with it. Not for use by several threads.

Rule 1: a leader that fails, leaves or says nothing for too long hands over to one who waits; never do all of
them fail, or ask, because it did.
Rule 2: every wait has an end, and behind it the model is asked as if nobody else had.
Rule 3: who was given a part of an answer is never given a part of another one.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

T = TypeVar("T")

Clock = Callable[[], float]
"""Seconds that only grow, such as `time.monotonic`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is shared at most.

    Attributes:
        flights: at the same time.
        followers: of one flight.
        flight_bytes: that are kept of one answer.
        all_bytes: that are kept of all answers.
        slow_seconds: a leader that has told nothing for so long is taken for slow; to be less than a follower
            waits, or all of them ask at once when their wait ends.
        longest_seconds: a leader is not waited for any longer, whatever it told.
    """

    flights: int = 1024
    followers: int = 256
    flight_bytes: int = 2**20
    all_bytes: int = 2**26
    slow_seconds: float = 5.0
    longest_seconds: float = 600.0


class End(Enum):
    """What there is instead of more of an answer."""

    LANDED = auto()
    """That was all of it."""

    ALONE = auto()
    """Nothing was read: ask the model."""

    BROKEN = auto()
    """The rest of what was read will not come."""


class Flights(Generic[T]):
    """All flights of a process; `T` is what a whole answer is."""

    def __init__(self, clock: Clock, limits: Limits | None = None) -> None:
        """The clock must be that of the event loop, or go as fast."""
        self.clock: Final = clock
        self.limits: Final = limits or Limits()
        self.kept_bytes = 0
        self._flights: OrderedDict[Hashable, _Flight[T]] = OrderedDict()

    def __len__(self) -> int:
        """How many leaders are waited for."""
        return len(self._flights)

    def board(self, key: Hashable) -> "Lead[T] | Follow[T] | None":
        """Join the flight of a key, or begin it.

        Returns:
            A lead: ask the model and tell what it says. It must be landed, failed or released.
            None: there is no room; ask the model for yourself.
        """
        self._forget_old()
        flight = self._flights.get(key)
        if flight is not None:
            return Follow(flight) if len(flight.waiting) < self.limits.followers else None
        if len(self._flights) >= self.limits.flights:
            return None
        flight = self._flights[key] = _Flight(self, key)
        return flight.lead

    def began(self, key: Hashable) -> None:
        """A flight has another leader, which has all its time."""
        self._flights.move_to_end(key)

    def ended(self, key: Hashable) -> None:
        """A flight is waited for no more."""
        del self._flights[key]

    def _forget_old(self) -> None:
        while self._flights:
            oldest = next(iter(self._flights.values()))
            if oldest.since + self.limits.longest_seconds > self.clock():
                return
            oldest.end()


class Lead(Generic[T]):
    """Who asks the model. A lead that was handed over may go on; what it feeds is heard by nobody."""

    def __init__(self, flight: "_Flight[T]") -> None:
        self._flight = flight

    @property
    def is_followed(self) -> bool:
        """Whether somebody waits for what it tells."""
        return self._flight.lead is self and bool(self._flight.waiting)

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the answer, for those who read along; a lead that tells something is not slow."""
        if self._flight.lead is self:
            self._flight.keep(chunk)

    def land(self, answer: T) -> None:
        """This is the whole answer; who waits for one takes it also of a lead that was slow."""
        self._flight.answers = (answer,)
        if self._flight.lead is self:
            self._flight.is_landed = True
            self._flight.end()
        else:
            self._flight.wake()

    def fail(self) -> None:
        """There is no answer; one who waits takes the lead. Nothing happens if it has ended already."""
        if self._flight.lead is self:
            self._flight.hand_over()

    def release(self) -> None:
        """There is none to be shared, and another try would not have one: all who wait ask the model."""
        if self._flight.lead is self:
            self._flight.end()


class Follow(Generic[T]):
    """Who waits for a leader. `with` it, an answer can be read in pieces; `whole` does without."""

    def __init__(self, flight: "_Flight[T]") -> None:
        self.is_reader = False
        self._flight = flight
        self._leg = flight.leg
        self._at = 0  # offset of the byte that is read next
        self._promoted: Lead[T] | None = None
        self._wake = asyncio.Event()

    def __enter__(self) -> Self:
        """Wait with the others."""
        if len(self._flight.waiting) < self._flight.flights.limits.followers:
            self._flight.waiting[self] = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave; a lead that was not taken goes to the next."""
        self._flight.leave(self)
        if self._promoted is not None:
            self._promoted.fail()

    async def whole(self, seconds: float) -> T | Lead[T] | None:
        """Wait for all of the answer.

        Args:
            seconds: at most.

        Returns:
            The answer; the lead, which is now this request's; None: ask the model for yourself.
        """
        until = self._flight.flights.clock() + seconds
        with self:
            while True:
                if self._flight.answers is not None:
                    return self._flight.answers[0]
                if self._promoted is not None:
                    return self._take()
                if not self._is_waiting or not await self._waited(until):
                    return None

    async def read(self, seconds: float) -> bytes | Lead[T] | End:
        """Wait for the next bytes of the answer.

        Args:
            seconds: at most.

        Returns:
            Bytes; the lead, which is now this request's, only while nothing was read; or why there are none.
        """
        flight, until = self._flight, self._flight.flights.clock() + seconds
        self.is_reader = True
        while True:
            if self._promoted is not None:
                return self._take()
            if not self._can_read():
                return self._none()
            self._leg = flight.leg
            if told := flight.told(self._at):
                self._at += len(told)
                return told
            if flight.lead is None:
                return End.LANDED if flight.is_landed else self._none()
            if not await self._waited(until):
                return self._none()

    def promote(self, lead: Lead[T]) -> None:
        """It is this one's turn."""
        self._promoted = lead
        self._wake.set()

    def wake(self) -> None:
        """Something happened."""
        self._wake.set()

    @property
    def has_read(self) -> bool:
        """Whether it was given a part of an answer."""
        return self._at > 0

    @property
    def _is_waiting(self) -> bool:
        return self in self._flight.waiting and self._flight.lead is not None

    def _can_read(self) -> bool:
        """Whether what comes next is kept, and belongs to what was read."""
        flight = self._flight
        # What nobody will end is read on, but not begun.
        is_same = self._leg == flight.leg if self._at else flight.is_landed or flight.lead is not None
        return self in flight.waiting and is_same and self._at >= flight.first

    def _take(self) -> Lead[T]:
        lead, self._promoted = self._promoted, None
        if lead is None:
            raise RuntimeError("nobody handed over")
        return lead

    def _none(self) -> End:
        return End.BROKEN if self._at else End.ALONE

    async def _waited(self, until: float) -> bool:
        """Wait for something to happen; False = it is too late for that."""
        flight = self._flight
        clock = flight.flights.clock
        if clock() >= until:
            return False
        self._wake.clear()
        try:
            async with asyncio.timeout(max(0.0, min(until, flight.slow_at) - clock())):
                await self._wake.wait()
        except TimeoutError:
            if clock() >= flight.slow_at:
                flight.hand_over()
        return True


class _Flight(Generic[T]):
    """One key.

    Attributes:
        lead: None = it is over.
        since: when the lead began.
        leg: counts leads.
        answers: the one that landed.
        is_landed: the lead told all of it.
        waiting: in order; who was handed the lead is not among them.
        first: offset of the first byte that is kept of what the lead told.
    """

    def __init__(self, flights: Flights[T], key: Hashable) -> None:
        self.flights = flights
        self.lead: Lead[T] | None = Lead(self)
        self.since = flights.clock()
        self.leg = 0
        self.answers: tuple[T] | None = None
        self.is_landed = False
        self.waiting: dict[Follow[T], None] = {}
        self.first = 0
        self._key = key
        self._bytes = bytearray()

    @property
    def slow_at(self) -> float:
        """When the lead is slow, if it goes on like this."""
        has_told = bool(self.first or self._bytes)
        return math.inf if has_told or self.lead is None else self.since + self.flights.limits.slow_seconds

    def told(self, offset: int) -> bytes:
        """All bytes from this one on, which must be kept."""
        return bytes(memoryview(self._bytes)[offset - self.first :])

    def keep(self, chunk: bytes) -> None:
        """The next bytes; the oldest go where there is no room."""
        self._bytes += chunk
        self.flights.kept_bytes += len(chunk)
        limits = self.flights.limits
        excess = max(len(self._bytes) - limits.flight_bytes, self.flights.kept_bytes - limits.all_bytes)
        if excess > 0:
            self._drop(min(excess, len(self._bytes)))
        for follow in self.waiting:
            if follow.is_reader:
                follow.wake()

    def hand_over(self) -> None:
        """Another one leads, if there is one who can."""
        follow = next((follow for follow in self.waiting if not follow.has_read), None)
        if follow is None:
            self.end()
            return
        self._drop(len(self._bytes))
        self.first = 0
        del self.waiting[follow]
        self.lead = Lead(self)
        self.leg += 1
        self.since = self.flights.clock()
        self.flights.began(self._key)
        follow.promote(self.lead)
        self.wake()

    def end(self) -> None:
        """Nobody leads any more."""
        if self.lead is not None:
            self.lead = None
            self.flights.ended(self._key)
        self.wake()
        self._forget()

    def leave(self, follow: Follow[T]) -> None:
        """One waits no more."""
        self.waiting.pop(follow, None)
        self._forget()

    def wake(self) -> None:
        """Something happened."""
        for follow in self.waiting:
            follow.wake()

    def _forget(self) -> None:
        if self.lead is None and not self.waiting:
            self._drop(len(self._bytes))

    def _drop(self, size: int) -> None:
        """Forget the oldest bytes."""
        del self._bytes[:size]
        self.first += size
        self.flights.kept_bytes -= size
