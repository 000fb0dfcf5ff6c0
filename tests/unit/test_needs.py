from collections.abc import Generator
from typing import Any

import pytest

from waypost.needs import Ask, Encode, Failed, Recall, Remembered
from waypost.selection.base import Live
from waypost.signals.base import Encoded


def question() -> Generator[Ask[Any], Any, Encoded | Failed]:
    return (yield from Encode(frozenset({"domain"})))


@pytest.mark.parametrize("answer", [Encoded({}), Failed("down")])
def test_a_need_yields_itself_and_returns_what_it_is_told(answer: Encoded | Failed) -> None:
    asking = question()
    assert next(asking) == Encode(frozenset({"domain"}))
    with pytest.raises(StopIteration) as stop:
        asking.send(answer)
    assert stop.value.value is answer


def memory() -> Generator[Ask[Any], Any, Remembered]:
    return (yield from Recall("key", ("a", "b")))


def test_what_is_remembered_is_told_like_any_answer() -> None:
    asking = memory()
    assert next(asking) == Recall("key", ("a", "b"))
    told = Remembered("a", {"a": Live(0.1, 0.0, 3, 60.0)})
    with pytest.raises(StopIteration) as stop:
        asking.send(told)
    assert stop.value.value is told


def test_nobody_remembers_anything_at_first() -> None:
    assert Remembered() == Remembered(None, {})
