"""Parameters of a request held within limits, filled in, or taken out, in place.

Rule 1: a limit that another spelling gets round is none. Servers written in Go read `MAX_TOKENS` as
`max_tokens`, and lenient ones read `"4096"` as a number: both are dealt with here.
Rule 2: what is told about it are names and numbers, never another value.
"""

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from waypost.configurable import configurable
from waypost.dialects.splice import Drop, Edit, Put
from waypost.signals.base import Lint

TOKENS: Final = ("max_tokens", "max_completion_tokens")
"""Two names of one parameter, the length of an answer."""

PROTECTED: Final = frozenset({"model", "messages", "input", "stream", "tools", "functions"})
"""What the request is about, or what Waypost itself decides."""

MAX_NAMES: Final = 64
"""Most names in each of `limits`, `defaults` and `blocked`."""

MAX_DEFAULT: Final = 4096
"""Longest default, in characters of JSON."""

_WHOLE: Final = frozenset({*TOKENS, "n", "best_of", "top_k", "top_logprobs", "min_tokens", "seed"})
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_HEADER_CHARACTERS: Final = 1000


@configurable
class Limit:
    """The numbers a parameter may have."""

    min: float | None = None
    """Smallest; a smaller one is raised to it."""

    max: float | None = None
    """Largest; a larger one is lowered to it."""


