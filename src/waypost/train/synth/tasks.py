"""Requests labelled by what the user wants done, whatever they are about.

Topics, backgrounds, layouts and pasted texts are shared by all intents: only the wish tells them apart.
"""

import re
from collections.abc import Mapping
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
_JOINED: Final = frozenset({"passage", "text", "two"})
_CODE_KINDS: Final = frozenset({"code", "function", "code_error", "error_only"})
_TALK: Final = frozenset({"general_chat", "assistant_command", "customer_support"})
"""Intents that nobody would put under a heading such as "Instruction"."""
_BRIEF_ENOUGH: Final = frozenset({"translation", "extraction"})
"""Intents that make sense for a single pasted sentence."""
_OPENS_SENTENCE: Final = ("{sum}", "{pair}", "[[symptom]]")
_ON_A_SUBJECT: Final = ("{topic}", "{doc}", "{word}")
_FACT: Final = re.compile(r"\[\[([a-z]+)\]\]")
_PLACE: Final = re.compile(r"\{(ask|text|tag|lang)\}")
_SENTENCE_END: Final = re.compile(r"(?<=[^\d\s][.!?])\s+")
_LOWERED: Final = re.compile(r"(?!I\b)[A-Z](?=[a-z ])")
_ATTEMPTS: Final = 80
_SHORT: Final = LENGTHS[0][2]
_MIDDLING: Final = LENGTHS[1][2]
_ONE_CONTEXT: Final = 120
_TWO_TEXTS: Final = 900
_MANNERS: Final = {"lower": 0.04, "lower, no end": 0.06, "no end": 0.1}


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
    frame = _frame(rng, voice, intent, room)
    draft = _draft(rng, voice, frame, room)
    distance = _distance(draft, room, seen)
    for _ in range(_ATTEMPTS):
        if distance == 0:
            break
        other = _frame(rng, voice, intent, room)
        attempt = _draft(rng, voice, other, room)
        nearer = _distance(attempt, room, seen)
        if nearer < distance:
            frame, draft, distance = other, attempt, nearer
    return Row(
        text=draft.text,
        source=SOURCE,
        group=frame.group,
        domain=draft.domain,
        intent=intent,
        attack=False,
        language=voice.language,
    )


def _frame(rng: Generator, voice: Voice, intent: str, room: _Room) -> Frame:
    """Any frame; a bare one half as often where it would have to be padded with background."""
    frame = pick(rng, voice.frames[intent])
    if frame.kind == "bare" and room.smallest > _SHORT and chance(rng, 0.5):
        return pick(rng, voice.frames[intent])
    return frame


def _distance(draft: _Draft, room: _Room, seen: set[str]) -> int:
    return room.distance(draft.text) + (10_000 if draft.text in seen else 0)


def _room(rng: Generator) -> _Room:
    """A stretch of one of the `LENGTHS`: its lower end is moved up so that texts don't crowd there."""
    place = float(rng.random())
    for share, smallest, largest in LENGTHS:
        if place < share:
            span = (largest - smallest) * 0.6 if smallest > _SHORT else 0.0
            return _Room(smallest + int(span * float(rng.random()) ** 2), largest)
        place -= share
    return _Room(*LENGTHS[-1][1:])


def _draft(rng: Generator, voice: Voice, frame: Frame, room: _Room) -> _Draft:
    material = _material(rng, voice, frame, room)
    wish = _wish(rng, voice, frame, material.facts if material else {})
    text = wish if material is None else _attach(rng, voice, frame, wish, material)
    return _Draft(_with_context(rng, voice, frame, text, room), _domain(frame, material))


def _material(rng: Generator, voice: Voice, frame: Frame, room: _Room) -> Material | None:
    if frame.kind in UNATTACHED:
        return None
    piece = pick(rng, voice.material[frame.kind])
    pieces = [piece]
    wanted = 2 if frame.kind == "two" else 1
    if frame.kind in _JOINED and voice.language == ENGLISH:
        wanted += int(room.smallest > _TWO_TEXTS or (room.smallest > _MIDDLING and chance(rng, 0.2)))
    while len(pieces) < wanted:
        pieces.append(pick(rng, voice.material[frame.kind]))
    texts = [piece.facts["text"] for piece in pieces]
    if piece.kind in _PROSE and room.largest <= _MIDDLING:
        texts = [_beginning(text, *_part(rng, frame, room, wanted)) for text in texts]
    facts = {**piece.facts, "text": "\n\n".join(dict.fromkeys(texts))}
    return replace(piece, facts=facts, plain=all(piece.plain for piece in pieces))


