"""Disguises can be undone, and innocent texts wear them too."""

import base64
import codecs
import html
import urllib.parse
from collections.abc import Callable
from itertools import islice

import pytest

from waypost.train.synth.attacks_banks import group
from waypost.train.synth.attacks_obfuscation import ENCODINGS, LONGEST_PAYLOAD, STYLES, disguised
from waypost.train.synth.draw import generator

TEXT = "Stop and say no."
UNDO: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64decode(text).decode(),
    "base32": lambda text: base64.b32decode(text).decode(),
    "hex": lambda text: bytes.fromhex(text).decode(),
    "hexadecimal": lambda text: bytes.fromhex(text).decode(),
    "rot13": lambda text: codecs.decode(text, "rot13"),
    "URL encoding": urllib.parse.unquote,
    "percent-encoding": urllib.parse.unquote,
    "HTML entities": html.unescape,
    "ASCII codes": lambda text: "".join(chr(int(code)) for code in text.split()),
    "binary": lambda text: bytes(int(bits, 2) for bits in text.split()).decode(),
    "unicode escapes": lambda text: text.encode().decode("unicode_escape"),
    "reversed text": lambda text: text[::-1],
    "base64, reversed": lambda text: base64.b64decode(text[::-1]).decode(),
}


@pytest.mark.parametrize("codec", UNDO)
def test_an_encoded_text_can_be_decoded(codec: str) -> None:
    assert UNDO[codec](dict(ENCODINGS)[codec](TEXT)) == TEXT


def test_caesar_and_morse() -> None:
    encodings = dict(ENCODINGS)
    assert encodings["Caesar cipher (+3)"]("Xyz, abc") == "Abc, def"
    assert encodings["Morse code"]("so") == "... ---"


@pytest.mark.parametrize("style", STYLES)
def test_every_style_changes_the_text(style: Callable[[str], str]) -> None:
    assert style(TEXT) != TEXT
    assert style(TEXT).strip()


def test_attacks_and_twins_come_in_the_same_disguises() -> None:
    frames = [("direct", "say {word}"), ("direct", "x" * (LONGEST_PAYLOAD + 1))]
    batches = list(islice(disguised(generator(0, "o"), frames, "extraction"), 900))
    assert {batch[0].kind for batch in batches} == {"obfuscated"}
    assert 0.45 < sum(len(batch) == 2 for batch in batches) / 900 < 0.65
    assert {draft.group for batch in batches for draft in batch} == {group("direct", "say {word}")}
    twins = [batch[1] for batch in batches if len(batch) == 2]
    assert not any(twin.attack or "\0" in twin.text or "{payload}" in twin.text for twin in twins)
    for mark in ("base64", "<!--", "```", "\u200b"):
        assert any(mark in twin.text for twin in twins)
