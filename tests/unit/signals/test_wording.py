import pytest

from waypost.signals.wording import one_of, quoted


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("a",), "'a'"),
        (("a", "b"), "'a' and 'b'"),
        (("a", "b", "c"), "'a', 'b' and 'c'"),
    ],
)
def test_lists_read_like_sentences(words: tuple[str, ...], text: str) -> None:
    assert quoted(words) == text


def test_long_lists_end_in_a_number() -> None:
    assert quoted(["x"] * 23).endswith("'x' and 3 more")


def test_a_clause_names_all() -> None:
    assert one_of(["a"]) == '"a"'
    assert one_of(["a", "b"]) == 'any of "a", "b"'
