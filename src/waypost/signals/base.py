"""What a signal is: a named question about one request, and its answer.

A signal is the condition type of a rule. It is a frozen dataclass made by `@configurable`, so
its fields are its YAML block, its JSON Schema and its row in the reference.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, Self

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest, Part
from waypost.request.text import Scope, read

FailureCode = Literal["unscannable", "identity_unknown", "engine", "too_large"]

SCANNING: Final = frozenset({"jailbreak", "pii"})
"""Heads that read every text in scope, window by window; the others read the focus."""


@dataclass(frozen=True, slots=True)
class Match:
    """Where a verdict rests on the text.

    Attributes:
        term: the operator's own spelling (keyword, pattern) or the PII type; never the client's text.
        where: JSON path of the part, as in `Part.where`.
        start: character offset into the part's original text, 0-based.
        end: character offset behind the last character.
    """

    term: str
    where: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A signal's answer.

    Attributes:
        label: what was found; None = the condition does not hold.
        score: in [0, 1].
        because: a sentence an auditor can read; never the client's text.
        matches: evidence in order of first occurrence, at most 100 entries.
        failed: why the question could not be answered; None = it was answered. A failed verdict is
            *unknown*, neither yes nor no: the rule's `on_error` settles it.
        looked_for: what a yes could have rested on, where the condition alone does not say it: PII types.
        threshold: what `score` was compared with; None = the answer is not a matter of degree.
    """

    label: str | None
    score: float
    because: str
    matches: tuple[Match, ...] = ()
    failed: FailureCode | None = None
    looked_for: tuple[str, ...] = ()
    threshold: float | None = None

    @property
    def holds(self) -> bool | None:
        """True, False, or None when the question could not be answered."""
        return None if self.failed else self.label is not None


Verdicts = Mapping[str, Verdict]
"""Answers by signal name; a missing name means *not evaluated*, never *no*."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts that stand for what an operator means by a name; compared with the request by embedding."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How near the focus text is to examples.

    Attributes:
        cosines: one for each example, in their order, in [-1, 1].
        probability: calibrated chance that the text belongs with them and not to everyday text.
    """

    cosines: tuple[float, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data that the tagger found.

    Attributes:
        start: character offset into the text as sent, 0-based.
        end: character offset behind the last character.
        score: in [0, 1].
    """

    type: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Scan:
    """What the guards' heads found in one text.

    Attributes:
        attack: P(jailbreak or injection) of the whole text.
        spans: personal data, in order of their start.
        coverage: share of the text that was read; below 1 without a find is a failed verdict for a guard.
    """

    attack: float = 0.0
    spans: tuple[Span, ...] = ()
    coverage: float = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of text that the encoder read in one pass; for the trace.

    Attributes:
        of: `focus`, or `scan 2` for the second text that guards had read.
        start: first character, in the normalised text.
        end: character behind the last one.
        tokens: special ones included.
        seconds: inference alone; 0 when the result was remembered.
        remembered: an equal window had been read before, so this one cost no pass.
    """

    of: str
    start: int
    end: int
    tokens: int
    seconds: float
    remembered: bool = False


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder found.

    Attributes:
        heads: probability per head and label, in [0, 1], of the focus text: `domain`, `intent`, `complexity`.
        coverage: smallest share that was read of any text in `scans`.
        scans: by text as sent, for every text that guards wanted read.
        likenesses: by examples.
        windows: what was read, in order; for the trace.
        seconds: from the question to the answer, waiting included.
    """

    heads: Mapping[str, Mapping[str, float]]
    coverage: float = 1.0
    scans: Mapping[str, Scan] = field(default_factory=dict[str, Scan])
    likenesses: Mapping[Examples, Likeness] = field(default_factory=dict[Examples, Likeness])
    windows: tuple[Window, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Lint:
    """A remark of a signal about its own configuration.

    Attributes:
        field: the dataclass field concerned, with index where it helps: `keywords[2]`.
        message: what is wrong.
        help: what to do.
        severity: `error` stops the load.
    """

    field: str
    message: str
    help: str = ""
    severity: Literal["error", "warning", "info"] = "error"


class Signal(ABC):
    """A question about one request. Subclasses are `@configurable` frozen dataclasses."""

    kind: ClassVar[str]
    """The condition `type` in YAML; set by the registry's key and checked against it."""

    @property
    def heads(self) -> frozenset[str]:
        """Encoder heads this signal reads; empty = it needs no model and may be asked at once."""
        return frozenset()

    @property
    def likened(self) -> tuple[Examples, ...]:
        """Examples the focus text must be compared with."""
        return ()

    def scanned(self, request: ChatRequest) -> Sequence[str]:
        """Texts that the heads `jailbreak` and `pii` must read for this signal."""
        return ()

    def early(self, request: ChatRequest) -> Verdict | None:
        """For a signal that reads heads: an answer no model can change; None = the encoder must be asked."""
        return None

    @abstractmethod
    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Answer for one request; `encoded` is None where `heads` is empty."""

    @abstractmethod
    def sentence(self) -> str:
        """The condition as a clause for `waypost check`: 'the text contains any of "a", "b"'."""

    def lint(self) -> Iterator[Lint]:
        """Remarks about this configuration, found at load."""
        return iter(())

    @classmethod
    def bind(cls, signals: Sequence[Self], lists: Mapping[str, Sequence[str]]) -> Sequence[Self]:  # noqa: ARG003
        """Prepare all signals of this class in one policy, once, at load; same order and length back.

        Here a signal resolves named keyword lists and joins its peers in a shared index.

        Raises:
            KeyError: with the name of an unknown list.
        """
        return signals


@configurable
class TextSignal(Signal):
    """A signal that reads text; what the file leaves out is filled in from the rule at load."""

    scope: Scope | None = None
    """Which text is read: `last_user`, `user`, `conversation` (every role but system and developer) or `all`
    (everything that would leave, tool definitions and metadata included). Default: `all` in a rule with a
    boundary or a block, inside `none_of`, for personal data and for attacks, else `conversation`."""

    unreadable: Literal["fail", "ignore"] | None = None
    """What images, audio and files in that text mean: `fail` = the question cannot be answered, so a boundary
    holds; `ignore` = they count as empty. Default: `fail` where the default scope is `all`, else
    `ignore`."""

    reads_all: ClassVar[bool] = False
    """Whether it asks about data that must not leave, so that its defaults are those of a guard anywhere."""

    def parts(self, request: ChatRequest) -> tuple[Part, ...]:
        """What this signal reads, parts that cannot be read included."""
        return read(request, self.scope or "conversation")

    def unless_unread(self, request: ChatRequest, verdict: Verdict) -> Verdict:
        """`verdict`, reached on the readable text, unless parts that could not be read leave it open."""
        if self.unreadable != "fail":
            return verdict
        unread = request.once(
            ("unread", self.scope), lambda: [p.kind for p in self.parts(request) if not p.is_readable]
        )
        if not unread:
            return verdict
        count = "1 part" if len(unread) == 1 else f"{len(unread)} parts"
        because = f"{count} could not be read ({', '.join(dict.fromkeys(unread))})"
        failed: FailureCode = "too_large" if unread == ["excess"] else "unscannable"
        return Verdict(None, 0.0, because, failed=failed)
