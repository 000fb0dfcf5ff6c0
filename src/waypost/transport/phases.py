"""The ext_proc conversation as one table: which messages Envoy sends to which filter, and what each needs.

`exchange.py` holds both sides to it; `docs/reference/extproc.md` is drawn from it.
Source: Envoy ext_proc.proto and ext_proc.proto (filter configuration) 1.40; marks in docs/notes/0002.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["router", "upstream"]
Phase = Literal["request_headers", "request_body", "response_headers", "response_body"]


@dataclass(frozen=True, slots=True)
class Contract:
    """One message of Envoy and the answer it waits for.

    Attributes:
        answers: fields of `ProcessingResponse.response` that may be set.
        must: what the answer has to do for the request to go on correctly.
        may: what it can do besides.
        must_not: what breaks, and how.
    """

    answers: frozenset[str]
    must: str
    may: str
    must_not: str


PHASES: Final[Mapping[tuple[Role, Phase], Contract]] = {
    ("router", "request_headers"): Contract(
        frozenset({"request_headers", "immediate_response"}),
        must="let a POST to a known path pass, so that its body follows",
        may="answer at once: model list, unknown path, wrong method, no body, unknown encoding",
        must_not="choose a provider: a request without a body never gets a hop header",
    ),
    ("router", "request_body"): Contract(
        frozenset({"request_body", "immediate_response"}),
        must="set the hop headers and x-envoy-max-retries, clear the route cache, remove what providers must"
        " not see; set content-length with a body of another length",
        may="answer at once: refusal, fixed answer, error",
        must_not="let a request pass that is not recorded, when the audit log says so",
    ),
    ("router", "response_headers"): Contract(
        frozenset({"response_headers", "immediate_response"}),
        must="say who answered and by which rule",
        may="replace an error that is the gateway's own fault or has no JSON body; ask for the body of an"
        " answer that holds placeholders: whole for JSON, piece by piece for SSE",
        must_not="ask for a body that needs no change: same dialect, same bytes",
    ),
    ("router", "response_body"): Contract(
        frozenset({"response_body"}),
        must="answer every piece; an empty one with clear_body",
        may="put back what was masked",
        must_not="hold back more than the beginning of a placeholder",
    ),
    ("upstream", "request_headers"): Contract(
        frozenset({"request_headers", "immediate_response"}),
        must="set path, authority and this provider's credentials; remove every other provider's",
        may="ask (mode_override) for the body when it was written for another endpoint or form, and"
        " for the response headers when the chain goes on or the provider has several keys",
        must_not="change x-envoy-* headers: the attempt count selects the next hop",
    ),
    ("upstream", "request_body"): Contract(
        frozenset({"request_body", "immediate_response"}),
        must="set content-length in the same mutation: attempts share one header map",
        may="splice the model name; write the whole body, path and version headers in the provider's form",
        must_not="start from an earlier attempt's body; Envoy sends the router's version again",
    ),
    ("upstream", "response_headers"): Contract(
        frozenset({"response_headers"}),
        must="remember which key is over its limit, and which model is not there",
        may="ask for the body of an error (mode_override BUFFERED) that says it is 64 KB at most",
        must_not="ask for any other body: Envoy 1.40.0 can crash over it",
    ),
    ("upstream", "response_body"): Contract(
        frozenset({"response_body"}),
        must="leave the body as it is",
        may="make the status 503 where the error says that another model or key would do, so that Envoy goes"
        " on along the chain",
        must_not="do so at the end of the chain: the client is to see what the provider said",
    ),
}
