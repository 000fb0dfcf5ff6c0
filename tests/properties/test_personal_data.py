"""Proven and learned finds of personal data together, and answers given before anybody was asked."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from waypost.asking import need_of
from waypost.signals.base import Encoded, Span
from waypost.signals.pii import PiiDetection, merged
from waypost.testing.policies import chat
from waypost.testing.signals import FakeEncoder

texts = st.text(st.sampled_from("aB1 ,.<>()é-"), min_size=1, max_size=40)


@st.composite
def finds(draw: st.DrawFn, kind: str, text: str, *, apart: bool) -> list[Span]:
    """Spans inside a text; proven ones of one type never overlap."""
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [Span(kind, start, end, 0.9) for start, end in pairwise(cuts)]
    if not apart:
        spans = [
            Span(kind, *draw(st.tuples(*[st.integers(0, len(text))] * 2).map(sorted)), 0.8) for _ in cuts
        ]
    kept = [span for span in spans if span.start < span.end and draw(st.booleans())]
    return draw(st.permutations(kept))


@given(st.data())
def test_what_is_put_together_is_sorted_and_inside_the_text_and_loses_no_proof(data: st.DataObject) -> None:
    text = data.draw(texts)
    proven = data.draw(finds("PROVEN", text, apart=True))
    learned = data.draw(finds("LEARNED", text, apart=False))
    found = merged(proven, learned, text)
    assert [f.start for f in found] == sorted(f.start for f in found)
    assert all(0 <= f.start < f.end <= len(text) for f in found)
    assert sorted(map(str, (f for f in found if f.type == "PROVEN"))) == sorted(map(str, proven))


@given(st.data())
def test_of_a_learned_find_stays_what_is_not_proven_and_nothing_else(data: st.DataObject) -> None:
    text = data.draw(texts)
    proven = data.draw(finds("PROVEN", text, apart=True))
    learned = data.draw(finds("LEARNED", text, apart=False))
    found = [f for f in merged(proven, learned, text) if f.type == "LEARNED"]
    covered = {at for span in proven for at in range(span.start, span.end)}
    claimed = {at for span in learned for at in range(span.start, span.end)}
    kept = {at for span in found for at in range(span.start, span.end)}
    assert kept.isdisjoint(covered)
    assert kept <= claimed
    letters = {at for at in claimed - covered if text[at].isalnum()}
    assert letters <= kept, "no letter or digit of a find is lost"
    assert all(any(char.isalnum() for char in text[f.start : f.end]) for f in found)


WORDS = (
    "Ann Lee",
    "ann@example.com",
    "127.0.0.1",
    "4111 1111 1111 1111",
    "+49 30 901820",
    "x",
    "ssn 219091234",
)
TYPES = ("PERSON", "EMAIL_ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "US_SSN", "IP_ADDRESS")

encoders = st.builds(
    FakeEncoder,
    coverage=st.sampled_from([1.0, 0.5]),
    personal=st.dictionaries(st.sampled_from(WORDS), st.sampled_from(TYPES), max_size=3),
)
signals = st.builds(
    PiiDetection,
    types=st.none() | st.lists(st.sampled_from(TYPES), min_size=1, unique=True).map(tuple),
    threshold=st.sampled_from([0.3, 0.7, 0.95]),
    unreadable=st.sampled_from([None, "fail", "ignore"]),
)


@given(signals, st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join), st.integers(0, 1), encoders)
def test_an_early_answer_is_the_answer(
    signal: PiiDetection, text: str, images: int, encoder: FakeEncoder
) -> None:
    request = chat(text, images=images)
    early = signal.early(request)
    found = encoder(need_of(request, [signal])) if signal.heads else None
    assert found is None or isinstance(found, Encoded)
    verdict = signal.evaluate(request, found)
    if early is not None:
        assert early.holds is True
        assert verdict.holds is True
        assert {(m.term, m.start, m.end) for m in early.matches} <= {
            (m.term, m.start, m.end) for m in verdict.matches
        }
    if verdict.holds is False:
        assert early is None


@given(signals, st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join), encoders)
def test_a_no_is_given_only_where_everything_was_read(
    signal: PiiDetection, text: str, encoder: FakeEncoder
) -> None:
    request = chat(text)
    if signal.heads and text and encoder.coverage < 1:
        found = encoder(need_of(request, [signal]))
        assert isinstance(found, Encoded)
        assert signal.evaluate(request, found).holds is not False
