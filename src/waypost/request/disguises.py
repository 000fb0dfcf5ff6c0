"""What a text says once its disguise is off: base64, hex, ciphers, leetspeak, look-alike letters and others.

Folding (`text.py`) takes away what no reader sees. A disguise is seen but not read: a guard that only looks
at the text as sent judges noise, while the model behind it may well decode it.

Rule 1: only a text with a sign of a disguise has further readings, so ordinary text costs nothing more.
Rule 2: work is linear and bounded, whatever the text is; a reading is never longer than what it is made of.
Rule 3: a sign that ordinary text may show by chance counts only where what is under it is proven: by being
text at all, or by its words (`wordplay.py`).
"""

import base64
import binascii
import html
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

from waypost.request.chat import Message
from waypost.request.text import fold
from waypost.request.wordplay import apart, ciphers, known, leet, together

LOOKED_AT: Final = 1 << 18
"""Characters of one text that are looked at, half of them from its end: twice what guards have read by
default."""

MOST: Final = 24
"""Readings of one text: each disguise makes one, and only disguises within disguises come to more."""

LAYERS: Final = 2
"""How many disguises on top of each other are taken off."""


class Reading(NamedTuple):
    """What stands under a disguise.

    Attributes:
        how: names of the disguises, the outer one first: `base64, rot13`.
    """

    how: str
    text: str


def disguises(text: str) -> tuple[Reading, ...]:
    """Further readings of a text, each once; none where there is no sign of a disguise."""
    if len(text) > LOOKED_AT:
        text = f"{text[: LOOKED_AT // 2]}\n{text[-LOOKED_AT // 2 :]}"
    found: dict[str, Reading] = {}
    layer = [Reading("", text)]
    for _ in range(LAYERS):
        under: list[Reading] = []
        for outer in layer:
            for inner in _taken_off(outer.text):
                how = f"{outer.how}, {inner.how}" if outer.how else inner.how
                if inner.text not in found and inner.text != text and len(found) < MOST:
                    found[inner.text] = Reading(how, inner.text)
                    under.append(found[inner.text])
        layer = under
    return tuple(found.values())


def _taken_off(text: str) -> Iterator[Reading]:
    """What each disguise hides, every place of it in one reading."""
    plain = text
    if not text.isascii():
        yield from _joined("tag characters", (_tags(run[0]) for run in _TAGS.finditer(text)))
        yield from _joined("variation selectors", (_selected(run[0]) for run in _SELECTORS.finditer(text)))
        yield from _joined("look-alike letters", _look_alikes(text))
        yield from _joined("invisible gaps", _gaps(text))
        plain = fold(text, case_sensitive=True).text
    for how, undo in _UNDO:
        yield from _joined(how, undo(plain))
    for how, said in ciphers(plain):
        yield from _joined(how, (said,))


def _joined(how: str, pieces: Iterable[str]) -> Iterator[Reading]:
    if text := "\n".join(filter(None, map(str.strip, pieces))):
        yield Reading(how, text)


# --- what is not ASCII

_TAGS: Final = re.compile("[\U000e0020-\U000e007e]{4,}")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")


def _tags(run: str) -> str:
    """Unicode's tag characters are ASCII that nothing shows."""
    return "".join(chr(ord(char) - 0xE0000) for char in run)


def _selected(run: str) -> str:
    """The 256 variation selectors as bytes: text smuggled behind an emoji."""
    at = (ord(char) for char in run)
    return _as_text(bytes(c - 0xFE00 if c <= 0xFE0F else c - 0xE0100 + 16 for c in at))  # noqa: PLR2004


_CYRILLIC: Final = ("асеорхуіјѕԁһӏԛԝЅІЈАВЕКМНОРСТХУҮԌ", "aceopxyijsdhlqwSIJABEKMHOPCTXYYG")  # noqa: RUF001
_GREEK: Final = ("αειονρτυχκΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲϳ", "aeiovptuxkABEZHIKMNOPTYXcj")
_ARMENIAN: Final = ("օսհոցզԼ", "ouhngqL")
_SMALL_CAPITALS: Final = ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz")
_TURNED: Final = ("ɐɔǝɟɓƃɥᴉıɾʞɯɹʇʌʍʎ", "acefgghiijkmrtvwy")
_ALIKE: Final = str.maketrans(
    _CYRILLIC[0] + _GREEK[0] + _ARMENIAN[0] + _SMALL_CAPITALS[0],
    _CYRILLIC[1] + _GREEK[1] + _ARMENIAN[1] + _SMALL_CAPITALS[1],
)
_REGIONAL: Final = {0x1F1E6 + n: letter for n, letter in enumerate(string.ascii_lowercase)}
_LOOKS: Final = "".join(map(chr, _ALIKE))
_MIXED: Final = re.compile(
    rf"\b(?=[A-Za-z]*+[{_LOOKS}])(?=[{_LOOKS}]*+[A-Za-z])[A-Za-z{_LOOKS}]{{4,}}+\b|[{_SMALL_CAPITALS[0]}]{{3,}}+"
)
_FLAGS: Final = re.compile("(?:[\U0001f1e6-\U0001f1ff][\u200b \u200d]?){6,}")
_SIGNS: Final = 2
"""Fewer words of mixed scripts are names and units."""


