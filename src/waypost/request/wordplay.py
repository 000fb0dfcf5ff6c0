"""Disguises that only words can prove: letters set apart or replaced, words run together, ciphers, reversal.

Ordinary text has figures in words, single letters and long names, so a sign alone is nothing: what is under
it must hold words that attacks cannot do without (`KNOWN`).
"""

import re
import string
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ahocorasick_rs import AhoCorasick, Implementation

KNOWN: Final = (
    *("about", "above", "admin", "after", "again", "always", "answer", "assistant", "before", "behave"),
    *("bypass", "command", "comply", "confidential", "content", "delete", "developer", "directive"),
    *("directives", "disable", "disregard", "everything", "execute", "explain", "filter", "filters", "first"),
    *("follow", "following", "forget", "forgotten", "from", "give", "guideline", "guidelines", "have"),
    *("hidden", "ignore", "instead", "instruction", "instructions", "limits", "longer", "message"),
    *("messages", "mode", "model", "must", "never", "obey", "only", "original", "override", "password"),
    *("please", "policies", "policy", "pretend", "previous", "print", "prior", "prompt", "prompts"),
    *("question", "refuse", "reply", "repeat", "respond", "restriction", "restrictions", "reveal", "rules"),
    *("safety", "secret", "show", "start", "system", "tell", "text", "that", "their", "them", "then"),
    *("there", "these", "this", "told", "unrestricted", "user", "what", "will", "with", "without", "word"),
    *("write", "your", "yourself"),
    *("alle", "anweisungen", "consignes", "deine", "ignora", "ignorez", "ignoriere", "instrucciones"),
    *("instruções", "istruzioni", "olvida", "oublie", "reglas", "regeln", "todas", "toutes", "tutte"),
    "vergiss",
)
"""Words attacks are made of, of at least four letters: what proves that a disguise was taken off rightly."""

_SIGNS: Final = 2
"""Different known words, or signs near each other, that a disguise is told by."""

_SHORT: Final = "all and any are can do for in is it me my no not now of on out the to up us you act as be"
_PARTS: Final = re.compile(
    "(" + "|".join(sorted((*KNOWN, *_SHORT.split()), key=len, reverse=True)) + ")", re.IGNORECASE
)
_PLAIN: Final = AhoCorasick(KNOWN, implementation=Implementation.DFA)
_CHUNK: Final = 1 << 16
"""Characters searched at once: bounds what a text full of hits makes the search library return."""

_Spans = Sequence[tuple[int, int]]


def known(lower: str) -> bool:
    """Whether a text in lower case holds two of the known words."""
    return len(_words_in(lower)) >= _SIGNS


# --- letters set apart

_APART: Final = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,6}+[^\W_](?![^\W_])){5,}+")
_MARK: Final = re.compile(r"[^\w\s]|_")


def apart(text: str) -> Iterator[str]:
    """I g n o r e: words are parted by wider gaps, or by nothing at all."""
    for run in _APART.finditer(text):
        words = re.split(r"\s+" if _MARK.search(run[0]) else r"\s{2,}", run[0])
        glued = [re.sub(r"[\W_]", "", word) for word in words]
        if len(glued) == 1 or max(map(len, glued)) == 1:
            glued = [_spaced("".join(glued))]
        said = " ".join(glued)
        if known(said.lower()):
            yield said


# --- words run together

_RUN: Final = re.compile(r"[A-Za-z]{20,}+")
_MOSTLY: Final = 0.5
"""Share of a run of letters that known words make up; the names of functions stay below."""


def together(text: str) -> Iterator[str]:
    """Words written without spaces."""
    for run in _RUN.finditer(text):
        if _covered(run[0].lower()) >= _MOSTLY * len(run[0]):
            yield _spaced(run[0])


def _covered(lower: str) -> int:
    """How many letters belong to known words, wherever they stand; 0 if there are fewer than three."""
    found = _PLAIN.find_matches_as_indexes(lower)
    different = {term for term, _, _ in found}
    return sum(last - first for _, first, last in found) if len(different) > _SIGNS else 0


def _spaced(run: str) -> str:
    """Known words set apart again; what lies between them stays in one piece."""
    return " ".join(" ".join(_PARTS.split(run)).split())


# --- figures in the place of letters

_FIGURED: Final = re.compile(r"[A-Za-z][0-9@$!|+]{1,3}[A-Za-z]|(?<![\w])[0-9@$!|][A-Za-z]{2}")
_LEET: Final = (
    str.maketrans("0134578926@$!|+", "oieastbgzgasiit"),
    str.maketrans("0134578926@$!|+", "oleastbgzgaslit"),
)
"""With 1 and ! as i, and as l."""


