"""Which stretches of a text are read in one pass. Pure: token numbers in, token numbers out.

A stretch is (first token, token behind the last); special tokens are not counted.
"""

import numpy as np

from waypost.encoder.tokenise import Ints

Stretch = tuple[int, int]


def sliding(words: Ints, body: int, stride: int) -> list[Stretch]:
    """Windows of at most `body` tokens that together hold every token; each begins where a word begins.

    They depend on what stands before them in the same text only, so a text that grows keeps its windows.
    """
    count, start, found = len(words), 0, list[Stretch]()
    while start < count:
        end = min(start + body, count)
        found.append((start, end))
        if end == count:
            break
        following = _word_start(words, start + stride)
        # A single word of more than `stride` tokens has no start to go back to.
        start = following if following > start else start + stride
    return found


def head_and_tail(words: Ints, body: int, head: int) -> tuple[Stretch, ...]:
    """What a long text is about, in one window: its first `head` tokens and as many of the last as fit."""
    count = len(words)
    if count <= body:
        return ((0, count),)
    split = _word_start(words, head) or head
    tail = count - (body - split)
    while tail < count and words[tail] == words[tail - 1]:
        tail += 1
    return ((0, split), (tail, count))


def opening(words: Ints, body: int) -> tuple[Stretch, ...]:
    """The first window, cut where it is full: what published embeddings of long texts are made from."""
    return ((0, min(len(words), body)),)


def _word_start(words: Ints, place: int) -> int:
    """The first token of the word that the token at `place` belongs to."""
    return int(np.searchsorted(words, int(words[place])))
