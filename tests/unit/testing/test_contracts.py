"""Each promise of the signal contract, broken once."""

from collections.abc import Sequence
from dataclasses import field
from typing import ClassVar

import pytest

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Encoded, Match, Signal, Verdict
from waypost.testing import contracts
from waypost.testing.contracts import CANARY
from waypost.testing.signals import NO, YES, FakeEncoder

SOUND = Verdict(None, 0.0, "does not hold")


def match(start: int, end: int, where: str = "messages[0].content", term: str = "word") -> Match:
    return Match(term, where, start, end)


@configurable
class Says(Signal):
    """Gives the verdict it is given."""

    kind: ClassVar[str] = "says"
    verdict: Verdict = field(default=SOUND)
    """What it answers."""

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        return self.verdict

    def sentence(self) -> str:
        return "it says so"


def test_a_sound_signal_passes() -> None:
    contracts.signal(Says())


@pytest.mark.parametrize(
    ("verdict", "broken"),
    [
        (Verdict("x", 1.5, "so"), "outside \\[0, 1\\]"),
        (Verdict("x", -0.1, "so"), "outside \\[0, 1\\]"),
        (Verdict("x", float("nan"), "so"), "outside \\[0, 1\\]"),
        (Verdict(None, 0.0, " "), "must say why"),
        (Verdict("x", 1.0, f"found {CANARY}"), "must not quote"),
        (Verdict("x", 1.0, "so", failed="engine"), "label must be None"),
        (Verdict("x", 1.0, "so", (match(0, 1),) * 101), "100 at most"),
        (Verdict("x", 1.0, "so", (match(0, 1, term=CANARY),)), "never the client's text"),
        (Verdict("x", 1.0, "so", (match(0, 1, where="elsewhere"),)), "no part"),
        (Verdict("x", 1.0, "so", (match(3, 3),)), "outside its text"),
        (Verdict("x", 1.0, "so", (match(0, 10**6),)), "outside its text"),
    ],
)
def test_an_unsound_verdict_is_named(verdict: Verdict, broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        contracts.signal(Says(verdict=verdict))


def test_a_learned_signal_needs_something_to_read() -> None:
    with pytest.raises(AssertionError, match="give `encoded`"):
        contracts.signal(Says(), encoded=[Encoded({})])


@configurable
class Read(Says):
    """Reads a head and answers with what it found, or with what it was told to say without it."""

    first: Verdict | None = None
    """What it says early."""

    unread: Verdict = field(default=Verdict(None, 0.0, "nobody read it", failed="engine"))
    """What it says without the encoder."""

    @property
    def heads(self) -> frozenset[str]:
        return frozenset({"jailbreak"})

    def scanned(self, request: ChatRequest) -> list[str]:
        return [part.text for message in request.messages for part in message.parts if part.text]

    def early(self, request: ChatRequest) -> Verdict | None:
        return self.first

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        if encoded is None:
            return self.unread
        assert set(encoded.scans) == set(self.scanned(request))
        return self.verdict


def test_a_learned_signal_may_be_given_an_encoder_that_it_asks() -> None:
    encoder = FakeEncoder()
    contracts.signal(Read(), encoded=[encoder])
    assert set(encoder.passes) == {frozenset({"jailbreak"})}
    with pytest.raises(AssertionError, match="the encoder did not answer: down"):
        contracts.signal(Read(), encoded=[FakeEncoder(down="down")])


def test_an_early_answer_of_the_same_kind_is_kept() -> None:
    contracts.signal(Read(verdict=YES, first=YES), encoded=[FakeEncoder()])


@pytest.mark.parametrize(
    ("subject", "broken"),
    [
        (Read(verdict=NO, first=YES), "no model can change"),
        (Read(verdict=YES, first=NO), "no model can change"),
        (Read(first=Verdict(None, 0.0, "open", failed="engine")), "no model can change"),
        (Read(verdict=YES, first=Verdict("yes", 2.0, "sure")), "outside"),
        (Read(unread=NO), "the question is open"),
        (Read(unread=Verdict(None, 0.0, "")), "must say why"),
    ],
)
def test_an_answer_without_the_encoder_must_not_be_another(subject: Signal, broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        contracts.signal(subject, encoded=[FakeEncoder()])


class Plain(Signal):
    kind: ClassVar[str] = "plain"

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        return SOUND

    def sentence(self) -> str:
        return "plain"


@configurable
class Listed(Says):
    """Cannot be a key, because a list cannot."""

    words: list[str] = field(default_factory=list)
    """Words."""


@configurable
class Silent(Says):
    """Says nothing about its field."""

    words: tuple[str, ...] = ()


@configurable
class Mute(Says):
    """Cannot be read back."""

    def sentence(self) -> str:
        return ""


@configurable
class Lost(Says):
    """Loses itself when bound."""

    @classmethod
    def bind(cls, signals: Sequence[Signal], lists: object) -> Sequence[Signal]:
        return signals[len(signals) :] if lists == {} else signals


@configurable
class Fickle(Says):
    """Changes its mind."""

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        turns.append(1)
        return Verdict(None, 0.0, f"turn {len(turns)}")


turns: list[int] = []


@pytest.mark.parametrize(
    ("subject", "broken"),
    [
        (Listed(), "must be hashable"),
        (Silent(), "without a docstring: words"),
        (Mute(), "read the condition back"),
        (Lost(), "as many signals"),
        (Fickle(), "the same answer"),
    ],
)
def test_a_broken_promise_is_named(subject: Signal, broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        contracts.signal(subject)


def test_a_signal_must_be_frozen() -> None:
    with pytest.raises(AssertionError, match="must be frozen"):
        contracts.signal(Plain())


def test_strange_requests_are_really_strange() -> None:
    requests = list(contracts.strange_requests())
    parts = [p for r in requests for m in r.messages for p in m.parts]
    assert any(not r.messages for r in requests)
    assert any(not p.is_readable for p in parts)
    assert max(len(p.text) for p in parts) > 10_000
    assert any(r.dialect == "openai_embeddings" for r in requests)
