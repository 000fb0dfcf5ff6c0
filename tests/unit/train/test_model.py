import pytest
import torch

from tests.unit.train.published import published
from waypost.train.model import HIDDEN, TAGS, Twin, Whole, additive, load_base
from waypost.train.rows import DOMAINS, INTENTS


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return published()


def fed(length: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    ids = torch.arange(1000, 1000 + length)[None]
    return ids, torch.ones_like(ids), torch.full_like(ids, 2)


def test_the_network_computes_what_bert_computes(weights: dict[str, torch.Tensor]) -> None:
    """Against the equations written out: post-norm layers, softmax of scaled products, exact GELU."""
    trunk, top, twin = load_base(weights)
    ids, mask, shapes = fed()
    with torch.no_grad():
        embedding = Whole(trunk, top, twin).eval()(ids, mask, shapes)[0]

    def dense(states: torch.Tensor, name: str) -> torch.Tensor:
        return states @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(states: torch.Tensor, name: str) -> torch.Tensor:
        centred = states - states.mean(-1, keepdim=True)
        scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-12).sqrt()
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    states = norm(
        weights["embeddings.word_embeddings.weight"][ids[0]]
        + weights["embeddings.position_embeddings.weight"][:7]
        + weights["embeddings.token_type_embeddings.weight"][0],
        "embeddings.LayerNorm",
    )
    for number in range(6):
        at = f"encoder.layer.{number}."
        query, key, value = (dense(states, f"{at}attention.self.{n}") for n in ("query", "key", "value"))
        mixed = [
            torch.softmax(query[:, c] @ key[:, c].T / 32**0.5, -1) @ value[:, c]
            for c in (slice(n * 32, n * 32 + 32) for n in range(12))
        ]
        attended = dense(torch.cat(mixed, 1), f"{at}attention.output.dense")
        states = norm(states + attended, f"{at}attention.output.LayerNorm")
        inner = dense(states, f"{at}intermediate.dense")
        inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
        states = norm(states + dense(inner, f"{at}output.dense"), f"{at}output.LayerNorm")
    mean = states.mean(0)
    assert torch.allclose(embedding[0], mean / mean.norm(), atol=1e-5)


def test_only_the_twin_is_trained(weights: dict[str, torch.Tensor]) -> None:
    trunk, top, twin = load_base(weights)
    assert not any(p.requires_grad for p in (*trunk.parameters(), *top.parameters()))
    assert all(p.requires_grad for p in twin.parameters())
    whole = Whole(trunk, top, twin)
    outputs = whole(*fed())
    sum(out.float().sum() for out in outputs[1:]).backward()
    assert not outputs[0].requires_grad


def test_a_fresh_twin_starts_as_the_published_top(weights: dict[str, torch.Tensor]) -> None:
    """Word shapes and pooling are zero: until something is learned it pools the mean of the same states."""
    trunk, top, twin = load_base(weights)
    ids, mask, shapes = fed()
    with torch.no_grad():
        states = trunk(ids, mask)
        heads = twin.eval()(states, mask, shapes)
        for layer in top:
            states = layer(states, additive(mask))
        assert torch.allclose(heads.domain, twin.domain(states.mean(1)), atol=1e-5)


def test_padding_changes_nothing(weights: dict[str, torch.Tensor]) -> None:
    whole = Whole(*load_base(weights)).eval()
    ids, mask, shapes = fed()
    padded = [torch.cat((each, torch.zeros(1, 5, dtype=torch.int64)), 1) for each in (ids, mask, shapes)]
    with torch.no_grad():
        for alone, together in zip(whole(ids, mask, shapes)[:5], whole(*padded)[:5], strict=True):
            assert torch.allclose(alone, together, atol=1e-4)


def test_heads_are_as_wide_as_their_labels() -> None:
    twin = Twin((*DOMAINS, "ours")).eval()
    heads = twin(torch.zeros(2, 4, HIDDEN), torch.ones(2, 4, dtype=torch.int64), torch.zeros(2, 4).long())
    assert heads.domain.shape == (2, 15)
    assert heads.intent.shape == (2, len(INTENTS))
    assert heads.difficulty.shape == (2, 1)
    assert heads.jailbreak.shape == (2, 2)
    assert heads.tags.shape == (2, 4, TAGS)
    assert twin.domains[-1] == "ours"
