"""Frames, material and words of the intent generator, read from `banks/tasks*.toml`.

A frame is a wish with slots; material is what a wish may be attached to. English has one file per group of
intents; the other languages share one file and bring their own words and passages.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from waypost.train.rows import INTENTS

ENGLISH: Final = "en"
UNATTACHED: Final = frozenset({"bare", "mid", "long"})
"""Kinds of frame that stand alone; every other kind names material."""

_FRAME_FILES: Final = ("tasks_frames_text", "tasks_frames_code", "tasks_frames_work", "tasks_frames_talk")
_PLAIN_KINDS: Final = frozenset({"sentence", "story", "review"})


@dataclass(frozen=True, slots=True)
class Frame:
    """One way to word a wish.

    Attributes:
        kind: `bare`, `mid` or `long` (nothing attached), or the kind of material it is attached to.
        text: `{slots}` are filled from the words, `[[facts]]` from the material.
        words: slots of the language, with those of the intent in front.
    """

    intent: str
    kind: str
    text: str
    words: Mapping[str, tuple[str, ...]]

    @property
    def group(self) -> str:
        """Named by content, so that a new frame in the file renames no other."""
        return f"{self.intent}:{self.kind}-{hashlib.sha256(self.text.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Material:
    """Something to paste.

    Attributes:
        facts: `text`, `topic` and, for code, `lang`, `tag`, `purpose`, `symptom`, `error`.
        plain: everyday text of no school subject.
        tags: narrower kinds it also belongs to, such as a mail that names a `price`.
    """

    kind: str
    facts: Mapping[str, str]
    plain: bool
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Voice:
    """All that belongs to one language.

    Attributes:
        frames: by intent.
        material: by the kind that a frame names.
        openers: in front of a wish, as `closers` behind it; neither hints at an intent, nor do the contexts.
        contexts: backgrounds around a wish, in sets; one of each set may stand together.
        layouts: how a wish and prose stand together, as `code_layouts` for a wish and code.
        plain_layouts: those without words of their own.
    """

    language: str
    frames: Mapping[str, tuple[Frame, ...]]
    material: Mapping[str, tuple[Material, ...]]
    openers: tuple[str, ...]
    closers: tuple[str, ...]
    contexts: tuple[tuple[str, ...], ...]
    layouts: tuple[str, ...]
    code_layouts: tuple[str, ...]
    plain_layouts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Banks:
    """Everything on file."""

    english: Voice
    others: tuple[Voice, ...]


@cache
def load() -> Banks:
    """The banks of the package, read once."""
    shared = _read("tasks")
    code = _code_kinds(_material("code", _read("tasks_code")["code"]))
    others = tuple(_language(name, table, code, shared) for name, table in _read("tasks_languages").items())
    return Banks(_english(shared, code, others), others)


def _read(name: str) -> dict[str, Any]:
    file = resources.files("waypost.train.synth") / "banks" / f"{name}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _english(
    shared: dict[str, Any], code: dict[str, tuple[Material, ...]], others: tuple[Voice, ...]
) -> Voice:
    tables = {intent: table for name in _FRAME_FILES for intent, table in _read(name).items()}
    return Voice(
        language=ENGLISH,
        frames={intent: _frames(intent, table, shared["slots"]) for intent, table in tables.items()},
        material=_english_material(others) | code,
        openers=tuple(shared["openers"]["lines"]),
        closers=tuple(shared["closers"]["lines"]),
        contexts=(tuple(shared["contexts"]["people"]), tuple(shared["contexts"]["moments"])),
        layouts=tuple(shared["layouts"]["forms"]),
        code_layouts=tuple(shared["layouts"]["code"]),
        plain_layouts=tuple(shared["layouts"]["wordless"]),
    )


def _english_material(others: tuple[Voice, ...]) -> dict[str, tuple[Material, ...]]:
    kinds = {kind: _material(kind, items) for kind, items in _read("tasks_material").items()}
    kinds["passage"] = _material("passage", _read("tasks_passages")["passage"])
    everything = [piece for pieces in kinds.values() for piece in pieces]
    return {
        **kinds,
        **_by_tag(everything),
        "two": kinds["passage"],
        "text": (*kinds["passage"], *kinds["mail"], *kinds["transcript"]),
        "foreign": tuple(piece for voice in others for piece in voice.material["text"]),
    }


def _by_tag(pieces: Iterable[Material]) -> dict[str, tuple[Material, ...]]:
    tagged: dict[str, tuple[Material, ...]] = {}
    for piece in pieces:
        for tag in piece.tags:
            tagged[tag] = (*tagged.get(tag, ()), piece)
    return tagged


def _language(
    name: str, table: dict[str, Any], code: dict[str, tuple[Material, ...]], shared: dict[str, Any]
) -> Voice:
    passages = _material("passage", table["passage"])
    return Voice(
        language=name,
        frames={intent: _frames(intent, table[intent], table["slots"]) for intent in INTENTS},
        material={"text": passages} | _by_tag(passages) | code,
        openers=tuple(table["openers"]),
        closers=tuple(table["closers"]),
        contexts=(tuple(table["contexts"]),),
        layouts=tuple(shared["layouts"]["wordless"]),
        code_layouts=tuple(shared["layouts"]["wordless_code"]),
        plain_layouts=tuple(shared["layouts"]["wordless"]),
    )


def _frames(intent: str, table: dict[str, Any], slots: dict[str, list[str]]) -> tuple[Frame, ...]:
    own: dict[str, list[str]] = table.get("slots", {})
    words = MappingProxyType({name: tuple(items) for name, items in (slots | own).items()})
    kinds = ((kind, texts) for kind, texts in table.items() if kind != "slots")
    return tuple(Frame(intent, kind, text, words) for kind, texts in kinds for text in dict.fromkeys(texts))


def _material(kind: str, items: Iterable[dict[str, Any]]) -> tuple[Material, ...]:
    return tuple(
        Material(
            kind,
            MappingProxyType({name: value.strip() for name, value in item.items() if isinstance(value, str)}),
            bool(item.get("plain", kind in _PLAIN_KINDS)),
            tuple(item.get("tags", ())),
        )
        for item in items
    )


def _code_kinds(code: tuple[Material, ...]) -> dict[str, tuple[Material, ...]]:
    failing = tuple(piece for piece in code if "error" in piece.facts)
    return {"code": code, "code_error": failing, "error_only": failing, **_by_tag(code)}
