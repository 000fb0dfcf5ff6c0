"""The network: MiniLM as a frozen trunk, its own top for the embedding, and a twin top for learned heads.

    tokens -> embeddings, layers 0-3 -+- layers 4-5 as published -> mean -> unit length -> embedding
                                      +- word shapes + layers 4-5, trained
                                          +- pooled -> domain, intent, difficulty
                                          +- pooled -> jailbreak
                                          +- each token -> PII tags

No weight on the way to the embedding is trained, so heads can be trained again without any index of
embeddings going stale. BERT as in Devlin et al. 2018, with the sizes of all-MiniLM-L6-v2.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from waypost.train.base import TRUNK_LAYERS
from waypost.train.rows import DOMAINS, INTENTS, PII_TYPES

HIDDEN: Final = 384
LAYERS: Final = 6
SHAPES: Final = 9
TAGS: Final = 1 + 2 * len(PII_TYPES)
_HEADS: Final = 12
_INNER: Final = 1536
_VOCABULARY: Final = 30_522
_POSITIONS: Final = 512
_EPSILON: Final = 1e-12
_MASKED: Final = -1e4


class Layer(nn.Module):
    """One transformer layer, attention written out so that it exports to plain ONNX operators."""

    def __init__(self) -> None:
        super().__init__()
        self.mixer = nn.Linear(HIDDEN, 3 * HIDDEN)  # query, key and value as one product
        self.output = nn.Linear(HIDDEN, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=_EPSILON)
        self.inner, self.outer = nn.Linear(HIDDEN, _INNER), nn.Linear(_INNER, HIDDEN)
        self.outer_norm = nn.LayerNorm(HIDDEN, eps=_EPSILON)
        self.dropout = nn.Dropout(0.1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """States [b, s, 384] and an additive mask [b, 1, 1, s] to states."""
        batch, length, _ = states.shape
        split = (batch, length, 3, _HEADS, HIDDEN // _HEADS)
        query, key, value = self.mixer(states).view(split).permute(2, 0, 3, 1, 4)
        if torch.onnx.is_in_onnx_export():
            scores = query @ key.transpose(2, 3) / (HIDDEN // _HEADS) ** 0.5 + mask
            mixed = torch.softmax(scores, -1) @ value
        else:
            mixed = nn.functional.scaled_dot_product_attention(query, key, value, mask)
        mixed = mixed.transpose(1, 2).reshape(batch, length, HIDDEN)
        states = self.norm(states + self.dropout(self.output(mixed)))
        return self.outer_norm(states + self.dropout(self.outer(nn.functional.gelu(self.inner(states)))))


class Trunk(nn.Module):
    """Embeddings and the layers everything shares; never trained."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(_VOCABULARY, HIDDEN)
        self.positions = nn.Embedding(_POSITIONS, HIDDEN)
        self.types = nn.Embedding(2, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=_EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(TRUNK_LAYERS))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Token ids [b, s] to states [b, s, 384]."""
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        embedded = self.words(input_ids) + self.positions(places) + self.types.weight[0]
        states, mask = self.norm(embedded), additive(attention_mask)
        for layer in self.layers:
            states = layer(states, mask)
        return states


class Heads(NamedTuple):
    """Outputs of the twin: logits, but for the difficulty, which is a probability."""

    domain: Tensor
    intent: Tensor
    difficulty: Tensor
    jailbreak: Tensor
    tags: Tensor


class Twin(nn.Module):
    """The trained top; starts as a copy of the published layers 4-5 and mean pooling.

    Attributes:
        domains: what the domain head tells apart, in the order of its outputs.
    """

    def __init__(self, domains: Sequence[str] = DOMAINS) -> None:
        super().__init__()
        self.domains = tuple(domains)
        self.shapes = nn.Embedding(SHAPES, HIDDEN)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS - TRUNK_LAYERS))
        self.pool = nn.Linear(HIDDEN, 2)
        self.dropout = nn.Dropout(0.1)
        self.domain = nn.Linear(HIDDEN, len(self.domains))
        self.intent = nn.Linear(HIDDEN, len(INTENTS))
        self.difficulty = nn.Linear(HIDDEN, 1)
        self.jailbreak = nn.Linear(HIDDEN, 2)
        self.tags = nn.Linear(HIDDEN, TAGS)
        for zero in (self.shapes.weight, self.pool.weight, self.pool.bias):
            nn.init.zeros_(zero)

    def forward(self, states: Tensor, attention_mask: Tensor, shape_ids: Tensor) -> Heads:
        """States of the trunk [b, s, 384] to every head."""
        states, mask = states + self.shapes(shape_ids), additive(attention_mask)
        for layer in self.layers:
            states = layer(states, mask)
        weights = torch.softmax(self.pool(states) + mask.squeeze(1).transpose(1, 2), 1)
        topic, threat = (self.dropout((states * weights[..., n : n + 1]).sum(1)) for n in range(2))
        return Heads(
            self.domain(topic),
            self.intent(topic),
            torch.sigmoid(self.difficulty(topic)),
            self.jailbreak(threat),
            self.tags(self.dropout(states)),
        )


class Whole(nn.Module):
    """What is exported: one pass, six outputs."""

    def __init__(self, trunk: Trunk, top: "nn.ModuleList[Layer]", twin: Twin) -> None:
        super().__init__()
        self.trunk, self.top, self.twin = trunk, top, twin

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, shape_ids: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Embedding [b, 384] of unit length, then the heads in their order."""
        trunk = self.trunk(input_ids, attention_mask)
        states, mask = trunk, additive(attention_mask)
        for layer in self.top:
            states = layer(states, mask)
        counted = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * counted).sum(1) / counted.sum(1).clamp(min=1e-9)
        return (nn.functional.normalize(mean, dim=-1), *self.twin(trunk, attention_mask, shape_ids))


