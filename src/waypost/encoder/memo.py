"""Results kept for windows that come again: bounded by bytes, the longest unused goes first."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Memo(Generic[V]):
    """A mapping that forgets; not for use by several threads without a lock.

    Attributes:
        size: bytes in use, as told by those who put values in.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._kept: OrderedDict[bytes, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes) -> V | None:
        """The value, which counts as used now; None = not kept."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: bytes, value: V, size: int) -> None:
        """Keep a value that takes `size` bytes, unless it alone is over the limit."""
        if key in self._kept:
            self.size -= self._kept.pop(key)[1]
        if size > self._limit:
            return
        self._kept[key] = value, size
        self.size += size
        while self.size > self._limit:
            _, (_, freed) = self._kept.popitem(last=False)
            self.size -= freed
