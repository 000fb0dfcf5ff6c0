"""The folder that `waypost train` writes: model, vocabulary, and the manifest that vouches for both.

`waypost.encoder.manifest` reads it. No text of a training set gets in: those of the self-check come from
our own generators.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

from waypost.encoder.manifest import FORMAT, MANIFEST, MODEL, TOKENIZER, Check, Heads
from waypost.train.base import MODEL as BASE
from waypost.train.base import SHA256, TRUNK_LAYERS
from waypost.train.readings import STRIDE, WINDOW, Floats, Reading

NAME: Final = "waypost-encoder"
METRICS: Final = "metrics.json"
CARD: Final = "MODEL_CARD.md"
NOTICE: Final = "NOTICE"

FILES: Final = (MODEL, TOKENIZER, MANIFEST, METRICS, CARD, NOTICE)
"""Everything in the folder; the first three are what the engine needs."""

_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class About:
    """What a manifest says beside the heads.

    Attributes:
        checks: texts and what the network said of them in 32-bit floats.
        training: what it was trained on and how.
        metrics: headline figures.
    """

    version: str
    checks: Sequence[Check] = ()
    training: Mapping[str, Any] = field(default_factory=dict[str, Any])
    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any])


def write_manifest(folder: Path, heads: Heads, about: About) -> None:
    """Vouch for the model and the vocabulary that lie in the folder."""
    document = {
        "format": FORMAT,
        "name": NAME,
        "version": about.version,
        "files": {
            name: {"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size}
            for name in (MODEL, TOKENIZER)
        },
        "base": {"model": BASE, "sha256": SHA256, "trunk_layers": TRUNK_LAYERS},
        "window": WINDOW,
        "stride": STRIDE,
        "heads": {
            "domain": _choice(heads.domain.labels, heads.domain.temperature),
            "intent": _choice(heads.intent.labels, heads.intent.temperature),
            "complexity": asdict(heads.complexity),
            "jailbreak": {"labels": ["benign", "attack"], **asdict(heads.jailbreak)},
            "pii": {
                "labels": list(heads.pii.types),
                "o_bias": heads.pii.o_bias,
                "thresholds": dict(heads.pii.thresholds),
            },
        },
        "likeness": asdict(heads.likeness),
        "check": [asdict(check) for check in about.checks],
        "training": dict(about.training),
        "metrics": dict(about.metrics),
    }
    write_json(folder / MANIFEST, document)


def _choice(labels: Sequence[str], temperature: float) -> dict[str, Any]:
    return {"labels": list(labels), "temperature": temperature}


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """In one go, so that nobody reads half of it."""
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


def sha256(path: Path) -> str:
    """Of a file, hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def checked(readings: Sequence[Reading]) -> list[Check]:
    """Texts for the self-check; each reading is of one window, in 32-bit floats."""
    return [
        Check(
            reading.row.text,
            _rounded(reading.domain),
            _rounded(reading.intent),
            _rounded(reading.jailbreak[0]),
            round(reading.difficulty, _DIGITS),
        )
        for reading in readings
    ]


def _rounded(logits: Floats) -> tuple[float, ...]:
    return tuple(round(value, _DIGITS) for value in logits.tolist())
