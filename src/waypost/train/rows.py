"""One training or evaluation text and what is known about it."""

from dataclasses import dataclass

from waypost.signals.labels import DOMAINS, INTENTS, PII_TYPES

__all__ = ["DOMAINS", "INTENTS", "PII_TYPES", "Personal", "Row"]


@dataclass(frozen=True, slots=True, order=True)
class Personal:
    """Personal data in a text: character offsets, end exclusive, and the type."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Row:
    """A text with every label anybody gave it; a label that is None is unknown and trains nothing.

    Attributes:
        source: data set or generator; the unit that is left out to measure transfer.
        group: template, frame, mail or family; rows of one group never fall on both sides of a split.
        domain: one of `DOMAINS`.
        intent: one of `INTENTS`.
        difficulty: expected share of models that fail, in [0, 1].
        attack: jailbreak or injection, direct or indirect. Harmful wishes without a wrapper are not.
        personal: None = not annotated; () = annotated and clean.
        annotated: PII types that the source marks wherever they occur; others are unknown, not absent.
        kind: slice of a report, for example `roleplay` or `long_benign`.
        language: ISO 639-1.
        weight: in the loss.
    """

    text: str
    source: str
    group: str
    domain: str | None = None
    intent: str | None = None
    difficulty: float | None = None
    attack: bool | None = None
    personal: tuple[Personal, ...] | None = None
    annotated: frozenset[str] = frozenset()
    kind: str = ""
    language: str = "en"
    weight: float = 1.0
