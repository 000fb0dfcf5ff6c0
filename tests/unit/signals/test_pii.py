import pytest

from waypost.asking import need_of
from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.base import Encoded, Scan, Span, Verdict
from waypost.signals.candidates import Budget
from waypost.signals.identifiers import TYPES
from waypost.signals.labels import PII_TYPES
from waypost.signals.pii import LEARNED, PRIVATE, PiiDetection, merged
from waypost.testing import contracts
from waypost.testing.signals import FakeEncoder

NOTHING = FakeEncoder()
PEOPLE = FakeEncoder(personal={"Ann Lee": "PERSON", "12 Mill Lane": "STREET_ADDRESS", "Acme": "ORGANIZATION"})
PROVEN = ("EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS")


def ask(*texts: str) -> ChatRequest:
    parts = tuple(Part("text", text, f"messages[{n}].content") for n, text in enumerate(texts))
    return ChatRequest("openai_chat", b"", "auto", messages=tuple(Message("user", (p,)) for p in parts))


def judged(signal: PiiDetection, request: ChatRequest | str, encoder: FakeEncoder | None = None) -> Verdict:
    """The verdict as the journey gets it: from the encoder only where a head is read."""
    request = ask(request) if isinstance(request, str) else request
    if not signal.heads:
        return signal.evaluate(request, None)
    found = (encoder or NOTHING)(need_of(request, [signal]))
    assert isinstance(found, Encoded)
    return signal.evaluate(request, found)


def test_the_contract_of_a_signal_is_kept() -> None:
    texts = [ask("ann@example.com"), ask("Ann Lee of Acme"), ask("Ann Lee <ann@example.com>")]
    encoders = [NOTHING, PEOPLE, FakeEncoder(coverage=0.5), FakeEncoder(personal={"zq7": "PERSON"})]
    contracts.signal(PiiDetection(unreadable="fail"), encoded=encoders, requests=texts)
    contracts.signal(PiiDetection(types=("PERSON",)), encoded=encoders, requests=texts)
    contracts.signal(PiiDetection(types=PROVEN, unreadable="fail"), requests=texts)


def test_types_are_named_in_order_of_the_text() -> None:
    verdict = judged(PiiDetection(), ask("call +49 30 901820", "ann@example.com, bob@example.com"))
    assert verdict.because == "Contains PII: PHONE_NUMBER, EMAIL_ADDRESS"
    assert verdict.label == "PHONE_NUMBER"
    assert verdict.score == 0.95
    assert [(match.term, match.where, match.start, match.end) for match in verdict.matches] == [
        ("PHONE_NUMBER", "messages[0].content", 5, 18),
        ("EMAIL_ADDRESS", "messages[1].content", 0, 15),
        ("EMAIL_ADDRESS", "messages[1].content", 17, 32),
    ]


def test_what_is_looked_for_by_default_tells_or_costs_a_person_something() -> None:
    assert judged(PiiDetection(), "").looked_for == PRIVATE
    assert not {"GPE", "DATE_TIME", "ORGANIZATION", "AGE", "URL"} & set(PRIVATE)
    assert set(PRIVATE) <= {*PII_TYPES, *TYPES}


def test_a_verdict_says_what_was_looked_for() -> None:
    signal = PiiDetection(types=("IP_ADDRESS", "EMAIL_ADDRESS"))
    verdict = judged(signal, "nothing")
    assert verdict.because == "No PII found (looked for IP_ADDRESS, EMAIL_ADDRESS)"
    assert verdict.looked_for == ("IP_ADDRESS", "EMAIL_ADDRESS")
    assert judged(signal, "ann@example.com").looked_for == ("IP_ADDRESS", "EMAIL_ADDRESS")


def test_only_wanted_types_count() -> None:
    assert judged(PiiDetection(types=("US_SSN",)), "ann@example.com").holds is False
    assert judged(PiiDetection(types=("STREET_ADDRESS",)), "Ann Lee", PEOPLE).holds is False


@pytest.mark.parametrize(("threshold", "holds"), [(0.4, True), (0.7, False)])
def test_the_threshold_decides(threshold: float, *, holds: bool | None) -> None:
    assert judged(PiiDetection(threshold=threshold), "127.0.0.1").holds is holds


def test_the_threshold_holds_for_learned_types_too() -> None:
    assert judged(PiiDetection(threshold=0.9), "Ann Lee", PEOPLE).holds is True
    assert judged(PiiDetection(threshold=0.91), "Ann Lee", PEOPLE).holds is False


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
    verdict = judged(PiiDetection(), sent)
    assert stretch in [sent[match.start : match.end] for match in verdict.matches]


def test_a_hundred_weak_finds_hide_no_strong_one() -> None:
    verdict = judged(PiiDetection(types=("IP_ADDRESS",)), "127.0.0.1 " * 500 + "10.72.11.169")
    assert verdict.holds is True


