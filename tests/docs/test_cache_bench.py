"""What the cache's quality report works out from its pairs, and how it is told."""

import random
from pathlib import Path

import numpy as np
import pytest

from bench.quality.cache import EDITS, GRID, SAFE, Pair, Reader, chosen, half, page, reasons, row, served


def pair(cosine: float, refused: str | None = None, *, same: bool = True) -> Pair:
    return Pair(cosine, same, "kind", told=False, refused=refused, shared=True)


class Eye:
    """Reads a text as one of two directions."""

    def read(self, text: str) -> object:
        vector = np.array([1.0, 0.0] if "cat" in text else [0.0, 1.0])
        return type("Reading", (), {"embedding": vector})()


def test_a_reader_compares_vectors_and_words() -> None:
    read = Reader(Eye(), {})  # type: ignore[arg-type]
    near = read.pair("what do 2 cats eat?", "what do 3 cats eat?", same=False, kind="x", group="g")
    assert (near.cosine, near.refused, near.shared) == (1.0, "number", True)
    far = read.pair("what does my cat eat?", "what does my dog eat?", same=False, kind="x", group="g")
    assert (far.cosine, far.shared) == (0.0, False)
    assert near.told is half("g")


def test_groups_fall_on_either_half_and_stay_there() -> None:
    sides = [half(f"family {n}") for n in range(400)]
    assert 140 < sum(sides) < 260
    assert sides == [half(f"family {n}") for n in range(400)]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("negated", "Is it far?", "Is not it far?"),
        ("negated", "go home", None),
        ("direction turned", "fly from Rome to Oslo now", "fly from Oslo to Rome now"),
        ("direction turned", "from Rome to rome", None),
        ("a number changed", "no digits", None),
    ],
)
def test_edits(name: str, text: str, found: str | None) -> None:
    assert EDITS[name](text, random.Random(1)) == found


def test_a_changed_number_is_another_one_and_manners_change_nothing_else() -> None:
    for seed in range(20):
        changed = EDITS["a number changed"]("wait 1 day", random.Random(seed))
        assert changed not in {None, "wait 1 day"}
        polite = EDITS["a polite word added"]("wait", random.Random(seed))
        assert polite is not None
        assert "wait" in polite
    assert set(EDITS) > SAFE


def test_what_is_served_counts_cosine_and_verification() -> None:
    pairs = [pair(0.9), pair(0.9, "number", same=False), pair(0.95, same=False), pair(0.7)]
    assert len(served(pairs, 0.9, verified=False)) == 3
    told = row(pairs, 0.9, verified=True)
    assert told["same_served"]["value"] == 0.5
    assert told["different_served"]["value"] == 0.5
    assert told["wrong_among_served"]["value"] == 0.5
    assert reasons(pairs, 0.9) == {"number": [1, 0]}


def test_the_threshold_is_the_smallest_within_both_budgets() -> None:
    right = [pair(0.99) for _ in range(400)]
    assert chosen(right, []) == GRID[0]
    assert chosen([*right, *(pair(0.8, same=False) for _ in range(20))], []) == 0.81
    near = [pair(0.85, same=False)] * 2 + [pair(0.1, same=False)] * 98
    assert chosen(right, near) == 0.86
    assert chosen([pair(1.0, same=False)] * 9, []) == 1.0


def test_the_committed_page_names_what_made_it() -> None:
    text = Path("bench/quality/results/cache.md").read_text(encoding="utf-8")
    assert "bench/quality/cache.py" in text
    assert "cache_synth" in text


def test_a_page_is_told_from_the_figures_alone() -> None:
    empty = {"pairs": 0, "same": 0, "rows": [], "tuning": [], "kinds": {}, "refused": {"slot": [1, 2]}}
    empty |= {"shareable": {"value": None, "n": 0, "low": None, "high": None}}
    sets = dict.fromkeys(("cache_synth", "cache_paws", "cache_gptcache_mock"), empty)
    sets |= dict.fromkeys(("banking77", "clinc150", "hwu64", *EDITS), empty)
    model = {"name": "m", "version": "1", "sha256": "s", "calibration": "c"}
    cost = {"parse_us": 1.0, "compare_us": 2.0}
    lines = list(page({"model": model, "shipped": 0.9, "chosen": 0.8, "sets": sets, "cost": cost}))
    assert any("slot 1 / 2" in line for line in lines)
