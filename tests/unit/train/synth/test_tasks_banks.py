import re
from collections import Counter

import pytest

from waypost.train.rows import INTENTS
from waypost.train.synth.tasks_banks import ENGLISH, UNATTACHED, Frame, Voice, load

VOICES = (load().english, *load().others)
OWN_FILE = {"code_debugging", "business_writing", "summarization", "translation", "extraction", "analysis"}


@pytest.fixture(params=VOICES, ids=lambda voice: voice.language)
def voice(request: pytest.FixtureRequest) -> Voice:
    return request.param


@pytest.mark.parametrize("intent", INTENTS)
def test_there_are_frames_enough_in_english(intent: str) -> None:
    frames = load().english.frames[intent]
    assert len(frames) >= (80 if intent in OWN_FILE else 50)


def test_every_language_has_every_intent(voice: Voice) -> None:
    assert set(voice.frames) == set(INTENTS)
    assert all(len(frames) >= 4 for frames in voice.frames.values())


def test_material_is_as_plentiful_as_promised() -> None:
    material = load().english.material
    assert len(material["passage"]) >= 80
    assert len(material["code"]) >= 40
    assert len({piece.facts["lang"] for piece in material["code"]}) >= 10


def test_every_slot_has_words(voice: Voice) -> None:
    for frames in voice.frames.values():
        for frame in frames:
            for text in (frame.text, *(word for words in frame.words.values() for word in words)):
                assert set(re.findall(r"\{([a-z_]+)\}", text)) <= set(frame.words), text


def test_every_frame_finds_its_material(voice: Voice) -> None:
    for frames in voice.frames.values():
        for frame in frames:
            assert frame.kind in UNATTACHED or voice.material[frame.kind], frame.text


def test_every_fact_of_a_frame_is_known_of_all_its_material(voice: Voice) -> None:
    for frames in voice.frames.values():
        for frame in frames:
            for fact in re.findall(r"\[\[([a-z]+)\]\]", frame.text):
                assert frame.kind not in UNATTACHED, frame.text
                assert all(fact in piece.facts for piece in voice.material[frame.kind]), frame.text


def test_groups_name_frames_one_to_one() -> None:
    groups = Counter(frame.group for voice in VOICES for frames in voice.frames.values() for frame in frames)
    assert groups.most_common(1)[0][1] == 1


def test_a_group_depends_on_the_frame_alone() -> None:
    frame = Frame("analysis", "bare", "Compare {pair}.", {})
    assert frame.group == Frame("analysis", "bare", "Compare {pair}.", {"pair": ("a and b",)}).group
    assert frame.group != Frame("analysis", "bare", "Compare {pair}", {}).group
    assert frame.group.startswith("analysis:bare-")


def test_no_wish_stands_under_two_intents() -> None:
    places: dict[tuple[str, str], str] = {}
    for voice in VOICES:
        for intent, frames in voice.frames.items():
            for frame in frames:
                key = (frame.kind, frame.text.lower().strip(" .!?"))
                assert places.setdefault(key, intent) == intent, frame.text


def test_everyday_text_is_told_from_schoolbook_text() -> None:
    passages = {piece.facts["topic"]: piece for piece in load().english.material["passage"]}
    assert passages["a lost suitcase"].plain
    assert not passages["nuclear fusion"].plain
    everyday = {piece.facts["topic"] for piece in load().english.material["everyday"]}
    assert {piece.facts["topic"] for piece in passages.values() if piece.plain} == everyday


def test_material_of_a_narrower_kind_is_material_of_the_wider_one() -> None:
    material = load().english.material
    wide = {piece.facts["text"] for kind in ("passage", "mail", "record") for piece in material[kind]}
    assert {piece.facts["text"] for piece in material["price"]} <= wide
    assert all("error" in piece.facts for piece in material["code_error"])
    assert len(material["foreign"]) == sum(len(voice.material["text"]) for voice in load().others)


def test_layouts_hold_wish_and_text(voice: Voice) -> None:
    for form in (*voice.layouts, *voice.code_layouts, *voice.plain_layouts):
        assert form.count("{ask}") == 1
        assert form.count("{text}") == 1


def test_other_languages_are_not_given_english_layouts() -> None:
    for voice in load().others:
        for form in (*voice.layouts, *voice.code_layouts):
            assert not re.search("[A-Za-z]", re.sub(r"\{\w+\}|</?text>", "", form)), form


def test_banks_are_read_once() -> None:
    assert load() is load()
    assert load().english.language == ENGLISH
