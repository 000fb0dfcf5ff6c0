"""Shapes of bodies: what is said of what does not fit."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from waypost.demo.checks import Base64, Loose, Shape, invalid, read, stranger
from waypost.demo.wire import RefusedError


class A(Shape):
    type: Literal["a"]
    data: Base64


class B(Shape):
    type: Literal["b"]
    size: int


class Whole(Shape):
    items: str | list[Annotated[A | B, Field(discriminator="type")]]
    ratio: float | None = None


class Inner(Loose):
    known: int = 0


class Outer(Loose):
    inners: list[Inner] | None = None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("{", None),
        ("[]", None),
        ("{}", "items"),
        ('{"items": 5}', "items"),
        ('{"items": [{"type": "a", "data": "?secret?"}]}', "items.0.data"),
        ('{"items": [{"type": "b", "size": true}]}', "items.0.size"),
        ('{"items": [{"type": "b", "size": 1.0}]}', "items.0.size"),
        ('{"items": [{"type": "c"}]}', "items.0"),
        ('{"items": "", "ratio": "0.5"}', "ratio"),
    ],
)
def test_the_field_is_named_and_what_stood_there_is_not(body: str, param: str | None) -> None:
    with pytest.raises(RefusedError) as caught:
        read(Whole, body.encode())
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, None)
    assert "secret" not in caught.value.message


def test_unknown_fields_are_told_as_such() -> None:
    with pytest.raises(RefusedError) as caught:
        read(Whole, b'{"items": "", "more": 1}')
    assert (caught.value.param, caught.value.code) == ("more", "unknown_parameter")


def test_what_fits_is_read() -> None:
    assert read(Whole, b'{"items": [{"type": "a", "data": "YQ=="}], "ratio": 1}').ratio == 1


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, None),
        ({"inners": [{}, {"known": 1}]}, None),
        ({"inners": [{}, {"other": 1}]}, "inners[1].other"),
        ({"x": 1, "inners": [{"other": 1}]}, "x"),
    ],
)
def test_strangers_are_found_at_any_depth(body: Any, found: str | None) -> None:
    assert stranger(Outer.model_validate(body)) == found


def test_an_invalid_request_is_a_400() -> None:
    assert (invalid("no", "field").status, invalid("no", "field").param) == (400, "field")
