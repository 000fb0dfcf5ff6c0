"""`waypost train`: what it makes of its options; the training itself is tested beside it."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from waypost.cli.train import RECIPES, train
from waypost.errors import EngineError, Exit
from waypost.train import base
from waypost.train.recipe import COURSES

METRICS = {"domain": {"rows": 5, "accuracy": 0.875}, "int8_points": {"domain": -0.25}, "int8_close": True}


def job(course: Any, data: Path, base: Path, out: Path, work: Path, own: Any, *, fresh: bool) -> Any:
    return SimpleNamespace(course=course, data=data, base=base, out=out, work=work, own=own, fresh=fresh)


class Pipeline(ModuleType):
    """Stands for the module that needs torch."""

    def __init__(self) -> None:
        super().__init__("waypost.train.pipeline")
        self.Job = job
        self.jobs: list[Any] = []
        self.metrics: dict[str, Any] = dict(METRICS)
        self.error: str | None = None

    def train(self, job: Any, progress: object) -> dict[str, Any]:
        if self.error:
            raise EngineError(self.error)
        self.jobs.append(job)
        return self.metrics


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    made = Pipeline()
    monkeypatch.setattr(base, "find_spec", lambda _: object())
    monkeypatch.setitem(sys.modules, "waypost.train.pipeline", made)
    return made


def called(*options: str) -> Result:
    return CliRunner().invoke(train, ["--data", "data", "--base", "base", "--out", "made/out", *options])


def test_without_options_the_full_recipe_is_followed(pipeline: Pipeline) -> None:
    result = called()
    assert result.exit_code == 0, result.output
    (job,) = pipeline.jobs
    assert job.course == COURSES["full"]
    assert (job.data, job.base, job.out) == (Path("data"), Path("base"), Path("made/out"))
    assert job.work == Path("made/out.work")
    assert job.own.files == ()
    assert not job.fresh
    assert "domain" in result.output
    assert "accuracy 0.875" in result.output
    assert "written: made/out" in result.output


def test_every_option_arrives(pipeline: Pipeline) -> None:
    options = (
        "--recipe smoke --seed 7 --steps 9 --without templates --without gsm8k --own a.csv --own b.jsonl"
        " --own-categories --set gsm8k=2.5 --set own:a=0 --work w --fresh"
    )
    assert called(*options.split()).exit_code == 0
    (job,) = pipeline.jobs
    assert (job.course.name, job.course.recipe.seed, job.course.recipe.steps) == ("smoke", 7, 9)
    assert job.course.recipe.tokens == COURSES["smoke"].recipe.tokens
    assert job.course.without == ("templates", "gsm8k")
    assert dict(job.course.weights) == {"gsm8k": 2.5, "own:a": 0.0}
    assert job.own.files == (Path("a.csv"), Path("b.jsonl"))
    assert job.own.categories
    assert job.work == Path("w")
    assert job.fresh


def test_a_weight_given_replaces_the_one_of_the_recipe(pipeline: Pipeline) -> None:
    called("--set", "mmlu_pro=1")
    weights = dict(pipeline.jobs[0].course.weights)
    assert weights["mmlu_pro"] == 1
    assert weights["mmlu"] == dict(COURSES["full"].weights)["mmlu"]


@pytest.mark.parametrize("given", ["gsm8k", "gsm8k=x", "=1", "gsm8k=-1", "gsm8k=inf", "gsm8k=nan"])
def test_what_is_no_weight_is_a_usage_error(pipeline: Pipeline, given: str) -> None:
    result = called("--set", given)
    assert result.exit_code == Exit.USAGE
    assert "NAME=WEIGHT" in result.output
    assert not pipeline.jobs


def test_without_torch_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "find_spec", lambda _: None)
    result = called()
    assert result.exit_code == Exit.INTEGRITY
    assert result.output.startswith("error: training needs torch")
    assert "pip install -r requirements/train.in" in result.output


def test_an_error_is_told_without_a_traceback(pipeline: Pipeline) -> None:
    pipeline.error = "data lacks gsm8k.jsonl.gz"
    result = called()
    assert result.exit_code == Exit.INTEGRITY
    assert result.output == "error: data lacks gsm8k.jsonl.gz\n"


def test_too_much_lost_by_rounding_is_a_warning(pipeline: Pipeline) -> None:
    assert "warning" not in called().output
    pipeline.metrics["int8_close"] = False
    result = called()
    assert result.exit_code == 0
    assert "warning: rounding to eight bits" in result.output


def test_the_recipes_are_those_there_are() -> None:
    assert set(RECIPES) == set(COURSES)
