"""What a file says about guards, at any of its levels; what a level leaves out is the next wider one's.

The levels, the most telling first: rule or category, model, zone, the whole file, and what is built in.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final, Literal

from waypost.configurable import configurable

PiiAction = Literal["allow", "block", "reroute", "mask", "mask_restore"]
AttackAction = Literal["allow", "annotate", "block", "reroute"]
AttackMethod = Literal["classifier", "patterns", "hybrid"]


@configurable
class PiiLevel:
    """Personal data on its way out; each key left out is taken from the next wider level."""

    enabled: bool | None = None
    """Whether personal data is looked for. Default: true where any level says anything."""

    action: PiiAction | None = None
    """What happens where some is found: `allow`, `block`, `reroute` (to the next candidate that may have it),
    `mask` (placeholders such as `<EMAIL_1>`), `mask_restore` (and put back into the answer). Default:
    `block`."""

    threshold: float | None = None
    """Smallest confidence at which a find counts. Default: `classifier.pii_model.threshold`, else 0.7."""

    types: tuple[str, ...] | None = None
    """Types to look for. Default: those that identify a person or open an account."""

    allowed_types: tuple[str, ...] | None = None
    """Types that may pass all the same; taken off `types`."""

    method: Literal["hybrid", "patterns"] | None = None
    """`patterns` finds what proves itself by its form and asks no classifier; `hybrid` asks both. Default:
    `hybrid`."""


@configurable
class AttackLevel:
    """Jailbreaks and injected instructions; each key left out is taken from the next wider level."""

    enabled: bool | None = None
    """Whether they are looked for."""

    action: AttackAction | None = None
    """What happens to one: `block`, `reroute` (to the next candidate whose guard allows it), `annotate` (it
    passes, and a header says how likely it is one), `allow`. Default: `block`."""

    threshold: float | None = None
    """Smallest probability of an attack that counts. Default: 0.5."""

    document_threshold: float | None = None
    """The same for results of tools and retrieved documents. Default: `threshold`."""

    method: AttackMethod | None = None
    """`patterns` finds forms of words that are attacks wherever they stand and asks no classifier;
    `classifier` asks only it; `hybrid` does both. Default: `hybrid`."""

    patterns: tuple[str, ...] | None = None
    """Phrases of your own that are attacks: whole words, `*` for up to 40 characters."""


def narrowest(levels: Iterable[PiiLevel | AttackLevel]) -> dict[str, Any]:
    """Each key from the first level that says something about it; keys that none does are missing."""
    found: dict[str, Any] = {}
    for level in levels:
        found = {key: value for key, value in asdict(level).items() if value is not None} | found
    return found


PROTECTED: Final = PiiLevel(
    action="mask_restore",
    types=("CREDIT_CARD", "IBAN_CODE", "US_SSN", "UK_NINO", "API_KEY"),
    method="patterns",
)
"""What holds for zones called `external` where no level says anything: numbers and keys that prove themselves
leave as placeholders. It asks no classifier, so a rule of keywords still decides without one."""
