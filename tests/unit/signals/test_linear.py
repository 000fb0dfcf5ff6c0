from hypothesis import given
from hypothesis import strategies as st

from waypost.signals.linear import compiled, encode, spans


def test_offsets_count_characters() -> None:
    text = "\u00e9 1 \U0001f600 22"
    assert [text[a:b] for a, b in spans(compiled("[0-9]+"), encode(text))] == ["1", "22"]


def test_case_is_ignored_when_asked() -> None:
    assert list(spans(compiled("a", case_sensitive=False), b"A")) == [(0, 1)]
    assert list(spans(compiled("a"), b"A")) == []


@given(st.text())
def test_any_text_can_be_encoded_without_moving_offsets(text: str) -> None:
    assert len(encode(text).decode()) == len(text)
    last = 0
    for start, end in spans(compiled(r"[a-z]+|\d*"), encode(text)):
        assert last <= start <= end <= len(text)
        assert text[start:end].isascii()
        last = end
