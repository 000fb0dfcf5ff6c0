import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from waypost.config.schema import ACTIONS, BLOCKS, Document, json_schema
from waypost.signals.registry import BUILT_IN

ROOT = Path(__file__).parents[3]
SCHEMA = json_schema(BUILT_IN)


def descriptions(shape: Any, path: str = "") -> list[str]:
    """Paths of all properties that say nothing about themselves."""
    missing: list[str] = []
    if isinstance(shape, dict):
        for name, row in shape.get("properties", {}).items():
            if (
                not row.get("description")
                and "const" not in row
                and name not in {"all_of", "any_of", "none_of"}
            ):
                missing.append(f"{path}.{name}")
        for name, row in shape.items():
            missing += descriptions(row, f"{path}.{name}")
    return missing


def test_schema_in_the_examples_is_current() -> None:
    shown = (ROOT / "examples/waypost.schema.json").read_text()
    assert json.loads(shown) == SCHEMA, "run `make docs`"


def test_every_key_is_described() -> None:
    assert descriptions(SCHEMA) == []


def test_conditions_and_actions_are_told_apart_by_type() -> None:
    definitions = SCHEMA["$defs"]
    for tag in (*BUILT_IN, *ACTIONS):
        assert definitions[tag]["properties"]["type"] == {"const": tag}
        assert "type" in definitions[tag]["required"]
        assert definitions[tag]["additionalProperties"] is False
    kinds = [option.get("$ref", "").rpartition("/")[2] for option in definitions["Condition"]["oneOf"]]
    assert [k for k in kinds if k] == list(BUILT_IN)
    groups = [name for option in definitions["Condition"]["oneOf"] for name in option.get("properties", {})]
    assert groups == ["all_of", "any_of", "none_of"]


def test_every_reference_has_a_definition() -> None:
    text = json.dumps(SCHEMA)
    named = {part.partition('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert named <= SCHEMA["$defs"].keys()


def test_unknown_keys_are_refused_except_keyword_lists() -> None:
    assert SCHEMA["additionalProperties"] is False
    assert list(SCHEMA["patternProperties"]) == ["_keywords$"]


@pytest.mark.parametrize("key", sorted(BLOCKS))
def test_sections_checked_by_entry_are_keys(key: str) -> None:
    assert key in {f.name for f in fields(Document)}
