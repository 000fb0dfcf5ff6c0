import asyncio

import pytest

from waypost.needs import Ask, Encode, Failed
from waypost.signals.base import Encoded, Examples, Likeness, Scan, Span
from waypost.signals.labels import DOMAINS
from waypost.testing import contracts
from waypost.testing.policies import chat
from waypost.testing.signals import NO, YES, Contains, FakeEncoder, Fixed, Learned

COMPLEXITY = Encode(frozenset({"complexity"}))
HARD = Learned(head="complexity", label="hard", threshold=0.7)


def encoded(p: float, coverage: float = 1.0) -> Encoded:
    return Encoded({"complexity": {"hard": p}}, coverage)


def test_the_fakes_keep_the_contract_of_real_signals() -> None:
    contracts.signal(Contains(word="account"))
    contracts.signal(HARD, encoded=[encoded(0.1), encoded(0.9), encoded(0.1, coverage=0.5)])


def test_a_fixed_signal_counts_its_questions() -> None:
    signal = Fixed(YES)
    assert signal.evaluate(chat("anything"), None) == YES
    assert signal.asked == [None]
    assert signal == Fixed(YES)
    assert signal != Fixed(NO)
    assert "holds" in signal.sentence()


def test_contains_says_when_it_could_not_look_everywhere() -> None:
    signal = Contains(word="account")
    assert signal.evaluate(chat("my account"), None).holds is True
    assert signal.evaluate(chat("my account", images=1), None).holds is True
    assert signal.evaluate(chat("my cat"), None).holds is False
    assert signal.evaluate(chat("my cat", images=1), None).failed == "unscannable"


def test_learned_compares_with_its_threshold() -> None:
    assert HARD.evaluate(chat(), encoded(0.7)).holds is True
    assert HARD.evaluate(chat(), encoded(0.69)).holds is False
    assert HARD.evaluate(chat(), encoded(0.8, coverage=0.5)).holds is True
    assert HARD.evaluate(chat(), encoded(0.1, coverage=0.5)).failed == "too_large"
    assert HARD.evaluate(chat(), None).failed == "engine"


def test_a_hasty_signal_answers_before_the_encoder_is_asked() -> None:
    hasty = Fixed(YES, frozenset({"domain"}), hasty=True)
    assert hasty.early(chat()) == YES
    assert hasty.asked == [None]
    assert Fixed(YES, frozenset({"domain"})).early(chat()) is None


def test_a_fake_encoder_answers_what_it_knows() -> None:
    encoder = FakeEncoder({"complexity": {"hard": 0.9}})
    assert encoder(COMPLEXITY) == encoded(0.9)
    assert encoder(Encode(frozenset({"tone"}))) == Failed("no head 'tone'")
    assert encoder.passes == [COMPLEXITY.heads, frozenset({"tone"})]


def told(encoder: FakeEncoder, need: Encode) -> Encoded:
    found = encoder(need)
    assert isinstance(found, Encoded)
    return found


def test_labels_that_are_left_out_share_what_is_left() -> None:
    found = told(FakeEncoder({"domain": {"math": 0.74}}), Encode(frozenset({"domain"}))).heads["domain"]
    assert found["math"] == 0.74
    assert set(found) == set(DOMAINS)
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["law"] == pytest.approx(0.02)


def test_guards_are_told_by_phrases_of_every_text() -> None:
    encoder = FakeEncoder(
        attacks={"ignore": 0.4, "ignore all": 0.9}, personal={"Ann": "PERSON"}, coverage=0.5
    )
    found = told(encoder, Encode(frozenset({"pii", "jailbreak"}), "", ("ignore all", "Ann and Ann", "")))
    assert found.coverage == 0.5
    assert found.scans == {
        "ignore all": Scan(0.9, (), 0.5),
        "Ann and Ann": Scan(0.0, (Span("PERSON", 0, 3, 0.9), Span("PERSON", 8, 11, 0.9)), 0.5),
        "": Scan(0.0, (), 0.5),
    }


def test_examples_are_as_near_as_the_table_says() -> None:
    near, far = Examples(("a", "b")), Examples(("c",))
    found = told(FakeEncoder(likenesses={"b": 0.7}), Encode(frozenset({"similarity"}), "x", (), (near, far)))
    assert found.likenesses == {near: Likeness((0.0, 0.7), 0.7), far: Likeness((0.0,), 0.0)}


def test_an_encoder_that_is_down_answers_nothing_and_was_asked() -> None:
    encoder = FakeEncoder({"complexity": {"hard": 0.9}}, down="no memory")
    assert asyncio.run(encoder.answer(COMPLEXITY)) == Failed("no memory")
    assert encoder.passes == [COMPLEXITY.heads]


def test_a_fake_encoder_fails_needs_that_are_not_its_own() -> None:
    class Other(Ask[object]):
        pass

    assert isinstance(FakeEncoder({})(Other()), Failed)
