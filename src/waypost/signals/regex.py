"""`regex_match`: patterns of the operator, run by an engine that is linear in the text for every pattern."""

import re
import warnings
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import ClassVar, Final

import re2

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.request.text import readings
from waypost.signals.base import Lint, Match, TextSignal, Verdict
from waypost.signals.linear import compiled, encode, spans
from waypost.signals.wording import one_of, quoted

_MATCHES: Final = 100

_HINTS: Final = (
    (
        r"\(\?<?[=!]",
        "look-around is not supported: the engine answers in linear time; match the context itself",
    ),
    (r"\\[1-9]|\(\?P=", "back-references are not supported: the engine answers in linear time"),
    (r"\\Z", r"write \z for the end of the text"),
    (r"\(\?>|[*+?}]\+", "atomic groups and possessive repeats are not supported, and not needed here"),
)


@configurable
class RegexMatch(TextSignal):
    """Holds when a regular expression matches the text as sent, or the text without its disguises."""

    kind: ClassVar[str] = "regex_match"

    patterns: tuple[str, ...]
    """RE2 expressions; one that matches is enough. No look-around, no back-references."""

    case_sensitive: bool = False
    """Whether upper and lower case differ."""

    # Compiled on first use, outside the dataclass: no part of equality, hash or schema.
    @cached_property
    def _compiled(self) -> tuple[tuple[str, "re2.Pattern"], ...]:
        return tuple((p, compiled(p, case_sensitive=self.case_sensitive)) for p in self.patterns)

    def evaluate(self, request: ChatRequest, encoded: object) -> Verdict:
        """Search every part; evidence is the pattern and where it matched."""
        found: dict[str, None] = {}
        matches: list[Match] = []
        for part in self.parts(request):
            for pattern, engine in self._compiled if part.text else ():
                if pattern not in found or len(matches) < _MATCHES:
                    places = _find(request, part.text, engine)
                    if places is not None:
                        found[pattern] = None
                        matches += (Match(pattern, part.where, start, end) for start, end in places)
        if not found:
            count = len(self.patterns)
            because = (
                f"Pattern '{self.patterns[0]}' not found" if count == 1 else f"None of {count} patterns found"
            )
            return self.unless_unread(request, Verdict(None, 0.0, because))
        label, *more = found
        because = f"Matches pattern{'s' if more else ''} {quoted(tuple(found))}"
        return Verdict(label, 1.0, because, tuple(matches[:_MATCHES]))

    def sentence(self) -> str:
        """The condition as a clause."""
        return f"the text matches {one_of(self.patterns)}{', case counts' if self.case_sensitive else ''}"

    def lint(self) -> Iterator[Lint]:
        """Patterns the engine refuses, and patterns that match everything."""
        if not self.patterns:
            yield Lint("patterns", "no patterns", "give at least one")
        for number, pattern in enumerate(self.patterns):
            place = f"patterns[{number}]"
            try:
                tried = compiled(pattern, case_sensitive=self.case_sensitive)
            except re2.error as refused:
                yield Lint(place, f"'{pattern}' is not a valid pattern: {_reason(refused)}", _hint(pattern))
                continue
            if tried.search(b""):
                message = f"'{pattern}' matches nothing at all, so it may hold for any text"
                yield Lint(place, message, "ask for at least one character", "warning")


def _find(request: ChatRequest, text: str, pattern: "re2.Pattern") -> list[tuple[int, int]] | None:
    """Where it matches the text as sent or, failing that, one of its folded readings; None = nowhere."""
    raw = request.once(("utf-8", text), lambda: encode(text))
    found = list(islice(spans(pattern, raw), _MATCHES))
    if found:
        return [(start, end) for start, end in found if start < end]
    for folded in readings(request, text, case_sensitive=True):
        if folded.text != text:
            found = list(islice(spans(pattern, encode(folded.text)), _MATCHES))
            if found:
                return [folded.original(start, end) for start, end in found if start < end]
    return None


def _reason(refused: re2.error) -> str:
    """The engine's message, which may come as bytes."""
    message: object = refused.args[0] if refused.args else "unknown reason"
    return message.decode(errors="replace") if isinstance(message, bytes) else str(message)


def _hint(pattern: str) -> str:
    for symptom, hint in _HINTS:
        if re.search(symptom, pattern):
            return hint
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except re.error:
        return "check brackets and escapes"
    return "Python accepts it, RE2 does not: see https://github.com/google/re2/wiki/Syntax"
