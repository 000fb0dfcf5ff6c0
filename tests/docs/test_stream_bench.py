"""What the benchmark of streams sends, what it works out from its samples, and how it is told."""

import re

import pytest

from bench.report import streams
from bench.stream import CHUNKS, SPOKEN, WAYS, YARDSTICK, answering, measure, row


@pytest.mark.parametrize("way", WAYS)
def test_each_way_carries_every_word_at_once(way: str) -> None:
    spoken, asked = WAYS[way]
    events = SPOKEN[spoken]()
    stream = answering(spoken, asked).stream()
    told = [stream.feed(one) for one in events]
    words = re.compile(rb'"(?:text|content|delta)":"[^"]')
    said = [n for n, one in enumerate(events) if words.search(one)]
    assert len(said) >= CHUNKS
    assert all(told[n] for n in said), "a chunk waits for another"
    assert stream.end() == b"" or spoken == "gemini"  # whose stream says nothing of its end
    assert stream.tap.outcome == "complete"
    assert stream.tap.usage is not None
    assert stream.tap.usage.completion_tokens == 900


def test_passing_answers_stay_what_they_are() -> None:
    for spoken, asked in WAYS.values():
        if spoken == asked and spoken != "openai_chat":
            stream = answering(spoken, asked).stream()
            assert all(stream.feed(one) is one for one in SPOKEN[spoken]())


def test_a_ratio_is_that_of_one_round() -> None:
    assert row("a", [2.0, 30.0, 3.0], [1.0, 10.0, 3.0]) == {
        "way": "a",
        "cpu_us": 3.0,
        "least_us": 2.0,
        "to_json": 2.0,
    }


def test_every_way_is_measured_beside_the_yardstick() -> None:
    rows = measure(1)
    assert [each["way"] for each in rows] == [YARDSTICK, *WAYS]
    assert rows[0]["to_json"] == 1
    assert all(each["cpu_us"] > 0 for each in rows)


def test_the_table() -> None:
    rows = [row("json", [3.0], [3.0]), row("OpenAI passes", [1.5], [3.0])]
    about = {"machine": "a processor", "python": "3", "rounds": 1, "load_average": 0.1}
    assert streams({"rows": rows, **about}).splitlines()[2:] == [
        "| json | 3.0 | 3.0 | 1.0 |",
        "| OpenAI passes | 1.5 | 1.5 | 0.5 |",
        "",
        "Measured on a processor, Python 3, 1 rounds; load 0.1 before.",
    ]
