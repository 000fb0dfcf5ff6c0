import re
from collections import Counter, defaultdict

import pytest

from waypost.train.rows import INTENTS, Row
from waypost.train.synth.tasks import LENGTHS, SOURCE, generate
from waypost.train.synth.tasks_banks import load

MANY = 2600


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return generate(0, MANY)


def of(rows: list[Row], intent: str) -> list[Row]:
    return [row for row in rows if row.intent == intent]


@pytest.mark.parametrize("count", [0, 1, 12, 13, 40])
def test_gives_exactly_the_number_asked_for_in_balance(count: int) -> None:
    counted = Counter(row.intent for row in generate(3, count))
    assert counted.total() == count
    assert max(counted.values(), default=0) - min((counted[intent] for intent in INTENTS), default=0) <= 1


def test_a_seed_gives_the_same_rows_and_another_seed_others() -> None:
    assert generate(5, 60) == generate(5, 60)
    assert len({row.text for row in generate(5, 60)} & {row.text for row in generate(6, 60)}) < 6


def test_every_row_says_what_is_known_and_no_more(rows: list[Row]) -> None:
    for row in rows:
        assert row.source == SOURCE
        assert row.group.startswith(f"{row.intent}:")
        assert row.attack is False
        assert row.personal is None
        assert row.difficulty is None


def test_texts_are_distinct(rows: list[Row]) -> None:
    assert len({row.text for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("intent", "domain"),
    [
        ("code_generation", "computer science"),
        ("code_debugging", "computer science"),
        ("math_problem", "math"),
        ("general_chat", "other"),
        ("assistant_command", "other"),
        ("creative_writing", "other"),
        ("knowledge_qa", None),
        ("business_writing", None),
        ("summarization", None),
        ("extraction", None),
        ("analysis", None),
        ("customer_support", None),
    ],
)
def test_domain_is_set_only_where_the_intent_settles_it(
    rows: list[Row], intent: str, domain: str | None
) -> None:
    assert {row.domain for row in of(rows, intent)} == {domain}


def test_translation_has_a_domain_only_for_everyday_text() -> None:
    translations = of(generate(1, 6 * MANY), "translation")
    of_topic = {piece.facts["text"][:40]: piece.plain for piece in load().english.material["passage"]}
    found: set[tuple[bool, str | None]] = set()
    for row in (row for row in translations if row.group.startswith("translation:passage-")):
        pasted = [plain for start, plain in of_topic.items() if start in row.text]
        found.add((all(pasted), row.domain))
    assert found == {(True, "other"), (False, None)}


def test_lengths_have_their_shares(rows: list[Row]) -> None:
    for share, smallest, largest in LENGTHS:
        found = sum(smallest <= len(row.text) <= largest for row in rows) / len(rows)
        assert found == pytest.approx(share, abs=0.04)
    assert all(LENGTHS[0][1] <= len(row.text) <= LENGTHS[-1][2] for row in rows)


def test_every_intent_has_every_length(rows: list[Row]) -> None:
    for intent in INTENTS:
        for share, smallest, largest in LENGTHS:
            found = sum(smallest <= len(row.text) <= largest for row in of(rows, intent))
            assert found > share * len(of(rows, intent)) / 2, (intent, smallest)


def test_a_tenth_is_not_english(rows: list[Row]) -> None:
    languages = Counter(row.language for row in rows)
    assert set(languages) == {"en", "de", "fr", "es", "it", "pt", "nl"}
    assert 1 - languages["en"] / len(rows) == pytest.approx(0.1, abs=0.03)
    assert all(len({row.language for row in of(rows, intent)}) > 3 for intent in INTENTS)


def test_no_slot_is_left_open(rows: list[Row]) -> None:
    banks = load()
    slots = {
        slot
        for voice in (banks.english, *banks.others)
        for frames in voice.frames.values()
        for slot in frames[0].words
    }
    # code has braces of its own, R has double brackets
    open_slots = slots - {"n", "name", "text"}
    for row in rows:
        assert not re.search(
            r"\[\[(text|topic|lang|purpose|symptom|error|tag)\]\]|\{(ask|text|tag)\}", row.text
        )
        assert not open_slots & set(re.findall(r"\{([a-z_]+)\}", row.text)), row.text


def test_many_frames_of_each_intent_are_used(rows: list[Row]) -> None:
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        assert row.intent is not None
        groups[row.intent][row.group] += 1
    for intent, used in groups.items():
        assert len(used) > 60, intent
        assert max(used.values()) < MANY / len(INTENTS) * 0.12, intent


def test_the_same_passage_and_topic_stand_under_many_intents(rows: list[Row]) -> None:
    passage = {row.intent for row in generate(2, 3 * MANY) if "tram line 6 is running again" in row.text}
    assert len(passage) >= 7
    topic = {
        row.intent
        for row in rows
        if re.search(r"\b(inflation|black holes|beekeeping)\b", row.text, re.IGNORECASE)
    }
    assert len(topic) >= 8


def test_background_is_no_sign_of_an_intent(rows: list[Row]) -> None:
    lines = [line for lines in load().english.contexts for line in lines]
    shares = [
        sum(any(line in row.text for line in lines) for row in of(rows, intent)) / len(of(rows, intent))
        for intent in INTENTS
    ]
    assert min(shares) > 0.1
    assert max(shares) < 0.5


def test_talk_is_not_put_under_headings(rows: list[Row]) -> None:
    headed = {row.intent for row in rows if "### Instruction" in row.text}
    assert headed
    assert headed.isdisjoint({"general_chat", "assistant_command", "customer_support"})


def test_code_is_kept_as_it_is(rows: list[Row]) -> None:
    pieces = [piece.facts["text"] for piece in load().english.material["code"]]
    marked = [row.text for row in rows if "```" in row.text]
    assert len(marked) > 30
    assert all(any(piece in text for piece in pieces) for text in marked)


def test_rows_run_on_when_the_texts_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waypost.train.synth.tasks._draft", lambda *_: draft)
    draft = type("Draft", (), {"text": "hi", "domain": None})()
    assert [row.text for row in generate(0, 30)] == ["hi"] * 30
