"""A playbook tells one journey step by step: what it asks, what it is told, how it ends.

It fails with the whole story so far and the line that differs, so that a broken step can be read
without a debugger.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import ndiff
from typing import Any, NoReturn, Self, assert_never

from waypost.journey import Answer, Forward, Journey, Outcome, Refuse, route
from waypost.needs import Ask, Encode, Recall, Remembered
from waypost.policy import Policy
from waypost.request.chat import ChatRequest


@dataclass(frozen=True, slots=True)
class Ending:
    """How a journey ends, as far as a story cares.

    Attributes:
        what: `forward to a, b`, `answer 'text'` or `refuse 403 code`.
        rule: who decided: rule name, `semantic_classification` or `explicit_model`.
    """

    what: str
    rule: str

    def __str__(self) -> str:
        return f"{self.what}, by {self.rule}"


def forwarded(*endpoints: str, by: str) -> Ending:
    """Sent along these endpoints, in this order."""
    return Ending(f"forward to {', '.join(endpoints)}", by)


def answered(text: str, *, by: str) -> Ending:
    """Answered at once with this text."""
    return Ending(f"answer {text!r}", by)


def refused(status: int, code: str = "blocked", *, by: str) -> Ending:
    """Refused with this status and error code."""
    return Ending(f"refuse {status} {code}", by)


def ending(outcome: Outcome) -> Ending:
    """The ending of a real outcome."""
    by = outcome.decision.rule.name
    match outcome:
        case Forward(selection):
            return forwarded(*(endpoint.name for endpoint in selection.chain), by=by)
        case Answer(text):
            return answered(text, by=by)
        case Refuse(status, code):
            return refused(status, code, by=by)
        case _:
            assert_never(outcome)


class Playbook:
    """The script of one journey: `Playbook(policy, request).needs(…).told(…).ends(…)`.

    Where it asks what is remembered and the script does not say so, nothing is.
    """

    def __init__(self, policy: Policy, request: ChatRequest) -> None:
        self._journey = route(policy, request)
        self._story: list[str] = []
        self._need: Ask[Any] | None = None
        self._outcome: Outcome | None = None
        self._advance(None)

    def needs(self, need: Ask[Any]) -> Self:
        """The journey asks exactly this now."""
        if not isinstance(need, Recall):
            self._forget()
        if need != self._need:
            self._differs(f"needs {_shown(need)}")
        return self

    def told(self, answer: object) -> Self:
        """It is told this answer and goes on."""
        if self._need is None:
            self._differs("needs an answer")
        self._story.append(f"told  {_shown(answer)}")
        self._advance(answer)
        return self

    def told_by(self, answer: Callable[[Ask[Any]], object]) -> Self:
        """Whatever it still asks, if anything, is answered by `answer`, for example a `FakeEncoder`."""
        while self._need is not None:
            self.told(answer(self._need))
        return self

    def ends(self, expected: Ending) -> Outcome:
        """It ends like this; returns the outcome for a closer look."""
        self._forget()
        if self._outcome is None or ending(self._outcome) != expected:
            self._differs(f"ends  {expected}")
        return self._outcome

    def _forget(self) -> None:
        while isinstance(self._need, Recall):
            self.told(Remembered())

    def _advance(self, answer: object) -> None:
        try:
            self._need = self._journey.send(answer)
            self._story.append(f"needs {_shown(self._need)}")
        except StopIteration as stop:
            self._need, self._outcome = None, stop.value
            self._story.append(f"ends  {ending(stop.value)}")

    def _differs(self, expected: str) -> NoReturn:
        *before, actual = self._story
        told = [f"  {line}" for line in before]
        diff = [line.rstrip() for line in ndiff([expected], [actual])]
        raise AssertionError(
            "\n".join(["the journey took another road (- expected, + actual)", *told, *diff])
        )


def _shown(value: object) -> str:
    """Sets print in no fixed order, and a diff must not depend on it."""
    return f"Encode {', '.join(sorted(value.heads))}" if isinstance(value, Encode) else repr(value)


def drive(journey: Journey, answer: Callable[[Ask[Any]], object]) -> Outcome:
    """Run a journey to its end; `answer`, for example a `FakeEncoder`, is asked for every need."""
    told = None
    while True:
        try:
            need = journey.send(told)
        except StopIteration as stop:
            return stop.value
        told = answer(need)