def _look_alikes(text: str) -> Iterator[str]:
    """Latin words written with letters of other scripts; turned letters are read from the end."""
    mixed = _MIXED.finditer(text)
    if sum(1 for _, _ in zip(range(_SIGNS), mixed, strict=False)) == _SIGNS:
        yield text.translate(_ALIKE)
    for run in _FLAGS.finditer(text):
        yield "".join(filter(str.isalpha, run[0].translate(_REGIONAL)))
    if sum(map(text.count, "ǝɹʇɯɥ")) >= 2 * _SIGNS:
        yield text.translate(str.maketrans(*_TURNED))[::-1]


_UNSEEN: Final = re.compile("[\xad\u200b-\u200f\u2060-\u2064\ufeff]+")
_INVISIBLE: Final = re.compile(f"(?<=[^\\W_]{{2}}){_UNSEEN.pattern}(?=[^\\W_]{{2}})")


def _gaps(text: str) -> Iterator[str]:
    """Invisible characters in the place of spaces; folding takes them for nothing."""
    begin = end = 0
    for found in _INVISIBLE.finditer(text):
        if end and found.start() - _AROUND > end:
            yield from _gapped(text[begin:end])
            end = 0
        begin = begin if end else max(0, found.start() - _AROUND)
        end = found.end() + _AROUND
    yield from _gapped(text[begin:end])


def _gapped(text: str) -> Iterator[str]:
    said = _UNSEEN.sub(" ", text)
    if known(said.lower()):
        yield said


_AROUND: Final = 150
"""Characters around an invisible gap that are read with it."""


# --- codes

_BASE64: Final = re.compile(
    r"[A-Za-z0-9+/_-]{16,}={0,2}(?:\s{1,4}[A-Za-z0-9+/_-]{8,}={0,2}(?![^\s\"'`)\]},.;:]))*"
)
_BASE64_PIECE: Final = re.compile(r"[A-Za-z0-9+]{16,}={0,2}")
_BASE32: Final = re.compile(r"\b[A-Z2-7]{16,}={0,6}")
_HEX: Final = re.compile(r"(?:(?:\\x|0x|%)?[0-9a-fA-F]{2}[\s,:;-]{0,2}+){8,}+")
_NUMBERS: Final = re.compile(r"(?:\b[01]?[0-9]{2}\b[\s,;]{0,2}+){8,}+")
_BITS: Final = re.compile(r"(?:\b[01]{7,8}\b\s{0,2}+){6,}+|(?:[01]{8}){6,}+")
_MORSE: Final = re.compile(r"(?:[.\-·–−]{1,6}[ /|\n]{1,3}+){8,}+(?:[.\-·–−]{1,6}+)?")  # noqa: RUF001
_LETTER: Final = r"(?:6[5-9]|[78]\d|90|9[7-9]|1[01]\d|12[0-2])"
_LETTER_16: Final = r"(?:[46][1-9a-fA-F]|[57][0-9aA])"
_ENTITY: Final = re.compile(rf"&#(?:0{{0,4}}{_LETTER}|[xX]0{{0,4}}{_LETTER_16});?")
_PERCENT: Final = re.compile(rf"%{_LETTER_16}")
_GAP: Final = re.compile(r"%20")
_WORD: Final = re.compile(r"\S+")


def _base64(text: str) -> Iterator[str]:
    for run in _BASE64.finditer(text):
        whole = "".join(run[0].split())
        piece = _debased(whole) or _debased(whole[::-1])
        if piece:
            yield piece
            continue
        # Several on a line, or one with a path around it.
        for part in _BASE64_PIECE.finditer(run[0]):
            yield _debased(part[0])


def _debased(run: str) -> str:
    run = run.strip("=").replace("-", "+").replace("_", "/")
    if len(run) % 4 == 1:
        run = run[:-1]
    try:
        return _as_text(base64.b64decode(run + "=" * (-len(run) % 4), validate=True))
    except binascii.Error:
        return ""


def _base32(text: str) -> Iterator[str]:
    for run in _BASE32.finditer(text):
        code = run[0].rstrip("=")
        code = code[: len(code) - len(code) % 8 + _WHOLE_32[len(code) % 8]]
        yield _as_text(base64.b32decode(code + "=" * (-len(code) % 8)))


