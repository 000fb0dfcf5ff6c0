from pathlib import Path

import pytest

from tests.unit.config.world import ENVIRON, errors, loads, problems, remarks, write
from waypost.config.load import load
from waypost.policy import Policy
from waypost.usage import Costs, Price

MODELS = """\
models:
  small: {provider: cloud, price: {input: 0.15, output: 0.6, cached_input: 0.075}}
  large: {provider: cloud, price: {input: 2.5, output: 10}}
"""
SMALL, LARGE = Price(input=0.15, output=0.6, cached_input=0.075), Price(input=2.5, output=10)


def made(folder: Path, text: str = "") -> Policy:
    return loads(folder, MODELS + text).policy


def test_every_price_is_on_the_list(tmp_path: Path) -> None:
    assert made(tmp_path).costs == Costs({"small": SMALL, "large": LARGE})


@pytest.mark.parametrize(
    ("text", "baseline", "headers"),
    [
        ("costs: {baseline: large}\n", "large", False),
        ("costs: {headers: true}\n", None, True),
        ("costs: {baseline: small, headers: true}\n", "small", True),
        ("costs: {}\n", None, False),
    ],
)
def test_savings_and_headers_are_asked_for(
    tmp_path: Path,
    text: str,
    baseline: str | None,
    headers: bool,  # noqa: FBT001
) -> None:
    assert made(tmp_path, text).costs == Costs({"small": SMALL, "large": LARGE}, baseline, headers)


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("costs: {baseline: outside}\n", "'outside' has no price, so nothing can be told against it",
         "give `price: {input: …, output: …}` to 'outside' under `models`"),
        ("costs: {baseline: larg}\n", "endpoint 'larg' is not a model", "did you mean 'large'?"),
    ],
)  # fmt: skip
def test_a_baseline_without_a_price_is_no_baseline(
    tmp_path: Path, text: str, message: str, remedy: str
) -> None:
    assert errors(tmp_path, MODELS + text) == [(4, 19, message)]
    assert remedy in [problem.help for problem in problems(tmp_path, MODELS + text)]


def test_a_baseline_may_be_the_only_model_of_its_provider(tmp_path: Path) -> None:
    text = """\
    providers: {p: {kind: ollama}}
    models: {m: {provider: p, price: {input: 1, output: 1}}}
    costs: {baseline: p}
    """
    assert load(write(tmp_path, whole=text), ENVIRON).policy.costs.baseline == "m"


@pytest.mark.parametrize(
    "text", ["costs: {baselin: large}\n", "costs: {headers: much}\n", "costs: [large]\n"]
)
def test_a_wrong_block_is_told(tmp_path: Path, text: str) -> None:
    assert [line for line, _, _ in errors(tmp_path, MODELS + text)] == [4]


def test_models_without_a_price_are_told_where_costs_are_wanted(tmp_path: Path) -> None:
    told = [
        f"warning: what answers of {name!r} cost is not known"
        for name in ("inside", "outside", "outside-too")
    ]
    assert remarks(tmp_path, MODELS) == []
    assert remarks(tmp_path, f"{MODELS}costs: {{headers: true}}\n") == told


def test_a_price_is_a_part_of_the_revision(tmp_path: Path) -> None:
    """Records tell what an answer cost, so the list it was charged by must be found again."""
    texts = (MODELS, MODELS.replace("2.5", "2.6"), f"{MODELS}costs: {{baseline: large}}\n")
    assert len({loads(tmp_path, text).policy.revision for text in texts}) == 3
    assert loads(tmp_path, MODELS).policy.revision == loads(tmp_path, MODELS).policy.revision


def test_a_file_without_prices_has_an_empty_list(tmp_path: Path) -> None:
    text = "providers: {p: {kind: ollama}}\nmodels: {m: {provider: p}}\n"
    assert load(write(tmp_path, whole=text), ENVIRON).policy.costs == Costs()
