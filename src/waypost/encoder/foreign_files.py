"""What a folder with somebody else's checkpoint holds: which file is run, or why none can be.

Checkpoints come as Hugging Face keeps them. Nothing of theirs is executed: a graph is read by
onnxruntime, a vocabulary by tokenizers, everything else is JSON.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

from waypost.errors import EngineError

RECORD: Final = "conversion.json"
"""What `waypost models convert` says of the folder it wrote."""

CONVERTED: Final = "waypost"
"""Where it writes, unless told otherwise: a folder inside that of the checkpoint."""

RECORD_FORMAT: Final = 1
MODEL: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"
CONFIG: Final = "config.json"
ADAPTER: Final = "adapter_config.json"
NEEDS: Final = "pip install 'waypost[train]'"

_WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                   "pytorch_model.bin.index.json")  # fmt: skip
_POINTER: Final = b"version https://git-lfs"
_LARGEST_JSON: Final = 4 * 2**20
_LARGEST_VOCABULARY: Final = 128 * 2**20
_LARGEST_MODEL: Final = 8 * 2**30


@dataclass(frozen=True, slots=True)
class Located:
    """What there is to run.

    Attributes:
        root: folder with `config.json` and the files that name labels.
        model: an ONNX file.
        tokenizer: a `tokenizer.json`.
        precision: `int8` or `fp32` where we made the file, else empty.
        sha256: of the ONNX file, hex.
    """

    root: Path
    model: Path
    tokenizer: Path
    precision: str
    sha256: str


def locate(folder: Path) -> Located:
    """Find what can be run: our own conversion, else an ONNX file in 32 bits.

    Raises:
        EngineError: nothing can, with the reason and what to do.
    """
    for place in (folder, folder / CONVERTED):
        if (place / RECORD).is_file():
            return _converted(place, folder)
    for place in (folder, folder / "onnx"):
        if (place / MODEL).is_file():
            model = checked(place / MODEL, _LARGEST_MODEL)
            return Located(folder, model, _tokenizer(place, folder), "", sha256_of(model))
    raise EngineError(_why_not(folder))


def read_json(path: Path, limit: int = _LARGEST_JSON) -> Any:  # noqa: ANN401 - JSON
    """Read a JSON file of somebody else's.

    Raises:
        EngineError: it cannot be read, is too large, or is no JSON.
    """
    try:
        return json.loads(checked(path, limit).read_bytes())
    except OSError as error:
        raise EngineError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise EngineError(f"{str(path)!r} is not JSON: {error}") from error


def read_object(path: Path) -> Mapping[str, Any]:
    """Read a JSON object; empty where there is no file.

    Raises:
        EngineError: as `read_json`, or it is no object.
    """
    value: object = read_json(path) if path.is_file() else {}
    if not isinstance(value, dict):
        raise EngineError(f"{str(path)!r} is not a JSON object")
    return cast("Mapping[str, Any]", value)


def read_vocabulary(path: Path) -> bytes:
    """The content of a `tokenizer.json`.

    Raises:
        EngineError: it cannot be read, or is too large.
    """
    try:
        return checked(path, _LARGEST_VOCABULARY).read_bytes()
    except OSError as error:
        raise EngineError(f"{str(path)!r} cannot be read: {error.strerror}") from error


def checked(path: Path, limit: int = _LARGEST_MODEL) -> Path:
    """A file that is there in full, and no larger than a file of its kind is.

    Raises:
        EngineError: it is missing, empty, too large, or a pointer that Git LFS left in its place.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            opening = file.read(len(_POINTER))
    except OSError as error:
        raise EngineError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    if not size:
        raise EngineError(f"{str(path)!r} is empty; download it again")
    if size > limit:
        raise EngineError(f"{str(path)!r} has {size:,} bytes, more than the {limit:,} such a file may have")
    if opening == _POINTER:
        msg = f"{str(path)!r} is the pointer that Git LFS leaves in place of a file"
        raise EngineError(f"{msg}; fetch it with `git lfs pull`, or with `hf download`")
    return path


