"""Checkpoints of somebody else's in place of built-in heads.

Such a model has a vocabulary and windows of its own, and is one more pass for the head it answers. It
looks like an artefact that knows that one head, so windows, memory, queue and deadline are those of ours.

A guard fails closed: if the operator names a model for `jailbreak` or `pii` and it cannot be used, the
start is refused. A topic or an embedding is not a guard: the built-in one answers, with a warning.
"""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from waypost.encoder.foreign_files import CONFIG, Located, locate, read_json, read_object, read_vocabulary
from waypost.encoder.foreign_labels import labels, sides, tags, topics
from waypost.encoder.foreign_network import (
    Decode,
    DecodeEmbedding,
    DecodeSides,
    DecodeTags,
    DecodeTopics,
    ForeignNetwork,
    Pooling,
    open_network,
)
from waypost.encoder.foreign_tokens import ForeignTokeniser
from waypost.encoder.heads import Choice, Guard
from waypost.encoder.manifest import Artefact, Heads
from waypost.encoder.settings import Device, ForeignModel
from waypost.encoder.tags import Tagger
from waypost.errors import EngineError
from waypost.signals.base import SCANNING
from waypost.signals.pii import LEARNED

log = logging.getLogger(__name__)

KEYS: Final = {
    "domain": "classifier.category_model",
    "pii": "classifier.pii_model",
    "jailbreak": "prompt_guard",
    "similarity": "bert_model",
}
"""Where the file names the model of each head."""

_LONGEST: Final = 512
"""Tokens in one pass; models that can read more at a time take more than twice as long for twice as much."""
_SHORTEST: Final = 16
_SHIFTED: Final = frozenset({"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer"})
"""Architectures that count positions from behind that of the padding token."""

