"""JSON Schema as the subset of OpenAPI 3.0 that Gemini models before 2.5 take.

Rule 1: linear in what comes out, and that is bounded: references are written out, and a few of them can
stand for millions.

Source: Gemini API reference, `Schema` (v1beta, 2026).
"""

from collections.abc import Mapping
from typing import Any, Final

from waypost.dialects.foreign import Notes, mapping, sequence
from waypost.errors import RequestError

MAX_NODES: Final = 5_000
MAX_DEPTH: Final = 50

_KEPT: Final = frozenset(
    {
        *("title", "description", "default", "example", "pattern", "minimum", "maximum"),
        *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
        *("propertyOrdering", "nullable"),
    }
)
_HANDLED: Final = frozenset(
    {
        *("$ref", "$defs", "definitions", "$schema", "$id", "$comment", "additionalProperties", "strict"),
        *("type", "enum", "const", "format", "properties", "required", "items", "anyOf", "oneOf", "allOf"),
    }
)
_FORMATS: Final = frozenset({"enum", "date-time", "float", "double", "int32", "int64"})
_TYPES: Final = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"})


def openapi(schema: Mapping[str, Any], where: str, notes: Notes) -> dict[str, Any]:
    """The schema in that subset.

    Raises:
        RequestError: 400; it is too large once its references are written out, or refers to nothing.
    """
    return _Writer(schema, where, notes).node(schema, ())


class _Writer:
    """Writes one schema."""

    def __init__(self, root: Mapping[str, Any], where: str, notes: Notes) -> None:
        self._root = root
        self._where = where
        self._notes = notes
        self._left = MAX_NODES

    def node(self, value: object, road: tuple[str, ...]) -> dict[str, Any]:
        """One schema; `road` has the reference or a dot for each schema around it."""
        found = mapping(value)
        self._left -= 1 + sum(len(sequence((found or {}).get(key)) or ()) for key in ("required", "enum"))
        if self._left < 0 or len(road) > MAX_DEPTH:
            raise RequestError(
                "A schema is too large for this model.", 400, "schema_too_complex", self._where
            )
        if found is None:  # `true` and what is no schema: anything goes
            return {}
        reference = found.get("$ref")
        if isinstance(reference, str):
            return self._referred(found, reference, road)
        out = {key: found[key] for key in found if key in _KEPT}
        if any(key not in _KEPT and key not in _HANDLED for key in found):
            self._notes.add(self._where, "parts of the schema that this model does not know are left out")
        self._typed(found, out)
        self._values(found, out)
        road = (*road, ".")
        properties = mapping(found.get("properties"))
        if properties is not None:
            out["properties"] = {name: self.node(item, road) for name, item in properties.items()}
        required = [name for name in sequence(found.get("required")) or () if isinstance(name, str)]
        if required:
            out["required"] = required
        if "items" in found:
            out["items"] = self.node(found["items"], road)
        for item in sequence(found.get("allOf")) or ():
            _merge(out, self.node(item, road))
        self._either(found, out, road)
        return _told_once(out)

    def _referred(self, found: dict[str, Any], reference: str, road: tuple[str, ...]) -> dict[str, Any]:
        if reference in road:  # it contains itself; that cannot be written out
            return {"type": "OBJECT"}
        target: object = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            target = (mapping(target) or {}).get(name)
        if mapping(target) is None or not reference.startswith("#"):
            raise RequestError("A schema refers to nothing in it.", 400, "invalid_schema", self._where)
        beside = {key: item for key, item in found.items() if key != "$ref"}
        out = self.node(target, (*road, reference))
        _merge(out, self.node(beside, (*road, reference)))
        return _told_once(out)

    def _typed(self, found: dict[str, Any], out: dict[str, Any]) -> None:
        kind = found.get("type")
        kinds = [name.upper() for name in sequence(kind) or [kind] if isinstance(name, str)]
        if "NULL" in kinds:
            out["nullable"] = True
        known = [name for name in kinds if name in _TYPES]
        if len(known) == 1:
            out["type"] = known[0]
        elif known:
            out["anyOf"] = [{"type": name} for name in known]
        if found.get("format") in _FORMATS:
            out["format"] = found["format"]

    def _values(self, found: dict[str, Any], out: dict[str, Any]) -> None:
        values = [found["const"]] if "const" in found else sequence(found.get("enum"))
        if values is None:
            return
        if None in values:
            out["nullable"] = True
        named = [value for value in values if value is not None]
        if all(isinstance(value, str) for value in named):
            out |= {"enum": named, "type": "STRING"} if named else {}
        else:
            self._notes.add(self._where, "this model takes an enum of strings only")

    def _either(self, found: dict[str, Any], out: dict[str, Any], road: tuple[str, ...]) -> None:
        variants = [*(sequence(found.get("anyOf")) or ()), *(sequence(found.get("oneOf")) or ())]
        if not variants:
            return
        some = [item for item in variants if (mapping(item) or {}).get("type") != "null"]
        if len(some) < len(variants):
            out["nullable"] = True
        written = [self.node(item, road) for item in some]
        if len(written) == 1:
            _merge(out, written[0])
        elif written:
            out["anyOf"] = written


def _merge(out: dict[str, Any], more: dict[str, Any]) -> None:
    """Put what `more` says as well into `out`; where they differ, it has the word. Linear in `more`."""
    properties, required = out.get("properties"), out.get("required")
    out |= more
    if properties is not None:
        properties |= more.get("properties", {})
        out["properties"] = properties
    if required is not None:
        required += more.get("required", ())
        out["required"] = required


def _told_once(out: dict[str, Any]) -> dict[str, Any]:
    """Without names that are required twice."""
    if "required" in out:
        out["required"] = list(dict.fromkeys(out["required"]))
    return out
