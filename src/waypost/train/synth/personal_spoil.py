"""How people really type: one case, no punctuation, slips, no accents. Marks keep their place."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from waypost.train.synth.draw import Generator, chance, pick
from waypost.train.synth.personal_ids import LETTERS
from waypost.train.synth.personal_people import ascii_only
from waypost.train.synth.personal_templates import Piece

Spoil = Callable[[Generator, list[Piece]], list[Piece]]
_EXACT: Final = frozenset({"API_KEY", "URL"})


def _each(pieces: list[Piece], change: Callable[[str], str]) -> list[Piece]:
    """`change` on every piece but those in which each letter counts."""
    return [piece if piece.type in _EXACT else replace(piece, text=change(piece.text)) for piece in pieces]


def small(_rng: Generator, pieces: list[Piece]) -> list[Piece]:
    """All in small letters."""
    return _each(pieces, str.lower)


def capitals(_rng: Generator, pieces: list[Piece]) -> list[Piece]:
    """All in capitals."""
    return _each(pieces, str.upper)


def bare(rng: Generator, pieces: list[Piece]) -> list[Piece]:
    """Small letters and no punctuation outside the marks."""
    table = str.maketrans("", "", ".,;:!?\"'()¿¡")
    return small(rng, [p if p.type else replace(p, text=p.text.translate(table)) for p in pieces])


def plain(_rng: Generator, pieces: list[Piece]) -> list[Piece]:
    """No accents."""
    return _each(pieces, ascii_only)


def slips(rng: Generator, pieces: list[Piece]) -> list[Piece]:
    """One word in twelve outside the marks mistyped: letters swapped, dropped, doubled or replaced."""
    return [
        piece
        if piece.type
        else replace(piece, text=" ".join(_slip(rng, word) for word in piece.text.split(" ")))
        for piece in pieces
    ]


_SHORTEST: Final = 4


def _slip(rng: Generator, word: str) -> str:
    if len(word) < _SHORTEST or not word.isalpha() or not chance(rng, 1 / 12):
        return word
    at = int(rng.integers(1, len(word) - 1))
    head, letter, tail = word[:at], word[at], word[at + 1 :]
    wrong = pick(rng, LETTERS[26:])
    return head + pick(rng, (tail[0] + letter + tail[1:], tail, letter + letter + tail, wrong + tail))


def one_line(_rng: Generator, pieces: list[Piece]) -> list[Piece]:
    """Line ends turned into spaces, as after a paste into a chat."""
    return [replace(piece, text=piece.text.replace("\n", " ")) for piece in pieces]


_PROSE: Final[tuple[tuple[float, Spoil], ...]] = (
    (0.10, small), (0.05, bare), (0.03, capitals), (0.06, slips), (0.03, plain), (0.03, one_line),
)  # fmt: skip
_DATA: Final[tuple[tuple[float, Spoil], ...]] = ((0.06, small), (0.02, capitals), (0.02, plain))


def spoil(rng: Generator, pieces: list[Piece], *, data: bool) -> list[Piece]:
    """`pieces`, three in ten times changed in one of these ways; data one in ten, in case or accents."""
    draw = rng.random()
    for share, change in _DATA if data else _PROSE:
        if draw < share:
            return change(rng, pieces)
        draw -= share
    return pieces
