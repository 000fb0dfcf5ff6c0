"""Training of the twin on cached states of the trunk."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from waypost.train.batches import Place, stream
from waypost.train.features import IGNORED, Features, Item
from waypost.train.model import HIDDEN, TAGS, Heads, Twin
from waypost.train.progress import Progress
from waypost.train.recipe import Recipe, Task
from waypost.train.rows import INTENTS, PII_TYPES

_FORGET: Final = 0.02
"""Of the losses that are shown, at every step."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Where the state is kept, so that a broken run goes on from there, and after how many steps."""

    path: Path
    every: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded tensors; rows of one batch have all labels they have, known or not."""

    states: Tensor
    mask: Tensor
    shapes: Tensor
    items: Sequence[Item]


def fit(
    twin: Twin, sets: Mapping[str, Features], recipe: Recipe, progress: Progress, saving: Saving | None = None
) -> Twin:
    """Train, and return the averaged weights; on a GPU if there is one.

    Args:
        twin: fresh from the published weights.
        sets: features by set; what is left out or held out must not be in them.
        recipe: numbers.
        progress: told every step.
        saving: a state of another recipe is not gone on from.

    Raises:
        ValueError: a kind of batch has no rows at all.
    """
    torch.manual_seed(recipe.seed)
    run = _Run(twin, recipe)
    streams = {task: stream(task, sets, recipe) for task in dict.fromkeys(recipe.cycle)}
    first = run.resumed(saving) if saving else 0
    for step in range(first):  # drawn again, so that the rest is as it would have been
        next(streams[recipe.cycle[step % len(recipe.cycle)]])
    losses: dict[str, float] = defaultdict(float)
    for step in range(first, recipe.steps):
        task = recipe.cycle[step % len(recipe.cycle)]
        loss = run.step(task, collate(next(streams[task])))
        losses[task] += _FORGET * (loss - losses[task])
        progress.step(step + 1, recipe.steps, " ".join(f"{t} {v:.3f}" for t, v in losses.items()))
        if saving is not None and (step + 1) % saving.every == 0:
            run.save(saving.path, step + 1)
    return run.kept()


class _Run:
    """The weights on their way, with everything that decides the next step."""

    def __init__(self, twin: Twin, recipe: Recipe) -> None:
        self._recipe = recipe
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._twin = twin.to(self._device).train()
        self._trained = [p for p in twin.parameters() if p.requires_grad]
        layers = {id(p) for p in twin.layers.parameters()}
        groups = [
            {"params": [p for p in self._trained if id(p) in layers], "lr": recipe.rate},
            {"params": [p for p in self._trained if id(p) not in layers], "lr": recipe.head_rate},
        ]
        self._optimiser = torch.optim.AdamW(groups, weight_decay=recipe.decay)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimiser, lambda step: _rate(step, recipe))
        self._mean = AveragedModel(self._twin, multi_avg_fn=get_ema_multi_avg_fn(recipe.average))

    def step(self, task: Task, batch: Batch) -> float:
        """One batch; the loss before it."""
        where = self._device
        with torch.autocast(where.type, torch.bfloat16):
            heads: Heads = self._twin(batch.states.to(where), batch.mask.to(where), batch.shapes.to(where))
        loss = _loss(task, heads, batch.items, self._twin.domains, self._recipe)
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._trained, 1.0)
        self._optimiser.step()
        self._schedule.step()
        self._mean.update_parameters(self._twin)
        return float(loss.detach())

    def kept(self) -> Twin:
        """The averaged weights."""
        return self._mean.module.to("cpu").eval()

    def save(self, path: Path, step: int) -> None:
        """Write the state in one go: a run that is killed while it writes leaves the one before."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        unfinished = path.with_suffix(".part")
        about = {"step": step, "recipe": asdict(self._recipe), "random": torch.get_rng_state()}
        torch.save(about | parts, unfinished)
        unfinished.rename(path)

    def resumed(self, saving: Saving) -> int:
        """The step to go on from."""
        if not saving.path.is_file():
            return 0
        state = torch.load(saving.path, map_location="cpu", weights_only=True)
        if state["recipe"] != asdict(self._recipe):
            return 0
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        torch.set_rng_state(state["random"])
        return int(state["step"])

    def _parts(self) -> dict[str, "_Part"]:
        return {
            "twin": self._twin,
            "mean": self._mean,
            "optimiser": self._optimiser,
            "schedule": self._schedule,
        }


