import pytest

from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.identifiers import TYPES, Budget
from waypost.signals.pii import PiiDetection
from waypost.testing import contracts


def ask(*texts: str) -> ChatRequest:
    parts = tuple(Part("text", text, f"messages[{n}].content") for n, text in enumerate(texts))
    return ChatRequest("openai_chat", b"", "auto", messages=tuple(Message("user", (p,)) for p in parts))


def test_the_contract_of_a_signal_is_kept() -> None:
    contracts.signal(PiiDetection(unreadable="fail"), requests=[ask("ann@example.com")])
    contracts.signal(PiiDetection(types=("PERSON",)))


def test_types_are_named_in_order_of_the_text() -> None:
    verdict = PiiDetection().evaluate(ask("call +49 30 901820", "ann@example.com, bob@example.com"), None)
    assert verdict.because == "Contains PII: PHONE_NUMBER, EMAIL_ADDRESS"
    assert verdict.label == "PHONE_NUMBER"
    assert verdict.score == 0.95
    assert [(match.term, match.where, match.start, match.end) for match in verdict.matches] == [
        ("PHONE_NUMBER", "messages[0].content", 5, 18),
        ("EMAIL_ADDRESS", "messages[1].content", 0, 15),
        ("EMAIL_ADDRESS", "messages[1].content", 17, 32),
    ]


def test_a_verdict_says_what_was_looked_for() -> None:
    signal = PiiDetection(types=("IP_ADDRESS", "EMAIL_ADDRESS"))
    verdict = signal.evaluate(ask("nothing"), None)
    assert verdict.because == "No PII found (looked for EMAIL_ADDRESS, IP_ADDRESS)"
    assert verdict.looked_for == ("EMAIL_ADDRESS", "IP_ADDRESS")
    assert signal.evaluate(ask("ann@example.com"), None).looked_for == ("EMAIL_ADDRESS", "IP_ADDRESS")
    assert PiiDetection().evaluate(ask(""), None).looked_for == TYPES


def test_only_wanted_types_count() -> None:
    assert PiiDetection(types=("US_SSN",)).evaluate(ask("ann@example.com"), None).holds is False


@pytest.mark.parametrize(("threshold", "holds"), [(0.4, True), (0.7, False)])
def test_the_threshold_decides(threshold: float, *, holds: bool | None) -> None:
    assert PiiDetection(threshold=threshold).evaluate(ask("127.0.0.1"), None).holds is holds


@pytest.mark.parametrize(
    ("sent", "stretch"),
    [
        ("ann\u200b@exam\u00adple.com", "ann\u200b@exam\u00adple.com"),
        ("\uff14111 1111 1111 \uff11\uff11\uff11\uff11", "\uff14111 1111 1111 \uff11\uff11\uff11\uff11"),
        ("ssn 219\u201109\u20111234", "219\u201109\u20111234"),
        ("\ufb01 ann@example.com", "ann@example.com"),
        ("mail\u200bann@example.com", "mail\u200bann@example.com"),
    ],
)
def test_disguises_do_not_help(sent: str, stretch: str) -> None:
    verdict = PiiDetection().evaluate(ask(sent), None)
    assert stretch in [sent[match.start : match.end] for match in verdict.matches]


def test_a_hundred_weak_finds_hide_no_strong_one() -> None:
    verdict = PiiDetection(types=("IP_ADDRESS",)).evaluate(ask("127.0.0.1 " * 500 + "10.72.11.169"), None)
    assert verdict.holds is True


def test_evidence_is_bounded() -> None:
    verdict = PiiDetection().evaluate(ask("a@b.co " * 300), None)
    assert len(verdict.matches) == 100


def test_more_candidates_than_can_be_checked_are_no_no() -> None:
    request = ask("219091234 " * 100)
    request.once(("pii budget", "US_SSN"), lambda: Budget(10))
    verdict = PiiDetection(types=("US_SSN",)).evaluate(request, None)
    assert verdict.failed == "too_large"
    assert verdict.holds is None


def test_what_cannot_be_read_leaves_a_no_open() -> None:
    image = Part("image", "", "messages[0].content[0].image_url")
    request = ChatRequest("openai_chat", b"", "auto", messages=(Message("user", (image,)),))
    verdict = PiiDetection(unreadable="fail").evaluate(request, None)
    assert verdict.failed == "unscannable"
    assert verdict.looked_for == TYPES


def test_types_without_any_detector_cannot_be_answered() -> None:
    verdict = PiiDetection(types=("PERSON",)).evaluate(ask("Ann Lee"), None)
    assert verdict.failed == "engine"
    assert verdict.because == "PERSON cannot be looked for without classifiers"


def test_the_condition_reads_back_as_a_clause() -> None:
    assert PiiDetection(types=("US_SSN", "PERSON"), threshold=0.8).sentence() == (
        "the text contains personal data (US_SSN) with a confidence of at least 0.8"
    )


@pytest.mark.parametrize(
    ("signal", "remarks"),
    [
        (PiiDetection(), []),
        (PiiDetection(types=()), [("types", "error", "")]),
        (PiiDetection(types=("US_SSN", "PERSON")), [("types[1]", "warning", "")]),
        (PiiDetection(types=("EMAIL",)), [("types[0]", "error", "did you mean EMAIL_ADDRESS?")]),
        (PiiDetection(types=("us_ssn",)), [("types[0]", "error", "did you mean US_SSN?")]),
        (PiiDetection(types=("XYZZY",)), [("types[0]", "error", "known types")]),
        (PiiDetection(threshold=1.5), [("threshold", "error", "0 to 1")]),
        (PiiDetection(threshold=float("nan")), [("threshold", "error", "0 to 1")]),
        (PiiDetection(regions=("US", "UK")), [("regions[1]", "error", "")]),
    ],
)
def test_lint_finds_what_cannot_work(signal: PiiDetection, remarks: list[tuple[str, str, str]]) -> None:
    found = list(signal.lint())
    assert [(remark.field, remark.severity) for remark in found] == [remark[:2] for remark in remarks]
    assert all(hint in remark.help for remark, (_, _, hint) in zip(found, remarks, strict=True))
