"""`test_cases` of a configuration: what an operator expects of a decision, and whether it came true."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from waypost.decision.engine import SEMANTIC
from waypost.request.chat import Identity
from waypost.trace import NO_MATCH, Trace

ActionName = Literal["route", "block", "respond"]


@dataclass(frozen=True, slots=True)
class Case:
    """One expectation; what is None is not checked.

    Attributes:
        messages: the conversation in OpenAI form; a text in the file is one user message.
        endpoint: first endpoint of the chain, or `semantic_classification` when no rule may match.
        reasoning: the rule's own sentence, the evidence, or evidence naming a part of the keywords found.
        category: category of the semantic fallback.
        strict: `reasoning` must be the evidence, word for word.
        model: what the client asks for.
        identity: who asks, as far as a trusted hop says so.
    """

    messages: tuple[Mapping[str, Any], ...]
    endpoint: str | None = None
    reasoning: str | None = None
    rule: str | None = None
    action: ActionName | None = None
    category: str | None = None
    strict: bool = False
    model: str = "auto"
    identity: Identity = field(default_factory=Identity)

    @property
    def title(self) -> str:
        """The last message's text, shortened to one line of at most 60 characters."""
        text = " ".join(str(self.messages[-1].get("content") or "").split())
        return text if len(text) <= 60 else text[:59] + "…"  # noqa: PLR2004


def judge(case: Case, trace: Trace) -> Iterator[str]:
    """What did not come true, a sentence each; nothing when the case passes."""
    if case.endpoint is not None and case.endpoint not in _endpoints(trace):
        yield f"expected endpoint {case.endpoint!r}, got {_got(trace)}"
    if case.rule is not None and case.rule != trace.decision:
        yield f"expected rule {case.rule!r}, got {trace.decision!r}"
    if case.action is not None and case.action != _action(trace):
        yield f"expected action {case.action!r}, got {_action(trace)!r}"
    if case.category is not None and case.category != trace.category:
        got = repr(trace.category) if trace.category else f"none ({trace.decision!r}: {trace.because})"
        yield f"expected category {case.category!r}, got {got}"
    if case.reasoning is not None and not _reasoning_met(case, case.reasoning, trace):
        yield f"expected reasoning {case.reasoning!r}, got {trace.because!r}"


def _endpoints(trace: Trace) -> set[str]:
    """Names the chosen endpoint answers to: its own and, as rules may name it so, its provider's."""
    if trace.decision == SEMANTIC:
        return {SEMANTIC, *(hop.endpoint for hop in trace.chain[:1] if trace.category)}
    return {trace.chain[0].endpoint, trace.chain[0].provider} if trace.chain else set()


def _got(trace: Trace) -> str:
    where = repr(trace.chain[0].endpoint) if trace.chain else f"no endpoint ({_action(trace)})"
    if trace.category:
        return f"{where} (category {trace.category!r})"
    if trace.decision == SEMANTIC:
        return repr(SEMANTIC)
    return f"{where} (rule {trace.decision!r}: {trace.because})"


def _action(trace: Trace) -> ActionName:
    match trace.outcome:
        case "forward":
            return "route"
        case "answer":
            return "respond"
        case "refuse":
            return "block"


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).removesuffix(".")


_QUOTED = re.compile(r"'([^']+)'")
_GENERATED = re.compile(r"contains '[^']+'(, '[^']+')*( and '[^']+')? keywords?")


def _reasoning_met(case: Case, expected: str, trace: Trace) -> bool:
    """Sentence of the rule, the evidence, or the evidence's form with keywords that were all found."""
    wanted = _plain(expected)
    evidence = {_plain(trace.because), *(_plain(s.because) for s in trace.signals if s.value)}
    if trace.decision == SEMANTIC:
        evidence.add(_plain(NO_MATCH))
    if wanted in evidence:
        return True
    if case.strict:
        return False
    if wanted == _plain(trace.reasoning):
        return True
    found = {_plain(match.term) for signal in trace.signals for match in signal.matches}
    return bool(_GENERATED.fullmatch(wanted)) and found.issuperset(_QUOTED.findall(wanted))
