"""Makes the checkpoints beside this file: real architectures with few weights, and what torch says they give.

Run it where `requirements/train.in` is installed, from the root: `python tests/data/foreign/make.py`.
Each model learns a toy task in seconds, so that tests see it find what it should. Exports are those of
`waypost models convert`, in 32 bits and with shortened names.
"""

import json
import shutil
import string
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, WordPiece
from tokenizers.trainers import BpeTrainer
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    ModernBertForTokenClassification,
    PreTrainedTokenizerFast,
)

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "src"))

from waypost.train.convert_torch import export  # noqa: E402 - the repository's own, installed or not

HERE = Path(__file__).parent
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FILLERS = [
    "the",
    "a",
    "what",
    "is",
    "of",
    "how",
    "to",
    "and",
    "we",
    "in",
    "for",
    "please",
    "tell",
    "me",
    "about",
    "it",
]
TOPICS = {
    "math": ["sum", "angle", "prime", "equation"],
    "computer_science": ["code", "compiler", "loop", "server"],
    "cooking": ["soup", "bread", "oven", "salt"],
}
ATTACKS = ["ignore", "jailbreak", "override"]
NAMES = ["john smith", "ada lovelace", "maria", "omar diaz"]
WORDS = [
    *FILLERS,
    *(word for words in TOPICS.values() for word in words),
    *ATTACKS,
    *" ".join(NAMES).split(),
    "zip",
    "code",
    "mail",
]
CORPUS = [" ".join(WORDS), "John Smith Ada Lovelace Maria Omar Diaz", string.digits, "mail@me.com"]
TEXTS = [
    "what is the sum of the angle",
    "Please tell me about the compiler, and the server.",
    "ignore the soup",
    "We met John Smith in zip 12345!",
    "",
]
SMALL: dict[str, Any] = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24}
STEPS = 300

Batch = tuple[list[list[int]], list[Any]]


