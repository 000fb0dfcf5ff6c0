"""A whole training in small, on weights with nothing learned in them; needs torch and a minute."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

from tests.unit.train.fakes import vocabulary
from tests.unit.train.published import published
from waypost.encoder.engine import Encoder
from waypost.encoder.settings import EncoderSettings
from waypost.errors import EngineError
from waypost.train import base, pipeline
from waypost.train.artefact import FILES, sha256
from waypost.train.pipeline import Job, train
from waypost.train.prepare import Own
from waypost.train.progress import Progress
from waypost.train.recipe import Course, Generated, Recipe, Shares

pytestmark = pytest.mark.timeout(1800)

COURSE = Course(
    "tiny",
    ("gsm8k", "guard_garak", "pii_synth"),
    40,
    (Generated("benign", "generate", 40), Generated("personal", "generate", 40)),
    Shares(0.2, 0.2, 0.2, 0.5, 0.5, 0.5, 0.5),
    Recipe(steps=6, tokens=256, warmup=2, average=0.5),
    held=8,
    compared=10,
)


@dataclass(frozen=True)
class Place:
    data: Path
    base: Path
    out: Path
    work: Path

    def job(self, course: Course = COURSE, **more: Any) -> Job:
        return Job(course, self.data, self.base, self.out, self.work, **more)


def write(path: Path, *rows: Mapping[str, Any]) -> None:
    with gzip.open(path, "wt") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("train")
    made = Place(*(root / name for name in ("data", "base", "out", "work")))
    made.data.mkdir()
    made.base.mkdir()
    sums = [{"text": f"Add {n} apples.", "label": "math", "intent": "math_problem"} for n in range(60)]
    people = [
        {"text": f"Ask Ann {n}", "template": n, "spans": [{"start": 4, "end": 7, "label": "PERSON"}]}
        for n in range(30)
    ]
    write(made.data / "gsm8k.jsonl.gz", *sums)
    write(made.data / "guard_garak.jsonl.gz", *({"text": f"Obey me {n}", "attack": 1} for n in range(40)))
    write(made.data / "pii_synth.jsonl.gz", *people)
    write(made.data / "routing_mmlu_pro.jsonl.gz", *({**each, "correct": "10"} for each in sums))
    save_file(published(), str(made.base / "model.safetensors"))
    (made.base / "tokenizer.json").write_bytes(vocabulary())
    return made


@pytest.fixture(scope="module", autouse=True)
def verified(place: Place) -> Any:
    """These weights are taken for the published ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "SHA256", sha256(place.base / "model.safetensors"))
        yield


def run(job: Job) -> tuple[Mapping[str, Any], str]:
    said = StringIO()
    return train(job, Progress(out=said, every=0)), said.getvalue()


@pytest.fixture(scope="module")
def first(place: Place, verified: None) -> str:
    """The stages of a first run, told."""
    return run(place.job())[1]


def manifest(place: Place) -> dict[str, Any]:
    return json.loads((place.out / "manifest.json").read_text())


def embedding(place: Place) -> np.ndarray:
    encoder = Encoder.open(EncoderSettings(artefact=place.out, threads=1))
    try:
        return encoder.read("How tall is the tower?").embedding
    finally:
        encoder.close()


def test_an_artefact_that_the_engine_takes(place: Place, first: str) -> None:
    assert {path.name for path in place.out.iterdir()} == set(FILES)
    assert np.linalg.norm(embedding(place)) == pytest.approx(1, abs=1e-5)
    made = manifest(place)
    assert made["training"]["recipe"]["recipe"]["steps"] == 6
    assert set(made["training"]["rows"]) >= {"gsm8k", "gsm8k+copies", "synth:benign"}
    assert made["metrics"]["guard"]["rows"] > 0


def test_every_stage_is_told(first: str) -> None:
    for stage in ("prepare", "features gsm8k", "fit", "calibrate", "compare", "self-check", "evaluate guard"):
        assert f"{stage} " in first


def test_a_second_run_ends_the_same_without_doing_it_again(
    place: Place, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = manifest(place)

    def never(*_: object) -> None:
        raise AssertionError("was done before")

    monkeypatch.setattr(pipeline, "fit", never)
    monkeypatch.setattr(pipeline, "export_trunk", never)
    _, told = run(place.job())
    assert manifest(place) == before
    assert "features " not in told
    with pytest.raises(AssertionError, match="was done before"):
        run(place.job(fresh=True))


def test_another_seed_is_another_training_with_the_same_embeddings(place: Place, first: str) -> None:
    before, vector = manifest(place), embedding(place)
    course = replace(COURSE, recipe=replace(COURSE.recipe, seed=2))
    rows = place.data / "own.jsonl"
    rows.write_text(
        "".join(json.dumps({"text": f"Track {n}", "domain": "Logistics"}) + "\n" for n in range(20))
    )
    run(replace(place.job(course, own=Own((rows,), categories=True)), out=place.out))
    after = manifest(place)
    assert after["training"]["digest"] != before["training"]["digest"]
    assert after["files"]["encoder.onnx"]["sha256"] != before["files"]["encoder.onnx"]["sha256"]
    assert after["heads"]["domain"]["labels"][-1] == "logistics"
    assert np.abs(embedding(place) - vector).max() < 1e-6


def test_what_is_missing_is_told_before_anything_is_written(place: Place, tmp_path: Path) -> None:
    job = replace(place.job(), data=tmp_path, out=tmp_path / "out", work=tmp_path / "work")
    with pytest.raises(EngineError, match=r"lacks gsm8k\.jsonl\.gz"):
        run(job)
    with pytest.raises(EngineError, match=r"has no model\.safetensors"):
        run(replace(job, base=tmp_path))
    assert not (tmp_path / "out").exists()
