"""How a trace looks in a terminal: one line, or the whole tree."""

from collections.abc import Iterator

import click

from waypost.decision.explain import Node, RuleTrace
from waypost.trace import EncoderTrace, SignalTrace, Trace

_LABELS = 4

COLOURS = {
    "match": "green",
    "failed_closed": "yellow",
    "failed_open": "yellow",
    "no_match": None,
    "skipped": "bright_black",
}
WORDS = {
    "match": "MATCH",
    "failed_closed": "CLOSED",
    "failed_open": "open",
    "no_match": "no",
    "skipped": "skipped",
}


def line(trace: Trace, milliseconds: float) -> str:
    """The decision in one line: target, rule, time, and that nothing was sent."""
    target = click.style(_target(trace), bold=True)
    return f"{target}   {_decided_by(trace)}   {milliseconds:.2f} ms   not sent"


def tree(trace: Trace, milliseconds: float) -> Iterator[str]:
    """The decision, its evidence, and what became of every rule and condition."""
    yield line(trace, milliseconds)
    yield _row("Because", trace.because)
    if trace.reasoning:
        owner = f" (owner {trace.owner})" if trace.owner else ""
        yield _row("Reason", trace.reasoning + owner)
    if trace.business_justification:
        yield _row("Justified", trace.business_justification)
    if trace.boundary:
        yield _row("Boundary", f"no attempt leaves {', '.join(trace.boundary)}")
    for number, hop in enumerate(trace.chain, 1):
        text = f"{number} {hop.endpoint}  at {hop.provider} as {hop.model}, zone {hop.zone}"
        yield _row("Chain" if number == 1 else "", text)
    if trace.message:
        yield _row("Answer", f"{trace.status} {trace.message}")
    yield from _candidates(trace)
    yield from _guards(trace)
    for number, edit in enumerate(trace.edits):
        yield _row("" if number else "Edits", edit)
    if trace.encoder is not None:
        yield from _encoder(trace.encoder)
    signals = {signal.name: signal for signal in trace.signals}
    width = max((len(rule.name) for rule in trace.rules), default=0)
    for number, rule in enumerate(trace.rules, 1):
        yield _row("Rules" if number == 1 else "", _rule(number, rule, width))
        if rule.outcome != "skipped":
            yield from (_row("", " " * 4 + text) for text in _node(rule.conditions, signals, 0))


def _row(label: str, text: str) -> str:
    return click.style(f"{label:<10}", fg="cyan") + text


def _candidates(trace: Trace) -> Iterator[str]:
    """Every model that was thought of, where it was more than the order of the rule."""
    if not trace.candidates:
        return
    yield _row("Selection", trace.because_chain)
    for each in trace.candidates:
        score = "" if each.score is None else f"  score {each.score:.3f}"
        parts = "".join(f"  {name} {value:.2f}" for name, value in each.parts.items())
        out = f"  out: {each.eliminated}" if each.eliminated else ""
        unknown = f"  unknown: {', '.join(each.unknown)}" if each.unknown else ""
        yield _row("", f"  {each.endpoint}{score}{parts}{out}{unknown}")


def _guards(trace: Trace) -> Iterator[str]:
    """What each guard said, endpoint by endpoint, and what it changed."""
    for number, found in enumerate(trace.guards, 1):
        said = "unanswered" if found.hit is None else "hit" if found.hit else "clear"
        text = f"{found.guard} for {found.endpoint}: {said}, action {found.action}  {found.because}"
        yield _row("Guards" if number == 1 else "", text)
    if trace.masked:
        counts = ", ".join(f"{number} {name}" for name, number in trace.masked.items())
        back = "; put back into the answer" if trace.restored else ""
        yield _row("Masked", f"{counts}{back}")


def _encoder(encoder: EncoderTrace) -> Iterator[str]:
    """Every head with its likeliest labels, every text that was scanned, every window that was read."""
    if encoder.failed:
        yield _row("Encoder", encoder.failed)
        return
    new = f"{encoder.passes} new window{'' if encoder.passes == 1 else 's'}"
    yield _row("Encoder", f"{new} of {len(encoder.windows)}, {encoder.seconds * 1000:.1f} ms in all")
    for head, found in encoder.heads.items():
        best = sorted(found.items(), key=lambda pair: -pair[1])
        rest = f"  and {len(best) - _LABELS} more" if len(best) > _LABELS else ""
        yield _row("", f"  {head:<11}" + "  ".join(f"{name} {p:.3f}" for name, p in best[:_LABELS]) + rest)
    for number, p in enumerate(encoder.likenesses, 1):
        yield _row("", f"  {'examples':<11}set {number}: {p:.3f}")
    for number, scan in enumerate(encoder.scans, 1):
        personal = "".join(f"  {kind} {score:.2f}" for kind, score in scan.personal.items())
        read = f"  {scan.coverage:.0%} read" if scan.coverage < 1 else ""
        yield _row("", f"  {f'scan {number}':<11}attack {scan.attack:.3f}{personal}{read}")
    for window in encoder.windows:
        cost = "remembered" if window.remembered else f"{window.seconds * 1000:.1f} ms"
        place = f"characters {window.start}-{window.end}"
        yield _row("", f"  {'window':<11}{window.of}, {place}, {window.tokens} tokens, {cost}")


def _target(trace: Trace) -> str:
    if trace.chain:
        return trace.chain[0].endpoint
    return "fixed answer" if trace.outcome == "answer" else f"refused with {trace.status}"


def _decided_by(trace: Trace) -> str:
    if trace.category:
        return f"category {trace.category}"
    reserved = {"semantic_classification": "no rule matched", "explicit_model": "named by the client"}
    return reserved.get(trace.decision, f"rule {trace.decision}")


def _rule(number: int, rule: RuleTrace, width: int) -> str:
    word = click.style(f"{WORDS[rule.outcome]:<8}", fg=COLOURS[rule.outcome])
    return f"{number} {rule.name:<{width}}  {word} {rule.why}"


def _node(node: Node, signals: dict[str, SignalTrace], depth: int) -> Iterator[str]:
    """A condition or group; a group of one is drawn as its only member."""
    if node.op in {"all", "any"} and len(node.operands) == 1:
        yield from _node(node.operands[0], signals, depth)
        return
    indent = "  " * depth
    if node.op == "is":
        yield f"{indent}{_value(node.value)} {node.signal}  {_finding(signals[node.signal])}"
        return
    name = {"all": "all of", "any": "any of", "not": "none of"}[node.op]
    yield f"{indent}{_value(node.value)} {name}"
    for operand in node.operands:
        yield from _node(operand, signals, depth + 1)


def _value(value: bool | None) -> str:
    return {True: click.style("✓", fg="green"), False: "✗", None: "?"}[value]


def _finding(signal: SignalTrace) -> str:
    if not signal.because:
        return "not evaluated"
    where = "  ".join(f"{m.term}@{m.where}[{m.start}:{m.end}]" for m in signal.matches[:8])
    more = f"  and {len(signal.matches) - 8} more" if len(signal.matches) > 8 else ""  # noqa: PLR2004
    return f"{signal.because}  {where}{more}".rstrip()
