from dataclasses import FrozenInstanceError

import pytest
from pydantic import ValidationError

from waypost.configurable import build, configurable, schema


@configurable
class Limit:
    """How much is allowed."""

    most: int
    """Largest number of things."""

    unit: str = "items"
    """What the things are."""


@configurable
class Strict(Limit):
    """A limit with a reason."""

    why: str = ""
    """The reason."""


def test_build_fills_a_value_from_plain_data() -> None:
    assert build(Limit, {"most": 3}) == Limit(most=3, unit="items")


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({}, "most"),
        ({"most": 3, "mosst": 4}, "mosst"),
        ({"most": "many"}, "most"),
        ({"most": 3, "unit": 5}, "unit"),
    ],
    ids=["missing key", "unknown key", "wrong type", "wrong type of a key with a default"],
)
def test_build_is_strict(values: dict[str, object], where: str) -> None:
    with pytest.raises(ValidationError) as error:
        build(Limit, values)
    assert [e["loc"] for e in error.value.errors()] == [(where,)]


def test_build_reports_everything_at_once() -> None:
    with pytest.raises(ValidationError) as error:
        build(Limit, {"unit": 5, "other": 1})
    assert error.value.error_count() == 3


def test_values_are_frozen_slotted_and_made_by_name() -> None:
    limit = Limit(most=1)
    with pytest.raises(FrozenInstanceError):
        limit.most = 2  # type: ignore[misc]
    assert not hasattr(limit, "__dict__")
    with pytest.raises(TypeError):
        Limit(1)  # type: ignore[misc]


@pytest.mark.parametrize(("made", "names"), [(Limit, ["most", "unit"]), (Strict, ["most", "unit", "why"])])
def test_docstrings_of_fields_describe_the_schema(made: type, names: list[str]) -> None:
    drawn = schema(made)
    assert drawn["additionalProperties"] is False
    assert sorted(drawn["properties"]) == sorted(names)
    assert all(row["description"] for row in drawn["properties"].values())
    assert drawn["properties"]["most"]["description"] == "Largest number of things."
