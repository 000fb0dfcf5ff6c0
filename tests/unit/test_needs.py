from collections.abc import Generator
from typing import Any

import pytest

from waypost.needs import Ask, Encode, Failed
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
