"""The artefact: a folder with a model, its vocabulary, and a manifest that vouches for both.

`Artefact.open` finds a file that is missing, cut short or exchanged before any of it is used. Files are
read in pieces: the whole model in memory beside the session would double what the engine needs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from math import isfinite
from pathlib import Path
from typing import Any, Final, NoReturn, TypeGuard

from waypost.encoder.heads import Choice, Difficulty, Guard
from waypost.encoder.likeness import Closeness
from waypost.encoder.tags import Tagger
from waypost.errors import EngineError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
MODEL: Final = "encoder.onnx"
TOKENIZER: Final = "tokenizer.json"
BUILT_IN: Final = Path(__file__).parent / "artefact"
"""The artefact that comes with the package."""

_SHORTEST: Final = 16
_POSITIONS: Final = 512
"""How many the network has."""

_INSTALL: Final = "install waypost again"
_TRAIN: Final = "write it again with `waypost train`"


@dataclass(frozen=True, slots=True)
class Heads:
    """What the network answers, and how its outputs are read."""

    domain: Choice
    intent: Choice
    complexity: Difficulty
    jailbreak: Guard
    pii: Tagger
    likeness: Closeness


@dataclass(frozen=True, slots=True)
class Check:
    """A text and what the network said of it before it was made smaller, in 32-bit floats.

    Attributes:
        domain: logits.
        intent: logits.
        jailbreak: logits.
        difficulty: probability.
    """

    text: str
    domain: tuple[float, ...]
    intent: tuple[float, ...]
    jailbreak: tuple[float, ...]
    difficulty: float


@dataclass(frozen=True, slots=True)
class Artefact:
    """A checked artefact.

    Attributes:
        window: tokens in one pass, special ones included.
        stride: tokens from the start of one window of a long text to the start of the next.
        sha256: of the model, hex; results of another model are none of its own.
        about: `base`, `training` and `metrics` of the manifest, as they stand.
    """

    folder: Path
    name: str
    version: str
    window: int
    stride: int
    heads: Heads
    checks: tuple[Check, ...]
    sha256: str
    about: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path | None = None) -> "Artefact":
        """Read and check an artefact; None = the one that comes with the package.

        Raises:
            EngineError: with the place, the problem and what to do.
        """
        remedy = _INSTALL if folder is None else _TRAIN
        folder = folder or BUILT_IN
        manifest = _Reader(folder / MANIFEST, "", _manifest(folder / MANIFEST, remedy), remedy)
        version = manifest.value("format")
        if version != FORMAT:
            manifest.refuse("format", f"is {version!r}, this version of waypost reads {FORMAT}")
        files = manifest.inner("files")
        for name in (MODEL, TOKENIZER):
            _vouch(folder / name, files.inner(name), remedy)
        window, stride = manifest.whole("window"), manifest.whole("stride")
        if not _SHORTEST <= window <= _POSITIONS:
            manifest.refuse("window", f"is {window}, must be between {_SHORTEST} and {_POSITIONS}")
        if not 0 < stride <= window - 2:
            manifest.refuse("stride", f"is {stride}, must be between 1 and {window - 2}")
        heads = _heads(manifest)
        return cls(
            folder,
            manifest.text("name"),
            manifest.text("version"),
            window,
            stride,
            heads,
            tuple(_check(each, heads) for each in manifest.items("check")),
            files.inner(MODEL).text("sha256"),
            {key: manifest.value(key) for key in ("base", "training", "metrics")},
        )


def _manifest(path: Path, remedy: str) -> Mapping[str, Any]:
    try:
        read = json.loads(path.read_bytes())
    except OSError as error:
        raise _unreadable(path, error, remedy) from error
    except (ValueError, RecursionError) as error:
        raise EngineError(f"{str(path)!r} is not JSON: {error}; {remedy}") from error
    if not _is_object(read):
        raise EngineError(f"{str(path)!r} is not a JSON object; {remedy}")
    return read


def _vouch(path: Path, vouched: "_Reader", remedy: str) -> None:
    """Compare a file with what the manifest says of it."""
    expected, promised = vouched.whole("bytes"), vouched.text("sha256")
    try:
        with path.open("rb") as file:
            size, found = path.stat().st_size, file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error, remedy) from error
    if size != expected:
        raise EngineError(f"{str(path)!r} has {size} bytes, the manifest says {expected}; {remedy}")
    if found != promised:
        msg = f"{str(path)!r} is not what the manifest vouches for: sha256 {found}, not {promised}; {remedy}"
        raise EngineError(msg)


def _unreadable(path: Path, error: OSError, remedy: str) -> EngineError:
    if isinstance(error, FileNotFoundError):
        return EngineError(f"{str(path)!r} is missing; {remedy}")
    return EngineError(f"{str(path)!r} cannot be read: {error.strerror}; {remedy}")


def _heads(manifest: "_Reader") -> Heads:
    heads = manifest.inner("heads")
    hard, guard, pii = (heads.inner(name) for name in ("complexity", "jailbreak", "pii"))
    near = manifest.inner("likeness")
    if guard.labels() != ("benign", "attack"):
        guard.refuse("labels", "must be benign, attack")
    thresholds = pii.inner("thresholds")
    types = pii.labels()
    return Heads(
        _choice(heads.inner("domain")),
        _choice(heads.inner("intent")),
        Difficulty(hard.number("slope"), hard.number("bias")),
        Guard(
            guard.positive("temperature"),
            guard.number("bias"),
            guard.number("length_penalty"),
            guard.number("threshold"),
        ),
        Tagger(types, pii.number("o_bias"), {name: thresholds.number(name) for name in types}),
        Closeness(near.number("slope"), near.number("middle")),
    )


def _choice(head: "_Reader") -> Choice:
    return Choice(head.labels(), head.positive("temperature"))


def _check(each: "_Reader", heads: Heads) -> Check:
    return Check(
        each.text("text"),
        each.numbers("domain", len(heads.domain.labels)),
        each.numbers("intent", len(heads.intent.labels)),
        each.numbers("jailbreak", 2),
        each.number("difficulty"),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """An object of the manifest, read strictly; every complaint names its place."""

    file: Path
    place: str
    values: Mapping[str, Any]
    remedy: str

    def refuse(self, key: str, problem: str) -> NoReturn:
        """Complain about one key."""
        raise EngineError(f"{str(self.file)!r}: {self.place}{key} {problem}; {self.remedy}")

    def value(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """Anything, as long as it is there."""
        if key not in self.values:
            self.refuse(key, "is missing")
        return self.values[key]

    def inner(self, key: str) -> "_Reader":
        """An object."""
        value = self.value(key)
        if not _is_object(value):
            self.refuse(key, "must be an object")
        return _Reader(self.file, f"{self.place}{key}.", value, self.remedy)

    def items(self, key: str) -> list["_Reader"]:
        """A list of objects."""
        value = self.value(key)
        if not _is_list(value) or not all(map(_is_object, value)):
            self.refuse(key, "must be a list of objects")
        return [
            _Reader(self.file, f"{self.place}{key}[{n}].", each, self.remedy) for n, each in enumerate(value)
        ]

    def text(self, key: str) -> str:
        """A string."""
        value = self.value(key)
        if not isinstance(value, str):
            self.refuse(key, "must be a string")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        value = self.value(key)
        if not _is_number(value):
            self.refuse(key, "must be a number")
        return float(value)

    def positive(self, key: str) -> float:
        """A finite number above 0."""
        value = self.number(key)
        if value <= 0:
            self.refuse(key, "must be above 0")
        return value

    def whole(self, key: str) -> int:
        """An integer."""
        value = self.value(key)
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(key, "must be a whole number")
        return value

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        """A list of `count` finite numbers."""
        value = self.value(key)
        if not _is_list(value) or len(value) != count or not all(map(_is_number, value)):
            self.refuse(key, f"must be a list of {count} numbers")
        return tuple(map(float, value))

    def labels(self) -> tuple[str, ...]:
        """The names under `labels`, at least one, each once."""
        value = self.value("labels")
        if not _is_list(value) or not value or not all(isinstance(each, str) for each in value):
            self.refuse("labels", "must be a list of names")
        names = tuple(map(str, value))
        if len(set(names)) < len(names):
            self.refuse("labels", "names a label twice")
        return names


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
