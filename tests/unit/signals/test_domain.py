import pytest

from waypost.needs import Encode
from waypost.signals.base import Encoded
from waypost.signals.domain import Domain
from waypost.testing import contracts
from waypost.testing.policies import chat
from waypost.testing.signals import FakeEncoder

MATHS = FakeEncoder({"domain": {"math": 0.7, "computer science": 0.2}})


def encoded() -> Encoded:
    found = MATHS(Encode(frozenset({"domain"})))
    assert isinstance(found, Encoded)
    return found


def test_the_contract_of_a_signal_is_kept() -> None:
    contracts.signal(Domain(domains=("math", "law")), encoded=[MATHS, FakeEncoder({"domain": {"law": 1.0}})])


@pytest.mark.parametrize(
    ("domains", "threshold", "label"),
    [
        (("math",), 0.5, "math"),
        (("math",), 0.71, None),
        (("computer_science",), 0.2, "computer science"),
        (("computer_science", "math"), 0.85, "math"),
        (("law", "history"), 0.5, None),
    ],
)
def test_probabilities_of_the_named_domains_count_together(
    domains: tuple[str, ...], threshold: float, label: str | None
) -> None:
    verdict = Domain(domains=domains, threshold=threshold).evaluate(chat("2 + 2"), encoded())
    assert verdict.label == label
    assert verdict.threshold == threshold


def test_it_reads_its_own_head_and_nothing_of_what_guards_read() -> None:
    signal = Domain(domains=("math",))
    assert signal.heads == {"domain"}
    assert list(signal.scanned(chat("x"))) == []
    assert signal.likened == ()


def test_unread_it_is_no_answer() -> None:
    assert Domain(domains=("math",)).evaluate(chat("x"), None).failed == "engine"


def test_the_condition_reads_back_as_a_clause() -> None:
    assert Domain(domains=("math", "law")).sentence() == (
        'the request is about any of "math", "law" with a probability of at least 0.5'
    )


def test_lint_finds_unknown_domains_and_thresholds() -> None:
    signal = Domain(domains=("math", "maths"), threshold=2.0)
    assert [remark.field for remark in signal.lint()] == ["domains[1]", "threshold"]


def test_lint_finds_a_threshold_that_a_guess_reaches() -> None:
    (remark,) = Domain(domains=("math", "law"), threshold=0.1).lint()
    assert (remark.field, remark.severity) == ("threshold", "warning")
    assert list(Domain(domains=("math", "law"), threshold=0.2).lint()) == []
