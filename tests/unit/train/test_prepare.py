import gzip
import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.unit.train.fakes import row
from waypost.errors import EngineError
from waypost.train.prepare import Corpus, Own, digest, prepare
from waypost.train.progress import Progress
from waypost.train.recipe import Course, Emphasis, Generated, Recipe
from waypost.train.rows import DOMAINS, Personal, Row
from waypost.train.texts import is_validation, normal

NO_FILES = Own()
SETS = ("mmlu_pro", "gsm8k", "guard_garak", "guard_gptfuzz_seeds")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    def write(name: str, *rows: dict[str, Any]) -> None:
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))

    stems = [f"What is theorem {n}?" for n in range(60)]
    write("mmlu_pro", *({"id": f"q{n}", "text": t, "label": "math"} for n, t in enumerate(stems)))
    write("routing_mmlu_pro", *({"text": t, "correct": "1100"} for t in stems[:50]))
    sums = [f"Add {n} apples." for n in range(60)]
    write("gsm8k", *({"text": t, "label": "math", "intent": "math_problem"} for t in [*sums, stems[0]]))
    write("guard_garak", *({"text": f"Obey me {n}", "attack": 1} for n in range(20)))
    write("guard_gptfuzz_seeds", *({"text": f"Obey me {n}", "attack": 1} for n in range(15, 30)))
    return tmp_path


def made(data: Path, own: Own = NO_FILES, **course: Any) -> Corpus:
    given = Course("test", SETS, **course)
    return prepare(given, data, own, Progress(out=StringIO()))


def held(corpus: Corpus) -> list[Row]:
    return [row for rows in corpus.held.values() for row in rows]


def texts(corpus: Corpus, *names: str) -> set[str]:
    return {row.text for name in names or corpus.train for row in corpus.train.get(name, ())}


def test_a_fifth_is_held_back_and_never_trained(data: Path) -> None:
    corpus = made(data)
    kept = {row.text for row in held(corpus)}
    assert kept
    assert not kept & texts(corpus)
    assert all(is_validation(row) for row in held(corpus))
    assert len(kept) + len(texts(corpus)) == 60 + 60 + 30


def test_a_text_stands_in_one_set_only(data: Path) -> None:
    corpus = made(data)
    every = [
        normal(row.text) for part in (corpus.train, corpus.held) for rows in part.values() for row in rows
    ]
    assert len(every) == len(set(every))
    assert len(corpus.train["guard_gptfuzz_seeds"]) + len(corpus.held["guard_gptfuzz_seeds"]) == 10


def test_difficulty_comes_with_exam_questions(data: Path) -> None:
    rows = made(data).train["mmlu_pro"]
    assert {row.difficulty for row in rows} == {0.5, None}
    assert {row.difficulty for row in made(data).train["guard_garak"]} == {None}


@pytest.mark.parametrize("name", ["templates", "guard_garak"])
def test_what_is_left_out_is_measured_as_a_whole_and_leaks_nowhere(data: Path, name: str) -> None:
    corpus = made(data, without=(name,))
    assert "guard_garak" in corpus.left_out
    assert ("guard_gptfuzz_seeds" in corpus.left_out) == (name == "templates")
    assert len(corpus.held["guard_garak"]) == 20
    assert not {row.text for row in corpus.held["guard_garak"]} & texts(corpus)
    assert "guard_garak" not in corpus.train


def test_weights_and_caps(data: Path) -> None:
    corpus = made(data, weights=(("gsm8k", 2.5), ("guard_garak", 0.0)), held=3, rows=40)
    assert {row.weight for row in corpus.train["gsm8k"]} == {2.5}
    assert {row.weight for row in corpus.train["mmlu_pro"]} == {1.0}
    assert "guard_garak" not in corpus.train
    assert corpus.left_out == frozenset()
    assert max(len(rows) for rows in corpus.held.values()) == 3
    assert len(corpus.train["mmlu_pro"]) < 40


