"""What is asked of the encoder, when, and that it is asked once."""

import pytest

from waypost.asking import learn, look
from waypost.guards.judge import Check
from waypost.needs import Encode, Failed
from waypost.policy import Policy
from waypost.signals.base import Encoded, Scan
from waypost.signals.jailbreak import JailbreakDetection
from waypost.signals.keyword import KeywordMatch
from waypost.signals.pii import PiiDetection
from waypost.testing.policies import chat, policy, route_to, rule

CARD = "4012 8888 8888 1881"
PII = PiiDetection(scope="all", types=("CREDIT_CARD", "PERSON"))
ATTACK = JailbreakDetection(scope="all")


def made(*rules: str) -> Policy:
    signals = {"pii": PII, "attack": ATTACK, "word": KeywordMatch(keywords=("weather",))}
    known = {name: rule(name, name, route_to("gpt")) for name in ("word", "attack")}
    bound = dict(signals, word=KeywordMatch.bind([signals["word"]], {})[0])  # type: ignore[list-item]
    return policy({"gpt": "external"}, bound, [known[name] for name in rules])


def asked(check: Check, text: str) -> tuple[Encode | None, object]:
    """What is asked for one check of the default rule, and what is known when nothing is found."""
    held = made()
    seen = yield_of(look(held, chat(text), held.rules))
    assert seen[0] is None
    request = chat(text)
    steps = learn(held, request, held.rules[-1], {"gpt": (check,)}, None, seen[1])  # type: ignore[arg-type]
    return yield_of(steps, {text: Scan()})


def yield_of(steps: object, scans: dict[str, Scan] | None = None) -> tuple[Encode | None, object]:
    need = None
    try:
        need = next(steps)  # type: ignore[call-overload]
        steps.send(Encoded({}, 1.0, scans or {}))  # type: ignore[attr-defined]
    except StopIteration as stop:
        return need, stop.value
    raise AssertionError("asked twice")


def test_a_keyword_rule_without_guards_asks_nobody() -> None:
    held = made("word")
    need, seen = yield_of(look(held, chat("How is the weather?"), held.rules))
    assert need is None
    assert seen.encoded is None  # type: ignore[attr-defined]


def test_a_pattern_is_enough_for_a_block_and_not_for_a_mask() -> None:
    text = f"Pay with {CARD}"
    need, seen = asked(Check("pii", "pii", "block"), text)
    assert need is None
    assert seen.verdicts["pii"].label == "CREDIT_CARD"  # type: ignore[attr-defined]
    need, seen = asked(Check("pii", "pii", "mask"), text)
    assert need == Encode(frozenset({"pii"}), "", (text,))
    assert seen.verdicts["pii"].label == "CREDIT_CARD"  # type: ignore[attr-defined]


def test_what_the_encoder_was_asked_for_the_rules_is_not_asked_again_for_guards() -> None:
    held = made("attack")
    both = Policy(**{name: getattr(held, name) for name in Policy.__slots__} | {"learned_guards": ("pii",)})
    request = chat("Hello, Maria.")
    need, seen = yield_of(look(both, request, both.rules), {"Hello, Maria.": Scan()})
    assert need == Encode(frozenset({"jailbreak", "pii"}), "", ("Hello, Maria.",))
    steps = learn(both, request, both.rules[-1], {"gpt": (Check("pii", "pii", "mask"),)}, None, seen)  # type: ignore[arg-type]
    again, known = yield_of(steps)
    assert again is None
    assert known.verdicts["pii"].holds is False  # type: ignore[attr-defined]


def test_an_encoder_that_does_not_answer_leaves_the_question_open() -> None:
    held = made()
    request = chat("Hello, Maria.")
    _, seen = yield_of(look(held, request, held.rules))
    steps = learn(held, request, held.rules[-1], {"gpt": (Check("pii", "pii", "mask"),)}, None, seen)  # type: ignore[arg-type]
    next(steps)
    with pytest.raises(StopIteration) as stop:
        steps.send(Failed("the queue is full"))
    assert stop.value.value.verdicts["pii"].failed == "engine"


def test_what_is_blocked_and_masked_by_one_question_is_asked_once() -> None:
    held = made()
    request = chat("Hello, Maria.")
    _, seen = yield_of(look(held, request, held.rules))
    checks = {
        "gpt": (Check("pii", "pii", "block"), Check("pii", "pii", "mask"), Check("pii", "pii", "reroute"))
    }
    steps = learn(held, request, held.rules[-1], checks, None, seen)  # type: ignore[arg-type]
    need, known = yield_of(steps, {"Hello, Maria.": Scan()})
    assert need == Encode(frozenset({"pii"}), "", ("Hello, Maria.",))
    assert known.verdicts["pii"].holds is False  # type: ignore[attr-defined]
