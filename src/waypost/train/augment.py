"""Altered copies of training rows that are still what their labels say.

Only training rows are altered, so what is held back stays unseen. Each set draws from its own random
numbers: a set that is added or left out changes nothing about the others but what stands around attacks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from waypost.train.chat import EXAMS, asked_in_chat
from waypost.train.recipe import Shares
from waypost.train.rows import Row
from waypost.train.synth.draw import Generator, chance, generator, pick
from waypost.train.texts import folded

_SHORT_ATTACK: Final = 400
_STRETCH: Final = 800
"""Characters that a window surely holds, in most languages."""
_TYPED: Final = 500
_LONG: Final = 900
_PLACED: Final = frozenset({"start", "middle", "end", "indirect"})
"""Kinds of attacks that stand in a document already."""
_CODE: Final = frozenset({"code_generation", "code_debugging"})
_EXACT: Final = ("obfuscated", "encoded")
"""Kinds that begin so hide text in a form that case and typos destroy."""
_JOINTS: Final = (" ", " ", " ", " - ", " ... ", " | ", " // ", " # ", " >> ")
_KEYS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

Alteration = Callable[[Generator, Row], Iterator[Row]]


def altered(sets: Mapping[str, Sequence[Row]], shares: Shares, seed: int) -> dict[str, list[Row]]:
    """Copies of the rows of each set; equal seeds give equal copies."""
    pool = Pool.of([row for rows in sets.values() for row in rows])
    steps = (
        (shares.typos, _mistyped),
        (shares.case, _recased),
        (shares.personal_case, _recased_personal),
        (shares.padded, pool.padded),
        (shares.inserted, pool.inserted),
        (shares.cropped, _cropped),
        (shares.chat, _chatted),
    )
    found: dict[str, list[Row]] = {}
    for name, rows in sets.items():
        rng = generator(seed, "alter", name)
        copies = [
            copy for row in rows for share, step in steps if chance(rng, share) for copy in step(rng, row)
        ]
        found[name] = [folded(copy) for copy in copies]
    return found


@dataclass(frozen=True, slots=True)
class Pool:
    """Harmless texts to put around attacks.

    Attributes:
        short: questions and requests.
        long: documents.
    """

    short: Sequence[Row]
    long: Sequence[Row]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Pool":
        """Those of the rows that are surely harmless."""
        harmless = [row for row in rows if row.attack is False and row.personal is None]
        return cls(
            [row for row in harmless if 40 <= len(row.text) <= _SHORT_ATTACK],  # noqa: PLR2004 - a sentence
            [row for row in harmless if len(row.text) >= _LONG],
        )

    def padded(self, rng: Generator, row: Row) -> Iterator[Row]:
        """An attack among harmless requests, and a harmless request in the same place."""
        if not _is_bare_attack(row) or not self.short:
            return
        twin = pick(rng, self.short)
        place = pick(rng, ("start", "middle", "end"))
        before = pick(rng, self.short).text if place != "start" else ""
        behind = pick(rng, self.short).text if place != "end" else ""
        joint = pick(rng, _JOINTS)
        for each in (row, twin):
            parts = [part for part in (before, each.text, behind) if part]
            text = joint.join(parts)
            if len(text) <= _STRETCH:
                yield _plain(each, text, place)

    def inserted(self, rng: Generator, row: Row) -> Iterator[Row]:
        """A window of a document that holds the attack, and one that holds part of another document."""
        if not _is_bare_attack(row) or not self.long:
            return
        document, other = pick(rng, self.long), pick(rng, self.long)
        room = _STRETCH - len(row.text)
        share = pick(rng, (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0))
        length = int(room * (0.4 + 0.6 * rng.random()))
        before = _stretch(rng, document.text, int(length * share))
        behind = _stretch(rng, document.text, int(length * (1 - share)))
        place = "end" if not behind else "start" if not before else "middle"
        stranger = _stretch(rng, other.text, max(80, len(row.text)))
        for each, text in ((row, row.text), (document, stranger)):
            yield _plain(each, " ".join(part for part in (before, text, behind) if part), place)


def _plain(row: Row, text: str, place: str) -> Row:
    """With nothing said but whether it is an attack, and where it stands."""
    return replace(row, text=text, domain=None, intent=None, difficulty=None, kind=place)


def _is_bare_attack(row: Row) -> bool:
    return bool(row.attack) and row.kind not in _PLACED and len(row.text) <= _SHORT_ATTACK


def _stretch(rng: Generator, text: str, length: int) -> str:
    """So many characters from inside a text, whole words only."""
    if length <= 0:
        return ""
    start = int(rng.integers(max(1, len(text) - length)))
    start = text.find(" ", start) + 1
    return text[start : start + length].rpartition(" ")[0].strip()


def _cropped(rng: Generator, row: Row) -> Iterator[Row]:
    """As a window from inside shows it; what was to be done with the text may not be in it."""
    if row.attack is not False or row.personal is not None or len(row.text) < _LONG:
        return
    text = _stretch(rng, row.text, int(100 * 10 ** rng.random()))
    if text:
        yield replace(row, text=text, intent=None, difficulty=None, kind="crop")


def _chatted(rng: Generator, row: Row) -> Iterator[Row]:
    if row.source in EXAMS and row.domain:
        yield asked_in_chat(rng, row)


def _suits_typing(row: Row) -> bool:
    exact = row.intent in _CODE or row.kind.startswith(_EXACT)
    return row.personal is None and len(row.text) <= _TYPED and not exact


def _mistyped(rng: Generator, row: Row) -> Iterator[Row]:
    """One slip in a dozen words, at least one."""
    if not _suits_typing(row):
        return
    words = row.text.split(" ")
    fit = [n for n, word in enumerate(words) if len(word) > 3 and word.isascii() and word.isalpha()]  # noqa: PLR2004
    if not fit:
        return
    for _ in range(1 + len(words) // 12):
        place = pick(rng, fit)
        words[place] = _slip(rng, words[place])
    yield replace(row, text=" ".join(words))


def _slip(rng: Generator, word: str) -> str:
    at = int(rng.integers(1, len(word) - 1))
    match int(rng.integers(4)):
        case 0:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 1:
            return word[:at] + word[at + 1 :]
        case 2:
            return word[:at] + word[at] + word[at:]
        case _:
            return word[:at] + _neighbour(rng, word[at]) + word[at + 1 :]


def _neighbour(rng: Generator, letter: str) -> str:
    row = next((keys for keys in _KEYS if letter.lower() in keys), letter)
    at = row.find(letter.lower())
    return pick(rng, row[max(0, at - 1) : at] + row[at + 1 : at + 2] or letter)


def _recased(rng: Generator, row: Row) -> Iterator[Row]:
    if _suits_typing(row):
        text = _cased(row.text, pick(rng, ("lower", "lower", "upper", "title")))
        if text != row.text:
            yield replace(row, text=text)


def _recased_personal(rng: Generator, row: Row) -> Iterator[Row]:
    if row.personal is not None:
        yield replace(row, text=_cased(row.text, pick(rng, ("lower", "lower", "upper"))))


def _cased(text: str, case: str) -> str:
    """In another case and of the same length, so that marks stay where they are."""
    if case == "title":
        return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))
    changed = (getattr(char, case)() for char in text)
    return "".join(new if len(new) == 1 else old for old, new in zip(text, changed, strict=True))
