"""Texts that were read before, known by their digest."""

from waypost.encoder.known import Known, KnownTexts
from waypost.signals.base import Scan, Span

SHA = "ab" * 32
KNOWN = Known(Scan(0.3, (Span("PERSON", 0, 4, 0.9),)), 12, 40)


def test_a_text_that_was_put_is_known() -> None:
    texts = KnownTexts(SHA, 10_000)
    texts.put("John", KNOWN)
    assert texts.get("John") is KNOWN
    assert texts.get("john") is None


def test_any_text_has_a_digest() -> None:
    texts = KnownTexts(SHA, 10_000)
    texts.put("\ud800", KNOWN)
    assert texts.get("\ud800") is KNOWN
    assert texts.get("?") is None
    assert texts.get("") is None


def test_what_is_known_is_bounded() -> None:
    texts = KnownTexts(SHA, 10_000)
    for number in range(100):
        texts.put(str(number), KNOWN)
    assert texts.get("0") is None
    assert texts.get("99") is KNOWN
    assert sum(texts.get(str(number)) is not None for number in range(100)) == 10_000 // 900


def test_many_spans_take_their_room() -> None:
    texts = KnownTexts(SHA, 10_000)
    texts.put("a", Known(Scan(0.3, KNOWN.scan.spans * 100), 12, 40))
    assert texts.get("a") is None
