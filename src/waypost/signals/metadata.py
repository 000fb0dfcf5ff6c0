"""`metadata`: who is asking, and headers.

Team, tenant and user count only as far as a trusted hop vouches for them; without it the question
stays open and a boundary fails closed. Other headers are read from anyone: they are what the client
claims, and sentences say so.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Lint, Signal, Verdict
from waypost.signals.wording import one_of

_IDENTITY: Final = ("team", "tenant", "user")
_TOKEN: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_SECRET: Final = frozenset({"authorization", "x-api-key", "api-key", "cookie", "x-goog-api-key"})


@configurable
class Metadata(Signal):
    """Holds when everything that is given about the caller is so."""

    kind: ClassVar[str] = "metadata"

    team: str | tuple[str, ...] = ()
    """Teams of which the caller's must be one; from a trusted hop only."""

    tenant: str | tuple[str, ...] = ()
    """Tenants of which the caller's must be one; from a trusted hop only."""

    user: str | tuple[str, ...] = ()
    """Users of whom the caller must be one; from a trusted hop only."""

    header: str | None = None
    """Name of a request header; upper and lower case are the same."""

    equals: str | tuple[str, ...] = ()
    """Values of which the header's must be one, letter for letter."""

    present: bool | None = None
    """Whether the header must be there."""

    trusted: bool | None = None
    """Whether the header counts only from a trusted hop. Default: yes for identity headers, else no."""

    def evaluate(self, request: ChatRequest, encoded: object) -> Verdict:
        """Check identity, then the header; a no is certain even where another answer is missing."""
        answers = [*self._identity(request), *self._header(request)]
        no = next((answer for answer in answers if answer.holds is False), None)
        unknown = next((answer for answer in answers if answer.holds is None), None)
        if no or unknown:
            return no or unknown or answers[0]
        return Verdict("metadata", 1.0, ", ".join(answer.because for answer in answers))

    def _identity(self, request: ChatRequest) -> Iterator[Verdict]:
        for name in _IDENTITY:
            wanted = _several(getattr(self, name))
            value: str | None = getattr(request.identity, name)
            if not wanted:
                continue
            if not request.identity.trusted or value is None:
                yield _unknown(f"no trusted hop says which {name} is asking")
            elif value in wanted:
                yield Verdict(name, 1.0, f"{name} is '{value}'")
            else:
                yield Verdict(None, 0.0, f"{name} is not {one_of(wanted)}")

    def _header(self, request: ChatRequest) -> Iterator[Verdict]:
        if self.header is None:
            return
        name = self.header.lower()
        values = {value.strip() for key, value in request.headers if key == name}
        if self._needs_trust:
            if not request.identity.trusted:
                yield _unknown(f"header {name} counts only from a trusted hop")
                return
            if len(values) > 1:
                yield _unknown(f"header {name} came with several values")
                return
        source = "from a trusted hop" if request.identity.trusted else "as sent by the client"
        if self.present is not None:
            because = f"header {name} is {'there' if values else 'missing'} ({source})"
            yield Verdict(*((name, 1.0) if bool(values) is self.present else (None, 0.0)), because)
        wanted = _several(self.equals)
        if wanted:
            found = next((value for value in wanted if value in values), None)
            because = (
                f"header {name} is not {one_of(wanted)}" if found is None else f"header {name} is '{found}'"
            )
            yield Verdict(
                name if found is not None else None, float(found is not None), f"{because} ({source})"
            )

    @property
    def asks_a_trusted_hop(self) -> bool:
        """Whether nothing but a trusted hop can answer it."""
        return self._needs_trust or any(map(_several, (self.team, self.tenant, self.user)))

    @property
    def _needs_trust(self) -> bool:
        if self.trusted is None:
            return (self.header or "").lower().startswith("x-authz-")
        return self.trusted

    def sentence(self) -> str:
        """The condition as a clause."""
        clauses = [
            f"the {name}, as a trusted hop says, is {one_of(wanted)}"
            for name in _IDENTITY
            if (wanted := _several(getattr(self, name)))
        ]
        if self.header is not None:
            source = "sent by a trusted hop" if self._needs_trust else "as sent by the client"
            header = f"header {self.header.lower()}, {source},"
            if self.present is not None:
                clauses.append(f"{header} is {'there' if self.present else 'missing'}")
            if wanted := _several(self.equals):
                clauses.append(f"{header} is {one_of(wanted)}")
        return " and ".join(clauses)

    def lint(self) -> Iterator[Lint]:
        """Fields that do not go together, and headers that cannot tell anything."""
        if self.header is None:
            if not any(map(_several, (self.team, self.tenant, self.user))):
                yield Lint("header", "nothing is asked for", "give `team`, `tenant`, `user` or `header`")
            if self.equals or self.present is not None or self.trusted is not None:
                yield Lint(
                    "header", "`equals`, `present` and `trusted` speak about a header", "give `header`"
                )
            return
        name = self.header.lower()
        if not _TOKEN.fullmatch(name):
            yield Lint("header", f"{self.header!r} is not a header name")
        elif name.startswith("x-waypost-"):
            yield Lint(
                "header", f"{name!r} is internal and is taken from what clients send", "it is never there"
            )
        elif name in _SECRET and self.equals:
            yield Lint(
                "equals", f"{name!r} carries a secret", "ask for `present`, or use team and tenant", "warning"
            )
        if not self.equals and self.present is None:
            yield Lint("header", f"nothing is asked about header {name!r}", "give `equals` or `present`")
        if self.equals and self.present is False:
            yield Lint("present", "a header that is missing has no value", "this condition can never hold")
        if not self._needs_trust:
            message = f"any client can send header {name!r}"
            yield Lint("header", message, "`trusted: true` lets it count from trusted hops only", "info")


def _unknown(because: str) -> Verdict:
    return Verdict(None, 0.0, because, failed="identity_unknown")


def _several(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
