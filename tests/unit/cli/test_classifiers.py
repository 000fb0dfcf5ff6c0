"""What is said of the classifiers without loading them."""

import json
import subprocess
import sys
from pathlib import Path

from waypost.cli.classifiers import named
from waypost.config.load import Loaded, load
from waypost.encoder.manifest import Artefact

CONFIG = """
providers: {p: {kind: openai_compatible, base_url: "http://127.0.0.1:9/v1"}}
models: {m: {provider: p, name: n}}
default_model: m
"""


def loaded(folder: Path, text: str = "") -> Loaded:
    file = folder / "waypost.yaml"
    file.write_text(CONFIG + text)
    return load([file], {})


def test_nothing_where_nothing_asks_them(tmp_path: Path) -> None:
    assert named(loaded(tmp_path, f"encoder: {{artefact: {tmp_path / 'nowhere'}}}")) == ""


def test_those_of_the_configuration(tmp_path: Path) -> None:
    manifest = {"name": "small", "version": "3", "files": {"encoder.onnx": {"sha256": "ab" * 32}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    text = f"encoder: {{artefact: {tmp_path}}}\nprompt_guard: {{enabled: true}}"
    assert named(loaded(tmp_path, text)) == f"small 3, sha256 {'ab' * 6}"


def test_those_that_come_with_the_package(tmp_path: Path) -> None:
    shipped = Artefact.open()
    told = named(loaded(tmp_path, "prompt_guard: {enabled: true}"))
    assert told == f"{shipped.name} {shipped.version}, sha256 {shipped.sha256[:12]}"


def test_serving_needs_no_numpy_to_say_it() -> None:
    script = "import sys; import waypost.cli.serve, waypost.cli.classifiers; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    assert {"numpy", "onnxruntime", "tokenizers"} & set(done.stdout.split()) == set()