_WHOLE_32: Final = (0, 0, 2, 2, 4, 5, 5, 7)
"""Characters of a last group of base32 that make whole bytes, by the number there are."""


def _hex(text: str) -> Iterator[str]:
    for run in _HEX.finditer(text):
        digits = re.sub(r"\\x|0x|[^0-9a-fA-F]", "", run[0])
        yield _as_text(bytes.fromhex(digits[: len(digits) // 2 * 2]), _PROSE)


def _numbers(text: str) -> Iterator[str]:
    """Character codes in decimal."""
    for run in _NUMBERS.finditer(text):
        codes = [int(code) for code in re.findall(r"\d+", run[0])]
        yield _as_text(bytes(codes), _PROSE) if max(codes) < 256 else ""  # noqa: PLR2004 - bytes


def _bits(text: str) -> Iterator[str]:
    for run in _BITS.finditer(text):
        groups = re.findall(r"[01]{8}|[01]{7}", run[0])
        yield _as_text(bytes(int(group, 2) for group in groups), _PROSE)


_MORSE_CODE: Final[Mapping[str, str]] = dict(
    zip(
        (
            *(".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--"),
            *("-.", "---", ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--.."),
        ),
        string.ascii_lowercase,
        strict=True,
    )
)


def _morse(text: str) -> Iterator[str]:
    for run in _MORSE.finditer(text):
        dashed = run[0].translate({ord("·"): ".", ord("–"): "-", ord("−"): "-"})  # noqa: RUF001
        words = re.split(r" ?[/|\n] ?|  +", dashed)
        said = " ".join("".join(_MORSE_CODE.get(code, "") for code in word.split()) for word in words)
        yield said if len(set(said)) > 6 else ""  # noqa: PLR2004 - a ruler of dashes has one letter


def _entities(text: str) -> Iterator[str]:
    """Lines with letters written as numeric entities; nobody's editor writes letters so."""
    for line in text.split("\n") if "&#" in text else ():
        if len(_ENTITY.findall(line)) > _SIGNS:
            yield html.unescape(line)


def _percent(text: str) -> Iterator[str]:
    """Letters in percent-encoding, which no address needs, or a whole sentence in an address."""
    for word in _WORD.finditer(text) if "%" in text else ():
        run = word[0]
        if len(_PERCENT.findall(run)) > _SIGNS or len(_GAP.findall(run)) > _SIGNS:
            said = unquote(run, errors="ignore")
            if _PERCENT.search(run) or known(said.lower()):
                yield said


_PROSE: Final = 0.7
"""Share of letters and spaces from which numbers in a row are text, and not numbers."""


def _as_text(data: bytes, least: float = 0.3) -> str:
    """Decoded bytes if they are readable text, else nothing.

    Args:
        data: what stood in the code.
        least: share of letters and spaces it must have.
    """
    try:
        text = data.decode().strip("\0 \r\n")
    except UnicodeDecodeError:
        return ""
    told = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
    if not told.isprintable():
        return ""
    letters = sum(char.isalpha() or char == " " for char in told)
    return text if letters > least * len(text) else ""


_UNDO: Final[Sequence[tuple[str, Callable[[str], Iterator[str]]]]] = (
    ("base64", _base64),
    ("base32", _base32),
    ("hex", _hex),
    ("character codes", _numbers),
    ("binary", _bits),
    ("Morse code", _morse),
    ("HTML entities", _entities),
    ("percent-encoding", _percent),
    ("letters set apart", apart),
    ("words run together", together),
    ("leetspeak", leet),
)


# --- one text over several messages

TURNS: Final = 8
"""User messages that are read as one."""

TURN: Final = 2000
"""Characters of each of them, from its end but for the last one: where a cut text goes on."""


def across(messages: Sequence[Message]) -> str:
    """The last user messages as one text, if they look like one that was cut; else nothing.

    They do where they follow each other without an answer between them, or where one breaks off in the middle
    of a sentence that the next one goes on with.
    """
    texts: list[str] = []
    answered = False
    for message in reversed(messages):
        if message.role not in {"user", "assistant"}:
            break
        if message.role == "assistant":
            answered = True
            continue
        text = "\n".join(part.text for part in message.parts if part.kind == "text" and not part.again)
        if texts and answered and not _goes_on(text, texts[-1]):
            break
        answered = False
        if text.strip():
            texts.append(text)
        if len(texts) == TURNS:
            break
    if len(texts) < 2:  # noqa: PLR2004 - one text is read as it is
        return ""
    return " ".join(text[-TURN:] for text in reversed(texts))


def _goes_on(before: str, after: str) -> bool:
    return before.rstrip()[-1:].isalpha() and after.lstrip()[:1].islower()
