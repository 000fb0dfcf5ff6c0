"""The file with tools that may be added to requests, in the format of vLLM Semantic Router's tools database.

A JSON list; of each entry `tool` is what is sent, and `description`, or else the function's own, what it is
found by. `category` and `tags` are allowed and mean nothing here.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, TypeGuard, cast

from waypost.errors import ConfigError, Problem
from waypost.mutations.tools import MAX_CATALOGUE, Catalogue, Stocked, describe

MAX_FILE_BYTES: Final = 16 * 2**20
"""Twice what the largest catalogue takes where each tool is written at length."""

_MAX_NAME: Final = 128
_SHOWN: Final = 20
_KEYS: Final = frozenset({"tool", "description", "category", "tags"})


def read_catalogue(path: Path) -> Catalogue:
    """Read and index a catalogue.

    Raises:
        ConfigError: with every entry that cannot be used, by line.
    """
    text = _text(path)
    entries = _entries(path, text)
    tools: list[Stocked] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for number, entry in enumerate(entries):
        found = list(_wrong(entry))
        if not found:
            tool = _stocked(entry)
            if tool.name in seen:
                message = f"{tool.name!r} stands here twice, first as entry {seen[tool.name] + 1}"
                found = [("tool.function.name", message, "a model tells tools apart by their names")]
            seen.setdefault(tool.name, number)
            tools.append(tool)
        problems += (_problem(path, text, number, *each) for each in found[: _SHOWN - len(problems)])
    if problems:
        raise ConfigError(problems)
    return Catalogue.of(tools)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        _refuse(path, f"cannot be read: {reason}", "name a file with `catalogue`")
    if len(data) > MAX_FILE_BYTES:
        _refuse(path, f"larger than {MAX_FILE_BYTES:,} bytes", "is it a catalogue at all?")
    try:
        return data.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse(path, "not UTF-8 text", "save the file as UTF-8", line)


def _entries(path: Path, text: str) -> list[Any]:
    try:
        read = json.loads(text, parse_constant=_not_json)
    except json.JSONDecodeError as error:
        _refuse(path, f"not JSON: {error.msg}", "", error.lineno, error.colno)
    except (ValueError, RecursionError):
        _refuse(path, "not JSON: NaN, Infinity, a number of thousands of digits or far too deep", "")
    if not isinstance(read, list):
        _refuse(path, "not a list of tools", 'write [{"tool": {...}, "description": "..."}, ...]')
    entries = cast("list[Any]", read)
    if not entries:
        _refuse(path, "no tools", "add one, or set `mode` to filter or off")
    if len(entries) > MAX_CATALOGUE:
        _refuse(
            path, f"{len(entries):,} tools are more than {MAX_CATALOGUE:,}", "leave out what nobody calls"
        )
    return entries


def _wrong(entry: object) -> Iterator[tuple[str, str, str]]:
    """Place, problem and remedy."""
    if not _is_object(entry):
        yield "", "an entry must be an object", 'write {"tool": {...}, "description": "..."}'
        return
    for key in entry.keys() - _KEYS:
        yield _place(key), "unknown key", f"known ones: {', '.join(sorted(_KEYS))}"
    tool = entry.get("tool")
    function = tool.get("function") if _is_object(tool) else None
    if not _is_object(tool) or tool.get("type") != "function" or not _is_object(function):
        yield "tool", "not a tool", 'write {"type": "function", "function": {"name": ..., "parameters": ...}}'
        return
    name = function.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        yield "tool.function.name", f"a name must have 1 to {_MAX_NAME} characters", ""
    descriptions = {
        "description": entry.get("description"),
        "tool.function.description": function.get("description"),
    }
    for place, said in descriptions.items():
        if said is not None and not isinstance(said, str):
            yield place, "a description must be a text", ""
    if all(said is None or (isinstance(said, str) and not said.strip()) for said in descriptions.values()):
        yield "description", "no description", "say in a sentence what the tool is for: it is found by that"
    if not _is_object(function.get("parameters", {})):
        yield "tool.function.parameters", "parameters must be an object", "write a JSON Schema"


def _stocked(entry: Mapping[str, Any]) -> Stocked:
    tool = entry["tool"]
    function = tool["function"]
    said = entry.get("description") or function.get("description")
    text = describe(function["name"], said, function.get("parameters"))
    return Stocked(function["name"], text, json.dumps(tool, separators=(",", ":")))


def _problem(path: Path, text: str, number: int, place: str, message: str, remedy: str) -> Problem:
    where = f"[{number}].{place}" if place else f"[{number}]"
    return Problem(str(path), _line(text, number), 1, where, message, remedy)


def _line(text: str, number: int) -> int:
    """Where an entry begins; 1-based."""
    decoder = json.JSONDecoder()
    at = text.index("[") + 1
    for _ in range(number):
        at = decoder.raw_decode(text, _past_space(text, at))[1]
        at = text.index(",", at) + 1
    return text.count("\n", 0, _past_space(text, at)) + 1


def _past_space(text: str, at: int) -> int:
    while text[at] in " \t\n\r":
        at += 1
    return at


def _place(key: str) -> str:
    return key if key.isidentifier() and len(key) <= _MAX_NAME else "*"


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, dict)


def _refuse(path: Path, message: str, remedy: str, line: int = 0, column: int = 0) -> NoReturn:
    raise ConfigError([Problem(str(path), line, column or min(line, 1), "", message, remedy)])
