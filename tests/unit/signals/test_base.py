from dataclasses import replace
from typing import ClassVar

import pytest

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest, Message, Part
from waypost.request.text import Scope
from waypost.signals.base import Encoded, TextSignal, Verdict
from waypost.testing.policies import chat

NO = Verdict(None, 0.0, "nothing found")


@configurable
class Reads(TextSignal):
    """Finds nothing in what it reads."""

    kind: ClassVar[str] = "reads"

    def evaluate(self, request: ChatRequest, encoded: Encoded | None) -> Verdict:
        return self.unless_unread(request, NO)

    def sentence(self) -> str:
        return "nothing"


@pytest.mark.parametrize(
    ("verdict", "holds"),
    [
        (Verdict("yes", 1.0, "found"), True),
        (NO, False),
        (Verdict(None, 0.0, "an image", failed="unscannable"), None),
        (Verdict("yes", 1.0, "found, but the rest is unknown", failed="too_large"), None),
    ],
)
def test_a_verdict_is_yes_no_or_unknown(verdict: Verdict, holds: bool | None) -> None:  # noqa: FBT001
    assert verdict.holds is holds


class TestDefaults:
    def test_a_signal_needs_no_model_has_no_remarks_and_stays_as_it_is_when_bound(self) -> None:
        signal = Reads()
        assert signal.heads == frozenset()
        assert list(signal.lint()) == []
        assert Reads.bind([signal], {}) == [signal]

    def test_text_is_the_conversation_unless_the_compiler_says_more(self) -> None:
        request = ChatRequest(
            "openai_chat",
            b"{}",
            "auto",
            messages=(
                Message("system", (Part("text", "s", "messages[0].content"),)),
                Message("user", (Part("text", "u", "messages[1].content"),)),
            ),
            fields=(Part("text", "f", "user"),),
        )
        scopes: dict[Scope | None, str] = {None: "u", "conversation": "u", "all": "suf"}
        read = {scope: "".join(p.text for p in Reads(scope=scope).parts(request)) for scope in scopes}
        assert read == scopes


class TestUnreadableParts:
    def test_are_nothing_to_a_signal_that_ignores_them(self) -> None:
        assert Reads(unreadable="ignore").evaluate(chat(images=1), None) == NO
        assert Reads().evaluate(chat(images=1), None) == NO

    def test_leave_the_question_open_for_a_signal_that_fails_on_them(self) -> None:
        verdict = Reads(unreadable="fail").evaluate(chat(images=1), None)
        assert verdict.failed == "unscannable"
        assert verdict.because == "1 part could not be read (image)"

    def test_are_counted_and_named_by_kind(self) -> None:
        request = chat(images=2)
        (message,) = request.messages
        sound = Part("audio", "", "messages[0].content[3]")
        more = replace(request, messages=(replace(message, parts=(*message.parts, sound)),), memo={})
        verdict = Reads(unreadable="fail").evaluate(more, None)
        assert verdict.because == "3 parts could not be read (image, audio)"

    def test_matter_only_where_the_signal_reads(self) -> None:
        picture = Message("system", (Part("image", "", "messages[0].content[0]"),))
        request = replace(chat("hello"), messages=(picture, *chat("hello").messages), memo={})
        assert Reads(unreadable="fail", scope="user").evaluate(request, None) == NO
        assert Reads(unreadable="fail", scope="all").evaluate(request, None).failed == "unscannable"

    def test_do_not_matter_when_there_are_none(self) -> None:
        assert Reads(unreadable="fail").evaluate(chat("hello"), None) == NO
