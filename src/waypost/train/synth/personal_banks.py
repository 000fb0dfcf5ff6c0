"""The files of words and templates from which documents with personal data are made."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

_FOLDER: Final = files("waypost.train.synth").joinpath("banks")


def read(name: str) -> dict[str, Any]:
    """The bank `personal_<name>.toml` as TOML has it."""
    return tomllib.loads(_FOLDER.joinpath(f"personal_{name}.toml").read_text("utf-8"))


def words(text: str) -> tuple[str, ...]:
    """Words between white space; an underscore in a word stands for a space."""
    return tuple(word.replace("_", " ") for word in text.split())


@cache
def lists(name: str) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """A bank whose tables hold lists: as such, as a string of words, or as words with their weights."""
    return {table: {key: _listed(value) for key, value in rows.items()} for table, rows in read(name).items()}


def _listed(value: str | list[str] | dict[str, int] | float) -> tuple[str, ...]:
    match value:
        case str():
            return words(value) or (value,)
        case list():
            return tuple(value)
        case dict():
            return tuple(word for word, times in value.items() for _ in range(times))
        case _:
            return (str(value),)
