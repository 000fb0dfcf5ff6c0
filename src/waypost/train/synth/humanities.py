"""Natural questions and requests of the humanities and of everyday life, labelled by domain.

Models trained on multiple-choice stems fail on chat, and these domains have the fewest natural texts. What is
asked stands in `banks/`; here lie the mixture of lengths and languages, the courtesies around a question, and
the slips.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from waypost.train.rows import Row
from waypost.train.synth import draw
from waypost.train.synth.humanities_bank import (
    Bank,
    Template,
    Wording,
    courtesies,
    load,
    mend_articles,
    render,
    tidy,
)

SOURCE: Final = "synth:humanities"
DOMAINS: Final = ("business", "economics", "history", "law", "other", "philosophy", "psychology")

SHORT: Final = 120
MEDIUM: Final = 500
LONG: Final = 1500
"""Largest lengths in characters."""

_ABROAD: Final = 0.12
_SLIPS: Final = 0.10
# Of the English texts. The others are nearly all short, so that in all half is short, 35% medium, 15% long.
_LENGTHS: Final = ((SHORT, 0.45), (MEDIUM, 0.39), (LONG, 0.16))
_WITH_CONTEXT: Final = 0.55
_ATTEMPTS: Final = 24
_PROBES: Final = 6
# A student's preamble in front of a command or a complaint would be odd.
_BARE: Final = frozenset({"assistant_command", "general_chat", "customer_support"})
# First words that lose their capital behind "Hi,".
_FIRST: Final = re.compile(
    r"(Analyse|Assess|Can|Compare|Compose|Could|Create|Describe|Did|Discuss|Do|Does|Draft|Evaluate|Explain|Give|Has|"
    r"How|If|In|Is|List|Make|Name|Please|Should|Suggest|Summarise|Tell|The|To|What|When|Where|Which|Who|Why|Would|Write)\b"
)
_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS: Final = {
    row[at]: row[max(at - 1, 0) : at] + row[at + 1 : at + 2] for row in _ROWS for at in range(len(row))
}
"""Keys beside a key."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """One language of one domain, templates sorted by the lengths (see `SHORT`) they can have."""

    bank: Bank
    by_length: Mapping[int, Sequence[Template]]


def generate(seed: int, count: int) -> list[Row]:
    """`count` rows, the domains in turn; the first rows of a longer run are those of a shorter one.

    No text occurs twice among 30,000 rows; in far longer runs the shortest ones do.
    """
    rng = draw.generator(seed, "humanities")
    seen: set[str] = set()
    rows: list[Row] = []
    for index in range(count):
        domain = DOMAINS[index % len(DOMAINS)]
        shelves = _shelves(domain)
        language = (
            draw.pick(rng, [name for name in shelves if name != "en"]) if draw.chance(rng, _ABROAD) else "en"
        )
        row = _row(rng, domain, shelves[language])
        for _ in range(_ATTEMPTS):
            if row.text not in seen:
                break
            row = _row(rng, domain, shelves[language])
        seen.add(row.text)
        rows.append(row)
    return rows


def slip(rng: draw.Generator, text: str) -> str:
    """`text` as typed in a hurry: another case, missing punctuation, or one wrong letter in about sixty."""
    style = draw.pick(rng, ("lower", "lower", "bare", "letters", "letters", "letters", "upper"))
    if style == "upper" and len(text) > SHORT:
        style = "letters"
    match style:
        case "upper":
            return text.upper()
        case "lower":
            return text.lower()
        case "bare":
            return tidy(text.lower().translate(str.maketrans("", "", ",'?!.¿¡")))
        case _:
            slipped = text
            for _ in range(1 + len(text) // 60):
                slipped = _letter(rng, slipped)
            return slipped


def _letter(rng: draw.Generator, text: str) -> str:
    places = [
        at for at, letter in enumerate(text[:-1]) if letter.lower() in _NEIGHBOURS and text[at + 1].isalpha()
    ]
    if not places:
        return text
    at = draw.pick(rng, places)
    letter, following = text[at], text[at + 1]
    typed = draw.pick(rng, ("", letter * 2, following + letter, draw.pick(rng, _NEIGHBOURS[letter.lower()])))
    return text[:at] + typed + text[at + (2 if typed == following + letter else 1) :]


def _row(rng: draw.Generator, domain: str, shelf: Shelf) -> Row:
    language = shelf.bank.language
    if language == "en":
        template, wording, text = _english(rng, shelf)
    else:
        template, wording, text = _drawn(rng, shelf.bank, shelf.bank.templates)
        text = _courtesies(rng, text, language, wording)
    if draw.chance(rng, _SLIPS):
        text = slip(rng, text)
    return Row(
        text=text,
        source=SOURCE,
        group=f"{domain}:{template.key}",
        domain=domain,
        intent=wording.intent,
        attack=False,
        language=language,
    )


Drawn = tuple[Template, Wording, str]


def _english(rng: draw.Generator, shelf: Shelf) -> Drawn:
    """A text of a length drawn first, or after many misses the last one tried."""
    limit = _limit(rng)
    drawn = _compose(rng, shelf, limit)
    for _ in range(_ATTEMPTS):
        if length(drawn[2]) == limit:
            break
        drawn = _compose(rng, shelf, limit)
    return drawn


def _compose(rng: draw.Generator, shelf: Shelf, limit: int) -> Drawn:
    with_context = limit == MEDIUM and draw.chance(rng, _WITH_CONTEXT)
    template, wording, text = _drawn(rng, shelf.bank, shelf.by_length[SHORT if with_context else limit])
    if with_context and wording.intent not in _BARE:
        context = render(rng, draw.pick(rng, shelf.bank.contexts), shelf.bank.terms)
        text = _closed(rng, f"{context}{draw.pick(rng, (' ', ' ', ' ', chr(10)))}{text}", "en")
    elif template.kind in {"frames", "questions"}:
        text = _courtesies(rng, text, "en", wording)
    if template.kind == "posts" and limit == LONG:
        text = f"{text} {_elaboration(rng, shelf.bank)}"
    return template, wording, mend_articles(text)


def _elaboration(rng: draw.Generator, bank: Bank) -> str:
    order = rng.permutation(len(bank.details))[: int(rng.integers(2, 7))]
    return " ".join(render(rng, bank.details[int(at)], bank.terms) for at in order)


def _drawn(rng: draw.Generator, bank: Bank, templates: Sequence[Template]) -> Drawn:
    template = draw.pick(rng, templates)
    wording = draw.pick(rng, template.wordings)
    return template, wording, render(rng, wording.text, bank.terms)


def _courtesies(rng: draw.Generator, text: str, language: str, wording: Wording) -> str:
    if wording.intent in _BARE:
        return text
    if draw.chance(rng, 0.08):
        opener = draw.pick(rng, courtesies().openers[language])
        runs_on = not opener.endswith((":", "!")) and _FIRST.match(text)
        text = f"{opener} {text[0].lower() + text[1:] if runs_on else text}"
    return _closed(rng, text, language)


def _closed(rng: draw.Generator, text: str, language: str) -> str:
    if not draw.chance(rng, 0.12):
        return text
    common = courtesies()
    closer = render(rng, draw.pick(rng, common.closers[language]), common.terms)
    return f"{text}{'' if text[-1] in '.?!:' else '.'} {closer}"


def _limit(rng: draw.Generator) -> int:
    at = float(rng.random())
    for limit, share in _LENGTHS:
        if at < share:
            return limit
        at -= share
    return LONG


def length(text: str) -> int:
    """The smallest of `SHORT`, `MEDIUM`, `LONG` that `text` does not exceed; also `LONG` beyond."""
    return SHORT if len(text) <= SHORT else MEDIUM if len(text) <= MEDIUM else LONG


@cache
def _shelves(domain: str) -> Mapping[str, Shelf]:
    return {language: Shelf(bank, _sorted(bank)) for language, bank in load(domain).items()}


def _sorted(bank: Bank) -> Mapping[int, Sequence[Template]]:
    """Found by trial, with a seed of its own: slots and alternatives differ too much in length."""
    rng = draw.generator(0, "lengths")
    by_length: dict[int, list[Template]] = {SHORT: [], MEDIUM: [], LONG: []}
    for template in bank.templates:
        drawn = [render(rng, draw.pick(rng, template.wordings).text, bank.terms) for _ in range(_PROBES)]
        limits = {length(text) for text in drawn}
        # A post becomes as long as is wanted by further sentences.
        for limit in sorted(limits | {LONG} if template.kind == "posts" else limits):
            # A frame gives a new text each time, a question only once.
            by_length[limit].extend([template] * (2 if template.kind == "frames" else 1))
    return by_length
