"""Nearest vectors: the small and the large form must agree, through every order of adding and removing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.stores import index
from waypost.stores.base import Floats
from waypost.stores.index import BLOCK, RESCORED, SMALL, Index


def directions(count: int, width: int = 48, seed: int = 1) -> Floats:
    made = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def filled(vectors: Floats) -> Index:
    made = Index(vectors.shape[1])
    made.add(np.arange(len(vectors)), vectors)
    return made


def best(vectors: dict[int, Floats], query: Floats, count: int) -> list[int]:
    ranked = sorted(vectors, key=lambda number: -float(vectors[number] @ query))
    return ranked[:count]


@pytest.fixture
def coded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every index takes the large form at once, in tiny blocks."""
    monkeypatch.setattr(index, "SMALL", 0)
    monkeypatch.setattr(index, "BLOCK", 64)


def test_an_empty_index_finds_nothing() -> None:
    empty = Index(48)
    assert len(empty) == 0
    assert empty.nearest(directions(1)[0], 5) == []
    empty.remove([1, 2])


@pytest.mark.parametrize("count", [1, 2, 5, 9, 500])
def test_the_nearest_come_best_first(count: int) -> None:
    vectors, query = directions(200), directions(1, seed=2)[0]
    found = filled(vectors).nearest(query, count)
    cosines = vectors @ query
    assert [near.id for near in found] == np.argsort(-cosines)[:count].tolist()
    assert [near.cosine for near in found] == pytest.approx(sorted(cosines, reverse=True)[:count], abs=1e-5)


def test_a_vector_of_another_length_finds_nothing() -> None:
    assert filled(directions(9)).nearest(directions(1, 64)[0], 5) == []
    assert filled(directions(9)).nearest(directions(9)[0], 0) == []


def test_a_cosine_is_never_above_one() -> None:
    vector = np.full((1, 48), 1 / np.sqrt(48), np.float32) * np.float32(1.001)
    assert filled(vector).nearest(vector[0], 1)[0].cosine == 1.0


@pytest.mark.parametrize("width", [48, 64, 100, 384])
def test_the_large_form_finds_what_the_small_one_finds(width: int, coded: None) -> None:
    vectors = directions(1000, width)
    large = filled(vectors)
    for number in range(0, 1000, 50):
        query = vectors[number] + 0.3 * directions(1, width, seed=number + 5)[0]
        query /= np.linalg.norm(query)
        near = large.nearest(query, 3)
        assert near[0].id == number
        assert near[0].cosine == pytest.approx(float(vectors[number] @ query), abs=1e-3)


def test_an_index_that_grows_large_keeps_its_rows() -> None:
    vectors = directions(SMALL + 300)
    grown = Index(48)
    for start in range(0, len(vectors), 500):
        grown.add(np.arange(start, min(start + 500, len(vectors))), vectors[start : start + 500])
    assert len(grown) == len(vectors)
    for number in (0, 1, SMALL - 1, SMALL, len(vectors) - 1):
        assert grown.nearest(vectors[number], 1)[0].id == number


def test_equal_vectors_are_all_kept(coded: None) -> None:
    same = np.repeat(directions(1), 1000, axis=0)
    found = filled(same).nearest(same[0], RESCORED // 2)
    assert len({near.id for near in found}) == RESCORED // 2


def test_many_wanted_are_many_found(coded: None) -> None:
    vectors = directions(1000)
    assert len(filled(vectors).nearest(vectors[0], 900)) == 900


def test_memory_is_given_back() -> None:
    grown = filled(directions(1000))
    most = grown.size
    grown.remove(range(990))
    assert len(grown) == 10
    assert grown.size < most / 20
    assert grown.size >= 10 * (4 * 48 + 8)


def test_what_an_entry_takes() -> None:
    """The figures that the documentation gives."""
    small, large = filled(directions(4096, 384)), filled(directions(SMALL + 1, 384))
    assert small.size == 4096 * 1544
    assert large.size == (SMALL + 1) * 824
    assert filled(directions(3, 384)).size < 13_000  # thousands of tiny partitions are cheap


def test_a_block_goes_with_its_last_row(coded: None) -> None:
    grown = filled(directions(130))
    grown.remove(range(128))
    assert sorted(near.id for near in grown.nearest(directions(1)[0], 9)) == [128, 129]
    grown.remove([128, 129])
    assert len(grown) == 0
    grown.add(np.array([7]), directions(1))
    assert [near.id for near in grown.nearest(directions(1)[0], 9)] == [7]


def test_blocks_are_whole_words() -> None:
    assert BLOCK % 64 == 0


STEPS = st.lists(st.tuples(st.booleans(), st.integers(1, 90)), max_size=12)


@pytest.mark.parametrize("form", ["small", "large"])
@given(steps=STEPS)
def test_any_order_of_adding_and_removing(form: str, steps: list[tuple[bool, int]]) -> None:
    """`True` adds so many, `False` removes so many, among them some that never were."""
    with pytest.MonkeyPatch.context() as patch:
        if form == "large":
            patch.setattr(index, "SMALL", 0)
            patch.setattr(index, "BLOCK", 64)
        subject, model, next_id = Index(48), dict[int, Floats](), 0
        for seed, (adds, count) in enumerate(steps):
            if adds:
                made = directions(count, seed=seed)
                subject.add(np.arange(next_id, next_id + count), made)
                model |= {next_id + place: vector for place, vector in enumerate(made)}
                next_id += count
            else:
                gone = [*list(model)[seed % 3 :: 3][:count], next_id + 5]
                subject.remove(gone)
                model = {number: vector for number, vector in model.items() if number not in gone}
            assert len(subject) == len(model)
            query = directions(1, seed=100 + seed)[0]
            wanted = best(model, query, 1 if form == "large" else 5)
            assert [near.id for near in subject.nearest(query, 5)][: len(wanted)] == wanted or form == "large"
            for number in list(model)[:3]:
                assert subject.nearest(model[number], 1)[0].id == number
