"""What is remembered of a decision: JSON-stable values; prompt text is absent by type.

Fields follow one list in audit log, API and CLI.
"""

from dataclasses import dataclass
from typing import Literal

RecordType = Literal["decision", "result", "start", "gap"]
OutcomeName = Literal[
    "forwarded", "answered", "blocked", "ok", "error", "aborted", "started", "recovered", "lost"
]


@dataclass(frozen=True, slots=True)
class Matched:
    """Evidence without text: which condition, the operator's term or the PII type, and where."""

    signal: str
    term: str
    where: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the audit log before it is chained (`seq`, `ts`, `prev` and `hash` are the log's).

    Attributes:
        type: `decision` when Waypost decided; `result` when a provider answered or nobody did;
            `start` of a worker; `gap` where records could not be written.
        actor: who asked, as far as a trusted hop vouches for it: `team=…`, else `unknown`.
        decision: rule name, `semantic_classification` or `explicit_model`.
        category: category of the semantic fallback that decided.
        target: endpoints in failover order (decision), or the provider that answered (result).
        prompt_hmac: keyed digest of what the client sent, hex; empty when there is none.
        config_sha256: policy revision.
        status: HTTP status, 0 when unknown.
        attempts: how many providers were tried (result).
        guards: what guards did, in words: `pii mask_restore EMAIL_ADDRESS 0.950`, `masked EMAIL_ADDRESS=2`.
    """

    type: RecordType
    request_id: str
    outcome: OutcomeName
    actor: str = "unknown"
    decision: str = ""
    category: str = ""
    rule: str = ""
    owner: str = ""
    justification: str = ""
    reasoning: str = ""
    because: str = ""
    matched: tuple[Matched, ...] = ()
    requested_model: str = ""
    target: tuple[str, ...] = ()
    boundary: tuple[str, ...] = ()
    prompt_hmac: str = ""
    config_sha256: str = ""
    status: int = 0
    attempts: int = 0
    guards: tuple[str, ...] = ()
