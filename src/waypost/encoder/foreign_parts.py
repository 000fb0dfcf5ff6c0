"""Which model answers which part of a question, and one answer from all of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from waypost.encoder.foreign import Foreign
from waypost.encoder.plan import FOCUSED, LIKENESS, Planner
from waypost.encoder.reader import Reader
from waypost.needs import Encode
from waypost.signals.base import SCANNING, Encoded, Scan, Span, Window

_PER_TOKEN: Final = 4
"""Characters of an ordinary token, to tell what a text will cost before it is tokenised."""
_TOKENISING: Final = 50
"""Reading a token costs so many times what tokenising it does."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one model is asked.

    Attributes:
        foreign: whose model it is; None = the artefact's.
    """

    planner: Planner
    need: Encode
    foreign: Foreign | None = None

    @property
    def cost(self) -> int:
        """Tokens it may come to, before any is made; a text counts as its first window, the rest as known."""
        heads = self.need.heads
        length = len(self.need.focus) if heads & FOCUSED or self.need.examples or self.need.wished else 0
        length += sum(map(len, self.need.scan)) if heads & SCANNING else 0
        # Most of a long conversation was read in earlier requests: one window is a fair guess.
        ordinary = min(length // _PER_TOKEN, self.planner.artefact.window)
        return 2 + ordinary + length // (_PER_TOKEN * _TOKENISING)


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """Everything that is loaded.

    Attributes:
        own: draws for the artefact.
        others: checkpoints with what draws for them, by head.
    """

    own: Planner
    others: Mapping[str, tuple[Foreign, Planner]]

    @property
    def readers(self) -> tuple[Reader, ...]:
        """One for each model."""
        return self.own.reader, *(planner.reader for _, planner in self.others.values())

    def likening(self) -> Planner:
        """Draws for the model whose embeddings are compared."""
        return self.others[LIKENESS][1] if LIKENESS in self.others else self.own

    def parts(self, need: Encode) -> tuple[Part, ...]:
        """Divide a question; the artefact's part comes first, and is there if nobody else is asked."""
        if not self.others:
            return (Part(self.own, need),)
        given = [(head, *self.others[head]) for head in sorted(need.heads & self.others.keys())]
        left = need.heads - {head for head, foreign, _ in given if foreign.is_complete}
        own = replace(need, heads=left) if LIKENESS not in self.others else _alone(need, left)
        parts = [Part(planner, _given(need, head), foreign) for head, foreign, planner in given]
        return (Part(self.own, own), *parts) if left or not parts else tuple(parts)


def _given(need: Encode, head: str) -> Encode:
    """What a model of somebody else's is asked for one head."""
    heads = frozenset({head})
    return replace(need, heads=heads) if head == LIKENESS else _alone(need, heads)


def _alone(need: Encode, heads: frozenset[str]) -> Encode:
    """These heads, and nothing to compare with."""
    return replace(need, heads=heads, examples=(), wished=())


def join(answers: Sequence[tuple[Part, Encoded]]) -> Encoded:
    """One answer; a text counts as read as far as all models that were to read it have."""
    if len(answers) == 1 and answers[0][0].foreign is None:
        return answers[0][1]
    texts = dict.fromkeys(text for _, answer in answers for text in answer.scans)
    return Encoded(
        {head: found for _, answer in answers for head, found in answer.heads.items()},
        min(answer.coverage for _, answer in answers),
        {text: _scan(text, answers) for text in texts},
        {each: found for _, answer in answers for each, found in answer.likenesses.items()},
        tuple(window for part, answer in answers for window in _named(part, answer.windows)),
    )


def _scan(text: str, answers: Sequence[tuple[Part, Encoded]]) -> Scan:
    attack, spans, coverage = 0.0, list[Span](), 1.0
    taggers = [part.foreign for part, _ in answers if part.foreign and part.foreign.head == "pii"]
    known = {name for tagger in taggers for name in tagger.artefact.heads.pii.types}
    for part, answer in answers:
        scan = answer.scans.get(text)
        if scan is None:
            continue
        coverage = min(coverage, scan.coverage)
        if "jailbreak" in part.need.heads:
            attack = scan.attack
        if "pii" in part.need.heads:
            spans += (span for span in scan.spans if part.foreign or span.type not in known)
    return Scan(attack, tuple(sorted(spans, key=lambda span: (span.start, span.end))), coverage)


def _named(part: Part, windows: Iterable[Window]) -> Iterator[Window]:
    for window in windows:
        named = part.foreign and f"{window.of}, {part.foreign.artefact.name}"
        yield replace(window, of=named) if named else window
