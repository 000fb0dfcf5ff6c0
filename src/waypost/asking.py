"""What is known of a request: which questions are open, who answers them, and that the encoder is asked once.

Rule 1: questions that need no model come first, and the encoder is asked only if the outcome depends on it.
Rule 2: whoever asks it first asks for everything that any later stage may want to know of this request.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from waypost.decision.engine import Rule
from waypost.decision.expr import missing, resolve
from waypost.guards.judge import Check
from waypost.mutations.shape import Shape
from waypost.mutations.tools import Wanted, wanted
from waypost.needs import Ask, Encode, Failed
from waypost.policy import Policy
from waypost.request.ask import focus
from waypost.request.chat import ChatRequest
from waypost.signals.base import SCANNING, Encoded, Examples, Signal, Verdict, Verdicts


class Seen(NamedTuple):
    """What is known of a request.

    Attributes:
        encoded: None = no question needed the encoder.
    """

    verdicts: Verdicts
    encoded: Encoded | Failed | None


def look(policy: Policy, request: ChatRequest, rules: Sequence[Rule]) -> Generator[Ask[Any], Any, Seen]:
    """Ask what the rules need: questions that need no model first, then the encoder, once, for the rest."""
    verdicts: dict[str, Verdict] = {}
    learned = _ask_free(policy, request, rules, verdicts)
    if not learned:
        return Seen(verdicts, None)
    # Whatever the rules will say, guards may want to know more of the same texts: one pass answers all.
    names = dict.fromkeys((*learned, *policy.learned_guards))
    tools = dict.fromkeys(each.examples for each in _tools(policy, request) if each.examples is not None)
    signals = [policy.signals[name] for name in names]
    encoded: Encoded | Failed = yield from need_of(request, signals, policy.reads, tuple(tools))
    _ask_learned(policy, request, rules, verdicts, encoded)
    return Seen(verdicts, encoded)


def _tools(policy: Policy, request: ChatRequest) -> Iterator[Wanted]:
    """Every choice of tools that any rule may leave open."""
    for shape in {id(shape.tools): shape for shape in policy.shapes.values()}.values():
        if (found := wanted_tools(shape, request)) is not None:
            yield found


def wanted_tools(shape: Shape, request: ChatRequest) -> Wanted | None:
    """The choice of tools that a shape leaves open; None = there is none."""
    return None if shape.tools is None else wanted(shape.tools, request, focus(request), shape.catalogue)


def need_of(
    request: ChatRequest,
    signals: Sequence[Signal],
    heads: frozenset[str] = frozenset(),
    likened: Sequence[Examples] = (),
) -> Encode:
    """One need for all of these learned signals: the union of their heads, every text once.

    Args:
        request: what the texts are taken from.
        signals: questions.
        heads: asked for besides.
        likened: examples that the focus is compared with besides, if there is time.
    """
    heads = heads.union(*(signal.heads for signal in signals), {"similarity"} if likened else ())
    scan = dict.fromkeys(text for signal in signals for text in signal.scanned(request))
    examples = dict.fromkeys(e for signal in signals for e in signal.likened)
    return Encode(
        heads, focus(request) if heads - SCANNING else "", tuple(scan), tuple(examples), tuple(likened)
    )


def _ask_free(
    policy: Policy, request: ChatRequest, rules: Sequence[Rule], verdicts: dict[str, Verdict]
) -> list[str]:
    """Answer every open model-free question up to the first rule that surely holds.

    Returns the questions on the way that only the encoder can answer.
    """
    tried: set[str] = set()

    def ask(name: str) -> None:
        if name in tried:
            return
        tried.add(name)
        signal = policy.signals[name]
        verdict = signal.early(request) if signal.heads else signal.evaluate(request, None)
        if verdict is not None:
            verdicts[name] = verdict

    learned: dict[str, None] = {}
    for rule in rules:  # pragma: no branch  the last rule always holds
        value = resolve(rule.when, verdicts, ask)
        if value:
            break
        if value is None:
            open_questions = list(missing(rule.when, verdicts))
            learned |= dict.fromkeys(open_questions)
            if not open_questions and rule.on_error == "closed":
                break
    return list(learned)


def _ask_learned(
    policy: Policy,
    request: ChatRequest,
    rules: Sequence[Rule],
    verdicts: dict[str, Verdict],
    encoded: Encoded | Failed,
) -> None:
    """Answer what the encoder can; what it could not is a failed verdict, settled by `on_error`."""

    def ask(name: str) -> None:
        verdicts[name] = _answered(policy, request, name, encoded)

    for rule in rules:  # pragma: no branch  the last rule always holds
        value = resolve(rule.when, verdicts, ask)
        if value or (value is None and rule.on_error == "closed"):
            break


def _answered(policy: Policy, request: ChatRequest, name: str, encoded: Encoded | Failed | None) -> Verdict:
    if isinstance(encoded, Failed):
        return Verdict(None, 0.0, f"not answered: {encoded.reason}", failed="engine")
    return policy.signals[name].evaluate(request, encoded)


def learn(
    policy: Policy,
    request: ChatRequest,
    rule: Rule,
    checks: Mapping[str, tuple[Check, ...]],
    tools: Wanted | None,
    seen: Seen,
) -> Generator[Ask[Any], Any, Seen]:
    """Answer what guards, choice and tools still ask; the encoder is asked only if it was not before."""
    asked = dict.fromkeys(check for each in checks.values() for check in each)
    verdicts, encoded = dict(seen.verdicts), seen.encoded
    learned = _unanswered(policy, request, tuple(asked), verdicts)
    choosing = policy.choices.get(rule.key)
    heads = policy.shape(rule).heads
    if choosing is not None:
        heads |= choosing.method.heads
    examples = (tools.examples,) if tools is not None and tools.examples is not None else ()
    if encoded is None and (learned or heads or examples):
        encoded = yield from need_of(request, [policy.signals[n] for n in learned], heads, examples)
    for name in learned:
        verdicts[name] = _answered(policy, request, name, encoded)
    return Seen(verdicts, encoded)


def _unanswered(
    policy: Policy, request: ChatRequest, checks: Sequence[Check], verdicts: dict[str, Verdict]
) -> list[str]:
    """Questions of guards that only the encoder can answer; the others are answered at once.

    What is to be masked is looked for to the end: a first find is enough to say yes, not to mask the rest.
    """
    learned: dict[str, None] = {}
    for check in checks:
        signal = policy.signals[check.signal]
        if signal.heads and check.action in _MASKING:
            verdicts.pop(check.signal, None)
            learned[check.signal] = None
        elif check.signal not in verdicts and check.signal not in learned:
            verdict = signal.early(request) if signal.heads else signal.evaluate(request, None)
            if verdict is None:
                learned[check.signal] = None
            else:
                verdicts[check.signal] = verdict
    return list(learned)


_MASKING: Final = frozenset({"mask", "mask_restore"})
