"""Which windows make a batch. Drawing is all that happens here, so that a seed can be held against it.

Topic, guard and PII batches take turns. Every source counts by the root of its size: large exams must
not drown small sets of natural text.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from waypost.train.features import Features, Item
from waypost.train.recipe import Recipe, Task

_POOL: Final = 16
_LONG: Final = 64
"""Windows of a batch, on average: so many times `_POOL` are drawn, sorted and cut at once."""


@dataclass(frozen=True, slots=True)
class Place:
    """One window and where its states lie."""

    item: Item
    states: NDArray[np.float16]


def stream(task: Task, sets: Mapping[str, Features], recipe: Recipe) -> Iterator[Sequence[Place]]:
    """Batches of one kind without end; draws many, sorts them by length, and cuts where a batch is full.

    Raises:
        ValueError: no row can train it.
    """
    rng = np.random.default_rng([recipe.seed, len(task), *task.encode()])
    places = [Place(i, f.states) for f in sets.values() for i in f.items if _belongs(i, task)]
    if not places:
        raise ValueError(f"no row can train {task!r}")
    weights = _WEIGHTS[task](places, recipe)
    weights /= weights.sum()
    while True:
        drawn = rng.choice(len(places), max(1, _POOL * recipe.tokens // _LONG), p=weights)
        chosen = sorted((places[int(n)] for n in drawn), key=lambda place: len(place.item.ids))
        batches: list[list[Place]] = [[]]
        for place in chosen:
            if batches[-1] and (len(batches[-1]) + 1) * len(place.item.ids) > recipe.tokens:
                batches.append([])
            batches[-1].append(place)
        for number in rng.permutation(len(batches)):
            yield batches[int(number)]


def _belongs(item: Item, task: Task) -> bool:
    row = item.row
    match task:
        case "topic":
            return row.domain is not None or row.intent is not None or row.difficulty is not None
        case "guard":
            return row.attack is not None
        case "personal":
            return len(item.tags) > 0


def _topic_weights(places: Sequence[Place], _: Recipe) -> NDArray[np.float64]:
    sizes = Counter(place.item.row.source for place in places)
    return np.asarray([p.item.row.weight * sizes[p.item.row.source] ** -0.5 for p in places])


def _guard_weights(places: Sequence[Place], recipe: Recipe) -> NDArray[np.float64]:
    """Attacks and benign texts alike in length, so that length tells nothing."""
    bins = np.asarray([int(2 * np.log2(len(place.item.ids))) for place in places])
    attack = np.asarray([bool(place.item.row.attack) for place in places])
    base = _topic_weights(places, recipe)
    aim = np.asarray([base[bins == b].sum() for b in range(bins.max() + 1)]) / base.sum()
    weights = np.zeros(len(places))
    for is_attack, share in ((True, recipe.attacks), (False, 1 - recipe.attacks)):
        for number, mass in enumerate(aim):
            here = (attack == is_attack) & (bins == number)
            if here.any():
                weights[here] = base[here] / base[here].sum() * mass * share
    return weights


def _personal_weights(places: Sequence[Place], recipe: Recipe) -> NDArray[np.float64]:
    clean = np.asarray([not place.item.row.personal for place in places])
    base = _topic_weights(places, recipe)
    for is_clean, share in ((True, recipe.clean), (False, 1 - recipe.clean)):
        here = clean == is_clean
        if here.any():
            base[here] *= share / base[here].sum()
    return base


_WEIGHTS: Final[Mapping[Task, Callable[[Sequence[Place], Recipe], NDArray[np.float64]]]] = {
    "topic": _topic_weights,
    "guard": _guard_weights,
    "personal": _personal_weights,
}
