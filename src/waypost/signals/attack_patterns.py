"""Forms of words that are an attack wherever they stand, and patterns of the operator's own.

The built-in ones are few and narrow: what talks about attacks, quotes one, or is a user's change of mind
("ignore my last message") must not match, so each wants an order to the model at the start of a sentence.
Everything less certain is the classifier's. They are matched on folded text (small letters, single spaces),
by an engine that is linear in the text for every pattern.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import re2

from waypost.request.text import fold
from waypost.signals.linear import compiled

MAX_PATTERNS: Final = 200
"""Patterns of the operator's own."""

LONGEST: Final = 200
"""Characters of one of them."""

STAR: Final = 40
"""Most characters that `*` stands for in the operator's patterns."""


class Hit(NamedTuple):
    """Where a pattern matched, in characters of the folded text.

    Attributes:
        term: name of a built-in form, or the operator's own spelling.
    """

    term: str
    start: int
    end: int


# --- what is built in

_WORD: Final = re.compile(r"@(\w+)@")


class Forms(NamedTuple):
    """Built-in forms, ready to be looked for.

    Attributes:
        sieve: all of them in one, so that a text without any is read once.
        each: name and pattern of each.
    """

    sieve: "re2.Pattern"
    each: Sequence[tuple[str, "re2.Pattern"]]


@cache
def forms(*, document: bool) -> Forms:
    """What is looked for in a text, or in one that a tool returned; the file beside this one is read once."""
    file = files("waypost.signals").joinpath("attack_patterns.toml")
    tables: Mapping[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    words: Mapping[str, str] = tables["words"]
    rows = [*tables["everywhere"], *(tables["documents"] if document else ())]
    written = [(str(row["name"]), _WORD.sub(lambda word: words[word[1]], row["form"])) for row in rows]
    return Forms(
        compiled("|".join(f"(?:{form})" for _, form in written)),
        [(name, compiled(rf"^(?:{form})$")) for name, form in written],
    )


def built_in(text: bytes, *, document: bool) -> Hit | None:
    """The first built-in form in a folded text.

    Args:
        text: UTF-8.
        document: it is what a tool returned.
    """
    known = forms(document=document)
    found = known.sieve.search(text)
    if found is None:
        return None
    first, last = found.span()
    name = next((name for name, form in known.each if form.search(text[first:last])), "attack")
    return _hit(name, text, first, last)


# --- the operator's own

_SPACED: Final = (
    r"\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Hebrew}\p{Arabic}\p{Devanagari}\p{Bengali}\p{Tamil}"
    r"\p{Georgian}\p{N}"
)
"""Scripts that put spaces between words; in the others a phrase may stand anywhere."""

_IN_WORD: Final = compiled(f"[{_SPACED}]")


_PUNCTUATION: Final = re.compile(r"([!-/:-@\[-^`{-~])")


def own(patterns: Sequence[str]) -> tuple[tuple[str, "re2.Pattern"], ...]:
    """The operator's spelling and the engine's pattern of each; what folds to nothing is left out."""
    made = ((pattern, _expression(pattern)) for pattern in patterns)
    return tuple((pattern, compiled(expression)) for pattern, expression in made if expression)


def _expression(pattern: str) -> str:
    """Whole words, any white space, `*` for up to `STAR` characters; empty if no letter or digit is left."""
    folded = fold(pattern).text.strip().strip("*").strip()
    if not any(char.isalnum() for char in folded):
        return ""
    body = "".join(
        f".{{0,{STAR}}}?" if piece == "*" else _PUNCTUATION.sub(r"\\\1", piece) for piece in _pieces(folded)
    )
    left = rf"(?:^|[^{_SPACED}])" if _IN_WORD.search(folded[0].encode()) else ""
    right = rf"(?:$|[^{_SPACED}])" if _IN_WORD.search(folded[-1].encode()) else ""
    return f"{left}({body}){right}"


def _pieces(folded: str) -> Iterator[str]:
    """Literal text and stars, several stars in a row as one."""
    yield from filter(None, re.sub(r"\*[* ]*\*", "*", folded).replace("*", "\0*\0").split("\0"))


def find_own(patterns: Sequence[tuple[str, "re2.Pattern"]], text: bytes) -> Hit | None:
    """The first of the operator's patterns, as made by `own`, in a folded text."""
    for term, pattern in patterns:
        found = pattern.search(text)
        if found is not None:
            return _hit(term, text, *found.span(1))
    return None


def _hit(term: str, text: bytes, first: int, last: int) -> Hit:
    start = len(text[:first].decode(errors="replace"))
    return Hit(term, start, start + len(text[first:last].decode(errors="replace")))