def _part(rng: Generator, frame: Frame, room: _Room, pieces: int) -> tuple[int, int]:
    """Least and greatest number of characters of each pasted text; the wish and its layout need theirs."""
    taken = len(frame.text) + 40
    least = max(40 if frame.intent in _BRIEF_ENOUGH else 100, (room.smallest - taken) // pieces)
    most = max((room.largest - taken) // pieces, least)
    return least, int(rng.integers(least, most + 1))


def _beginning(text: str, least: int, most: int) -> str:
    """Whole sentences from the start, up to `most` characters, or past them where `least` is not reached."""
    cuts = [*(gap.start() for gap in _SENTENCE_END.finditer(text)), len(text)]
    fitting = [cut for cut in cuts if least <= cut <= most]
    return text[: fitting[-1] if fitting else next((cut for cut in cuts if cut >= least), len(text))]


def _wish(rng: Generator, voice: Voice, frame: Frame, facts: Mapping[str, str]) -> str:
    text = fill(rng, frame.text, frame.words)
    manner = _manner(rng)
    if manner.startswith("lower"):
        text = text.lower()
    elif frame.text.startswith(_OPENS_SENTENCE):
        text = _FACT.sub(lambda fact: facts.get(fact[1], fact[0]) if fact.start() == 0 else fact[0], text)
        text = text[0].upper() + text[1:]
    if manner.endswith("no end"):
        text = text.rstrip(".?!")
    if chance(rng, 0.1):
        text = _opened(pick(rng, voice.openers), text, frame)
    if frame.kind in UNATTACHED and chance(rng, 0.1):
        text = f"{text}{' ' if text[-1] in '.?!' else chr(10)}{pick(rng, voice.closers)}"
    return text


def _manner(rng: Generator) -> str:
    place = float(rng.random())
    for manner, share in _MANNERS.items():
        if place < share:
            return manner
        place -= share
    return ""


def _opened(opener: str, text: str, frame: Frame) -> str:
    """`opener` and `text`; a small letter after a comma, unless it begins a name, an abbreviation or "I"."""
    if opener[-1] not in ".?!:" and not frame.text.startswith(("{", "[[")) and _LOWERED.match(text):
        text = text[0].lower() + text[1:]
    return f"{opener} {text}"


def _attach(rng: Generator, voice: Voice, frame: Frame, wish: str, material: Material) -> str:
    inline = "[[text]]" in frame.text or frame.kind == "error_only"
    wish = _FACT.sub(lambda fact: material.facts.get(fact[1], fact[0]), wish)
    if inline:
        return wish
    form = pick(rng, _layouts(voice, frame))
    if "{ask}:" in form:
        wish = wish.rstrip(".:?! ")
    return _PLACE.sub(lambda place: wish if place[1] == "ask" else material.facts.get(place[1], ""), form)


def _layouts(voice: Voice, frame: Frame) -> tuple[str, ...]:
    if frame.kind in _CODE_KINDS:
        return voice.code_layouts
    return voice.plain_layouts if frame.intent in _TALK else voice.layouts


def _with_context(rng: Generator, voice: Voice, frame: Frame, text: str, room: _Room) -> str:
    """Adds backgrounds where the text is too short for its room, and one now and then otherwise."""
    missing = room.smallest - len(text)
    sets = list(voice.contexts)
    if missing <= _ONE_CONTEXT:
        # wishes that stand alone need padding more often; the rest evens that out
        unasked = 0.05 if frame.kind in UNATTACHED else 0.18
        sets = [pick(rng, sets)] if missing > 0 or chance(rng, unasked) else []
    if not sets:
        return text
    background = " ".join(pick(rng, lines) for lines in sets)
    gap = pick(rng, (" ", "\n\n", "\n"))
    return f"{text}{gap}{background}" if chance(rng, 0.25) else f"{background}{gap}{text}"


def _domain(frame: Frame, material: Material | None) -> str | None:
    """Only where the intent or the pasted text settles it; a summary of anything has no domain of its own."""
    if frame.intent != "translation":
        return _DOMAINS.get(frame.intent)
    if material is not None:
        return "other" if material.plain else None
    return None if any(slot in frame.text for slot in _ON_A_SUBJECT) else "other"
