"""Categories of a file as rules: what they stand for, where they lead, and what is wrong with them."""

from pathlib import Path

import pytest

from tests.unit.config.world import errors, loads, problems, remarks
from waypost.decision.engine import SEMANTIC, Route, Rule
from waypost.decision.expr import Is
from waypost.signals.category import Category, Entry


def category(name: str, *models: str, **more: str) -> str:
    """One category as a list item."""
    used = models or ("outside",)
    scores = ", ".join(f"{{model: {m}, score: {len(used) - n}}}" for n, m in enumerate(used))
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"  - {{name: {name}, model_scores: [{scores}]{rest}}}\n"


def file(*categories: str, more: str = "") -> str:
    return f"{more}categories:\n{''.join(categories)}"


def compiled(tmp_path: Path, *categories: str, more: str = "") -> list[Rule]:
    """The rules of the semantic fallback."""
    return [rule for rule in loads(tmp_path, file(*categories, more=more)).policy.rules if rule.category]


def entries(tmp_path: Path, *categories: str, more: str = "") -> tuple[Entry, ...]:
    (first, *_) = loads(tmp_path, file(*categories, more=more)).policy.signals.values()
    assert isinstance(first, Category)
    return first.entries


def test_a_category_is_a_rule_that_opens_when_it_cannot_be_judged(tmp_path: Path) -> None:
    (rule,) = compiled(tmp_path, category("math", description="numbers"))
    assert rule == Rule(
        SEMANTIC, Is("category: math"), Route(("outside",)), "numbers", on_error="open", category="math"
    )
    assert not rule.binds_explicit


def test_all_of_them_compete_in_each_signal(tmp_path: Path) -> None:
    made = loads(tmp_path, file(category("math"), category("law"), category("other"))).policy
    assert [rule.category for rule in made.rules] == ["math", "law", "other", ""]
    known = (Entry(name="math", domains=("math",)), Entry(name="law", domains=("law",)))
    found = {name: signal for name, signal in made.signals.items() if isinstance(signal, Category)}
    assert found == {
        f"category: {name}": Category(name=name, entries=known) for name in ("math", "law", "other")
    }


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        (category("math"), Entry(name="math", domains=("math",))),
        (category("computer_science"), Entry(name="computer_science", domains=("computer science",))),
        (category("Computer Science"), Entry(name="Computer Science", domains=("computer science",))),
        (category("code_generation"), Entry(name="code_generation", intents=("code_generation",))),
        (category("numbers", domain="math"), Entry(name="numbers", domains=("math",))),
        (
            category("numbers", domain="[math, physics]", intent="math_problem"),
            Entry(name="numbers", domains=("math", "physics"), intents=("math_problem",)),
        ),
        (category("math", intent="analysis"), Entry(name="math", intents=("analysis",))),
        (category("refunds", examples="[Give it back.]"), Entry(name="refunds", examples=("Give it back.",))),
        (category("law", threshold="0.8"), Entry(name="law", domains=("law",), threshold=0.8)),
    ],
)
def test_what_a_category_stands_for(tmp_path: Path, written: str, entry: Entry) -> None:
    assert entries(tmp_path, written) == (entry,)


def test_the_threshold_of_the_classifier_is_the_default(tmp_path: Path) -> None:
    more = "classifier: {category_model: {threshold: 0.7}}\n"
    found = entries(tmp_path, category("math"), category("law", threshold="0.4"), more=more)
    assert [entry.threshold for entry in found] == [0.7, 0.4]


def test_other_takes_the_rest_wherever_it_stands(tmp_path: Path) -> None:
    rules = compiled(tmp_path, category("other", "outside-too"), category("math"))
    assert [(rule.category, rule.action) for rule in rules] == [
        ("math", Route(("outside",))), ("other", Route(("outside-too",))),
    ]  # fmt: skip


def test_other_may_stand_for_something_of_its_own(tmp_path: Path) -> None:
    assert entries(tmp_path, category("other", domain="other")) == (Entry(name="other", domains=("other",)),)


def test_other_alone_has_nothing_to_be_the_rest_of(tmp_path: Path) -> None:
    assert compiled(tmp_path, category("other")) == []


@pytest.mark.parametrize(
    ("scores", "chain"),
    [
        ("[{model: outside, score: 0.2}, {model: outside-too, score: 0.9}]", ("outside-too", "outside")),
        ("[{model: outside, score: 1}, {model: outside-too, score: 1}]", ("outside", "outside-too")),
        ("[{model: outside, score: 1}, {model: outside, score: 2}]", ("outside",)),
    ],
)
def test_the_chain_goes_by_score(tmp_path: Path, scores: str, chain: tuple[str, ...]) -> None:
    (rule,) = compiled(tmp_path, f"  - {{name: math, model_scores: {scores}}}\n")
    assert rule.action == Route(chain)


