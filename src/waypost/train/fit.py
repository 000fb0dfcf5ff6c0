"""Training of the twin: three kinds of batches in turn, on cached states of the trunk."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from waypost.train.features import IGNORED, Features, Item
from waypost.train.model import TAGS, Heads, Twin
from waypost.train.progress import Progress
from waypost.train.rows import DOMAINS, INTENTS, PII_TYPES

Task = Literal["topic", "guard", "personal"]
_POOL: Final = 16
_LONG: Final = 64


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the twin is trained.

    Attributes:
        steps: batches in all.
        cycle: kinds of batches, in turn.
        tokens: padded size of a batch.
        rate: learning rate of the transformer layers.
        head_rate: of everything that starts from nothing.
        average: decay of the moving average of the weights, which is what is kept.
        attacks: share of attacks in a guard batch.
        clean: share of documents without personal data in a PII batch.
    """

    steps: int = 3600
    cycle: tuple[Task, ...] = ("topic", "guard", "personal", "topic", "guard")
    tokens: int = 2560
    rate: float = 3e-4
    head_rate: float = 2e-3
    warmup: int = 50
    decay: float = 0.01
    average: float = 0.998
    attacks: float = 0.4
    clean: float = 0.5
    smoothing: float = 0.05
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """One window and where its states lie."""

    item: Item
    states: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded tensors; rows of one batch have all labels they have, known or not."""

    states: Tensor
    mask: Tensor
    shapes: Tensor
    items: Sequence[Item]


def fit(
    twin: Twin, sets: dict[str, Features], recipe: Recipe, progress: Progress, saved: Path | None = None
) -> Twin:
    """Train, and return the averaged weights.

    Args:
        twin: fresh from the published weights.
        sets: features by set; what is left out or held out must not be in them.
        recipe: numbers.
        progress: told every step.
        saved: where the state is kept, so that a broken run goes on from there.

    Raises:
        ValueError: a kind of batch has no rows at all.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)
    twin.to(device).train()
    trained = [p for p in twin.parameters() if p.requires_grad]
    layers = {id(p) for p in twin.layers.parameters()}
    groups = [
        {"params": [p for p in trained if id(p) in layers], "lr": recipe.rate},
        {"params": [p for p in trained if id(p) not in layers], "lr": recipe.head_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, recipe))
    mean = torch.optim.swa_utils.AveragedModel(
        twin, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average)
    )
    streams = {task: _stream(task, sets, recipe) for task in dict.fromkeys(recipe.cycle)}
    first = _resumed(saved, twin, mean, optimiser, schedule, streams, recipe)
    losses: dict[str, float] = defaultdict(float)
    for step in range(first, recipe.steps):
        task = recipe.cycle[step % len(recipe.cycle)]
        batch = next(streams[task])
        with torch.autocast(device.type, torch.bfloat16):
            heads = twin(batch.states.to(device), batch.mask.to(device), batch.shapes.to(device))
        loss = _LOSSES[task](heads, batch.items, recipe)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(twin)
        losses[task] += 0.02 * (float(loss.detach()) - losses[task])
        progress.step(step + 1, recipe.steps, " ".join(f"{t} {v:.3f}" for t, v in losses.items()))
        if saved is not None and (step + 1) % 500 == 0:
            state = {"twin": twin, "mean": mean, "optimiser": optimiser, "schedule": schedule}
            _save(saved, step + 1, state, recipe)
    kept = mean.module.to("cpu").eval()
    return kept


def _rate(step: int, recipe: Recipe) -> float:
    return min(1.0, (step + 1) / recipe.warmup) * max(1 - step / recipe.steps, 0.01)


def _save(path: Path, step: int, parts: dict[str, Any], recipe: Recipe) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    unfinished = path.with_suffix(".part")
    torch.save({"step": step, "recipe": asdict(recipe), **state}, unfinished)
    unfinished.rename(path)


def _resumed(
    path: Path | None, twin: Twin, mean: Any, optimiser: Any, schedule: Any, streams: Any, recipe: Recipe
) -> int:
    """The step to go on from; batches up to there are drawn again, so that the rest is as it would have been."""
    if path is None or not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    if state["recipe"] != asdict(recipe):
        return 0
    for name, part in (("twin", twin), ("mean", mean), ("optimiser", optimiser), ("schedule", schedule)):
        part.load_state_dict(state[name])
    for step in range(state["step"]):
        next(streams[recipe.cycle[step % len(recipe.cycle)]])
    return int(state["step"])


# --- what is drawn -------------------------------------------------------------------------------------


