"""`intent`: what the user wants done, whatever it is about."""

from collections.abc import Iterator
from typing import ClassVar

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Encoded, Lint, Signal, Verdict
from waypost.signals.labelled import known, lint_labels, lint_threshold, together
from waypost.signals.labels import INTENTS
from waypost.signals.wording import one_of


@configurable
class Intent(Signal):
    """Holds when the user asks for one of the named tasks."""

    kind: ClassVar[str] = "intent"

    intents: tuple[str, ...]
    """Tasks, for example `code_generation`; their probabilities count together."""

    threshold: float = 0.5
    """Smallest probability at which the condition holds, in (0, 1]."""

    @property
    def heads(self) -> frozenset[str]:
        """Reads the head of the same name."""
        return frozenset({"intent"})

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Add up the probabilities of the named tasks."""
        if encoded is None:
            return Verdict(None, 0.0, "the classifiers did not read it", failed="engine")
        wanted = [name for intent in self.intents if (name := known(intent, INTENTS))]
        return together("intent", encoded.heads["intent"], wanted, self.threshold)

    def sentence(self) -> str:
        """The condition as a clause."""
        return f"the task is {one_of(self.intents)} with a probability of at least {self.threshold:g}"

    def lint(self) -> Iterator[Lint]:
        """Unknown tasks, and a threshold out of range or out of reason."""
        yield from lint_labels("intents", self.intents, INTENTS)
        yield from lint_threshold(self.threshold, len(self.intents) / len(INTENTS))
