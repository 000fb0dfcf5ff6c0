"""One `Encode` on its way through the threads: planned, read window by window, concluded."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Final

from waypost.encoder.conclude import LATE, conclude
from waypost.encoder.heads import Floats
from waypost.encoder.plan import Piece, Plan, Planner
from waypost.encoder.pool import Line, Pool
from waypost.encoder.reader import Done
from waypost.encoder.settings import EncoderSettings
from waypost.errors import EngineError
from waypost.needs import Encode, Failed
from waypost.signals.base import Encoded, Examples

BUSY: Final = "too much text is waiting to be read"

_PER_TOKEN: Final = 4
"""Characters of an ordinary token, to tell what a text will cost before it is tokenised."""
_TOKENISING: Final = 50
"""Reading a token costs so many times what tokenising it does."""


class Question:
    """A need and its answer to be.

    Windows are read in whatever threads are free; what was read before the deadline counts, the rest is
    dropped unread. Whoever cancels `answer` stops it.

    Attributes:
        answer: never holds an exception.
    """

    def __init__(
        self,
        need: Encode,
        planner: Planner,
        pool: Pool,
        prepared: Mapping[Examples, Floats],
        settings: EncoderSettings,
    ) -> None:
        self.answer: Future[Encoded | Failed] = Future()
        self._need = need
        self._planner = planner
        self._pool = pool
        self._prepared = prepared
        self._scan_tokens = settings.scan_tokens
        self._asked = time.perf_counter()
        self._deadline = self._asked + settings.deadline_seconds
        self._line = Line(self.refuse)
        self._reads: dict[bytes, Done] = {}
        self._waiting = 0
        self._lock = Lock()
        self._ended = False

    def begin(self) -> None:
        """Get in line, or be refused because too much is waiting already."""
        length = len(self._need.focus) + sum(map(len, self._need.scan))
        # Most of a long conversation was read in earlier requests: one window is a fair guess.
        ordinary = min(length // _PER_TOKEN, self._planner.artefact.window)
        cost = 2 + ordinary + length // (_PER_TOKEN * _TOKENISING)
        if self._pool.admit(cost):
            self._pool.push(self._line, partial(self._draw, cost))
        else:
            self._end(Failed(BUSY))

    def refuse(self, reason: str) -> None:
        """Give no answer."""
        self._end(Failed(reason))

    def _draw(self, cost: int) -> None:
        """Tokenise, see what is known, and read the first window: a short text waits in line only once."""
        try:
            if self._is_over():
                return self._end(Failed(LATE))
            plan = self._planner.draw(self._need, self._prepared, lambda: not self._is_over())
            missing = self._missing(plan)
        finally:
            self._pool.release(cost)
        self._waiting = len(missing)
        if not missing:
            return self._conclude(plan)
        if not self._pool.admit(sum(piece.tokens for piece in missing)):
            return self._end(Failed(BUSY))
        self._pool.push(self._line, *(partial(self._read, plan, piece) for piece in missing[1:]))
        return self._read(plan, missing[0])

    def _missing(self, plan: Plan) -> list[Piece]:
        """Windows to be read, each once; those for guards up to the limit."""
        reader = self._planner.reader
        missing: dict[bytes, Piece] = {}
        left = self._scan_tokens

        def is_known(piece: Piece) -> bool:
            key = piece.input.key
            if key not in self._reads and key not in missing and (done := reader.recall(key)):
                self._reads[key] = done
            return key in self._reads or key in missing

        for piece in plan.about():
            if not is_known(piece):
                missing[piece.input.key] = piece
        for piece in plan.guarded():
            if not is_known(piece):
                left -= piece.tokens
                if left >= 0:
                    missing[piece.input.key] = piece
                else:
                    reader.skipped()
        return list(missing.values())

    def _read(self, plan: Plan, piece: Piece) -> None:
        try:
            if self._is_over():
                self._planner.reader.skipped()
            else:
                self._reads[piece.input.key] = self._planner.reader.read(piece.input)
        except EngineError as error:
            self._end(Failed(str(error)))
        finally:
            self._pool.release(piece.tokens)
        with self._lock:
            self._waiting -= 1
            is_last = not self._waiting
        if is_last:
            self._conclude(plan)

    def _conclude(self, plan: Plan) -> None:
        answer = conclude(self._need, plan, self._reads, self._prepared, self._planner.artefact.heads)
        if isinstance(answer, Encoded):
            self._planner.keep(plan, answer.scans)
            answer = replace(answer, seconds=time.perf_counter() - self._asked)
        self._end(answer)

    def _is_over(self) -> bool:
        return self.answer.done() or time.perf_counter() > self._deadline

    def _end(self, answer: Encoded | Failed) -> None:
        with self._lock:
            ended, self._ended = self._ended, True
        if not ended and self.answer.set_running_or_notify_cancel():
            self.answer.set_result(answer)
