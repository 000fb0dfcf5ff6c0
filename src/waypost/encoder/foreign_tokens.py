"""Text to tokens for somebody else's checkpoint: any vocabulary that `tokenizer.json` can hold."""

from typing import Final
from unicodedata import category

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import FixedLength, Sequence

from waypost.encoder.tokenise import LONGEST_WORD, Ints, Tokens
from waypost.errors import EngineError

_FRAME: Final = 2
"""Special tokens around a window that the engine reckons with."""

_UNSPACED: Final = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0xA4CF), (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)  # fmt: skip
"""Scripts without spaces between words: Thai, Lao, Burmese, Khmer, Chinese, Japanese and their neighbours."""


class ForeignTokeniser:
    """A vocabulary of any kind; safe to use from several threads.

    Words are told by their characters, not by the vocabulary's own idea of them: that of some is a whole
    line. So a word is the same for every tagger, whatever pieces it is made of.

    Attributes:
        size: ids go from 0 to one less.
        before: ids that open a window.
        after: ids that close it.
    """

    def __init__(self, data: bytes) -> None:
        """Read the content of a `tokenizer.json`.

        Raises:
            EngineError: it frames a text in a way that is not understood.
            Exception: it is no such file; the package has no narrower class.
        """
        self._tokenizer = tokenizer = Tokenizer.from_str(data.decode())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        # "</s>" in a message is a word like any other, not the end of a text.
        tokenizer.encode_special_tokens = True
        if isinstance(tokenizer.model, WordPiece) and tokenizer.pre_tokenizer is not None:
            # Such a vocabulary reads a longer word as "unknown", and whatever is hidden in it is not seen.
            tokenizer.pre_tokenizer = Sequence([tokenizer.pre_tokenizer, FixedLength(LONGEST_WORD)])
        self.size = tokenizer.get_vocab_size()
        self.before, self.after = _frame(tokenizer)

    def read(self, text: str) -> Tokens:
        """Tokenise a text without lone surrogates; `shapes` are 1 where a word begins."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.array(encoding.ids, np.int64)
        places = [_trimmed(text, start, end) for start, end in encoding.offsets]
        begins = np.ones(len(ids), np.int64)
        for number in range(1, len(places)):
            (before, behind), (start, end) = places[number - 1 : number + 1]
            # Several tokens may share a character that takes several bytes.
            shared = start < behind
            joined = start == behind and start < end and before < behind
            if shared or (joined and _is_letter(text[behind - 1]) and _is_letter(text[start])):
                begins[number] = 0
        starts, ends = np.array(places, np.int64).reshape(-1, 2).T
        return Tokens(ids, begins, np.cumsum(begins), starts, ends)

    def framed(self, ids: Ints, shapes: Ints) -> tuple[Ints, Ints]:
        """One pass of the network: ids between the special tokens; the network is given no shapes."""
        framed = np.concatenate((self.before, ids, self.after))
        return framed, np.zeros_like(framed)


def _frame(tokenizer: Tokenizer) -> tuple[Ints, Ints]:
    encoding = tokenizer.encode("a")
    is_special = np.array(encoding.special_tokens_mask, np.bool_)
    ids = np.array(encoding.ids, np.int64)
    inner = np.flatnonzero(~is_special)
    if not len(inner) or is_special[inner[0] : inner[-1]].any() or is_special.sum() > _FRAME:
        raise EngineError("the tokenizer frames a text with more than one token on each side")
    return ids[: inner[0]], ids[inner[-1] + 1 :]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the white space that many vocabularies take into the token behind it."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _is_letter(char: str) -> bool:
    """Whether it joins with such a one beside it to a word."""
    if char.isascii():
        return char.isalnum()
    code = ord(char)
    is_unspaced = any(first <= code <= last for first, last in _UNSPACED)
    return not is_unspaced and (char.isalnum() or category(char).startswith("M"))
