"""Numbers keep the digits they came with."""

import pytest

from waypost.dialects.digits import Digits, Verbatim, dumps, loads, object_text


@pytest.mark.parametrize(
    "text",
    [
        "1.10",
        "1e400",
        "-0.0",
        "1E+2",
        "123456789012345678901234567890.5",
        "9" * 5000,
        "7",
        "-12",
        "0",
        '{"a":[1.50,{"b":null}],"c":"\u00e4\\"","d":true}',
        "[]",
        "{}",
        '"x"',
    ],
)
def test_what_is_read_is_written_with_the_same_characters(text: str) -> None:
    assert dumps(loads(text)) == dumps(loads(text.encode())) == text


def test_values_are_numbers() -> None:
    assert loads("[1, 0.5, 1e400]") == [1, 0.5, float("inf")]
    assert isinstance(loads("0.5"), Digits)


def test_white_space_goes_and_the_last_of_two_members_stays() -> None:
    assert dumps(loads('{ "a" : 1 , "a" : 2.0 }')) == '{"a":2.0}'


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "-Infinity", b"\xff", "[" * 100_000, "{}x"])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(text)


def test_what_is_nested_too_deeply_is_not_written() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="deeply"):
        dumps(value)


def test_what_json_cannot_say_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        dumps([float("nan")])


def test_json_text_is_written_as_it_stands() -> None:
    assert dumps({"a": Verbatim('{ "b": 1.0 }')}) == '{"a":{ "b": 1.0 }}'


def test_the_text_of_an_object_stays_as_it_is() -> None:
    assert object_text(' \n{"a": 1.10, "a" : 1e400}\t') == '{"a": 1.10, "a" : 1e400}'
    assert isinstance(object_text("{}"), Verbatim)


@pytest.mark.parametrize(
    "text", ["", "[]", "1", '"{}"', "null", "{", "{} {}", '{"a":NaN}', "\u00a0{}", "{" * 100_000]
)
def test_what_is_no_object_has_no_text(text: str) -> None:
    assert object_text(text) is None
