"""What a file says about sharing answers, at any level; what a level leaves out is the next wider one's.

The levels, the most telling first: rule or category, then the whole file, then what is built in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from waypost.configurable import configurable
from waypost.signals.base import Lint

Sharing = Literal["user", "tenant", "global"]


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """What holds for one request, with every level heard.

    Attributes:
        enabled: whether the cache is used at all.
        similarity_threshold: smallest cosine of a candidate, in (0, 1].
        ttl_seconds: how long an answer may be served.
        scope: who shares answers.
        max_temperature: highest temperature at which answers are shared; a request that names none has it.
        tool_calls: answers that call tools, and turns that bring results of tools, are kept too.
        error_budget: highest share of wrong answers among those served to reworded questions, in (0, 1].
    """

    enabled: bool = False
    similarity_threshold: float = 0.85
    ttl_seconds: float = 3600.0
    scope: Sharing = "tenant"
    max_temperature: float = 1.0
    tool_calls: bool = False
    error_budget: float = 0.03


@configurable
class CacheLevel:
    """Answers that are served again; each key left out is taken from the next wider level."""

    enabled: bool | None = None
    """Whether answers are kept and served again. Default: false."""

    similarity_threshold: float | None = None
    """How near a question must be to an answered one to be verified and served its answer: cosine, in (0, 1].
    1 = only equal requests. Requests may raise it, never lower it. Default: 0.85."""

    ttl_seconds: float | None = None
    """How long an answer may be served. Default: 3600."""

    scope: Sharing | None = None
    """Who shares answers: `user`, `tenant`, or `global` for everybody. Whoever no trusted hop vouches for
    shares only with `global`. Default: `tenant`."""

    max_temperature: float | None = None
    """Highest `temperature` at which answers are shared; one that names none is below it. Default: 1."""

    tool_calls: bool | None = None
    """Whether answers that call tools, and turns that bring their results, are kept too. Default: false."""

    error_budget: float | None = None
    """Highest share of wrong answers among those served to reworded questions, in (0, 1]; where the measured
    one may be higher, the threshold is raised. Default: 0.03."""

    def lint(self) -> Iterator[Lint]:
        """Numbers out of range."""
        for name in _SHARES:
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                yield Lint(name, f"{name} is {value:g}", "give a number above 0, up to 1")
        if self.ttl_seconds is not None and not 0 < self.ttl_seconds <= MAX_TTL_SECONDS:
            yield Lint("ttl_seconds", f"ttl_seconds is {self.ttl_seconds:g}", _TTL_HELP)
        if self.max_temperature is not None and not 0 <= self.max_temperature <= _HOTTEST:
            yield Lint(
                "max_temperature", f"max_temperature is {self.max_temperature:g}", "give a number from 0 to 2"
            )


MAX_TTL_SECONDS: Final = 366 * 86_400
_TTL_HELP: Final = "give a number of seconds above 0, up to a year"
_SHARES: Final = ("similarity_threshold", "error_budget")
_HOTTEST: Final = 2


def merged(levels: Iterable[CacheLevel]) -> CacheSettings:
    """What holds where these levels speak, the most telling first."""
    said: dict[str, Any] = {}
    for level in levels:
        for field in fields(level):
            if field.name not in said and (value := getattr(level, field.name)) is not None:
                said[field.name] = value
    return CacheSettings(**said)
