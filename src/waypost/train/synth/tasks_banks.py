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
    """Something to paste: `facts` has `text`, `topic` and, for code, `lang`, `tag`, `purpose`, `symptom`, `error`.

    Attributes:
        plain: everyday text of no school subject.
    """

    kind: str
    facts: Mapping[str, str]
    plain: bool


@dataclass(frozen=True, slots=True)
class Voice:
    """All that belongs to one language.

    Attributes:
        frames: by intent.
        material: by the kind that a frame names.
        openers: in front of a wish, as `closers` behind it and `contexts` around it; none hints at an intent.
    """

    language: str
    frames: Mapping[str, tuple[Frame, ...]]
    material: Mapping[str, tuple[Material, ...]]
    openers: tuple[str, ...]
    closers: tuple[str, ...]
    contexts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Banks:
    """Everything on file.

    Attributes:
        layouts: how a wish and prose stand together, as `code_layouts` for a wish and code.
    """

    english: Voice
    others: tuple[Voice, ...]
    layouts: tuple[str, ...]
    code_layouts: tuple[str, ...]


@cache
def load() -> Banks:
    """The banks of the package, read once."""
    shared = _read("tasks")
    code = _material("code", _read("tasks_code")["code"])
    languages = {name: _language(name, table, code) for name, table in _read("tasks_languages").items()}
    return Banks(
        english=_english(shared, code, languages.values()),
        others=tuple(languages.values()),
        layouts=tuple(shared["layouts"]["forms"]),
        code_layouts=tuple(shared["layouts"]["code"]),
    )


def _read(name: str) -> dict[str, Any]:
    file = resources.files("waypost.train.synth") / "banks" / f"{name}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _english(shared: dict[str, Any], code: tuple[Material, ...], others: Iterable[Voice]) -> Voice:
    material = {kind: _material(kind, items) for kind, items in _read("tasks_material").items()}
    material["passage"] = _material("passage", _read("tasks_passages")["passage"])
    material["two"] = material["passage"]
    material["text"] = (*material["passage"], *material["mail"], *material["transcript"])
    material["foreign"] = tuple(piece for voice in others for piece in voice.material["text"])
    tables = {intent: table for name in _FRAME_FILES for intent, table in _read(name).items()}
    return Voice(
        language=ENGLISH,
        frames={intent: _frames(intent, table, shared["slots"]) for intent, table in tables.items()},
        material=material | _code_kinds(code),
        openers=tuple(shared["openers"]["lines"]),
        closers=tuple(shared["closers"]["lines"]),
        contexts=tuple(shared["contexts"]["lines"]),
    )


def _language(name: str, table: dict[str, Any], code: tuple[Material, ...]) -> Voice:
    return Voice(
        language=name,
        frames={intent: _frames(intent, table[intent], table["slots"]) for intent in INTENTS},
        material={"text": _material("passage", table["passage"])} | _code_kinds(code),
        openers=tuple(table["openers"]),
        closers=tuple(table["closers"]),
        contexts=tuple(table["contexts"]),
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
        )
        for item in items
    )


def _code_kinds(code: tuple[Material, ...]) -> dict[str, tuple[Material, ...]]:
    failing = tuple(piece for piece in code if "error" in piece.facts)
    return {"code": code, "code_error": failing, "error_only": failing}
