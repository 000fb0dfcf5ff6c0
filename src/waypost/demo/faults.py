"""Faults on demand: a mark in the prompt says what is to go wrong, `[[fault 503]]`.

`docs/how-to/try-failures.md` lists them for users.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

_MARK: Final = re.compile(r"\[\[fault ([^\[\]]{1,80})\]\]")
_STATUS: Final = re.compile(r"[45]\d\d", re.ASCII)
_RETRY: Final = re.compile(r"retry-after=(\d{1,5})", re.ASCII)

INSTEAD: Final = frozenset({"context", "quota", "html", "hang", "reset"})
"""What comes instead of an answer."""

WITHIN: Final = frozenset({"error", "garbage", "early", "cut", "stall", "slow", "split", "gzip", "refusal"})
"""What happens to an answer."""

SLOW: Final = 25
"""How much longer a slow answer waits between two words."""

_SENT_AT_ONCE: Final = 100_000  # bytes of an answer that are not split into single ones

Ending = Literal["end", "cut", "stall"]


@dataclass(frozen=True, slots=True)
class Faults:
    """What is to go wrong with one answer.

    Attributes:
        words: of `INSTEAD` and `WITHIN`.
        status: of the error to answer with; 0 = none.
        retry_after: seconds to tell with it.
        unknown: a word that no fault has; empty = none.
    """

    words: frozenset[str] = frozenset()
    status: int = 0
    retry_after: int | None = None
    unknown: str = ""

    def has(self, word: str) -> bool:
        """Whether this one is asked for."""
        return word in self.words


NONE: Final = Faults()


@dataclass(frozen=True, slots=True)
class Course:
    """How an answer goes over the wire.

    Attributes:
        pieces: what is written, one after the other.
        ending: `cut` = the connection ends without the end of the body, `stall` = it stays open in silence.
        pause: how long to wait between two pieces, in usual pauses.
        length: of the whole body, told in front of it; None = it is told chunk by chunk.
        packed: the body is gzip.
    """

    pieces: tuple[bytes, ...]
    ending: Ending = "end"
    pause: float = 1
    length: int | None = None
    packed: bool = False


def marked(text: str, provider: str) -> Faults:
    """Faults that the text asks this provider for; `@name` in a mark keeps it to one of them."""
    words: set[str] = set()
    status, retry_after, unknown = 0, None, ""
    for mark in _MARK.finditer(text):
        given = mark[1].split()
        at = [word[1:] for word in given if word.startswith("@")]
        if at and provider not in at:
            continue
        for word in (word for word in given if not word.startswith("@")):
            if word in INSTEAD | WITHIN:
                words.add(word)
            elif _STATUS.fullmatch(word):
                status = int(word)
            elif found := _RETRY.fullmatch(word):
                retry_after = int(found[1])
            else:
                unknown = word
    return Faults(frozenset(words), status, retry_after, unknown)


def course(
    pieces: Sequence[bytes], faults: Faults, *, lead: int = 0, error: bytes = b"", gzip: bool = False
) -> Course:
    """What becomes of a body.

    Args:
        pieces: as they should go out; one = it is not a stream.
        faults: what goes wrong.
        lead: pieces of a stream that go out before it does; 0 = it is not a stream.
        error: event of a stream that failed.
        gzip: whether the client takes gzip.
    """
    out, ending = list(pieces), _ending(faults)
    if lead:
        out = _spoilt(out, faults, lead, error)
    elif faults.has("garbage") or faults.has("early"):
        out = [_half(out[0])]
    packed = gzip and faults.has("gzip")
    if packed:
        out = _packed(out)
    length = None if lead else sum(map(len, out))
    if ending != "end":
        out = out[:lead] if lead else [_half(out[0])]
    pause = SLOW if faults.has("slow") else 1
    if faults.has("split") and sum(map(len, out)) < _SENT_AT_ONCE:
        out, pause = [bytes((byte,)) for piece in out for byte in piece], 0
    return Course(tuple(out), ending, pause, length, packed)


def _half(piece: bytes) -> bytes:
    return piece[: len(piece) // 2]


def _ending(faults: Faults) -> Ending:
    if faults.has("cut"):
        return "cut"
    return "stall" if faults.has("stall") else "end"


def _spoilt(pieces: list[bytes], faults: Faults, lead: int, error: bytes) -> list[bytes]:
    if faults.has("error"):
        return [*pieces[:lead], error]
    if faults.has("garbage"):
        return [*pieces[:lead], b'data: {"half":\r\n\r\n', *pieces[lead:]]
    return pieces[:lead] if faults.has("early") else pieces


def _packed(pieces: list[bytes]) -> list[bytes]:
    """Each piece can be unpacked as it comes."""
    packer = zlib.compressobj(wbits=31)
    out = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*out[:-1], out[-1] + packer.flush()]