def test_evidence_is_bounded() -> None:
    assert len(judged(PiiDetection(), "a@b.co " * 300).matches) == 100


def test_more_candidates_than_can_be_checked_are_no_no() -> None:
    request = ask("219091234 " * 100)
    request.once(("pii budget", "US_SSN"), lambda: Budget(10))
    verdict = judged(PiiDetection(types=("US_SSN",)), request)
    assert verdict.failed == "too_large"
    assert verdict.holds is None


def test_what_cannot_be_read_leaves_a_no_open() -> None:
    image = Part("image", "", "messages[0].content[0].image_url")
    request = ChatRequest("openai_chat", b"", "auto", messages=(Message("user", (image,)),))
    verdict = judged(PiiDetection(unreadable="fail"), request)
    assert verdict.failed == "unscannable"
    assert verdict.looked_for == PRIVATE


class TestLearnedTypes:
    def test_are_what_no_pattern_settles(self) -> None:
        assert {"PERSON", "STREET_ADDRESS", "PHONE_NUMBER", "API_KEY", "US_PASSPORT"} <= LEARNED
        assert LEARNED.isdisjoint(PROVEN)
        assert PiiDetection(types=PROVEN).heads == frozenset()
        assert PiiDetection(types=("EMAIL_ADDRESS", "PERSON")).heads == {"pii"}
        assert PiiDetection().heads == {"pii"}

    def test_stand_among_the_others_in_order_of_the_text(self) -> None:
        verdict = judged(PiiDetection(), "Ann Lee, ann@example.com, 12 Mill Lane", PEOPLE)
        assert verdict.because == "Contains PII: PERSON, EMAIL_ADDRESS, STREET_ADDRESS"
        assert [(m.term, m.start, m.end) for m in verdict.matches] == [
            ("PERSON", 0, 7), ("EMAIL_ADDRESS", 9, 24), ("STREET_ADDRESS", 26, 38),
        ]  # fmt: skip

    def test_of_no_interest_are_found_when_they_are_named(self) -> None:
        assert judged(PiiDetection(), "She works at Acme", PEOPLE).holds is False
        assert judged(PiiDetection(types=("ORGANIZATION",)), "She works at Acme", PEOPLE).holds is True

    def test_may_be_named_by_a_part_of_them(self) -> None:
        signal = PiiDetection(types=("ZIP_CODE", "DOMAIN_NAME"))
        assert judged(signal, "x").looked_for == ("STREET_ADDRESS", "URL")

    def test_are_believed_only_where_no_pattern_proves_better(self) -> None:
        """A tagger that takes a version number for an address is not asked about addresses."""
        wrong = FakeEncoder(personal={"10.2.3.4": "IP_ADDRESS"})
        assert judged(PiiDetection(), "version 10.2.3.4", wrong).holds is False

    def test_of_keys_must_have_the_form_of_one(self) -> None:
        key, commit = "9aXk2LmQ7rT4vB8nWc3dYf6h", "9fceb02d0ae598e95dc970b74767f19372d61af8"
        eager = FakeEncoder(personal={key: "API_KEY", commit: "API_KEY", "AsyncHttpx2Client": "API_KEY"})
        assert judged(PiiDetection(), f"use {key} there", eager).because == "Contains PII: API_KEY"
        assert judged(PiiDetection(), f"git show {commit} AsyncHttpx2Client", eager).holds is False

    def test_need_every_text_in_scope(self) -> None:
        request = ask("one", "", "two")
        assert list(PiiDetection().scanned(request)) == ["one", "two"]
        assert list(PiiDetection(scope="last_user").scanned(request)) == ["two"]

    def test_are_open_where_a_text_was_not_read_to_its_end(self) -> None:
        half = FakeEncoder(coverage=0.25, personal={"Ann Lee": "PERSON"})
        verdict = judged(PiiDetection(), "Good morning", half)
        assert verdict.failed == "too_large"
        assert verdict.because == "No PII found, but only 25% of a text was read"
        assert verdict.looked_for == PRIVATE
        assert judged(PiiDetection(), "Ann Lee", half).holds is True, "what was found stands"

    def test_cannot_be_looked_for_without_the_classifiers(self) -> None:
        verdict = PiiDetection(types=("PERSON",)).evaluate(ask("Ann Lee"), None)
        assert verdict.failed == "engine"
        assert verdict.because == "PERSON cannot be looked for without classifiers"


