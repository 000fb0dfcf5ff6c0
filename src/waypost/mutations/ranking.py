"""Which short texts answer a query: the cosine of their embeddings, helped by the words they share.

Rule 1: everything is linear in the texts given, and callers bound them; nothing is embedded here.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

WEIGHT: Final = 0.2
"""Of shared words beside the cosine: best on the half of the requests that bench/quality/results/tools.md
tunes on; more of it suits queries made of keywords and harms talk."""

_K1: Final = 1.2
_B: Final = 0.75
_TERM: Final = re.compile(r"[^\W_]+")
_UNKNOWN: Final = -2.0


def terms(text: str) -> list[str]:
    """The words of a text in lower case, in order; digits count as letters."""
    return _TERM.findall(text.lower())


@dataclass(frozen=True, slots=True)
class Words:
    """An index of texts by their words.

    Source: Robertson and Zaragoza 2009, BM25, with k1 1.2, b 0.75 and the idf that is never negative,
    ln(1 + (N - df + 0.5) / (df + 0.5)); a query is the set of its words.

    Attributes:
        count: texts.
        postings: by word, the number of each text that has it and what it adds to that text's score.
    """

    count: int
    postings: Mapping[str, tuple[tuple[int, float], ...]]

    @classmethod
    def of(cls, texts: Sequence[str], only: Collection[str] | None = None) -> Self:
        """Index texts; by the words of one query `only` where they are asked about once."""
        split = [terms(text) for text in texts]
        mean = sum(map(len, split)) / len(split) if split else 0.0
        found: dict[str, list[tuple[int, float]]] = {}
        for number, words in enumerate(split):
            counts = Counter(words if only is None else (word for word in words if word in only))
            for word, times in counts.items():
                long = _K1 * (1 - _B + _B * len(words) / mean)
                found.setdefault(word, []).append((number, times * (_K1 + 1) / (times + long)))
        return cls(len(split), {word: _weighed(rows, len(split)) for word, rows in found.items()})

    def scores(self, query: Collection[str]) -> list[float]:
        """A score for each text, divided by the best one: in [0, 1], all 0 where no word is shared."""
        scores = [0.0] * self.count
        for word in dict.fromkeys(query):
            for number, part in self.postings.get(word, ()):
                scores[number] += part
        best = max(scores, default=0.0)
        return [score / best for score in scores] if best else scores


def rank(query: Collection[str], words: Words, cosines: Sequence[float | None]) -> list[float]:
    """How well each text answers: its cosine with the query, and `WEIGHT` for the words they share.

    Args:
        query: words, as `terms` gives them.
        words: the index of the texts.
        cosines: one for each text; None = not embedded, so it stands behind all that are.
    """
    return [
        (_UNKNOWN if cosine is None else cosine) + WEIGHT * shared
        for cosine, shared in zip(cosines, words.scores(query), strict=True)
    ]


def best(scores: Sequence[float], count: int) -> list[int]:
    """Numbers of the best `count`, best first; of equals the first."""
    return sorted(range(len(scores)), key=lambda number: -scores[number])[:count]


def _weighed(rows: Sequence[tuple[int, float]], count: int) -> tuple[tuple[int, float], ...]:
    rarity = math.log(1 + (count - len(rows) + 0.5) / (len(rows) + 0.5))
    return tuple((number, part * rarity) for number, part in rows)
