"""From decision to models: which endpoint answers, and who follows when it does not.

Rule 1: a selection is a pure function of candidates and facts; what is live or remembered comes in as a fact.
Rule 2: no candidate disappears: each is told with its score or with the reason why it is out.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from waypost.decision.engine import Route
from waypost.providers.chain import within
from waypost.providers.provider import Endpoint
from waypost.selection.capabilities import UNKNOWN, Capability, Profile
from waypost.signals.base import Lint


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may serve a decision.

    Attributes:
        score: quality for this rule or category, 0 or more, better is higher; None = nobody said.
        percent: share of the conversations, 0 to 100, for `canary`; None = takes what is left.
    """

    endpoint: Endpoint
    profile: Profile = UNKNOWN
    score: float | None = None
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """How an endpoint did lately.

    Attributes:
        first_token_seconds: median time to the first token; None = nothing was answered.
        error_rate: share of attempts that failed, 0 to 1.
        n: attempts it rests on.
        window_seconds: how far back they go at most.
    """

    first_token_seconds: float | None
    error_rate: float
    n: int
    window_seconds: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What a method may know of a request and of the world.

    Attributes:
        prompt_tokens: an estimate of everything sent.
        output_tokens: most tokens the caller wants back; None = left open.
        needs: what it takes to serve the request.
        p_hard: predicted difficulty, 0 to 1: expected share of models that fail; None = not known.
        key: stable for a conversation, of no meaning otherwise; None = nothing tells conversations apart.
        kept: endpoint that served the conversation last; None = nobody knows.
        in_tool_loop: the request hands tool results to the model that asked for them.
        live: by endpoint name; one that is missing is not known.
    """

    prompt_tokens: int = 0
    output_tokens: int | None = None
    needs: frozenset[Capability] = frozenset()
    p_hard: float | None = None
    key: str | None = None
    kept: str | None = None
    in_tool_loop: bool = False
    live: Mapping[str, Live] = field(default_factory=dict[str, Live])


@dataclass(frozen=True, slots=True)
class Judged:
    """What a method thinks of one candidate.

    Attributes:
        score: decides the order, higher is better, comparable within one selection only; None = as 0.
        parts: what the score was made of, for people.
        over: limit of the method that it breaks; empty = none.
        over_live: the same of a limit on live figures, which never leaves nobody.
        unknown: figures nobody knows, which count as middling.
    """

    score: float | None
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    over: str = ""
    over_live: str = ""
    unknown: tuple[str, ...] = ()


class Method(ABC):
    """A way to choose among candidates. Subclasses are `@configurable` frozen dataclasses: a YAML block."""

    kind: ClassVar[str]
    """The `type` in YAML."""

    @property
    def heads(self) -> frozenset[str]:
        """Heads of the encoder whose answers it reads."""
        return frozenset()

    @abstractmethod
    def judge(
        self, candidates: Sequence[Candidate], facts: Facts, slack: Mapping[str, float]
    ) -> Sequence[Judged]:
        """Judge every candidate, in order; also those that turn out to be unable.

        Args:
            candidates: at least one.
            facts: all there is to know.
            slack: by endpoint name, what is added to the score of the one that a conversation keeps.
        """

    @abstractmethod
    def why(self, facts: Facts) -> str:
        """What decides, as the beginning of a sentence."""

    def lint(self, candidates: Sequence[Candidate]) -> Iterator[Lint]:
        """Remarks about the block and the candidates it is to choose among."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Considered:
    """One candidate as the trace tells it.

    Attributes:
        score: what decided its place; None = the order of the rule did.
        eliminated: why it is not in the chain; empty = it is.
        parts: what the score was made of.
        unknown: what nobody said of the model or saw of it.
    """

    endpoint: str
    score: float | None
    eliminated: str = ""
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The chain of one request.

    Attributes:
        chain: endpoints in failover order, none outside the boundary; empty = nobody may serve it.
        boundary: zones the chain was held to; None = anywhere.
        because: why this order.
        considered: all that were candidates, in the order they were given.
        lacks: what an empty chain is due to, where every candidate inside the boundary lacks something that
            the request itself asks for: the client's to mend. Empty = it is not.
    """

    chain: tuple[Endpoint, ...]
    boundary: frozenset[str] | None
    because: str
    considered: tuple[Considered, ...] = ()
    lacks: tuple[str, ...] = ()


def static(route: Route, endpoints: Mapping[str, Endpoint]) -> Selection:
    """The rule's own order."""
    chain = within((endpoints[name] for name in route.endpoints), route.boundary)
    return Selection(chain, route.boundary, "order of the rule")