def sha256_of(path: Path) -> str:
    """In hex; a second for each gigabyte.

    Raises:
        EngineError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EngineError(f"{str(path)!r} cannot be read: {error.strerror}") from error


def weights(folder: Path) -> tuple[Path, ...]:
    """Files with the weights a conversion starts from, safetensors before pickles; empty = there are none."""
    for kind in ("model*.safetensors", "pytorch_model*.bin"):
        if found := sorted(folder.glob(kind)):
            return tuple(found)
    return ()


def refuse_adapter(folder: Path) -> None:
    """Refuse what holds no model of its own.

    Raises:
        EngineError: naming what to download instead.
    """
    if not (folder / ADAPTER).is_file() or weights(folder) or (folder / MODEL).is_file():
        return
    base = read_object(folder / ADAPTER).get("base_model_name_or_path") or "its base model"
    name = folder.name.removesuffix("-lora")
    told = f"{str(folder)!r} holds a LoRA adapter, which is nothing without {base}"
    raise EngineError(f"{told}; download the merged checkpoint, {name + '-merged'!r}")


def without_torch() -> str:
    """What a conversion lacks here, as a clause; empty = nothing."""
    missing = [name for name in ("torch", "transformers", "onnx") if find_spec(name) is None]
    if not missing:
        return ""
    return f"; {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed here: {NEEDS}"


def _converted(place: Path, folder: Path) -> Located:
    """Our own conversion, if it is whole and was made from what stands beside it."""
    record = read_object(place / RECORD)
    again = f"convert again: `waypost models convert {folder}`"
    files, made_from = _hashes(record, "files"), _hashes(record, "sources")
    if record.get("format") != RECORD_FORMAT or not {MODEL, TOKENIZER} <= files.keys():
        raise EngineError(f"{str(place / RECORD)!r} is of another version of waypost; {again}")
    for name in (MODEL, TOKENIZER):
        if sha256_of(checked(place / name)) != files[name]:
            raise EngineError(f"{str(place / name)!r} is not what {RECORD} vouches for; {again}")
    if place != folder:
        # Who needs the space may take the weights away; what is there must be what was converted.
        for source in sources(folder):
            if sha256_of(source) != made_from.get(source.name):
                raise EngineError(f"{str(source)!r} was exchanged since it was converted; {again}")
    return Located(folder, place / MODEL, place / TOKENIZER, str(record.get("precision")), files[MODEL])


def _hashes(record: Mapping[str, Any], key: str) -> Mapping[str, str]:
    value = record.get(key)
    named = cast("Mapping[str, object]", value if isinstance(value, dict) else {})
    return {name: str(sha256) for name, sha256 in named.items()}


def _tokenizer(*places: Path) -> Path:
    found = next((place / TOKENIZER for place in places if (place / TOKENIZER).is_file()), None)
    if found is None:
        folder = places[-1]
        told = f"{str(folder / TOKENIZER)!r} is missing"
        raise EngineError(f"{told}; download it, or write it with `waypost models convert {folder}`")
    return found


def _why_not(folder: Path) -> str:
    """What to do about a folder with nothing to run."""
    refuse_adapter(folder)
    shown = str(folder)
    others = sorted(path.name for path in (*folder.glob("*.onnx"), *folder.glob("onnx/*.onnx")))
    if any((folder / name).is_file() for name in _WEIGHTS):
        told = f"{shown!r} has weights that must be converted once: `waypost models convert {shown}`"
        told += without_torch()
    elif others:
        told = f"{shown!r} has no {MODEL} in 32 bits, and no weights to make one from; download one of them"
    else:
        told = f"{shown!r} holds no model; put a Hugging Face checkpoint there, or remove the key"
    halves = [name for name in others if any(mark in name for mark in _NOT_FOR_CPUS)]
    if halves:
        told += f" ({', '.join(halves)}: half precision is ten times slower on a CPU, not faster)"
    return told


_NOT_FOR_CPUS: Final = ("fp16", "bf16", "float16")


def sources(folder: Path) -> Iterator[Path]:
    """Everything a conversion depends on."""
    names = (CONFIG, TOKENIZER, "tokenizer_config.json", "vocab.txt", "sentence_bert_config.json")
    yield from weights(folder)
    yield from (folder / name for name in names if (folder / name).is_file())
