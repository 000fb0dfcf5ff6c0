"""Folding: stable, the same however a text is cut, and never lost about where something stood."""

from unicodedata import combining, decomposition, normalize

from hypothesis import given
from hypothesis import strategies as st

from waypost.request import text as module
from waypost.request.text import fold

nasty = st.sampled_from(
    [
        *"aAeEsSkKI1 .,-_<>=\t\n\r\x00\x1f\x7f\x85\xa0\xad",
        "\u00df\u0130\u0131\u0149\u00a8\u00b4\u1fb3\u0345\u0344\u03a3\u03c2\ufb01\ufdfa\u2126\u212a",
        *"\u0301\u0316\u0327\u0338\u3099\uff9e\u0e33\u09be\u115f\u1161\u11a8\uffa0\u3164\uffc2\uac00\u1100",
        *"\u200b\u200d\u2060\ufeff\ufe0f\u2028\u3000\U0001f469\U0001f3fd\U000e0041\ud800\udc00\ufffd",
        "   ",
        "\u0301" * 40,
        "\u200b" * 700,
        "word " * 150,
        "\u0434\u043e\u043c ",
    ]
)
texts = st.one_of(st.text(), st.lists(st.one_of(nasty, st.characters()), max_size=30).map("".join))


@given(sent=texts, case_sensitive=st.booleans())
def test_folding_twice_is_folding_once(sent: str, *, case_sensitive: bool) -> None:
    once = fold(sent, case_sensitive=case_sensitive).text
    assert fold(once, case_sensitive=case_sensitive).text == once


@given(sent=texts, case_sensitive=st.booleans())
def test_what_is_left_is_normal_and_visible(sent: str, *, case_sensitive: bool) -> None:
    folded = fold(sent, case_sensitive=case_sensitive).text
    assert normalize("NFKC", folded) == folded
    assert not module._ODD.search(folded)
    assert "  " not in folded


@given(sent=texts, case_sensitive=st.booleans())
def test_every_folded_character_has_its_place_in_order(sent: str, *, case_sensitive: bool) -> None:
    folded = fold(sent, case_sensitive=case_sensitive)
    last = (0, 0)
    for at in range(len(folded.text)):
        start, end = folded.original(at, at + 1)
        assert 0 <= start < end <= len(sent)
        assert last <= (start, end)
        last = (start, end)


@given(texts, st.sampled_from(["internal", "medical record", "caf\u00e9"]), texts)
def test_a_needle_is_found_where_it_stands(before: str, needle: str, after: str) -> None:
    sent = f"{before}.{needle}.{after}"
    folded = fold(sent)
    at = len(fold(f"{before}.").text)
    assert folded.text[at : at + len(needle)] == needle
    start = len(before) + 1
    assert folded.original(at, at + len(needle)) == (start, start + len(needle))


def test_no_character_that_starts_afresh_joins_with_the_one_before() -> None:
    """The claim behind cutting a text into blocks, over all of Unicode as this Python knows it."""
    everything = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    pairs = (decomposition(char).split() for char in everything)
    joins = {chr(int(pair[1], 16)) for pair in pairs if len(pair) == 2 and not pair[0].startswith("<")}
    joins |= {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    for char in filter(module._CUT.match, everything):
        for form in (char, char.casefold(), normalize("NFKC", char).casefold()):
            first = normalize("NFKD", form)[0]
            assert not combining(first), f"U+{ord(char):04X}"
            assert first not in joins, f"U+{ord(char):04X}"
