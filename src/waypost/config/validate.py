"""One block of the file against its class: what pydantic finds, said in plain words and at its place."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import ValidationError

from waypost.config.document import Findings, Node, Path, plain, step
from waypost.config.schema import PATTERNS
from waypost.configurable import adapter

T = TypeVar("T")

_KINDS: Final[Mapping[str, str]] = {
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping",
    "dataclass": "a mapping",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "none": "left out",
}
_EXTRA: Final = {"unexpected_keyword_argument", "extra_forbidden"}
_MISSING: Final = {"missing", "missing_argument", "missing_keyword_only_argument"}
_QUOTED: Final = re.compile(r"'([^']*)'")


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy that suggests the known name meant by `name`, else lists what is known."""
    names = list(known)
    if close := get_close_matches(name, names, 1, 0.6):
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names)}" if names else ""


def check(cls: type[T], node: Node, path: Path, findings: Findings) -> T | None:
    """The block as a value of `cls`; what is wrong with it is added to `findings`.

    A block whose only faults are unknown keys comes back as if they were spelled right or not there, so that
    what it refers to is checked as well; else the result is None.
    """
    try:
        return adapter(cls).validate_python(plain(node))
    except ValidationError as error:
        told = list(_told(cls, node, error))
    unknown = [t.path[0] for t in told if t.message.startswith("unknown key") and len(t.path) == 1]
    known = [key for key in _keys(cls, ()) if key not in node.mapping]
    meant = {key: close[0] for key in unknown if (close := get_close_matches(str(key), known, 1, 0.6))}
    for one in told:
        if not (one.is_missing and one.path[-1:] and one.path[-1] in meant.values()):
            findings.error((*path, *one.path), one.message, one.remedy, key=one.key)
    if unknown:
        kept = {str(meant.get(k, k)): v for k, v in node.mapping.items() if k in meant or k not in unknown}
        with suppress(ValidationError):
            return adapter(cls).validate_python(plain(Node(node.at, kept)))
    return None


def check_tagged(
    classes: Mapping[str, type[T]], node: Node, path: Path, findings: Findings, *, noun: str
) -> T | None:
    """A block whose `type` names its class; `noun` is what messages call it: `condition`, `action`."""
    tag = node.mapping.get("type")
    if not isinstance(node.value, dict):
        findings.error(path, f"{_article(noun)} must be a mapping, not {found(node)}")
    elif tag is None:
        findings.error(path, f"the {noun} has no 'type'", f"known types: {', '.join(classes)}")
    elif not isinstance(tag.value, str):
        findings.error((*path, "type"), f"must be text, not {found(tag)}", nearest("", classes))
    elif tag.value not in classes:
        findings.error((*path, "type"), f"unknown {noun} type {tag.value!r}", nearest(tag.value, classes))
    else:
        rest = {key: child for key, child in node.mapping.items() if key != "type"}
        return check(classes[tag.value], Node(node.at, rest, node.key), path, findings)
    return None


def found(node: Node) -> str:
    """What a value is, without saying it."""
    match node.value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


class _Told(NamedTuple):
    """A finding in words; without the input, which may be a secret."""

    path: Path
    message: str
    remedy: str = ""
    key: bool = False
    is_missing: bool = False


def _told(cls: type[Any], node: Node, error: ValidationError) -> Iterator[_Told]:
    wanted: dict[Path, list[str]] = {}
    deeper: set[Path] = set()
    for one in error.errors(include_url=False, include_input=False):
        kind, place = one["type"], _trimmed(node, one["loc"])
        deeper.update(place[:n] for n in range(len(place)))
        if kind in _EXTRA:
            key = str(one["loc"][-1])
            known = _keys(cls, one["loc"][:-1])
            remedy = "a colon needs a space behind it" if ":" in key else nearest(key, known)
            yield _Told(place, f"unknown key {key!r}", remedy, key=True)
        elif kind in _MISSING:
            yield _Told(place, f"the key {one['loc'][-1]!r} is missing", key=True, is_missing=True)
        elif kind == "value_error":
            yield _refused(node, place, str(one.get("ctx", {}).get("error", one["msg"])))
        else:
            wanted.setdefault(place, []).append(_want(kind, one))
    # A union complains of every branch; what is said further down inside one branch is enough.
    yield from (_must(node, place, wants) for place, wants in wanted.items() if place not in deeper)


def _refused(node: Node, place: Path, message: str) -> _Told:
    """A block's own check; it points at the field that the message begins with."""
    field = message.split(" ", 1)[0]
    inner = (*place, field) if step(_at(node, place), field) else place
    message, _, remedy = message.partition("; ")
    return _Told(inner, message, remedy)


def _must(node: Node, place: Path, wants: Sequence[str]) -> _Told:
    culprit = _at(node, place)
    wanted = " or ".join(dict.fromkeys(wants))
    instead = f", not {found(culprit)}" if set(wants) <= set(_KINDS.values()) else ""
    number = "text" in wants and isinstance(culprit.value, int | float)
    options = [option for want in wants for option in _QUOTED.findall(want)]
    close = get_close_matches(str(culprit.value), options, 1, 0.6)
    remedy = "put it in quotes" if number else f"did you mean {close[0]!r}?" if close else ""
    return _Told(place, f"must {_verb(wanted)}{instead}", remedy)


def _verb(wanted: str) -> str:
    return wanted if wanted.startswith("not ") else f"be {wanted}"


def _want(kind: str, one: Mapping[str, Any]) -> str:
    stem = kind.partition("_")[0]
    context = one.get("ctx", {})
    match kind:
        case "literal_error":
            return f"{context['expected']}"
        case "string_pattern_mismatch":
            return PATTERNS.get(context["pattern"], f"text that matches {context['pattern']}")
        case "string_too_short" | "too_short":
            return "not be empty"
        case "string_too_long" | "too_long":
            return f"at most {context['max_length']} long"
        case _ if stem in _KINDS and kind.endswith(("_type", "_parsing", "_from_float")):
            return _KINDS[stem]
        case _:
            return str(one["msg"]).removeprefix("Input should be ")


def _trimmed(node: Node, location: Sequence[str | int]) -> Path:
    """A pydantic location as a path of the file: what unions put in is left out, a missing last key kept."""
    place: Path = ()
    for n, element in enumerate(location):
        below = step(node, element)
        if below is not None:
            node, place = below, (*place, element)
        elif n == len(location) - 1 and isinstance(node.value, dict) and str(element).isidentifier():
            place = (*place, element)
    return place


def _at(node: Node, place: Path) -> Node:
    for element in place:
        node = step(node, element) or node
    return node


def _keys(cls: type[Any], location: Sequence[str | int]) -> Collection[str]:
    """Keys that the class at `location` inside `cls` knows, read from its JSON Schema."""
    root = adapter(cls).json_schema()
    here: list[dict[str, Any]] = _alternatives(root, root)
    for element in location:
        below = [_child(shape, element) for shape in here]
        here = [option for shape in below if shape for option in _alternatives(shape, root)] or here
    return [key for shape in here for key in shape.get("properties", {})]


def _child(shape: Mapping[str, Any], element: str | int) -> dict[str, Any] | None:
    if isinstance(element, int):
        return shape.get("items")
    return shape.get("properties", {}).get(element) or shape.get("additionalProperties") or None


def _alternatives(shape: dict[str, Any], root: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in shape:
        return _alternatives(root["$defs"][shape["$ref"].rsplit("/", 1)[-1]], root)
    if "anyOf" in shape:
        return [option for one in shape["anyOf"] for option in _alternatives(one, root)]
    return [shape]
