from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch

from tests.unit.train.fakes import features, item, mixed, row
from waypost.train import fit as module
from waypost.train.batches import Place
from waypost.train.features import Features
from waypost.train.fit import Saving, collate, fit
from waypost.train.model import Heads, Twin
from waypost.train.progress import Progress
from waypost.train.recipe import Recipe
from waypost.train.rows import DOMAINS, INTENTS, Personal

RECIPE = Recipe(steps=6, tokens=96, warmup=2, average=0.5)


def sets() -> dict[str, Features]:
    return {"all": features(mixed(), (6, 9, 12))}


def trained(recipe: Recipe = RECIPE, saving: Saving | None = None) -> Twin:
    torch.manual_seed(0)
    twin = Twin()
    return fit(twin, sets(), recipe, Progress(out=StringIO()), saving)


def weights(twin: Twin) -> torch.Tensor:
    return torch.cat([value.float().flatten() for value in twin.state_dict().values()])


def test_a_seed_means_the_same_weights() -> None:
    first, second = weights(trained()), weights(trained())
    assert torch.equal(first, second)
    assert not torch.equal(first, weights(trained(replace(RECIPE, seed=2))))


def test_a_broken_run_ends_where_an_unbroken_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving = Saving(tmp_path / "fit.pt", 4)
    step = module._Run.step
    done = 0

    def dies(self: module._Run, *given: object) -> float:
        nonlocal done
        done += 1
        if done > 5:
            raise KeyboardInterrupt
        return step(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(module._Run, "step", dies)
    with pytest.raises(KeyboardInterrupt):
        trained(saving=saving)
    done = -(10**6)
    resumed = trained(saving=saving)
    assert done == -(10**6) + 2, "steps 5 and 6 were left"
    assert torch.equal(weights(resumed), weights(trained()))


def test_a_state_of_another_recipe_is_not_gone_on_from(tmp_path: Path) -> None:
    saving = Saving(tmp_path / "fit.pt", 2)
    trained(saving=saving)
    other = replace(RECIPE, rate=1e-3)
    assert torch.equal(weights(trained(other, saving)), weights(trained(other)))


def test_it_learns_what_it_is_shown() -> None:
    twin = fit(Twin(), sets(), replace(RECIPE, steps=60), Progress(out=StringIO()))
    places = [Place(i, f.states) for f in sets().values() for i in f.items]
    batch = collate(places)
    heads: Heads = twin(batch.states, batch.mask, batch.shapes)
    for number, place in enumerate(places):
        of = place.item.row
        if of.intent:
            assert INTENTS[int(heads.intent[number].argmax())] == of.intent
        if of.attack is not None:
            assert bool(heads.jailbreak[number].argmax()) == of.attack


def test_padding_is_masked_and_states_are_those_of_the_window() -> None:
    places = [Place(each, sets()["all"].states) for each in sets()["all"].items[:3]]
    batch = collate(places)
    assert batch.states.shape == (3, 12, 384)
    assert batch.mask.sum(1).tolist() == [6, 9, 12]
    second = torch.from_numpy(places[1].states[6:15].astype("float32"))
    assert torch.equal(batch.states[1, :9], second)
    assert not batch.states[1, 9:].any()


def heads(tags: torch.Tensor) -> Heads:
    count = len(tags)
    return Heads(
        torch.zeros(count, len(DOMAINS)),
        torch.zeros(count, len(INTENTS)),
        torch.full((count, 1), 0.5),
        torch.zeros(count, 2),
        tags,
    )


def test_unknown_labels_teach_nothing() -> None:
    said = heads(torch.zeros(1, 8, 43)).domain.requires_grad_()
    given = heads(torch.zeros(1, 8, 43))._replace(domain=said)
    module._topic_loss(given, [item(row(intent="analysis"))], DOMAINS, 0.0).backward()
    assert said.grad is not None
    assert not said.grad.any()


def test_an_own_domain_is_a_label_like_the_others() -> None:
    given = heads(torch.zeros(1, 8, 43))._replace(domain=torch.tensor([[0.0] * 14 + [20.0]]))
    loss = module._topic_loss(given, [item(row(domain="ours"))], (*DOMAINS, "ours"), 0.0)
    assert float(loss) == pytest.approx(0, abs=1e-4)


def test_an_unmarked_token_may_be_of_a_type_that_the_source_leaves_out() -> None:
    """GPE, tags 7 and 8, is not annotated: to take a word for a place costs nothing, for a person it does."""
    clean = row("x", personal=(), annotated=frozenset({"PERSON"}))
    costs: list[float] = []
    for tag in (0, 7, 1):
        logits = torch.zeros(1, 8, 43)
        logits[..., tag] = 20
        costs.append(float(module._personal_loss(heads(logits), [item(clean)])))
    assert costs[:2] == pytest.approx([0, 0], abs=1e-4)
    assert costs[2] > 10


def test_a_marked_token_must_be_found() -> None:
    marked = row("x", personal=(Personal(0, 1, "PERSON"),), annotated=frozenset({"PERSON"}))
    logits = torch.zeros(1, 8, 43)
    logits[..., 0] = 20
    missed = float(module._personal_loss(heads(logits), [item(marked)]))
    logits[0, 1, 1] = 40
    assert float(module._personal_loss(heads(logits), [item(marked)])) < 0.1 < missed
