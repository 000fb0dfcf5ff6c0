"""`pii`: is personal data found, and is anything else taken for it.

The condition `pii_detection` itself is asked: patterns, then what the tagger adds around them, and of a long
document the first hundred finds.

Definitions: a find is *right* if it overlaps a marked span of its type by a character; a marked span is
*found* if a find of its type overlaps it. Precision = right / finds, recall = found / marked. Strict: type
and both ends equal. Any-type recall: found by whatever type. Only types that the source marks count, since
finds of others cannot be judged; a document is *clean* when nothing at all is marked in it, and *flagged*
when anything that was looked for was found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, ClassVar, Final, TypeGuard

import numpy as np

from waypost.encoder.engine import Encoder
from waypost.evaluate.figures import Figure, Floats, harmonic, ratio, resampled, share
from waypost.evaluate.files import BadRowError, Row
from waypost.evaluate.task import Curve, Measured, Task, encoded
from waypost.needs import Encode
from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.labels import PII_TYPES
from waypost.signals.pii import PRIVATE, PiiDetection

FOLDED: Final[Mapping[str, str]] = {"ZIP_CODE": "STREET_ADDRESS", "DOMAIN_NAME": "URL"}
"""Types of the data that are parts of one of ours."""

UNCOUNTED: Final = frozenset({"NRP", "TITLE"})
"""Types of the data that nothing looks for; a document that has them is not clean, all the same."""


_GRID: Final = (0.0, *(0.5 + 0.05 * step for step in range(10)), 0.98, 0.99)
"""Thresholds of a precision-recall curve; below a half nothing is learned."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A span that was found or marked; characters, end exclusive.

    Attributes:
        score: highest threshold of a fine grid at which it is found; 1 where a person marked it.
    """

    type: str
    start: int
    end: int
    score: float = 1.0

    def overlaps(self, other: "Marked") -> bool:
        """Whether they share a character."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Document:
    """A text with what is marked in it.

    Attributes:
        annotated: types that are marked wherever they occur; None = those that occur in the source.
    """

    text: str
    marked: tuple[Marked, ...]
    annotated: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Searched:
    """What is marked and what was found, at any confidence."""

    marked: tuple[Marked, ...]
    found: tuple[Marked, ...]
    coverage: float
    annotated: frozenset[str] | None


class Pii(Task[Document, Searched]):
    """Precision, recall and false alarms of `pii_detection`, by type."""

    slices: ClassVar[tuple[str, ...]] = ("kind", "locale", "lang")

    def __init__(
        self, encoder: Encoder, threshold: float | None = None, types: Sequence[str] | None = None
    ) -> None:
        """What to look for; None = what the condition's own defaults are."""
        condition = PiiDetection(types=None if types is None else tuple(types))
        self._encoder = encoder
        self._threshold = condition.threshold if threshold is None else threshold
        self._types = tuple(dict.fromkeys(map(_ours, types))) if types else PRIVATE
        grid = sorted({*_GRID, self._threshold})
        self._conditions = tuple(replace(condition, threshold=least) for least in grid)

    def read(self, row: Row) -> Document | None:
        """`text` and `spans`: objects with `start`, `end` and `label`."""
        spans = row.value("spans")
        if spans is None:
            return None
        if not _is_list(spans):
            remedy = 'of {"start": 0, "end": 4, "label": "PERSON"}'
            raise BadRowError("spans", "'spans' must be a list", remedy)
        text = row.text("text")
        return Document(text, tuple(_marked(f"spans[{n}]", span, text) for n, span in enumerate(spans)))

    def ask(self, sample: Document) -> Searched:
        """What the condition finds, at every confidence."""
        part = Part("text", sample.text, "messages[0].content")
        request = ChatRequest("openai_chat", b"", "auto", messages=(Message("user", (part,)),))
        heads, told = self._conditions[0].heads, None
        if heads:
            told = encoded(self._encoder, Encode(heads, scan=tuple(self._conditions[0].scanned(request))))
        found: dict[tuple[str, int, int], float] = {}
        for condition in self._conditions:
            for match in condition.evaluate(request, told).matches:
                found[match.term, match.start, match.end] = condition.threshold
        spans = tuple(Marked(*place, score) for place, score in found.items())
        coverage = told.coverage if told else 1.0
        return Searched(sample.marked, spans, coverage, sample.annotated)

    def finish(self, answers: Sequence[Searched]) -> Sequence[Searched]:
        """Types that occur anywhere in a source count in all of it."""
        occurring = frozenset(span.type for answer in answers for span in answer.marked)
        return [a if a.annotated is not None else replace(a, annotated=occurring) for a in answers]

    def measure(self, answers: Sequence[Searched]) -> Measured:
        """Intervals of F1 resample documents."""
        tallies = [_tally(answer, frozenset(self._types), self._threshold) for answer in answers]
        groups: dict[str, dict[str, Figure]] = {}
        for name in self._types:
            held = sum(tally.get(name, _NOTHING)[2] for tally in tallies)
            said = sum(tally.get(name, _NOTHING)[0] for tally in tallies)
            if held or said:
                groups[name] = _figures([tally.get(name, _NOTHING) for tally in tallies])
        totals = [tuple(map(sum, zip(_NOTHING, *tally.values(), strict=True))) for tally in tallies]
        clean = [answer for answer in answers if not answer.marked]
        flagged = sum(any(span.score >= self._threshold for span in answer.found) for answer in clean)
        figures = {
            **_figures(totals),
            "clean_flagged": share(flagged, len(clean)),
            "read_whole": share(sum(answer.coverage == 1 for answer in answers), len(answers)),
        }
        curves = {f"pr {name}": curve for name in groups if (curve := _curve(answers, name))}
        return Measured(len(answers), figures, groups, curves=curves)

    @property
    def name(self) -> str:
        """The question."""
        return "pii"

    @property
    def settings(self) -> Mapping[str, Any]:
        """From which confidence a find counts, and what is looked for."""
        return {"threshold": self._threshold, "types": list(self._types)}