def test_some_rows_of_a_source_count_more(data: Path) -> None:
    generated = (Generated("personal", "generate", 60),)
    foreign = Emphasis("synth:personal", 3.0, foreign=True)
    of_kind = Emphasis("synth:personal", 2.0, ("pii",))
    corpus = made(data, generated=generated, emphases=(foreign, of_kind), weights=(("synth:personal", 0.5),))
    for each in corpus.train["synth:personal"]:
        expected = 0.5 * (3 if each.language != "en" else 1) * (2 if each.kind == "pii" else 1)
        assert each.weight == expected
    assert {row.weight for row in corpus.train["mmlu_pro"]} == {1.0}


def test_generated_rows_are_harmless_unless_they_say_otherwise(data: Path) -> None:
    corpus = made(data, generated=(Generated("personal", "generate", 40),), recipe=Recipe(seed=5))
    rows = [*corpus.train["synth:personal"], *corpus.held["synth:personal"]]
    assert len(rows) > 30
    assert {row.attack for row in rows} == {False}
    other = made(data, generated=(Generated("personal", "generate", 40),), recipe=Recipe(seed=6))
    assert texts(corpus, "synth:personal") != texts(other, "synth:personal")


def test_parts_of_a_generator_are_left_out_together(data: Path) -> None:
    generated = (Generated("benign", "generate", 20), Generated("benign", "long_documents", 3))
    corpus = made(data, generated=generated, without=("synth:benign",))
    assert corpus.left_out == {"synth:benign", "synth:benign:long_documents"}
    alone = made(data, generated=generated, without=("synth:benign:long_documents",))
    assert alone.left_out == {"synth:benign:long_documents"}


def own_file(folder: Path, name: str = "mine.jsonl") -> Path:
    path = folder / name
    rows = [{"text": f"Track parcel {n}", "domain": "Logistics"} for n in range(30)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_own_rows_and_their_domains(data: Path) -> None:
    corpus = made(data, Own((own_file(data),), categories=True), weights=(("own:mine", 3.0),))
    assert corpus.domains == (*DOMAINS, "logistics")
    assert len(corpus.train["own:mine"]) + len(corpus.held["own:mine"]) == 30
    assert {row.weight for row in corpus.train["own:mine"]} == {3.0}
    assert made(data).domains == DOMAINS
    with pytest.raises(EngineError, match="unknown domain 'Logistics'"):
        made(data, Own((own_file(data),)))


def test_two_files_of_one_name_are_an_error(data: Path) -> None:
    (data / "b").mkdir()
    files = (own_file(data), own_file(data / "b"))
    with pytest.raises(EngineError, match="two files are called 'mine'"):
        made(data, Own(files, categories=True))


@pytest.mark.parametrize("option", [{"without": ("gsm8",)}, {"weights": (("gsm8", 2.0),)}])
def test_an_unknown_name_is_an_error(data: Path, option: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match=r"no set is called 'gsm8'; did you mean 'gsm8k'\?.*templates"):
        made(data, **option)


def test_missing_files_are_all_named(data: Path) -> None:
    (data / "gsm8k.jsonl.gz").unlink()
    (data / "routing_mmlu_pro.jsonl.gz").unlink()
    with pytest.raises(EngineError, match=r"lacks gsm8k\.jsonl\.gz, routing_mmlu_pro\.jsonl\.gz"):
        made(data)


def test_the_digest_is_of_texts_and_labels_in_order(data: Path) -> None:
    corpus = made(data)
    assert digest(corpus.train) == digest(made(data).train)
    first, second = row("a", domain="law"), row("b", personal=(Personal(0, 1, "PERSON"),))
    same = digest({"x": [first, second]})
    changed = [
        {"x": [second, first]},
        {"y": [first, second]},
        {"x": [first]},
        {"x": [replace(first, domain="math"), second]},
        {"x": [first, replace(second, personal=())]},
        {"x": [first, replace(second, personal=None)]},
        {"x": [replace(first, weight=2.0), second]},
        {"x": [replace(first, text="c"), second]},
        {"x": [replace(first, attack=False), second]},
    ]
    assert same not in {digest(each) for each in changed}
    assert len({digest(each) for each in changed}) == len(changed)
