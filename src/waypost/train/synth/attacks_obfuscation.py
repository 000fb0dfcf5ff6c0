"""Short attacks in disguise, and innocent sentences in the same disguise.

An encoded payload cannot be read by the classifier: what tells the two apart is whether the text asks for
it to be obeyed. Styled and wrapped payloads stay legible.
"""

import base64
import codecs
import html
import json
import string
import urllib.parse
from collections.abc import Callable, Iterator, Sequence

from waypost.train.synth.attacks_banks import Draft, deck, group, strings, words
from waypost.train.synth.attacks_noise import chatter
from waypost.train.synth.draw import Generator, chance, fill, pick

LONGEST_PAYLOAD = 220
TWINS = 0.55
"""Share of disguised attacks that bring an innocent text in the same disguise."""

_LEET = str.maketrans("aeiostgbAEIOSTGB", "43105798" * 2)
_LOOKALIKE = str.maketrans("aceopxyABEHKMOPTXi", "асеорхуАВЕНКМОРТХі")  # noqa: RUF001
_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_BOLD = {code: code - 0x61 + 0x1D41A for code in range(0x61, 0x7B)}
_DASHES = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- "
    "-. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
)
_MORSE = dict(zip(string.ascii_lowercase, _DASHES.split(), strict=True))


def _pig(word: str) -> str:
    at = next((i for i, c in enumerate(word) if c.lower() in "aeiou"), 0)
    return word[at:] + word[:at] + "ay" if word.isalpha() else word


def _by_word(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: " ".join(change(word) for word in text.split())


ENCODINGS: Sequence[tuple[str, Callable[[str], str]]] = (
    ("base64", lambda text: base64.b64encode(text.encode()).decode()),
    ("Base64", lambda text: base64.b64encode(text.encode()).decode()),
    ("b64 url-safe", lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")),
    ("base32", lambda text: base64.b32encode(text.encode()).decode()),
    ("hex", lambda text: text.encode().hex()),
    ("hexadecimal", lambda text: text.encode().hex(" ")),
    ("rot13", lambda text: codecs.encode(text, "rot13")),
    ("ROT-13", lambda text: codecs.encode(text, "rot13")),
    ("Caesar cipher (+3)", lambda text: "".join(_shifted(c, 3) for c in text)),
    ("URL encoding", lambda text: urllib.parse.quote(text, safe="")),
    ("percent-encoding", lambda text: "".join(f"%{byte:02X}" for byte in text.encode())),
    ("HTML entities", lambda text: "".join(f"&#{ord(c)};" for c in text)),
    ("ASCII codes", lambda text: " ".join(str(ord(c)) for c in text)),
    ("binary", lambda text: " ".join(f"{byte:08b}" for byte in text[:60].encode())),
    ("Morse code", lambda text: " ".join(_MORSE.get(c, "/") for c in text.lower())),
    ("unicode escapes", lambda text: "".join(f"\\u{ord(c):04x}" for c in text)),
    ("reversed text", lambda text: text[::-1]),
    ("base64, reversed", lambda text: base64.b64encode(text.encode()).decode()[::-1]),
)

STYLES: Sequence[Callable[[str], str]] = (
    lambda text: text.translate(_LEET),
    lambda text: text.lower().translate(str.maketrans("eao", "340")),
    lambda text: text[::-1],
    " ".join,
    ".".join,
    "-".join,
    _by_word(lambda word: word[::-1]),
    lambda text: " ".join(reversed(text.split())),
    "\u200b".join,
    _by_word("\u200d".join),
    lambda text: text.translate(_LOOKALIKE),
    _by_word(_pig),
    lambda text: text.translate(_WIDE),
    lambda text: text.lower().translate(_BOLD),
    _by_word(lambda word: word[:1] + "".join(c for c in word[1:] if c not in "aeiou")),
    lambda text: "".join(word[:1].upper() + word[1:] for word in text.split()),
    lambda text: "_".join(text.split()),
    lambda text: "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(text)),
    _by_word(lambda word: f"*{word}*"),
    _by_word(lambda word: word[:2] + "-" + word[2:] if word[3:] else word),
    lambda text: " 🔥 ".join(text.split()),
    lambda text: "\n".join(text.split()),
    _by_word(lambda word: "".join(c * 2 for c in word)),
    lambda text: "".join(text.split()),
    _by_word(lambda word: f"[{word}]"),
    lambda text: text.replace("e", "е\u0301").replace("o", "о"),  # noqa: RUF001
)


def _shifted(letter: str, by: int) -> str:
    if not (letter.isascii() and letter.isalpha()):
        return letter
    start = ord("A") if letter.isupper() else ord("a")
    return chr((ord(letter) - start + by) % 26 + start)


def disguised(rng: Generator, frames: Sequence[tuple[str, str]], banks_of: str) -> Iterator[list[Draft]]:
    """Attacks from `frames` in disguise, forever, some with an innocent twin.

    Args:
        rng: this stream's own.
        frames: kind and frame of short attacks; a disguised attack stays in the group of the plain one.
        banks_of: file whose slots the frames use besides the common ones.
    """
    for kind, frame in deck(rng, frames):
        attack = fill(rng, frame, words(banks_of))
        if len(attack) > LONGEST_PAYLOAD:
            continue
        innocent = chatter(rng, int(rng.integers(2)), ask=True)
        name = group(kind, frame)
        hostile, harmless = pick(rng, (_encoded, _styled, _styled, _wrapped))(rng, attack, innocent)
        drafts = [Draft(hostile, name, "obfuscated")]
        if chance(rng, TWINS):
            drafts.append(Draft(harmless, name, "obfuscated_twin"))
        yield drafts


def _encoded(rng: Generator, attack: str, innocent: str) -> tuple[str, str]:
    codec, encode = pick(rng, ENCODINGS)
    return (
        _around(rng, pick(rng, strings("obfuscation", "encoded", "hostile")), encode(attack), codec),
        _around(rng, pick(rng, strings("obfuscation", "encoded", "harmless")), encode(innocent), codec),
    )


def _styled(rng: Generator, attack: str, innocent: str) -> tuple[str, str]:
    style = pick(rng, STYLES)
    return (
        _around(rng, pick(rng, strings("obfuscation", "styled", "hostile")), style(attack)),
        _around(rng, pick(rng, strings("obfuscation", "styled", "harmless")), style(innocent)),
    )


def _wrapped(rng: Generator, attack: str, innocent: str) -> tuple[str, str]:
    wrapper = pick(rng, strings("obfuscation", "wrapped", "templates"))
    escape = _in_json if wrapper.startswith("{") else html.escape if wrapper.startswith("<") else str
    return _around(rng, wrapper, escape(attack)), _around(rng, wrapper, escape(innocent))


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _around(rng: Generator, template: str, payload: str, codec: str = "") -> str:
    """`template` with its words drawn; the payload is put in last, because it may hold braces of its own."""
    text = fill(rng, template.replace("{payload}", "\0"), {**words("obfuscation"), "codec": (codec,)})
    return text.replace("\0", payload)
