"""Smallest values of schemas."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.demo.schema import instance


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "demo"),
        ({"type": "STRING", "minLength": 6}, "demo.."),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "number"}, 0),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["array", "null"], "items": {"type": "string"}, "minItems": 2}, ["demo", "demo"]),
        ({"type": "array", "items": {"type": "string"}}, []),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": None}, None),
        ({"default": 7, "type": "string"}, 7),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({"oneOf": [{"const": 1}]}, 1),
        (
            {
                "allOf": [
                    {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
                    {"const": 3},
                ]
            },
            {"a": 1},
        ),
        (
            {"type": "object", "properties": {"a": {"const": 1}, "b": {}}, "required": ["a", "c", 5]},
            {"a": 1, "c": None},
        ),
        ({"properties": {"a": {"const": 1}}, "required": ["a"]}, {"a": 1}),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, "demo"),
        ({"$ref": "#/nowhere"}, None),
        ({"$ref": "#"}, None),
        ({"type": "array", "minItems": True, "items": {"const": 1}}, [1]),
        (True, None),
        ("nothing", None),
        ({"type": []}, None),
    ],
)
def test_a_value(schema: Any, value: Any) -> None:
    assert instance(schema) == value


def test_what_stands_for_millions_stays_small() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(20):
        schema = {"type": "array", "minItems": 10**6, "items": schema}
    assert len(json.dumps(instance(schema))) < 20_000


words = st.sampled_from(
    ["type", "properties", "required", "items", "minItems", "anyOf", "allOf", "$ref", "enum"]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["object", "array", "string", "#"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_no_schema_is_too_odd(schema: Any) -> None:
    json.dumps(instance(schema))