def wordpiece() -> PreTrainedTokenizerFast:
    chars = sorted(set(string.printable) - set(string.whitespace) - set(string.ascii_uppercase))
    pieces = dict.fromkeys(
        [*SPECIAL, *WORDS, *chars, *(f"##{c}" for c in string.ascii_lowercase + string.digits)]
    )
    tokenizer = Tokenizer(WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return framed(tokenizer)


def bytes_() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(
        vocab_size=320, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    return framed(tokenizer)


def framed(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]",
    )  # fmt: skip


def sentence(rng: np.random.Generator, special: Sequence[str]) -> list[str]:
    words = [str(rng.choice(FILLERS)) for _ in range(rng.integers(1, 10))]
    for each in special:
        words.insert(int(rng.integers(len(words) + 1)), each)
    return [word.capitalize() if rng.random() < 0.3 else word for word in words]


def topics(tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator) -> Batch:
    ids, labels = [], []
    for _ in range(24):
        label = int(rng.integers(3))
        words = sentence(rng, [str(rng.choice(list(TOPICS.values())[label])) for _ in range(2)])
        ids.append(tokenizer(" ".join(words)).input_ids)
        labels.append(label)
    return ids, labels


def attacks(tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator) -> Batch:
    ids, labels = [], []
    for _ in range(24):
        label = int(rng.integers(2))
        special = [str(rng.choice(ATTACKS))] if label else [str(rng.choice(TOPICS["cooking"]))]
        ids.append(tokenizer(" ".join(sentence(rng, special))).input_ids)
        labels.append(label)
    return ids, labels


def personal(*, begins: bool) -> Callable[[PreTrainedTokenizerFast, np.random.Generator], Batch]:
    """Names and five digits; labels O, [B-, I-]PERSON, [B-, I-]ZIP_CODE."""

    def batch(tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator) -> Batch:
        ids, labels = [], []
        for _ in range(24):
            name, digits = str(rng.choice(NAMES)), "".join(str(rng.integers(10)) for _ in range(5))
            name = name.title() if rng.random() < 0.5 else name
            text = " ".join(sentence(rng, [name, digits]))
            encoding = tokenizer(text, return_offsets_mapping=True)
            spans = [(text.lower().find(part.lower()), len(part)) for part in (name, digits)]
            row, before = [], 0
            for start, end in encoding.offset_mapping:
                inside = [n for n, (at, size) in enumerate(spans) if at < end <= at + size and start < end]
                kind = inside[0] + 1 if inside else 0
                row.append(2 * kind - (before != kind) if kind and begins else kind)
                before = kind
            ids.append(encoding.input_ids)
            labels.append(row)
        return ids, labels

    return batch


def train(network: Any, tokenizer: PreTrainedTokenizerFast, batch: Callable[..., Batch]) -> None:
    rng = np.random.default_rng(5)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    network.train()
    for _ in range(STEPS):
        ids, labels = batch(tokenizer, rng)
        width = max(map(len, ids))
        padded = torch.tensor([row + [0] * (width - len(row)) for row in ids])
        mask = (torch.arange(width)[None] < torch.tensor([[len(row)] for row in ids])).long()
        if isinstance(labels[0], list):
            labels = [row + [-100] * (width - len(row)) for row in labels]
        loss = network(input_ids=padded, attention_mask=mask, labels=torch.tensor(labels)).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    sys.stdout.write(f"{type(network).__name__}: loss {float(loss):.4f}\n")


def shrink(path: Path) -> None:
    """Take names and remarks out of a graph."""
    model = onnx.load(path)
    kept = {node.name for node in (*model.graph.input, *model.graph.output)}
    names: dict[str, str] = {}

    def short(name: str) -> str:
        return name if name in kept or not name else names.setdefault(name, f"t{len(names)}")

    for node in model.graph.node:
        node.name = node.doc_string = ""
        node.input[:], node.output[:] = map(short, node.input), map(short, node.output)
    for tensor in model.graph.initializer:
        tensor.name, tensor.doc_string = short(tensor.name), ""
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write(name: str, network: Any, tokenizer: PreTrainedTokenizerFast, kind: str, inner: str = "") -> Path:
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / inner).mkdir(parents=True)
    network = network.eval()
    with tempfile.TemporaryDirectory() as temporary:
        source, made = Path(temporary) / "source", Path(temporary) / "made"
        made.mkdir()
        network.save_pretrained(source)
        tokenizer.save_pretrained(source)
        if kind == "embedding":
            layers = ["Transformer", "Pooling", "Normalize"]
            paths = ["", "1_Pooling", "2_Normalize"]
            modules = [
                {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{layer}"}
                for n, (layer, path) in enumerate(zip(layers, paths, strict=True))
            ]
            (source / "modules.json").write_text(json.dumps(modules))
        sys.stdout.write(f"{name}: torch and onnxruntime differ by {export(source, kind, made):.1e}\n")
        shrink(made / "model.onnx")
        shutil.copyfile(made / "model.onnx", folder / inner / "model.onnx")
        for each in ("config.json", "tokenizer.json", "modules.json"):
            if (source / each).is_file():
                read = json.loads((source / each).read_text())
                (folder / each).write_text(json.dumps(read, separators=(",", ":")) + "\n")
    expected = [{"text": text, "output": said(network, tokenizer, text, kind)} for text in TEXTS]
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    return folder


def said(network: Any, tokenizer: PreTrainedTokenizerFast, text: str, kind: str) -> Any:
    """What torch gives for a text: logits, or a pooled vector of unit length."""
    with torch.no_grad():
        told = network(**tokenizer(text, return_tensors="pt", return_token_type_ids=False))
    if kind == "embedding":
        pooled = told.last_hidden_state[0].mean(0)
        return (pooled / pooled.norm()).tolist()
    return (
        [[round(x, 6) for x in row] for row in told.logits[0].tolist()]
        if kind == "token"
        else told.logits[0].tolist()
    )


def numbered(names: Sequence[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(names)), "label2id": {name: n for n, name in enumerate(names)}}


def main() -> None:
    torch.manual_seed(11)
    torch.set_num_threads(1)
    words, pieces = wordpiece(), bytes_()
    bert: dict[str, Any] = {
        **SMALL,
        "vocab_size": len(words),
        "num_hidden_layers": 1,
        "max_position_embeddings": 32,
    }
    modern: dict[str, Any] = {
        **SMALL, "vocab_size": len(pieces), "num_hidden_layers": 2, "max_position_embeddings": 48,
        "global_attn_every_n_layers": 2, "local_attention": 16, "pad_token_id": 0, "bos_token_id": 2,
        "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3,
    }  # fmt: skip

    network: Any = BertForSequenceClassification(BertConfig(**bert, **numbered(list(TOPICS))))
    train(network, words, topics)
    write("bert-topics", network, words, "sequence")

    network = ModernBertForSequenceClassification(ModernBertConfig(**modern))
    train(network, pieces, attacks)
    folder = write("modernbert-guard", network, pieces, "sequence")
    mapping = {
        "label_to_idx": {"benign": 0, "jailbreak": 1},
        "idx_to_label": {"0": "benign", "1": "jailbreak"},
    }
    (folder / "jailbreak_type_mapping.json").write_text(json.dumps(mapping) + "\n")

    tags = ["O", "B-PERSON", "I-PERSON", "B-ZIP_CODE", "I-ZIP_CODE"]
    network = BertForTokenClassification(BertConfig(**bert, **numbered(tags)))
    train(network, words, personal(begins=True))
    write("bert-pii", network, words, "token")

    network = ModernBertForTokenClassification(ModernBertConfig(**modern, **numbered(["O", "PER", "ZIP"])))
    train(network, pieces, personal(begins=False))
    write("modernbert-pii", network, pieces, "token", inner="onnx")

    write("embedding", BertModel(BertConfig(**bert), add_pooling_layer=False), words, "embedding")


if __name__ == "__main__":
    main()
