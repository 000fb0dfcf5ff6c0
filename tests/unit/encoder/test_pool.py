"""Threads that serve lines in turn, a bound on what waits, and nobody left waiting for ever."""

import logging
from threading import Event

import pytest

from waypost.encoder.pool import Line, Pool


class Story:
    """What happened, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.began = Event()
        self.gate = Event()
        self.over = Event()

    def job(self, name: str) -> "Job":
        return Job(self, name)

    def line(self, name: str) -> Line:
        return Line(lambda reason: self.told.append(f"{name} abandoned: {reason}"))


class Job:
    def __init__(self, story: Story, name: str) -> None:
        self._story, self._name = story, name

    def __call__(self) -> None:
        match self._name:
            case "wait":
                self._story.began.set()
                self._story.gate.wait(30)
            case "end":
                self._story.over.set()
            case name:
                self._story.told.append(name)


def test_lines_are_served_in_turn() -> None:
    story, pool = Story(), Pool(1, 100)
    long, short, shorter = story.line("long"), story.line("short"), story.line("shorter")
    pool.push(story.line("before"), story.job("wait"))
    assert story.began.wait(30)
    pool.push(long, story.job("a1"), story.job("a2"), story.job("a3"))
    pool.push(short, story.job("b1"), story.job("b2"))
    pool.push(shorter, story.job("c1"))
    pool.push(long, story.job("end"))
    story.gate.set()
    assert story.over.wait(30)
    assert story.told == ["a1", "b1", "c1", "a2", "b2", "a3"]
    pool.close()


def test_several_threads_work_on_one_line() -> None:
    story, pool = Story(), Pool(2, 100)
    pool.push(story.line("one"), story.job("wait"), story.job("end"))
    assert story.over.wait(30)
    story.gate.set()
    pool.close()


def test_work_is_taken_on_up_to_the_limit() -> None:
    pool = Pool(1, 100)
    assert pool.admit(60)
    assert not pool.admit(41)
    assert pool.admit(40)
    assert pool.tokens == 100
    pool.release(60)
    assert pool.tokens == 40
    pool.close()


def test_a_single_piece_of_work_may_exceed_it() -> None:
    pool = Pool(1, 100)
    assert pool.admit(500)
    assert not pool.admit(1)
    pool.close()


def test_a_job_that_crashes_is_reported_without_what_it_held(caplog: pytest.LogCaptureFixture) -> None:
    story, pool = Story(), Pool(1, 100)

    text = "my secret text"

    def crash() -> None:
        raise ValueError(text)

    pool.push(story.line("bad"), crash)
    pool.push(story.line("good"), story.job("works"), story.job("end"))
    assert story.over.wait(30)
    pool.close()
    assert story.told == ["bad abandoned: a bug in the encoder; the log says where", "works"]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "ValueError" in record.getMessage()
    assert "crash" in record.getMessage()
    assert "secret" not in caplog.text


def test_closing_abandons_what_did_not_begin() -> None:
    story, pool = Story(), Pool(1, 100)
    pool.push(story.line("first"), story.job("wait"), story.job("a1"))
    pool.push(story.line("second"), story.job("b1"))
    story.gate.set()
    pool.close()
    pool.push(story.line("third"), story.job("c1"))
    assert story.told[-1] == "third abandoned: the encoder is closed"
    for name, job in (("first", "a1"), ("second", "b1")):
        assert (job in story.told) != (f"{name} abandoned: the encoder is closed" in story.told)


def test_closing_twice_is_closing() -> None:
    pool = Pool(1, 100)
    pool.close()
    pool.close()
