"""Worker threads and the queue before them.

Every question has a line of jobs of its own; a free thread takes one job of the line that has waited
longest, and that line goes to the end. So short questions are served in order of arrival, and a long
text of a hundred windows holds up nobody for longer than one window. Nothing is batched: on a CPU that
only pads. What waits is counted in tokens, because that is what it costs.
"""

import logging
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Final

log = logging.getLogger(__name__)

Job = Callable[[], None]

_CLOSED: Final = "the encoder is closed"
_BUG: Final = "a bug in the encoder; the log says where"


class Line:
    """The jobs of one question, in order.

    Attributes:
        abandoned: told why, when jobs of this line will not be run to their end.
    """

    def __init__(self, abandoned: Callable[[str], None]) -> None:
        self.abandoned = abandoned
        self.jobs: deque[Job] = deque()


class Pool:
    """Threads that serve lines in turn; safe to use from any thread."""

    def __init__(self, threads: int, limit: int) -> None:
        """`limit` is how many tokens may wait or be read at a time."""
        self._threads = ThreadPoolExecutor(threads, "waypost-encoder")
        self._limit = limit
        self._lock = Lock()
        self._turns: deque[Line] = deque()
        self._tokens = 0
        self._closed = False

    @property
    def tokens(self) -> int:
        """Tokens that wait or are being read."""
        return self._tokens

    def admit(self, tokens: int) -> bool:
        """Take on work, unless it exceeds the limit; alone, any work is taken on. Pair with `release`."""
        with self._lock:
            if self._tokens and self._tokens + tokens > self._limit:
                return False
            self._tokens += tokens
            return True

    def release(self, tokens: int) -> None:
        """The work is done, or will not be done."""
        with self._lock:
            self._tokens -= tokens

    def push(self, line: Line, *jobs: Job) -> None:
        """Put jobs at the end of a line."""
        with self._lock:
            closed = self._closed
            if jobs and not closed:
                if not line.jobs:
                    self._turns.append(line)
                line.jobs.extend(jobs)
                for _ in jobs:
                    self._threads.submit(self._turn).add_done_callback(_report)
        if closed:
            line.abandoned(_CLOSED)

    def close(self) -> None:
        """Wait for the jobs that are running; the others are never run."""
        with self._lock:
            self._closed = True
        self._threads.shutdown(cancel_futures=True)
        for line in self._turns:
            line.abandoned(_CLOSED)
        self._turns.clear()

    def _turn(self) -> None:
        with self._lock:
            line = self._turns.popleft()
            job = line.jobs.popleft()
            if line.jobs:
                self._turns.append(line)
        finished = False
        try:
            job()
            finished = True
        finally:
            if not finished:
                line.abandoned(_BUG)


def _report(ended: "Future[None]") -> None:
    """Log where a job crashed; without the message, which may hold text of a request."""
    if not ended.cancelled() and (error := ended.exception()) is not None:
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("encoder: %s, a bug\n%s", type(error).__name__, where)
