"""One asks, the others wait: on a loop whose clock only moves when everybody waits."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.transport.flights import End, Flights, Follow, Lead, Limits

SMALL = Limits(
    flights=2, followers=3, flight_bytes=10, all_bytes=15, slow_seconds=10.0, longest_seconds=100.0
)


class Selector(selectors.SelectSelector):
    """Nothing ever comes from outside: who would wait has waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everybody waits for ever"
        self.now += max(0.0, timeout)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._moving = Selector()
        super().__init__(self._moving)

    def time(self) -> float:
        return self._moving.now


def run(main: Callable[[Flights[str]], Awaitable[None]], limits: Limits = SMALL) -> None:
    async def begun() -> None:
        flights = Flights[str](asyncio.get_running_loop().time, limits)
        await main(flights)
        assert len(flights) == 0, "a flight is left"
        assert flights.kept_bytes == 0

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(begun())


def lead(flights: Flights[str], key: str = "k") -> Lead[str]:
    found = flights.board(key)
    assert isinstance(found, Lead)
    return found


def follow(flights: Flights[str], key: str = "k") -> Follow[str]:
    found = flights.board(key)
    assert isinstance(found, Follow)
    return found


def start(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    return asyncio.get_running_loop().create_task(work)


async def settled() -> None:
    """Everything that can happen now has happened."""
    for _ in range(10):
        await asyncio.sleep(0)


# --- who waits for all of it ------------------------------------------------------------------------------


def test_all_who_wait_get_the_one_answer() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        assert not leader.is_followed
        waiting = [start(follow(flights).whole(5)) for _ in range(3)]
        await settled()
        assert leader.is_followed
        leader.feed(b"beginning")
        leader.land("answer")
        assert await asyncio.gather(*waiting) == ["answer"] * 3
        lead(flights).release()

    run(main)


def test_who_comes_between_landing_and_waiting_gets_it_too() -> None:
    async def main(flights: Flights[str]) -> None:
        leader, late = lead(flights), follow(flights)
        leader.land("")
        assert await late.whole(5) == ""

    run(main)


def test_keys_have_nothing_to_do_with_each_other() -> None:
    async def main(flights: Flights[str]) -> None:
        one, two = lead(flights, "1"), lead(flights, "2")
        waiting = start(follow(flights, "2").whole(5))
        await settled()
        one.land("one")
        two.land("two")
        assert await waiting == "two"

    run(main)


def test_a_wait_has_an_end() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        began = flights.clock()
        assert await follow(flights).whole(5) is None
        assert flights.clock() - began == pytest.approx(5)
        leader.land("too late")

    run(main)


def test_a_leader_that_fails_hands_over_to_the_first_only() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        first, *rest = [start(follow(flights).whole(5)) for _ in range(3)]
        await settled()
        leader.fail()
        leader.fail()
        await settled()
        assert [each.done() for each in rest] == [False, False]
        second = await first
        assert isinstance(second, Lead)
        leader.feed(b"nobody hears this")
        second.land("answer")
        assert await asyncio.gather(*rest) == ["answer"] * 2

    run(main)


def test_if_all_fail_each_leads_once() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        for task in [start(follow(flights).whole(5)) for _ in range(3)]:
            await settled()
            leader.fail()
            leader = await task
        leader.fail()

    run(main)


def test_what_cannot_be_shared_keeps_nobody_waiting() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        waiting = [start(follow(flights).whole(5)) for _ in range(3)]
        await settled()
        began = flights.clock()
        leader.release()
        assert await asyncio.gather(*waiting) == [None] * 3
        assert flights.clock() == began

    run(main)


def test_a_leader_that_says_nothing_hands_over() -> None:
    async def main(flights: Flights[str]) -> None:
        slow = lead(flights)
        began = flights.clock()
        first, second = start(follow(flights).whole(50)), start(follow(flights).whole(50))
        quick = await first
        assert flights.clock() - began == pytest.approx(SMALL.slow_seconds)
        assert isinstance(quick, Lead)
        slow.fail()
        slow.release()
        assert not second.done()
        quick.land("answer")
        assert await second == "answer"

    run(main)


def test_the_answer_of_one_that_was_slow_is_an_answer() -> None:
    async def main(flights: Flights[str]) -> None:
        slow = lead(flights)
        first, second = start(follow(flights).whole(50)), start(follow(flights).whole(50))
        quick = await first
        slow.land("answer")
        assert await second == "answer"
        quick.fail()

    run(main)


def test_a_leader_that_says_something_is_not_slow() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        waiting = start(follow(flights).whole(50))
        await asyncio.sleep(9)
        leader.feed(b"x")
        began = flights.clock()
        assert await waiting is None
        assert flights.clock() - began == pytest.approx(41)
        leader.fail()

    run(main)


@pytest.mark.parametrize("promoted", [False, True])
def test_who_is_cancelled_leaves_no_gap(*, promoted: bool) -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        gone, stays = start(follow(flights).whole(5)), start(follow(flights).whole(5))
        await settled()
        if promoted:  # between being handed the lead and taking it
            leader.fail()
        gone.cancel()
        await settled()
        assert gone.cancelled()
        if not promoted:
            leader.fail()
        other = await stays
        assert isinstance(other, Lead)
        other.fail()

    run(main)


def test_who_never_waits_leaves_nothing() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        follow(flights)
        leader.fail()
        assert await follow_of_nobody(flights) is None

    async def follow_of_nobody(flights: Flights[str]) -> str | Lead[str] | None:
        leader, late = lead(flights), follow(flights)
        leader.fail()
        return await late.whole(5)

    run(main)


# --- bounds -----------------------------------------------------------------------------------------------


def test_there_are_only_so_many() -> None:
    async def main(flights: Flights[str]) -> None:
        leaders = [lead(flights, "1"), lead(flights, "2")]
        assert flights.board("3") is None
        late = follow(flights, "1")
        waiting = [start(follow(flights, "1").whole(5)) for _ in range(3)]
        await settled()
        assert flights.board("1") is None
        assert await late.whole(5) is None
        for leader in leaders:
            leader.land("answer")
        assert await asyncio.gather(*waiting) == ["answer"] * 3

    run(main)


def test_a_leader_that_was_forgotten_does_not_stay_for_ever() -> None:
    async def main(flights: Flights[str]) -> None:
        lost = lead(flights)
        lost.feed(b"x")
        waiting = start(follow(flights).whole(500))
        await asyncio.sleep(100)
        leader = lead(flights)
        assert await waiting is None
        lost.land("nobody waits for it")
        lost.fail()
        assert follow(flights) is not None
        leader.fail()

    run(main)


def test_who_took_the_lead_has_all_the_time_again() -> None:
    async def main(flights: Flights[str]) -> None:
        first = lead(flights, "1")
        waiting = start(follow(flights, "1").whole(90))
        first.feed(b"x")
        await asyncio.sleep(50)
        lead(flights, "2")
        await asyncio.sleep(10)
        first.fail()
        second = await waiting
        assert isinstance(second, Lead)
        await asyncio.sleep(95)
        lead(flights, "2").fail()  # that one is forgotten, though it began behind this one
        follow(flights, "1")
        second.fail()

    run(main)


# --- who reads along --------------------------------------------------------------------------------------


def test_readers_get_what_was_told_and_what_comes() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        leader.feed(b"one ")
        leader.feed(b"two ")
        with follow(flights) as reader:
            assert await reader.read(5) == b"one two "
            waiting = start(reader.read(5))
            await settled()
            leader.feed(b"")
            await settled()
            leader.feed(b"3")
            assert await waiting == b"3"
            leader.land("answer")
            assert await reader.read(5) is End.LANDED
            assert flights.kept_bytes == 9
            late = reader
        assert await late.read(5) is End.BROKEN

    run(main)


def test_who_comes_late_reads_all_of_it() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        leader.feed(b"all")
        with follow(flights) as reader, follow(flights) as leaving:
            leader.land("answer")
            assert await leaving.read(5) == b"all"
            leaving.__exit__(None, None, None)
            assert await reader.read(5) == b"all"
            assert await reader.read(5) is End.LANDED

    run(main)


def test_who_read_a_part_is_not_given_another_answers_part() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        leader.feed(b"one")
        with follow(flights) as begun, follow(flights) as fresh:
            assert await begun.read(5) == b"one"
            leader.fail()
            second = await fresh.read(5)
            assert isinstance(second, Lead)
            second.feed(b"another")
            assert await begun.read(5) is End.BROKEN
            leader.land("of the first")
            second.fail()
            assert await begun.read(5) is End.BROKEN

    run(main)


def test_a_reader_that_takes_no_lead_passes_it_on() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        with follow(flights) as other:
            with follow(flights) as reader:
                assert reader is not other
                waiting = start(other.read(5))
                await settled()
                waiting.cancel()
                await settled()
                leader.fail()  # `other` is first
                other.__exit__(None, None, None)
                second = await reader.read(5)
            assert isinstance(second, Lead)
            second.fail()

    run(main)


def test_reading_has_an_end_too() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        with follow(flights) as reader:
            assert await reader.read(5) is End.ALONE
            leader.feed(b"x")
            assert await reader.read(5) == b"x"
            assert await reader.read(5) is End.BROKEN
        assert await follow(flights).read(5) is End.ALONE
        leader.fail()

    run(main)


def test_a_slow_leader_hands_over_to_a_reader() -> None:
    async def main(flights: Flights[str]) -> None:
        lead(flights)
        with follow(flights) as reader:
            second = await reader.read(50)
            assert isinstance(second, Lead)
            second.land("answer")

    run(main)


def test_what_was_released_is_not_begun() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        leader.feed(b"one")
        with follow(flights) as begun, follow(flights) as fresh:
            assert await begun.read(5) == b"one"
            leader.release()
            assert await fresh.read(5) is End.ALONE
            assert await begun.read(5) is End.BROKEN

    run(main)


def test_of_a_long_answer_who_keeps_up_misses_nothing() -> None:
    async def main(flights: Flights[str]) -> None:
        leader = lead(flights)
        with follow(flights) as keen, follow(flights) as lazy:
            leader.feed(b"0123456789")
            assert await keen.read(5) == b"0123456789"
            assert await lazy.read(5) == b"0123456789"
            leader.feed(b"abcdef")
            assert await keen.read(5) == b"abcdef"
            leader.feed(b"ghijkl")
            assert await keen.read(5) == b"ghijkl"
            assert flights.kept_bytes == 10
            with follow(flights) as late:
                assert await late.read(5) is End.ALONE
            assert await lazy.read(5) is End.BROKEN
            leader.land("answer")
            assert await keen.read(5) is End.LANDED

    run(main)


def test_all_answers_together_take_no_more_than_they_may() -> None:
    async def main(flights: Flights[str]) -> None:
        one, two = lead(flights, "1"), lead(flights, "2")
        one.feed(b"x" * 9)
        two.feed(b"y" * 9)
        assert flights.kept_bytes == SMALL.all_bytes
        waiting = start(follow(flights, "2").whole(5))
        await settled()
        one.fail()
        two.land("answer")
        assert await waiting == "answer"

    run(main)


# --- anything, in any order -------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(["whole", "read", "feed", "land", "fail", "release", "cancel", "pass", "forget"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


class World:
    """Clients of one key or another, each with what it was told."""

    def __init__(self, flights: Flights[str]) -> None:
        self.flights = flights
        self.leads: list[Lead[str]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.asked = 0
        self.ended = 0
        self.told: dict[Lead[str], bytes] = {}
        self.numbers = count(1)

    def ask(self, *, reads: bool, n: int) -> None:
        self.asked += 1
        match self.flights.board(str(n % 3)):
            case Lead() as leader:
                self._leads(leader)
            case Follow() as waiting:
                self.tasks.append(start(self._read(waiting, n) if reads else self._whole(waiting, n)))
            case None:
                self.ended += 1

    def _leads(self, leader: Lead[str]) -> None:
        self.leads.append(leader)
        self.told[leader] = b""

    async def _whole(self, waiting: Follow[str], n: int) -> None:
        try:
            found = await waiting.whole(n)
        except asyncio.CancelledError:
            self.ended += 1
            raise
        self._done(found)

    async def _read(self, waiting: Follow[str], n: int) -> None:
        read = b""
        try:
            with waiting:
                while isinstance(found := await waiting.read(n), bytes):
                    assert found
                    read += found
        except asyncio.CancelledError:
            self.ended += 1
            raise
        if found is End.ALONE or isinstance(found, Lead):
            assert not read
        elif found is End.LANDED:
            assert read in self.told.values(), "parts of two answers"
        else:
            assert any(told.startswith(read) for told in self.told.values()), "parts of two answers"
        self._done(found)

    def _done(self, found: object) -> None:
        if isinstance(found, Lead):
            self._leads(found)
        else:
            self.ended += 1

    def act(self, step: str, n: int) -> None:
        if step in ("whole", "read"):
            self.ask(reads=step == "read", n=n)
        elif step == "cancel" and self.tasks:
            self.tasks[n % len(self.tasks)].cancel()
        elif step in ("feed", "land", "fail", "release", "forget") and self.leads:
            self.lead(step, self.leads[n % len(self.leads)])

    def lead(self, step: str, leader: Lead[str]) -> None:
        if step == "feed":
            piece = b"%d." % next(self.numbers)
            self.told[leader] += piece
            leader.feed(piece)
            return
        self.leads.remove(leader)
        self.ended += 1
        if step == "land":
            leader.land("answer")
        elif step == "release":
            leader.release()
        elif step == "fail":
            leader.fail()


@settings(max_examples=200, deadline=None)
@given(steps, st.sampled_from([SMALL, Limits(slow_seconds=2.0, longest_seconds=3.0, flight_bytes=4)]))
def test_whatever_happens_everybody_gets_an_end(script: list[tuple[str, int]], limits: Limits) -> None:
    async def main(flights: Flights[str]) -> None:
        world = World(flights)
        for step, n in script:
            if step == "pass":
                await asyncio.sleep(n)
            else:
                world.act(step, n)
                await settled()
            assert len(flights) <= limits.flights
            assert flights.kept_bytes <= limits.all_bytes
        while world.leads or any(not task.done() for task in world.tasks):
            for leader in list(world.leads):
                world.lead("fail", leader)
            await asyncio.sleep(1)
        await asyncio.gather(*world.tasks, return_exceptions=True)
        assert [task for task in world.tasks if not task.cancelled() and task.exception()] == []
        assert world.ended == world.asked
        await asyncio.sleep(limits.longest_seconds)
        for key in ("0", "1", "2"):  # leaders that were lost without a word are forgotten here
            lead(flights, key).fail()

    run(main, limits)
