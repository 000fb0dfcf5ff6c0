"""What is read into the network's outputs, from rows that were held back: the numbers of the manifest."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from waypost.encoder.heads import Choice, Difficulty, Guard
from waypost.encoder.likeness import Closeness
from waypost.encoder.manifest import Heads
from waypost.train.calibrate import (
    GuardScale,
    expected_error,
    guard_scale,
    length_penalty,
    line,
    temperature,
)
from waypost.train.readings import Floats, Reading
from waypost.train.recipe import Aims
from waypost.train.rows import INTENTS
from waypost.train.tagging import tuned
from waypost.train.texts import draw

_INSIDE: Final = 1e-6


def tunes(reading: Reading) -> bool:
    """Whether a row decides on numbers, or measures what they do: half and half, by its group or text."""
    grouped = reading.row.group and not reading.row.group.startswith("=")
    return draw("tunes:" + (reading.row.group if grouped else reading.row.text)) % 2 == 0


def calibrated(readings: Sequence[Reading], domains: Sequence[str], aims: Aims) -> Heads:
    """Heads whose probabilities fit these readings; a head nothing is known of is left as it comes."""
    scale = _guard(readings, aims)
    hard = [reading for reading in readings if reading.row.difficulty is not None]
    shares = np.array([reading.row.difficulty for reading in hard], np.float64)
    slope, bias = line(_logits(hard), shares) if hard else (1.0, 0.0)
    return Heads(
        Choice(tuple(domains), _temperature(readings, domains, _domain)),
        Choice(INTENTS, _temperature(readings, INTENTS, _intent)),
        Difficulty(round(slope, 4), round(bias, 4)),
        Guard(round(scale.temperature, 4), round(scale.bias, 4), scale.length_penalty),
        tuned([reading for reading in readings if reading.row.personal is not None], aims.clean),
        Closeness(aims.slope, aims.middle),
    )


def plain(domains: Sequence[str]) -> Heads:
    """Heads as they come, before calibration."""
    tagger = tuned([], 0.0)
    return Heads(Choice(tuple(domains)), Choice(INTENTS), Difficulty(), Guard(), tagger, Closeness())


def errors(readings: Sequence[Reading], heads: Heads) -> dict[str, float]:
    """Expected calibration error of each head that any of these readings has a label for."""
    found: dict[str, float] = {}
    for name, head, of in (("domain", heads.domain, _domain), ("intent", heads.intent, _intent)):
        said: list[float] = []
        right: list[bool] = []
        for reading in readings:
            label, logits = of(reading)
            if label in head.labels:
                chances = head.probabilities(logits.astype(np.float32))
                given = max(chances, key=chances.__getitem__)
                said.append(chances[given])
                right.append(given == label)
        if said:
            found[name] = expected_error(np.array(said), np.array(right))
    guarded = [reading for reading in readings if reading.row.attack is not None]
    if guarded:
        chances_ = np.array([heads.jailbreak.attack(reading.margins) for reading in guarded])
        found["jailbreak"] = expected_error(chances_, _attacks(guarded))
    return {name: round(error, 4) for name, error in found.items()}


def _domain(reading: Reading) -> tuple[str | None, Floats]:
    return reading.row.domain, reading.domain


def _intent(reading: Reading) -> tuple[str | None, Floats]:
    return reading.row.intent, reading.intent


def _temperature(
    readings: Sequence[Reading],
    labels: Sequence[str],
    of: Callable[[Reading], tuple[str | None, Floats]],
) -> float:
    known = [(labels.index(label), logits) for label, logits in map(of, readings) if label in labels]
    if not known:
        return 1.0
    numbers = np.array([number for number, _ in known], np.int64)
    return round(temperature(np.stack([logits for _, logits in known]), numbers), 4)


def _guard(readings: Sequence[Reading], aims: Aims) -> GuardScale:
    """From single windows; then the penalty from long harmless documents."""
    single = [r for r in readings if r.row.attack is not None and len(r.margins) == 1]
    benign = [r for r in single if not r.row.attack]
    if not benign or len(benign) == len(single):
        return GuardScale(1.0, 0.0, 0.0)
    hard = [r for r in benign if r.row.source in aims.hard] or benign
    margins, traps = (np.array([r.margins[0] for r in each]) for each in (single, hard))
    scale = guard_scale(margins, _attacks(single), traps, aims.alarms)
    long = [np.array(r.margins) for r in readings if r.row.attack is False and len(r.margins) > 1]
    return length_penalty(scale, long, aims.long_alarms)


def _attacks(readings: Sequence[Reading]) -> NDArray[np.bool_]:
    return np.array([bool(reading.row.attack) for reading in readings])


def _logits(readings: Sequence[Reading]) -> Floats:
    shares = np.array([reading.difficulty for reading in readings]).clip(_INSIDE, 1 - _INSIDE)
    return np.log(shares / (1 - shares))
