"""BERT-base and ModernBERT-base as onnxruntime runs them: the right shapes, random weights.

    python -m bench.encoder_rivals ModernBERT-base fp32.onnx int8.onnx     needs the extra `train`

A pass costs the same whatever the weights are, so nothing has to be downloaded. They are quantised as our own
model is.
"""

import argparse
import warnings
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, BertConfig, ModernBertConfig

from waypost.train.export import quantise

LABELS = 14
CONFIGURATIONS = {"BERT-base": BertConfig, "ModernBERT-base": ModernBertConfig}


class Logits(torch.nn.Module):
    """A classifier with plain inputs and one plain output."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """One score per label."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def export(name: str, path: Path) -> None:
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_config(
        CONFIGURATIONS[name](num_labels=LABELS), attn_implementation="eager"
    )
    names = ["input_ids", "attention_mask"]
    ids = torch.ones(1, 12, dtype=torch.int64)
    torch.onnx.export(
        Logits(model).eval(),
        (ids, ids),
        str(path),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={each: {0: "b", 1: "s"} for each in names},
        opset_version=17,
        dynamo=False,
    )


def write(name: str, exported: Path, quantised: Path) -> None:
    """Make what is missing; a file that is cut short never has its final name."""
    exported.parent.mkdir(parents=True, exist_ok=True)
    part = exported.with_suffix(".part")
    if not exported.exists():
        export(name, part)
        part.rename(exported)
    quantise(exported, part)
    part.rename(quantised)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=CONFIGURATIONS)
    parser.add_argument("exported", type=Path)
    parser.add_argument("quantised", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    write(options.name, options.exported, options.quantised)
