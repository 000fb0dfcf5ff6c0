"""The answer to a question from the windows that were read for it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from waypost.encoder.heads import Floats
from waypost.encoder.known import Known
from waypost.encoder.manifest import Heads
from waypost.encoder.plan import Piece, Plan, Scanned
from waypost.encoder.reader import Done
from waypost.encoder.tags import settle
from waypost.needs import Encode, Failed
from waypost.signals.base import Encoded, Examples, Likeness, Scan, Span, Window

WIDTH: Final = 384
"""Length of an embedding of the artefact."""

LATE: Final = "not read before the deadline"

Reads = Mapping[bytes, Done]
"""What was read, by key of the window."""


def conclude(
    need: Encode, plan: Plan, reads: Reads, prepared: Mapping[Examples, Floats], heads: Heads
) -> Encoded | Failed:
    """Put together what is known; without the focus, or without a single window, there is no answer.

    `prepared` holds the embeddings of examples read beforehand, a row for each.
    """
    if any(piece.input.key not in reads for piece in plan.about()):
        return Failed(LATE)
    scans = {text: _scan(scanned, reads, heads) for text, scanned in plan.scans.items()}
    coverage = min((scan.coverage for scan in scans.values()), default=1.0)
    if scans and not reads and not any(scan.coverage for scan in scans.values()):
        return Failed(LATE)
    return Encoded(
        _probabilities(need, plan, reads, heads),
        coverage,
        scans,
        _likenesses(need, plan, reads, prepared, heads),
        tuple(_shown(plan, reads)),
    )


def _probabilities(need: Encode, plan: Plan, reads: Reads, heads: Heads) -> dict[str, Mapping[str, float]]:
    if plan.focus is None:
        return {}
    reading = reads[plan.focus.input.key].reading
    # A model of somebody else's has nothing to say for the heads it is not asked.
    heads_of: dict[str, Callable[[], Mapping[str, float]]] = {
        "domain": lambda: heads.domain.probabilities(reading.domain),
        "intent": lambda: heads.intent.probabilities(reading.intent),
        "complexity": lambda: {"hard": heads.complexity.hard(reading.difficulty)},
    }
    return {name: answer() for name, answer in heads_of.items() if name in need.heads}


def _likenesses(
    need: Encode, plan: Plan, reads: Reads, prepared: Mapping[Examples, Floats], heads: Heads
) -> dict[Examples, Likeness]:
    if plan.gist is None or plan.gist.input.key not in reads:
        return {}
    embedding = reads[plan.gist.input.key].reading.embedding
    likenesses: dict[Examples, Likeness] = {}
    for examples in (*need.examples, *need.wished):
        pieces = plan.samples.get(examples)
        if any(piece.input.key not in reads for piece in pieces or ()):
            continue  # wished for, and there was no time
        near = prepared[examples] if pieces is None else stacked(pieces, reads)
        likenesses[examples] = heads.likeness.likeness(embedding, near)
    return likenesses


def stacked(pieces: Sequence[Piece], reads: Reads) -> Floats:
    """Embeddings of these windows, one row each; all of one model, so of one length."""
    return np.array([reads[piece.input.key].reading.embedding for piece in pieces], np.float32)


def _scan(scanned: Scanned | Known | None, reads: Reads, heads: Heads) -> Scan:
    if scanned is None:
        return Scan(coverage=0.0)
    if isinstance(scanned, Known):
        return scanned.scan
    text, tokens = scanned.text, scanned.text.tokens
    read = [(piece, reads[piece.input.key].reading) for piece in scanned.pieces if piece.input.key in reads]
    tags = settle([(piece.stretches[0], reading.tags) for piece, reading in read], len(tokens))
    spans = tuple(
        Span(found.type, *text.folded.original(found.start, found.end), found.score)
        for found in heads.pii.named(tags, text.folded.text, tokens.starts, tokens.ends)
    )
    share = text.share
    if len(read) < len(scanned.pieces):
        seen = np.zeros(len(tokens), np.bool_)
        for piece, _ in read:
            seen[slice(*piece.stretches[0])] = True
        share *= float(seen.mean())
    return Scan(heads.jailbreak.attack([reading.margin for _, reading in read]), spans, share)


def _shown(plan: Plan, reads: Reads) -> Iterator[Window]:
    """Every window that was read, one with two purposes at its cost only once; a known text is one window."""
    told: set[bytes] = set()

    def shown(pieces: Iterable[Piece]) -> Iterator[Window]:
        for piece in pieces:
            done = reads.get(piece.input.key)
            if done is not None:
                again = piece.input.key in told
                yield piece.shown(Done(done.reading, 0.0, remembered=True) if again else done)
                told.add(piece.input.key)

    yield from shown(plan.about())
    yield from shown(plan.beside())
    for number, scanned in enumerate(plan.scans.values(), 1):
        if isinstance(scanned, Known):
            yield Window(f"scan {number}", 0, scanned.length, scanned.tokens, 0.0, remembered=True)
        elif scanned:
            yield from shown(scanned.pieces)
