"""Values of a store: what can be an entry, which rows a filter meets, what settings say."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from waypost.configurable import build, schema
from waypost.errors import EngineError
from waypost.stores.base import ENTRY_BYTES, About, Entry, Filter, Limits, Row, StoreError, check, unit, wall

E1 = np.array([1, 0, 0], "<f4").tobytes()
ENTRY = Entry(b"p", b"k", About(), b"", E1, b"answer", 1.0, 2.0)
ROW = Row(b"p", b"k", About(b"s", b"t", "m", "r"), 10.0, 20.0, 10.0, 0, 1)


def test_a_sound_entry_passes() -> None:
    check(ENTRY)
    check(replace(ENTRY, vector=b"", answer=b"a" * ENTRY_BYTES))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(ENTRY, partition=b""),
        replace(ENTRY, exact=b"k" * 65),
        replace(ENTRY, answer=b"a" * ENTRY_BYTES, features=b"f"),
        replace(ENTRY, expires=0.5),
        replace(ENTRY, created=-1.0),
        replace(ENTRY, expires=float("inf")),
        replace(ENTRY, created=float("nan")),
        replace(ENTRY, vector=E1[:5]),
    ],
)
def test_an_entry_that_is_none_is_an_engine_error(wrong: Entry) -> None:
    with pytest.raises(EngineError) as refused:
        check(wrong)
    assert isinstance(refused.value, StoreError)
    assert refused.value.kind == "invalid"


def test_a_message_never_holds_what_a_client_sent() -> None:
    with pytest.raises(StoreError) as refused:
        check(replace(ENTRY, answer=b"secret" * ENTRY_BYTES, features=b"secret"))
    assert "secret" not in str(refused.value)


def test_a_vector_is_read_as_it_was_written() -> None:
    assert unit(E1).tolist() == [1.0, 0.0, 0.0]
    assert unit(E1).dtype == np.float32
    unit(
        np.array([0.6, 0.8], np.float16).astype("<f4").tobytes()
    )  # what half precision leaves is near enough


@pytest.mark.parametrize("length", [0.0, 0.9, 1.1, np.nan, np.inf])
def test_a_vector_must_be_of_unit_length(length: float) -> None:
    with pytest.raises(StoreError):
        unit(np.array([length, 0, 0], "<f4").tobytes())


def test_a_vector_has_a_longest() -> None:
    longest = np.zeros(4097, "<f4")
    longest[0] = 1
    with pytest.raises(StoreError):
        unit(longest.tobytes())
    assert len(unit(longest[:4096].tobytes())) == 4096


@pytest.mark.parametrize(
    ("which", "meets"),
    [
        (Filter(), True),
        (Filter(partition=b"p", exact=b"k", scope=b"s", text=b"t", model="m", rule="r", before=11.0), True),
        (Filter(partition=b"x"), False),
        (Filter(exact=b"x"), False),
        (Filter(scope=b""), False),
        (Filter(text=b"x"), False),
        (Filter(model="M"), False),
        (Filter(rule=""), False),
        (Filter(before=10.0), False),
    ],
)
def test_a_filter_meets_rows_on_which_all_of_it_holds(which: Filter, meets: object) -> None:
    assert which.matches(ROW) is meets


def test_limits_are_checked() -> None:
    assert build(Limits, {}).eviction == "lru"
    for wrong in ({"max_entries": 0}, {"max_bytes": ENTRY_BYTES}, {"eviction": "random"}, {"entries": 5}):
        with pytest.raises(ValidationError):
            build(Limits, wrong)


def test_every_setting_is_described() -> None:
    assert all(row["description"] for row in schema(Limits)["properties"].values())


def test_the_wall_clock_goes_forward() -> None:
    assert 1.7e9 < wall() <= wall()
