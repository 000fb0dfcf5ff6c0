"""`complexity`: whether a request is hard for a small model."""

from collections.abc import Iterator
from typing import ClassVar

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Encoded, Lint, Signal, Verdict
from waypost.signals.labelled import lint_threshold


@configurable
class Complexity(Signal):
    """Holds when the complexity head finds what the user asks hard enough."""

    kind: ClassVar[str] = "complexity"

    threshold: float = 0.5
    """Smallest share of models expected to fail at which the condition holds, in (0, 1]."""

    @property
    def heads(self) -> frozenset[str]:
        """Reads the head of the same name."""
        return frozenset({"complexity"})

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Compare the head's answer with the operator's threshold."""
        if encoded is None:
            return Verdict(None, 0.0, "the classifiers did not read it", failed="engine")
        p = encoded.heads["complexity"]["hard"]
        because = f"complexity {p:.2f}, threshold {self.threshold:g}"
        return Verdict("hard" if p >= self.threshold else None, p, because, threshold=self.threshold)

    def sentence(self) -> str:
        """The condition as a clause."""
        return f"the request is hard: at least {self.threshold:g} on the complexity scale from 0 to 1"

    def lint(self) -> Iterator[Lint]:
        """A threshold out of range."""
        yield from lint_threshold(self.threshold)
