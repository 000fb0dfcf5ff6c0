"""Natural questions and requests of biology, chemistry, computer science, engineering, health, math, physics.

Exam questions alone do not teach a model how people ask. These rows are chat lines, mails, forum posts,
homework, professional tasks and code stubs, written by hand as frames and filled from lists of terms.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from waypost.train.rows import Row
from waypost.train.synth.draw import Generator, chance, generator, pick
from waypost.train.synth.sciences_bank import SCIENCES, Bank, Frame, banks, digest, fill
from waypost.train.synth.sciences_noise import frame_politely, is_formal, roughen

SOURCE: Final = "synth:sciences"
_FOREIGN = 0.12
_ROUGH = 0.11  # a tenth once texts with code and formulas are left alone
_POLITE = 0.2
_QUESTION = (0.25, 0.06)  # of short and of middle texts; what is there lasts for about 1000 rows
_SIZES = (0.45, 0.36, 0.19)  # short, middle, long; foreign rows are mostly short
_POST = 1  # complete questions are not longer than a post
_TRIES = 40


def generate(seed: int, count: int) -> list[Row]:
    """`count` rows, the domains in turn; the same seed gives the same rows."""
    writers = [_Writer(bank, generator(seed, "sciences", bank.domain)) for bank in banks().values()]
    return [writers[n % len(SCIENCES)].row() for n in range(count)]


class _Deck:
    """Deals items in random order and shuffles again when all are dealt: all are used equally often."""

    __slots__ = ("_items", "_left", "_rng")

    def __init__(self, rng: Generator, items: Iterable[Frame]) -> None:
        self._rng = rng
        self._items = tuple(items)
        self._left: list[int] = []

    def deal(self) -> Frame:
        if not self._left:
            self._left = self._rng.permutation(len(self._items)).tolist()
        return self._items[self._left.pop()]


class _Writer:
    """Writes the rows of one domain and remembers its texts, so that none comes twice."""

    __slots__ = ("_bank", "_foreign", "_questions", "_rng", "_seen", "_sized")

    def __init__(self, bank: Bank, rng: Generator) -> None:
        self._bank = bank
        self._rng = rng
        self._seen: set[str] = set()
        english = [frame for frame in bank.frames if frame.language == "en"]
        self._sized = [_Deck(rng, (f for f in english if f.size == size)) for size in range(len(_SIZES))]
        asked = [frame for frame in bank.questions if frame.language == "en"]
        self._questions = [_Deck(rng, (f for f in asked if f.size == size)) for size in range(_POST + 1)]
        self._foreign = _foreign(bank, rng)

    def row(self) -> Row:
        """A row whose text, greetings and slips aside, is new as far as a few dozen tries find one."""
        frame, name, text = self._draw()
        for _ in range(_TRIES):
            if text not in self._seen:
                break
            frame, name, text = self._draw()
        self._seen.add(text)
        return Row(
            text=self._voice(frame, text),
            source=SOURCE,
            group=f"{self._bank.domain}:{name}",
            domain=self._bank.domain,
            intent=frame.intent,
            attack=False,
            language=frame.language,
        )

    def _draw(self) -> tuple[Frame, str, str]:
        frame = self._frame()
        slots = self._bank.slots[frame.language]
        name, template = frame.name, frame.text
        if frame.carrier:
            entry = pick(self._rng, slots[frame.carrier])
            name, template = digest(entry), template.replace(f"{{{frame.carrier}}}", entry)
        return frame, name, fill(self._rng, template, slots)

    def _frame(self) -> Frame:
        if chance(self._rng, _FOREIGN):
            return pick(self._rng, tuple(self._foreign.values())).deal()
        size = int(self._rng.choice(len(_SIZES), p=_SIZES))
        if size <= _POST and chance(self._rng, _QUESTION[size]):
            return self._questions[size].deal()
        return self._sized[size].deal()

    def _voice(self, frame: Frame, text: str) -> str:
        if is_formal(text):
            return text
        plain = frame.language == "en" and frame.size <= _POST and "\n" not in text
        if plain and chance(self._rng, _POLITE):
            text = frame_politely(self._rng, text)
        return roughen(self._rng, text) if chance(self._rng, _ROUGH) else text


def _foreign(bank: Bank, rng: Generator) -> Mapping[str, _Deck]:
    frames = [*bank.frames, *bank.questions]
    return {
        language: _Deck(rng, (frame for frame in frames if frame.language == language))
        for language in bank.slots
        if language != "en"
    }
