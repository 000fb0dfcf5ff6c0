import random
from statistics import median_low

import pytest

from waypost.selection.live import MOST_ATTEMPTS, MOST_ENDPOINTS, WINDOW_SECONDS, Conversations, Health


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_median_and_failures_are_those_of_the_attempts(clock: Clock) -> None:
    health = Health(clock)
    for seconds in (0.3, 0.1, 0.2):
        health.observe("a", seconds, error=False)
    health.observe("a", None, error=True)
    found = health.snapshot(["a"])["a"]
    assert (found.first_token_seconds, found.error_rate, found.n) == (0.2, 0.25, 4)
    assert found.window_seconds == WINDOW_SECONDS


def test_an_endpoint_nobody_tried_is_missing(clock: Clock) -> None:
    health = Health(clock)
    health.observe("a", 0.1, error=False)
    assert set(health.snapshot(["a", "b"])) == {"a"}
    assert health.snapshot([]) == {}


def test_an_endpoint_that_only_fails_has_no_time(clock: Clock) -> None:
    health = Health(clock)
    health.observe("a", None, error=True)
    found = health.snapshot(["a"])["a"]
    assert (found.first_token_seconds, found.error_rate) == (None, 1.0)


def test_what_is_old_is_forgotten_until_nothing_is_known(clock: Clock) -> None:
    health = Health(clock, window_seconds=10)
    health.observe("a", 9.0, error=True)
    clock.now += 6
    health.observe("a", 1.0, error=False)
    clock.now += 4
    assert health.snapshot(["a"])["a"].n == 2
    clock.now += 1
    found = health.snapshot(["a"])["a"]
    assert (found.first_token_seconds, found.error_rate, found.n) == (1.0, 0.0, 1)
    clock.now += 6
    assert health.snapshot(["a"]) == {}


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0, None])
def test_a_time_that_is_none_counts_as_an_attempt_without_one(clock: Clock, seconds: float | None) -> None:
    health = Health(clock)
    health.observe("a", seconds, error=False)
    found = health.snapshot(["a"])["a"]
    assert (found.first_token_seconds, found.error_rate, found.n) == (None, 0.0, 1)


def test_a_window_agrees_with_its_definition_whatever_happens(clock: Clock) -> None:
    draw = random.Random(3)
    health = Health(clock, window_seconds=20)
    seen: list[tuple[float, float | None, bool]] = []
    for _ in range(3000):
        clock.now += draw.choice([0.0, 0.01, 0.05, 0.3])
        seconds = draw.choice([None, round(draw.random(), 2)])
        error = draw.random() < 0.3
        health.observe("a", seconds, error=error)
        seen.append((clock.now, seconds, error))
        kept = [each for each in seen[-MOST_ATTEMPTS:] if each[0] >= clock.now - 20]
        times = [each[1] for each in kept if each[1] is not None]
        found = health.snapshot(["a"])["a"]
        assert found.n == len(kept)
        assert found.error_rate == sum(each[2] for each in kept) / len(kept)
        assert found.first_token_seconds == (median_low(times) if times else None)


def test_the_number_of_endpoints_is_bounded_and_the_longest_unused_goes(clock: Clock) -> None:
    health = Health(clock)
    health.observe("first", 0.1, error=False)
    health.observe("second", 0.1, error=False)
    for n in range(MOST_ENDPOINTS - 2):
        health.observe(f"e{n}", 0.1, error=False)
    health.observe("first", 0.1, error=False)
    health.observe("one more", 0.1, error=False)
    assert set(health.snapshot(["first", "second", "one more"])) == {"first", "one more"}


def test_a_conversation_is_remembered_by_its_key(clock: Clock) -> None:
    memory = Conversations(clock)
    memory.keep("k", "a")
    assert memory.kept("k") == "a"
    assert memory.kept("other") is None
    memory.keep("k", "b")
    assert memory.kept("k") == "b"
    assert len(memory) == 1


def test_a_conversation_is_forgotten_some_time_after_its_last_answer(clock: Clock) -> None:
    memory = Conversations(clock, ttl_seconds=60)
    memory.keep("k", "a")
    clock.now += 59
    assert memory.kept("k") == "a"
    memory.keep("k", "a")
    clock.now += 59
    assert memory.kept("k") == "a"
    clock.now += 1
    assert memory.kept("k") is None
    assert len(memory) == 0


def test_the_conversation_that_was_answered_longest_ago_makes_room(clock: Clock) -> None:
    memory = Conversations(clock, limit=2)
    memory.keep("k1", "a")
    memory.keep("k2", "a")
    memory.keep("k1", "a")
    memory.keep("k3", "a")
    assert [memory.kept(key) for key in ("k1", "k2", "k3")] == ["a", None, "a"]
