"""Documents with personal data marked to the character, and documents that only look as if they had some."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Final

from waypost.train.rows import PII_TYPES, Personal, Row
from waypost.train.synth.draw import Generator, chance, generator, pick
from waypost.train.synth.personal_spoil import spoil
from waypost.train.synth.personal_templates import Piece, Template, asides, fill, templates

SOURCE: Final = "synth:personal"
CLEAN_SHARE: Final = 0.45
ALWAYS: Final = frozenset(PII_TYPES) - {"GPE", "DATE_TIME", "ORGANIZATION", "AGE", "URL"}
"""What is marked in every document; the others only in templates where none of them stands unmarked."""

_ENGLISH: Final = 0.5
_SHARES: Final = {"de": 7, "fr": 7, "es": 6, "it": 6, "nl": 6, "pl": 6, "pt": 6, "sv": 3, "tr": 3}
_TIMES: Final = {
    "UK_NINO": 4, "URL": 3, "MAC_ADDRESS": 2, "US_PASSPORT": 2, "US_DRIVER_LICENSE": 2, "MEDICAL_RECORD": 2,
    "API_KEY": 2, "CREDIT_CARD": 2, "IBAN_CODE": 2, "US_SSN": 2, "BANK_ACCOUNT": 2,
}  # fmt: skip
"""How often a template with such a mark comes in a round; otherwise once."""


def generate(seed: int, count: int) -> list[Row]:
    """`count` rows; nine in twenty have no personal data. No template comes back before all have come."""
    rng = generator(seed, SOURCE)
    clean = round(CLEAN_SHARE * count)
    rows = [*_draw(rng, clean, pii=False), *_draw(rng, count - clean, pii=True)]
    return [rows[int(i)] for i in rng.permutation(count)]


def _draw(rng: Generator, count: int, *, pii: bool) -> Iterator[Row]:
    decks = {language: cycle(_deck(rng, language, pii=pii)) for language in ("en", *_SHARES)}
    others = [language for language, times in _SHARES.items() for _ in range(times)]
    for _ in range(count):
        language = "en" if chance(rng, _ENGLISH) else pick(rng, others)
        yield _row(rng, next(decks[language]))


def _deck(rng: Generator, language: str, *, pii: bool) -> Sequence[Template]:
    """Every template of the language, those with a rare type several times, shuffled."""
    wanted = [t for t in templates() if t.language == language and (t.kind == "pii") is pii]
    found = [t for t in wanted for _ in range(max(_TIMES.get(kind, 1) for kind in t.types or {""}))]
    return [found[int(i)] for i in rng.permutation(len(found))]


def _row(rng: Generator, template: Template) -> Row:
    said = spoil(rng, fill(rng, template.language, template.parts), data=template.data)
    text, marks = joined(_surrounded(rng, template, said))
    return Row(
        text=text,
        source=SOURCE,
        group=template.name,
        personal=marks,
        annotated=frozenset(PII_TYPES) if template.whole else ALWAYS,
        kind=template.kind,
        language=template.language,
    )


def _surrounded(rng: Generator, template: Template, pieces: list[Piece]) -> list[Piece]:
    """A task before it or other sentences around it, as in a real prompt; often neither."""
    language, data = template.language, template.data
    gap = Piece(pick(rng, ("\n", "\n\n")) if data else pick(rng, ("\n", "\n\n", " ", " ")))
    if chance(rng, 0.4 if data else 0.06):
        task = pick(rng, asides(language, "wrap_data" if data else "wrap"))
        return [*fill(rng, language, task), gap, *pieces]
    if chance(rng, 0.18):
        before, after = _fillers(rng, language), _fillers(rng, language)
        return [*before, *([gap] if before else []), *pieces, *([gap] if after else []), *after]
    return pieces


def _fillers(rng: Generator, language: str) -> list[Piece]:
    """Up to six sentences in a row; often none."""
    sentences = asides(language, "filler")
    pieces: list[Piece] = []
    for i in rng.permutation(len(sentences))[: max(0, int(rng.integers(-2, 7)))]:
        pieces += [Piece(" ")] if pieces else []
        pieces += fill(rng, language, sentences[int(i)])
    return pieces


def joined(pieces: Sequence[Piece]) -> tuple[str, tuple[Personal, ...]]:
    """The text, and the marks with offsets in it."""
    text = ""
    marks: list[Personal] = []
    for piece in pieces:
        if piece.type is not None:
            marks.append(Personal(len(text), len(text) + len(piece.text), piece.type))
        text += piece.text
    return text, tuple(marks)
