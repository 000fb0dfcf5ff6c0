"""`waypost train` from one end to the other.

    prepare -> augment -> features -> fit -> quantise + export -> calibrate -> compare -> evaluate -> artefact

What takes long is kept in the work folder under a name made from its content: a run that was broken, or one
that changes little, goes on where that is still true. The artefact is put together aside and copied last.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from shutil import copyfile
from typing import Any, Final

import onnx
import torch
from safetensors.torch import load_file
from torch import nn

from waypost.encoder.manifest import MODEL, TOKENIZER
from waypost.train.artefact import FILES, sha256
from waypost.train.augment import altered
from waypost.train.base import Base, find
from waypost.train.export import export_trunk, export_whole, quantise
from waypost.train.features import Features, Reader
from waypost.train.finish import Made, finish
from waypost.train.fit import Saving, fit
from waypost.train.model import Layer, Trunk, Twin, Whole, load_base
from waypost.train.prepare import Corpus, Own, digest, prepare
from waypost.train.progress import Clock, Progress
from waypost.train.recipe import Course
from waypost.train.rows import Row

COPIES: Final = "+copies"
"""Behind the name of a set: altered copies of its rows."""

_KEY: Final = 16
_STEPS: Final = 200
"""Most steps that a broken run loses."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be trained, and where everything lies.

    Attributes:
        base: folder with the published weights.
        out: folder of the artefact.
        work: folder for what is kept between runs; gigabytes, and of no use afterwards.
        fresh: forget how far a broken run had come.
    """

    course: Course
    data: Path
    base: Path
    out: Path
    work: Path
    own: Own = field(default_factory=Own)
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """The parts of a whole, before or after training."""

    trunk: Trunk
    top: "nn.ModuleList[Layer]"
    twin: Twin


def train(job: Job, progress: Progress) -> Mapping[str, Any]:
    """Write an artefact to `job.out`; its headline figures.

    Raises:
        EngineError: something that it needs is missing or cannot be used; nothing is written to `job.out`.
    """
    base = find(job.base)
    clock = Clock(progress)
    corpus = prepare(job.course, job.data, job.own, clock.begin("prepare"))
    clock.begin("augment")
    copies = altered(corpus.train, job.course.shares, job.course.recipe.seed)
    rows = {**corpus.train, **{name + COPIES: made for name, made in copies.items()}}
    job.work.mkdir(parents=True, exist_ok=True)
    network = Network(*load_base(load_file(str(base.weights)), corpus.domains))
    trunk = _trunk(job, network, clock)
    sets = _features(job, base, trunk, rows, clock)
    key = _key(job.course, corpus, digest(rows), sha256(trunk))
    network = replace(network, twin=_fitted(job, network.twin, sets, key, clock))
    work = job.work / f"artefact-{key}"
    full = _exported(network, work, base, clock)
    versions = {"torch": torch.__version__, "onnx": onnx.__version__}
    made = Made(work, full, key, digest(rows), {name: len(of) for name, of in rows.items()}, versions)
    metrics = finish(job.course, corpus, made, clock)
    job.out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        copyfile(work / name, job.out / name)
    full.unlink()
    return metrics


def _key(course: Course, corpus: Corpus, rows: str, trunk: str) -> str:
    """A name for the weights that this training ends with."""
    deciding = [rows, trunk, asdict(course.recipe), corpus.domains]
    return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:_KEY]


def _trunk(job: Job, network: Network, clock: Clock) -> Path:
    """The quantised trunk; the published weights decide it."""
    path = job.work / "trunk.onnx"
    if not path.is_file():
        clock.begin("export trunk")
        full, small = job.work / "trunk-full.part", job.work / "trunk.part"
        export_trunk(network.trunk, full)
        quantise(full, small)
        full.unlink()
        small.rename(path)
    return path


def _features(
    job: Job, base: Base, trunk: Path, rows: Mapping[str, Sequence[Row]], clock: Clock
) -> dict[str, Features]:
    reader = Reader(base.tokenizer, trunk, job.work / "features")
    sets: dict[str, Features] = {}
    for name, of in rows.items():
        if of:
            progress = clock.begin("features")
            progress.stage = f"features {name}"
            sets[name] = reader.read(name.replace(":", "-"), of, progress)
    return sets


def _fitted(job: Job, twin: Twin, sets: Mapping[str, Features], key: str, clock: Clock) -> Twin:
    recipe = job.course.recipe
    done = job.work / f"twin-{key}.pt"
    saving = Saving(job.work / f"fit-{key}.pt", max(1, min(_STEPS, recipe.steps // 10)))
    if job.fresh:
        done.unlink(missing_ok=True)
        saving.path.unlink(missing_ok=True)
    if done.is_file():
        twin.load_state_dict(torch.load(done, weights_only=True))
        return twin.eval()
    twin = fit(twin, sets, recipe, clock.begin("fit"), saving)
    unfinished = done.with_suffix(".part")
    torch.save(twin.state_dict(), unfinished)
    unfinished.rename(done)
    saving.path.unlink(missing_ok=True)
    return twin


def _exported(network: Network, folder: Path, base: Base, clock: Clock) -> Path:
    """Model and vocabulary in the folder; the model in 32-bit floats beside it."""
    clock.begin("quantise and export")
    folder.mkdir(parents=True, exist_ok=True)
    full = folder.with_suffix(".onnx")
    export_whole(Whole(network.trunk, network.top, network.twin), full)
    quantise(full, folder / MODEL)
    copyfile(base.tokenizer, folder / TOKENIZER)
    return full
