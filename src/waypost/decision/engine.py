"""Rules and the total function that decides among them.

Order after compilation is priority: the first rule that holds decides. The journey asks until no rule in
front of one that surely holds is open; `conclude` settles what could not be answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from waypost.decision.expr import Expr, evaluate, grounds
from waypost.signals.base import Verdicts

SEMANTIC: Final = "semantic_classification"
"""Name of the outcome when no rule matched; reserved, as in the published rule format."""

GUARD: Final = "prompt_guard"
"""Name of the outcome when the guard against attacks refused, as of its key; reserved."""

PII: Final = "pii"
"""Name of the outcome when the guard of personal data refused, as of its key; reserved."""

EXPLICIT: Final = "explicit_model"
"""Name of the outcome when the client named a model and no rule stood against it; reserved."""


@dataclass(frozen=True, slots=True)
class Route:
    """Send the request to the first endpoint that answers.

    Attributes:
        endpoints: logical model names in failover order, at least one.
        boundary: zones no attempt may leave; None = anywhere.
        reasoning: the operator's sentence; not the model's reasoning mode.
        on_explicit: what becomes of a request that names a model outside `boundary`.
        optional: those of `endpoints` that are passed over while their provider does not know the model.
    """

    endpoints: tuple[str, ...]
    boundary: frozenset[str] | None = None
    reasoning: str = ""
    on_explicit: Literal["reroute", "refuse"] = "reroute"
    optional: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Block:
    """Refuse the request.

    Attributes:
        status: HTTP status, 4xx or 5xx.
        message: shown to the client.
        reasoning: the operator's sentence.
    """

    status: int = 403
    message: str = "This request is not allowed by policy."
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer with a fixed text, as an assistant message, JSON or SSE as the client asked."""

    message: str
    reasoning: str = ""


Action = Route | Block | Respond


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy statement; everything that can decide compiles to this type.

    Attributes:
        category: the category of the semantic fallback that this rule stands for; its name is `SEMANTIC`.
        on_error: what an unanswerable rule becomes: `closed` = it holds, `open` = it is skipped.
    """

    name: str
    when: Expr
    action: Action
    description: str = ""
    business_justification: str = ""
    owner: str = ""
    on_error: Literal["closed", "open"] = "open"
    category: str = ""

    @property
    def key(self) -> str:
        """What tells it from every other rule; categories share a name."""
        return f"category {self.category}" if self.category else self.name

    @property
    def binds_explicit(self) -> bool:
        """Whether this rule also stands above a model the client named: blocks and boundaries do."""
        if self.category:
            return False
        return isinstance(self.action, Block) or (
            isinstance(self.action, Route) and self.action.boundary is not None
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """Which rule decided and on what evidence.

    Attributes:
        rule: the deciding rule; its name is the recorded decision.
        because: evidence in one sentence.
        rests_on: signals whose verdicts carried the decision, in written order.
        failed_closed: the rule holds only because a question could not be answered.
    """

    rule: Rule
    because: str
    rests_on: tuple[str, ...] = ()
    failed_closed: bool = False


def conclude(rules: Sequence[Rule], verdicts: Verdicts) -> Decision:
    """Decide with what is known: a rule that is still open is settled by its `on_error`."""
    for rule in rules:
        value = evaluate(rule.when, verdicts)
        if value or (value is None and rule.on_error == "closed"):
            return _decision(rule, verdicts, failed_closed=value is None)
    msg = "the last rule must always hold"  # a bug in the compiler, never the operator's fault
    raise AssertionError(msg)


def _decision(rule: Rule, verdicts: Verdicts, *, failed_closed: bool) -> Decision:
    """What holds is the evidence; in a rule of absences, or one that failed closed, all its grounds are."""
    names = tuple(dict.fromkeys(grounds(rule.when, verdicts)))
    evidence = tuple(name for name in names if verdicts[name].holds) or names
    because = "; ".join(dict.fromkeys(verdicts[name].because for name in evidence))
    return Decision(rule, because, evidence, failed_closed)
