"""What is not read of a request is named, unless it says nothing."""

from typing import Any

import pytest

from waypost.dialects.native import Native, is_nothing
from waypost.errors import RequestError


def test_the_first_is_kept() -> None:
    native = Native()
    assert native.param is None
    native.add("a")
    native.add("b")
    assert native.param == "a"


@pytest.mark.parametrize(
    ("member", "where", "param"),
    [
        ({"known": "x"}, "", None),
        ({"other": "x"}, "", "other"),
        ({"other": 3}, "a[0]", "a[0].other"),
        ({"other": [0]}, "a", "a.other"),
        ({"my secret": "x"}, "a", "a.*"),
        ({"other": None}, "", None),
        ({"other": False}, "", None),
        ({"other": []}, "", None),
    ],
)
def test_members_that_are_not_read(member: dict[str, Any], where: str, param: str | None) -> None:
    native = Native()
    native.beyond(member, ("known",), where)
    assert native.param == param


def test_keys_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(RequestError):
        Native().beyond({"Known": 1}, ("known",))


@pytest.mark.parametrize(
    ("value", "param"), [("low", None), (None, None), ("odd", "a"), ([1], "a"), ({"b": 1}, None), (7, "a")]
)
def test_words(value: object, param: str | None) -> None:
    native = Native()
    native.unless(value, ("low", {"b": 1}), "a")
    assert native.param == param


@pytest.mark.parametrize(
    ("value", "is_ident", "is_sealed"),
    [
        (None, True, True),
        ("msg_01-A", True, True),
        ("x" * 128, True, True),
        ("x" * 129, False, True),
        ("gAAA+/=_.-", False, True),
        ("a plan", False, False),
        ("ä", False, False),
        (7, False, False),
    ],
)
def test_what_says_nothing_to_a_reader(*, value: object, is_ident: bool, is_sealed: bool) -> None:
    native = Native()
    native.unless_ident(value, "a")
    assert (native.param is None) == is_ident
    native = Native()
    native.unless_sealed(value, "a")
    assert (native.param is None) == is_sealed


def test_nothing() -> None:
    assert all(map(is_nothing, (None, False, "", [], {}, 0)))
    assert not any(map(is_nothing, (True, "x", [None], {"a": None}, 1)))
