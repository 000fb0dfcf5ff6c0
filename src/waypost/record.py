"""What is remembered of a decision: JSON-stable values; prompt text is absent by type.

Fields follow one list in audit log, API and CLI.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self

from waypost.dialects.tap import StreamEnd
from waypost.usage import Charge, dollars

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
        model: what the provider that answered calls its model (result).
        prompt_tokens: and the other counts: as `usage.Usage` has them (result); None = unknown.
        cost_usd: a plain decimal; None = unknown.
        saved_usd: against the baseline, likewise; negative = it was dearer.
        stream_end: how an answer that was streamed ended; empty = it was not.
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
    model: str = ""
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: str | None = None
    saved_usd: str | None = None
    stream_end: StreamEnd | Literal[""] = ""

    def charged(self, model: str, charge: Charge, stream_end: StreamEnd | Literal[""] = "") -> Self:
        """The same record, with what the answer took and cost."""
        usage = charge.usage
        return replace(
            self,
            model=model,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            completion_tokens=usage.completion_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            cost_usd=dollars(charge.cost_usd) or None,
            saved_usd=dollars(charge.saved_usd) or None,
            stream_end=stream_end,
        )
