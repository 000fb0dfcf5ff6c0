import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.encoder.fakes import FakeNetwork, encoder
from waypost.encoder.heads import Guard as Guards
from waypost.errors import ConfigError, EngineError
from waypost.evaluate import run
from waypost.evaluate.choice import Choice
from waypost.evaluate.guard import Guard
from waypost.evaluate.pii import Pii
from waypost.evaluate.run import POOLED, evaluate, from_files, identity

ATTACK = {"text": "ignore", "attack": 1, "kind": "direct"}
BENIGN = {"text": "hello", "attack": 0, "kind": "chat"}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def refused(task: Any, *paths: Path, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        from_files(task, paths, **options)
    return [f"{Path(p.file).name}:{p.line} {p.message}" for p in caught.value.problems]


def test_files_are_reported_one_by_one_and_together(tmp_path: Path) -> None:
    engine = encoder()
    task = Guard(engine)
    paths = [write(tmp_path / "a.jsonl", ATTACK), write(tmp_path / "b.jsonl", BENIGN, BENIGN)]
    told: list[tuple[int, int]] = []
    report = evaluate(task, from_files(task, paths), engine, lambda done, total: told.append((done, total)))
    assert [(part.name, part.whole.n) for part in report.parts] == [(str(paths[0]), 1), (str(paths[1]), 2)]
    assert report.pooled is not None
    assert (report.pooled.name, report.pooled.whole.n) == (POOLED, 3)
    assert report.pooled.whole.figures["auc"].value == 1
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert (report.task, report.model["name"], report.settings) == ("guard", "fake", {"threshold": 0.5})


def test_a_report_tells_which_calibration_it_belongs_to() -> None:
    artefact = encoder().artefact
    stricter = replace(artefact, heads=replace(artefact.heads, jailbreak=Guards(length_penalty=1.0)))
    assert identity(artefact) == identity(encoder().artefact)
    assert identity(artefact)["sha256"] == identity(stricter)["sha256"]
    assert identity(artefact)["calibration"] != identity(stricter)["calibration"]


def test_one_file_is_not_pooled(tmp_path: Path) -> None:
    engine = encoder()
    task = Guard(engine)
    assert evaluate(task, from_files(task, [write(tmp_path / "a", ATTACK)]), engine).pooled is None


def test_slices_are_those_of_the_task_where_the_file_has_them(tmp_path: Path) -> None:
    engine = encoder()
    task = Guard(engine)
    path = write(tmp_path / "a", ATTACK, BENIGN, {"text": "x", "attack": 0})
    part = evaluate(task, from_files(task, [path]), engine).parts[0]
    assert list(part.slices) == ["kind"]
    assert {value: found.n for value, found in part.slices["kind"].items()} == {
        "(none)": 1,
        "chat": 1,
        "direct": 1,
    }


def test_rows_of_a_file_without_the_field_are_in_no_slice(tmp_path: Path) -> None:
    engine = encoder()
    task = Guard(engine)
    paths = [write(tmp_path / "a", ATTACK, BENIGN), write(tmp_path / "b", {"text": "x", "attack": 0})]
    pooled = evaluate(task, from_files(task, paths), engine).pooled
    assert pooled is not None
    assert set(pooled.slices["kind"]) == {"direct", "chat"}


def test_slices_by_a_field_of_choice(tmp_path: Path) -> None:
    engine = encoder()
    task = Guard(engine)
    path = write(tmp_path / "a", ATTACK | {"lang": "en"}, ATTACK | {"lang": "de"})
    part = evaluate(task, from_files(task, [path], ["lang"]), engine).parts[0]
    assert {field: set(values) for field, values in part.slices.items()} == {"lang": {"de", "en"}}


def test_a_field_nobody_has_is_refused(tmp_path: Path) -> None:
    assert refused(Guard(encoder()), write(tmp_path / "a", ATTACK), by=["lnag"]) == [
        "a:0 no row has a field 'lnag'"
    ]


def test_an_id_is_no_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MOST_SLICES", 2)
    rows = [ATTACK | {"id": n, "kind": n} for n in range(4)]
    path = write(tmp_path / "a", *rows)
    assert refused(Guard(encoder()), path, by=["id"]) == ["a:0 'id' has more than 2 different values"]
    engine = encoder()
    task = Guard(engine)
    assert evaluate(task, from_files(task, [path]), engine).parts[0].slices == {}, "unasked: simply left out"


def test_all_problems_of_all_files_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    network = FakeNetwork()
    paths = [write(tmp_path / "a", ATTACK, {"text": "x"}), write(tmp_path / "b", {"attack": 2, "text": "y"})]
    assert refused(Guard(encoder(network)), *paths) == [
        "a:2 no field 'attack'",
        "b:1 'attack' must be 0 or 1",
    ]
    assert network.windows == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "nothing to evaluate: no rows"),
        ([{"text": "x", "attack": None}], "nothing to evaluate: every row says that nobody knows the answer"),
    ],
)
def test_nothing_to_evaluate_is_an_error(tmp_path: Path, rows: list[Any], message: str) -> None:
    assert refused(Guard(encoder()), write(tmp_path / "a", *rows)) == [f"a:0 {message}"]


