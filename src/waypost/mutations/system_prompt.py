"""A system prompt put into a conversation, in place: what the client sent around it stays byte for byte."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, Literal, cast

from waypost.configurable import configurable
from waypost.dialects.splice import Change, Edit, Insert, Path, Put, Swap
from waypost.mutations.prompts import AUTO, LABELS, meant
from waypost.signals.base import Lint

Mode = Literal["insert", "replace", "append"]

_SYSTEM: Final = frozenset({"system", "developer"})
_GAP: Final = "\n\n"


@configurable
class SystemPrompt:
    """What a model is told first. A plain text is its `text`, and `builtin` stands for `{builtin: auto}`."""

    text: str = ""
    """The prompt."""

    builtin: str = ""
    """A prompt that comes with Waypost, by the name of a domain or an intent; `auto`: the category's own."""

    mode: Mode = "insert"
    """Where the client has a system prompt of its own: `insert` puts this one in front of it, `append` behind
    it, `replace` in its place."""

    enabled: bool = True
    """Whether it is used."""


def problems(block: SystemPrompt, labels: Sequence[str] = ()) -> Iterator[Lint]:
    """What is wrong with a prompt.

    Args:
        block: as written.
        labels: the domains and intents that its category stands for; a rule has none.
    """
    if block.text.strip() and block.builtin:
        yield Lint("builtin", "there is a text and a built-in prompt", "keep one of them")
    elif block.builtin == AUTO and meant(AUTO, labels) is None:
        several = "stands for several things" if labels else "stands for no domain or intent"
        remedy = "name the prompt, as in `builtin: analysis`, or write a `text`"
        yield Lint("builtin", f"what this prompt belongs to {several}", remedy)
    elif block.builtin and meant(block.builtin, labels) is None:
        near = get_close_matches(block.builtin, LABELS, 1, 0.5)
        remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(LABELS)}"
        yield Lint("builtin", f"{block.builtin!r} is neither a domain nor an intent", remedy)
    elif block.enabled and not block.builtin and not block.text.strip():
        yield Lint("text", "the system prompt says nothing", "write a `text`", "warning")


def text_of(block: SystemPrompt, labels: Sequence[str], prompts: Mapping[str, str]) -> str:
    """The prompt of a block without problems, without white space around it; empty = none.

    Args:
        block: as written.
        labels: as for `problems`.
        prompts: the built-in ones by label.
    """
    if not block.enabled:
        return ""
    label = meant(block.builtin, labels)
    return block.text.strip() if label is None else prompts[label]


def system_prompt_edits(prompt: str, mode: Mode, document: Mapping[str, object]) -> tuple[Edit, ...]:
    """The edits that put `prompt` into a request; none where it stands already, or for embeddings.

    Only a first message with role `system` or `developer` is a system prompt; without one there will be one.
    Of that message nothing but the content changes. Where it is missing, null or empty it becomes the prompt;
    where it is neither text nor list, which no parser lets through, the prompt goes in front as a message.

    Args:
        prompt: not empty, without white space around it; empty = no edits.
        mode: what happens to the client's own prompt.
        document: the request as parsed JSON.
    """
    messages = _list(document.get("messages"))
    if messages is None or not prompt:
        return ()
    first = _object(messages[0]) if messages else None
    if first is not None and first.get("role") in _SYSTEM:
        content = first.get("content")
        if mode == "replace" or content in (None, "", []):
            return () if content == prompt else (Put(_CONTENT, prompt),)
        if isinstance(content, str):
            return _beside_text(content, prompt, mode)
        if (parts := _list(content)) is not None:
            return _beside_parts(parts, prompt, mode)
    return (Insert(("messages",), 0, {"role": _role(messages), "content": prompt}),)


_CONTENT: Final[Path] = ("messages", 0, "content")


def _beside_text(content: str, prompt: str, mode: Mode) -> tuple[Edit, ...]:
    if _stands(content, prompt, mode):
        return ()
    if mode == "insert":
        return (Swap(_CONTENT, (Change(0, 0, prompt + _GAP),)),)
    return (Swap(_CONTENT, (Change(len(content), len(content), _GAP + prompt),)),)


def _beside_parts(parts: list[object], prompt: str, mode: Mode) -> tuple[Edit, ...]:
    """A part of its own, so that the client's parts keep their fields (`cache_control`)."""
    edge = parts[0 if mode == "insert" else -1]
    part = _object(edge)
    text = edge if part is None else part.get("text")
    if isinstance(text, str) and _stands(text, prompt, mode):
        return ()
    return (Insert(_CONTENT, 0 if mode == "insert" else len(parts), {"type": "text", "text": prompt}),)


def _stands(text: str, prompt: str, mode: Mode) -> bool:
    """Whether the prompt is there already: agents send back what they were given."""
    if mode == "insert":
        return text == prompt or text.startswith(prompt + _GAP)
    return text == prompt or text.endswith(_GAP + prompt)


def _role(messages: list[object]) -> str:
    """`developer` for a client that says so and never `system`: some models refuse to see both."""
    roles = {role for role in map(_role_of, messages) if role in _SYSTEM}
    return "developer" if roles == {"developer"} else "system"


def _role_of(message: object) -> object:
    found = _object(message)
    role = found.get("role") if found else None
    return role if isinstance(role, str) else None


def _list(value: object) -> list[object] | None:
    return cast("list[object]", value) if isinstance(value, list) else None


def _object(value: object) -> dict[str, object] | None:
    return cast("dict[str, object]", value) if isinstance(value, dict) else None
