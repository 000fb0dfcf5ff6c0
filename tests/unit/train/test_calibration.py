from dataclasses import replace

import numpy as np
import pytest

from tests.unit.train.fakes import reading, row
from waypost.train.calibration import calibrated, errors, plain, tunes
from waypost.train.readings import Reading
from waypost.train.recipe import Aims
from waypost.train.rows import DOMAINS, INTENTS

AIMS = Aims(hard=("traps",))


def topics(count: int = 200, right: float = 0.6) -> list[Reading]:
    """Very sure of itself, and right in so many cases."""
    found: list[Reading] = []
    for n in range(count):
        said = n % 3
        truth = said if n < right * count else (said + 1) % 3
        labels = {"domain": DOMAINS[truth], "intent": INTENTS[truth], "difficulty": 0.2 + 0.6 * (n % 2)}
        found.append(
            reading(row(f"topic {n}", **labels), said, said, sure=9.0, difficulty=0.4 + 0.2 * (n % 2))
        )
    return found


def guards() -> list[Reading]:
    rng = np.random.default_rng(3)
    return [
        *(reading(row(f"obey {n}", "bad", attack=True), margins=[rng.normal(3, 2)]) for n in range(200)),
        *(reading(row(f"ask {n}", "chat", attack=False), margins=[rng.normal(-4, 1)]) for n in range(200)),
        *(reading(row(f"trap {n}", "traps", attack=False), margins=[rng.normal(1, 1)]) for n in range(200)),
        *(reading(row(f"doc {n}", "docs", attack=False), margins=rng.normal(1, 1, 12)) for n in range(60)),
    ]


def test_confidence_becomes_what_it_should_be() -> None:
    readings = topics()
    heads = calibrated(readings, DOMAINS, AIMS)
    before, after = errors(readings, plain(DOMAINS)), errors(readings, heads)
    assert before["domain"] == pytest.approx(0.4, abs=0.03)
    assert after["domain"] < 0.03
    assert after["intent"] < 0.03
    assert heads.domain.temperature > 3
    assert heads.complexity.hard(0.6) == pytest.approx(0.8, abs=0.01)
    assert heads.complexity.hard(0.4) == pytest.approx(0.2, abs=0.01)


def test_hard_harmless_texts_decide_where_the_guard_speaks() -> None:
    readings = guards()
    heads = calibrated(readings, DOMAINS, AIMS)

    def alarms(source: str) -> float:
        found = [heads.jailbreak.attack(r.margins) >= 0.5 for r in readings if r.row.source == source]
        return float(np.mean(found))

    assert alarms("traps") == pytest.approx(AIMS.alarms, abs=0.005)
    assert alarms("docs") <= AIMS.long_alarms
    assert heads.jailbreak.length_penalty > 0
    assert alarms("bad") > 0.3
    easy = calibrated(readings, DOMAINS, replace(AIMS, hard=("chat",)))
    assert easy.jailbreak.bias > heads.jailbreak.bias


def test_without_known_traps_all_harmless_sources_count() -> None:
    heads = calibrated(guards(), DOMAINS, replace(AIMS, hard=("none",)))
    assert heads.jailbreak.bias < 0


def test_a_head_that_nothing_is_known_of_is_left_as_it_comes() -> None:
    heads = calibrated([reading(row("x", attack=True))], (*DOMAINS, "ours"), AIMS)
    assert heads.domain.labels[-1] == "ours"
    assert (heads.domain.temperature, heads.intent.temperature) == (1.0, 1.0)
    assert (heads.complexity.slope, heads.complexity.bias) == (1.0, 0.0)
    assert (heads.jailbreak.temperature, heads.jailbreak.bias) == (1.0, 0.0)
    assert (heads.likeness.slope, heads.likeness.middle) == (AIMS.slope, AIMS.middle)
    assert errors([reading(row("x"))], heads) == {}


def test_rows_are_dealt_half_and_half_and_groups_stay_together() -> None:
    halves = [tunes(reading(row(f"text {n}"))) for n in range(200)]
    assert 0.4 < np.mean(halves) < 0.6
    assert len({tunes(reading(row(f"text {n}", group="frame"))) for n in range(20)}) == 1