def additive(attention_mask: Tensor) -> Tensor:
    """0 where a token counts and a large negative number on padding, as [b, 1, 1, s]."""
    return ((1.0 - attention_mask.to(torch.float32)) * _MASKED)[:, None, None, :]


def load_base(
    weights: Mapping[str, Tensor], domains: Sequence[str] = DOMAINS
) -> tuple[Trunk, "nn.ModuleList[Layer]", Twin]:
    """Trunk, published top and a fresh twin from the published weights by their published names."""
    trunk, twin = Trunk(), Twin(domains)
    top = nn.ModuleList(Layer() for _ in range(LAYERS - TRUNK_LAYERS))
    trunk.words.load_state_dict({"weight": weights["embeddings.word_embeddings.weight"]})
    trunk.positions.load_state_dict({"weight": weights["embeddings.position_embeddings.weight"]})
    trunk.types.load_state_dict({"weight": weights["embeddings.token_type_embeddings.weight"]})
    trunk.norm.load_state_dict(_named(weights, "embeddings.LayerNorm"))
    for number in range(LAYERS):
        state = _layer(weights, f"encoder.layer.{number}")
        if number < TRUNK_LAYERS:
            trunk.layers[number].load_state_dict(state)
        else:
            top[number - TRUNK_LAYERS].load_state_dict(state)
            twin.layers[number - TRUNK_LAYERS].load_state_dict(state)
    for frozen in (*trunk.parameters(), *top.parameters()):
        frozen.requires_grad_(False)  # noqa: FBT003 - torch's own signature
    return trunk.eval(), top.eval(), twin


_PUBLISHED: Final = {
    "output": "attention.output.dense",
    "norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "outer_norm": "output.LayerNorm",
}


def _layer(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    layer = {
        f"{own}.{kind}": weights[f"{prefix}.{published}.{kind}"]
        for own, published in _PUBLISHED.items()
        for kind in ("weight", "bias")
    }
    for kind in ("weight", "bias"):
        parts = [weights[f"{prefix}.attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
        layer[f"mixer.{kind}"] = torch.cat(parts)
    return layer


def _named(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {kind: weights[f"{prefix}.{kind}"] for kind in ("weight", "bias")}
