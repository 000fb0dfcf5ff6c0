import pytest

from waypost.request.chat import ChatRequest, Message, Part
from waypost.request.text import Scope, fold, read, readings


def text(content: str, where: str = "messages[0].content") -> Part:
    return Part("text", content, where)


REQUEST = ChatRequest(
    "openai_chat",
    b"",
    "auto",
    messages=(
        Message("system", (text("S", "messages[0].content"),)),
        Message("user", (text("first", "messages[1].content"),)),
        Message(
            "assistant",
            (
                text("answer", "messages[2].content"),
                Part("tool_call", "{}", "messages[2].tool_calls[0].function.arguments"),
            ),
        ),
        Message("tool", (text("result", "messages[3].content"),)),
        Message(
            "user",
            (
                text("last", "messages[4].content[0].text"),
                Part("image", "", "messages[4].content[1].image_url"),
            ),
        ),
        Message("developer", (text("D", "messages[5].content"),)),
    ),
    fields=(text("described", "tools[0].function.description"),),
)


@pytest.mark.parametrize(
    ("scope", "texts"),
    [
        ("last_user", ["last", ""]),
        ("user", ["first", "last", ""]),
        ("conversation", ["first", "answer", "{}", "result", "last", ""]),
        ("all", ["S", "first", "answer", "{}", "result", "last", "", "D", "described"]),
    ],
)
def test_a_scope_names_what_is_read(scope: Scope, texts: list[str]) -> None:
    assert [part.text for part in read(REQUEST, scope)] == texts


def test_parts_that_cannot_be_read_are_among_the_parts() -> None:
    assert [part.is_readable for part in read(REQUEST, "last_user")] == [True, False]


def test_a_conversation_without_a_user_has_no_last_user() -> None:
    assert read(ChatRequest("openai_chat", b"", "auto"), "last_user") == ()


@pytest.mark.parametrize(
    ("sent", "folded"),
    [
        ("Internal ACCOUNT", "internal account"),
        ("a \t\r\n b", "a b"),
        ("a\u00a0\u3000\u2028b", "a b"),
        ("con\u200bfi\u00adden\u2060tial", "confidential"),
        ("\u202einternal\u202c", "internal"),
        ("acc\x00ou\x1fnt", "account"),
        ("acc\U000e0041ount\ufe0f", "account"),
        ("\uff29\uff4e\uff54\uff45\uff52\uff4e", "intern"),
        ("\ufb01nance", "finance"),
        ("Stra\u00dfe", "strasse"),
        ("\u0130", "i\u0307"),
        ("cafe\u0301", "caf\u00e9"),
        ("cafe\u200d\x01\u0301", "caf\u00e9"),
        ("a \u0301b", "a \u0301b"),
        ("x\u00b2 + \u2460", "x2 + 1"),
        ("\u1112\u1161\u11ab", "\ud55c"),
        ("\u00a8", " \u0308"),
        ("\ud83d!", "\ufffd!"),
        ("", ""),
    ],
)
def test_disguises_fall_away(sent: str, folded: str) -> None:
    assert fold(sent).text == folded


def test_case_stays_when_it_counts() -> None:
    assert fold("US\u200b  \uff35\uff33", case_sensitive=True).text == "US US"


@pytest.mark.parametrize(
    ("sent", "word", "original"),
    [
        ("see Internal notes", "internal", "Internal"),
        ("see   internal\n\n notes", "internal notes", "internal\n\n notes"),
        ("\u00e9t\u00e9  internal", "internal", "internal"),
        ("Stra\u00dfe internal", "internal", "internal"),
        ("\ufb01\ufb01 internal \ufb01", "internal", "internal"),
        ("\u200b\u200bint\u200bernal.", "internal", "int\u200bernal"),
        ("x\u0301e\u0301 caf\u0065\u0301!", "caf\u00e9", "cafe\u0301"),
        ("\u0001internal", "internal", "internal"),
        ("\ud55c\uad6d internal \u00df", "internal", "internal"),
    ],
)
def test_offsets_lead_back_to_the_text_as_sent(sent: str, word: str, original: str) -> None:
    folded = fold(sent)
    at = folded.text.index(word)
    start, end = folded.original(at, at + len(word))
    assert sent[start:end] == original


