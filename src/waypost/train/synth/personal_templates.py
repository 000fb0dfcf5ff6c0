"""Templates of documents: reading them, and filling their slots so that every value keeps its place.

A template is a text with slots: `{name}`, or `{name2}` for another person's. Slots that end in one number
speak of one person; the same slot twice has the same value. `{{name}}` is the literal text `{name}`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2s
from types import MappingProxyType
from typing import Any, Final

from waypost.train.synth import personal_dates as dates
from waypost.train.synth import personal_ids as ids
from waypost.train.synth import personal_people as people
from waypost.train.synth.draw import Generator, chance
from waypost.train.synth.personal_banks import read
from waypost.train.synth.personal_noise import NOISE
from waypost.train.synth.personal_people import Someone

LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pl", "pt", "sv", "tr")
_SLOT: Final = re.compile(r"\{\{(\w+)\}\}|\{([a-z_]+)(\d*)\}")
_COUNTRY: Final = {"en_US": "GB", "pt_BR": "BR", "en_IN": "GB", "sv_SE": "SE", "tr_TR": "TR"}


def _alone(make: Callable[[Generator], str]) -> Callable[[Generator, Someone], str]:
    return lambda rng, _who: make(rng)


def _iban(rng: Generator, who: Someone) -> str:
    return ids.iban(rng, _COUNTRY.get(who.locale, who.locale[3:]))


PERSONAL: Final[Mapping[str, tuple[str, Callable[[Generator, Someone], str]]]] = MappingProxyType(
    {
        "person": ("PERSON", people.person),
        "full": ("PERSON", people.full),
        "first": ("PERSON", lambda _rng, who: who.first),
        "last": ("PERSON", lambda _rng, who: who.last),
        "titled": ("PERSON", people.titled),
        "turned": ("PERSON", people.turned),
        "initial": ("PERSON", people.initialled),
        "nick": ("PERSON", people.nick),
        "suffixed": ("PERSON", people.suffixed),
        "capital": ("PERSON", people.capital),
        "lower": ("PERSON", people.low),
        "address": ("STREET_ADDRESS", people.address),
        "address_lines": ("STREET_ADDRESS", people.address_lines),
        "street": ("STREET_ADDRESS", people.street),
        "corner": ("STREET_ADDRESS", people.corner),
        "zip": ("STREET_ADDRESS", people.post_code),
        "pobox": ("STREET_ADDRESS", people.box),
        "org": ("ORGANIZATION", people.org),
        "city": ("GPE", people.city),
        "country": ("GPE", people.nation),
        "date": ("DATE_TIME", dates.date),
        "weekday": ("DATE_TIME", dates.weekday),
        "month": ("DATE_TIME", dates.month),
        "year": ("DATE_TIME", dates.year),
        "time": ("DATE_TIME", dates.clock),
        "stamp": ("DATE_TIME", dates.stamp),
        "dob": ("DATE_OF_BIRTH", dates.birth),
        "dob_iso": ("DATE_OF_BIRTH", dates.birth_iso),
        "age": ("AGE", dates.age),
        "phone": ("PHONE_NUMBER", people.phone),
        "email": ("EMAIL_ADDRESS", people.email),
        "email_words": ("EMAIL_ADDRESS", people.spelled_email),
        "url": ("URL", people.url),
        "card": ("CREDIT_CARD", _alone(ids.card)),
        "iban": ("IBAN_CODE", _iban),
        "ssn": ("US_SSN", _alone(ids.ssn)),
        "national": ("US_SSN", lambda rng, who: ids.national(rng, who.locale)),
        "nino": ("UK_NINO", _alone(ids.nino)),
        "ip": ("IP_ADDRESS", _alone(ids.ip)),
        "mac": ("MAC_ADDRESS", _alone(ids.mac)),
        "passport": ("US_PASSPORT", lambda rng, who: ids.passport(rng, who.locale)),
        "licence": ("US_DRIVER_LICENSE", lambda rng, who: ids.licence(rng, who.locale, who.last)),
        "account": ("BANK_ACCOUNT", _alone(ids.account)),
        "routing": ("BANK_ACCOUNT", _alone(ids.routing)),
        "sort_code": ("BANK_ACCOUNT", _alone(ids.sort_code)),
        "mrn": ("MEDICAL_RECORD", _alone(ids.labelled_record)),
        "record": ("MEDICAL_RECORD", _alone(ids.record)),
        "api_key": ("API_KEY", _alone(ids.api_key)),
        "secret": ("API_KEY", _alone(ids.secret)),
        "jwt": ("API_KEY", _alone(ids.token)),
    }
)
"""Slots whose filling is marked, with the type of the mark.

