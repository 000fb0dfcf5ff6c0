import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.unit.train.fakes import Knowing, row, vocabulary
from waypost.encoder.engine import Encoder
from waypost.encoder.manifest import Artefact
from waypost.encoder.settings import EncoderSettings
from waypost.encoder.tokenise import Tokeniser
from waypost.train import finish as module
from waypost.train import measure
from waypost.train.artefact import FILES
from waypost.train.finish import CHECKS, Made, finish
from waypost.train.prepare import Corpus
from waypost.train.progress import Clock, Progress
from waypost.train.recipe import COURSES
from waypost.train.rows import DOMAINS, PII_TYPES, Personal

COURSE = COURSES["smoke"]


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that know a few words; that in 32 bits is a little surer."""

    def model(path: Path, _: str) -> Knowing:
        return Knowing(noise=1.0 if path.name == "full.onnx" else 0.0)

    def opened(settings: EncoderSettings) -> Encoder:
        artefact = Artefact.open(settings.artefact)
        return Encoder(artefact, Knowing(), Tokeniser(vocabulary()), settings)

    monkeypatch.setattr(module.Model, "open", model)
    monkeypatch.setattr(measure.Encoder, "open", opened)


def corpus(*left_out: str) -> Corpus:
    marks = (Personal(4, 7, "PERSON"),)
    held = {
        "gsm8k": [row(f"sum {n}", "gsm8k", domain="math", intent="math_problem") for n in range(40)],
        "mmlu": [row(f"law {n}", "mmlu", domain="law", difficulty=0.2) for n in range(40)],
        "guard_garak": [row(f"obey {n}", "guard_garak", attack=True) for n in range(30)],
        "synth:benign": [row(f"please {n}", "synth:benign", attack=False) for n in range(30)],
        "synth:personal": [
            row(f"ask ann {n}", "synth:personal", personal=marks, annotated=frozenset(PII_TYPES))
            for n in range(30)
        ],
    }
    train = {name: rows for name, rows in held.items() if name not in left_out}
    return Corpus(train, held, frozenset(left_out), DOMAINS)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    (tmp_path / "encoder.onnx").write_bytes(b"model")
    (tmp_path / "tokenizer.json").write_bytes(vocabulary())
    full = tmp_path / "full.onnx"
    return Made(tmp_path, full, "0123456789abcdef", "cd" * 32, {"gsm8k": 40}, {"torch": "2"})


def finished(made: Made, of: Corpus) -> dict[str, Any]:
    finish(COURSE, of, made, Clock(Progress(out=StringIO())))
    return json.loads((made.folder / "manifest.json").read_text())


def test_everything_is_in_the_folder_and_the_engine_takes_it(made: Made) -> None:
    manifest = finished(made, corpus())
    assert all((made.folder / name).is_file() for name in FILES)
    found = Artefact.open(made.folder)
    assert found.version == "smoke-0123456789ab"
    assert manifest["metrics"]["domain"]["accuracy"] == 1
    assert manifest["metrics"]["int8_close"] is True
    assert manifest["training"]["digest"] == "cd" * 32
    assert manifest["training"]["versions"]["torch"] == "2"
    metrics = json.loads((made.folder / "metrics.json").read_text())
    assert metrics["calibration"]["after"]["domain"] <= metrics["calibration"]["before"]["domain"] + 0.01
    assert metrics["int8"]["jailbreak"]["points"] == 0
    assert set(metrics["held"]) == {"domain", "intent", "guard", "pii", "difficulty"}
    assert "smoke-0123456789ab" in (made.folder / "MODEL_CARD.md").read_text()
    assert "gsm8k" in (made.folder / "NOTICE").read_text()


def test_no_text_of_a_public_set_is_passed_on(made: Made) -> None:
    manifest = finished(made, corpus())
    texts = [check["text"] for check in manifest["check"]]
    assert len(texts) == 2 * CHECKS
    assert all(text.startswith(("please", "ask ann")) for text in texts)
    written = "".join((made.folder / name).read_text() for name in FILES[2:])
    assert "sum 1" not in written
    assert "obey 1" not in written


def test_checks_are_what_the_network_said_in_32_bits(made: Made) -> None:
    assert max(finished(made, corpus())["check"][0]["domain"]) == 5.0


def test_what_is_left_out_decides_nothing_and_is_measured_whole(made: Made) -> None:
    with_it = finished(made, corpus())
    without = finished(made, corpus("guard_garak"))
    assert without["heads"]["jailbreak"]["bias"] != with_it["heads"]["jailbreak"]["bias"]
    metrics = json.loads((made.folder / "metrics.json").read_text())
    rows = {part["name"]: part["rows"] for part in metrics["held"]["guard"]["files"]}
    assert rows["guard_garak"] == 30
    assert 5 < rows["synth:benign"] < 25, "the other half was for calibration"
    assert metrics["left_out"] == ["guard_garak"]
    assert "guard_garak, *left out*" in (made.folder / "MODEL_CARD.md").read_text()


def test_equal_trainings_have_equal_manifests(made: Made) -> None:
    assert finished(made, corpus()) == finished(made, corpus())
    other = finished(replace(made, digest="ef" * 32), corpus())
    assert other["training"]["digest"] == "ef" * 32
