"""A category of the semantic fallback: one of several kinds of request that compete for each text.

Domains and intents come from the heads, categories of one's own from examples. All of them are
probabilities, so the best one wins whatever it rests on.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Encoded, Examples, Lint, Signal, Verdict
from waypost.signals.labelled import lint_threshold
from waypost.signals.wording import one_of

NAMED: Final = "category: "
"""What the name of a category's signal begins with."""


@configurable
class Entry:
    """One competitor."""

    name: str
    """As the file names the category."""

    domains: tuple[str, ...] = ()
    """Domains it stands for."""

    intents: tuple[str, ...] = ()
    """Tasks it stands for."""

    examples: tuple[str, ...] = ()
    """Texts it stands for."""

    threshold: float = 0.5
    """Smallest probability at which it may win, in (0, 1]."""


@configurable
class Category(Signal):
    """Holds when this category suits what the user asks better than every other one."""

    kind: ClassVar[str] = "category"

    name: str
    """The category asked about; one without an entry takes what no entry claims."""

    entries: tuple[Entry, ...]
    """All that compete, in the order of the file."""

    @property
    def heads(self) -> frozenset[str]:
        """What any of the competitors reads: the best can only be told from all of them."""
        heads: set[str] = set()
        for entry in self.entries:
            heads |= {"domain"} if entry.domains else set()
            heads |= {"intent"} if entry.intents else set()
            heads |= {"similarity"} if entry.examples else set()
        return frozenset(heads)

    @property
    def likened(self) -> tuple[Examples, ...]:
        """The examples of all competitors."""
        return tuple(Examples(entry.examples) for entry in self.entries if entry.examples)

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Let all categories compete; the first of equals wins."""
        if encoded is None:
            return Verdict(None, 0.0, "the classifiers did not read it", failed="engine")
        ranked = self._ranked(request, encoded)
        best, highest = ranked[0]
        winner = best.name if highest >= best.threshold else None
        own = next(((entry, score) for entry, score in ranked if entry.name == self.name), None)
        if own is None:
            closest = f"closest is {best.name} {highest:.2f}, threshold {best.threshold:g}"
            return Verdict(self.name if winner is None else None, 1.0, f"no other category: {closest}")
        entry, score = own
        because = f"category {self.name}: p={score:.2f}, threshold {entry.threshold:g}"
        if other := [f"{e.name} {p:.2f}" for e, p in ranked[:2] if e.name != self.name]:
            because += f"; next {other[0]}"
        label = self.name if winner == self.name else None
        return Verdict(label, score, because, threshold=entry.threshold)

    def _ranked(self, request: ChatRequest, encoded: Encoded) -> "list[tuple[Entry, float]]":
        """The ranking, made once for all categories of a request."""
        # By identity: to hash a hundred entries costs as much as to rank them. The memo keeps both alive.
        key = ("categories", id(self.entries), id(encoded))
        made = request.once(key, lambda: (ranking(self.entries, encoded), self.entries, encoded))
        return made[0]

    def sentence(self) -> str:
        """The category as a clause."""
        entry = next((entry for entry in self.entries if entry.name == self.name), None)
        if entry is None:
            return "no other category suits the request"
        like = f" (like {len(entry.examples)} examples)" if entry.examples else ""
        bound = one_of([*entry.domains, *entry.intents] or [entry.name])
        return f"the request is best described as {bound}{like}, with at least {entry.threshold:g}"

    def lint(self) -> Iterator[Lint]:
        """A category that another one always beats, and a threshold that hardly any request reaches."""
        for number, entry in enumerate(self.entries):
            if entry.name != self.name:
                continue
            yield from lint_threshold(entry.threshold)
            if taker := next(
                (e for n, e in enumerate(self.entries) if _beats(e, entry, in_front=n < number)), None
            ):
                message = f"category {self.name!r} can never win: {taker.name!r} stands for all that it does"
                yield Lint("name", message, "remove it, or give it a domain, a task or examples", "warning")


def _beats(one: Entry, other: Entry, *, in_front: bool) -> bool:
    """Whether `one` is likelier than `other` for every request; of equals the one in front wins."""
    if other.examples or one.name == other.name:
        return False
    axes = [
        (set(own), set(its))
        for own, its in ((other.domains, one.domains), (other.intents, one.intents))
        if own
    ]
    return all(own <= its if in_front else own < its for own, its in axes)


def ranking(entries: Sequence[Entry], encoded: Encoded) -> list[tuple[Entry, float]]:
    """Competitors by probability, the likeliest first; equals keep their order.

    What the operator's own examples claim is no longer there for the heads to claim: they share the rest.
    """
    likeness = {e.name: encoded.likenesses[Examples(e.examples)].probability for e in entries if e.examples}

    def score(entry: Entry) -> float:
        rest = 1 - max((p for name, p in likeness.items() if name != entry.name), default=0.0)
        of_domains = sum(encoded.heads["domain"][name] for name in entry.domains)
        of_intents = sum(encoded.heads["intent"][name] for name in entry.intents)
        return min(1.0, max(likeness.get(entry.name, 0.0), of_domains * rest, of_intents * rest))

    return sorted(((entry, score(entry)) for entry in entries), key=lambda pair: -pair[1])
