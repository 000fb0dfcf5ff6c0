"""Texts of training rows: read, folded as requests are, told apart, and dealt to training or validation."""

import gzip
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from waypost.errors import EngineError
from waypost.request.text import fold
from waypost.train.rows import Personal, Row

Json = Mapping[str, Any]

_SPACE: Final = re.compile(r"\W+")
_FIFTH: Final = 5


def read_lines(path: Path) -> Iterator[Json]:
    """Objects of a JSON Lines file, gzipped or not; header lines are skipped.

    Raises:
        EngineError: with file, line and remedy.
    """
    if not path.is_file():
        raise EngineError(f"{path} is missing; the data manifest is in waypost/train/sets.py")
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                raw = json.loads(line)
                if not isinstance(raw, dict):
                    raise EngineError(f"{path}:{number}: expected a JSON object")
                if "_header" not in raw:
                    yield raw
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise EngineError(f"{path} cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise EngineError(f"{path}: not JSON Lines: {error}") from error


def folded(row: Row) -> Row:
    """With the text as the engine will see it, spans moved along."""
    clean = fold(row.text, case_sensitive=True)
    if clean.text == row.text:
        return row
    if not row.personal:
        return replace(row, text=clean.text)
    places = [clean.original(n, n + 1) for n in range(len(clean.text))]
    spans: list[Personal] = []
    for span in row.personal:
        inside = [n for n, (start, end) in enumerate(places) if start < span.end and end > span.start]
        if inside:
            spans.append(Personal(inside[0], inside[-1] + 1, span.type))
    return replace(row, text=clean.text, personal=tuple(spans))


def is_validation(row: Row) -> bool:
    """Whether a row is never trained on: a fifth, by hash of its text, or of its group where it has one."""
    grouped = row.group and not row.group.startswith("=")
    key = f"waypost-val:{row.source}:{row.group}" if grouped else f"waypost-val:{normal(row.text)}"
    return draw(key) % _FIFTH == 0


def normal(text: str) -> str:
    """A text as its duplicates are found: NFKC, lower case, words only."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).lower()).strip()


def draw(text: str) -> int:
    """A number from 0 to 2**32 - 1 that the text decides; the same in every run."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def fewest(rows: list[Row], count: int, salt: str) -> list[Row]:
    """At most `count` rows in their order, chosen by hash; 0 = all."""
    if not count or len(rows) <= count:
        return rows
    chance = sorted(draw(salt + row.text) for row in rows)[count]
    return [row for row in rows if draw(salt + row.text) < chance]
