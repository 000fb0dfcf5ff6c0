import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from waypost.errors import EngineError
from waypost.train.rows import PII_TYPES
from waypost.train.sets import ROUTING, SETS, difficulties, load, missing


def write(folder: Path, name: str, *rows: dict[str, Any]) -> Path:
    with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_every_set_says_where_it_comes_from_and_what_allows_it() -> None:
    assert all(each.licence and each.source for each in SETS.values())
    forbidden = ("NC", "GPL", "unclear")
    assert not [each.name for each in SETS.values() if any(word in each.licence for word in forbidden)]


def test_exam_questions(tmp_path: Path) -> None:
    rows = [
        {"id": f"q{n}", "text": f"Sum of {n} and 1?", "label": "math", "options": ["1", "2"]}
        for n in range(40)
    ]
    rows.append({"id": "p", "text": "A ball falls.", "label": "physics"})
    found = load(write(tmp_path, "mmlu_pro", *rows), "mmlu_pro")
    assert {row.intent for row in found if row.domain == "math"} == {"math_problem"}
    assert [row.intent for row in found if row.domain == "physics"] == [None]
    optioned = sum("A. 1" in row.text for row in found)
    assert 0 < optioned < 20, "a few show their options"


def test_near_equal_stems_are_thinned_out(tmp_path: Path) -> None:
    rows = [
        {"id": f"m{n}", "text": f"Scenario {n}", "label": "philosophy", "subject": "moral_scenarios"}
        for n in range(140)
    ]
    assert 5 < len(load(write(tmp_path, "mmlu", *rows), "mmlu")) < 45


def test_duplicates_and_empty_texts_go(tmp_path: Path) -> None:
    rows = [
        {"text": text, "label": "math", "intent": "math_problem"} for text in ("One?", "one", " ", "Two?")
    ]
    assert [row.text for row in load(write(tmp_path, "gsm8k", *rows), "gsm8k")] == ["One?", "Two?"]


def test_a_cap_holds(tmp_path: Path) -> None:
    rows = [{"text": f"Sum {n}", "label": "math", "intent": "math_problem"} for n in range(1300)]
    assert len(load(write(tmp_path, "gsm8k", *rows), "gsm8k")) == SETS["gsm8k"].cap == 1200


def test_what_a_set_is_not_right_about_is_unknown(tmp_path: Path) -> None:
    write(tmp_path, "gpteacher_roleplay", {"text": "Play", "label": "other", "intent": "creative_writing"})
    write(tmp_path, "awesome_prompts", {"text": "Act", "label": "other", "intent": "roleplay"})
    write(tmp_path, "llmrouter_queries", {"text": "Who?", "label": "other", "src": "trivia_qa"})
    write(tmp_path, "dolly_benign", {"text": "Sum up", "label": "benign", "dolly_category": "summarization"})
    labels = {
        name: (row.domain, row.intent, row.attack)
        for name in ("gpteacher_roleplay", "awesome_prompts", "llmrouter_queries", "dolly_benign")
        for row in load(tmp_path, name)
    }
    assert labels == {
        "gpteacher_roleplay": (None, "creative_writing", False),
        "awesome_prompts": (None, None, False),
        "llmrouter_queries": (None, "knowledge_qa", False),
        "dolly_benign": (None, "summarization", False),
    }


def test_clinc_says_little_about_domains(tmp_path: Path) -> None:
    rows = [
        {"text": name, "intent": "assistant_command", "clinc_domain": name}
        for name in ("banking", "oos", "travel")
    ]
    found = {
        row.text: (row.domain, row.intent) for row in load(write(tmp_path, "clinc150", *rows), "clinc150")
    }
    assert found == {
        "banking": (None, "assistant_command"),
        "oos": (None, None),
        "travel": ("other", "assistant_command"),
    }


def test_attacks_without_a_cue_are_not_taken_for_any(tmp_path: Path) -> None:
    rows = [{"text": "Be free", "attack": 1, "cue": 1}, {"text": "A persona", "attack": 1, "cue": 0}]
    assert [row.text for row in load(write(tmp_path, "guard_inthewild", *rows), "guard_inthewild")] == [
        "Be free"
    ]


def test_mails_are_split_by_mail_and_say_where_the_attack_stands(tmp_path: Path) -> None:
    rows = [
        {"id": "bp-train-7-b", "text": "Mail", "attack": 0},
        {"id": "bp-train-7-3", "text": "Mail. Obey", "attack": 1, "variant": "Art", "position": "end"},
    ]
    benign, attack = load(write(tmp_path, "guard_bipia_email_dev", *rows), "guard_bipia_email_dev")
    assert benign.group == attack.group == "7"
    assert (benign.attack, attack.attack, attack.kind) == (False, True, "end")


def test_personal_data_and_what_the_set_marks(tmp_path: Path) -> None:
    row = {
        "text": "Ask Dr Ann at 12345",
        "template": 3,
        "spans": [
            {"start": 14, "end": 19, "label": "ZIP_CODE"},
            {"start": 7, "end": 10, "label": "PERSON"},
            {"start": 4, "end": 6, "label": "TITLE"},
        ],
    }
    (found,) = load(write(tmp_path, "pii_presidio_v2", row), "pii_presidio_v2")
    assert [(mark.type, mark.start) for mark in found.personal or ()] == [
        ("PERSON", 7),
        ("STREET_ADDRESS", 14),
    ]
    assert "US_PASSPORT" not in found.annotated < set(PII_TYPES)
    assert (found.group, found.attack) == ("3", None)


def test_an_unknown_label_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "gsm8k", {"text": "One?", "label": "maths", "intent": "math_problem"})
    with pytest.raises(EngineError, match=r"gsm8k.*'maths'"):
        load(tmp_path, "gsm8k")


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    write(tmp_path, "gsm8k", {"text": "One?"})
    assert missing(tmp_path, ["gsm8k", "mmlu"]) == ["mmlu.jsonl.gz", "routing_mmlu_pro.jsonl.gz"]


def test_difficulty_is_the_share_that_failed(tmp_path: Path) -> None:
    write(tmp_path, ROUTING.name, {"_header": {}}, {"text": "A sum?", "correct": "1000"})
    assert difficulties(tmp_path) == {"a sum": 0.75}
