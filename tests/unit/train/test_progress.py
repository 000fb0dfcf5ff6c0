from io import StringIO

import pytest

from waypost.train import progress as module
from waypost.train.progress import Clock, Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds since the start; tests move it."""
    at = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: at[0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: at[0])
    return at


def test_elsewhere_a_line_now_and_then_and_at_the_end(now: list[float]) -> None:
    out = StringIO()
    progress = Progress(out=out, every=10).begin("fit")
    for step in range(1, 31):
        now[0] += 1
        progress.step(step, 30, "loss 1")
    lines = out.getvalue().splitlines()
    assert len(lines) == 3, "after 10, 20 and 30 seconds"
    assert lines[0].startswith("fit ")
    assert "30/30" in lines[-1]
    assert lines[-1].endswith("loss 1")
    assert "\r" not in out.getvalue()


def test_a_terminal_is_drawn_over_and_left_with_a_line_end(now: list[float]) -> None:
    out = Terminal()
    progress = Progress(out=out).begin("fit")
    for step in (1, 2):
        now[0] += 1
        progress.step(step, 2)
    assert out.getvalue().count("\r") == 2
    assert out.getvalue().endswith("\n")
    assert out.getvalue().count("\n") == 1


def test_the_time_that_is_left(now: list[float]) -> None:
    out = StringIO()
    progress = Progress(out=out).begin("fit")
    progress.step(1, 40)
    assert out.getvalue() == "", "what is done at once needs no line"
    now[0] += 30
    progress.step(10, 40)
    assert "10/40 30 s, 90 s left" in out.getvalue()


def test_a_clock_adds_up_what_a_stage_took(now: list[float]) -> None:
    clock = Clock(Progress(out=StringIO()))
    for stage, seconds in (("features", 2.0), ("fit", 5.0), ("features", 1.0)):
        assert clock.begin(stage).stage == stage
        now[0] += seconds
    clock.begin("write")
    assert clock.seconds == {"features": 3.0, "fit": 5.0}