def _stream(task: Task, sets: dict[str, Features], recipe: Recipe) -> Iterator[Batch]:
    """Batches of one kind without end; draws many, sorts them by length, and cuts where a batch is full."""
    rng = np.random.default_rng([recipe.seed, len(task), *task.encode()])
    places = [Place(i, f.states) for f in sets.values() for i in f.items if _belongs(i, task)]
    if not places:
        raise ValueError(f"no row can train {task!r}")
    weights = _WEIGHTS[task](places, recipe)
    weights /= weights.sum()
    while True:
        drawn = rng.choice(len(places), _POOL * recipe.tokens // _LONG, p=weights)
        chosen = sorted((places[int(n)] for n in drawn), key=lambda place: len(place.item.ids))
        batches: list[list[Place]] = [[]]
        for place in chosen:
            if (len(batches[-1]) + 1) * len(place.item.ids) > recipe.tokens:
                batches.append([])
            batches[-1].append(place)
        for number in rng.permutation(len(batches)):
            yield collate(batches[int(number)])


def _belongs(item: Item, task: Task) -> bool:
    row = item.row
    match task:
        case "topic":
            return row.domain is not None or row.intent is not None or row.difficulty is not None
        case "guard":
            return row.attack is not None
        case "personal":
            return len(item.tags) > 0


def _topic_weights(places: Sequence[Place], _: Recipe) -> NDArray[np.float64]:
    """Every source by the root of its size: large exams must not drown small sets of natural text."""
    sizes = Counter(place.item.row.source for place in places)
    return np.asarray([p.item.row.weight * sizes[p.item.row.source] ** -0.5 for p in places])


def _guard_weights(places: Sequence[Place], recipe: Recipe) -> NDArray[np.float64]:
    """Attacks and benign texts alike in length, so that length tells nothing; sources by the root of their size."""
    bins = np.asarray([int(2 * np.log2(len(place.item.ids))) for place in places])
    attack = np.asarray([bool(place.item.row.attack) for place in places])
    base = _topic_weights(places, recipe)
    aim = np.asarray([base[bins == b].sum() for b in range(bins.max() + 1)]) / base.sum()
    weights = np.zeros(len(places))
    for is_attack, share in ((True, recipe.attacks), (False, 1 - recipe.attacks)):
        for number, mass in enumerate(aim):
            here = (attack == is_attack) & (bins == number)
            if here.any():
                weights[here] = base[here] / base[here].sum() * mass * share
    return weights


def _personal_weights(places: Sequence[Place], recipe: Recipe) -> NDArray[np.float64]:
    clean = np.asarray([not place.item.row.personal for place in places])
    base = _topic_weights(places, recipe)
    for is_clean, share in ((True, recipe.clean), (False, 1 - recipe.clean)):
        here = clean == is_clean
        if here.any():
            base[here] *= share / base[here].sum()
    return base


_WEIGHTS: Final = {"topic": _topic_weights, "guard": _guard_weights, "personal": _personal_weights}


def collate(places: Sequence[Place]) -> Batch:
    """Pad to the longest."""
    longest = max(len(place.item.ids) for place in places)
    states = torch.zeros(len(places), longest, 384)
    mask = torch.zeros(len(places), longest, dtype=torch.int64)
    shapes = torch.zeros(len(places), longest, dtype=torch.int64)
    for n, place in enumerate(places):
        length, first = len(place.item.ids), place.item.first
        states[n, :length] = torch.from_numpy(np.asarray(place.states[first : first + length], np.float32))
        mask[n, :length] = 1
        shapes[n, :length] = torch.from_numpy(place.item.shapes)
    return Batch(states, mask, shapes, [place.item for place in places])


# --- what is learned -----------------------------------------------------------------------------------


def _topic_loss(heads: Heads, items: Sequence[Item], recipe: Recipe) -> Tensor:
    device = heads.domain.device
    rows = [item.row for item in items]
    domain = torch.tensor([DOMAINS.index(r.domain) if r.domain else IGNORED for r in rows], device=device)
    intent = torch.tensor([INTENTS.index(r.intent) if r.intent else IGNORED for r in rows], device=device)
    hard = torch.tensor([-1.0 if r.difficulty is None else r.difficulty for r in rows], device=device)
    loss = heads.domain.float().sum() * 0
    for logits, target, share in ((heads.domain, domain, 1.0), (heads.intent, intent, 0.5)):
        if (target >= 0).any():
            loss = loss + share * nn.functional.cross_entropy(
                logits.float(), target, ignore_index=IGNORED, label_smoothing=recipe.smoothing
            )
    known = hard >= 0
    if known.any():
        found = heads.difficulty.float().squeeze(1)[known].clamp(1e-5, 1 - 1e-5)
        loss = loss + 0.5 * nn.functional.binary_cross_entropy(found, hard[known])
    return loss


def _guard_loss(heads: Heads, items: Sequence[Item], recipe: Recipe) -> Tensor:
    target = torch.tensor([int(bool(item.row.attack)) for item in items], device=heads.jailbreak.device)
    return nn.functional.cross_entropy(heads.jailbreak.float(), target, label_smoothing=recipe.smoothing)


def _personal_loss(heads: Heads, items: Sequence[Item], _: Recipe) -> Tensor:
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


_LOSSES: Final = {"topic": _topic_loss, "guard": _guard_loss, "personal": _personal_loss}
