"""`domain`: what a request is about, in the fourteen categories of MMLU-Pro."""

from collections.abc import Iterator
from typing import ClassVar

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Encoded, Lint, Signal, Verdict
from waypost.signals.labelled import known, lint_labels, lint_threshold, together
from waypost.signals.labels import DOMAINS
from waypost.signals.wording import one_of


@configurable
class Domain(Signal):
    """Holds when what the user asks is about one of the named domains."""

    kind: ClassVar[str] = "domain"

    domains: tuple[str, ...]
    """Domains, for example `math`; their probabilities count together."""

    threshold: float = 0.5
    """Smallest probability at which the condition holds, in (0, 1]."""

    @property
    def heads(self) -> frozenset[str]:
        """Reads the head of the same name."""
        return frozenset({"domain"})

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Add up the probabilities of the named domains."""
        if encoded is None:
            return Verdict(None, 0.0, "the classifiers did not read it", failed="engine")
        wanted = [name for domain in self.domains if (name := known(domain, DOMAINS))]
        return together("domain", encoded.heads["domain"], wanted, self.threshold)

    def sentence(self) -> str:
        """The condition as a clause."""
        return (
            f"the request is about {one_of(self.domains)} with a probability of at least {self.threshold:g}"
        )

    def lint(self) -> Iterator[Lint]:
        """Unknown domains, and a threshold out of range or out of reason."""
        yield from lint_labels("domains", self.domains, DOMAINS)
        yield from lint_threshold(self.threshold, len(self.domains) / len(DOMAINS))
