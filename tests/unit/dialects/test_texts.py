"""Which strings of a request are collected, under which path."""

import json
from typing import Any

import pytest

from waypost.dialects.texts import MAX_DEPTH, MAX_TEXTS, Texts
from waypost.errors import RequestError
from waypost.request.chat import Part


def found(value: Any, where: str = "", *, media: bool = False) -> dict[str, str]:
    return {part.where: part.text for part in Texts().within(value, where, media=media)}


def test_strings_are_found_under_their_paths_in_order() -> None:
    value = {"user": "u", "stop": ["a", {"text": "b"}], "n": 1.0, "seed": None, "store": True}
    assert list(found(value).items()) == [("user", "u"), ("stop[0]", "a"), ("stop[1].text", "b")]


def test_words_of_the_format_are_left_out_where_the_format_puts_them() -> None:
    assert found({"tool_choice": "auto", "reasoning_effort": "low", "type": "function"}) == {}
    assert found({"user": "auto", "tool_choice": "something"}) == {"user": "auto", "tool_choice": "something"}


def test_everything_in_the_callers_own_fields_counts() -> None:
    value = {"metadata": {"type": "text", "user": {"content": "deep"}}}
    assert found(value) == {
        "metadata.type (key)": "type",
        "metadata.user (key)": "user",
        "metadata.type": "text",
        "metadata.user.content (key)": "content",
        "metadata.user.content": "deep",
    }


def test_an_unknown_field_is_the_callers_own() -> None:
    assert found({"x": {"role": "user"}}) == {"x (key)": "x", "x.role (key)": "role", "x.role": "user"}


def test_names_in_a_schema_count_and_its_words_do_not() -> None:
    schema = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["red", "string"]},
            "content": {"properties": {"x": {}}},
        },
        "required": ["type"],
    }
    assert found({"parameters": schema}) == {
        "parameters.properties.type (key)": "type",
        "parameters.properties.content (key)": "content",
        "parameters.properties.type.enum[0]": "red",
        "parameters.properties.type.enum[1]": "string",
        "parameters.properties.content.properties.x (key)": "x",
        "parameters.required[0]": "type",
    }


def test_media_are_passed_over_only_where_they_may_stand() -> None:
    value = {"image_url": {"url": "DATA:image/png;base64,xx", "detail": "odd"}, "file": {"file_data": "AAAA"}}
    assert found(value, media=True) == {"image_url.detail": "odd"}
    assert set(found(value).values()) == {"DATA:image/png;base64,xx", "odd", "AAAA"}
    assert found({"url": "https://example.com/a"}, media=True) == {"url": "https://example.com/a"}


def test_odd_keys_do_not_stand_in_paths() -> None:
    assert found({"metadata": {"a b": "x", "k" * 65: "y"}}) == {
        "metadata.* (key)": "k" * 65,
        "metadata.*": "y",
    }


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (r"{\"a\": \"\u0063lient\"}", r'{"a": "client"}'),
        (r"one\ntwo", "one\ntwo"),
        (r"a\/b\\c\t", "a/b\\c\t"),
        (r"\ud83d\ude00 \ud83d", "\U0001f600 \ufffd"),
    ],
)
def test_escaped_text_is_read_twice(sent: str, read: str) -> None:
    parts = list(Texts().text(sent, "here", "tool_call"))
    assert parts[:2] == [
        Part("tool_call", sent, "here"),
        Part("tool_call", read, "here (unescaped)", again=True),
    ]


def test_json_in_json_in_json_is_read() -> None:
    text = json.dumps(json.dumps(json.dumps("gehe\u00fcm")))
    assert any("gehe\u00fcm" in part.text for part in Texts().text(text, "here"))


def test_a_backslash_that_escapes_nothing_is_not_read_twice() -> None:
    assert list(Texts().text(r"C:\Users", "here")) == [Part("text", r"C:\Users", "here")]


def test_half_an_emoji_becomes_one_replacement_character() -> None:
    (part,) = Texts().text("ab\ud83dc", "here")
    assert part.text == "ab\ufffdc"


def test_deep_nesting_is_refused_at_any_depth() -> None:
    value: Any = "x"
    for _ in range(MAX_DEPTH):
        value = [value]
    assert list(Texts().within(value, "stop"))
    with pytest.raises(RequestError) as caught:
        list(Texts().within([value], "stop"))
    assert caught.value.code == "body_too_complex"


def test_the_number_of_strings_is_bounded_over_all_calls() -> None:
    texts = Texts()
    assert len(list(texts.within(["x"] * (MAX_TEXTS - 1), "stop"))) == MAX_TEXTS - 1
    list(texts.text("y", "user"))
    with pytest.raises(RequestError):
        list(texts.text("z", "user"))


def test_so_is_the_length_of_their_paths() -> None:
    """A small body may hold many strings behind many long keys."""
    value: Any = ["x"] * (MAX_TEXTS - 200)
    for _ in range(MAX_DEPTH - 1):
        value = {"k" * 60: value}
    with pytest.raises(RequestError) as caught:
        list(Texts().within(value, "odd"))
    assert caught.value.code == "body_too_complex"


def test_numbers_cost_nothing() -> None:
    assert found({"x": [1.0] * (MAX_TEXTS + 1), "user": "u"}) == {"x (key)": "x", "user": "u"}