def test_half_of_a_folded_character_leads_to_the_whole_one() -> None:
    folded = fold("a\ufb01b")
    assert folded.text == "afib"
    assert folded.original(1, 2) == folded.original(2, 3) == (1, 2)


def test_an_empty_span_has_a_place() -> None:
    folded = fold("a  b\u00df")
    assert folded.original(2, 2) == (3, 3)
    assert folded.original(len(folded.text), len(folded.text)) == (5, 5)


def test_an_odd_character_far_in_a_long_text_moves_only_what_follows() -> None:
    sent = "word " * 1000 + "\ufb01 " + "\u00e4 word" * 1000 + " needle"
    folded = fold(sent)
    at = folded.text.index("needle")
    start, end = folded.original(at, at + 6)
    assert sent[start:end] == "needle"
    assert folded.original(10, 14) == (10, 14)


def test_a_text_without_any_place_to_cut_still_folds() -> None:
    sent = "a" + "\u0301\u0316" * 5000 + "\u200b" * 5000 + " internal"
    folded = fold(sent)
    assert folded.text.endswith(" internal")
    assert len(folded.text) < 100, "an endless run of marks is cut: sorting it would be quadratic"
    at = folded.text.index("internal")
    assert sent[slice(*folded.original(at, at + 8))] == "internal"


def test_something_invisible_between_letters_gives_a_second_reading() -> None:
    request = ChatRequest("openai_chat", b"", "auto")
    sent = "secret\u200b\u2060plan"
    plain, gapped = readings(request, sent)
    assert (plain.text, gapped.text) == ("secretplan", "secret plan")
    assert sent[slice(*gapped.original(7, 11))] == "plan"


@pytest.mark.parametrize(
    "sent", ["plain words", "\u2764\ufe0f and \u00e9t\u00e9", "soft\u00ad hyphen at the end"]
)
def test_other_texts_have_one_reading(sent: str) -> None:
    assert len(readings(ChatRequest("openai_chat", b"", "auto"), sent)) == 1


def test_a_text_is_folded_once_per_request() -> None:
    request = ChatRequest("openai_chat", b"", "auto")
    assert readings(request, "some text") is readings(request, "some text")
    assert readings(request, "some text") is not readings(request, "some text", case_sensitive=True)


def _several(*texts: str) -> ChatRequest:
    parts = tuple(Part("text", text, f"messages[0].content[{n}].text") for n, text in enumerate(texts))
    return ChatRequest("openai_chat", b"", "auto", messages=(Message("user", parts),))


def test_parts_of_a_message_are_read_once_more_as_one() -> None:
    *own, joined = read(_several("medi", "cal", "record"), "user")
    assert [part.text for part in own] == ["medi", "cal", "record"]
    assert (joined.again, joined.where) == (True, "messages[0].content")
    texts = {folded.text for folded in readings(_several(), joined.text)}
    assert texts == {"medicalrecord", "medi cal record"}


def test_parts_of_a_predicted_answer_are_read_once_more_as_one() -> None:
    fields = tuple(text(half, f"prediction.content[{n}].text") for n, half in enumerate(("confi", "dential")))
    request = ChatRequest("openai_chat", b"", "auto", fields=(*fields, text("x", "metadata.content[0].text")))
    *_, joined = read(request, "all")
    assert (joined.again, joined.where) == (True, "prediction.content")
    assert "confidential" in {folded.text for folded in readings(request, joined.text)}


def test_a_single_part_is_read_once() -> None:
    assert len(read(_several("medical"), "user")) == 1


@pytest.mark.parametrize(("letter", "read_up_to"), [("a", 20), ("\u00e9", 2)])
def test_text_beyond_the_limit_counts_as_unreadable(
    monkeypatch: pytest.MonkeyPatch, letter: str, read_up_to: int
) -> None:
    monkeypatch.setattr("waypost.request.text.MAX_WORK", 20)
    cut, excess = read(_several(letter * 30), "user")
    assert cut.text == letter * read_up_to
    assert (excess.kind, excess.is_readable, excess.where) == ("excess", False, "messages[0].content[0].text")
