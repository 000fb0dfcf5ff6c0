"""One training or evaluation text and what is known about it."""

from dataclasses import dataclass
from typing import Final


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


DOMAINS: Final = (
    "biology", "business", "chemistry", "computer science", "economics", "engineering", "health", "history",
    "law", "math", "other", "philosophy", "physics", "psychology",
)  # fmt: skip
"""The categories of MMLU-Pro, in the order of the head's outputs."""

INTENTS: Final = (
    "knowledge_qa", "math_problem", "code_generation", "code_debugging", "creative_writing", "business_writing",
    "summarization", "translation", "extraction", "analysis", "customer_support", "assistant_command",
    "general_chat",
)  # fmt: skip
"""What the user wants done; a second axis beside the domain."""

PII_TYPES: Final = (
    "PERSON", "STREET_ADDRESS", "ORGANIZATION", "GPE", "DATE_TIME", "DATE_OF_BIRTH", "AGE", "PHONE_NUMBER",
    "EMAIL_ADDRESS", "URL", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "UK_NINO", "IP_ADDRESS", "MAC_ADDRESS",
    "US_PASSPORT", "US_DRIVER_LICENSE", "BANK_ACCOUNT", "MEDICAL_RECORD", "API_KEY",
)  # fmt: skip
"""What the tagger tells apart, by Presidio's names; ZIP_CODE counts as STREET_ADDRESS, DOMAIN_NAME as URL."""
