"""How the classification engine runs; a block of the configuration file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from waypost.configurable import configurable

Device = Literal["auto", "cpu", "cuda", "coreml"]

WINDOW: Final = 256
"""Tokens in one pass, special ones included."""


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """A checkpoint of somebody else's that answers one head.

    Attributes:
        folder: an existing directory with `config.json` or an ONNX file.
        labels: file with the names of its labels, where the checkpoint lacks them.
    """

    folder: Path
    labels: Path | None = None


@configurable
class EncoderSettings:
    """How the classification engine runs: which model, on what, and how much it may take on."""

    artefact: Path | None = None
    """Folder with another model as `waypost train` writes it: `manifest.json`, `encoder.onnx`,
    `tokenizer.json`. Default: the one that comes with Waypost."""

    device: Device = "auto"
    """What the model runs on; `cuda` and `coreml` need an onnxruntime that has them. `auto` = the fastest of
    those that the installed onnxruntime has, timed at start."""

    threads: int | None = None
    """How many windows are read at the same time. Default: as many as there are CPUs this process may use."""

    deadline_seconds: float = 2.0
    """How long one request may wait for its answers; what is unread by then counts as not scanned."""

    scan_tokens: int = 32_768
    """Most tokens that guards have read for one request, the newest text first; windows that were read for an
    earlier request cost nothing and do not count. What lies beyond counts as not scanned."""

    queue_tokens: int = 65_536
    """How many tokens may wait to be read; requests beyond it are not classified, which guards take as a
    reason to refuse. A token costs about 70 us of one CPU."""

    memo_bytes: int = 16 * 1024 * 1024
    """Memory for the results of texts already read, about 3 kB for 190 tokens; no text is kept. 0 = none."""

    def __post_init__(self) -> None:
        if self.threads is not None and not 1 <= self.threads <= 256:  # noqa: PLR2004 - named by the message
            raise ValueError("threads must be between 1 and 256")
        if not 0.01 <= self.deadline_seconds <= 600:  # noqa: PLR2004 - named by the message
            raise ValueError("deadline_seconds must be between 0.01 and 600")
        if self.scan_tokens < WINDOW:
            raise ValueError(f"scan_tokens must be at least {WINDOW}, one window")
        if self.queue_tokens < WINDOW:
            raise ValueError(f"queue_tokens must be at least {WINDOW}, one window")
        if self.memo_bytes < 0:
            raise ValueError("memo_bytes must not be negative")