def _ours(name: str) -> str:
    """Our type for a label of the data.

    Raises:
        BadRowError: nobody knows it.
    """
    name = FOLDED.get(name, name)
    if name not in PII_TYPES and name not in UNCOUNTED:
        near = get_close_matches(name.upper(), PII_TYPES, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]}?" if near else f"known types: {', '.join(PII_TYPES)}"
        raise BadRowError("spans", f"unknown type {name!r}", remedy)
    return name


_Tally = tuple[float, ...]
"""Finds, right ones, marked, found ones, strict matches, found by any type."""

_NOTHING: Final[_Tally] = (0.0,) * 6


def _marked(place: str, span: object, text: str) -> Marked:
    match span:
        case {"start": int(start), "end": int(end), "label": str(label)}:
            name = _ours(label)
        case _:
            raise BadRowError(place, f"'{place}' is no span", '{"start": 0, "end": 4, "label": "PERSON"}')
    if not 0 <= start < end <= len(text):
        remedy = "count characters, not bytes, from 0; the end is exclusive"
        raise BadRowError(
            place, f"'{place}' is outside of the text, which has {len(text)} characters", remedy
        )
    return Marked(name, start, end)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _tally(answer: Searched, wanted: frozenset[str], threshold: float) -> dict[str, _Tally]:
    """By type that counts: finds, right ones, marked, found ones, strict matches, found by any type."""
    counted = wanted & (answer.annotated or frozenset())
    sure = [span for span in answer.found if span.score >= threshold]
    tallies: dict[str, _Tally] = {}
    for name in counted:
        said = [span for span in sure if span.type == name]
        held = [span for span in answer.marked if span.type == name]
        if said or held:
            tallies[name] = (
                float(len(said)),
                float(sum(any(map(span.overlaps, held)) for span in said)),
                float(len(held)),
                float(sum(any(map(span.overlaps, said)) for span in held)),
                float(len({(s.start, s.end) for s in said} & {(s.start, s.end) for s in held})),
                float(sum(any(map(span.overlaps, sure)) for span in held)),
            )
    return tallies


def _figures(tallies: Iterable[_Tally]) -> dict[str, Figure]:
    """Figures of documents, one tally each."""
    kinds, sizes = np.unique(np.array(list(tallies), np.float64).reshape(-1, 6), axis=0, return_counts=True)
    said, right, held, found, _, anyhow = (sizes @ kinds).tolist()

    def f1(sums: Floats) -> Floats:
        return _f1(sums[:, 1], sums[:, 0], sums[:, 3], sums[:, 2])

    def strict(sums: Floats) -> Floats:
        return _f1(sums[:, 4], sums[:, 0], sums[:, 4], sums[:, 2])

    return {
        "f1": resampled(kinds, sizes, f1, int(held)),
        "precision": share(right, int(said)),
        "recall": share(found, int(held)),
        "strict_f1": resampled(kinds, sizes, strict, int(held)),
        "any_type_recall": share(anyhow, int(held)),
    }


def _f1(right: Floats, said: Floats, found: Floats, held: Floats) -> Floats:
    """Not a number where nothing is marked: then only false alarms can be told."""
    f1 = harmonic(np.nan_to_num(ratio(right, said)), np.nan_to_num(ratio(found, held)))
    return np.where(held > 0, f1, np.nan)


def _curve(answers: Sequence[Searched], name: str) -> Curve | None:
    """Recall and precision of one type from the surest find to the least sure; None = none is marked."""
    said: list[tuple[float, bool]] = []
    held: list[float] = []
    for answer in answers:
        if name not in (answer.annotated or ()):
            continue
        mine = [span for span in answer.found if span.type == name]
        marks = [span for span in answer.marked if span.type == name]
        said += ((span.score, any(map(span.overlaps, marks))) for span in mine)
        held += (max((f.score for f in mine if f.overlaps(mark)), default=-1.0) for mark in marks)
    if not held or not said:
        return None
    cuts = np.unique([score for score, _ in said])[::-1]
    scores, right = (np.array(part) for part in zip(*said, strict=True))
    best = np.array(held)
    finds = np.array([(scores >= cut).sum() for cut in cuts])
    hits = np.array([(right & (scores >= cut)).sum() for cut in cuts])
    recall = np.array([(best >= cut).mean() for cut in cuts])
    return Curve.of(recall, hits / finds)
