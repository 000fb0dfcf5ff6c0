"""`pii_detection`: personal data in the text, by type; the detectors stand in `identifiers.py`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import ClassVar, Final

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.request.text import readings
from waypost.signals.base import Lint, Match, TextSignal, Verdict
from waypost.signals.identifiers import TYPES, Budget, Found, detect

_LEARNED: Final = (
    "PERSON",
    "STREET_ADDRESS",
    "ORGANIZATION",
    "GPE",
    "NRP",
    "TITLE",
    "AGE",
    "DATE_TIME",
    "DATE_OF_BIRTH",
    "ZIP_CODE",
    "DOMAIN_NAME",
    "US_DRIVER_LICENSE",
    "US_PASSPORT",
    "UK_NINO",
    "BANK_ACCOUNT",
    "MAC_ADDRESS",
    "MEDICAL_RECORD",
)
"""Known types that no pattern can prove; they wait for the classifiers."""

_MATCHES: Final = 100
_SURE: Final = 0.95
"""No detector is surer: after a hundred such finds there is nothing more to learn."""


@configurable
class PiiDetection(TextSignal):
    """Holds when the text contains personal data."""

    kind: ClassVar[str] = "pii_detection"
    reads_all: ClassVar[bool] = True

    types: tuple[str, ...] | None = None
    """Types to look for, for example `EMAIL_ADDRESS`. Default: every type there is a detector for."""

    threshold: float = 0.7
    """Smallest confidence at which a find counts, in [0, 1]."""

    regions: tuple[str, ...] = ("US",)
    """Countries (ISO 3166, two letters) whose national phone numbers count; international ones always do."""

    def evaluate(self, request: ChatRequest, encoded: object) -> Verdict:
        """Look for every type in every part; one scan serves all rules of the policy."""
        wanted = self._wanted
        if not wanted:
            because = f"{', '.join(self.types or ())} cannot be looked for without classifiers"
            return Verdict(None, 0.0, because, failed="engine")
        matches: list[Match] = []
        types: dict[str, None] = {}
        best = 0.0
        for part in self.parts(request):
            found = [
                (start, end, name, score)
                for name in (wanted if part.text else ())
                for start, end, score in self._scan(request, name, part.text)
                if score >= self.threshold
            ]
            for start, end, name, score in sorted(found):
                types[name] = None
                best = max(best, score)
                if len(matches) < _MATCHES:
                    matches.append(Match(name, part.where, start, end))
        if not types and any(_budget(request, name).left < 0 for name in wanted):
            because = "more candidates for personal data than can be checked in one request"
            return Verdict(None, 0.0, because, failed="too_large", looked_for=wanted)
        if not types:
            nothing = Verdict(None, 0.0, f"No PII found (looked for {', '.join(wanted)})")
            return replace(self.unless_unread(request, nothing), looked_for=wanted)
        label = next(iter(types))
        return Verdict(label, best, f"Contains PII: {', '.join(types)}", tuple(matches), looked_for=wanted)

    @property
    def _wanted(self) -> tuple[str, ...]:
        return tuple(name for name in TYPES if self.types is None or name in self.types)

    def _scan(self, request: ChatRequest, name: str, text: str) -> Sequence[Found]:
        regions = self.regions if name == "PHONE_NUMBER" else ()
        return request.once(("pii", name, regions, text), lambda: _scan(request, name, text, regions))

    def sentence(self) -> str:
        """The condition as a clause."""
        kinds = ", ".join(self._wanted) or "none of the wanted types yet"
        return f"the text contains personal data ({kinds}) with a confidence of at least {self.threshold:g}"

    def lint(self) -> Iterator[Lint]:
        """Types nobody knows, and types that have no detector yet."""
        if self.types == ():
            yield Lint("types", "no types", "leave `types` out to look for all of them")
        for number, name in enumerate(self.types or ()):
            if name in _LEARNED:
                yield Lint(
                    f"types[{number}]",
                    f"{name} is not looked for until the classifiers are there",
                    f"types with a detector: {', '.join(TYPES)}",
                    "warning",
                )
            elif name not in TYPES:
                near = get_close_matches(name.upper(), (*TYPES, *_LEARNED), n=1, cutoff=0.5)
                known = f"did you mean {near[0]}?" if near else f"known types: {', '.join(TYPES)}"
                yield Lint(f"types[{number}]", f"unknown PII type {name!r}", known)
        if not 0 <= self.threshold <= 1:
            yield Lint("threshold", f"threshold is {self.threshold:g}", "give a confidence from 0 to 1")
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


def _budget(request: ChatRequest, name: str) -> Budget:
    return request.once(("pii budget", name), Budget)


def _scan(request: ChatRequest, name: str, text: str, regions: Sequence[str]) -> Sequence[Found]:
    """Finds of one type, offsets in the text as sent; the first hundred of each confidence."""
    kept: dict[tuple[int, int], Found] = {}
    counts: Counter[float] = Counter()
    for folded in readings(request, text, case_sensitive=True):
        for start, end, score in detect(name, folded.text, regions, _budget(request, name)):
            if counts[score] < _MATCHES:
                counts[score] += 1
                span = folded.original(start, end)
                kept.setdefault(span, Found(*span, score))
            elif score >= _SURE:
                return tuple(kept.values())
    return tuple(kept.values())
