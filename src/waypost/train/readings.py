"""What a network says of rows that were held back, before anything is calibrated.

Windows are cut as the engine cuts them, and read one by one, as in service: in eight bits a neighbour in
a batch would change what is said of a text.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from waypost.encoder.cpus import usable_cpus
from waypost.encoder.onnx import Outputs
from waypost.encoder.reader import Network
from waypost.encoder.tags import Found, Tagger, settle
from waypost.encoder.tokenise import Tokeniser, Tokens
from waypost.encoder.windows import Stretch, head_and_tail, sliding
from waypost.train.progress import Progress
from waypost.train.rows import Row

WINDOW: Final = 256
STRIDE: Final = 192
"""Tokens; the manifest says so, and the engine keeps to it."""

_BODY: Final = WINDOW - 2

Floats = NDArray[np.float64]


class Tagged(NamedTuple):
    """Tag logits of one window, special tokens left out."""

    stretch: Stretch
    logits: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One row, read.

    Attributes:
        domain: logits of the head-and-tail window.
        intent: likewise.
        difficulty: probability.
        jailbreak: logits of each window, [windows, 2]; benign, attack.
        tags: of each window; empty where personal data is not annotated.
    """

    row: Row
    domain: Floats
    intent: Floats
    difficulty: float
    jailbreak: Floats
    tokens: Tokens
    tags: tuple[Tagged, ...]

    @property
    def margins(self) -> list[float]:
        """Attack less benign, by window."""
        return (self.jailbreak[:, 1] - self.jailbreak[:, 0]).tolist()

    def found(self, tagger: Tagger) -> tuple[Found, ...]:
        """Personal data in characters of the row's text."""
        words, tokens = self.tokens.words, self.tokens
        windows = [(w.stretch, tagger.decode(w.logits, words[slice(*w.stretch)])) for w in self.tags]
        return tagger.named(settle(windows, len(tokens)), self.row.text, tokens.starts, tokens.ends)


def read_rows(
    network: Network, tokeniser: Tokeniser, rows: Sequence[Row], progress: Progress
) -> list[Reading]:
    """Readings in the order of the rows, several read at the same time.

    Raises:
        EngineError: the network failed.
    """
    readings: list[Reading] = []
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for reading in pool.map(partial(_read, network, tokeniser), rows):
            readings.append(reading)
            progress.step(len(readings), len(rows))
    return readings


def _read(network: Network, tokeniser: Tokeniser, row: Row) -> Reading:
    tokens = tokeniser.read(row.text)
    done: dict[tuple[Stretch, ...], Outputs] = {}

    def run(stretches: tuple[Stretch, ...]) -> Outputs:
        if stretches not in done:
            ids, shapes = (
                np.concatenate([part[slice(*stretch)] for stretch in stretches])
                for part in (tokens.ids, tokens.shapes)
            )
            done[stretches] = network.run(*tokeniser.framed(ids, shapes))
        return done[stretches]

    focus = run(head_and_tail(tokens.words, _BODY, STRIDE))
    scanned = row.attack is not None or row.personal is not None
    windows = list(_scanned(tokens)) if scanned else [((0, len(tokens)),)]
    outputs = [run(window) if scanned else focus for window in windows]
    tags = [Tagged(window[0], out.tags[1:-1].copy()) for window, out in zip(windows, outputs, strict=True)]
    return Reading(
        row,
        focus.domain.astype(np.float64),
        focus.intent.astype(np.float64),
        float(focus.difficulty[0]),
        np.array([out.jailbreak for out in outputs], np.float64).reshape(-1, 2),
        tokens,
        tuple(tags) if row.personal is not None else (),
    )


def _scanned(tokens: Tokens) -> Iterator[tuple[Stretch, ...]]:
    for stretch in sliding(tokens.words, _BODY, STRIDE):
        yield (stretch,)
