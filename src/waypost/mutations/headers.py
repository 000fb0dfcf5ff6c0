"""Headers set and removed on the way to a provider and back, where they are the operator's to change."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from waypost.configurable import configurable
from waypost.providers.sign import CREDENTIALS
from waypost.signals.base import Lint

MAX_HEADERS: Final = 32
"""Most names in each of `set` and `remove`."""

MAX_VALUE: Final = 1024
"""Longest value, in characters."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")

_SECRET: Final = frozenset({
    *CREDENTIALS, "cookie", "set-cookie", "proxy-authorization", "proxy-authenticate", "www-authenticate",
    "x-amz-security-token",
})  # fmt: skip
_FRAMING: Final = frozenset({
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "http2-settings", "expect", "host", "content-length", "content-type", "content-encoding", "content-range",
    "accept-encoding",
})  # fmt: skip
_GATEWAY: Final = frozenset({
    "x-request-id", "x-should-retry", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    "x-gateway-destination-endpoint", "x-semantic-destination-endpoint", "x-selected-model",
})  # fmt: skip
_PREFIXES: Final = ("x-waypost-", "x-envoy-", "x-vsr-")


@configurable
class HeaderChanges:
    """Headers of one direction."""

    set: Mapping[str, str] = field(default_factory=dict[str, str])
    """Values by name, sent as they stand; a header of that name is overwritten."""

    remove: tuple[str, ...] = ()
    """Names of headers that are taken away."""


@configurable
class HeaderEdits:
    """Headers that are set and removed. Credentials and what belongs to the connection are not among them."""

    request: HeaderChanges = HeaderChanges()
    """On the way to the provider."""

    response: HeaderChanges = HeaderChanges()
    """On the way back to the client."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Changes as Envoy is told them, names in lower case.

    Attributes:
        set: overwritten or added.
        remove: taken away.
    """

    set: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


def headers_of(changes: HeaderChanges) -> Headers:
    """What a block without problems asks for."""
    given = tuple((name.lower(), value) for name, value in changes.set.items())
    return Headers(given, tuple(name.lower() for name in changes.remove))


def problems(edits: HeaderEdits) -> Iterator[Lint]:
    """What is wrong with a block, never with a value in words: it may hold what it should not."""
    for direction, changes in (("request", edits.request), ("response", edits.response)):
        yield from _wrong_names(f"{direction}.set", tuple(changes.set))
        yield from _wrong_names(f"{direction}.remove", changes.remove)
        removed = {name.lower() for name in changes.remove}
        for name, value in changes.set.items():
            at = f"{direction}.set.{name}" if _NAME.fullmatch(name) else f"{direction}.set"
            if name.lower() in removed:
                yield Lint(at, f"{name!r} is both set and removed", "setting it overwrites what was there")
            if not _VALUE.fullmatch(value) or len(value) > MAX_VALUE:
                message = "a value must be printable ASCII without a space at either end"
                yield Lint(
                    at, f"{message}, 1 to {MAX_VALUE} characters", "to take a header away, `remove` it"
                )


def _wrong_names(at: str, names: Sequence[str]) -> Iterator[Lint]:
    if len(names) > MAX_HEADERS:
        yield Lint(at, f"more than {MAX_HEADERS} headers")
    seen: set[str] = set()
    for number, name in enumerate(names):
        place = (
            f"{at}[{number}]" if at.endswith(".remove") else f"{at}.{name}" if _NAME.fullmatch(name) else at
        )
        if why := refused(name):
            yield Lint(place, *why)
        elif name.lower() in seen:
            yield Lint(place, f"{name!r} is there twice; case makes no difference")
        seen.add(name.lower())


def refused(name: str) -> tuple[str, str] | None:
    """Why a header is not the operator's to change, and what to do; None = it is."""
    lower = name.lower()
    if name.startswith(":"):
        return f"{name[:80]!r} is a pseudo-header", "the provider's `base_url` says where a request goes"
    if not _NAME.fullmatch(name):
        return f"{name[:80]!r} is no name of a header", "letters, digits, '-' and '_', at most 64"
    if lower in _SECRET or (lower.startswith("x-user-") and lower.endswith("-key")):
        return f"{name!r} carries credentials", "each provider gets its own, and no other: `providers`"
    if lower in _FRAMING:
        return f"{name!r} belongs to the connection or to the body", "Waypost and Envoy keep it right"
    if lower in _GATEWAY or lower.startswith(_PREFIXES):
        return f"{name!r} is the gateway's own", "choose another name"
    return None
