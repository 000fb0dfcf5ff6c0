"""Progress: one line that is drawn over on a terminal, a line now and then elsewhere."""

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(slots=True)
class Progress:
    """Says how far a stage has come.

    Attributes:
        stage: what is being done.
        every: seconds between lines; on a terminal the line is drawn over.
    """

    stage: str = ""
    out: TextIO = field(default_factory=lambda: sys.stderr)
    every: float = 10.0
    _said: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    def begin(self, stage: str) -> "Progress":
        """Another stage."""
        self.stage, self._began = stage, time.monotonic()
        self._said = 0.0 if self.out.isatty() else self._began
        return self

    def step(self, done: int, total: int, note: str = "") -> None:
        """Tell, if it is time to."""
        now = time.monotonic()
        live = self.out.isatty()
        if done < total and now - self._said < (0.2 if live else self.every):
            return
        self._said = now
        spent = now - self._began
        left = spent / done * (total - done) if done else 0.0
        bar = "#" * (24 * done // max(total, 1))
        line = f"{self.stage:<24} [{bar:<24}] {done:,}/{total:,} {spent:.0f} s, {left:.0f} s left {note}"
        self.out.write(f"\r\x1b[K{line}" if live else f"{line}\n")
        if live and done >= total:
            self.out.write("\n")
        self.out.flush()


@dataclass(slots=True)
class Clock:
    """Tells stages and remembers how long they took, in seconds."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    _stage: str = ""
    _began: float = 0.0

    def begin(self, stage: str) -> Progress:
        """The next stage; the bar for it."""
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = round(self.seconds.get(self._stage, 0) + now - self._began, 1)
        self._stage, self._began = stage, now
        return self.progress.begin(stage)