_ONE, _TWO = 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Foreign:
    """An open checkpoint.

    Attributes:
        head: what it answers.
        artefact: what it would be if we had made it; its other heads are the built-in ones' and not asked.
        precision: `int8` or `fp32` where we converted it, else empty.
        lacks: labels that are read of the built-in head and that it does not know.
    """

    head: str
    artefact: Artefact
    network: ForeignNetwork
    tokeniser: ForeignTokeniser
    precision: str
    lacks: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether the built-in head has nothing left to say: types only it knows are still looked for."""
        return self.head != "pii" or not self.lacks


def open_all(models: Mapping[str, ForeignModel], own: Heads, device: Device) -> dict[str, Foreign]:
    """Load what is named; what cannot be used is left out with a warning, unless it is a guard.

    Raises:
        EngineError: a guard's model cannot be used.
    """
    found: dict[str, Foreign] = {}
    for head, model in models.items():
        try:
            found[head] = opened = open_foreign(head, model, own, device)
        except EngineError as error:
            if head in SCANNING:
                raise EngineError(f"{KEYS[head]}: {error} (a guard that is named must answer)") from error
            log.warning("%s: %s; the built-in classifier is used", KEYS[head], error)
        else:
            if head == "domain" and opened.lacks:
                log.warning("%s: it never answers %s", KEYS[head], ", ".join(opened.lacks))
    return found


def open_foreign(head: str, model: ForeignModel, own: Heads, device: Device = "auto") -> Foreign:
    """Load one checkpoint and read a window with it.

    Args:
        head: `domain`, `jailbreak`, `pii` or `similarity`.
        model: where it is.
        own: the built-in heads, whose calibration of likeness it takes over.
        device: what it runs on.

    Raises:
        EngineError: with the place, the problem and what to do.
    """
    located = locate(model.folder)
    config = read_object(located.root / CONFIG)
    tokeniser = _tokeniser(located, config)
    window = window_of(located.root, config)
    if config.get("problem_type") == "multi_label_classification":
        told = f"{str(located.root)!r} may give several labels to one text"
        raise EngineError(f"{told}; take one whose labels exclude each other")
    decode, heads, lacks = _head(head, located, model.labels, own, tokeniser)
    network = open_network(located.model, device, tokeniser, window, decode)
    _must_fit(head, network.shape, located, decode)
    sha256, stride = located.sha256, window * 3 // 4
    artefact = Artefact(
        model.folder, model.folder.name, sha256[:12], window, stride, heads, (), sha256, {}
    )  # fmt: skip
    return Foreign(head, artefact, network, tokeniser, located.precision, lacks)


def _tokeniser(located: Located, config: Mapping[str, Any]) -> ForeignTokeniser:
    data = read_vocabulary(located.tokenizer)
    place = str(located.tokenizer)
    with ThreadPoolExecutor(1) as aside:
        reading = aside.submit(ForeignTokeniser, data)
    # The package raises bare exceptions, which a future hands over whatever they are.
    if error := reading.exception():
        raise EngineError(f"{place!r} cannot be used: {error}") from error
    tokeniser = reading.result()
    size = config.get("vocab_size")
    if isinstance(size, int) and tokeniser.size > size:
        raise EngineError(
            f"{place!r} has {tokeniser.size} tokens, the model {size}; they are not of one model"
        )
    return tokeniser


def window_of(root: Path, config: Mapping[str, Any]) -> int:
    """Tokens in one pass, special ones included: as many as the checkpoint says, at most 512.

    Raises:
        EngineError: too few.
    """
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and config.get("model_type") in _SHIFTED:
        padding = config.get("pad_token_id")
        positions -= 1 + (padding if isinstance(padding, int) else 1)
    limits = (
        positions,
        read_object(root / "tokenizer_config.json").get("model_max_length"),
        read_object(root / "sentence_bert_config.json").get("max_seq_length"),
    )
    window = min([_LONGEST, *(int(limit) for limit in limits if isinstance(limit, (int, float)))])
    if window < _SHORTEST:
        raise EngineError(f"{str(root)!r} reads {window} tokens at a time, fewer than {_SHORTEST}")
    return window


def _head(
    head: str, located: Located, named: Path | None, own: Heads, tokeniser: ForeignTokeniser
) -> tuple[Decode, Heads, tuple[str, ...]]:
    """How outputs are read, the heads that result, and what they lack."""
    if head == "similarity":
        return DecodeEmbedding(pooling(located.root)), own, ()
    names = labels(head, located.root, named)
    if head == "domain":
        known = topics(names, located.root)
        return (
            DecodeTopics(known),
            replace(own, domain=Choice((*known.labels, *known.missing))),
            known.missing,
        )
    if head == "jailbreak":
        return DecodeSides(sides(names, located.root)), replace(own, jailbreak=Guard()), ()
    found = tags(names, located.root)
    decode = DecodeTags(found, len(tokeniser.before), len(tokeniser.after))
    lacks = tuple(name for name in own.pii.types if name in LEARNED and name not in found.types)
    return decode, replace(own, pii=Tagger(found.types)), lacks


def pooling(root: Path) -> Pooling:
    """How a sentence-transformers folder makes one vector of many; the mean if it does not say.

    Raises:
        EngineError: in a way that is none of ours.
    """
    modules = root / "modules.json"
    listed: object = read_json(modules) if modules.is_file() else []
    told = cast("list[Mapping[str, Any]]", listed if isinstance(listed, list) else [])
    kinds = {str(module.get("type")).rpartition(".")[2]: str(module.get("path")) for module in told}
    if strange := sorted(kinds.keys() - {"Transformer", "Pooling", "Normalize"}):
        raise EngineError(f"{str(modules)!r} has a module {strange[0]}, which cannot be run here")
    file = root / Path(kinds.get("Pooling", "1_Pooling")).name / CONFIG
    config = read_object(file)
    modes = [key.removeprefix("pooling_mode_") for key, on in config.items() if on is True]
    modes = [str(config["pooling_mode"])] if "pooling_mode" in config else [m for m in modes if m in _MODES]
    ways = {"mean_tokens": "mean", "mean": "mean", "cls_token": "cls", "cls": "cls"}
    way = ways.get(modes[0]) if len(modes) == 1 else None if modes or config else "mean"
    if way is None:
        raise EngineError(
            f"{str(file)!r} pools by {', '.join(modes) or 'nothing'}; `mean` and `cls` are known"
        )
    return cast("Pooling", way)


_MODES: Final = (
    "cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken",
)  # fmt: skip


def _must_fit(head: str, shape: tuple[int, ...], located: Located, decode: Decode) -> None:
    """Compare what came out with what the head is read from."""
    place = str(located.model)
    expected = {"pii": (_TWO,), "similarity": (_ONE, _TWO)}.get(head, (_ONE,))
    if len(shape) not in expected:
        what = {"pii": "a tagger of tokens", "similarity": "an embedding"}.get(head, "a classifier of texts")
        raise EngineError(f"{place!r} is not {what}: its output has {len(shape)} axes")
    if decode.outputs is not None and shape[-1] != decode.outputs:
        told = f"{place!r} has {shape[-1]} outputs, but {decode.outputs} labels are named for it"
        raise EngineError(told)
