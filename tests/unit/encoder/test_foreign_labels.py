"""Labels from every form they come in, and what they mean to us."""

import json
from pathlib import Path
from typing import Any

import pytest

from waypost.encoder.foreign_labels import labels, sides, tags, topics
from waypost.errors import EngineError
from waypost.signals.labels import DOMAINS

HERE = Path("model")


def config(folder: Path, **content: Any) -> Path:
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def test_the_configuration_names_them(tmp_path: Path) -> None:
    config(tmp_path, id2label={"1": "law", "0": "math"})
    (tmp_path / "category_mapping.json").write_text('{"category_to_idx": {"a": 0, "b": 1}}')
    assert labels("domain", tmp_path) == ("math", "law")


@pytest.mark.parametrize(
    ("head", "name", "content"),
    [
        (
            "domain",
            "category_mapping.json",
            {"category_to_idx": {"no": 0, "yes": 1}, "descriptions": {"no": "n"}},
        ),
        ("domain", "category_mapping.json", {"idx_to_category": {"1": "yes", "0": "no"}}),
        ("domain", "label_mapping.json", {"label_to_id": {"yes": 1, "no": 0}}),
        (
            "pii",
            "pii_type_mapping.json",
            {"label_to_idx": {"yes": 1, "no": 0}, "idx_to_label": {"0": "no", "1": "yes"}},
        ),
        ("pii", "pii_mapping.json", {"id_to_label": {"0": "no", "1": "yes"}}),
        ("pii", "label_mapping.json", {"id2label": {"0": "no", "1": "yes"}, "label2id": {"no": 0, "yes": 1}}),
        ("jailbreak", "jailbreak_type_mapping.json", {"idx_to_label": {"0": "no", "1": "yes"}}),
        ("jailbreak", "jailbreak_mapping.json", {"yes": 1, "no": 0}),
        ("jailbreak", "label_mapping.json", {"0": "no", "1": "yes"}),
        ("jailbreak", "label_mapping.json", ["no", "yes"]),
    ],
)
def test_a_mapping_file_names_them(tmp_path: Path, head: str, name: str, content: Any) -> None:
    config(tmp_path, id2label={"0": "LABEL_0", "1": "LABEL_1"})
    (tmp_path / name).write_text(json.dumps(content))
    assert labels(head, tmp_path) == ("no", "yes")


def test_the_operators_file_has_the_last_word(tmp_path: Path) -> None:
    config(tmp_path, id2label={"0": "a", "1": "b"})
    (tmp_path / "own.json").write_text('{"label_to_idx": {"benign": 0, "jailbreak": 1}}')
    assert labels("jailbreak", tmp_path, tmp_path / "own.json") == ("benign", "jailbreak")


def test_labels_without_names_are_told_with_the_remedy(tmp_path: Path) -> None:
    config(tmp_path, id2label={"0": "LABEL_0", "1": "LABEL_1"})
    with pytest.raises(EngineError, match=r"does not name its labels; .* as `jailbreak_mapping_path`"):
        labels("jailbreak", tmp_path)
    with pytest.raises(EngineError, match="category_mapping_path"):
        labels("domain", config(tmp_path))


@pytest.mark.parametrize(
    "content",
    ["3", "{}", '{"a": 0, "b": 2}', '{"0": "a", "1": "a"}', '{"a": "b"}', '{"label_to_idx": {"a": null}}'],
)
def test_a_file_that_numbers_nothing_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "own.json").write_text(content)
    with pytest.raises(EngineError, match=r"own.json' does not number labels from 0, each once"):
        labels("domain", tmp_path, tmp_path / "own.json")


def test_domains_go_by_our_names_and_strangers_by_theirs() -> None:
    found = topics(["Computer_Science", "cooking", "math", "computer science"], HERE)
    assert found.labels == ("computer science", "cooking", "math")
    assert found.groups == ((0, 3), (1,), (2,))
    assert set(found.missing) == set(DOMAINS) - {"computer science", "math"}
    with pytest.raises(EngineError, match="knows none of the domains; its labels are cooking"):
        topics(["cooking", "sport"], HERE)


@pytest.mark.parametrize(
    ("names", "attack", "benign"),
    [
        (["benign", "jailbreak"], (1,), (0,)),
        (["INJECTION", "LEGIT"], (0,), (1,)),
        (["SAFE", "INJECTION"], (1,), (0,)),
        (["BENIGN", "INJECTION", "JAILBREAK"], (1, 2), (0,)),
        (["everything else", "prompt injection"], (1,), (0,)),
        (["safe", "dubious"], (1,), (0,)),
        (["unsafe"], (0,), ()),
    ],
)
def test_labels_of_a_guard(names: list[str], attack: tuple[int, ...], benign: tuple[int, ...]) -> None:
    assert sides(names, HERE) == (attack, benign)


@pytest.mark.parametrize(
    "names",
    [["yes", "no"], ["benign", "jailbreak", "maybe"], ["benign"], ["safe", "clean"], ["attack", "unsafe"]],
)
def test_a_guard_whose_labels_say_nothing_is_refused(names: list[str]) -> None:
    with pytest.raises(EngineError, match="which of its labels mean an attack cannot be told"):
        sides(names, HERE)


def test_tags_in_any_scheme() -> None:
    found = tags(
        ["O", "B-PERSON", "I-PERSON", "B-ZIP_CODE", "I-STREET_ADDRESS", "EMAIL", "S-NRP", "E-NRP"], HERE
    )
    assert found.types == ("PERSON", "STREET_ADDRESS", "EMAIL_ADDRESS", "NRP")
    assert found.outside == (0,)
    assert found.begins == ((1,), (3,), (), (6,))
    assert found.anywhere == ((1, 2), (3, 4), (5,), (6, 7))


@pytest.mark.parametrize(
    ("label", "known"),
    [
        ("B-PER", "PERSON"), ("I-ORG", "ORGANIZATION"), ("LOC", "GPE"), ("GIVENNAME", "PERSON"),
        ("phone number", "PHONE_NUMBER"), ("B-DOMAIN_NAME", "URL"), ("social-num", "SOCIAL_NUM"),
        ("SSN", "US_SSN"),
    ],
)  # fmt: skip
def test_types_go_by_our_names(label: str, known: str) -> None:
    assert tags(["O", "PERSON", label], HERE).types[-1] == known


@pytest.mark.parametrize(
    ("names", "said"),
    [(["B-PERSON", "I-PERSON"], "has no label O"), (["O", "B-VERB"], "looks for no personal data we know")],
)
def test_a_tagger_of_something_else_is_refused(names: list[str], said: str) -> None:
    with pytest.raises(EngineError, match=said):
        tags(names, HERE)
