"""One `Encode` on its way through the threads: planned, read window by window, concluded."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Final

from waypost.encoder.conclude import LATE, conclude
from waypost.encoder.foreign_parts import Part, join
from waypost.encoder.heads import Floats
from waypost.encoder.plan import Piece, Plan
from waypost.encoder.pool import Line, Pool
from waypost.encoder.reader import Done, Reader
from waypost.encoder.settings import EncoderSettings
from waypost.errors import EngineError
from waypost.needs import Failed
from waypost.signals.base import Encoded, Examples

BUSY: Final = "too much text is waiting to be read"

Drawn = Sequence[tuple[Part, Plan]]
"""What every model is asked, and the windows it takes."""


_Job = tuple[Reader, Piece]


def _cost(jobs: Sequence[_Job]) -> int:
    return sum(piece.tokens for _, piece in jobs)


class Question:
    """A need, divided among models, and its answer to be.

    Windows are read in whatever threads are free; what was read before the deadline counts, the rest is
    dropped unread. Whoever cancels `answer` stops it.

    Attributes:
        answer: never holds an exception.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        pool: Pool,
        prepared: Mapping[Examples, Floats],
        settings: EncoderSettings,
    ) -> None:
        self.answer: Future[Encoded | Failed] = Future()
        self._parts = parts
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
        cost = sum(part.cost for part in self._parts)
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
            drawn = [(part, self._plan(part)) for part in self._parts]
            needed = self._missing(drawn)
            wished = self._beside(drawn, needed)
        finally:
            self._pool.release(cost)
        if not needed + wished:
            return self._conclude(drawn)
        if needed and not self._pool.admit(_cost(needed)):
            return self._end(Failed(BUSY))
        if wished and not self._pool.admit(_cost(wished)):
            wished = []  # the answer is one without it
        self._waiting = len(needed) + len(wished)
        if not self._waiting:
            return self._conclude(drawn)
        jobs = [partial(self._read, drawn, reader, piece) for reader, piece in needed + wished]
        self._pool.push(self._line, *jobs[1:])
        return jobs[0]()

    def _plan(self, part: Part) -> Plan:
        return part.planner.draw(part.need, self._prepared, lambda: not self._is_over())

    def _missing(self, drawn: Drawn) -> list[_Job]:
        """Windows an answer takes, each once; those for guards up to the limit of each model."""
        missing: dict[bytes, _Job] = {}
        for part, plan in drawn:
            for piece in plan.about():
                if not self._is_known(part.planner.reader, piece, missing):
                    missing[piece.input.key] = part.planner.reader, piece
        for part, plan in drawn:
            left = self._scan_tokens
            for piece in plan.guarded():
                if not self._is_known(part.planner.reader, piece, missing):
                    left -= piece.tokens
                    if left >= 0:
                        missing[piece.input.key] = part.planner.reader, piece
                    else:
                        part.planner.reader.skipped()
        return list(missing.values())

    def _beside(self, drawn: Drawn, needed: Sequence[_Job]) -> list[_Job]:
        """Windows that an answer is better with."""
        missing = {piece.input.key: (reader, piece) for reader, piece in needed}
        for part, plan in drawn:
            for piece in plan.beside():
                if not self._is_known(part.planner.reader, piece, missing):
                    missing[piece.input.key] = part.planner.reader, piece
        return list(missing.values())[len(needed) :]

    def _is_known(self, reader: Reader, piece: Piece, missing: Mapping[bytes, _Job]) -> bool:
        key = piece.input.key
        if key not in self._reads and key not in missing and (done := reader.recall(key)):
            self._reads[key] = done
        return key in self._reads or key in missing

    def _read(self, drawn: Drawn, reader: Reader, piece: Piece) -> None:
        try:
            if self._is_over():
                reader.skipped()
            else:
                self._reads[piece.input.key] = reader.read(piece.input)
        except EngineError as error:
            self._end(Failed(str(error)))
        finally:
            self._pool.release(piece.tokens)
        with self._lock:
            self._waiting -= 1
            is_last = not self._waiting
        if is_last:
            self._conclude(drawn)

    def _conclude(self, drawn: Drawn) -> None:
        answers: list[tuple[Part, Encoded]] = []
        for part, plan in drawn:
            heads = part.planner.artefact.heads
            answer = conclude(part.need, plan, self._reads, self._prepared, heads)
            if isinstance(answer, Failed):
                return self._end(answer)
            part.planner.keep(plan, answer.scans)
            answers.append((part, answer))
        return self._end(replace(join(answers), seconds=time.perf_counter() - self._asked))

    def _is_over(self) -> bool:
        return self.answer.done() or time.perf_counter() > self._deadline

    def _end(self, answer: Encoded | Failed) -> None:
        with self._lock:
            ended, self._ended = self._ended, True
        if not ended and self.answer.set_running_or_notify_cancel():
            self.answer.set_result(answer)
