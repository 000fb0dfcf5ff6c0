"""What guards make of a failover chain: who may get the request, in which form, or why nobody may.

Rule 1: pure; the questions were answered before (`journey.py`), here they are only compared with policy.
Rule 2: a question that could not be answered counts as a find: guards fail closed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from waypost.guards.settings import AttackAction, PiiAction
from waypost.providers.provider import Endpoint
from waypost.signals.base import FailureCode, Verdict, Verdicts

GuardName = Literal["pii", "prompt_guard"]


@dataclass(frozen=True, slots=True)
class Check:
    """One guard of one endpoint, all its levels settled.

    Attributes:
        signal: the question it asks.
        action: what happens where the question is answered with yes, or not at all.
        is_default: no file said anything, so what is built in holds.
    """

    guard: GuardName
    signal: str
    action: PiiAction | AttackAction
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What one guard said about one endpoint; for the trace.

    Attributes:
        hit: None = the question could not be answered, which counts as yes.
    """

    guard: GuardName
    signal: str
    endpoint: str
    action: PiiAction | AttackAction
    hit: bool | None
    because: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """What all guards together say.

    Attributes:
        chain: who may get the request, in order; empty = nobody may.
        decided: the check that refuses the request; None while somebody is left.
        rerouted: nobody is left, and others than the chain may be asked.
        masks: questions whose finds must be masked before it leaves.
        restore: what was masked is put back into the answer.
        annotations: questions whose score is to be told.
        findings: everything that was compared, in order.
    """

    chain: tuple[Endpoint, ...]
    decided: Check | None = None
    masks: tuple[str, ...] = ()
    restore: bool = False
    annotations: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    rerouted: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """Where parts that nobody can read may go all the same.

    Attributes:
        zone: the zone of `unscannable: {reroute: zone}`; None = none.
    """

    zone: str | None = None

    def clears(self, failed: FailureCode | None, endpoint: Endpoint) -> bool:
        """Whether an unanswered question does not stand against this endpoint."""
        return self.reroutes(failed) and endpoint.zone == self.zone

    def reroutes(self, failed: FailureCode | None) -> bool:
        """Whether an unanswered question sends the request elsewhere, whatever the guard's own action is."""
        return failed == "unscannable" and self.zone is not None


def judge(
    chain: Iterable[Endpoint],
    checks: Callable[[Endpoint], Iterable[Check]],
    verdicts: Verdicts,
    unread: Unread = Unread(),
) -> Ruling:
    """Hold a chain against the guards of its endpoints.

    A find whose action is `block` refuses the request at the endpoint it would go to first; further back it
    only takes that endpoint off the chain, as `reroute` does anywhere.
    """
    kept: list[Endpoint] = []
    findings: list[Finding] = []
    masks: dict[str, PiiAction | AttackAction] = {}
    notes: dict[str, None] = {}
    last: Check | None = None
    for endpoint in chain:
        found = [(check, _finding(check, endpoint, verdicts, unread)) for check in checks(endpoint)]
        findings += (finding for _, finding in found)
        hits = [check for check, finding in found if finding.hit is not False]
        barring = next((check for check in hits if _bars(check, verdicts)), None)
        if barring is None:
            kept.append(endpoint)
            masks |= {c.signal: c.action for c in hits if c.action in {"mask", "mask_restore"}}
            notes |= dict.fromkeys(c.signal for c in hits if c.action == "annotate")
            continue
        last = last or barring
        moves = barring.action == "reroute" or unread.reroutes(verdicts[barring.signal].failed)
        if not kept and not moves:
            return Ruling((), barring, findings=tuple(findings))
    return Ruling(
        tuple(kept),
        None if kept else last,
        tuple(masks),
        "mask_restore" in masks.values(),
        tuple(notes),
        tuple(findings),
        rerouted=not kept and last is not None,
    )


def _bars(check: Check, verdicts: Verdicts) -> bool:
    """Whether a find keeps the request from an endpoint; what nobody could read cannot be masked either."""
    if check.action in {"mask", "mask_restore"}:
        return verdicts[check.signal].failed is not None
    return check.action in {"block", "reroute"}


def _finding(check: Check, endpoint: Endpoint, verdicts: Mapping[str, Verdict], unread: Unread) -> Finding:
    verdict = verdicts[check.signal]
    hit = False if unread.clears(verdict.failed, endpoint) else verdict.holds
    return Finding(check.guard, check.signal, endpoint.name, check.action, hit, verdict.because)
