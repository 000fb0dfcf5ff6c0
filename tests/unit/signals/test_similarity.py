import pytest

from waypost.needs import Encode
from waypost.signals.base import Encoded, Examples, Likeness
from waypost.signals.similarity import MAX_EXAMPLES, Similarity
from waypost.testing import contracts
from waypost.testing.policies import chat
from waypost.testing.signals import FakeEncoder

TEXTS = ("I want my money back.", "The parcel never came.", "Refund me.")
REFUNDS = Similarity(examples=TEXTS)


def encoded(*cosines: float) -> Encoded:
    return Encoded({}, likenesses={Examples(TEXTS): Likeness(cosines, 0.5)})


def test_the_contract_of_a_signal_is_kept() -> None:
    for aggregate in ("max", "mean", "any"):
        contracts.signal(
            Similarity(examples=TEXTS, aggregate=aggregate),
            encoded=[
                encoded(0.9, 0.1, 0.1),
                encoded(-1.0, -0.2, 0.0),
                FakeEncoder(likenesses={TEXTS[1]: 1.0}),
            ],
        )


@pytest.mark.parametrize(
    ("aggregate", "cosines", "label", "score", "what"),
    [
        ("max", (0.2, 0.7, 0.3), TEXTS[1], 0.7, "example 2 0.70"),
        ("any", (0.2, 0.7, 0.3), TEXTS[1], 0.7, "example 2 0.70"),
        ("mean", (0.2, 0.7, 0.3), None, 0.4, "mean over the examples 0.40"),
        ("mean", (0.5, 0.7, 0.9), TEXTS[2], 0.7, "mean over the examples 0.70"),
        ("max", (0.59, 0.1, 0.1), None, 0.59, "example 1 0.59"),
        ("max", (-0.5, -0.2, -0.9), None, 0.0, "example 2 -0.20"),
        ("mean", (-0.5, -0.2, -0.9), None, 0.0, "mean over the examples -0.53"),
    ],
)
def test_the_nearest_example_or_the_mean_is_compared(
    aggregate: str, cosines: tuple[float, ...], label: str | None, score: float, what: str
) -> None:
    signal = Similarity(examples=TEXTS, aggregate=aggregate)  # type: ignore[arg-type]
    verdict = signal.evaluate(chat("Give it back!"), encoded(*cosines))
    assert verdict.label == label
    assert verdict.score == pytest.approx(score)
    assert verdict.because == f"similarity to {what}, threshold 0.6"
    assert verdict.threshold == 0.6


def test_it_names_its_examples_for_the_encoder() -> None:
    assert REFUNDS.heads == {"similarity"}
    assert REFUNDS.likened == (Examples(TEXTS),)
    found = FakeEncoder(likenesses={TEXTS[0]: 0.8})(Encode(REFUNDS.heads, "x", (), REFUNDS.likened))
    assert isinstance(found, Encoded)
    assert REFUNDS.evaluate(chat("x"), found).label == TEXTS[0]


def test_unread_it_is_no_answer() -> None:
    assert REFUNDS.evaluate(chat("x"), None).failed == "engine"


def test_the_condition_reads_back_as_a_clause() -> None:
    assert (
        Similarity(examples=("a", "b")).sentence() == 'the request is like "a", "b" (cosine of at least 0.6)'
    )
    many = Similarity(examples=("a", "b", "c", "d", "e")).sentence()
    assert many == 'the request is like "a", "b", "c" and 2 more (cosine of at least 0.6)'


@pytest.mark.parametrize(
    ("signal", "fields"),
    [
        (REFUNDS, []),
        (Similarity(examples=("a",), threshold=1.0), []),
        (Similarity(examples=()), ["examples"]),
        (Similarity(examples=("a", " ", "")), ["examples[1]", "examples[2]"]),
        (Similarity(examples=tuple(map(str, range(MAX_EXAMPLES + 1)))), ["examples"]),
        (Similarity(examples=("a",), threshold=0.0), ["threshold"]),
    ],
)
def test_lint_finds_what_cannot_work(signal: Similarity, fields: list[str]) -> None:
    assert [remark.field for remark in signal.lint()] == fields
