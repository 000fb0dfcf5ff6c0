"""Signals with known answers, free and learned, and an encoder that knows its answers beforehand."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from waypost.configurable import configurable
from waypost.needs import Ask, Encode, Failed, Recall, Remembered
from waypost.request.chat import ChatRequest
from waypost.signals.base import SCANNING, Encoded, Examples, Likeness, Scan, Signal, Span, Verdict
from waypost.signals.labels import DOMAINS, INTENTS

YES = Verdict("yes", 1.0, "holds")
NO = Verdict(None, 0.0, "does not hold")
UNREADABLE = Verdict(None, 0.0, "an image could not be read", failed="unscannable")
STRANGER = Verdict(None, 0.0, "no trusted hop vouches for the caller", failed="identity_unknown")


@dataclass(frozen=True, slots=True)
class Fixed(Signal):
    """Gives one verdict, whatever the request, and counts how often it was asked.

    Attributes:
        reads: encoder heads it pretends to read; empty = it needs no model.
        hasty: it gives the verdict early, before the encoder is asked.
        asked: one entry per question: what the encoder had found.
    """

    kind: ClassVar[str] = "fixed"

    verdict: Verdict
    reads: frozenset[str] = frozenset()
    hasty: bool = False
    asked: list[Encoded | None] = field(default_factory=list[Encoded | None], compare=False)

    @property
    def heads(self) -> frozenset[str]:
        """The heads named in `reads`."""
        return self.reads

    def early(self, request: ChatRequest) -> Verdict | None:
        """The verdict, from a hasty signal."""
        return self.evaluate(request, None) if self.hasty else None

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Count the question and give the fixed verdict."""
        self.asked.append(encoded)
        return self.verdict

    def sentence(self) -> str:
        """Say what it will answer."""
        return f"the fixed verdict says {self.verdict.because!r}"


@configurable
class Contains(Signal):
    """Holds when a text part of the request contains a word, letter for letter."""

    kind: ClassVar[str] = "contains"

    word: str
    """What to look for."""

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Look for the word; a part that cannot be read leaves the question open unless the word is found."""
        parts = [part for message in request.messages for part in message.parts]
        if any(self.word in part.text for part in parts):
            return Verdict(self.word, 1.0, f"Contains {self.word!r}")
        if not all(part.is_readable for part in parts):
            return Verdict(
                None, 0.0, f"looked for {self.word!r}, but a part cannot be read", failed="unscannable"
            )
        return Verdict(None, 0.0, f"does not contain {self.word!r}")

    def sentence(self) -> str:
        """Name the word."""
        return f"the text contains {self.word!r}"


@configurable
class Learned(Signal):
    """Holds when one label of an encoder head is probable enough: the shape of every learned signal."""

    kind: ClassVar[str] = "learned"

    head: str
    """Encoder head to read."""

    label: str
    """Label of that head."""

    threshold: float = 0.5
    """Smallest probability, in [0, 1], at which the condition holds."""

    @property
    def heads(self) -> frozenset[str]:
        """Reads its own head."""
        return frozenset({self.head})

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Compare the probability with the threshold; text that was not scanned leaves a negative open."""
        if encoded is None:
            return Verdict(None, 0.0, f"no encoder read {self.head!r}", failed="engine")
        p = encoded.heads[self.head][self.label]
        because = f"p({self.label})={p:.2f}, threshold {self.threshold:g}"
        if p >= self.threshold:
            return Verdict(self.label, p, because)
        if encoded.coverage < 1:
            return Verdict(
                None, p, f"{because}, but only {encoded.coverage:.0%} was scanned", failed="too_large"
            )
        return Verdict(None, p, because)

    def sentence(self) -> str:
        """Name label and threshold."""
        return f"the {self.head} head finds {self.label!r} with at least {self.threshold:g}"


@dataclass(slots=True)
class FakeEncoder:
    """Answers every `Encode` from tables, and remembers what it was asked.

    Attributes:
        heads: probability per head and label; a focus head that is missing makes the pass fail. Labels of
            `domain` and `intent` that are left out share what the others leave, as in a softmax.
        coverage: share that is read of every text guards ask for.
        attacks: P(attack) of a text that contains a phrase; the largest counts.
        personal: type of personal data by phrase: each occurrence in a scanned text is a span.
        likenesses: cosine of the focus by example, for those that are at all alike; the largest of a set is
            also its probability.
        down: why every need fails; empty = none does.
        passes: the heads of every pass so far.
    """

    heads: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    coverage: float = 1.0
    attacks: Mapping[str, float] = field(default_factory=dict[str, float])
    personal: Mapping[str, str] = field(default_factory=dict[str, str])
    likenesses: Mapping[str, float] = field(default_factory=dict[str, float])
    down: str = ""
    passes: list[frozenset[str]] = field(default_factory=list[frozenset[str]])

    def __call__(self, need: Ask[Any]) -> Encoded | Failed | Remembered:
        """Answer one need; nothing is remembered."""
        return Remembered() if isinstance(need, Recall) else self.encode(need)

    def encode(self, need: Ask[Any]) -> Encoded | Failed:
        """Answer what the encoder is asked."""
        if not isinstance(need, Encode):
            return Failed(f"a fake encoder cannot answer {need!r}")
        self.passes.append(need.heads)
        if self.down:
            return Failed(self.down)
        focused = need.heads - SCANNING - {"similarity"}
        if unknown := sorted(focused - self.heads.keys()):
            return Failed(f"no head {unknown[0]!r}")
        scans = {text: self._scan(text) for text in need.scan}
        found = {name: _shared(self.heads[name], _LABELS.get(name, ())) for name in focused}
        likenesses = {each: self._likeness(each) for each in (*need.examples, *need.wished)}
        return Encoded(found, self.coverage, scans, likenesses)

    async def answer(self, need: Encode) -> Encoded | Failed:
        """Answer one need, as the port of a worker does."""
        return self.encode(need)

    def _scan(self, text: str) -> Scan:
        attack = max((p for phrase, p in self.attacks.items() if phrase in text), default=0.0)
        spans = [
            Span(kind, found.start(), found.end(), 0.9)
            for phrase, kind in self.personal.items()
            for found in re.finditer(re.escape(phrase), text)
        ]
        return Scan(attack, tuple(sorted(spans, key=lambda span: span.start)), self.coverage)

    def _likeness(self, examples: Examples) -> Likeness:
        cosines = tuple(self.likenesses.get(text, 0.0) for text in examples.texts)
        return Likeness(cosines, max((0.0, *cosines)))


_LABELS: Final[Mapping[str, tuple[str, ...]]] = {"domain": DOMAINS, "intent": INTENTS}


def _shared(found: Mapping[str, float], labels: tuple[str, ...]) -> Mapping[str, float]:
    others = [label for label in labels if label not in found]
    rest = max(0.0, 1 - sum(found.values())) / len(others) if others else 0.0
    return {**found, **dict.fromkeys(others, rest)}
