from collections import Counter
from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest

from tests.unit.train.fakes import features, mixed, row
from waypost.train.batches import Place, stream
from waypost.train.recipe import Recipe, Task

RECIPE = Recipe(tokens=256)
LENGTHS = (6, 9, 20)


def drawn(task: Task, recipe: Recipe = RECIPE, batches: int = 40, **sets: object) -> list[Sequence[Place]]:
    given = sets or {"all": features(mixed(), LENGTHS)}
    return list(islice(stream(task, given, recipe), batches))  # type: ignore[arg-type]


def texts(batches: list[Sequence[Place]]) -> list[list[str]]:
    return [[place.item.row.text for place in batch] for batch in batches]


@pytest.mark.parametrize("task", ["topic", "guard", "personal"])
def test_a_seed_draws_the_same_batches_and_another_seed_others(task: Task) -> None:
    assert texts(drawn(task)) == texts(drawn(task))
    assert texts(drawn(task)) != texts(drawn(task, Recipe(tokens=256, seed=2)))


def test_kinds_of_batches_do_not_draw_alike() -> None:
    both = [row(f"text {n}", domain="math", attack=False) for n in range(30)]
    topic, guard = (texts(drawn(task, all=features(both))) for task in ("topic", "guard"))
    assert topic != guard


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("topic", {"fake", "poems"}),
        ("guard", {"fake", "attacks"}),
        ("personal", {"people"}),
    ],
)
def test_a_batch_holds_only_what_can_train_it(task: Task, wanted: set[str]) -> None:
    assert {place.item.row.source for batch in drawn(task) for place in batch} == wanted


@pytest.mark.parametrize("task", ["topic", "guard", "personal"])
def test_a_batch_is_not_larger_than_asked_once_it_is_padded(task: Task) -> None:
    for batch in drawn(task):
        assert len(batch) * max(len(place.item.ids) for place in batch) <= RECIPE.tokens


def test_a_window_larger_than_a_batch_is_drawn_alone() -> None:
    batches = drawn("topic", all=features([row(domain="law")], (300,)))
    assert {len(batch) for batch in batches} == {1}


def test_what_cannot_be_trained_is_an_error() -> None:
    with pytest.raises(ValueError, match="personal"):
        drawn("personal", all=features([row(attack=True)]))


def counted(batches: list[Sequence[Place]], source: str) -> float:
    found = Counter(place.item.row.source for batch in batches for place in batch)
    return found[source] / found.total()


def test_a_large_source_counts_by_the_root_of_its_size() -> None:
    rows = [row(f"a {n}", "large", domain="law") for n in range(400)]
    rows += [row(f"b {n}", "small", domain="law") for n in range(25)]
    # 400 ** .5 = 20 against 25 ** .5 = 5
    assert counted(drawn("topic", batches=200, all=features(rows)), "large") == pytest.approx(0.8, abs=0.03)


def test_a_row_counts_by_its_weight() -> None:
    rows = [row(f"a {n}", "heavy", domain="law", weight=3) for n in range(25)]
    rows += [row(f"b {n}", "light", domain="law") for n in range(25)]
    assert counted(drawn("topic", batches=200, all=features(rows)), "heavy") == pytest.approx(0.75, abs=0.03)


def test_length_does_not_tell_attacks_from_harmless_texts() -> None:
    long = features([row(f"a {n}", "long", attack=True) for n in range(50)], (8, 8, 8, 8, 40))
    short = features([row(f"b {n}", "short", attack=False) for n in range(50)], (40, 8))
    batches = drawn("guard", batches=400, long=long, short=short)
    lengths = {
        attack: [len(p.item.ids) for batch in batches for p in batch if bool(p.item.row.attack) == attack]
        for attack in (True, False)
    }
    assert np.mean(lengths[True]) == pytest.approx(np.mean(lengths[False]), rel=0.06)
    share = len(lengths[True]) / (len(lengths[True]) + len(lengths[False]))
    assert share == pytest.approx(RECIPE.attacks, abs=0.03)


def test_half_of_the_documents_have_no_personal_data() -> None:
    batches = drawn("personal", batches=200)
    clean = [not place.item.row.personal for batch in batches for place in batch]
    assert np.mean(clean) == pytest.approx(RECIPE.clean, abs=0.04)
