"""How a file says which system prompt it wants, and the prompts that come with Waypost."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BeforeValidator

from waypost.mutations.prompts import AUTO, read
from waypost.mutations.system_prompt import SystemPrompt


def _spelled_out(value: object) -> object:
    """A plain text is the prompt itself, the word `builtin` the built-in one of the category."""
    if not isinstance(value, str):
        return value
    return {"builtin": AUTO} if value.strip() == "builtin" else {"text": value}


WrittenPrompt = Annotated[
    SystemPrompt, BeforeValidator(_spelled_out, json_schema_input_type=str | SystemPrompt)
]
"""A system prompt as a file may write it: a text, the word `builtin`, or a block."""


@cache
def builtin_prompts() -> Mapping[str, str]:
    """The built-in prompts by label; the packaged file is read once."""
    return read(files("waypost.mutations").joinpath("prompts.toml").read_text("utf-8"))
