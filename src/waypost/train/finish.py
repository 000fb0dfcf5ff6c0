"""A trained network becomes an artefact: calibrated, compared, measured and described."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from waypost.encoder.manifest import MODEL, TOKENIZER
from waypost.encoder.onnx import Model
from waypost.encoder.tokenise import Tokeniser
from waypost.evaluate.report import document
from waypost.train.artefact import CARD, METRICS, NOTICE, About, checked, write_json, write_manifest
from waypost.train.calibration import calibrated, errors, plain, tunes
from waypost.train.card import Story, card, notice
from waypost.train.compare import compare
from waypost.train.measure import headlines, measured
from waypost.train.prepare import Corpus
from waypost.train.progress import Clock
from waypost.train.readings import Reading, read_rows
from waypost.train.recipe import Course
from waypost.train.rows import Row

CHECKS: Final = 4
"""Texts of each generator in the self-check."""

_SHORT: Final = 200
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Made:
    """A trained network, and what it was trained on.

    Attributes:
        folder: where the artefact is put together; model and vocabulary lie there.
        full: the network in 32-bit floats.
        key: what decided the weights, hashed.
        digest: of all training texts and labels.
        rows: how many by set.
        versions: of what trained and exported it.
    """

    folder: Path
    full: Path
    key: str
    digest: str
    rows: Mapping[str, int]
    versions: Mapping[str, str]


def finish(course: Course, corpus: Corpus, made: Made, clock: Clock) -> Mapping[str, Any]:
    """Complete the folder, and return the headline figures.

    Raises:
        EngineError: the model cannot be run.
    """
    folder = made.folder
    tokeniser = Tokeniser((folder / TOKENIZER).read_bytes())
    eight, full = Model.open(folder / MODEL, "cpu"), Model.open(made.full, "cpu")
    seen = {name: rows for name, rows in corpus.held.items() if name not in corpus.left_out}
    held = [row for rows in seen.values() for row in rows]
    readings = read_rows(eight, tokeniser, held, clock.begin("calibrate"))
    tuning = [reading for reading in readings if tunes(reading)]
    rest = [reading for reading in readings if not tunes(reading)]
    heads = calibrated(tuning, corpus.domains, course.aims)
    wrong = errors(rest, plain(corpus.domains)), errors(rest, heads)
    some = _spread(rest, course.compared)
    again = read_rows(full, tokeniser, [each.row for each in some], clock.begin("compare"))
    compared = compare(some, again, heads)
    checks = checked(read_rows(full, tokeniser, _check_rows(seen), clock.begin("self-check")))
    about = About(f"{course.name}-{made.key[:_SHOWN]}", checks, _training(course, corpus, made))
    write_manifest(folder, heads, about)
    used = {id(reading.row) for reading in tuning}
    rows = {name: [row for row in of if id(row) not in used] for name, of in corpus.held.items()}
    reports = measured(folder, rows, clock.begin("evaluate"))
    clock.begin("write")
    size = (folder / MODEL).stat().st_size / 1e6
    story = Story(about.version, made.digest, size, course, corpus, heads, reports, compared, wrong)
    metrics = {**headlines(reports), **_checks(story)}
    write_manifest(folder, heads, replace(about, metrics=metrics))
    write_json(
        folder / METRICS, {"version": about.version, "headlines": metrics, **_everything(story, clock)}
    )
    (folder / CARD).write_text(card(story), encoding="utf-8")
    (folder / NOTICE).write_text(notice(story), encoding="utf-8")
    return metrics


def _spread(readings: Sequence[Reading], most: int) -> list[Reading]:
    """At most so many, evenly over all."""
    step = max(1, -(-len(readings) // most))
    return list(readings[::step])


def _check_rows(held: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Short texts of our own generators: those of public sets and of users must not be passed on."""
    return [
        row
        for name, rows in held.items()
        if name.startswith("synth:")
        for row in [row for row in rows if len(row.text) <= _SHORT][:CHECKS]
    ]


def _training(course: Course, corpus: Corpus, made: Made) -> dict[str, Any]:
    """What decided the weights; equal for equal runs."""
    return {
        "digest": made.digest,
        "recipe": asdict(course),
        "rows": dict(made.rows),
        "left_out": sorted(corpus.left_out),
        "versions": {"python": platform.python_version(), "numpy": np.__version__, **made.versions},
    }


def _checks(story: Story) -> dict[str, Any]:
    """Headlines of what is no accuracy."""
    points = {name: round(found.points, 2) for name, found in story.compared.items()}
    close = all(found.close for found in story.compared.values())
    return {"int8_points": points, "int8_close": close, "ece": dict(story.errors[1])}


def _everything(story: Story, clock: Clock) -> dict[str, Any]:
    before, after = story.errors
    return {
        "left_out": sorted(story.corpus.left_out),
        "calibration": {"before": dict(before), "after": dict(after)},
        "int8": {name: {**asdict(found), "points": found.points} for name, found in story.compared.items()},
        "held": {name: document(report) for name, report in story.reports.items()},
        "seconds": dict(clock.seconds),
    }
