"""Reads the hand-written frames of the benign generators and fills their slots.

What is drawn, and how often, is decided in the modules beside this one.
"""

import base64
import codecs
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from waypost.train.synth.attacks_banks import capital, group
from waypost.train.synth.draw import Generator, fill, generator, pick

FILES: Final = (
    "slots", "trigger", "roleplay", "security", "unsafe", "prompting", "code", "chat", "documents", "foreign",
    "encoded", "writing", "scenes", "general",
    "long",
)  # fmt: skip

_CHOICE = re.compile(r"\[([^\[\]\n]*\|[^\[\]\n]*)\]")
_ARTICLE = re.compile(r"\b([Aa])\(n\) (¬?)(?=\W*(\w+))")
_HEX = "0123456789abcdef"
_MORSE: Final = (
    ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--", "-.", "---",
    ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--..",
)  # fmt: skip
"""From a to z."""

_SETTING = (
    "device", "item", "dish", "vehicle", "topic", "subject", "illness", "service", "malware", "control",
    "job", "lower", "vuln", "game", "framework", "db", "plang", "tool", "instrument", "plant",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """A text on its way to becoming a row.

    Attributes:
        group: frame, record or document type it was made from; the unit of a split.
        kind: slice of a report.
        language: ISO 639-1.
    """

    text: str
    group: str
    kind: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Frame:
    """A sentence or text with slots, and how long it usually gets, in characters."""

    text: str
    group: str
    language: str
    length: int


@cache
def table(name: str) -> Mapping[str, Any]:
    """The file `banks/benign_{name}.toml`."""
    path = files("waypost.train.synth").joinpath("banks", f"benign_{name}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def strings(name: str, *keys: str) -> tuple[str, ...]:
    """The list of strings under `keys` in one of the files."""
    found: Any = table(name)
    for key in keys:
        found = found[key]
    return tuple(str(item) for item in found)


@cache
def slots() -> Mapping[str, Sequence[str]]:
    """The slots of all files."""
    return {slot: tuple(items) for name in FILES for slot, items in table(name).get("slots", {}).items()}


@cache
def frames(name: str, *sections: str) -> tuple[Frame, ...]:
    """All frames of a file, or those of some sections; a section of the file `foreign` is a language."""
    rng = generator(0, "benign", "length")
    chosen = sections or tuple(table(name)["frames"])
    return tuple(
        Frame(
            text=text,
            group=group(f"{name}/{section}", text),
            language=section if name == "foreign" else "en",
            length=sorted(len(render(rng, text)) for _ in range(3))[1],
        )
        for section in chosen
        for text in strings(name, "frames", section)
    )


def render(rng: Generator, template: str, fixed: Mapping[str, str] | None = None) -> str:
    """`template` with choices `[a|b]` made, slots filled and `a(n)` resolved.

    Args:
        rng: source of the choices.
        template: the text of a frame.
        fixed: slots that are known already.

    Raises:
        KeyError: a slot that no bank has.
    """
    banks = Words(rng, fixed or {})
    text = template
    for _ in range(4):
        text = fill(rng, _CHOICE.sub(lambda found: pick(rng, found[1].split("|")), text), banks)
        if not _CHOICE.search(text):
            break
    return _ARTICLE.sub(_article, text).replace("¬", "")


def setting(rng: Generator) -> dict[str, str]:
    """Words that stay the same throughout one document: the thing it is about, and the day."""
    return {slot: render(rng, f"{{{slot}}}") for slot in (*_SETTING, "nn_month", "nn_day")}


def _article(found: re.Match[str]) -> str:
    """`a` or `an` before the next word; nothing before a name, which a `¬` marks."""
    if found[2]:
        return ""
    word = found[3]
    silent = word.lower().startswith(("uni", "use", "ux", "one", "eu"))
    return f"{found[1]}n " if word[0].lower() in "aeiou" and not silent else f"{found[1]} "


class Words(Mapping[str, Sequence[str]]):
    """Words by slot: what is fixed, those of the banks, and codes made up when they are asked for.

    `{slot_cap}` is a word of `slot` that begins with a capital.
    """

    def __init__(self, rng: Generator, fixed: Mapping[str, str]) -> None:
        self._rng = rng
        self._fixed = fixed

    def __getitem__(self, slot: str) -> Sequence[str]:
        if slot in self._fixed:
            return (self._fixed[slot],)
        if slot in slots():
            return slots()[slot]
        if slot in MAKERS:
            return (MAKERS[slot](self._rng),)
        if slot.endswith("_cap"):
            return tuple(capital(word) for word in self[slot.removesuffix("_cap")])
        raise KeyError(slot)

    def __iter__(self) -> Iterator[str]:
        yield from {**self._fixed, **slots(), **MAKERS}

    def __len__(self) -> int:
        return len({**self._fixed, **slots(), **MAKERS})


def _number(low: int, high: int, width: int = 0) -> Callable[[Generator], str]:
    return lambda rng: f"{int(rng.integers(low, high)):0{width}d}"


def _hex(length: int) -> Callable[[Generator], str]:
    return lambda rng: "".join(_HEX[int(digit)] for digit in rng.integers(16, size=length))


def _plain(rng: Generator) -> str:
    return pick(rng, strings("encoded", "records", "plain"))


def _date(rng: Generator) -> str:
    day, month, year = (int(rng.integers(low, high)) for low, high in ((1, 29), (0, 12), (2015, 2036)))
    name = slots()["month"][month]
    forms = (
        f"{day} {name} {year}",
        f"{year}-{month + 1:02d}-{day:02d}",
        f"{name} {day}",
        f"{day}.{month + 1}.{year}",
    )
    return pick(rng, forms)


def _price(rng: Generator) -> str:
    amount = int(rng.integers(2, 10)) * 10 ** int(rng.integers(1, 4)) + int(rng.integers(0, 10))
    return pick(rng, (f"{amount} euros", f"${amount:,}", f"€{amount}", f"£{amount:,}", f"{amount} dollars"))


def _address(rng: Generator) -> str:
    """From the ranges for documentation and private networks, RFC 5737 and RFC 1918."""
    net = pick(rng, ("192.0.2", "198.51.100", "203.0.113", "10.0.0", "192.168.1"))
    return f"{net}.{int(rng.integers(1, 255))}"


def _uuid(rng: Generator) -> str:
    return "-".join(_hex(length)(rng) for length in (8, 4, 4, 4, 12))


def _base64(rng: Generator) -> str:
    return base64.b64encode(_plain(rng).encode()).decode()


def _header(rng: Generator) -> str:
    """The first part of a JSON Web Token, RFC 7519."""
    header = json.dumps({"alg": pick(rng, ("HS256", "RS256", "ES256")), "typ": "JWT", "kid": _hex(4)(rng)})
    return base64.urlsafe_b64encode(header.encode()).decode().rstrip("=")


def _acrostic(rng: Generator) -> str:
    names = sorted(slots()["city"])
    return ", ".join(pick(rng, names) for _ in range(int(rng.integers(4, 7))))


MAKERS: Final[Mapping[str, Callable[[Generator], str]]] = {
    "n": _number(2, 10),
    "nn": _number(10, 100),
    "nnn": _number(100, 1000),
    "nn_low": _number(10, 26),
    "nn_day": _number(1, 29, 2),
    "nn_month": _number(1, 13, 2),
    "nn_sec": _number(0, 60, 2),
    "year": _number(1995, 2036),
    "clock": lambda rng: f"{int(rng.integers(6, 23))}:{int(rng.integers(0, 12)) * 5:02d}",
    "date": _date,
    "price": _price,
    "ver": lambda rng: ".".join(str(int(part)) for part in rng.integers(0, 20, size=int(rng.integers(2, 4)))),
    "ip": _address,
    "port": lambda rng: pick(
        rng, ("22", "80", "443", "3000", "5432", "6379", "8000", "8080", "8443", "9090")
    ),
    "order": lambda rng: pick(rng, ("#", "A-", "", "OR-", "no. ")) + _number(10**5, 10**8)(rng),
    "sha": _hex(64),
    "sha_short": _hex(7),
    "hexcolour": _hex(6),
    "uuid": _uuid,
    "b_sixty_four": _base64,
    "b_sixty_four_json": _header,
    "hex": lambda rng: _plain(rng).encode().hex(" "),
    "binary": lambda rng: " ".join(f"{ord(letter):08b}" for letter in _plain(rng)[:8]),
    "rot": lambda rng: codecs.encode(_plain(rng), "rot13"),
    "morse": lambda rng: " ".join(
        _MORSE[ord(letter) - ord("a")] for letter in _plain(rng) if letter.isalpha()
    ),
    "urlencoded": lambda rng: "".join(f"%{ord(letter):02X}" for letter in _plain(rng)[:12]),
    "acrostic": _acrostic,
    "reversed": lambda rng: _plain(rng)[::-1],
}
"""Slots that no list could hold: lower-case letters and underscores only, as in every slot."""
