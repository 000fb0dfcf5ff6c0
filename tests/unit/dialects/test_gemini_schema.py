"""JSON Schema for models that know only a part of it."""

import json
from itertools import pairwise
from typing import Any

import pytest

from waypost.dialects.foreign import Notes
from waypost.dialects.gemini_schema import MAX_DEPTH, openapi
from waypost.errors import RequestError


def written(schema: dict[str, Any]) -> dict[str, Any]:
    return openapi(schema, "here", Notes(strict=True))  # strict: nothing in these tests may get lost


def test_what_openapi_does_not_have_is_left_out() -> None:
    assert written(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": False,
            "strict": True,
            "$defs": {},
            "required": ["a"],
            "properties": {
                "a": {"type": "integer", "minimum": 1, "format": "int32"},
                "type": {"type": "string"},
            },
        }
    ) == {
        "type": "OBJECT",
        "required": ["a"],
        "properties": {"a": {"type": "INTEGER", "minimum": 1, "format": "int32"}, "type": {"type": "STRING"}},
    }


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
        (
            {"type": ["string", "null"], "enum": ["a", "b", None]},
            {"type": "STRING", "nullable": True, "enum": ["a", "b"]},
        ),
        ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "STRING", "nullable": True}),
        (
            {"oneOf": [{"type": "string"}, {"type": "number"}]},
            {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
        ),
        ({"type": "array", "items": {"type": "boolean"}}, {"type": "ARRAY", "items": {"type": "BOOLEAN"}}),
        ({"type": "string", "format": "uuid"}, {"type": "STRING"}),
        ({"items": True}, {"items": {}}),
        (
            {
                "allOf": [
                    {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                    {"properties": {"b": {"type": "string"}}, "required": ["b", "a"]},
                ]
            },
            {"properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}}, "required": ["a", "b"]},
        ),
    ],
)
def test_other_words_for_the_same(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert written(schema) == expected


def test_references_are_written_out() -> None:
    schema = {
        "$defs": {"a/b": {"type": "string", "description": "old"}},
        "properties": {"x": {"$ref": "#/$defs/a~1b", "description": "new"}},
    }
    assert written(schema) == {"properties": {"x": {"type": "STRING", "description": "new"}}}


def test_a_schema_in_itself_ends_at_its_second_time() -> None:
    tree = {"type": "object", "properties": {"next": {"$ref": "#/$defs/tree"}}}
    written_tree = {"type": "OBJECT", "properties": {"next": {"type": "OBJECT"}}}
    assert written({"$defs": {"tree": tree}, "$ref": "#/$defs/tree"}) == written_tree


@pytest.mark.parametrize("reference", ["#/$defs/none", "other.json#/a", "#/$defs/text", "", "#/a/b/c"])
def test_a_reference_to_nothing_is_refused(reference: str) -> None:
    with pytest.raises(RequestError) as caught:
        written({"$defs": {"text": "x"}, "properties": {"a": {"$ref": reference}}})
    assert (caught.value.status, caught.value.param) == (400, "here")


def test_a_few_references_cannot_stand_for_millions() -> None:
    names = [f"n{n}" for n in range(30)]
    definitions: dict[str, Any] = {
        name: {"properties": {"a": {"$ref": f"#/$defs/{after}"}, "b": {"$ref": f"#/$defs/{after}"}}}
        for name, after in pairwise(names)
    }
    definitions[names[-1]] = {"type": "string"}
    with pytest.raises(RequestError, match="too large"):
        written({"$defs": definitions, "$ref": "#/$defs/n0"})


def test_depth_is_bounded() -> None:
    schema: dict[str, Any] = {}
    for _ in range(MAX_DEPTH + 2):
        schema = {"items": schema}
    with pytest.raises(RequestError, match="too large"):
        written(schema)


@pytest.mark.parametrize(
    "schema", [{"enum": [1, 2]}, {"type": "integer", "const": 3}, {"if": {}, "then": {}}]
)
def test_what_has_no_word_is_noted(schema: dict[str, Any]) -> None:
    notes = Notes(strict=False)
    openapi(schema, "here", notes)
    assert len(notes.all()) == 1


def test_any_two_references_to_each_other_end() -> None:
    schema = {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    assert written(schema) == {"type": "OBJECT"}


def test_a_schema_that_is_put_together_stays_as_it_was() -> None:
    parts = [{"properties": {f"p{n}": {}}, "required": [f"p{n}", 7]} for n in range(3)]
    schema: dict[str, Any] = {"properties": {"a": {}}, "required": ["a"], "allOf": parts}
    before = json.dumps(schema)
    found = openapi(schema, "here", Notes(strict=True))
    assert found == {
        "properties": {"a": {}, "p0": {}, "p1": {}, "p2": {}},
        "required": ["a", "p0", "p1", "p2"],
    }
    assert json.dumps(schema) == before
