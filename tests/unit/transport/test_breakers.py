"""Providers that keep failing, and what ends their rest."""

from dataclasses import dataclass

import pytest

from waypost.transport.breakers import FAILURES, REST_SECONDS, Breakers


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fail(breakers: Breakers, times: int = FAILURES) -> None:
    for _ in range(times):
        breakers.failed("p", "id")


def test_failures_in_a_row_are_needed(clock: Clock) -> None:
    breakers = Breakers(clock)
    fail(breakers, FAILURES - 1)
    breakers.answered("p")
    fail(breakers, FAILURES - 1)
    assert breakers.resting("p") == 0
    breakers.failed("p", "id")
    assert breakers.resting("p") == REST_SECONDS
    assert breakers.resting("another") == 0


def test_after_the_rest_one_failure_is_enough(clock: Clock) -> None:
    breakers = Breakers(clock)
    fail(breakers)
    clock.now += REST_SECONDS
    assert breakers.resting("p") == 0
    breakers.failed("p", "id")
    assert breakers.resting("p") == REST_SECONDS


def test_one_answer_ends_it(clock: Clock) -> None:
    breakers = Breakers(clock)
    fail(breakers)
    breakers.answered("p")
    assert breakers.resting("p") == 0
    fail(breakers, FAILURES - 1)
    assert breakers.resting("p") == 0


def test_what_is_no_failure_of_the_provider_counts_for_nothing(clock: Clock) -> None:
    breakers = Breakers(clock)
    for _ in range(3 * FAILURES):
        breakers.spared("p", "id")
        breakers.failed("p", "id")
    assert breakers.resting("p") == 0


def test_it_can_be_switched_off(clock: Clock) -> None:
    breakers = Breakers(clock, 0)
    fail(breakers, 3 * FAILURES)
    assert breakers.resting("p") == 0


def test_a_request_that_never_ended_spares_nobody_elses_failure(clock: Clock) -> None:
    breakers = Breakers(clock)
    for number in range(9999):  # clients that left before the chain came to its end
        breakers.spared("p", f"left-{number}")
    fail(breakers)
    assert breakers.resting("p") == REST_SECONDS


def test_every_attempt_of_one_request_is_spared_on_its_own(clock: Clock) -> None:
    breakers = Breakers(clock)
    for _ in range(2):
        breakers.spared("p", "id")
    fail(breakers, 2 + FAILURES - 1)
    assert breakers.resting("p") == 0
    breakers.failed("p", "id")
    assert breakers.resting("p") == REST_SECONDS
