"""`jailbreak_detection`: an attempt to talk a model out of its rules, or to slip it orders.

Forms of words that are nothing else (`attack_patterns.py`) are found without a model; the classifier judges
the rest. Both read every text as sent and without its disguises (`suspects.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, Final, Literal

import re2

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.request.text import readings
from waypost.signals.attack_patterns import LONGEST, MAX_PATTERNS, built_in, find_own, own
from waypost.signals.base import Encoded, Lint, Match, TextSignal, Verdict
from waypost.signals.labelled import lint_threshold
from waypost.signals.linear import encode
from waypost.signals.suspects import Suspect, suspects

CERTAIN: Final = 0.99
"""Score of a built-in form: none of 10,800 harmless texts that were tried has one."""


@configurable
class JailbreakDetection(TextSignal):
    """Holds when a text looks like a jailbreak or an injected instruction, in any role."""

    kind: ClassVar[str] = "jailbreak_detection"
    reads_all: ClassVar[bool] = True

    threshold: float = 0.5
    """Smallest probability of an attack at which the condition holds, in (0, 1]."""

    document_threshold: float | None = None
    """The same for what tools return, documents among it. Default: `threshold`."""

    method: Literal["classifier", "patterns", "hybrid"] = "hybrid"
    """`patterns` finds only forms of words that are attacks wherever they stand, yours and the built-in ones,
    and asks no classifier; `classifier` asks only it; `hybrid` takes a pattern for proof and asks the
    classifier about the rest."""

    patterns: tuple[str, ...] = ()
    """Phrases of your own that are attacks: whole words, any case and white space, `*` for up to 40
    characters. Whatever their threshold, they hold."""

    # Outside the dataclass: no part of equality, hash or schema.
    @cached_property
    def _own(self) -> Sequence[tuple[str, "re2.Pattern"]]:
        return own(self.patterns)

    @property
    def heads(self) -> frozenset[str]:
        """Reads the guard's head, unless patterns alone answer."""
        return frozenset() if self.method == "patterns" else frozenset({"jailbreak"})

    def scanned(self, request: ChatRequest) -> Sequence[str]:
        """Every readable text in scope, and its other readings."""
        return [] if self.method == "patterns" else [each.text for each in self._suspects(request)]

    def early(self, request: ChatRequest) -> Verdict | None:
        """What a pattern proves needs no classifier."""
        return None if self.method == "classifier" else self._proven(request)

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Find a pattern, else the text that is likeliest an attack."""
        if (proven := self.early(request)) is not None:
            return proven
        if self.method == "patterns":
            return self.unless_unread(request, Verdict(None, 0.0, "no pattern of an attack found"))
        if encoded is None:
            return Verdict(None, 0.0, "the classifiers did not read it", failed="engine")
        return self._judged(request, encoded)

    def _judged(self, request: ChatRequest, encoded: Encoded) -> Verdict:
        found = [(encoded.scans[each.text], each) for each in self._suspects(request)]
        scan, worst = max(
            found,
            # What is over its own threshold comes before what is not, whatever the other one is.
            key=lambda pair: (pair[0].attack >= self._least(pair[1]), pair[0].attack),
            default=(None, None),
        )
        score = scan.attack if scan else 0.0
        least = self._least(worst)
        because = f"P(attack)={score:.2f}, threshold {least:g}"
        if worst is not None and score >= least:
            part = worst.part
            match = Match("attack", part.where, 0, len(part.text))
            return Verdict("attack", score, f"{because}, {_place(worst)}", (match,), threshold=least)
        covered = min((scan.coverage for scan, _ in found), default=1.0)
        if covered < 1:
            because = f"{because}, but only {covered:.0%} of a text was read"
            return Verdict(None, score, because, failed="too_large", threshold=least)
        return self.unless_unread(request, Verdict(None, score, because, threshold=least))

    def _suspects(self, request: ChatRequest) -> Sequence[Suspect]:
        return suspects(request, self.scope or "conversation")

    def _least(self, suspect: Suspect | None) -> float:
        """The threshold of a text."""
        if suspect is None or not suspect.document or self.document_threshold is None:
            return self.threshold
        return self.document_threshold

    def _proven(self, request: ChatRequest) -> Verdict | None:
        """The first text that has a pattern; the same for all conditions with the same patterns."""
        key = ("attack pattern", self.scope, self.patterns)
        return request.once(key, lambda: next(self._hits(request), None))

    def _hits(self, request: ChatRequest) -> Iterator[Verdict]:
        for suspect in self._suspects(request):
            for folded in readings(request, suspect.text):
                text = encode(folded.text)
                score, known = 1.0, find_own(self._own, text)
                if known is None:
                    score, known = CERTAIN, built_in(text, document=suspect.document)
                if known is None:
                    continue
                part = suspect.part
                whole = suspect.text is not part.text
                span = (0, len(part.text)) if whole else folded.original(known.start, known.end)
                because = f"Matches the attack pattern '{known.term}', {_place(suspect)}"
                yield Verdict("attack", score, because, (Match(known.term, part.where, *span),))

    def sentence(self) -> str:
        """The condition as a clause."""
        if self.method == "patterns":
            return f"the text has the form of a known jailbreak or injection{self._named}"
        least = f"probability at least {self.threshold:g}"
        if self.document_threshold is not None:
            least += f", in what tools return {self.document_threshold:g}"
        return f"the text looks like a jailbreak or an injection ({least}){self._named}"

    @property
    def _named(self) -> str:
        count = len(self.patterns)
        return f" or matches {count} pattern{'s' if count > 1 else ''} of your own" if count else ""

    def lint(self) -> Iterator[Lint]:
        """Thresholds out of range, and patterns that are none or are not used."""
        yield from lint_threshold(self.threshold)
        if self.document_threshold is not None:
            for remark in lint_threshold(self.document_threshold):
                yield replace(remark, field="document_threshold")
        if self.patterns and self.method == "classifier":
            yield Lint("patterns", "patterns are not looked for", "`method: hybrid` uses both", "warning")
        if len(self.patterns) > MAX_PATTERNS:
            yield Lint("patterns", f"more than {MAX_PATTERNS} patterns", "`keyword_match` takes any number")
        for number, pattern in enumerate(self.patterns):
            if len(pattern) > LONGEST:
                yield Lint(f"patterns[{number}]", f"longer than {LONGEST} characters", "a few words do")
            elif not own([pattern]):
                yield Lint(f"patterns[{number}]", f"{pattern!r} has no letter or digit", "remove it")


def _place(suspect: Suspect) -> str:
    """Where it stands, and what was taken off."""
    return f"in {suspect.part.where}{f' ({suspect.how})' if suspect.how else ''}"
