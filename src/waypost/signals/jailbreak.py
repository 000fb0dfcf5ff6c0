"""`jailbreak_detection`: an attempt to talk a model out of its rules, or to slip it orders."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Encoded, Lint, Match, TextSignal, Verdict
from waypost.signals.labelled import lint_threshold


@configurable
class JailbreakDetection(TextSignal):
    """Holds when a text looks like a jailbreak or an injected instruction, in any role."""

    kind: ClassVar[str] = "jailbreak_detection"
    reads_all: ClassVar[bool] = True

    threshold: float = 0.5
    """Smallest probability of an attack at which the condition holds, in (0, 1]."""

    @property
    def heads(self) -> frozenset[str]:
        """Reads the guard's head."""
        return frozenset({"jailbreak"})

    def scanned(self, request: ChatRequest) -> Sequence[str]:
        """Every readable text in scope."""
        return [part.text for part in self.parts(request) if part.text]

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Find the text that is likeliest an attack."""
        if encoded is None:
            return Verdict(None, 0.0, "the classifiers did not read it", failed="engine")
        parts = [part for part in self.parts(request) if part.text]
        found = [(encoded.scans[part.text], part) for part in parts]
        scan, worst = max(found, key=lambda pair: pair[0].attack, default=(None, None))
        score = scan.attack if scan else 0.0
        because = f"P(attack)={score:.2f}, threshold {self.threshold:g}"
        if worst is not None and score >= self.threshold:
            match = Match("attack", worst.where, 0, len(worst.text))
            return Verdict(
                "attack", score, f"{because}, in {worst.where}", (match,), threshold=self.threshold
            )
        covered = min((scan.coverage for scan, _ in found), default=1.0)
        if covered < 1:
            because = f"{because}, but only {covered:.0%} of a text was read"
            return Verdict(None, score, because, failed="too_large", threshold=self.threshold)
        return self.unless_unread(request, Verdict(None, score, because, threshold=self.threshold))

    def sentence(self) -> str:
        """The condition as a clause."""
        return f"the text looks like a jailbreak or an injection (probability at least {self.threshold:g})"

    def lint(self) -> Iterator[Lint]:
        """A threshold out of range."""
        yield from lint_threshold(self.threshold)
