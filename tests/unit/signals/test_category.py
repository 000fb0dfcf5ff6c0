import pytest

from waypost.signals.base import Encoded, Examples, Likeness
from waypost.signals.category import Category, Entry, ranking
from waypost.signals.labels import DOMAINS, INTENTS
from waypost.testing import contracts
from waypost.testing.policies import chat
from waypost.testing.signals import FakeEncoder

REFUND = ("I want my money back.", "The parcel never came.", "Where is my refund?")
MATH = Entry(name="math", domains=("math", "physics"))
CODE = Entry(name="code", intents=("code_generation", "code_debugging"))
REFUNDS = Entry(name="refunds", examples=REFUND)
ENTRIES = (MATH, CODE, REFUNDS)


def encoded(
    domain: dict[str, float] | None = None, intent: dict[str, float] | None = None, refund: float = 0.0
) -> Encoded:
    heads = {
        "domain": dict.fromkeys(DOMAINS, 0.0) | (domain or {}),
        "intent": dict.fromkeys(INTENTS, 0.0) | (intent or {}),
    }
    return Encoded(heads, likenesses={Examples(REFUND): Likeness((refund,) * 3, refund)})


def holding(found: Encoded, entries: tuple[Entry, ...] = ENTRIES) -> list[str]:
    """The categories that hold, the one that takes the rest included."""
    names = [*(entry.name for entry in entries), "other"]
    asked = {name: Category(name=name, entries=entries).evaluate(chat("x"), found) for name in names}
    return [name for name, verdict in asked.items() if verdict.holds]


def test_the_contract_of_a_signal_is_kept() -> None:
    encoders = [
        FakeEncoder({"domain": {"math": 0.9}, "intent": {}}),
        FakeEncoder({"domain": {}, "intent": {}}),
        FakeEncoder({"domain": {}, "intent": {}}, likenesses={REFUND[0]: 1.0}),
    ]
    for name in ("math", "code", "refunds", "other"):
        contracts.signal(Category(name=name, entries=ENTRIES), encoded=encoders)


@pytest.mark.parametrize(
    ("found", "winner"),
    [
        (encoded({"math": 0.9}), "math"),
        (encoded({"math": 0.3, "physics": 0.3}), "math"),
        (encoded(intent={"code_generation": 0.3, "code_debugging": 0.4}), "code"),
        (encoded({"math": 0.6}, {"code_generation": 0.7}), "code"),
        (encoded({"math": 0.6}, {"code_generation": 0.6}), "math"),
        (encoded(refund=0.8), "refunds"),
        (encoded({"math": 0.9}, refund=0.8), "refunds"),
        (encoded({"math": 0.9}, refund=0.3), "math"),
        (encoded({"math": 0.49}), "other"),
        (encoded({"law": 1.0}, {"analysis": 1.0}), "other"),
    ],
)
def test_the_likeliest_category_wins_alone(found: Encoded, winner: str) -> None:
    assert holding(found) == [winner]


def test_what_the_examples_claim_is_not_there_for_the_heads() -> None:
    scores = {entry.name: score for entry, score in ranking(ENTRIES, encoded({"math": 0.9}, refund=0.4))}
    assert scores["refunds"] == 0.4
    assert scores["math"] == pytest.approx(0.54)


def test_a_category_competes_with_its_own_examples_and_labels() -> None:
    both = Entry(name="refunds", domains=("business",), examples=REFUND)
    (best, score), _ = ranking((both, MATH), encoded({"business": 0.7, "math": 0.3}, refund=0.2))
    assert (best.name, score) == ("refunds", 0.7)
    (best, score), _ = ranking((both, MATH), encoded({"business": 0.1, "math": 0.3}, refund=0.2))
    assert (best.name, score) == ("math", pytest.approx(0.24))


def test_of_equals_the_first_wins() -> None:
    twins = (Entry(name="a", domains=("math",)), Entry(name="b", domains=("math",)))
    assert holding(encoded({"math": 0.9}), twins) == ["a"]
    assert holding(encoded({"math": 0.9}), twins[::-1]) == ["b"]


def test_every_category_has_its_own_threshold() -> None:
    entries = (Entry(name="math", domains=("math",), threshold=0.9), CODE)
    assert holding(encoded({"math": 0.8}), entries) == ["other"]
    assert holding(encoded({"math": 0.9}), entries) == ["math"]


