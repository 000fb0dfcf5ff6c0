"""The pretended model behind all demo providers: what it says to a prompt, whatever the dialect.

It invents nothing clever: the answer says which provider and model was reached, so that a routing decision
can be seen. Tools that the user's last text names after "call" are called.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from waypost.demo.schema import instance
from waypost.demo.wire import dump
from waypost.dialects.foreign import mapping

Finish = Literal["stop", "sequence", "length", "calls", "refusal"]

_THOUGHTS: Final = "First I look at what was asked. Then I think of an answer."
_LEAST_CACHED: Final = 1024
_BLOCK: Final = 128
_CALL: Final = re.compile(r"\bcall\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Functions on offer.

    Attributes:
        schemas: of their parameters, by name.
        forced: one of these must be called; empty = none must.
        closed: none may be called.
        parallel: several may be called at once.
    """

    schemas: Mapping[str, object]
    forced: tuple[str, ...] = ()
    closed: bool = False
    parallel: bool = True


NOTHING: Final = Toolbox({})


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked.

    Attributes:
        text: all that can be read of it.
        last: the user's last text, if nothing came behind it; a mark or a wish stands there.
        schema: of the JSON that is wanted; `{}` = any object, None = text.
        thinks: it is to think first.
        limit: most tokens of the answer, thoughts included; None = no limit.
        stops: texts that end the answer.
        is_refused: it does not want to answer.
    """

    model: str
    provider: str
    text: str
    last: str = ""
    tools: Toolbox = NOTHING
    schema: Mapping[str, object] | None = None
    thinks: bool = False
    limit: int | None = None
    stops: tuple[str, ...] = ()
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Called:
    """One call of a function."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """What a model answers.

    Attributes:
        stop: the text that ended it, where one did.
        prompt: tokens read, those from the cache included.
        cached: tokens of them from the cache, where the provider caches unasked.
        thought: tokens of thoughts.
        answered: tokens of the rest.
    """

    thoughts: str
    text: str
    calls: tuple[Called, ...]
    finish: Finish
    stop: str | None
    prompt: int
    cached: int
    thought: int
    answered: int


def say(prompt: Prompt) -> Said:
    """Answer."""
    thoughts = _THOUGHTS if prompt.thinks and not prompt.is_refused else ""
    calls = () if prompt.is_refused else _calls(prompt)
    text, finish, stop = _text(prompt, calls, tokens(thoughts) if thoughts else 0)
    read = tokens(prompt.text)
    return Said(
        thoughts,
        text,
        calls,
        finish,
        stop,
        prompt=read,
        cached=read // _BLOCK * _BLOCK if read >= _LEAST_CACHED else 0,
        thought=tokens(thoughts) if thoughts else 0,
        answered=(tokens(text) if text else 0) + sum(tokens(dump(call.arguments).decode()) for call in calls),
    )


def _text(prompt: Prompt, calls: tuple[Called, ...], thought: int) -> tuple[str, Finish, str | None]:
    if prompt.is_refused:
        return "", "refusal", None
    if calls:
        return "", "calls", None
    text = _words(prompt)
    found = [(text.find(stop), stop) for stop in prompt.stops if stop in text]
    where, stop = min(found, default=(len(text), None))
    text = text[:where]
    left = None if prompt.limit is None else max(0, prompt.limit - thought) * 4
    if left is not None and left < len(text):
        return text[:left], "length", None
    return text, "stop" if stop is None else "sequence", stop


def _words(prompt: Prompt) -> str:
    if prompt.schema is not None:
        value = instance(prompt.schema) if prompt.schema else {"answer": "demo"}
        return dump(value).decode()
    who = f"{prompt.model} at the demo provider '{prompt.provider}'"
    return f"{who} read {len(prompt.text)} characters and answers."


def _calls(prompt: Prompt) -> tuple[Called, ...]:
    tools = prompt.tools
    if tools.closed:
        return ()
    wish = prompt.last[found.end() :] if (found := _CALL.search(prompt.last)) else ""
    names = [name for name in tools.schemas if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", wish)]
    if tools.forced:
        names = [name for name in names if name in tools.forced] or [tools.forced[0]]
    if not tools.parallel:
        names = names[:1]
    return tuple(Called(name, _arguments(tools.schemas[name])) for name in names)


def _arguments(schema: object) -> dict[str, Any]:
    return mapping(instance(schema)) or {}


def tokens(text: str) -> int:
    """Tokens by rule of thumb: four characters each."""
    return max(1, len(text) // 4)


def words(text: str) -> list[str]:
    """The text in pieces, as a stream has it."""
    return re.findall(r"\s*\S+\s*", text)


def vector(item: object, dimensions: int) -> tuple[float, ...]:
    """A unit vector that depends on the input alone."""
    seed = hashlib.shake_256(dump(item)).digest(dimensions)
    raw = [byte - 127.5 for byte in seed]
    norm = sum(value * value for value in raw) ** 0.5
    return tuple(value / norm for value in raw)
