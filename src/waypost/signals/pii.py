"""`pii_detection`: personal data in the text, by type.

Identifiers that prove themselves are found by pattern (`identifiers.py`); names, addresses and what has
no form of its own by the classifiers. Where both claim the same characters, the proof wins.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import ClassVar, Final, Literal

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest, Part
from waypost.request.text import readings
from waypost.signals.base import Encoded, Lint, Match, Span, TextSignal, Verdict
from waypost.signals.candidates import Budget, Found
from waypost.signals.credentials import could_be_key
from waypost.signals.identifiers import TYPES, detect
from waypost.signals.labels import PII_TYPES

PRIVATE: Final = (
    "PERSON",
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "STREET_ADDRESS",
    "DATE_OF_BIRTH",
    "CREDIT_CARD",
    "IBAN_CODE",
    "BANK_ACCOUNT",
    "US_SSN",
    "US_PASSPORT",
    "US_DRIVER_LICENSE",
    "UK_NINO",
    "MEDICAL_RECORD",
    "IP_ADDRESS",
    "API_KEY",
)
"""What identifies a person or opens an account; looked for where a condition names no types."""

_ALSO: Final = {"ZIP_CODE": "STREET_ADDRESS", "DOMAIN_NAME": "URL"}
"""Types that the classifiers find as a part of another."""

_NOBODY: Final = ("NRP", "TITLE")
"""Known types that nothing looks for: no person is told by them."""

LEARNED: Final = frozenset(PII_TYPES) - (frozenset(TYPES) - {"PHONE_NUMBER", "API_KEY"})
"""Types the classifiers are asked for. Phone numbers and keys have too many forms for patterns alone."""

_MATCHES: Final = 100
_ALL: Final = 5000
"""Most finds in one text that are masked; a text with more is refused."""
_SURE: Final = 0.95
"""No detector is surer: after a hundred such finds there is nothing more to learn."""


@configurable
class PiiDetection(TextSignal):
    """Holds when the text contains personal data."""

    kind: ClassVar[str] = "pii_detection"
    reads_all: ClassVar[bool] = True

    types: tuple[str, ...] | None = None
    """Types to look for, for example `EMAIL_ADDRESS`. Default: those that identify a person or open an
    account; not `GPE`, `DATE_TIME`, `ORGANIZATION`, `AGE`, `URL` and `MAC_ADDRESS`."""

    threshold: float = 0.7
    """Smallest confidence at which a find counts, in [0, 1]."""

    regions: tuple[str, ...] = ("US",)
    """Countries (ISO 3166, two letters) whose national phone numbers count; international ones always do."""

    method: Literal["hybrid", "patterns"] = "hybrid"
    """`patterns` finds only what proves itself by its form and needs no model; `hybrid` asks the classifiers
    as well."""

    @property
    def heads(self) -> frozenset[str]:
        """Reads the tagger, if a type is wanted that no pattern proves."""
        learned = self.method == "hybrid" and LEARNED.intersection(self._wanted)
        return frozenset({"pii"}) if learned else frozenset()

    def scanned(self, request: ChatRequest) -> Sequence[str]:
        """Every readable text in scope."""
        return [part.text for part in self.parts(request) if part.text]

    def early(self, request: ChatRequest) -> Verdict | None:
        """What a pattern finds needs no classifier."""
        verdict = self._judged(request, None)
        return verdict if verdict.holds else None

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        """Look for every type in every part; one scan serves all rules of the policy."""
        wanted = self._wanted
        if not wanted or (self.heads and encoded is None):
            because = f"{', '.join(self.types or ())} cannot be looked for without classifiers"
            return Verdict(None, 0.0, because, failed="engine")
        verdict = self._judged(request, encoded)
        if verdict.holds or verdict.failed or encoded is None:
            return verdict
        covered = min((encoded.scans[text].coverage for text in self.scanned(request)), default=1.0)
        if covered < 1:
            because = f"No PII found, but only {covered:.0%} of a text was read"
            return Verdict(
                None, 0.0, because, failed="too_large", looked_for=wanted, threshold=self.threshold
            )
        return verdict

    def finds(
        self, request: ChatRequest, encoded: Encoded | None
    ) -> Sequence[tuple[Part, Sequence[Span]]] | None:
        """Every readable part in scope that holds personal data, with all of it, in order.

        None = there is more than can be looked for in one request, so some of it would be missed.
        """
        every: list[tuple[Part, Sequence[Span]]] = []
        for part in self.parts(request):
            found = self._found(request, part.text, encoded, _ALL) if part.text else ()
            counted = [span for span in found if span.score >= self.threshold]
            if len(counted) >= _ALL:
                return None
            if counted:
                every.append((part, counted))
        return None if any(_budget(request, name).left < 0 for name in self._wanted) else every

    def _judged(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        wanted = self._wanted
        matches: list[Match] = []
        types: dict[str, None] = {}
        best = 0.0
        for part in self.parts(request):
            for span in self._found(request, part.text, encoded) if part.text else ():
                if span.score >= self.threshold:
                    types[span.type] = None
                    best = max(best, span.score)
                    if len(matches) < _MATCHES:
                        matches.append(Match(span.type, part.where, span.start, span.end))
        if not types and any(_budget(request, name).left < 0 for name in wanted):
            because = "more candidates for personal data than can be checked in one request"
            return Verdict(None, 0.0, because, failed="too_large", looked_for=wanted)
        if not types:
            nothing = Verdict(None, 0.0, f"No PII found (looked for {', '.join(wanted)})")
            return replace(self.unless_unread(request, nothing), looked_for=wanted)
        label = next(iter(types))
        return Verdict(label, best, f"Contains PII: {', '.join(types)}", tuple(matches), looked_for=wanted)

    def _found(
        self, request: ChatRequest, text: str, encoded: Encoded | None, most: int = 0
    ) -> Sequence[Span]:
        """Wanted finds in one text, in order; of each type and score at most `most`, 0 = for evidence."""
        wanted = self._wanted
        proven = [
            Span(name, start, end, score)
            for name in wanted
            if name in TYPES
            for start, end, score in self._scan(request, name, text, most or _MATCHES)
        ]
        learned = encoded.scans[text].spans if encoded is not None and self.heads else ()
        return merged(proven, [s for s in learned if s.type in wanted and _counts(s, text)], text)

    @property
    def _wanted(self) -> tuple[str, ...]:
        named = PRIVATE if self.types is None else (_ALSO.get(name, name) for name in self.types)
        known = (name for name in named if name in TYPES or name in PII_TYPES)
        return tuple(dict.fromkeys(name for name in known if self.method == "hybrid" or name in TYPES))

    def _scan(self, request: ChatRequest, name: str, text: str, most: int) -> Sequence[Found]:
        regions = self.regions if name == "PHONE_NUMBER" else ()
        found = request.once(("pii", name, regions, text), lambda: _scan(request, name, text, regions))
        if len(found) < _MATCHES or most <= _MATCHES:
            return found
        return request.once(
            ("pii", name, regions, text, most), lambda: _scan(request, name, text, regions, most)
        )

    def sentence(self) -> str:
        """The condition as a clause."""
        kinds = ", ".join(self._wanted) or "none of the wanted types yet"
        return f"the text contains personal data ({kinds}) with a confidence of at least {self.threshold:g}"

    def lint(self) -> Iterator[Lint]:
        """Types nobody knows, and types that nothing looks for."""
        if self.types == ():
            yield Lint("types", "no types", "leave `types` out to look for all that are private")
        known = (*dict.fromkeys((*TYPES, *PII_TYPES)), *_ALSO)
        for number, name in enumerate(self.types or ()):
            if name in _NOBODY:
                message = f"{name} is not looked for: it tells no person from another"
                yield Lint(f"types[{number}]", message, f"types: {', '.join(known)}", "warning")
            elif name not in known:
                near = get_close_matches(name.upper(), known, n=1, cutoff=0.5)
                remedy = f"did you mean {near[0]}?" if near else f"known types: {', '.join(known)}"
                yield Lint(f"types[{number}]", f"unknown PII type {name!r}", remedy)
        if not 0 <= self.threshold <= 1:
            yield Lint("threshold", f"threshold is {self.threshold:g}", "give a confidence from 0 to 1")
        elif self.threshold > _SURE:
            message = f"no pattern is surer than {_SURE:g}, so what patterns find never counts"
            yield Lint("threshold", message, f"give {_SURE:g} or less", "warning")
        if "PHONE_NUMBER" in self._wanted:
            yield from self._lint_regions()

    def _lint_regions(self) -> Iterator[Lint]:
        import phonenumbers  # noqa: PLC0415 - 10 MB that only phone numbers need

        for number, region in enumerate(self.regions):
            if region not in phonenumbers.SUPPORTED_REGIONS:
                yield Lint(
                    f"regions[{number}]",
                    f"unknown region {region!r}",
                    "two capital letters, for example US or DE",
                )


def _counts(span: Span, text: str) -> bool:
    """Whether a find of the tagger is evidence: its type is asked for, and a key has the form of one."""
    if span.type == "API_KEY":
        return could_be_key(text[span.start : span.end])
    return span.type in LEARNED


def merged(proven: Sequence[Span], learned: Sequence[Span], text: str) -> list[Span]:
    """All finds in order; of a learned one only what no proven one covers, if a letter or digit is left.

    Args:
        proven: found by pattern and check.
        learned: found by the tagger.
        text: both are offsets into it.
    """
    kept = [*proven]
    for span in learned:
        kept += (Span(span.type, *piece, span.score) for piece in _rest(span, proven, text))
    return sorted(kept, key=lambda span: (span.start, span.end, span.type))


def _rest(span: Span, proven: Sequence[Span], text: str) -> Iterator[tuple[int, int]]:
    """What is left of a span, punctuation at the cuts taken off."""
    at = span.start
    for proof in sorted(proven, key=lambda p: p.start):
        if proof.start < span.end and proof.end > at:
            yield from _stripped(at, proof.start, text)
            at = max(at, proof.end)
    yield from _stripped(at, span.end, text)


def _stripped(start: int, end: int, text: str) -> Iterator[tuple[int, int]]:
    piece = text[start:end].strip(_EDGES) if start < end else ""
    if any(char.isalnum() for char in piece):
        first = text.index(piece, start)
        yield first, first + len(piece)


_EDGES: Final = " \t\r\n,;:.|/\\\"'`()[]{}<>=-"


def _budget(request: ChatRequest, name: str) -> Budget:
    return request.once(("pii budget", name), Budget)


def _scan(
    request: ChatRequest, name: str, text: str, regions: Sequence[str], most: int = _MATCHES
) -> Sequence[Found]:
    """Finds of one type, offsets in the text as sent; the first `most` of each confidence."""
    kept: dict[tuple[int, int], Found] = {}
    counts: Counter[float] = Counter()
    for folded in readings(request, text, case_sensitive=True):
        for start, end, score in detect(name, folded.text, regions, _budget(request, name)):
            if counts[score] < most:
                counts[score] += 1
                span = folded.original(start, end)
                kept.setdefault(span, Found(*span, score))
            elif score >= _SURE:
                return tuple(kept.values())
    return tuple(kept.values())