@configurable
class RequestParameters:
    """What becomes of a request's parameters: first `blocked`, then `limits`, then `defaults`."""

    limits: Mapping[str, float | Limit] = field(default_factory=dict[str, float | Limit])
    """Bounds of numbers, by name: `{min: 0, max: 1}`, or a number alone for the largest. `max_tokens` and
    `max_completion_tokens` are one limit, which also holds for a request that has neither."""

    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values for requests that have none, by name; not used for embeddings."""

    blocked: tuple[str, ...] = ()
    """Names of parameters that are removed; one that has a default as well always gets it."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One parameter that is not as the client sent it; for the trace and a header.

    Attributes:
        parameter: its name as the configuration writes it.
        change: `removed`; `lowered` or `raised` to a limit; `replaced`, because it was no number or is always
            set; `set`, because there was none.
        before: the number that was sent; None where it was none.
        after: the number that is sent on; None where it is none.
    """

    parameter: str
    change: Literal["removed", "lowered", "raised", "replaced", "set"]
    before: float | None = None
    after: float | None = None

    def __str__(self) -> str:
        numbers = (("from", self.before), ("to", self.after))
        shown = (f";{word}={number:.15g}" for word, number in numbers if number is not None)
        return f"{self.parameter};{self.change}{''.join(shown)}"


def adjusted(notes: Sequence[Adjustment]) -> str:
    """Value of the header `x-waypost-adjusted`: `max_tokens;lowered;from=9000;to=4096, user;removed`.

    At most about 1,000 characters; `more` stands for what does not fit.
    """
    shown: list[str] = []
    left = _HEADER_CHARACTERS
    for text in map(str, notes):
        left -= len(text) + 2
        if left < 0:
            return ", ".join([*shown, "more"])
        shown.append(text)
    return ", ".join(shown)


def parameter_edits(
    parameters: RequestParameters, document: Mapping[str, object]
) -> tuple[tuple[Edit, ...], tuple[Adjustment, ...]]:
    """What to change in a request, and what to tell about it.

    Embeddings, that is whatever has no `messages`, get no parameter they did not have.

    Args:
        parameters: a block without problems.
        document: the request as parsed JSON; numbers may be int or float, null counts as not sent.
    """
    spelled: dict[str, list[str]] = {}
    if parameters.blocked or parameters.limits:
        for key in document:
            spelled.setdefault(key.casefold(), []).append(key)
    blocked = _blocked_names(parameters)
    limits = {name: limit for name, limit in _both_names(parameters).items() if name not in blocked}
    found = [
        *_removed(blocked, parameters.defaults, document, spelled),
        *_limited(limits, document, spelled),
    ]
    if isinstance(document.get("messages"), list):
        found += _absent(parameters, blocked, document)
    return tuple(edit for edit, _ in found), tuple(dict.fromkeys(note for _, note in found))


_Change = tuple[Edit, Adjustment]


def _removed(
    blocked: Iterable[str],
    defaults: Mapping[str, Any],
    document: Mapping[str, object],
    spelled: Mapping[str, Sequence[str]],
) -> Iterator[_Change]:
    for name in blocked:
        for key in spelled.get(name.casefold(), ()):
            if key != name or name not in defaults:
                yield Drop((key,)), Adjustment(name, "removed")
            elif not _same(document[key], value := defaults[name]):
                numbers = _number(document[key]), _number(value)
                yield Put((key,), value), Adjustment(name, "replaced", *numbers)


def _limited(
    limits: Mapping[str, Limit], document: Mapping[str, object], spelled: Mapping[str, Sequence[str]]
) -> Iterator[_Change]:
    for name, limit in limits.items():
        for key in spelled.get(name.casefold(), ()):
            if key != name:
                yield Drop((key,)), Adjustment(name, "removed")
            elif (value := document[key]) is not None and (note := _held(name, value, limit)):
                yield Put((key,), _plain(note.after)), note


def _held(name: str, value: object, limit: Limit) -> Adjustment | None:
    number = _number(value)
    if number is None:
        return Adjustment(name, "replaced", None, limit.min if limit.max is None else limit.max)
    if limit.max is not None and number > limit.max:
        return Adjustment(name, "lowered", number, limit.max)
    if limit.min is not None and number < limit.min:
        return Adjustment(name, "raised", number, limit.min)
    return None


def _absent(
    parameters: RequestParameters, blocked: Collection[str], document: Mapping[str, object]
) -> Iterator[_Change]:
    """What the client did not say: defaults, and the length of an answer that is limited."""
    sent = {name for name in {*parameters.defaults, *TOKENS} if document.get(name) is not None}
    kept = {name for name in sent if name not in blocked}
    long = bool(kept.intersection(TOKENS))
    for name, value in parameters.defaults.items():
        pinned = name in blocked and name in document
        if name not in kept and not pinned and not (long and name in TOKENS):
            yield Put((name,), value), Adjustment(name, "set", None, _number(value))
    if long or not parameters.defaults.keys().isdisjoint(TOKENS):
        return
    for name in TOKENS:
        if name in parameters.limits and (most := _limit(parameters.limits[name]).max) is not None:
            yield Put((name,), _plain(most)), Adjustment(name, "set", None, most)


def _blocked_names(parameters: RequestParameters) -> dict[str, None]:
    """In order; where one name of the length is always set, the other one must not come beside it."""
    names = dict.fromkeys(parameters.blocked)
    for name, other in (TOKENS, TOKENS[::-1]):
        if name in names and name in parameters.defaults:
            names[other] = None
    return names


def _both_names(parameters: RequestParameters) -> dict[str, Limit]:
    limits = {name: _limit(written) for name, written in parameters.limits.items()}
    for name, other in (TOKENS, TOKENS[::-1]):
        if other in limits:
            limits.setdefault(name, limits[other])
    return limits


def _limit(written: float | Limit) -> Limit:
    return written if isinstance(written, Limit) else Limit(max=written)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _plain(number: float | None) -> int | float | None:
    """A whole number as one: `max_tokens: 4096.0` is refused by some."""
    return number if number is None or number % 1 else int(number)


def _same(one: object, other: object) -> bool:
    """As JSON: `1` is `1.0` and not `true`."""
    return _canonical(one) == _canonical(other)


def _canonical(value: object) -> str:
    return json.dumps(json.loads(json.dumps(value), parse_int=float), sort_keys=True)


# --- what is wrong with a block -----------------------------------------------------------------------------


def problems(parameters: RequestParameters) -> Iterator[Lint]:
    """What is wrong with a block; one that has errors must not be used."""
    named = {
        "limits": tuple(parameters.limits),
        "defaults": tuple(parameters.defaults),
        "blocked": parameters.blocked,
    }
    for key, names in named.items():
        yield from _names(key, names)
        if key != "blocked" and {*TOKENS} <= {*names}:
            message = f"{TOKENS[0]!r} and {TOKENS[1]!r} are one parameter"
            yield Lint(f"{key}.{TOKENS[1]}", message, "keep the name that your models know")
    for name, written in parameters.limits.items():
        yield from _wrong_limit(name, _limit(written))
        if name in parameters.blocked:
            yield Lint(f"limits.{name}", f"{name!r} is blocked, so there is nothing to limit", "remove one")
    limits = _both_names(parameters)
    for name, value in parameters.defaults.items():
        yield from _wrong_default(name, value)
        limit = limits.get(name)
        if limit is not None and _held(name, value, limit) is not None:
            yield Lint(f"defaults.{name}", f"the default of {name!r} is outside its limit")


def _names(key: str, names: Sequence[str]) -> Iterator[Lint]:
    if len(names) > MAX_NAMES:
        yield Lint(key, f"more than {MAX_NAMES} names")
    seen: set[str] = set()
    for number, name in enumerate(names):
        at = f"{key}[{number}]" if key == "blocked" else f"{key}.{name}" if _NAME.fullmatch(name) else key
        if not _NAME.fullmatch(name):
            yield Lint(at, f"{name[:80]!r} is no name of a parameter", "letters, digits and '_', at most 64")
        elif name.casefold() in PROTECTED:
            yield Lint(at, f"{name!r} is not a parameter to change here", _instead(name.casefold()))
        elif name.casefold() in seen:
            yield Lint(at, f"{name!r} is there twice; some servers make no difference of case")
        seen.add(name.casefold())


def _instead(name: str) -> str:
    match name:
        case "model":
            return "rules and categories choose the model"
        case "messages" | "input":
            return "a rule with `action: {type: block}` refuses a request"
        case _:
            return "only the client can decide it"


def _wrong_limit(name: str, limit: Limit) -> Iterator[Lint]:
    at = f"limits.{name}"
    bounds = [bound for bound in (limit.min, limit.max) if bound is not None]
    if not bounds:
        yield Lint(at, f"the limit of {name!r} says nothing", "give `min`, `max` or both")
    elif not all(map(math.isfinite, bounds)):
        yield Lint(at, f"the limit of {name!r} must be a finite number")
    elif bounds != sorted(bounds):
        yield Lint(at, f"`min` of {name!r} is above its `max`")
    elif name in _WHOLE and any(bound % 1 for bound in bounds):
        yield Lint(at, f"the limit of {name!r} must be a whole number")
    elif name in {*TOKENS, "n"} and limit.max is not None and limit.max < 1:
        yield Lint(at, f"a `max` below 1 for {name!r} leaves no answer")


def _wrong_default(name: str, value: object) -> Iterator[Lint]:
    at = f"defaults.{name}"
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        yield Lint(at, f"the default of {name!r} is no JSON value")
        return
    if value is None:
        yield Lint(at, f"the default of {name!r} is null, which is none")
    elif size > MAX_DEFAULT:
        yield Lint(at, f"the default of {name!r} is longer than {MAX_DEFAULT} characters")
