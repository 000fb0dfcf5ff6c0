"""A memory that is bounded, whatever is put into it."""

from hypothesis import given
from hypothesis import strategies as st

from waypost.encoder.memo import Memo


def test_what_is_kept_is_found() -> None:
    memo = Memo[str](100)
    memo.put(b"a", "one", 40)
    assert memo.get(b"a") == "one"
    assert memo.get(b"b") is None


def test_the_longest_unused_goes_first() -> None:
    memo = Memo[str](100)
    memo.put(b"a", "one", 40)
    memo.put(b"b", "two", 40)
    memo.get(b"a")
    memo.put(b"c", "three", 40)
    assert [memo.get(key) for key in (b"a", b"b", b"c")] == ["one", None, "three"]


def test_a_value_put_again_counts_once() -> None:
    memo = Memo[str](100)
    memo.put(b"a", "one", 60)
    memo.put(b"a", "other", 50)
    assert memo.size == 50
    assert memo.get(b"a") == "other"


def test_what_is_too_large_pushes_nothing_out() -> None:
    memo = Memo[str](100)
    memo.put(b"a", "one", 40)
    memo.put(b"b", "huge", 101)
    assert memo.get(b"a") == "one"
    assert memo.get(b"b") is None


def test_a_memory_of_nothing_keeps_nothing() -> None:
    memo = Memo[str](0)
    memo.put(b"a", "one", 1)
    assert len(memo) == 0


@given(st.lists(st.tuples(st.binary(max_size=1), st.integers(0, 60), st.booleans())))
def test_it_is_never_larger_than_its_limit_and_counts_right(steps: list[tuple[bytes, int, bool]]) -> None:
    memo = Memo[int](100)
    sizes: dict[bytes, int] = {}
    for key, size, is_put in steps:
        if is_put:
            memo.put(key, size, size)
            sizes[key] = size
        else:
            assert memo.get(key) in {None, sizes.get(key)}
        assert memo.size <= 100
    assert memo.size == sum(size for key, size in sizes.items() if memo.get(key) is not None)
