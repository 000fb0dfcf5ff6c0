"""Every exception Waypost raises on purpose.

    WaypostError
    ├── ConfigError      the operator's file     at load or reload, never per request
    ├── RequestError     the client's request    4xx in OpenAI shape
    ├── EngineError      encoder, store, sink    never reaches a client
    └── ProtocolError    Envoy's side            the gRPC stream ends with INTERNAL

A refusal by policy is an outcome (`journey.Refuse`), not an exception.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every `waypost` command."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    CONFIG = 3
    PROVIDER = 4
    INTEGRITY = 5
    INTERRUPTED = 130


class WaypostError(Exception):
    """Root of the tree; never raised itself."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding in the operator's file.

    Attributes:
        file: path as the operator gave it.
        line: 1-based; 0 when the finding concerns the whole file.
        column: 1-based; 0 when the finding concerns the whole file.
        path: where in the document, for example `routing_rules[3].conditions[0].keywords`.
        message: what is wrong, identifiers quoted, never a secret.
        help: what to do about it; may be empty.
        severity: `error` stops the load; `warning` and `info` do not.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    help: str = ""
    severity: str = "error"


class ConfigError(WaypostError):
    """The operator's file cannot be used; carries all findings at once, sorted by position.

    Attributes:
        sources: text of each file, secrets blanked out; for excerpts.
    """

    def __init__(self, problems: list[Problem], sources: Mapping[str, str] | None = None) -> None:
        self.problems = sorted(problems)
        self.sources = sources or {}
        first = self.problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.file}:{first.line}:{first.column} {first.message}{more}")


@dataclass(eq=False)
class RequestError(WaypostError):
    """The client's request cannot be served; rendered as an OpenAI-shaped error.

    Attributes:
        message: what is wrong and what to do; never prompt text.
        status: HTTP status, 4xx.
        code: OpenAI `code`, snake_case.
        param: the offending field as a JSON path, if any.
        kind: OpenAI `type`.
    """

    message: str
    status: int = 400
    code: str = "invalid_request"
    param: str | None = None
    kind: str = field(default="invalid_request_error")

    def __post_init__(self) -> None:
        super().__init__(self.message)


class EngineError(WaypostError):
    """An encoder, store or sink failed; told to the journey as a failed answer, never to a client."""


class ProtocolError(WaypostError):
    """Envoy sent something the ext_proc contract does not allow in this phase."""