def test_a_chain_is_no_longer_than_envoy_can_walk(tmp_path: Path) -> None:
    names = [f"m{n}" for n in range(10)]
    models = "models:\n" + "".join(f"  {name}: {{provider: cloud, name: {name}}}\n" for name in names)
    (rule,) = compiled(tmp_path, category("math", *names), more=models)
    assert rule.action == Route(tuple(names[:8]))


@pytest.mark.parametrize(
    ("models", "boundary"),
    [
        (("inside",), {"internal"}),
        (("outside",), None),
        (("inside", "outside"), None),
        (("outside", "inside"), None),
    ],
)
def test_models_of_one_zone_of_ones_own_are_a_boundary(
    tmp_path: Path, models: tuple[str, ...], boundary: set[str] | None
) -> None:
    (rule,) = compiled(tmp_path, category("math", *models))
    assert isinstance(rule.action, Route)
    assert rule.action.boundary == boundary
    assert not rule.binds_explicit


def test_a_boundary_may_be_written(tmp_path: Path) -> None:
    (rule,) = compiled(tmp_path, category("math", "inside", "outside", boundary="[internal, external]"))
    assert rule.action == Route(("inside", "outside"), frozenset({"internal", "external"}))
    assert errors(tmp_path, file(category("math", "inside", "outside", boundary="internal"))) == [
        (2, 99, "endpoint 'outside' is in zone 'external', outside the boundary")
    ]


@pytest.mark.parametrize(
    ("written", "message", "remedy"),
    [
        (
            category("maths"),
            "'maths' is neither a domain nor an intent",
            "did you mean 'math'?; or add `domain`",
        ),
        (
            category("cats"),
            "'cats' is neither a domain nor an intent",
            "known: biology, business",
        ),
        (category("a", domain="maths"), "'maths' is unknown to the classifiers", "did you mean 'math'?"),
        (category("a", intent="[code]"), "'code' is unknown to the classifiers", "known: knowledge_qa"),
        (category("math", "outsde"), "'outsde' is not a model", "did you mean 'outside'?"),
        (category("math", threshold="0"), "must be greater than 0", ""),
        (category("math", threshold="1.1"), "must be less than or equal to 1", ""),
        (category("math", domian="law"), "unknown key 'domian'", "did you mean 'domain'?"),
        ("  - {name: math, model_scores: []}\n", "must not be empty", ""),
        ("  - {name: math}\n", "the key 'model_scores' is missing", ""),
    ],
)
def test_wrong_category(tmp_path: Path, written: str, message: str, remedy: str) -> None:
    found = [p for p in problems(tmp_path, file(written)) if p.severity == "error"]
    assert [p.line for p in found] == [2]
    assert found[0].message.startswith(message)
    assert found[0].help.startswith(remedy)


def test_a_category_given_twice_names_both_places(tmp_path: Path) -> None:
    (error,) = [
        p for p in problems(tmp_path, file(category("math"), category("math"))) if p.severity == "error"
    ]
    assert (error.line, error.message) == (3, "a category named 'math' exists already")
    assert error.help.endswith("rules.yaml:2:6")


def test_a_wrong_category_is_no_reason_to_speak_of_the_rest(tmp_path: Path) -> None:
    assert len(errors(tmp_path, file(category("maths"), category("other")))) == 1


def test_what_has_no_effect_is_said(tmp_path: Path) -> None:
    scores = (
        "[{model: outside, score: 1, use_reasoning: true}, {model: inside, score: 1, reasoning_effort: low}]"
    )
    assert remarks(tmp_path, file(f"  - {{name: math, model_scores: {scores}}}\n")) == [
        "warning: nothing says how 'outside' is told to think",
        "warning: an effort without use_reasoning has no effect",
    ]


def test_the_revision_changes_with_what_a_category_stands_for(tmp_path: Path) -> None:
    texts = [
        file(category("math")),
        file(category("math", threshold="0.6")),
        file(category("math", domain="[math, physics]")),
        file(category("math"), category("law")),
        file(category("math", examples="[one]")),
        file(category("math", examples="[two]")),
    ]
    assert len({loads(tmp_path, text).policy.revision for text in texts}) == len(texts)
