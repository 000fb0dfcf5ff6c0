"""`keyword_match`: whole words and phrases, found for all rules of a policy in one pass over a text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property, partial
from operator import itemgetter
from typing import ClassVar, Final, Literal, Self
from unicodedata import category

from ahocorasick_rs import AhoCorasick, Implementation

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest, Part
from waypost.request.text import Folded, fold, readings
from waypost.signals.base import Lint, Match, Signal, TextSignal, Verdict
from waypost.signals.forms import inflections
from waypost.signals.wording import quoted

_CHUNK: Final = 1 << 16
"""Characters searched at once: bounds what a text full of hits makes the search library return."""

_EFFORT: Final = 2_000_000
"""Hits looked at per request, whole words or not: a third of a second. 20 MB of prose has half as many."""

_CROWD: Final = 1000
"""Hits kept per text; beyond it only the first of each further keyword."""

_DFA_CHARACTERS: Final = 100_000
"""Up to here the automaton is a table: a third faster, about 80 bytes a character (bench/keywords.py)."""

_MATCHES: Final = 100

# Han, kana, Hangul, Thai, Lao, Myanmar, Khmer: words stand side by side, or carry particles, without a space.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u19e0-\u19ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f"
    "\u3038-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff"
    "\uf900-\ufaff\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)


class _WordCharacters(dict[str, bool]):
    """Whether a character belongs to a word that has a boundary: letters, digits, marks; not `_`."""

    def __missing__(self, char: str) -> bool:
        self[char] = category(char)[0] in "LNM" and not _UNSPACED.match(char)
        return self[char]


_IN_WORD: Final = _WordCharacters()


@dataclass(slots=True)
class _Effort:
    """Hits that may still be looked at; below 0 when text was left unread."""

    left: int = _EFFORT


_Hit = tuple[int, int, int, Folded]
"""Start, end, number of the term, and the folded text that start and end count in."""

_Spot = tuple[int, int, int, str, Folded]
"""Number of the part, start, end, JSON path of the part, and its folded text: sorts in order of the text."""


class _Index:
    """All folded keywords of a policy that share a case rule, in one automaton."""

    def __init__(self, terms: Sequence[str], *, case_sensitive: bool) -> None:
        self._case_sensitive = case_sensitive
        self._terms = terms
        self._longest = max(map(len, terms), default=1)
        self._left = [_IN_WORD[term[0]] for term in terms]
        self._right = [_IN_WORD[term[-1]] for term in terms]
        is_small = sum(map(len, terms)) <= _DFA_CHARACTERS
        self._automaton = AhoCorasick(terms, implementation=Implementation.DFA if is_small else None)

    def search(self, request: ChatRequest, parts: Sequence[Part]) -> dict[str, list[_Spot]]:
        """Occurrences by folded keyword, each keyword's in order of the text."""
        found: dict[str, list[_Spot]] = {}
        for number, part in enumerate(parts):
            text = part.text
            if not text:
                continue
            for start, end, term, folded in request.once((self, text), partial(self._hits, request, text)):
                spots = found.setdefault(self._terms[term], [])
                if len(spots) < _MATCHES:
                    spots.append((number, start, end, part.where, folded))
        return found

    def effort(self, request: ChatRequest) -> _Effort:
        """What is left of the request's effort for this index."""
        return request.once((self, "effort"), _Effort)

    def _hits(self, request: ChatRequest, text: str) -> list[_Hit]:
        hits: list[_Hit] = []
        seen: set[int] = set()
        for folded in readings(request, text, case_sensitive=self._case_sensitive):
            # A second reading only adds keywords that the first one did not show.
            new = self._scan(folded, frozenset(seen), self.effort(request))
            seen.update(hit[2] for hit in new)
            hits += new
        hits.sort(key=itemgetter(0, 1))
        return hits

    def _scan(self, folded: Folded, known: AbstractSet[int], effort: _Effort) -> list[_Hit]:
        """Whole-word hits, not sorted; time and memory are bounded for any text."""
        hits: list[_Hit] = []
        seen, done = set(known), known
        left, right, in_word = self._left, self._right, _IN_WORD
        padded = f" {folded.text} "
        for base in range(0, len(folded.text), _CHUNK):
            chunk = folded.text[base : base + _CHUNK + self._longest - 1]
            found = self._automaton.find_matches_as_indexes(chunk, overlapping=True)
            effort.left -= len(found)
            if effort.left < 0:
                break
            for term, first, last in found:
                if term in done or first >= _CHUNK:
                    continue
                start, end = base + first, base + last
                if (in_word[padded[start]] and left[term]) or (in_word[padded[end + 1]] and right[term]):
                    continue
                hits.append((start, end, term, folded))
                seen.add(term)
                if len(hits) >= _CROWD:
                    done = seen
        return hits


