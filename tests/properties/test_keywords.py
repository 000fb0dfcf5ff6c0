"""Keywords: cheap disguises do not help, and sharing one search changes no answer."""

from hypothesis import given
from hypothesis import strategies as st

from waypost.request.chat import ChatRequest, Message, Part
from waypost.request.text import fold
from waypost.signals.keyword import KeywordMatch

KEYWORDS = (
    "internal",
    "medical record",
    "C++",
    "caf\u00e9",
    "\u0441\u0447\u0451\u0442",
    "\u673a\u5bc6",
    "stra\u00dfe 7",
)
INVISIBLE = (
    "",
    "",
    "\u200b",
    "\u200d",
    "\u00ad",
    "\u2060",
    "\ufeff",
    "\u202e",
    "\ufe0f",
    "\U000e0061",
    "\x00",
    "\x1b",
)
SPACES = (" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", " \u2028 ", "\x0b")


def ask(*texts: str) -> ChatRequest:
    parts = (Part("text", text, f"messages[{n}].content") for n, text in enumerate(texts))
    return ChatRequest("openai_chat", b"", "auto", messages=tuple(Message("user", (part,)) for part in parts))


@st.composite
def disguised(draw: st.DrawFn, keyword: str) -> str:
    """A keyword as somebody might write it who does not want it found."""
    out: list[str] = []
    for char in keyword:
        if char == " ":
            out.append(draw(st.sampled_from(SPACES)))
        else:
            wide = chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char
            decomposed = {"\u00e9": "e\u0301", "\u0451": "\u0435\u0308"}.get(char, char)
            out.append(draw(st.sampled_from([char, char.upper(), char.swapcase(), wide, decomposed])))
        out.append(draw(st.sampled_from(INVISIBLE)))
    return "".join(out)


@given(st.sampled_from(KEYWORDS), st.text(), st.text(), st.data())
def test_a_disguised_keyword_is_found_where_it_stands(
    keyword: str, before: str, after: str, data: st.DataObject
) -> None:
    sent = f"{before}. {data.draw(disguised(keyword))} .{after}"
    verdict = KeywordMatch(keywords=(keyword,)).evaluate(ask(sent), None)
    assert verdict.holds is True
    assert verdict.matches
    for match in verdict.matches:
        assert fold(sent[match.start : match.end]).text.strip() == fold(keyword).text


words = st.sampled_from(
    ["a", "b", "ab", "a b", "b a", "A", "\u00e9", "\u00df", "ss", "++", "\u673a", "a\u673a", "internal"]
)
texts = st.lists(
    st.one_of(words, st.sampled_from([" ", ", ", "_", "\u200b", "\n"]), st.text(max_size=3))
).map("".join)
signals = st.builds(
    KeywordMatch,
    keywords=st.lists(words, min_size=1, max_size=4).map(tuple),
    match=st.sampled_from(["any", "all"]),
    case_sensitive=st.booleans(),
    forms=st.sampled_from(["exact", "inflected"]),
    scope=st.sampled_from([None, "last_user", "user", "conversation", "all"]),
)


@given(st.lists(signals, max_size=6), st.lists(texts, max_size=3))
def test_a_shared_search_answers_like_one_of_ones_own(alone: list[KeywordMatch], sent: str) -> None:
    shared = KeywordMatch.bind(alone, {})
    request = ask(*sent)
    for one, other in zip(alone, shared, strict=True):
        assert other.evaluate(request, None) == one.evaluate(ask(*sent), None)


@given(sent=st.text(), keyword=st.text(min_size=1, max_size=5), case_sensitive=st.booleans())
def test_any_text_and_any_keyword_get_an_answer(sent: str, keyword: str, *, case_sensitive: bool) -> None:
    signal = KeywordMatch(keywords=(keyword,), case_sensitive=case_sensitive)
    verdict = signal.evaluate(ask(sent + keyword), None)
    for match in verdict.matches:
        assert 0 <= match.start < match.end <= len(sent + keyword)
