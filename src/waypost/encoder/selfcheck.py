"""Whether the model computes what its authors saw, and how fast it is here; for `waypost doctor`.

Weights and activations are rounded to eight bits, and processors round differently; a graph that a
runtime optimises wrongly shows here, before it shows in decisions.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np

from waypost.encoder.engine import Encoder
from waypost.encoder.manifest import Check, Heads
from waypost.encoder.reader import Network, Reading
from waypost.encoder.tokenise import LOWER

TOLERANCE: Final = 0.1
"""Most that probabilities may differ from the stored ones: the largest of each text, on average."""

LENGTHS: Final = (32, 128)
_RUNS: Final = 15
_WORD: Final = 2000
"""Any token but a special one; what is read does not change how long it takes."""


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """What was found.

    Attributes:
        texts: how many stored texts were compared; 0 = the artefact brings none.
        worst: largest difference of a probability between the stored 32-bit result and the one computed here.
        mean: of the largest difference in each text.
        moved: texts whose most probable domain or intent is another than stored.
        milliseconds: CPU time of one bare pass by number of tokens; lower quartile.
        provider: what the model runs on, by onnxruntime's name.
    """

    texts: int
    worst: float
    mean: float
    moved: int
    milliseconds: Mapping[int, float]
    provider: str

    @property
    def passed(self) -> bool:
        """Whether the model computes here what it should."""
        return self.mean <= TOLERANCE


def check(encoder: Encoder) -> SelfCheck:
    """Compare and time; takes about a second.

    Raises:
        EngineError: the network failed.
    """
    checks = encoder.artefact.checks
    found = [_compare(each, encoder.read(each.text), encoder.artefact.heads) for each in checks]
    differences = [difference for difference, _ in found] or [0.0]
    return SelfCheck(
        len(checks),
        max(differences),
        fmean(differences),
        sum(moved for _, moved in found),
        {length: _milliseconds(encoder.network, length) for length in LENGTHS},
        encoder.network.provider,
    )


def _compare(stored: Check, reading: Reading, heads: Heads) -> tuple[float, bool]:
    """Largest difference of a probability, and whether a most probable label is another."""
    worst, moved = abs(stored.difficulty - reading.difficulty), False
    benign, attack = stored.jailbreak
    now, then = heads.jailbreak.attack([reading.margin]), heads.jailbreak.attack([attack - benign])
    worst = max(worst, abs(now - then))
    for head, logits, before in (
        (heads.domain, reading.domain, stored.domain),
        (heads.intent, reading.intent, stored.intent),
    ):
        now, then = head.probabilities(logits), head.probabilities(np.array(before, np.float32))
        worst = max(worst, *(abs(now[label] - then[label]) for label in head.labels))
        moved = moved or max(now, key=now.__getitem__) != max(then, key=then.__getitem__)
    return worst, moved


def _milliseconds(network: Network, length: int) -> float:
    ids = np.full(length, _WORD, np.int64)
    shapes = np.full(length, LOWER, np.int64)
    times: list[float] = []
    for _ in range(_RUNS + 1):
        begin = time.thread_time()
        network.run(ids, shapes)
        times.append(time.thread_time() - begin)
    return sorted(times[1:])[_RUNS // 4] * 1000
