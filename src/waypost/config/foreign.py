"""Classifiers of one's own in place of the built-in heads: the model keys of vLLM Semantic Router files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from waypost.config.document import Findings
from waypost.config.document import Path as Place
from waypost.config.schema import Document
from waypost.encoder.settings import ForeignModel

_HUB: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_BUILT_IN: Final = "the built-in classifier is used"


def foreign_models(document: Document, folder: Path, findings: Findings) -> Mapping[str, ForeignModel]:
    """Checkpoints that are there, by the head they answer; what is named and missing is a warning.

    Args:
        document: the top-level values.
        folder: what relative paths start from.
        findings: where warnings go.
    """
    topics, personal = document.classifier.category_model, document.classifier.pii_model
    guard, embedding = document.prompt_guard, document.bert_model
    named: tuple[tuple[str, Place, str | None, str | None], ...] = (
        ("domain", ("classifier", "category_model"), topics.model_id, topics.category_mapping_path),
        ("pii", ("classifier", "pii_model"), personal.model_id, personal.pii_mapping_path),
        ("jailbreak", ("prompt_guard",), guard.model_id, guard.jailbreak_mapping_path),
        ("similarity", ("bert_model",), embedding.model_id, None),
    )
    models: dict[str, ForeignModel] = {}
    for head, place, model_id, mapping in named:
        if model_id is None:
            continue
        path = folder / Path(model_id).expanduser()
        if path.is_dir():
            labels = folder / Path(mapping).expanduser() if mapping else None
            models[head] = ForeignModel(path, labels if labels and labels.is_file() else None)
        else:
            findings.warn((*place, "model_id"), f"{model_id!r} is no folder; {_BUILT_IN}", _remedy(model_id))
    return models


def _remedy(model_id: str) -> str:
    if _HUB.fullmatch(model_id) and not model_id.startswith("models/"):
        name = model_id.split("/")[1]
        return f"nothing is fetched at run time: `hf download {model_id} --local-dir models/{name}`"
    return "put the checkpoint there, or remove the key"
