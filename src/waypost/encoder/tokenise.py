"""Text to token ids, word shapes and places: what the network is fed, and the way back to characters."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import FixedLength, Sequence

from waypost.errors import EngineError

Ints = NDArray[np.int64]

LONGEST_WORD: Final = 100
"""Characters; the vocabulary gives up on longer words, so they are cut and each part is read as a word."""

SPECIAL, DIGITS, LOWER, UPPER, CAPITAL, TITLE, LETTERS, WITH_DIGIT, OTHER = range(9)
"""Word shapes, as the network was trained with: they give back what a vocabulary without case loses."""


def shape(word: str) -> int:
    """The shape of one word, by the table the network was trained with; `SPECIAL` is for no word at all."""
    if not word.isalpha():
        if word.isdigit():
            return DIGITS
        return WITH_DIGIT if any(map(str.isdigit, word)) else OTHER
    if word.islower():
        return LOWER
    if word.isupper():
        return UPPER if len(word) > 1 else CAPITAL
    return TITLE if word[0].isupper() and word[1:].islower() else LETTERS


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A tokenised text without special tokens; all arrays have one entry per token.

    Attributes:
        shapes: of the word each token belongs to.
        words: number of the word each token belongs to; a new number is a new word.
        starts: character offset of the token's first character.
        ends: character offset behind its last.
    """

    ids: Ints
    shapes: Ints
    words: Ints
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.ids)


def edges(words: Ints) -> tuple[Ints, Ints]:
    """The first token of each word, and the token behind its last."""
    if not len(words):
        return words, words
    inner = np.flatnonzero(words[1:] != words[:-1]) + 1
    return np.append(0, inner), np.append(inner, len(words))


class Tokeniser:
    """The vocabulary of an artefact; safe to use from several threads."""

    def __init__(self, data: bytes) -> None:
        """Read the content of a `tokenizer.json`.

        Raises:
            EngineError: it lacks BERT's special tokens.
            Exception: it is no such file; the package has no narrower class.
        """
        self._tokenizer = tokenizer = Tokenizer.from_str(data.decode())
        # The published file cuts and pads, which is for batches of short sentences.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        # "[SEP]" in a message is a word like any other, not the end of a text.
        tokenizer.encode_special_tokens = True
        if tokenizer.pre_tokenizer is not None:
            tokenizer.pre_tokenizer = Sequence([tokenizer.pre_tokenizer, FixedLength(LONGEST_WORD)])
        first, last = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
        if first is None or last is None:
            raise EngineError("the tokenizer has no [CLS] or no [SEP]")
        self._first, self._last = first, last

    def read(self, text: str) -> Tokens:
        """Tokenise a text without lone surrogates."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        # Each of these properties builds a new list whenever it is asked for.
        ids = np.array(encoding.ids, np.int64)
        words = np.array(encoding.word_ids, np.int64)
        places = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        starts, ends = places[:, 0], places[:, 1]
        first, behind = edges(words)
        spans = zip(starts[first].tolist(), ends[behind - 1].tolist(), strict=True)
        of_words = np.array([shape(text[start:end]) for start, end in spans], np.int64)
        return Tokens(ids, np.repeat(of_words, behind - first), words, starts, ends)

    def framed(self, ids: Ints, shapes: Ints) -> tuple[Ints, Ints]:
        """One pass of the network: ids and shapes between the special tokens."""
        framed = np.empty(len(ids) + 2, np.int64)
        framed[0], framed[1:-1], framed[-1] = self._first, ids, self._last
        shaped = np.zeros(len(ids) + 2, np.int64)
        shaped[1:-1] = shapes
        return framed, shaped
