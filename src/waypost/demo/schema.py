"""The smallest value that a JSON Schema lets through: answers to who wants JSON, and arguments of tools."""

from typing import Final

from waypost.dialects.foreign import mapping, sequence

_DEEPEST: Final = 40
_MOST: Final = 1000  # values; references may stand for millions
_LONGEST: Final = 100
_HUGE: Final = 10**9


def instance(schema: object) -> object:
    """A JSON value; what the schema says in words that are not known here is not looked at."""
    return _Writer(schema).value(schema, 0)


class _Writer:
    """Writes one value."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._left = _MOST

    def value(self, schema: object, depth: int) -> object:
        """A value of this part of the schema."""
        found = mapping(schema)
        self._left -= 1
        if found is None or depth > _DEEPEST or self._left < 0:
            return None
        if "$ref" in found:
            return self.value(self._target(found["$ref"]), depth + 1)
        for name in ("const", "default"):
            if name in found:
                return found[name]
        some = next((items for name in ("enum", "examples") if (items := sequence(found.get(name)))), None)
        if some:
            return some[0]
        return self._composed(found, depth)

    def _composed(self, schema: dict[str, object], depth: int) -> object:
        for name in ("anyOf", "oneOf"):
            if variants := sequence(schema.get(name)):
                return self.value(variants[0], depth + 1)
        if parts := sequence(schema.get("allOf")):
            merged: dict[str, object] = {}
            for part in parts:
                merged |= mapping(self.value(part, depth + 1)) or {}
            return merged
        return self._typed(schema, depth)

    def _typed(self, schema: dict[str, object], depth: int) -> object:
        match _kind(schema):
            case "object":
                known = mapping(schema.get("properties")) or {}
                names = [name for name in sequence(schema.get("required")) or () if isinstance(name, str)]
                return {name: self.value(known.get(name), depth + 1) for name in names}
            case "array":
                count = min(_least(schema, "minItems"), _LONGEST)
                return [self.value(schema.get("items"), depth + 1) for _ in range(count)]
            case "string":
                return "demo".ljust(min(_least(schema, "minLength"), _LONGEST), ".")
            case "number" | "integer":
                return _least(schema, "minimum")
            case "boolean":
                return False
            case _:
                return None

    def _target(self, reference: object) -> object:
        target: object = self._root
        for step in str(reference).removeprefix("#").split("/")[1:]:
            target = (mapping(target) or {}).get(step)
        return target


def _kind(schema: dict[str, object]) -> str:
    kind = schema.get("type")
    kind = next(iter(sequence(kind) or [kind]))
    if isinstance(kind, str):
        return kind.lower()
    return "object" if "properties" in schema else ""


def _least(schema: dict[str, object], name: str) -> int:
    value = schema.get(name)
    return int(value) if isinstance(value, int | float) and abs(value) < _HUGE else 0