def test_the_evidence_says_how_near_it_was_and_who_is_next() -> None:
    found = encoded({"math": 0.7}, {"code_debugging": 0.2})
    verdict = Category(name="math", entries=ENTRIES).evaluate(chat("x"), found)
    assert (verdict.label, verdict.score, verdict.threshold) == ("math", 0.7, 0.5)
    assert verdict.because == "category math: p=0.70, threshold 0.5; next code 0.20"
    verdict = Category(name="code", entries=ENTRIES).evaluate(chat("x"), found)
    assert verdict.label is None
    assert verdict.because == "category code: p=0.20, threshold 0.5; next math 0.70"


def test_the_category_for_the_rest_says_what_was_closest() -> None:
    rest = Category(name="other", entries=ENTRIES)
    verdict = rest.evaluate(chat("x"), encoded({"math": 0.4}))
    assert (verdict.label, verdict.because) == (
        "other",
        "no other category: closest is math 0.40, threshold 0.5",
    )
    assert rest.evaluate(chat("x"), encoded({"math": 0.6})).holds is False


def test_a_category_alone_has_nobody_next() -> None:
    verdict = Category(name="math", entries=(MATH,)).evaluate(chat("x"), encoded({"math": 0.4}))
    assert verdict.because == "category math: p=0.40, threshold 0.5"


def test_the_heads_of_all_competitors_are_read() -> None:
    assert Category(name="math", entries=ENTRIES).heads == {"domain", "intent", "similarity"}
    assert Category(name="other", entries=ENTRIES).heads == {"domain", "intent", "similarity"}
    assert Category(name="math", entries=(MATH,)).heads == {"domain"}
    assert Category(name="math", entries=ENTRIES).likened == (Examples(REFUND),)


def test_unread_it_is_no_answer() -> None:
    assert Category(name="math", entries=ENTRIES).evaluate(chat("x"), None).failed == "engine"


@pytest.mark.parametrize(
    ("name", "clause"),
    [
        ("math", 'the request is best described as any of "math", "physics", with at least 0.5'),
        ("refunds", 'the request is best described as "refunds" (like 3 examples), with at least 0.5'),
        ("other", "no other category suits the request"),
    ],
)
def test_the_condition_reads_back_as_a_clause(name: str, clause: str) -> None:
    assert Category(name=name, entries=ENTRIES).sentence() == clause


@pytest.mark.parametrize(
    ("entries", "taker"),
    [
        ((Entry(name="a", domains=("math", "law")), Entry(name="b", domains=("math",))), "a"),
        ((Entry(name="b", domains=("math",)), Entry(name="a", domains=("math", "law"))), "a"),
        ((Entry(name="a", domains=("math",)), Entry(name="b", domains=("math",))), "a"),
        ((Entry(name="a", domains=("math",), examples=REFUND), Entry(name="b", domains=("math",))), "a"),
        ((Entry(name="b", domains=("math",)), Entry(name="a", domains=("math",))), None),
        ((Entry(name="a", domains=("math",)), Entry(name="b", domains=("math", "law"))), None),
        ((Entry(name="a", domains=("math",)), Entry(name="b", domains=("math",), examples=REFUND)), None),
        (
            (Entry(name="a", domains=("math",)), Entry(name="b", domains=("math",), intents=("analysis",))),
            None,
        ),
        ((Entry(name="a", domains=("math",)), Entry(name="b", intents=("math_problem",))), None),
        (
            (
                Entry(name="b", intents=("analysis",)),
                Entry(name="a", domains=("math",), intents=("analysis",)),
            ),
            None,
        ),
        (
            (
                Entry(name="b", domains=("math",), intents=("analysis",)),
                Entry(name="a", domains=("math", "law"), intents=("analysis", "translation")),
            ),
            "a",
        ),
    ],
)
def test_lint_finds_a_category_that_can_never_win(entries: tuple[Entry, ...], taker: str | None) -> None:
    remarks = list(Category(name="b", entries=entries).lint())
    said = f"category 'b' can never win: {taker!r} stands for all that it does"
    assert [(r.field, r.message, r.severity) for r in remarks] == (
        [("name", said, "warning")] if taker else []
    )


def test_lint_finds_a_threshold_that_hardly_any_request_reaches() -> None:
    sure = Category(name="math", entries=(Entry(name="math", domains=("math",), threshold=1.0),))
    assert [remark.field for remark in sure.lint()] == ["threshold"]
    assert list(Category(name="other", entries=ENTRIES).lint()) == []
