"""`similarity`: whether a request is like the examples an operator gives."""

from collections.abc import Iterator
from typing import ClassVar, Final, Literal

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Encoded, Examples, Lint, Signal, Verdict
from waypost.signals.labelled import lint_threshold

MAX_EXAMPLES: Final = 1000


@configurable
class Similarity(Signal):
    """Holds when what the user asks is near enough to examples, by the cosine of their embeddings."""

    kind: ClassVar[str] = "similarity"

    examples: tuple[str, ...]
    """Examples of what is meant; a handful of different ones does."""

    threshold: float = 0.6
    """Smallest cosine at which the condition holds, in (0, 1]."""

    aggregate: Literal["max", "mean", "any"] = "max"
    """What is compared: the nearest example (`max`, `any`), or the mean over all (`mean`)."""

    @property
    def heads(self) -> frozenset[str]:
        """Reads the embedding."""
        return frozenset({"similarity"})

    @property
    def likened(self) -> tuple[Examples, ...]:
        """The texts, as the encoder is given them."""
        return (Examples(self.examples),)

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Aggregate the cosines; the example is named by its number."""
        if encoded is None:
            return Verdict(None, 0.0, "the classifiers did not read it", failed="engine")
        cosines = encoded.likenesses[Examples(self.examples)].cosines
        nearest = max(range(len(cosines)), key=cosines.__getitem__)
        score = sum(cosines) / len(cosines) if self.aggregate == "mean" else cosines[nearest]
        what = "mean over the examples" if self.aggregate == "mean" else f"example {nearest + 1}"
        because = f"similarity to {what} {score:.2f}, threshold {self.threshold:g}"
        label = self.examples[nearest] if score >= self.threshold else None
        return Verdict(label, max(0.0, min(1.0, score)), because, threshold=self.threshold)

    def sentence(self) -> str:
        """The condition as a clause."""
        some = ", ".join(f'"{text}"' for text in self.examples[:3])
        more = f" and {len(self.examples) - 3} more" if len(self.examples) > 3 else ""  # noqa: PLR2004
        return f"the request is like {some}{more} (cosine of at least {self.threshold:g})"

    def lint(self) -> Iterator[Lint]:
        """No examples, empty or far too many ones, and a threshold out of range."""
        if not self.examples:
            yield Lint("examples", "no examples", "give three to ten different ones")
        if len(self.examples) > MAX_EXAMPLES:
            yield Lint("examples", f"more than {MAX_EXAMPLES:,} examples", "a handful of different ones does")
        for number, text in enumerate(self.examples):
            if not text.strip():
                yield Lint(f"examples[{number}]", "an empty example", "remove it")
        if self.threshold != 1:  # which means: one of these texts, word for word
            yield from lint_threshold(self.threshold)