@configurable
class KeywordMatch(TextSignal):
    """Holds when the text contains keywords: whole words, phrases across any white space."""

    kind: ClassVar[str] = "keyword_match"

    keywords: tuple[str, ...] = ()
    """Words and phrases to look for."""

    lists: tuple[str, ...] = ()
    """Names of keyword lists whose words are looked for as well."""

    match: Literal["any", "all"] = "any"
    """Whether one keyword is enough or all must be there."""

    min_matches: int | None = None
    """How many different keywords must be there; instead of `match`."""

    forms: Literal["exact", "inflected"] = "exact"
    """Whether only the spellings given are found, or plurals, singulars and English verb endings as well:
    `policy` finds "policies", `trade` finds "traded", `medical record` finds "medical records"."""

    case_sensitive: bool = False
    """Whether `US` and `us` are different words."""

    # What `bind` prepares stands in the instance's `__dict__`, outside the dataclass: it is no part of
    # equality, hash, schema or pickle.

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All keywords, those of named lists included once bound."""
        return self.keywords

    @cached_property
    def terms(self) -> dict[str, str]:
        """The operator's spelling by folded keyword; keywords that fold to nothing cannot match."""
        terms: dict[str, str] = {}
        for word in self.words:
            if term := _term(word, case_sensitive=self.case_sensitive):
                terms.setdefault(term, word)
        return terms

    @cached_property
    def spellings(self) -> Mapping[str, str]:
        """The operator's spelling by everything that is looked for, folded: keywords, then their forms.

        What two keywords share belongs to the one that is spelled so, else to the first.
        """
        if self.forms == "exact":
            return self.terms
        made = dict(self.terms)
        for word in self.terms.values():
            for form in inflections(_term(word, case_sensitive=True)):
                made.setdefault(_term(form, case_sensitive=self.case_sensitive), word)
        return made

    @cached_property
    def _index(self) -> _Index:
        return _Index(tuple(self.spellings), case_sensitive=self.case_sensitive)

    @cached_property
    def _nothing(self) -> Verdict:
        words = tuple(self.terms.values())
        because = (
            f"Keyword {quoted(words)} not found"
            if len(words) == 1
            else f"None of {len(words)} keywords found"
        )
        return Verdict(None, 0.0, because)

    @property
    def _needed(self) -> int:
        if self.match == "all":
            return len(self.terms)
        return 1 if self.min_matches is None else self.min_matches

    @classmethod
    def bind(cls, signals: Sequence[Signal], lists: Mapping[str, Sequence[str]]) -> Sequence[Self]:
        """Resolve named lists and build one index per case rule for all signals of the policy."""
        bound = [replace(signal) for signal in signals if isinstance(signal, cls)]
        for signal in bound:
            named = (word for name in signal.lists for word in lists[name])
            vars(signal)["words"] = tuple(dict.fromkeys((*signal.keywords, *named)))
        for case_sensitive in (False, True):
            peers = [signal for signal in bound if signal.case_sensitive is case_sensitive]
            terms = dict.fromkeys(term for signal in peers for term in signal.spellings)
            index = _Index(tuple(terms), case_sensitive=case_sensitive)
            for signal in peers:
                vars(signal)["_index"] = index
        return bound

    def evaluate(self, request: ChatRequest, encoded: object) -> Verdict:
        """Find this rule's keywords among the hits of the shared search."""
        spots = self._spots(request)
        if not spots:
            return self._unless_unfinished(request, self._nothing)
        words = sorted(spots, key=lambda word: _place(spots[word][0]))
        matches = _matches(words, spots)
        if len(words) < self._needed:
            return self._unless_unfinished(request, Verdict(None, 0.0, self._short(words), matches))
        because = f"Contains {quoted(words)} keyword{'s' if len(words) > 1 else ''}"
        return Verdict(words[0], 1.0, because, matches)

    def _unless_unfinished(self, request: ChatRequest, verdict: Verdict) -> Verdict:
        if self._index.effort(request).left < 0:
            because = "more hits in the text than can be checked in one request"
            return Verdict(None, 0.0, because, failed="too_large")
        return self.unless_unread(request, verdict)

    def _spots(self, request: ChatRequest) -> dict[str, Sequence[_Spot]]:
        """Places by the operator's spelling, in order of the text; at most 100 for each form."""
        index = self._index
        found = request.once((index, self.scope), lambda: index.search(request, self.parts(request)))
        spots: dict[str, Sequence[_Spot]] = {}
        for term in found.keys() & self.spellings.keys():
            word = self.spellings[term]
            spots[word] = sorted((*spots[word], *found[term]), key=_place) if word in spots else found[term]
        return spots

    def _short(self, words: Sequence[str]) -> str:
        if self.match == "all":
            lacking = tuple(word for word in self.terms.values() if word not in words)
            return f"Found {quoted(words)} but not {quoted(lacking)}"
        return f"Found {quoted(words)}, {len(words)} of the {self._needed} different keywords needed"

    def sentence(self) -> str:
        """The condition as a clause."""
        terms = [f'"{word}"' for word in self.keywords]
        terms += [f"the words of list {name}" for name in self.lists]
        how = ", plurals and endings included" if self.forms == "inflected" else ""
        how += ", case counts" if self.case_sensitive else ""
        if len(terms) == 1 and not self.lists and self._needed <= 1:
            return f"the text contains {terms[0]}{how}"
        if self.match == "all":
            amount = "all of"
        elif self._needed > 1:
            amount = f"at least {self._needed} different ones of"
        else:
            amount = "any of"
        return f"the text contains {amount} {', '.join(terms)}{how}"

    def lint(self) -> Iterator[Lint]:
        """Keywords that cannot match, doubles, counts that cannot be reached."""
        if not self.keywords and not self.lists:
            yield Lint("keywords", "no keywords", "give `keywords`, `lists` or both")
        spelled: dict[str, str] = {}
        for number, word in enumerate(self.keywords):
            term = _term(word, case_sensitive=self.case_sensitive)
            place = f"keywords[{number}]"
            if not any(char.isalnum() for char in term):
                yield from _wordless(place, word, term)
            elif term in spelled:
                message = f"{word!r} is the same keyword as {spelled[term]!r}"
                yield Lint(place, message, "remove one of them", "warning")
            elif len(term) == 1 and not _UNSPACED.match(term):
                yield Lint(place, f"{word!r} is a single letter and will match often", severity="info")
            spelled.setdefault(term, word)
        yield from self._lint_count()

    def _lint_count(self) -> Iterator[Lint]:
        if self.min_matches is None:
            return
        if self.min_matches < 1:
            yield Lint("min_matches", f"min_matches is {self.min_matches}", "give a number of at least 1")
        if self.match == "all":
            yield Lint(
                "min_matches", "`match: all` and `min_matches` exclude each other", "remove one of them"
            )
        is_complete = not self.lists or "words" in vars(self)
        if is_complete and self.min_matches > len(self.terms):
            message = (
                f"min_matches is {self.min_matches}, but there are only {len(self.terms)} different keywords"
            )
            yield Lint("min_matches", message, "this condition can never hold")


def _matches(words: Sequence[str], spots: Mapping[str, Sequence[_Spot]]) -> tuple[Match, ...]:
    """Evidence: the first place of every keyword, then further places, as far as there is room."""
    kept = [(spots[word][0], word) for word in words[:_MATCHES]]
    room = _MATCHES - len(kept)
    if room:
        more = ((spot, word) for word in words for spot in spots[word][1:])
        kept = sorted(kept + sorted(more, key=_first)[:room], key=_first)
    return tuple(
        Match(word, where, *folded.original(start, end)) for (_, start, end, where, folded), word in kept
    )


def _place(spot: _Spot) -> tuple[int, int, int]:
    return spot[:3]


def _first(found: tuple[_Spot, str]) -> tuple[int, int, int]:
    return _place(found[0])


def _wordless(place: str, word: str, term: str) -> Iterator[Lint]:
    if term:
        yield Lint(
            place, f"{word!r} has no letter or digit", "it matches that punctuation anywhere", "warning"
        )
    else:
        yield Lint(place, f"{word!r} can never match: nothing is left of it", "remove it")


def _term(word: str, *, case_sensitive: bool) -> str:
    return fold(word, case_sensitive=case_sensitive).text.strip()
