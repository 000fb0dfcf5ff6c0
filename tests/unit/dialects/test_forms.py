"""The shape that every dialect has."""

from collections.abc import Callable

import pytest

from waypost.dialects.clients import CLIENTS
from waypost.dialects.foreign import Reply
from waypost.dialects.forms import Inbound, Part
from waypost.dialects.servers import SERVERS

PARTS: dict[str, Callable[[], Part]] = {
    **{f"from {name}": lambda form=form: form.stream(Reply("m", "id", 0)) for name, form in SERVERS.items()},
    **{f"to {name}": lambda form=form: form.stream(b'{"model":"m"}') for name, form in CLIENTS.items()},
}


def test_a_request_can_be_served_by_all_unless_something_says_otherwise() -> None:
    assert Inbound(b"{}") == Inbound(b"{}", native=None, is_mixed=False)


@pytest.mark.parametrize("name", PARTS)
def test_a_way_of_an_answer_says_nothing_of_nothing(name: str) -> None:
    part = PARTS[name]()
    assert part.feed(b"") == b""


@pytest.mark.parametrize("name", PARTS)
def test_two_ways_of_one_form_know_nothing_of_each_other(name: str) -> None:
    first, second = PARTS[name](), PARTS[name]()
    first.feed(b"data: {no json\n\n")
    assert second.feed(b": a comment\n\n") in {b"", b": a comment\n\n"}