_Part = nn.Module | torch.optim.AdamW | torch.optim.lr_scheduler.LambdaLR


def _rate(step: int, recipe: Recipe) -> float:
    return min(1.0, (step + 1) / recipe.warmup) * max(1 - step / recipe.steps, 0.01)


def collate(places: Sequence[Place]) -> Batch:
    """Pad to the longest."""
    longest = max(len(place.item.ids) for place in places)
    states = torch.zeros(len(places), longest, HIDDEN)
    mask = torch.zeros(len(places), longest, dtype=torch.int64)
    shapes = torch.zeros(len(places), longest, dtype=torch.int64)
    for n, place in enumerate(places):
        length, first = len(place.item.ids), place.item.first
        states[n, :length] = torch.from_numpy(np.asarray(place.states[first : first + length], np.float32))
        mask[n, :length] = 1
        shapes[n, :length] = torch.from_numpy(place.item.shapes)
    return Batch(states, mask, shapes, [place.item for place in places])


# --- what is learned -----------------------------------------------------------------------------------


def _loss(task: Task, heads: Heads, items: Sequence[Item], domains: Sequence[str], recipe: Recipe) -> Tensor:
    match task:
        case "topic":
            return _topic_loss(heads, items, domains, recipe.smoothing)
        case "guard":
            return _guard_loss(heads, items)
        case "personal":
            return _personal_loss(heads, items)


def _topic_loss(heads: Heads, items: Sequence[Item], domains: Sequence[str], smoothing: float) -> Tensor:
    device = heads.domain.device
    rows = [item.row for item in items]
    domain = torch.tensor([domains.index(r.domain) if r.domain else IGNORED for r in rows], device=device)
    intent = torch.tensor([INTENTS.index(r.intent) if r.intent else IGNORED for r in rows], device=device)
    hard = torch.tensor([-1.0 if r.difficulty is None else r.difficulty for r in rows], device=device)
    loss = heads.domain.float().sum() * 0
    for logits, target, share in ((heads.domain, domain, 1.0), (heads.intent, intent, 0.5)):
        if (target >= 0).any():
            loss = loss + share * nn.functional.cross_entropy(
                logits.float(), target, ignore_index=IGNORED, label_smoothing=smoothing
            )
    known = hard >= 0
    if known.any():
        found = heads.difficulty.float().squeeze(1)[known].clamp(1e-5, 1 - 1e-5)
        loss = loss + 0.5 * nn.functional.binary_cross_entropy(found, hard[known])
    return loss


def _guard_loss(heads: Heads, items: Sequence[Item]) -> Tensor:
    """Never smoothed: that bounds the margin, and the highest of many windows needs room above the rest."""
    target = torch.tensor([int(bool(item.row.attack)) for item in items], device=heads.jailbreak.device)
    return nn.functional.cross_entropy(heads.jailbreak.float(), target)


def _personal_loss(heads: Heads, items: Sequence[Item]) -> Tensor:
    """Cross-entropy per token; an unmarked token of a source that leaves a type out may be of that type."""
    logits = torch.log_softmax(heads.tags.float(), -1)
    target = torch.full(logits.shape[:2], IGNORED, device=logits.device)
    maybe = torch.zeros(len(items), TAGS, dtype=torch.bool, device=logits.device)
    maybe[:, 0] = True
    for n, item in enumerate(items):
        target[n, : len(item.tags)] = torch.from_numpy(item.tags)
        for number, kind in enumerate(PII_TYPES):
            if kind not in item.row.annotated:
                maybe[n, 1 + 2 * number : 3 + 2 * number] = True
    outside = logits.masked_fill(~maybe[:, None, :], -torch.inf).logsumexp(-1)
    marked = logits.gather(-1, target.clamp(min=0)[..., None]).squeeze(-1)
    found = torch.where(target == 0, outside, marked)
    return -2 * found[target >= 0].mean()
