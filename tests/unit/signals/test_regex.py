import pytest

from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.regex import RegexMatch
from waypost.testing import contracts


def ask(*texts: str) -> ChatRequest:
    parts = tuple(Part("text", text, f"messages[{n}].content") for n, text in enumerate(texts))
    return ChatRequest("openai_chat", b"", "auto", messages=tuple(Message("user", (p,)) for p in parts))


def test_the_contract_of_a_signal_is_kept() -> None:
    contracts.signal(RegexMatch(patterns=(r"proj-\d+", "a*", r"\w+"), unreadable="fail"))


@pytest.mark.parametrize(
    ("pattern", "text", "stretches"),
    [
        (r"proj-\d+", "PROJ-12 and proj-3", ["PROJ-12", "proj-3"]),
        (r"\bcode name \w+", "code\u00a0 name\tfalcon", ["code\u00a0 name\tfalcon"]),
        (r"proj-\d+", "pro\u200bj-\uff11\uff12 x", ["pro\u200bj-\uff11\uff12"]),
        ("\u00e9+", "a \u00c9\u00e9 b\u00e9", ["\u00c9\u00e9", "\u00e9"]),
        ("x", "\ud800 x", ["x"]),
        ("^begin", "x\nbegin", []),
        ("a*", "bab", ["a"]),
    ],
)
def test_patterns_match_the_text_as_sent_or_without_disguise(
    pattern: str, text: str, stretches: list[str]
) -> None:
    verdict = RegexMatch(patterns=(pattern,)).evaluate(ask(text), None)
    assert [text[match.start : match.end] for match in verdict.matches] == stretches
    assert verdict.holds is (stretches != [])


def test_the_sentence_names_patterns_and_never_the_text() -> None:
    signal = RegexMatch(patterns=(r"proj-\d+", r"\bkey\b", "never"))
    verdict = signal.evaluate(ask("proj-7", "key"), None)
    assert verdict.because == r"Matches patterns 'proj-\d+' and '\bkey\b'"
    assert [match.where for match in verdict.matches] == ["messages[0].content", "messages[1].content"]
    assert signal.evaluate(ask("nothing"), None).because == "None of 3 patterns found"
    assert RegexMatch(patterns=("a",)).evaluate(ask("b"), None).because == "Pattern 'a' not found"


def test_case_counts_when_asked() -> None:
    signal = RegexMatch(patterns=("US",), case_sensitive=True)
    assert signal.evaluate(ask("us"), None).holds is False
    assert signal.evaluate(ask("US"), None).holds is True


def test_evidence_is_bounded_and_no_pattern_is_lost() -> None:
    verdict = RegexMatch(patterns=("a", "b")).evaluate(ask("a" * 500, "b"), None)
    assert len(verdict.matches) == 100
    assert verdict.because == "Matches patterns 'a' and 'b'"


def test_a_pattern_that_would_explode_elsewhere_is_answered() -> None:
    assert RegexMatch(patterns=("(a+)+$",)).evaluate(ask("a" * 100_000 + "!"), None).holds is False


def test_what_cannot_be_read_leaves_a_no_open() -> None:
    request = ChatRequest(
        "openai_chat", b"", "auto", messages=(Message("user", (Part("file", "", "messages[0].content[0]"),)),)
    )
    assert RegexMatch(patterns=("a",), unreadable="fail").evaluate(request, None).failed == "unscannable"
    assert RegexMatch(patterns=("a",)).evaluate(request, None).holds is False


def test_the_condition_reads_back_as_a_clause() -> None:
    assert RegexMatch(patterns=(r"a\d",)).sentence() == r'the text matches "a\d"'
    assert (
        RegexMatch(patterns=("a", "b"), case_sensitive=True).sentence()
        == 'the text matches any of "a", "b", case counts'
    )


@pytest.mark.parametrize(
    ("pattern", "severity", "hint"),
    [
        ("(?=a)", "error", "look-around"),
        ("(?<!a)b", "error", "look-around"),
        (r"(a)\1", "error", "back-references"),
        ("(?P<n>a)(?P=n)", "error", "back-references"),
        (r"a\Z", "error", r"\z"),
        ("a++", "error", "possessive"),
        ("(?a:x)", "error", "RE2 does not"),
        ("(", "error", "brackets"),
        ("a*", "warning", "at least one character"),
    ],
)
def test_lint_says_what_to_do(
    pattern: str, severity: str, hint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (remark,) = RegexMatch(patterns=("fine", pattern)).lint()
    assert (remark.field, remark.severity) == ("patterns[1]", severity)
    assert hint in remark.help
    assert pattern in remark.message
    assert capfd.readouterr().err == "", "the engine must not write to the log by itself"


def test_lint_wants_a_pattern() -> None:
    assert [remark.field for remark in RegexMatch(patterns=()).lint()] == ["patterns"]
    assert list(RegexMatch(patterns=("fine",)).lint()) == []
