import pytest

from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.base import TextSignal, Verdict

IMAGE = Part("image", "", "messages[1].content[1].image_url")
AUDIO = Part("audio", "", "messages[1].content[2].input_audio")
REQUEST = ChatRequest(
    "openai_chat",
    b"",
    "auto",
    messages=(
        Message("system", (Part("text", "system", "messages[0].content"),)),
        Message("user", (Part("text", "user", "messages[1].content[0].text"), IMAGE, AUDIO, IMAGE)),
        Message("user", (Part("text", "last", "messages[2].content"),)),
    ),
)
NO = Verdict(None, 0.0, "no")


class Reader(TextSignal):
    """Reads, and never finds anything."""

    kind = "reader"

    def evaluate(self, request: ChatRequest, encoded: object) -> Verdict:
        return self.unless_unread(request, NO)

    def sentence(self) -> str:
        return "the text is read"


@pytest.mark.parametrize(
    ("verdict", "holds"),
    [
        (Verdict("a", 1.0, "yes"), True),
        (Verdict(None, 0.0, "no"), False),
        (Verdict(None, 0.0, "who knows", failed="engine"), None),
    ],
)
def test_a_verdict_is_yes_no_or_open(verdict: Verdict, *, holds: bool | None) -> None:
    assert verdict.holds is holds


def test_a_signal_reads_the_conversation_unless_told_otherwise() -> None:
    assert [part.text for part in Reader().parts(REQUEST) if part.is_readable] == ["user", "last"]
    assert [part.text for part in Reader(scope="last_user").parts(REQUEST)] == ["last"]


def test_a_no_stays_open_where_something_could_not_be_read() -> None:
    verdict = Reader(unreadable="fail").evaluate(REQUEST, None)
    assert verdict.failed == "unscannable"
    assert verdict.because == "3 parts could not be read (image, audio)"
    assert Reader(unreadable="fail", scope="last_user").evaluate(REQUEST, None) == NO
    assert Reader(unreadable="ignore").evaluate(REQUEST, None) == NO
    assert Reader().evaluate(REQUEST, None) == NO


def test_a_signal_without_preparation_is_bound_as_it_is() -> None:
    signals = [Reader()]
    assert Reader.bind(signals, {}) is signals
    assert list(signals[0].lint()) == []
    assert signals[0].heads == frozenset()
