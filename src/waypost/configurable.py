"""`@configurable`: a frozen dataclass whose fields are a YAML block, a JSON Schema and a reference row.

A low layer on purpose: signals, stores and settings import it, and it imports none of them.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from textwrap import dedent
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

T = TypeVar("T")

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A finite number, 0 or more."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def configurable(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, slotted, keyword-only dataclass that `build` can fill strictly from YAML.

    Attribute docstrings are user documentation: they become the schema's descriptions, inherited ones too.
    """
    hooks: dict[str, Any] = {
        "__pydantic_config__": ConfigDict(extra="forbid"),
        "__get_pydantic_json_schema__": classmethod(_describe),
    }
    for name, value in hooks.items():
        setattr(cls, name, value)
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


def _describe(cls: type[Any], core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    """Describe the fields, when a schema is asked for: reading the source would slow down every start."""
    reference = handler(core)
    properties = handler.resolve_ref_schema(reference).get("properties", {})
    for base in cls.__mro__:
        if "__pydantic_config__" in vars(base):
            for name, text in _docstrings(base):
                properties[name].setdefault("description", text)
    return reference


def _docstrings(cls: type[Any]) -> Iterator[tuple[str, str]]:
    """Fields that a string literal follows, as their class is written."""
    written = ast.parse(dedent(inspect.getsource(cls))).body[0]
    for field, after in pairwise(written.body if isinstance(written, ast.ClassDef) else ()):
        match field, after:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                if "ClassVar" not in ast.unparse(field.annotation):
                    yield name, inspect.cleandoc(text)
            case _:
                pass


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