def leet(text: str) -> Iterator[str]:
    """Stretches that hold two more known words once figures are read as letters."""
    lower = text.lower()
    for near in _near((match.start(), match.end()) for match in _FIGURED.finditer(lower)):
        begin, end = _sentence(lower, near)
        before = _words_in(lower[begin:end])
        readings = [lower[begin:end].translate(table) for table in _LEET]
        best = max(readings, key=lambda reading: len(_words_in(reading) - before))
        if len(_words_in(best) - before) >= _SIGNS:
            yield best


# --- ciphers: every letter replaced, or the whole text reversed

_ALPHABET: Final = string.ascii_lowercase
_HALF: Final = 13
_REVERSED: Final = "reversed"


def _table(turned: str) -> dict[int, str]:
    """What reads letters of the alphabet as those of another, both cases."""
    return {
        ord(each): into
        for each, into in zip(_ALPHABET + _ALPHABET.upper(), turned + turned.upper(), strict=True)
    }


_TABLES: Final = {
    "rot13" if by == _HALF else f"Caesar cipher by {by}": _table(_ALPHABET[-by:] + _ALPHABET[:-by])
    for by in range(1, 26)
} | {"mirrored alphabet": _table(_ALPHABET[::-1])}
"""What undoes a cipher, by its name."""


def _index() -> tuple[AhoCorasick, list[str]]:
    """One automaton over the known words in every cipher, and the cipher of each term."""
    terms: dict[str, str] = {}
    for how, table in _TABLES.items():
        into = {ord(plain): chr(crypt) for crypt, plain in table.items()}
        terms |= {word.translate(into): how for word in KNOWN if word.isascii()}
    terms |= {word[::-1]: _REVERSED for word in KNOWN}
    for word in KNOWN:  # what is a word itself is no sign of a cipher
        terms.pop(word, None)
    return AhoCorasick(list(terms), implementation=Implementation.DFA), list(terms.values())


_CIPHERS, _CIPHERED = _index()


def ciphers(text: str) -> Iterator[tuple[str, str]]:
    """Name of a cipher and what it hides: stretches with two known words of the same one near each other."""
    lower = text.lower()
    if len(lower) != len(text):  # a letter that is two when small: offsets would not fit
        text = lower
    found: dict[str, list[tuple[int, int]]] = {}
    for term, first, last in _whole(_CIPHERS, lower):
        found.setdefault(_CIPHERED[term], []).append((first, last))
    for how, spans in found.items():
        near = [each for each in _near(spans) if len({lower[a:b] for a, b in each}) >= _SIGNS]
        pieces = [text[slice(*_sentence(text, each))] for each in near]
        if not pieces:
            continue
        if how == _REVERSED:
            yield how, "\n".join(piece[::-1].strip() for piece in reversed(pieces))
            words = (" ".join(word[::-1] for word in piece.split()) for piece in pieces)
            yield "reversed words", "\n".join(words)
        else:
            yield how, "\n".join(piece.translate(_TABLES[how]).strip() for piece in pieces)


# --- where things stand

_GAP: Final = 120
"""Characters between two signs of one disguise."""

_REACH: Final = 200
"""Characters around the outermost signs that may belong to the same sentence."""

_EDGE: Final = re.compile(r"[\n:;\"“”«»<>()\[\]{}`]")


def _near(spans: Iterable[tuple[int, int]]) -> Iterator[_Spans]:
    """Groups of at least two spans near each other."""
    group: list[tuple[int, int]] = []
    for span in spans:
        if group and span[0] - group[-1][1] > _GAP:
            if len(group) >= _SIGNS:
                yield group
            group = []
        group.append(span)
    if len(group) >= _SIGNS:
        yield group


def _sentence(text: str, spans: _Spans) -> tuple[int, int]:
    """From the nearest quote, bracket, colon or line break in front of the spans to that behind them."""
    first, last = spans[0][0], spans[-1][1]
    begin = first - len(_EDGE.split(text[max(0, first - _REACH) : first])[-1])
    edge = _EDGE.search(text, last, last + _REACH)
    return begin, edge.start() if edge else min(len(text), last + _REACH)


def _whole(automaton: AhoCorasick, lower: str) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of the terms that stand as whole words."""
    for base in range(0, len(lower), _CHUNK):
        chunk = lower[base : base + _CHUNK]
        for term, first, last in automaton.find_matches_as_indexes(chunk, overlapping=True):
            begin, end = base + first, base + last
            if not (lower[begin - 1 : begin].isalnum() or lower[end : end + 1].isalnum()):
                yield term, begin, end


def _words_in(lower: str) -> set[int]:
    return {term for term, _, _ in _whole(_PLAIN, lower)}
