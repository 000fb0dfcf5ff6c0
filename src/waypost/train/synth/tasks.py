"""Requests labelled by what the user wants done, whatever they are about.

Topics, backgrounds, layouts and pasted texts are shared by all intents, so that only the wish tells them apart.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from waypost.train.rows import INTENTS, Row
from waypost.train.synth.draw import Generator, chance, fill, generator, pick
from waypost.train.synth.tasks_banks import ENGLISH, UNATTACHED, Banks, Frame, Material, Voice, load

SOURCE: Final = "synth:tasks"

FOREIGN_SHARE: Final = 0.1

LENGTHS: Final = ((0.45, 4, 120), (0.35, 121, 600), (0.2, 601, 2000))
"""Share, smallest and largest number of characters. A wish below 15 ("tl;dr") is rare and comes once."""

_DOMAINS: Final = {
    "code_generation": "computer science",
    "code_debugging": "computer science",
    "math_problem": "math",
    "general_chat": "other",
    "assistant_command": "other",
    "creative_writing": "other",
}
_PROSE: Final = frozenset({"passage", "mail", "transcript"})
_CODE_KINDS: Final = frozenset({"code", "code_error", "error_only"})
_OPENS_SENTENCE: Final = ("{sum}", "{pair}", "[[symptom]]")
_ON_A_SUBJECT: Final = ("{topic}", "{doc}", "{word}")
_FACT: Final = re.compile(r"\[\[([a-z]+)\]\]")
_PLACE: Final = re.compile(r"\{(ask|text|tag|lang)\}")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")
_ATTEMPTS: Final = 80


@dataclass(frozen=True, slots=True)
class _Draft:
    text: str
    domain: str | None


@dataclass(frozen=True, slots=True)
class _Room:
    """How long a text should be, in characters, both ends included."""

    smallest: int
    largest: int

    def distance(self, text: str) -> int:
        return max(self.smallest - len(text), len(text) - self.largest, 0)


def generate(seed: int, count: int) -> list[Row]:
    """`count` rows, the intents in turn; lengths as in `LENGTHS`, a tenth in another language than English.

    Texts are distinct until the banks are exhausted (some thousands of rows per intent).
    """
    rng = generator(seed, "tasks")
    banks = load()
    seen: set[str] = set()
    rows: list[Row] = []
    for number in range(count):
        row = _row(rng, banks, INTENTS[number % len(INTENTS)], seen)
        seen.add(row.text)
        rows.append(row)
    return rows


def _row(rng: Generator, banks: Banks, intent: str, seen: set[str]) -> Row:
    voice = pick(rng, banks.others) if chance(rng, FOREIGN_SHARE) else banks.english
    room = _room(rng)
    best: tuple[int, Frame, _Draft] | None = None
    for _ in range(_ATTEMPTS):
        frame = pick(rng, voice.frames[intent])
        draft = _draft(rng, banks, voice, frame, room)
        distance = room.distance(draft.text) + (10_000 if draft.text in seen else 0)
        if best is None or distance < best[0]:
            best = (distance, frame, draft)
        if distance == 0:
            break
    assert best is not None  # noqa: S101
    _, frame, draft = best
    return Row(
        text=draft.text,
        source=SOURCE,
        group=frame.group,
        domain=draft.domain,
        intent=intent,
        attack=False,
        language=voice.language,
    )


def _room(rng: Generator) -> _Room:
    point = float(rng.random())
    for share, smallest, largest in LENGTHS:
        point -= share
        if point < 0:
            return _Room(smallest, largest)
    return _Room(*LENGTHS[-1][1:])


def _draft(rng: Generator, banks: Banks, voice: Voice, frame: Frame, room: _Room) -> _Draft:
    material = _material(rng, voice, frame, room)
    wish = _wish(rng, voice, frame, material.facts if material else {})
    text = wish if material is None else _attach(rng, banks, frame, wish, material)
    return _Draft(_with_context(rng, voice, text, room), _domain(frame, material))


def _material(rng: Generator, voice: Voice, frame: Frame, room: _Room) -> Material | None:
    if frame.kind in UNATTACHED:
        return None
    piece = pick(rng, voice.material[frame.kind])
    pieces = [piece]
    wanted = 2 if frame.kind == "two" else 1
    if piece.kind in _PROSE and voice.language == ENGLISH and room.largest > 600 and chance(rng, 0.35):
        wanted += 1
    while len(pieces) < wanted:
        pieces.append(pick(rng, voice.material[frame.kind]))
    texts = [piece.facts["text"] for piece in pieces]
    if piece.kind in _PROSE and room.largest <= 600:
        spare = max(room.largest - len(frame.text) - 80, 60) // wanted
        texts = [_beginning(text, int(rng.integers(spare // 2, spare + 1))) for text in texts]
    return replace(piece, facts={**piece.facts, "text": "\n\n".join(dict.fromkeys(texts))})


def _beginning(text: str, size: int) -> str:
    """Whole sentences from the start, at least one, up to `size` characters."""
    kept, *rest = _SENTENCE_END.split(text)
    for sentence in rest:
        if len(kept) + 1 + len(sentence) > size:
            break
        kept = f"{kept} {sentence}"
    return kept


def _wish(rng: Generator, voice: Voice, frame: Frame, facts: Mapping[str, str]) -> str:
    text = fill(rng, frame.text, frame.words)
    manner = float(rng.random())
    if manner < 0.1:
        text = text.lower()
    elif frame.text.startswith(_OPENS_SENTENCE):
        known = _FACT.sub(lambda fact: facts.get(fact[1], fact[0]) if fact.start() == 0 else fact[0], text)
        text = known[0].upper() + known[1:]
    if 0.1 <= manner < 0.2 or (manner < 0.1 and chance(rng, 0.6)):
        text = text.rstrip(".?!")
    if chance(rng, 0.1):
        text = f"{pick(rng, voice.openers)} {text}"
    if frame.kind in UNATTACHED and chance(rng, 0.1):
        text = f"{text} {pick(rng, voice.closers)}"
    return text


def _attach(rng: Generator, banks: Banks, frame: Frame, wish: str, material: Material) -> str:
    inline = "[[text]]" in frame.text or frame.kind == "error_only"
    wish = _FACT.sub(lambda fact: material.facts.get(fact[1], fact[0]), wish)
    if inline:
        return wish
    form = pick(rng, banks.code_layouts if frame.kind in _CODE_KINDS else banks.layouts)
    if "{ask}:" in form:
        wish = wish.rstrip(".:?! ")
    return _PLACE.sub(lambda place: wish if place[1] == "ask" else material.facts.get(place[1], ""), form)


def _with_context(rng: Generator, voice: Voice, text: str, room: _Room) -> str:
    """Adds one or two backgrounds where the text is too short for its room, and now and then otherwise."""
    lines: list[str] = []
    wanted = 2 if len(text) + 120 < room.smallest else int(len(text) < room.smallest or chance(rng, 0.08))
    while len(lines) < wanted:
        lines.append(pick(rng, voice.contexts))
    if not lines:
        return text
    gap = pick(rng, (" ", "\n\n", "\n"))
    background = " ".join(dict.fromkeys(lines))
    return f"{text}{gap}{background}" if chance(rng, 0.25) else f"{background}{gap}{text}"


def _domain(frame: Frame, material: Material | None) -> str | None:
    """Only where the intent or the pasted text settles it; a summary of anything has no domain of its own."""
    if frame.intent != "translation":
        return _DOMAINS.get(frame.intent)
    neutral = not _mentions(frame.text, _ON_A_SUBJECT) if material is None else material.plain
    return "other" if neutral else None


def _mentions(text: str, slots: Sequence[str]) -> bool:
    return any(slot in text for slot in slots)
