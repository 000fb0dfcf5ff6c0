import re
import tomllib
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from waypost.train.rows import INTENTS
from waypost.train.synth import draw
from waypost.train.synth.humanities import DOMAINS
from waypost.train.synth.humanities_bank import UNKNOWN_INTENT, courtesies, load, mend_articles, render, tidy


def table(domain: str) -> dict[str, Any]:
    path = files("waypost.train.synth") / "banks" / f"{domain}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def entries(part: dict[str, list[str]]) -> list[str]:
    return [text for texts in part.values() for text in texts]


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_has_enough_frames_questions_and_terms(domain: str) -> None:
    bank = table(domain)
    assert len(set(entries(bank["frames"]))) >= (180 if domain == "other" else 90)
    assert len(set(entries(bank["questions"]))) >= 80
    assert len(set(entries(bank["terms"]))) >= 120


@pytest.mark.parametrize("domain", DOMAINS)
def test_questions_are_complete(domain: str) -> None:
    assert [text for text in entries(table(domain)["questions"]) if re.search(r"[{}<>|]", text)] == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_intents_are_known(domain: str) -> None:
    bank = table(domain)
    parts = [bank["frames"], bank["questions"], bank["posts"]]
    parts += [reading["tasks"] for reading in bank["readings"]]
    parts += [abroad["frames"] for abroad in bank["abroad"].values()]
    assert {intent for part in parts for intent in part} <= {*INTENTS, UNKNOWN_INTENT}


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_wording_context_and_detail_can_be_filled(domain: str) -> None:
    rng = draw.generator(0, "every wording")
    for bank in load(domain).values():
        texts = [wording.text for template in bank.templates for wording in template.wordings]
        for text in [*texts, *bank.contexts, *bank.details]:
            assert not re.search(r"[{}|]", render(rng, text, bank.terms)), text


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_list_of_terms_is_used(domain: str) -> None:
    bank = table(domain)
    text = (files("waypost.train.synth") / "banks" / f"{domain}.toml").read_text(encoding="utf-8")
    assert [name for name in bank["terms"] if f"{{{name}}}" not in text] == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_template_of_a_domain_stands_in_two_places(domain: str) -> None:
    keys = Counter(template.key for bank in load(domain).values() for template in bank.templates)
    assert [key for key, count in keys.items() if count > 1] == []


def test_no_complete_question_belongs_to_two_domains() -> None:
    texts = Counter(text for domain in DOMAINS for text in entries(table(domain)["questions"]))
    assert [text for text, count in texts.items() if count > 1] == []


def test_every_language_has_words_around_a_text() -> None:
    languages = {language for domain in DOMAINS for language in load(domain)}
    assert set(courtesies().openers) == set(courtesies().closers) == languages


def test_common_words_are_distinct_and_complete() -> None:
    for name, words in courtesies().terms.items():
        assert len(set(words)) == len(words), name
        assert not any(re.search(r"[{}<>|]", word) for word in words), name


def test_tidying_keeps_line_breaks() -> None:
    assert tidy(" a  b\n\nc   d ") == "a b\n\nc d"


def test_a_reading_has_one_wording_for_each_task_and_the_text_in_all_of_them() -> None:
    reading = table("law")["readings"][0]
    template = next(found for found in load("law")["en"].templates if found.kind == "readings")
    assert len(template.wordings) == len(entries(reading["tasks"]))
    assert all(reading["texts"][0] in wording.text for wording in template.wordings)


def test_an_intent_that_is_a_matter_of_taste_stays_unknown() -> None:
    wordings = [wording for template in load("other")["en"].templates for wording in template.wordings]
    assert {wording.intent for wording in wordings} >= {None, "assistant_command"}
    assert UNKNOWN_INTENT not in {wording.intent for wording in wordings}


def test_slots_of_one_name_get_different_words_while_there_are_any() -> None:
    rng = draw.generator(0, "words")
    terms = {"term": ("tea", "rum"), "pair": ("{term} or {term}",)}
    assert {render(rng, "with {term} and {term}", terms) for _ in range(40)} == {
        "with tea and rum",
        "with rum and tea",
    }
    assert {render(rng, "so {pair}", terms) for _ in range(40)} == {"so tea or rum", "so rum or tea"}
    assert re.fullmatch(r"x (tea|rum) (tea|rum) (tea|rum)", render(rng, "x {term} {term} {term}", terms))


def test_alternatives_may_be_empty_or_nested() -> None:
    rng = draw.generator(0, "alternatives")
    assert {render(rng, "go <now|> on", {}) for _ in range(40)} == {"go now on", "go on"}
    assert {render(rng, "<a|b <c|d>>", {}) for _ in range(60)} == {"a", "b c", "b d"}


def test_a_word_in_front_is_capitalised_often_but_not_always() -> None:
    rng = draw.generator(0, "capitals")
    assert {render(rng, "{term}?", {"term": ("tea",)}) for _ in range(40)} == {"tea?", "Tea?"}


def test_a_slot_without_a_bank_is_an_error() -> None:
    with pytest.raises(KeyError):
        render(draw.generator(0, "error"), "what is {nothing}", {})


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("open a online shop", "open an online shop"),
        ("A apple a day", "An apple a day"),
        (
            "a university, a one-off, a euro, a use, a UK firm",
            "a university, a one-off, a euro, a use, a UK firm",
        ),
        ("a uninsured driver", "an uninsured driver"),
    ],
)
def test_articles_fit_the_word_behind_them(text: str, mended: str) -> None:
    assert mend_articles(text) == mended


def test_a_domain_without_a_bank_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        load("alchemy")