National numbers of other countries count as US_SSN, driving licences and passports of all countries as the
American ones: the tagger has no type for them, and unmarked they would be learned as harmless.
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place to fill; slots with one number speak of one person."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """Lines that come `least` to `most` times, each about somebody else."""

    parts: tuple["str | Slot", ...]
    between: str
    least: int
    most: int


Part = str | Slot | Repeat


@dataclass(frozen=True, slots=True)
class Template:
    """A document with slots.

    Attributes:
        name: language, section and a digest of the text; stable while the text is.
        kind: `pii`, or `clean:` and the section.
        data: tables, code and logs, in which no letter may change at random.
        whole: everything that has a type is marked; else places, dates, firms and ages also stand unmarked.
    """

    name: str
    language: str
    kind: str
    parts: tuple[Part, ...]
    data: bool
    whole: bool

    @property
    def types(self) -> frozenset[str]:
        """Every type it marks."""
        slots = [
            slot for part in self.parts for slot in (part.parts if isinstance(part, Repeat) else (part,))
        ]
        return frozenset(
            PERSONAL[slot.name][0] for slot in slots if isinstance(slot, Slot) and slot.name in PERSONAL
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text of one type, or of none."""

    text: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """The people of one document, and what has been said of them so far."""

    language: str
    people: dict[int, Someone] = field(default_factory=dict[int, Someone])
    said: dict[Slot, Piece] = field(default_factory=dict[Slot, Piece])


def parse(text: str) -> tuple[str | Slot, ...]:
    """`text` cut at its slots.

    Raises:
        KeyError: a slot that nobody can fill.
    """
    parts: list[str | Slot] = []
    at = 0
    for match in _SLOT.finditer(text):
        parts.append(text[at : match.start()])
        at = match.end()
        if match[1]:
            parts.append(f"{{{match[1]}}}")
        elif match[2] in PERSONAL or match[2] in NOISE:
            parts.append(Slot(match[2], int(match[3] or 0)))
        else:
            raise KeyError(match[0])
    parts.append(text[at:])
    return tuple(part for part in parts if part)


@cache
def templates() -> tuple[Template, ...]:
    """Every template of every language, in the order of the files."""
    return tuple(template for language in LANGUAGES for template in _of(language))


@cache
def asides(language: str, what: str) -> tuple[tuple[Part, ...], ...]:
    """Sentences around a document, without marks: `wrap`, `wrap_data` before it, `filler` on either side."""
    return tuple(parse(text) for text in read(language)["asides"][what])


def _of(language: str) -> list[Template]:
    bank = read(language)
    found: list[Template] = []
    for table in ("pii", "pii_data", "clean", "clean_data", "open", "open_data"):
        for section, texts in bank.get(table, {}).items():
            kind = "pii" if table.startswith("pii") else f"clean:{section}"
            for text in texts:
                name = _name(language, section, text)
                found.append(
                    Template(
                        name,
                        language,
                        kind,
                        parse(text),
                        table.endswith("data"),
                        not table.startswith("open"),
                    )
                )
    return found + [_records(language, entry) for entry in bank.get("records", [])]


def _records(language: str, entry: Mapping[str, Any]) -> Template:
    kind = f"clean:{entry['slice']}" if "slice" in entry else "pii"
    repeat = Repeat(
        parse(entry["row"]), entry.get("between", "\n"), entry.get("least", 1), entry.get("most", 5)
    )
    parts = (*parse(entry.get("head", "")), repeat, *parse(entry.get("tail", "")))
    return Template(
        _name(language, "records", repr(sorted(entry.items()))), language, kind, parts, data=True, whole=True
    )


def _name(language: str, section: str, text: str) -> str:
    return f"{language}.{section}.{blake2s(text.encode(), digest_size=4).hexdigest()}"


def fill(rng: Generator, language: str, parts: Sequence[Part]) -> list[Piece]:
    """A document with its slots filled, as pieces in order."""
    scene = Scene(language)
    pieces: list[Piece] = []
    for part in parts:
        if isinstance(part, Repeat):
            for row in range(int(rng.integers(part.least, part.most + 1))):
                pieces += [Piece(part.between)] if row else []
                pieces += [_said(rng, scene, inner, 10 * (row + 1)) for inner in part.parts]
        else:
            pieces.append(_said(rng, scene, part, 0))
    return _merged(pieces)


_GAPS: Final = {"PERSON": {" "}, "STREET_ADDRESS": {" ", ", "}, "DATE_TIME": {" ", ", "}}
"""What may stand between two marks of one type that are one: two names, street and town, day and time."""


def _merged(pieces: Sequence[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for piece in pieces:
        if len(merged) > 1 and piece.type and piece.type == merged[-2].type and not merged[-1].type:
            gap = merged[-1].text
            if gap in _GAPS.get(piece.type, ()):
                merged[-2:] = [Piece(merged[-2].text + gap + piece.text, piece.type)]
                continue
        merged.append(piece)
    return merged


def _said(rng: Generator, scene: Scene, part: str | Slot, shift: int) -> Piece:
    if isinstance(part, str):
        return Piece(part)
    slot = Slot(part.name, part.number + shift)
    if slot not in scene.said:
        scene.said[slot] = _filled(rng, scene, slot)
    return scene.said[slot]


def _filled(rng: Generator, scene: Scene, slot: Slot) -> Piece:
    if slot.name in NOISE:
        return Piece(NOISE[slot.name](rng))
    if slot.number not in scene.people:
        scene.people[slot.number] = _met(rng, scene)
    kind, make = PERSONAL[slot.name]
    return Piece(make(rng, scene.people[slot.number]), kind)


def _met(rng: Generator, scene: Scene) -> Someone:
    """Somebody new; one in six is related to the first person of the document."""
    someone = people.someone(rng, scene.language)
    if scene.people and chance(rng, 0.15):
        other = next(iter(scene.people.values()))
        return Someone(someone.language, other.locale, someone.first, someone.middle, other.last)
    return someone
