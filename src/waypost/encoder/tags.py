"""From tag logits to spans of personal data.

The network tags tokens; people name, number and address words. So tokens are averaged to words, the
most probable valid sequence of B- and I- tags is found (Viterbi 1967, BIO scheme), and what several
windows say about the same place is settled by the one that sees most around it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, log
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from waypost.encoder.heads import Floats, sigmoid
from waypost.encoder.tokenise import Ints, edges
from waypost.encoder.windows import Stretch

_SURE: Final = 3.9
"""Log-odds of O, 0.98 as a probability, from which a word is left out of the search; tags stay the same."""
_FLOOR: Final = 1e-6

_NEVER_JOINED: Final = frozenset({"PERSON", "ORGANIZATION"})
"""Two of them side by side are two, not one that punctuation cut."""
_PUNCTUATION: Final = 2


class Tag(NamedTuple):
    """A span in tokens.

    Attributes:
        type: number of the type in the head's order.
        score: mean probability of its words to be of that type.
    """

    type: int
    start: int
    end: int
    score: float


class Found(NamedTuple):
    """A span in characters of the text the tokens came from."""

    type: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Tagger:
    """The head for personal data: logits are O, B and I of the first type, B and I of the second.

    Attributes:
        o_bias: added to the log-probability of O; more makes fewer spans.
        thresholds: smallest score of a span by type; 0.5 where a type is missing.
    """

    types: tuple[str, ...]
    o_bias: float = 0.0
    thresholds: Mapping[str, float] = field(default_factory=dict[str, float])

    def decode(self, logits: Floats, words: Ints) -> tuple[Tag, ...]:
        """Spans of one window from the logits of its tokens, [n, 1 + 2 * types], special tokens left out."""
        if not len(words) or _is_dull(logits, _SURE - min(self.o_bias, 0.0)):
            return ()
        first, behind = edges(words)
        chances = _softmax(logits)
        means = np.add.reduceat(chances, first, axis=0) / (behind - first)[:, None]
        unsure = np.flatnonzero(means[:, 0] < sigmoid(_SURE - min(self.o_bias, 0.0)))
        masses = means[:, 1::2] + means[:, 2::2]
        tags: list[Tag] = []
        for run in np.split(unsure, np.flatnonzero(np.diff(unsure) > 1) + 1) if len(unsure) else ():
            # How sure a word begins a span shows in its first token; the others are inside of it anyway.
            begins, insides = chances[first[run], 1::2], chances[first[run], 2::2]
            share = begins / np.maximum(begins + insides, _FLOOR**2)
            parts = means[run, :1], masses[run] * share, masses[run] * (1 - share)
            scores = np.log(np.concatenate(parts, axis=1) + _FLOOR)
            scores[:, 0] += self.o_bias
            for kind, begin, end in _runs(_best_path(scores), len(self.types)):
                inside = run[begin:end]
                score = float(masses[inside, kind].mean())
                tags.append(Tag(kind, int(first[inside[0]]), int(behind[inside[-1]]), score))
        return tuple(tags)

    def named(self, tags: Sequence[Tag], text: str, starts: Ints, ends: Ints) -> tuple[Found, ...]:
        """Spans of a whole text in characters, joined where only punctuation parts them; no weak ones."""
        found: list[Found] = []
        for tag in tags:
            place = Found(self.types[tag.type], int(starts[tag.start]), int(ends[tag.end - 1]), tag.score)
            if not any(map(str.isalnum, text[place.start : place.end])):
                continue
            if found and _is_one(found[-1], place, text):
                place = _joined(found.pop(), place)
            found.append(place)
        return tuple(span for span in found if span.score >= self.thresholds.get(span.type, 0.5))


def settle(windows: Sequence[tuple[Stretch, Sequence[Tag]]], length: int) -> tuple[Tag, ...]:
    """One answer from overlapping windows of a text of `length` tokens, in order of their start.

    A span counts if no other window that read the place sees more on its shorter side, or if that window
    found something there as well; of two that overlap the one further inside its window stands.
    The tags of a window count its own tokens from 0.
    """
    sheets = [_Sheet(stretch, tags, length) for stretch, tags in windows]
    claims: list[tuple[float, Tag]] = []
    for number, sheet in enumerate(sheets):
        for tag in sheet.tags:
            depth = sheet.depth(tag)
            others = [other for other in sheets[max(number - 1, 0) : number + 2] if other.depth(tag) > depth]
            if all(other.marks(tag) for other in others):
                claims.append((-depth, tag))
    taken = bytearray(length)
    kept: list[Tag] = []
    for _, tag in sorted(claims):
        if not any(taken[tag.start : tag.end]):
            taken[tag.start : tag.end] = bytes([1]) * (tag.end - tag.start)
            kept.append(tag)
    return tuple(sorted(kept, key=lambda tag: tag.start))


class _Sheet:
    """What one window says, in tokens of the text."""

    def __init__(self, stretch: Stretch, tags: Sequence[Tag], length: int) -> None:
        self._start, self._end = stretch
        self._length = length
        self._marked = bytearray(self._end - self._start)
        for tag in tags:
            self._marked[tag.start : tag.end] = bytes([1]) * (tag.end - tag.start)
        self.tags = [tag._replace(start=tag.start + self._start, end=tag.end + self._start) for tag in tags]

    def depth(self, tag: Tag) -> float:
        """Tokens between span and nearer edge, below 0 if it crosses it; ends of the text are no edges."""
        before = tag.start - self._start if self._start else inf
        behind = self._end - tag.end if self._end < self._length else inf
        return min(before, behind)

    def marks(self, tag: Tag) -> bool:
        """Whether the window found anything in a place it read."""
        return any(self._marked[tag.start - self._start : tag.end - self._start])


def _is_one(left: Found, right: Found, text: str) -> bool:
    gap = text[left.end : right.start]
    spaces = gap.count(" ")
    return (
        left.type == right.type
        and left.type not in _NEVER_JOINED
        and spaces <= 1
        and len(gap) - spaces <= _PUNCTUATION
        and not any(map(str.isalnum, gap))
    )


def _joined(left: Found, right: Found) -> Found:
    a, b = left.end - left.start, right.end - right.start
    score = (left.score * a + right.score * b) / (a + b)
    return Found(left.type, left.start, right.end, score)


def _is_dull(logits: Floats, odds: float) -> bool:
    """Whether every token is O with more than these log-odds: a bound, and cheap, as most text is dull."""
    others = logits[:, 1:]
    return bool((logits[:, 0] - others.max(axis=1) > odds + log(others.shape[1])).all())


def _softmax(logits: Floats) -> Floats:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _best_path(scores: Floats) -> list[int]:
    """States 0 = O, then B of each type, then I of each, one for each row of log-probabilities.

    I of a type may only follow its B or I, so the best way into it is the better of two; into every other
    state it is the best of all. That makes a step linear in the number of types.
    """
    kinds = scores.shape[1] // 2
    value = scores[0].copy()
    value[1 + kinds :] = -inf
    back: list[tuple[int, NDArray[np.bool_]]] = []
    for emitted in scores[1:]:
        top = int(value.argmax())
        begun, inside = value[1 : 1 + kinds], value[1 + kinds :]
        from_begun = begun >= inside
        following = emitted + value[top]
        following[1 + kinds :] = emitted[1 + kinds :] + np.where(from_begun, begun, inside)
        back.append((top, from_begun))
        value = following
    state = int(value.argmax())
    path = [state]
    for top, from_begun in reversed(back):
        if state <= kinds:
            state = top
        elif from_begun[state - kinds - 1]:
            state -= kinds
        path.append(state)
    return path[::-1]


def _runs(path: Sequence[int], kinds: int) -> Iterator[tuple[int, int, int]]:
    """(type, first word, word behind the last) of each span on a path."""
    start, type_ = 0, -1
    for place, state in enumerate([*path, 0]):
        if state <= kinds and type_ >= 0:
            yield type_, start, place
            type_ = -1
        if 0 < state <= kinds:
            start, type_ = place, state - 1
