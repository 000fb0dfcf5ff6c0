"""Weights like the published ones, with nothing learned in them; needs torch."""

import torch

from waypost.train.model import HIDDEN


def published() -> dict[str, torch.Tensor]:
    """Random weights under the published names, with the published shapes."""
    torch.manual_seed(3)
    sizes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (30_522, HIDDEN),
        "embeddings.position_embeddings.weight": (512, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "embeddings.LayerNorm.weight": (HIDDEN,),
        "embeddings.LayerNorm.bias": (HIDDEN,),
    }
    inner = {
        "attention.self.query": (HIDDEN, HIDDEN),
        "attention.self.key": (HIDDEN, HIDDEN),
        "attention.self.value": (HIDDEN, HIDDEN),
        "attention.output.dense": (HIDDEN, HIDDEN),
        "attention.output.LayerNorm": (HIDDEN,),
        "intermediate.dense": (1536, HIDDEN),
        "output.dense": (HIDDEN, 1536),
        "output.LayerNorm": (HIDDEN,),
    }
    for layer in range(6):
        for name, size in inner.items():
            sizes[f"encoder.layer.{layer}.{name}.weight"] = size
            sizes[f"encoder.layer.{layer}.{name}.bias"] = size[:1]
    return {name: torch.randn(size) * 0.05 + ("LayerNorm.weight" in name) for name, size in sizes.items()}
