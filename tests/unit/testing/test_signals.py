from waypost.needs import Ask, Encode, Failed
from waypost.signals.base import Encoded
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


def test_a_fake_encoder_answers_what_it_knows() -> None:
    encoder = FakeEncoder({"complexity": {"hard": 0.9}, "domain": {"math": 0.1}})
    assert encoder(COMPLEXITY) == encoded(0.9)
    assert encoder(Encode(frozenset({"pii"}))) == Failed("no head 'pii'")
    assert encoder.passes == [COMPLEXITY.heads, frozenset({"pii"})]


def test_a_fake_encoder_fails_needs_that_are_not_its_own() -> None:
    class Other(Ask[object]):
        pass

    assert isinstance(FakeEncoder({})(Other()), Failed)
