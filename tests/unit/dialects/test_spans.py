"""Spans of a JSON object's members, and the model spliced into its place."""

import json

import pytest

from waypost.dialects.spans import (
    MAX_BRACKETS,
    MAX_MEMBERS,
    MAX_STRINGS,
    MAX_VALUES,
    check_size,
    replace_model,
    top_level,
)
from waypost.errors import RequestError


def values(body: bytes) -> list[tuple[str, bytes]]:
    return [(key, body[start:end]) for key, start, end in top_level(body)]


def test_every_member_is_found_with_its_exact_bytes() -> None:
    body = b' { "a" :1E5 , "b":[1, {"model":"x"}],"c": "}\\"," ,\n"d":null,"e":{ } ,"\\u0066":-0.0 }\n'
    assert values(body) == [
        ("a", b"1E5"),
        ("b", b'[1, {"model":"x"}]'),
        ("c", b'"}\\","'),
        ("d", b"null"),
        ("e", b"{ }"),
        ("f", b"-0.0"),
    ]


@pytest.mark.parametrize("body", [b"{}", b" {\n} "])
def test_an_empty_object_has_none(body: bytes) -> None:
    assert top_level(body) == []


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b'"{"', b"{", b'{"a"', b'{"a":', b'{"a":1', b'{"a":[1}', b'{"a":"x', b'{"a":}'),
        *(b'{"a":[', b'{"a":[[]', b"{1:2}", b"{,}", b'{"\\x":1}', b'{"\xff\\n":1}'),
    ],
)
def test_what_is_no_object_is_a_400(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        top_level(body)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[' + b",".join([b"[]"] * MAX_BRACKETS) + b"]}",
        b'{"a":[' + b"1," * MAX_VALUES + b"1]}",
        b'{"a":[' + b'"",' * MAX_STRINGS + b'""]}',
        b'{"a":[' + b'"\\\\",' * (2 * MAX_STRINGS) + b'""]}',
    ],
)
def test_more_structure_than_any_request_has_is_refused_before_it_is_parsed(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        check_size(body)
    assert caught.value.code == "body_too_complex"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[' + b"[]," * (MAX_BRACKETS - 3) + b"[]]}",
        b'{"a":[' + b"1," * (MAX_VALUES - 3) + b"1]}",
        b'{"a":"' + b"{,[" * MAX_VALUES + b'"}',
        b'{"a":"' + b'\\"' * MAX_STRINGS + b'"}',
    ],
)
def test_text_is_no_structure(body: bytes) -> None:
    check_size(body)
    assert [key for key, _, _ in top_level(body)] == ["a"]


@pytest.mark.parametrize(
    "body", [b"{" + b'"a":1,' * MAX_MEMBERS + b'"b":1}', b'{"a":' + b"[" * (2 * MAX_BRACKETS + 1)]
)
def test_the_scanner_itself_has_an_end(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        top_level(body)
    assert caught.value.code == "body_too_complex"


def test_as_many_members_as_are_allowed_pass() -> None:
    assert len(top_level(b"{" + b'"a":1,' * (MAX_MEMBERS - 1) + b'"b":1}')) == MAX_MEMBERS


def test_only_the_outer_model_is_replaced() -> None:
    body = b'{"x":{"model":"in"}, "mod\\u0065l" : "auto"  ,"y":["model"]}'
    assert (
        replace_model(body, 'n"ü') == b'{"x":{"model":"in"}, "mod\\u0065l" : "n\\"\\u00fc"  ,"y":["model"]}'
    )


@pytest.mark.parametrize("body", [b"{}", b'{"model":"a","model":"b"}', b'{"model":"a","mod\\u0065l":"b"}'])
def test_the_model_must_be_there_once(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        replace_model(body, "x")
    assert caught.value.param == "model"


@pytest.mark.parametrize("filler", [b"a", b'\\"', b"\\\\", b"{", b'{\\"a\\": '])
def test_long_strings_are_skipped_whatever_is_in_them(filler: bytes) -> None:
    text = filler * (400_000 // len(filler))
    body = b'{"messages":"' + text + b'","model":"auto"}'
    assert replace_model(body, "m") == b'{"messages":"' + text + b'","model":"m"}'
    assert json.loads(replace_model(body, "m"))["model"] == "m"
