"""Checkpoints of real architectures, made here: exported, rounded, and read by the engine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    DebertaV2Config,
    DebertaV2ForTokenClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    ModernBertForTokenClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from waypost.encoder.foreign import open_foreign
from waypost.encoder.foreign_files import MODEL, TOKENIZER
from waypost.encoder.manifest import Artefact
from waypost.encoder.onnx import open_session
from waypost.encoder.settings import ForeignModel
from waypost.errors import EngineError
from waypost.train import convert as module
from waypost.train.convert import convert
from waypost.train.convert_torch import export, load

FOREIGN = Path(__file__).parents[2] / "data" / "foreign"
SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "vocab_size": 320,
}
MODERN = {**SMALL, "num_hidden_layers": 4, "max_position_embeddings": 256, "local_attention": 16,
          "global_attn_every_n_layers": 3, "pad_token_id": 0, "bos_token_id": 2, "cls_token_id": 2,
          "eos_token_id": 3, "sep_token_id": 3}  # fmt: skip
ROBERTA = {**SMALL, "num_hidden_layers": 2, "max_position_embeddings": 130, "pad_token_id": 1}
DEBERTA = {**SMALL, "num_hidden_layers": 2, "max_position_embeddings": 128, "relative_attention": True,
           "pos_att_type": ["p2c", "c2p"], "position_buckets": 32, "type_vocab_size": 0}  # fmt: skip
BERT = {**SMALL, "num_hidden_layers": 2, "max_position_embeddings": 160}
SIDES: dict[str, Any] = {"id2label": {0: "benign", 1: "jailbreak"}, "label2id": {"benign": 0, "jailbreak": 1}}
TAGS: dict[str, Any] = {"id2label": {0: "O", 1: "B-PERSON", 2: "I-PERSON"},
                        "label2id": {"O": 0, "B-PERSON": 1, "I-PERSON": 2}}  # fmt: skip


def saved(folder: Path, network: Any) -> Path:
    network.save_pretrained(folder)
    name = "modernbert-guard" if "ModernBert" in type(network).__name__ else "bert-topics"
    (folder / TOKENIZER).write_bytes((FOREIGN / name / TOKENIZER).read_bytes())
    return folder


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(2)


MAKERS = {
    "bert, texts": ("sequence", lambda: BertForSequenceClassification(BertConfig(**BERT, **SIDES))),
    "bert, tokens": ("token", lambda: BertForTokenClassification(BertConfig(**BERT, **TAGS))),
    "modernbert, texts": (
        "sequence",
        lambda: ModernBertForSequenceClassification(ModernBertConfig(**MODERN, **SIDES)),
    ),
    "modernbert, tokens": (
        "token",
        lambda: ModernBertForTokenClassification(ModernBertConfig(**MODERN, **TAGS)),
    ),
    "roberta, texts": (
        "sequence",
        lambda: RobertaForSequenceClassification(RobertaConfig(**ROBERTA, **SIDES)),
    ),
    "deberta, tokens": ("token", lambda: DebertaV2ForTokenClassification(DebertaV2Config(**DEBERTA, **TAGS))),
    "embedding": ("embedding", lambda: BertModel(BertConfig(**BERT))),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_graph_computes_what_torch_does(tmp_path: Path, name: str) -> None:
    kind, make = MAKERS[name]
    folder = saved(tmp_path / "source", make())
    (tmp_path / "out").mkdir()
    largest = export(folder, kind, tmp_path / "out")
    assert largest < 1e-5


@pytest.mark.parametrize("head", ["jailbreak", "pii", "similarity"])
def test_a_conversion_answers_in_the_engine(tmp_path: Path, head: str) -> None:
    name = {"jailbreak": "modernbert, texts", "pii": "modernbert, tokens", "similarity": "embedding"}[head]
    folder = saved(tmp_path / "source", MAKERS[name][1]())
    made = convert(folder)
    assert made.precision == "int8"
    heads = Artefact.open().heads
    foreign = open_foreign(head, ForeignModel(folder), heads, "cpu")
    assert foreign.precision == "int8"
    tokens = foreign.tokeniser.read("What is the sum of it?")
    out = foreign.network.run(*foreign.tokeniser.framed(tokens.ids, tokens.shapes))
    found = {"jailbreak": out.jailbreak, "pii": out.tags, "similarity": out.embedding}[head]
    assert np.isfinite(found).all()
    assert found.any()


def test_what_rounding_would_change_too_much_keeps_32_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "source", MAKERS["bert, tokens"][1]())
    monkeypatch.setattr(module, "MOST", -1.0)
    made = convert(folder)
    assert made.precision == "fp32"
    assert {path.name for path in made.folder.glob("*.onnx")} == {MODEL}
    assert open_foreign("pii", ForeignModel(folder), Artefact.open().heads, "cpu").precision == "fp32"


def test_padding_does_not_change_what_a_graph_says(tmp_path: Path) -> None:
    folder = saved(tmp_path / "source", MAKERS["modernbert, tokens"][1]())
    (tmp_path / "out").mkdir()
    export(folder, "token", tmp_path / "out")
    session = open_session(tmp_path / "out" / MODEL, "CPUExecutionProvider")
    ids = np.arange(5, 135)[None]
    padded = np.pad(ids, ((0, 0), (0, 40)))
    mask = np.pad(np.ones_like(ids), ((0, 0), (0, 40)))
    (alone,) = session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    (among,) = session.run(["logits"], {"input_ids": padded, "attention_mask": mask})
    assert among[:, :130] == pytest.approx(alone, abs=1e-5)


def test_a_checkpoint_without_its_classifier_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "source", BertModel(BertConfig(**BERT)))
    with pytest.raises(EngineError, match=r"has no weights for classifier.bias; it was not trained for this"):
        load(folder, "sequence")


def test_pickles_are_read_without_running_them(tmp_path: Path) -> None:
    folder = saved(tmp_path / "source", MAKERS["bert, texts"][1]())
    weights = dict(load(folder, "sequence").network.state_dict())
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    assert load(folder, "sequence").network.config.num_labels == 2

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "ran").write_text, ("yes",))

    torch.save({"bert.embeddings.word_embeddings.weight": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(EngineError, match="a pickle of more than tensors, which is not read"):
        load(folder, "sequence")
    assert not (tmp_path / "ran").exists()


def test_a_vocabulary_of_words_alone_becomes_one(tmp_path: Path) -> None:
    folder = saved(tmp_path / "source", MAKERS["bert, texts"][1]())
    told = json.loads((folder / TOKENIZER).read_text())["model"]["vocab"]
    (folder / TOKENIZER).unlink()
    (folder / "vocab.txt").write_text("\n".join(sorted(told, key=told.__getitem__)))
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "BertTokenizer", "do_lower_case": true}'
    )
    (tmp_path / "out").mkdir()
    export(folder, "sequence", tmp_path / "out")
    assert (tmp_path / "out" / TOKENIZER).is_file()
