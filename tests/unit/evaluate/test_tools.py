import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.encoder.fakes import encoder
from waypost.evaluate.files import BadRowError, Row
from waypost.evaluate.run import evaluate, from_files
from waypost.evaluate.tools import Found, Tools
from waypost.mutations.tools import Catalogue, Stocked, ToolSettings, describe

FILTER = ToolSettings(mode="filter", top_k=3)
ADD = ToolSettings(mode="add", catalogue=Path("tools.json"), top_k=1)


def row(**values: Any) -> Row:
    return Row("f", 1, values, {})


def named(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "description": name} for name in names]


def stock(*names: str) -> Catalogue:
    return Catalogue.of(
        Stocked(name, describe(name, name), json.dumps({"type": "function", "function": {"name": name}}))
        for name in names
    )


def found(ranks: tuple[int, ...] = (), kept: int = 0, sent: int = 3, **more: Any) -> Found:
    values = {"cosines": (0.3,) * len(ranks), "highest": 0.3, "saved": 0.5} | more
    return Found(ranks, kept=kept, sent=sent, **values)


def test_rows() -> None:
    task = Tools(encoder(), FILTER)
    need = task.read(row(text="math", gold=["a", "b", "a"], tools=named("a", "b", "c")))
    assert need is not None
    assert (need.text, need.gold, need.request.tools) == ("math", {"a", "b"}, ("a", "b", "c"))
    assert task.read(row(text="math", gold=None, tools=named("a"))) is None
    one = task.read(row(text="math", gold="a", tools=named("a")))
    none = task.read(row(text="math", gold=[], tools=named("a")))
    assert one is not None
    assert none is not None
    assert (one.gold, none.gold) == ({"a"}, frozenset())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gold": []}, "no field 'tools'"),
        ({"gold": [], "tools": []}, "'tools' must be a list that is not empty"),
        ({"gold": [], "tools": {"name": "a"}}, "'tools' must be a list"),
        ({"gold": 7, "tools": named("a")}, "'gold' must be the name of a tool"),
        ({"gold": ["a", 7], "tools": named("a")}, "'gold' must be the name of a tool"),
        ({"gold": ["A"], "tools": named("a")}, "'gold' names what is no tool"),
        ({"tools": named("a")}, "no field 'gold'"),
    ],
)
def test_rows_that_cannot_be_used(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRowError, match=message):
        Tools(encoder(), FILTER).read(row(text="x", **values))


def test_with_a_catalogue_rows_need_no_tools() -> None:
    task = Tools(encoder(), ADD, stock("math", "john"))
    assert task.read(row(text="math", gold="john")) is not None
    with pytest.raises(BadRowError, match="'gold' names what is no tool"):
        task.read(row(text="math", gold="smith"))


def test_a_filtered_request_is_what_would_leave() -> None:
    task = Tools(encoder(), FILTER)
    need = task.read(row(text="math", gold=["math"], tools=named("zz", "qq", "john", "smith", "math")))
    assert need is not None
    answer = task.ask(need)
    assert (answer.ranks, answer.kept, answer.sent) == ((0,), 1, 3)
    assert answer.cosines == (answer.highest,)
    assert answer.saved == pytest.approx(2 / 5, abs=0.03)


def test_short_lists_are_ranked_and_left_alone() -> None:
    task = Tools(encoder(), FILTER)
    need = task.read(row(text="math", gold=["math"], tools=named("john", "math")))
    assert need is not None
    answer = task.ask(need)
    assert (answer.ranks, answer.kept, answer.sent, answer.saved) == ((0,), 1, 2, 0)


def test_tools_of_one_name_are_one() -> None:
    task = Tools(encoder(), FILTER)
    tools = [{"name": "a", "description": "math"}, {"name": "a", "description": "zz"}, *named("john")]
    need = task.read(row(text="math", gold=["john", "a"], tools=tools))
    assert need is not None
    answer = task.ask(need)
    assert answer.ranks == (0, 1)
    assert answer.cosines[0] == answer.highest


def test_a_tool_is_added_from_the_catalogue() -> None:
    task = Tools(encoder(), ADD, stock("john", "smith", "math"))
    need = task.read(row(text="math", gold="math"))
    assert need is not None
    answer = task.ask(need)
    assert (answer.ranks, answer.kept, answer.sent) == ((0,), 1, 1)
    assert answer.saved == pytest.approx(2 / 3, abs=0.03)


def test_figures() -> None:
    measured = Tools(encoder(), FILTER).measure(
        [found((0,), kept=1), found((1, 4), kept=1, cosines=(0.22, 0.12)), found(highest=0.12)]
    )
    values = {name: figure.value for name, figure in measured.figures.items()}
    assert measured.n == 3
    assert values["recall_at_1"] == pytest.approx(1 / 3)
    assert values["recall_at_3"] == pytest.approx(2 / 3)
    assert values["recall_at_5"] == values["recall_at_10"] == 1
    assert values["kept"] == pytest.approx(2 / 3)
    assert values["all_kept"] == pytest.approx(1 / 2)
    assert values["precision"] == pytest.approx(2 / 6)
    assert values["tools_sent"] == 3
    assert values["tokens_saved"] == pytest.approx(0.5)
    floor = measured.groups["floor 0.15"]
    assert floor["kept"].value == pytest.approx(2 / 3)
    assert floor["useless_kept"].value == 0
    assert measured.groups["floor 0.10"]["useless_kept"].value == 1


def test_files_of_one_kind_leave_the_rest_undefined() -> None:
    useless = Tools(encoder(), FILTER).measure([found(), found()])
    assert useless.figures["recall_at_1"].value is None
    assert useless.figures["tools_sent"].value == 3
    needed = Tools(encoder(), FILTER).measure([found((0,), kept=1)])
    assert needed.groups["floor 0.10"]["useless_kept"].value is None


def test_a_file_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"text": "math", "gold": ["math"], "tools": named("math", "john"), "split_name": "simple"}] * 2
    path.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    engine = encoder()
    task = Tools(engine, FILTER)
    report = evaluate(task, from_files(task, [path]), engine)
    assert report.settings == {"mode": "filter", "top_k": 3, "floor": 0.1}
    assert report.parts[0].whole.figures["recall_at_1"].value == 1
