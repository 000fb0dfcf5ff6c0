"""How sure a find of personal data must be: chosen with the patterns beside it, as `pii_detection` works.

A find is right if it overlaps a mark of its type; a mark is found if a find of its type overlaps it. Types
that a row does not annotate are not counted in it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from waypost.encoder.tags import Tagger
from waypost.signals.base import Span
from waypost.signals.identifiers import TYPES, Budget, detect
from waypost.signals.pii import LEARNED, PRIVATE, PiiDetection, merged
from waypost.train.readings import Reading
from waypost.train.rows import PII_TYPES, Personal

_BIASES: Final = (-1.0, 0.0, 1.0, 2.0, 3.0)
_THRESHOLDS: Final = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_SHOWN: Final = 0.5
"""Threshold of types that no default condition looks for."""
_FEW: Final = 5
"""Marks of a type below which its threshold is not chosen by them."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What is marked in a text and what is found there, at any score; only types that count."""

    marked: Sequence[Personal]
    found: Sequence[Span]
    clean: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """Finds, right ones, marks, and marks that were found."""

    said: int = 0
    right: int = 0
    held: int = 0
    met: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.said + other.said, self.right + other.right, self.held + other.held, self.met + other.met
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where nothing is right."""
        precision, recall = self.right / max(1, self.said), self.met / max(1, self.held)
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def tuned(readings: Sequence[Reading], clean: float) -> Tagger:
    """The tagger with the highest F1 over private types that flags at most `clean` of the clean texts.

    Thresholds start where a condition's own default lies: what the artefact lets through below it would
    be measured here and never be seen in service.
    """
    least = PiiDetection().threshold
    best, best_f1 = Tagger(PII_TYPES, 0.0, dict.fromkeys(PII_TYPES, _SHOWN)), -1.0
    for bias in _BIASES if readings else ():
        searched = [search(reading, bias) for reading in readings]
        thresholds = _held_back(searched, _best(searched, least), clean)
        f1 = sum(tallies(searched, thresholds).values(), Tally()).f1
        if f1 > best_f1:
            best, best_f1 = Tagger(PII_TYPES, bias, dict.fromkeys(PII_TYPES, _SHOWN) | thresholds), f1
    return best


def search(reading: Reading, bias: float) -> Searched:
    """Finds of private types at any score, the learned ones trimmed around the proven ones."""
    text = reading.row.text
    tagger = Tagger(PII_TYPES, bias, dict.fromkeys(PII_TYPES, 0.0))
    proven = [
        Span(name, *found)
        for name in PRIVATE
        if name in TYPES
        for found in detect(name, text, ("US",), Budget())
        if found.score >= PiiDetection().threshold
    ]
    learned = [Span(f.type, f.start, f.end, f.score) for f in reading.found(tagger) if f.type in LEARNED]
    counted = reading.row.annotated
    marked = [mark for mark in reading.row.personal or () if mark.type in PRIVATE]
    found = merged(proven, [span for span in learned if span.type in PRIVATE], text)
    clean = not reading.row.personal
    return Searched(marked, [span for span in found if clean or span.type in counted], clean)


def tallies(searched: Sequence[Searched], thresholds: Mapping[str, float]) -> dict[str, Tally]:
    """By type; learned finds below their threshold are left out."""
    found: defaultdict[str, Tally] = defaultdict(Tally)
    for each in searched:
        sure = list(_sure(each, thresholds))
        for span in sure:
            hit = any(mark.type == span.type and _meet(mark, span) for mark in each.marked)
            found[span.type] += Tally(said=1, right=int(hit))
        for mark in each.marked:
            hit = any(mark.type == span.type and _meet(mark, span) for span in sure)
            found[mark.type] += Tally(held=1, met=int(hit))
    return found


def flagged(searched: Sequence[Searched], thresholds: Mapping[str, float]) -> Counter[str]:
    """Clean texts in which something is found, by type; the empty name counts all of them."""
    counts: Counter[str] = Counter()
    for each in searched:
        if each.clean and (types := {span.type for span in _sure(each, thresholds)}):
            counts.update({*types, ""})
    return counts


def _sure(each: Searched, thresholds: Mapping[str, float]) -> Iterator[Span]:
    return (span for span in each.found if span.score >= thresholds.get(span.type, 0.0))


def _meet(mark: Personal, span: Span) -> bool:
    return mark.start < span.end and span.start < mark.end


def _best(searched: Sequence[Searched], least: float) -> dict[str, float]:
    """The threshold of each learned type with the highest F1, the lower of equal ones."""
    steps = [step for step in _THRESHOLDS if step >= least]
    chosen: dict[str, float] = {}
    f1 = {step: tallies(searched, dict.fromkeys(PRIVATE, step)) for step in steps}
    for name in PRIVATE:
        if name in LEARNED:
            few = f1[steps[0]].get(name, Tally()).held < _FEW
            chosen[name] = steps[0] if few else max(steps, key=lambda s: f1[s].get(name, Tally()).f1)
    return chosen


def _held_back(searched: Sequence[Searched], thresholds: dict[str, float], limit: float) -> dict[str, float]:
    """Raised, the type that flags most first, until few enough clean texts are flagged."""
    clean = sum(each.clean for each in searched)
    while True:
        counts = flagged(searched, thresholds)
        if counts[""] <= limit * clean:
            return thresholds
        raisable = [name for name, step in thresholds.items() if step < _THRESHOLDS[-1] and counts[name]]
        if not raisable:
            return thresholds
        worst = max(raisable, key=lambda name: counts[name])
        thresholds = {
            **thresholds,
            worst: next(step for step in _THRESHOLDS if step > thresholds[worst]),
        }
