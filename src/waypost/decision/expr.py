"""Rules as three-valued logic (Kleene): true, false, or unknown (None) while an answer is missing.

Rule 1: evaluating never asks. It reads verdicts and says what is known, so "a rule that needs no
model makes no model call" follows from who asks, not from care taken here.
Rule 2: a verdict that failed stays unknown for good; only the rule's `on_error` settles it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from waypost.signals.base import Verdicts


@dataclass(frozen=True, slots=True)
class Is:
    """Holds when the named signal's verdict holds."""

    signal: str


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when `operand` does not; unknown stays unknown."""

    operand: "Expr"


@dataclass(frozen=True, slots=True)
class All:
    """Holds when every operand holds; the empty conjunction holds."""

    operands: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Holds when at least one operand holds; the empty disjunction does not."""

    operands: tuple["Expr", ...]


Expr = Is | Not | All | Any


def evaluate(expr: Expr, verdicts: Verdicts) -> bool | None:
    """What is known of `expr`: True, False, or None while an answer is missing or failed."""
    match expr:
        case Is(signal):
            verdict = verdicts.get(signal)
            return None if verdict is None else verdict.holds
        case Not(operand):
            value = evaluate(operand, verdicts)
            return None if value is None else not value
        case All(operands):
            return _fold(operands, verdicts, decisive=False)
        case Any(operands):
            return _fold(operands, verdicts, decisive=True)
        case _:
            assert_never(expr)


def _fold(operands: tuple[Expr, ...], verdicts: Verdicts, *, decisive: bool) -> bool | None:
    """One decisive operand settles the group; one unknown operand leaves it open."""
    return _settle((evaluate(operand, verdicts) for operand in operands), decisive=decisive)


def _settle(values: Iterable[bool | None], *, decisive: bool) -> bool | None:
    unknown = False
    for value in values:
        if value is decisive:
            return decisive
        unknown = unknown or value is None
    return None if unknown else not decisive


def resolve(expr: Expr, verdicts: Verdicts, ask: Callable[[str], None]) -> bool | None:
    """Evaluate, asking in written order for what is missing while the outcome depends on it.

    Args:
        expr: what to resolve; linear in its size for a given depth.
        verdicts: what is known; `ask` adds to it.
        ask: answers one signal, or leaves it missing when it cannot be answered yet.
    """
    value = evaluate(expr, verdicts)
    if value is not None:
        return value
    match expr:
        case Is(signal):
            if signal not in verdicts:
                ask(signal)
            return evaluate(expr, verdicts)
        case Not(operand):
            value = resolve(operand, verdicts, ask)
            return None if value is None else not value
        case All(operands) | Any(operands):
            answers = (resolve(operand, verdicts, ask) for operand in operands)
            return _settle(answers, decisive=isinstance(expr, Any))
        case _:
            assert_never(expr)


def missing(expr: Expr, verdicts: Verdicts) -> Iterator[str]:
    """Signals whose answer could still change what is known of `expr`, in written order.

    Signals that were asked and failed are not missing: asking again will not help.
    """
    match expr:
        case Is(signal):
            if signal not in verdicts:
                yield signal
        case Not(operand):
            yield from missing(operand, verdicts)
        case All(operands) | Any(operands):
            if evaluate(expr, verdicts) is None:
                for operand in operands:
                    if evaluate(operand, verdicts) is None:
                        yield from missing(operand, verdicts)
        case _:
            assert_never(expr)


def signals_of(expr: Expr) -> Iterator[str]:
    """Every signal named in `expr`, in written order, repeats included."""
    match expr:
        case Is(signal):
            yield signal
        case Not(operand):
            yield from signals_of(operand)
        case All(operands) | Any(operands):
            for operand in operands:
                yield from signals_of(operand)
        case _:
            assert_never(expr)


def grounds(expr: Expr, verdicts: Verdicts) -> Iterator[str]:
    """Signals whose verdicts make `expr` what it is; for an open expression, those that failed."""
    value = evaluate(expr, verdicts)
    match expr:
        case Is(signal):
            if signal in verdicts:
                yield signal
        case Not(operand):
            yield from grounds(operand, verdicts)
        case All(operands) | Any(operands):
            for operand in operands:
                if evaluate(operand, verdicts) is value:
                    yield from grounds(operand, verdicts)
        case _:
            assert_never(expr)