class TestEarly:
    def test_what_a_pattern_finds_needs_no_classifier(self) -> None:
        verdict = PiiDetection().early(ask("ann@example.com"))
        assert verdict is not None
        assert verdict.because == "Contains PII: EMAIL_ADDRESS"

    @pytest.mark.parametrize("text", ["Ann Lee", "127.0.0.1", "", "\ud800"])
    def test_a_no_and_a_doubt_do(self, text: str) -> None:
        assert PiiDetection().early(ask(text)) is None

    def test_a_picture_does_not_make_it_a_failure(self) -> None:
        image = Part("image", "", "messages[0].content[0].image_url")
        request = ChatRequest("openai_chat", b"", "auto", messages=(Message("user", (image,)),))
        assert PiiDetection(unreadable="fail").early(request) is None


def span(kind: str, text: str, stretch: str) -> Span:
    start = text.index(stretch)
    return Span(kind, start, start + len(stretch), 0.8)


@pytest.mark.parametrize(
    ("text", "proven", "learned", "rests"),
    [
        ("Ann Lee, 219-09-1234", "219-09-1234", "Ann Lee, 219-09-1234", ["Ann Lee"]),
        ("219-09-1234,+49 30 901820", "219-09-1234", "219-09-1234,+49 30 901820", ["+49 30 901820"]),
        ("Ann <ann@b.co> Lee", "ann@b.co", "Ann <ann@b.co> Lee", ["Ann", "Lee"]),
        ("ann@b.co", "ann@b.co", "ann@b.co", []),
        ("mail ann@b.co now", "ann@b.co", "ann", []),
        ("(ann@b.co)", "ann@b.co", "(ann@b.co)", []),
        ("Ann ann@b.co", "ann@b.co", "Ann", ["Ann"]),
        ("annann@b.co ann", "annann@b.co", "annann@b.co ann", ["ann"]),
    ],
)
def test_of_a_learned_find_stays_what_no_proven_one_covers(
    text: str, proven: str, learned: str, rests: list[str]
) -> None:
    proof = span("EMAIL_ADDRESS", text, proven)
    finds = merged([proof], [span("PERSON", text, learned)], text)
    assert proof in finds
    assert [text[f.start : f.end] for f in finds if f.type == "PERSON"] == rests
    assert [f.start for f in finds] == sorted(f.start for f in finds)


def test_a_learned_find_may_be_cut_by_several_proven_ones() -> None:
    text = "a@b.co Ann c@d.co Lee e@f.co"
    proofs = [span("EMAIL_ADDRESS", text, mail) for mail in ("e@f.co", "a@b.co", "c@d.co")]
    finds = merged(proofs, [Span("PERSON", 0, len(text), 0.8)], text)
    assert [text[f.start : f.end] for f in finds] == ["a@b.co", "Ann", "c@d.co", "Lee", "e@f.co"]


def test_the_remainder_of_a_find_is_what_counts() -> None:
    text = "Ann Lee ann@example.com"
    scan = Scan(spans=(Span("PERSON", 0, len(text), 0.9),))
    verdict = PiiDetection().evaluate(ask(text), Encoded({}, scans={text: scan}))
    assert [(m.term, m.start, m.end) for m in verdict.matches] == [("PERSON", 0, 7), ("EMAIL_ADDRESS", 8, 23)]


def test_the_condition_reads_back_as_a_clause() -> None:
    assert PiiDetection(types=("US_SSN", "PERSON"), threshold=0.8).sentence() == (
        "the text contains personal data (US_SSN, PERSON) with a confidence of at least 0.8"
    )


@pytest.mark.parametrize(
    ("signal", "remarks"),
    [
        (PiiDetection(), []),
        (PiiDetection(types=()), [("types", "error", "")]),
        (PiiDetection(types=("US_SSN", "PERSON", "ZIP_CODE", "API_KEY")), []),
        (PiiDetection(types=("US_SSN", "NRP")), [("types[1]", "warning", "")]),
        (PiiDetection(types=("EMAIL",)), [("types[0]", "error", "did you mean EMAIL_ADDRESS?")]),
        (PiiDetection(types=("us_ssn",)), [("types[0]", "error", "did you mean US_SSN?")]),
        (PiiDetection(types=("XYZZY",)), [("types[0]", "error", "known types")]),
        (PiiDetection(threshold=1.5), [("threshold", "error", "0 to 1")]),
        (PiiDetection(threshold=float("nan")), [("threshold", "error", "0 to 1")]),
        (PiiDetection(threshold=0.96), [("threshold", "warning", "0.95 or less")]),
        (PiiDetection(regions=("US", "UK")), [("regions[1]", "error", "")]),
        (PiiDetection(types=("PERSON",), regions=("UK",)), []),
    ],
)
def test_lint_finds_what_cannot_work(signal: PiiDetection, remarks: list[tuple[str, str, str]]) -> None:
    found = list(signal.lint())
    assert [(remark.field, remark.severity) for remark in found] == [remark[:2] for remark in remarks]
    assert all(hint in remark.help for remark, (_, _, hint) in zip(found, remarks, strict=True))
