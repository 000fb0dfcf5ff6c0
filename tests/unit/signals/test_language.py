"""The language of a text, told by statistics that are loaded once."""

import pytest

from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.language import LANGUAGES, Language
from waypost.signals.language import _identifier as identifier
from waypost.testing import contracts
from waypost.testing.policies import chat

GERMAN = "Wann geht heute Abend der letzte Zug nach Leipzig?"
FRENCH = "Pourrais-tu relire ce paragraphe avant demain matin, s'il te plaît ?"
ENGLISH = "Which of these two contracts ends earlier?"


def holds(text: str, *languages: str) -> bool | None:
    return Language(languages=languages).evaluate(chat(text), None).holds


def test_the_contract_of_a_signal_is_kept() -> None:
    contracts.signal(Language(languages=("de",), unreadable="fail", scope="all"), requests=[chat(GERMAN)])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (GERMAN, "de"),
        (FRENCH, "fr"),
        (ENGLISH, "en"),
        (ENGLISH.upper(), "en"),
        ("¿Cuánto cuesta el billete para dos personas?", "es"),
        ("Jak dojechać z lotniska do centrum miasta?", "pl"),
        ("Где находится ближайшая аптека и когда она работает?", "ru"),
        ("我想知道最近的图书馆几点关门。", "zh"),
        ("明日の会議は何時に始まりますか。", "ja"),
        ("أين تقع أقرب محطة قطار؟", "ar"),
    ],
)
def test_languages_are_told_apart(text: str, language: str) -> None:
    assert holds(text, language) is True
    assert [other for other in ("de", "en", "fr", "sv") if other != language and holds(text, other)] == []


def test_the_evidence_names_languages_and_not_the_text() -> None:
    signal = Language(languages=("fr", "de"))
    verdict = signal.evaluate(chat(GERMAN), None)
    assert verdict.label == "de"
    assert verdict.because == f"language de: p={verdict.score:.2f}, threshold 0.5"
    assert verdict.threshold == 0.5
    assert "; likeliest is en with" in signal.evaluate(chat(ENGLISH), None).because


def test_probabilities_of_several_languages_count_together() -> None:
    text = "Det er en god dag i dag"  # Danish and Norwegian alike
    alone = [Language(languages=(name,)).evaluate(chat(text), None).score for name in ("da", "no")]
    both = Language(languages=("da", "no", "da")).evaluate(chat(text), None)
    assert both.score == pytest.approx(sum(alone))
    assert both.holds is True


@pytest.mark.parametrize("text", ["", "  ", "12:30 +49 (0)30", "🙂🙂", "..."])
def test_without_letters_there_is_no_language(text: str) -> None:
    verdict = Language(languages=("en",)).evaluate(chat(text), None)
    assert verdict.holds is False
    assert verdict.because == "no letter tells the language"


@pytest.mark.parametrize("text", ["ok", "x", "Anna", "3x + 4y = 12"])
def test_a_few_letters_stay_undecided(text: str) -> None:
    assert [name for name in LANGUAGES if holds(text, name)] == []


def test_hashes_are_of_no_language() -> None:
    verdict = Language(languages=("en",)).evaluate(chat("9fceb02d0ae598e95dc970b74767f19372d61af8" * 3), None)
    assert verdict.because.endswith("likeliest is no language with 1.00")


def conversation(*turns: tuple[str, str]) -> ChatRequest:
    messages = tuple(
        Message(role, (Part("text", text, f"messages[{n}].content"),)) for n, (role, text) in enumerate(turns)
    )
    return ChatRequest("openai_chat", b"", "auto", messages=messages)


def test_the_last_turn_is_read_unless_the_file_says_otherwise() -> None:
    request = conversation(
        ("system", FRENCH * 9), ("user", ENGLISH), ("assistant", ENGLISH), ("user", GERMAN)
    )
    assert Language(languages=("de",)).evaluate(request, None).holds is True
    assert Language(languages=("en",), scope="conversation").evaluate(request, None).holds is True
    assert Language(languages=("fr",), scope="all").evaluate(request, None).holds is True


def test_the_opening_decides() -> None:
    request = chat(GERMAN * 100 + ENGLISH * 10_000)
    assert Language(languages=("de",)).evaluate(request, None).holds is True


def test_parts_are_read_together_and_a_second_reading_is_not() -> None:
    halves = (Part("text", GERMAN[:20], "a"), Part("text", GERMAN[20:], "b"))
    again = Part("text", ENGLISH * 20, "c", again=True)
    request = ChatRequest("openai_chat", b"", "auto", messages=(Message("user", (*halves, again)),))
    assert Language(languages=("de",)).evaluate(request, None).holds is True


def test_what_cannot_be_read_leaves_a_no_open_where_all_must_be_read() -> None:
    request = chat(ENGLISH, images=1)
    assert Language(languages=("de",), unreadable="fail").evaluate(request, None).failed == "unscannable"
    assert Language(languages=("en",), unreadable="fail").evaluate(request, None).holds is True
    assert Language(languages=("de",)).evaluate(request, None).holds is False
    assert (
        Language(languages=("de",), unreadable="fail").evaluate(chat(images=1), None).failed == "unscannable"
    )


def test_the_condition_reads_back_as_a_clause() -> None:
    assert Language(languages=("de",)).sentence() == (
        'the text is written in "de" with a probability of at least 0.5'
    )


@pytest.mark.parametrize(
    ("signal", "remarks"),
    [
        (Language(languages=("de", "no", "zh")), []),
        (Language(languages=()), [("languages", "for example de")]),
        (Language(languages=("de", "DE")), [("languages[1]", "did you mean de?")]),
        (Language(languages=("pt-BR",)), [("languages[0]", "did you mean pt?")]),
        (Language(languages=("german",)), [("languages[0]", "known ones: af, am")]),
        (Language(languages=("de",), threshold=0.0), [("threshold", "above 0")]),
    ],
)
def test_lint_finds_what_cannot_work(signal: Language, remarks: list[tuple[str, str]]) -> None:
    found = list(signal.lint())
    assert [remark.field for remark in found] == [field for field, _ in remarks]
    assert all(hint in remark.help for remark, (_, hint) in zip(found, remarks, strict=True))


def test_what_is_told_apart_is_what_the_statistics_know() -> None:
    assert sorted(LANGUAGES) == list(LANGUAGES)
    full = type(identifier()).from_model_file("data/model.npz.xz", norm_probs=True)
    assert {label for label in full.labels if len(label) == 2} == {*LANGUAGES, "nn"}


def test_the_statistics_are_loaded_with_the_policy() -> None:
    identifier.cache_clear()
    signals = [Language(languages=("de",)), Language(languages=("fr",))]
    assert Language.bind(signals, {}) == signals
    assert identifier.cache_info().currsize == 1
