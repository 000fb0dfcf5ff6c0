import importlib
import json
from dataclasses import asdict

import pytest

from waypost.train.recipe import COURSES, Course, Generated
from waypost.train.sets import SETS


@pytest.mark.parametrize("course", COURSES.values(), ids=COURSES)
def test_a_course_names_sets_and_generators_that_exist(course: Course) -> None:
    known = {*SETS, *(each.name for each in course.generated)}
    assert {*course.sets} <= {*SETS}
    assert {name for name, _ in course.weights} <= known
    assert {name for name in course.aims.hard if name not in SETS} <= {"synth:benign", "synth:attacks"}
    assert {each.source for each in course.emphases} <= {*SETS, *(each.name for each in course.generated)}
    for each in course.generated:
        assert callable(getattr(importlib.import_module(f"waypost.train.synth.{each.module}"), each.function))


@pytest.mark.parametrize("course", COURSES.values(), ids=COURSES)
def test_every_kind_of_batch_takes_its_turn(course: Course) -> None:
    assert {*course.recipe.cycle} == {"topic", "guard", "personal"}
    assert course.recipe.warmup < course.recipe.steps


def test_a_course_can_be_written_down() -> None:
    written = json.loads(json.dumps(asdict(COURSES["full"])))
    assert written["recipe"]["steps"] == COURSES["full"].recipe.steps
    assert written["weights"][0][0] == "mmlu_pro"


def test_the_smoke_course_is_small() -> None:
    smoke = COURSES["smoke"]
    assert smoke.recipe.steps <= 60
    assert sum(each.count for each in smoke.generated) + smoke.rows * len(smoke.sets) < 2000


def test_names_of_generators() -> None:
    assert Generated("benign", "generate", 1).name == "synth:benign"
    assert Generated("benign", "long_documents", 1).name == "synth:benign:long_documents"
