"""One question on its way: in line, in time, within bounds, and always with an answer."""

from collections.abc import Mapping
from concurrent.futures import CancelledError
from threading import Event
from typing import Any

import pytest

from tests.unit.encoder.fakes import ALL, GUARDS, FakeNetwork, artefact, babble, vocabulary
from waypost.encoder import question
from waypost.encoder.conclude import LATE
from waypost.encoder.foreign_parts import Part
from waypost.encoder.known import KnownTexts
from waypost.encoder.plan import Planner
from waypost.encoder.pool import Pool
from waypost.encoder.question import BUSY, Question
from waypost.encoder.reader import Reader
from waypost.encoder.settings import EncoderSettings
from waypost.encoder.tokenise import Tokeniser
from waypost.errors import EngineError
from waypost.needs import Encode, Failed
from waypost.signals.base import Encoded, Examples

TOKENISER = Tokeniser(vocabulary())
FAKE = artefact()
LONG = babble(36)


class Clock:
    """`time`, as far as a question reads it."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Bench:
    """What a question works with, one thread, everything within reach."""

    def __init__(self, network: FakeNetwork | None = None, **settings: Any) -> None:
        self.network = network or FakeNetwork()
        self.settings = EncoderSettings(**settings)
        self.reader = Reader(self.network, TOKENISER, FAKE.heads.pii, FAKE.sha256, 1_000_000)
        known = KnownTexts(FAKE.sha256, 1_000_000)
        self.planner = Planner(FAKE, TOKENISER, self.reader, known, 1_000_000)
        self.pool = Pool(1, self.settings.queue_tokens)

    def ask(self, need: Encode, prepared: Mapping[Any, Any] = {}) -> Question:
        asked = Question((Part(self.planner, need),), self.pool, prepared, self.settings)
        asked.begin()
        return asked

    def answer(self, need: Encode) -> Encoded | Failed:
        return self.ask(need).answer.result(30)


def encoded(answer: Encoded | Failed) -> Encoded:
    assert isinstance(answer, Encoded)
    return answer


def test_an_answer_comes_with_its_time() -> None:
    bench = Bench()
    answer = encoded(bench.answer(Encode(ALL, "math", ("math",))))
    assert answer.heads["domain"]["math"] > 0.9
    assert answer.seconds > 0
    assert len(bench.network.windows) == 1
    assert bench.pool.tokens == 0
    bench.pool.close()


def test_what_is_remembered_needs_no_pass() -> None:
    bench = Bench()
    bench.answer(Encode(ALL, "math", ("math",)))
    answer = encoded(bench.answer(Encode(ALL, "math", ("math",))))
    assert len(bench.network.windows) == 1
    assert all(window.remembered for window in answer.windows)
    bench.pool.close()


def test_at_the_deadline_what_was_read_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(question, "time", clock)

    def before(passes: int) -> None:
        clock.now += 0.7

    bench = Bench(FakeNetwork(before), deadline_seconds=2)
    text = f"ignore {babble(108)}"
    answer = encoded(bench.answer(Encode(GUARDS, "", ("older", text))))
    assert len(bench.network.windows) == 3
    assert [scan.coverage for scan in answer.scans.values()] == [0, pytest.approx(38 / 109)]
    assert answer.scans[text].attack > 0.9
    assert answer.seconds == pytest.approx(2.1)
    assert bench.reader.unread == 7
    assert bench.pool.tokens == 0
    bench.pool.close()


def test_a_question_that_waited_too_long_is_dropped_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(question, "time", clock)
    began, gate = Event(), Event()

    def before(_passes: int) -> None:
        began.set()
        gate.wait(30)

    bench = Bench(FakeNetwork(before), deadline_seconds=2)
    first = bench.ask(Encode(GUARDS, "", ("one",)))
    assert began.wait(30)
    second = bench.ask(Encode(GUARDS, "", ("two",)))
    clock.now += 3
    gate.set()
    assert encoded(first.answer.result(30)).coverage == 1
    assert second.answer.result(30) == Failed(LATE)
    assert len(bench.network.windows) == 1
    bench.pool.close()


def test_past_the_bound_questions_are_refused() -> None:
    began, gate = Event(), Event()

    def before(_passes: int) -> None:
        began.set()
        gate.wait(30)

    bench = Bench(FakeNetwork(before), queue_tokens=256)
    first = bench.ask(Encode(GUARDS, "", (babble(300),)))
    assert began.wait(30)
    assert bench.ask(Encode(GUARDS, "", ("two",))).answer.result(30) == Failed(BUSY)
    gate.set()
    assert encoded(first.answer.result(30)).coverage == 1
    assert encoded(bench.answer(Encode(GUARDS, "", ("two",)))).coverage == 1
    bench.pool.close()


def test_a_text_that_turns_out_too_long_for_what_waits_is_refused() -> None:
    began, gate = Event(), Event()

    def before(_passes: int) -> None:
        began.set()
        gate.wait(30)

    bench = Bench(FakeNetwork(before), queue_tokens=256)
    first = bench.ask(Encode(GUARDS, "", (babble(100),)))
    assert began.wait(30)
    second = bench.ask(Encode(GUARDS, "", (babble(200, 1),)))
    gate.set()
    assert encoded(first.answer.result(30)).coverage == 1
    assert second.answer.result(30) == Failed(BUSY)
    assert bench.pool.tokens == 0
    bench.pool.close()


def test_guards_read_up_to_a_number_of_tokens_newest_first() -> None:
    bench = Bench(scan_tokens=256)
    answer = encoded(bench.answer(Encode(GUARDS, "", (babble(200), babble(100, 1)))))
    assert bench.reader.unread > 0
    first, second = answer.scans.values()
    assert second.coverage == 1 > first.coverage > 0
    assert sum(window.tokens for window in answer.windows if not window.remembered) <= 256
    bench.pool.close()


def test_windows_read_before_do_not_count_against_that_number() -> None:
    bench = Bench(scan_tokens=256)
    text = babble(300)
    coverage = [encoded(bench.answer(Encode(GUARDS, "", (text,)))).coverage for _ in range(3)]
    assert coverage[0] < coverage[1] <= coverage[2] == 1
    bench.pool.close()


def test_a_network_that_fails_is_an_answer() -> None:
    def before(_passes: int) -> None:
        raise EngineError("out of memory while reading a window of 9 tokens")

    bench = Bench(FakeNetwork(before))
    answer = bench.answer(Encode(ALL, LONG, (LONG,)))
    assert answer == Failed("out of memory while reading a window of 9 tokens")
    bench.pool.close()
    assert bench.pool.tokens == 0


def test_a_bug_is_an_answer_without_the_text() -> None:
    def before(_passes: int) -> None:
        raise RuntimeError("secret")

    bench = Bench(FakeNetwork(before))
    assert bench.answer(Encode(ALL, LONG, (LONG,))) == Failed("a bug in the encoder; the log says where")
    bench.pool.close()


def test_who_cancels_stops_it() -> None:
    began, gate = Event(), Event()

    def before(_passes: int) -> None:
        began.set()
        gate.wait(30)

    bench = Bench(FakeNetwork(before))
    asked = bench.ask(Encode(GUARDS, "", (LONG,)))
    assert began.wait(30)
    asked.answer.cancel()
    gate.set()
    bench.pool.close()
    assert len(bench.network.windows) == 1
    with pytest.raises(CancelledError):
        asked.answer.result()


def test_closing_answers_those_who_wait() -> None:
    began, gate = Event(), Event()

    def before(_passes: int) -> None:
        began.set()
        gate.wait(30)

    bench = Bench(FakeNetwork(before))
    asked = bench.ask(Encode(GUARDS, "", (LONG,)))
    assert began.wait(30)
    gate.set()
    bench.pool.close()
    assert isinstance(asked.answer.result(30), Encoded | Failed)
    assert bench.answer(Encode(ALL)) == Failed("the encoder is closed")


WISH = Examples(("math", "john"))
WISHING = Encode(GUARDS | {"similarity"}, "math", ("one",), (), (WISH,))


def test_what_is_wished_for_is_compared_when_there_is_time() -> None:
    bench = Bench()
    answer = encoded(bench.answer(WISHING))
    assert answer.likenesses[WISH].cosines[0] == pytest.approx(1)
    assert [window.of for window in answer.windows] == ["focus", "example", "example", "scan 1"]
    assert bench.pool.tokens == 0
    bench.pool.close()


def test_guards_get_their_answer_without_what_is_wished_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(question, "time", clock)

    def before(passes: int) -> None:
        clock.now += 3 * (passes > 0)

    bench = Bench(FakeNetwork(before), deadline_seconds=2)
    answer = encoded(bench.answer(WISHING))
    assert answer.coverage == 1
    assert answer.likenesses == {}
    assert bench.pool.tokens == 0
    bench.pool.close()


def test_a_wish_too_many_is_no_reason_to_refuse() -> None:
    bench = Bench(queue_tokens=256)
    wish = Examples(tuple(babble(20, seed) for seed in range(40)))
    answer = encoded(bench.answer(Encode(GUARDS | {"similarity"}, "math", ("one",), (), (wish,))))
    assert answer.coverage == 1
    assert answer.likenesses == {}
    assert bench.pool.tokens == 0
    bench.pool.close()


def test_what_was_wished_for_and_is_asked_for_too_is_not_missing() -> None:
    bench = Bench()
    answer = encoded(bench.answer(Encode(frozenset({"similarity"}), "math", (), (WISH,), (WISH,))))
    assert set(answer.likenesses) == {WISH}
    bench.pool.close()
