import re
from collections import Counter
from itertools import pairwise

import pytest

from waypost.train.rows import DOMAINS, INTENTS
from waypost.train.synth.draw import generator
from waypost.train.synth.sciences_bank import SCIENCES, Bank, banks, digest, fill

LANGUAGES = {"en", "de", "fr", "es", "it", "pt", "nl"}
SLOT = re.compile(r"\{([a-z_]+)\}")


@pytest.fixture(params=SCIENCES)
def bank(request: pytest.FixtureRequest) -> Bank:
    return banks()[request.param]


def filled(template: str, **slots: list[str]) -> str:
    return fill(generator(1, "test"), template, slots)


def test_the_domains_are_domains_of_the_rows() -> None:
    assert set(SCIENCES) < set(DOMAINS)
    assert tuple(banks()) == SCIENCES


def test_a_slot_may_hold_slots() -> None:
    assert filled("see {a}", a=["the {b}"], b=["fox"]) == "see the fox"


def test_no_word_is_taken_twice_while_others_are_left() -> None:
    words = filled("{a} {a} {a} {a}", a=["x", "y", "z"]).split()
    assert set(words[:3]) == {"x", "y", "z"}


def test_a_slot_without_a_list_is_an_error() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        filled("{nowhere}", a=["x"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a(n) axolotl", "an axolotl"),
        ("A(n) maple", "A maple"),
        ("a(n) unit", "a unit"),
        ("a(n) ELISA and a(n) PCR", "an ELISA and a PCR"),
        ("a(n) mRNA", "an mRNA"),
        ("a(n) 8 kg and a(n) 18 kg and a(n) 12 kg block", "an 8 kg and an 18 kg and a 12 kg block"),
        ("a(n) R script, a(n) Go script", "an R script, a Go script"),
    ],
)
def test_the_article_fits_the_word_behind_it(text: str, expected: str) -> None:
    assert filled(text) == expected


def test_brackets_of_formulas_survive() -> None:
    assert filled(r"\frac⟦dx⟧{2}") == r"\frac{dx}{2}"


def test_every_slot_has_a_list(bank: Bank) -> None:
    texts = [(f.language, f.text) for f in (*bank.frames, *bank.questions)]
    texts += [
        (lang, word) for lang, slots in bank.slots.items() for words in slots.values() for word in words
    ]
    missing = {
        (lang, name) for lang, text in texts for name in SLOT.findall(text) if name not in bank.slots[lang]
    }
    assert missing == set()


def test_questions_are_complete(bank: Bank) -> None:
    assert [frame.text for frame in bank.questions if SLOT.search(frame.text)] == []


def test_every_domain_has_enough_to_say(bank: Bank) -> None:
    others = {f.text for other in banks().values() if other is not bank for f in other.frames}
    own = [f for f in bank.frames if f.language == "en" and f.text not in others]
    terms = {w for words in bank.slots["en"].values() for w in words if len(w) < 60 and not SLOT.search(w)}
    assert len(own) >= 90
    assert len(terms) >= 120
    assert sum(frame.language == "en" for frame in bank.questions) >= 80


def test_every_language_has_frames_and_terms(bank: Bank) -> None:
    assert set(bank.slots) == LANGUAGES
    assert {frame.language for frame in bank.frames} == LANGUAGES
    foreign = [slots for language, slots in bank.slots.items() if language != "en"]
    assert min(len(slots["topic"]) for slots in foreign) >= 10


def test_no_template_or_question_is_written_twice(bank: Bank) -> None:
    texts = Counter(frame.text for frame in (*bank.frames, *bank.questions))
    assert [text for text, times in texts.items() if times > 1] == []


def test_no_question_is_in_two_domains() -> None:
    domains = Counter(frame.text.lower() for bank in banks().values() for frame in bank.questions)
    assert [text for text, times in domains.items() if times > 1] == []


def test_intents_are_known(bank: Bank) -> None:
    assert {frame.intent for frame in (*bank.frames, *bank.questions)} <= {None, *INTENTS}


def test_there_are_frames_of_every_length(bank: Bank) -> None:
    sizes = Counter(frame.size for frame in bank.frames if frame.language == "en")
    assert min(sizes[size] for size in range(3)) >= 15


def test_a_frame_that_is_only_a_slot_stands_for_its_list(bank: Bank) -> None:
    texts = {frame.text for frame in bank.frames}
    assert not {"{problem}", "{stub}", "{spec}"} & texts
    assert set(bank.slots["en"]["problem"]) <= texts


def test_what_a_frame_carries_names_the_group(bank: Bank) -> None:
    for frame in bank.frames:
        assert frame.name == digest(frame.text)
        assert not frame.carrier or frame.text.count(f"{{{frame.carrier}}}") == 1


def test_words_stand_once_in_their_list(bank: Bank) -> None:
    doubled = [
        (lang, name, left)
        for lang, slots in bank.slots.items()
        for name, words in slots.items()
        for left, right in pairwise(sorted(words))
        if left == right
    ]
    assert doubled == []
