"""Texts as the twin sees them: token ids, word shapes, tags, and the states of the frozen trunk.

The trunk never changes, so every text goes through it once and its states are kept on disk. They come
from the *quantised* trunk: what quantisation does to them is then learned away.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from waypost.encoder.tokenise import Tokeniser, Tokens
from waypost.train.progress import Progress
from waypost.train.rows import PII_TYPES, Personal, Row

WINDOW: Final = 256
_BODY: Final = WINDOW - 2
_HEAD: Final = 192
_GROUP: Final = 16
_CLS, _SEP = 101, 102
IGNORED: Final = -100


@dataclass(frozen=True, slots=True)
class Item:
    """One window of a row.

    Attributes:
        row: what it was cut from.
        ids: token ids with [CLS] and [SEP], int64.
        shapes: word shapes, 0 at special tokens, int64.
        tags: tag per token, `IGNORED` at special tokens; empty where personal data is not annotated.
        first: index of its first token in the states of its set.
    """

    row: Row
    ids: NDArray[np.int64]
    shapes: NDArray[np.int64]
    tags: NDArray[np.int64]
    first: int = 0


@dataclass(frozen=True, slots=True)
class Features:
    """Windows of one set and the trunk's states of all their tokens, [tokens, 384] float16."""

    items: Sequence[Item]
    states: NDArray[np.float16]


class Reader:
    """Tokenises as the engine does, and runs the trunk.

    Attributes:
        cache: folder for states; a set whose texts and trunk are unchanged is not read again.
    """

    def __init__(self, tokenizer: Path, trunk: Path, cache: Path) -> None:
        self._tokeniser = Tokeniser(tokenizer.read_bytes())
        options = onnxruntime.SessionOptions()
        self._options, self._trunk = options, trunk
        self._trunk_digest = hashlib.sha256(trunk.read_bytes()).digest()
        self.cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    def read(self, name: str, rows: Sequence[Row], progress: Progress) -> Features:
        """Features of one set, from the cache where they lie there."""
        items = [item for row in rows for item in self.windows(row)]
        content = hashlib.sha256(self._trunk_digest)
        for item in items:
            content.update(item.ids.tobytes())
        total = sum(len(item.ids) for item in items)
        if not total:
            return Features([], np.empty((0, 384), np.float16))
        path = self.cache / f"{name}-{content.hexdigest()[:16]}.npy"
        placed: list[Item] = []
        first = 0
        for item in items:
            placed.append(Item(item.row, item.ids, item.shapes, item.tags, first))
            first += len(item.ids)
        if not path.is_file():
            self._fill(path, placed, total, progress)
        return Features(placed, np.load(path, mmap_mode="r"))

    def _fill(self, path: Path, items: Sequence[Item], total: int, progress: Progress) -> None:
        """Run the trunk over groups of equal length, unpadded: padding would change the quantised result."""
        unfinished = path.with_suffix(".part")
        states = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float16, shape=(total, 384))
        session = onnxruntime.InferenceSession(
            str(self._trunk),
            self._options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],
        )
        by_length = sorted(items, key=lambda item: len(item.ids))
        done = 0
        while done < len(by_length):
            length = len(by_length[done].ids)
            group = [i for i in by_length[done : done + _GROUP] if len(i.ids) == length]
            ids = np.stack([item.ids for item in group])
            (found,) = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
            for item, state in zip(group, found, strict=True):
                states[item.first : item.first + length] = state
            done += len(group)
            progress.step(done, len(by_length))
        states.flush()
        del states
        unfinished.rename(path)

    def windows(self, row: Row) -> list[Item]:
        """The stretches of a row that its labels are true of, cut as the engine cuts them."""
        tokens = self._tokeniser.read(row.text)
        tags = _tags(tokens, row.personal) if row.personal is not None else None
        if len(tokens) <= _BODY:
            return [_item(row, tokens, tags, np.arange(len(tokens)))]
        items: list[Item] = []
        if row.domain or row.intent or row.difficulty is not None:
            # What is asked stands at either end, and the engine reads both.
            cut = np.concatenate((np.arange(_HEAD), np.arange(len(tokens) - _BODY + _HEAD, len(tokens))))
            items.append(_item(replace(row, attack=None, personal=None), tokens, None, cut))
        if row.attack is not None or tags is not None:
            scanned = replace(row, domain=None, intent=None, difficulty=None)
            cuts = (np.arange(start, start + _BODY) for start in _starts(row, len(tokens)))
            items += [_item(scanned, tokens, tags, cut) for cut in cuts]
        return items


def _item(row: Row, tokens: Tokens, tags: NDArray[np.int64] | None, cut: NDArray[np.intp]) -> Item:
    return Item(
        row,
        np.concatenate(([_CLS], tokens.ids[cut], [_SEP])),
        np.concatenate(([0], tokens.shapes[cut], [0])),
        np.empty(0, np.int64) if tags is None else np.concatenate(([IGNORED], tags[cut], [IGNORED])),
    )


def _starts(row: Row, length: int) -> list[int]:
    """Where windows begin. An attack may stand in one place only, so only windows sure to hold it count."""
    last = length - _BODY
    if row.attack:
        return {"start": [0], "end": [last], "middle": [], "indirect": []}.get(row.kind, [0])
    return sorted({0, last // 2, last})


def _tags(tokens: Tokens, spans: Sequence[Personal]) -> NDArray[np.int64]:
    tags = np.zeros(len(tokens), np.int64)
    for span in spans:
        begin = 1 + 2 * PII_TYPES.index(span.type)
        inside = np.flatnonzero((tokens.starts < span.end) & (tokens.ends > span.start))
        tags[inside] = np.where(tokens.starts[inside] <= span.start, begin, begin + 1)
    return tags
