"""`@configurable`: a frozen dataclass whose fields are a YAML block, a JSON Schema and a reference row.

A low layer on purpose: signals, stores and settings import it, and it imports none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, dataclass_transform

from pydantic import ConfigDict, TypeAdapter

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def configurable(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, slotted, keyword-only dataclass that `build` can fill strictly from YAML.

    Attribute docstrings are user documentation: they become the schema's descriptions.
    """
    cls.__pydantic_config__ = ConfigDict(extra="forbid", use_attribute_docstrings=True)  # type: ignore[attr-defined]
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


@lru_cache(maxsize=256)
def adapter(cls: type[T]) -> TypeAdapter[T]:
    """The validator of a configurable class, made once."""
    return TypeAdapter(cls)


def build(cls: type[T], values: Mapping[str, Any]) -> T:
    """Make a value from plain YAML data.

    Raises:
        pydantic.ValidationError: unknown key, missing key, wrong type; all findings at once.
    """
    return adapter(cls).validate_python(values)


def schema(cls: type[Any]) -> dict[str, Any]:
    """JSON Schema (2020-12) of a configurable class."""
    return adapter(cls).json_schema()