def test_rows_without_an_answer_are_counted(tmp_path: Path) -> None:
    engine = encoder()
    task = Guard(engine)
    path = write(tmp_path / "a", ATTACK, {"text": "x", "attack": None})
    part = evaluate(task, from_files(task, [path]), engine).parts[0]
    assert (part.whole.n, part.unlabelled) == (1, 1)


def test_a_limit_takes_rows_from_all_over_the_file(tmp_path: Path) -> None:
    engine = encoder()
    task = Choice(engine, "domain")
    rows = [{"text": "math", "label": "math"}] * 6 + [{"text": "x", "label": "other"}] * 3
    part = evaluate(task, from_files(task, [write(tmp_path / "a", *rows)], limit=3), engine).parts[0]
    assert part.whole.n == 3
    assert set(part.whole.groups) == {"math", "other"}


def test_a_source_is_completed_before_it_is_measured(tmp_path: Path) -> None:
    engine = encoder()
    task = Pii(engine)
    marked = {"text": "John Smith", "spans": [{"start": 0, "end": 10, "label": "PERSON"}]}
    paths = [
        write(tmp_path / "a", marked, {"text": "so John Smith", "spans": []}),
        write(tmp_path / "b", {"text": "John Smith", "spans": [{"start": 0, "end": 4, "label": "GPE"}]}),
    ]
    report = evaluate(task, from_files(task, paths), engine)
    assert report.parts[0].whole.figures["precision"].value == pytest.approx(1 / 2)
    assert report.parts[1].whole.figures["precision"].value is None, "the second marks no persons"


def test_an_engine_that_fails_names_the_row(tmp_path: Path) -> None:
    def broken(number: int) -> None:
        if number == 2:
            raise EngineError("out of memory")

    engine = encoder(FakeNetwork(broken))
    task = Guard(engine)
    path = write(tmp_path / "a", *({"text": f"number {n}", "attack": 0} for n in range(50)))
    with pytest.raises(EngineError, match=r"a:3: the engine gave no answer: out of memory"):
        evaluate(task, from_files(task, [path]), engine)


def test_answers_keep_the_order_of_the_rows_with_several_threads(tmp_path: Path) -> None:
    engine = encoder(threads=3)
    task = Guard(engine)
    rows = [{"text": f"{'ignore' if n % 3 else 'hello'} {n}", "attack": int(n % 3 > 0)} for n in range(60)]
    report = evaluate(task, from_files(task, [write(tmp_path / "a", *rows)]), engine)
    assert report.parts[0].whole.figures["auc"].value == 1
