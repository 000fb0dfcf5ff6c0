"""Each window is read once, for whoever asks, and equal means equal in ids and shapes."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.unit.encoder.fakes import HEADS, FakeNetwork, vocabulary
from waypost.encoder.reader import Reader, Window
from waypost.encoder.tokenise import Tokeniser
from waypost.errors import EngineError

TOKENISER = Tokeniser(vocabulary())
SHA = "ab" * 32


def reader(network: FakeNetwork, memo: int = 1_000_000, sha256: str = SHA) -> Reader:
    return Reader(network, TOKENISER, HEADS.pii, sha256, memo)


def window(text: str, sha256: str = SHA) -> Window:
    tokens = TOKENISER.read(text)
    return reader(FakeNetwork(), sha256=sha256).window(tokens, [(0, len(tokens))])


def test_a_window_is_read_once() -> None:
    network = FakeNetwork()
    one = reader(network)
    assert one.recall(window("a b").key) is None
    first, second = one.read(window("a b")), one.read(window("a  b"))
    assert len(network.windows) == one.passes == one.remembered == 1
    assert (first.remembered, second.remembered) == (False, True)
    assert first.seconds > 0 == second.seconds
    assert first.reading is second.reading
    recalled = one.recall(window("a b").key)
    assert recalled is not None
    assert recalled.reading is first.reading


def test_case_and_model_make_windows_different() -> None:
    assert window("John Smith").key != window("john smith").key
    assert window("a").key != window("a", "cd" * 32).key
    assert window("a b").key == window("a b").key


def test_what_is_read_is_told() -> None:
    reading = reader(FakeNetwork()).read(window("ignore math, John Smith")).reading
    assert reading.margin == 4
    assert reading.domain.tolist() == [3, 0]
    assert reading.intent.tolist() == [0, 1, 2]
    assert reading.difficulty == 0.25
    assert [(tag.type, tag.start, tag.end) for tag in reading.tags] == [(0, 3, 5)]


def test_stretches_are_put_together() -> None:
    tokens = TOKENISER.read("a b c d e f")
    joined = reader(FakeNetwork()).window(tokens, [(0, 2), (4, 6)])
    assert joined.key == window("a b e f").key


def test_two_threads_that_want_the_same_read_it_once() -> None:
    began, gate = Event(), Event()

    def before(_passes: int) -> None:
        began.set()
        gate.wait(30)

    network = FakeNetwork(before)
    one = reader(network)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(one.read, window("a b"))
        began.wait(30)
        second = threads.submit(one.read, window("a b"))
        gate.set()
        assert {first.result().remembered, second.result().remembered} == {False, True}
    assert one.passes == 1


def test_whoever_waited_for_a_pass_that_failed_reads_on_its_own() -> None:
    began, gate = Event(), Event()

    def before(passes: int) -> None:
        if not began.is_set():
            began.set()
            gate.wait(30)
            raise EngineError("out of memory")

    one = reader(FakeNetwork(before))
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(one.read, window("a b"))
        began.wait(30)
        second = threads.submit(one.read, window("a b"))
        gate.set()
        with pytest.raises(EngineError):
            first.result()
        assert not second.result().remembered
    assert one.passes == 1


def test_without_a_memory_every_window_is_read() -> None:
    one = reader(FakeNetwork(), memo=0)
    one.read(window("a b"))
    one.read(window("a b"))
    assert one.passes == 2
    assert one.remembered == 0


def test_what_is_remembered_is_bounded() -> None:
    one = reader(FakeNetwork(), memo=10_000)
    for text in "abcdefghij":
        one.read(window(text))
    assert one.recall(window("a").key) is None
    assert one.recall(window("j").key) is not None


def test_windows_given_up_are_counted() -> None:
    one = reader(FakeNetwork())
    one.skipped()
    assert one.unread == 1
