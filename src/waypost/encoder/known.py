"""Texts that guards had read to the end before: of a conversation, only new turns are even tokenised."""

from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Final

from waypost.encoder.memo import Memo
from waypost.signals.base import Scan

_OVERHEAD: Final = 700
_SPAN: Final = 200
"""Bytes of an entry, and of each span in it."""


@dataclass(frozen=True, slots=True)
class Known:
    """A text that was read to its end, without the text.

    Attributes:
        tokens: read for it, special and overlapping ones included.
        length: characters of the normalised text.
    """

    scan: Scan
    tokens: int
    length: int


class KnownTexts:
    """What is known, by digest of the text as sent; bounded, safe to use from several threads."""

    def __init__(self, sha256: str, limit: int) -> None:
        """`sha256` of the model in hex, `limit` in bytes."""
        self._salt = bytes.fromhex(sha256)
        self._memo = Memo[Known](limit)
        self._lock = Lock()

    def get(self, text: str) -> Known | None:
        """None = it has to be read."""
        key = self._key(text)
        with self._lock:
            return self._memo.get(key)

    def put(self, text: str, known: Known) -> None:
        """Remember a text that was read to its end."""
        key, size = self._key(text), _OVERHEAD + _SPAN * len(known.scan.spans)
        with self._lock:
            self._memo.put(key, known, size)

    def _key(self, text: str) -> bytes:
        return blake2b(text.encode(errors="surrogatepass"), digest_size=16, key=self._salt).digest()
