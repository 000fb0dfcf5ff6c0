"""Schemas of an answer, closed."""

import json
from typing import Any

import pytest

from waypost.dialects.anthropic_schema import closed
from waypost.dialects.foreign import Notes
from waypost.errors import RequestError


def made(schema: dict[str, Any], *, strict: bool = False) -> tuple[Any, tuple[str, ...]]:
    notes = Notes(strict=strict)
    return json.loads(closed(schema, notes)), notes.all()


def test_every_object_is_closed_wherever_it_stands() -> None:
    inner = {"type": "object", "properties": {"x": {"type": ["object", "null"]}}}
    schema = {
        "type": "object",
        "properties": {"a": inner, "b": {"type": "array", "items": inner}, "c": {"anyOf": [inner]}},
        "$defs": {"d": inner},
    }
    told, notes = made(schema)
    shut = {
        "type": "object",
        "properties": {"x": {"type": ["object", "null"], "additionalProperties": False}},
        "additionalProperties": False,
    }
    assert told == {
        "type": "object",
        "properties": {"a": shut, "b": {"type": "array", "items": shut}, "c": {"anyOf": [shut]}},
        "$defs": {"d": shut},
        "additionalProperties": False,
    }
    assert notes == ()
    assert "additionalProperties" not in schema


def test_data_and_names_are_no_schemas() -> None:
    schema = {
        "type": "object",
        "properties": {"type": {"enum": [{"type": "object"}], "const": {"type": "object"}}},
    }
    assert made(schema)[0] == schema | {"additionalProperties": False}


@pytest.mark.parametrize("more", [True, {"type": "string"}])
def test_an_open_object_is_closed_and_that_is_told(more: object) -> None:
    told, notes = made({"type": "object", "additionalProperties": more})
    assert told["additionalProperties"] is False
    assert notes == ("response_format: objects hold the properties they name and no others",)
    with pytest.raises(RequestError):
        made({"type": "object", "additionalProperties": more}, strict=True)


def test_digits_stay() -> None:
    notes = Notes(strict=False)
    schema = {"type": "object", "properties": {"n": {"type": "number", "maximum": 10**30}}}
    assert '"maximum":1000000000000000000000000000000' in closed(schema, notes)
