from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from waypost.configurable import build, schema
from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.keyword import KeywordMatch
from waypost.testing import contracts


def ask(*texts: str) -> ChatRequest:
    parts = tuple(Part("text", text, f"messages[{n}].content") for n, text in enumerate(texts))
    return ChatRequest("openai_chat", b"", "auto", messages=tuple(Message("user", (p,)) for p in parts))


def words(*keywords: str, **fields: Any) -> KeywordMatch:
    return KeywordMatch(keywords=keywords, **fields)


def found(signal: KeywordMatch, *texts: str) -> list[str]:
    """The matched stretches of the text as sent."""
    verdict = signal.evaluate(ask(*texts), None)
    by_place = {f"messages[{n}].content": text for n, text in enumerate(texts)}
    return [by_place[match.where][match.start : match.end] for match in verdict.matches]


def test_the_contract_of_a_signal_is_kept() -> None:
    contracts.signal(words("internal", "zq7"), requests=[ask("internal")])
    contracts.signal(
        KeywordMatch(lists=("pay",), match="all", unreadable="fail"), lists={"pay": ["salary", "bonus"]}
    )


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("the account", "Contains 'account' keyword"),
        ("internal account, internal", "Contains 'internal' and 'account' keywords"),
        (
            "account of internal and Confidential",
            "Contains 'account', 'internal' and 'confidential' keywords",
        ),
        ("nothing", "None of 3 keywords found"),
    ],
)
def test_the_sentence_names_keywords_in_order_of_the_text(text: str, because: str) -> None:
    signal = words("internal", "confidential", "account")
    assert signal.evaluate(ask(text), None).because == because


def test_keywords_are_spelled_as_in_the_rule() -> None:
    verdict = words("Medical  Record").evaluate(ask("MEDICAL\nRECORD"), None)
    assert verdict.because == "Contains 'Medical  Record' keyword"
    assert verdict.label == "Medical  Record"
    assert verdict.score == 1.0


@pytest.mark.parametrize(
    ("keyword", "text", "stretches"),
    [
        ("procedure", "procedures", []),
        ("account", "my_account_id", ["account"]),
        ("account", "accounting, 7account", []),
        ("trading", "trading-desk", ["trading"]),
        ("trading desk", "trading-desk", []),
        ("treatment", "treatment plan", ["treatment"]),
        ("C++", "use c++!", ["c++"]),
        ("C++", "abc++", []),
        (".NET", "asp.net", [".net"]),
        ("caf\u00e9", "CAFE\u0301s, cafe\u0301!", ["cafe\u0301"]),
        ("api", "\u8fd9\u4e2aAPI\u597d", ["API"]),
        ("\u673a\u5bc6", "\u8fd9\u662f\u673a\u5bc6\u6587\u4ef6", ["\u673a\u5bc6"]),
        (
            "\u0e1a\u0e31\u0e0d\u0e0a\u0e35",
            "\u0e40\u0e1b\u0e34\u0e14\u0e1a\u0e31\u0e0d\u0e0a\u0e35\u0e43\u0e2b\u0e21\u0e48",
            ["\u0e1a\u0e31\u0e0d\u0e0a\u0e35"],
        ),
        ("\uacc4\uc88c", "\uacc4\uc88c\ub97c \uc5f4\ub2e4", ["\uacc4\uc88c"]),
        ("\u0441\u0447\u0451\u0442", "\u0421\u0427\u0401\u0422", ["\u0421\u0427\u0401\u0422"]),
        ("\u0441\u0447\u0451\u0442", "\u0441\u0447\u0451\u0442\u0430", []),
        ("stra\u00dfe", "STRASSE", ["STRASSE"]),
        ("secret plan", "secret\u200bplan", ["secret\u200bplan"]),
        ("plan", "secret\u200bplan", ["plan"]),
        ("secretplan", "secret\u200bplan", ["secret\u200bplan"]),
        ("a", "a_b", ["a"]),
    ],
)
def test_whole_words_and_phrases(keyword: str, text: str, stretches: list[str]) -> None:
    assert found(words(keyword), text) == stretches


def test_overlapping_keywords_are_all_found() -> None:
    signal = words("internal account", "account access", "account")
    assert found(signal, "internal account access") == ["internal account", "account", "account access"]


def test_case_counts_when_asked() -> None:
    signal = words("US", case_sensitive=True)
    assert found(signal, "us, US, u\u00ads, \uff35\uff33") == ["US", "\uff35\uff33"]


@pytest.mark.parametrize(
    ("keyword", "text", "stretches"),
    [
        ("policy", "Policies, policy; policymaker", ["Policies", "policy"]),
        ("Medical  Record", "MEDICAL\nRECORDS", ["MEDICAL\nRECORDS"]),
        ("trade", "traded trading trader", ["traded", "trading"]),
        ("account", "the account's, the accounts\u2019 and accounting", ["account", "accounts"]),
        ("children", "a child's", ["child"]),
        ("NDA", "two NDAs", ["NDAs"]),
        ("plan", "pla\u00adns", ["pla\u00adns"]),
        ("stra\u00dfe", "Strasses", ["Strasses"]),
        ("procedure", "\uff50rocedures", ["\uff50rocedures"]),
    ],
)
def test_forms_of_keywords_are_found_when_asked(keyword: str, text: str, stretches: list[str]) -> None:
    assert found(words(keyword, forms="inflected"), text) == stretches


def test_a_form_is_evidence_of_the_keyword_as_the_operator_spelled_it() -> None:
    signal = words("Policy", "ledger", forms="inflected")
    verdict = signal.evaluate(ask("ledgers, policies, policy"), None)
    assert verdict.because == "Contains 'ledger' and 'Policy' keywords"
    assert verdict.label == "ledger"
    assert [(match.term, match.start) for match in verdict.matches] == [
        ("ledger", 0),
        ("Policy", 9),
        ("Policy", 19),
    ]


def test_forms_of_one_keyword_count_once() -> None:
    signal = words("policy", "ledger", forms="inflected", match="all")
    verdict = signal.evaluate(ask("policies and a policy"), None)
    assert verdict.holds is False
    assert verdict.because == "Found 'policy' but not 'ledger'"
    assert signal.evaluate(ask("policies", "ledgers"), None).holds is True


def test_a_form_that_is_a_keyword_itself_stands_for_itself() -> None:
    signal = words("policy", "policies", forms="inflected", min_matches=2)
    assert signal.evaluate(ask("policies"), None).holds is False
    assert signal.evaluate(ask("policies, policy"), None).holds is True


def test_case_counts_for_forms_as_well() -> None:
    signal = words("Apple", "NDA", case_sensitive=True, forms="inflected")
    assert found(signal, "apples, Apples, NDAs, ndas") == ["Apples", "NDAs"]


def test_peers_that_want_no_forms_get_none() -> None:
    signals = [words("policy"), words("policy", forms="inflected"), words("policies")]
    request = ask("policies")
    assert [s.evaluate(request, None).holds for s in KeywordMatch.bind(signals, {})] == [False, True, True]


def test_words_of_lists_get_forms() -> None:
    (signal,) = KeywordMatch.bind([KeywordMatch(lists=("pay",), forms="inflected")], {"pay": ["salary"]})
    assert signal.evaluate(ask("salaries"), None).because == "Contains 'salary' keyword"


def test_all_needs_every_keyword_in_any_message() -> None:
    signal = words("patient", "diagnosis", match="all")
    assert signal.evaluate(ask("a diagnosis", "of a patient"), None).holds is True
    verdict = signal.evaluate(ask("a patient"), None)
    assert verdict.holds is False
    assert verdict.because == "Found 'patient' but not 'diagnosis'"


def test_min_matches_counts_different_keywords() -> None:
    signal = words("one", "two", "three", min_matches=2)
    assert signal.evaluate(ask("one two"), None).holds is True
    verdict = signal.evaluate(ask("one one one"), None)
    assert verdict.holds is False
    assert verdict.because == "Found 'one', 1 of the 2 different keywords needed"


def test_a_single_keyword_that_is_missing_is_named() -> None:
    assert words("one").evaluate(ask("two"), None).because == "Keyword 'one' not found"


def test_many_keywords_are_named_up_to_twenty() -> None:
    keywords = [f"word{n}" for n in range(30)]
    because = words(*keywords).evaluate(ask(" ".join(keywords)), None).because
    assert because.startswith("Contains 'word0', 'word1', ")
    assert because.endswith("'word19' and 10 more keywords")


def test_scope_says_which_text_counts() -> None:
    messages = (
        Message("system", (Part("text", "alpha", "messages[0].content"),)),
        Message("user", (Part("text", "beta", "messages[1].content"),)),
        Message("tool", (Part("text", "gamma", "messages[2].content"),)),
        Message("user", (Part("text", "delta", "messages[3].content"),)),
    )
    fields = (Part("text", "epsilon", "user"),)
    request = ChatRequest("openai_chat", b"", "auto", messages=messages, fields=fields)
    signal = words("alpha", "beta", "gamma", "delta", "epsilon")
    for scope, label in {
        "last_user": ["delta"],
        "user": ["beta", "delta"],
        "conversation": ["beta", "gamma", "delta"],
        None: ["beta", "gamma", "delta"],
        "all": ["alpha", "beta", "gamma", "delta", "epsilon"],
    }.items():
        verdict = replace(signal, scope=scope).evaluate(request, None)
        assert [match.term for match in verdict.matches] == label


def test_lists_join_the_keywords() -> None:
    (signal,) = KeywordMatch.bind(
        [words("internal", lists=("trading",))], {"trading": ["strategy", "internal"]}
    )
    assert signal.words == ("internal", "strategy")
    assert signal.evaluate(ask("a strategy"), None).holds is True


def test_an_unknown_list_is_named() -> None:
    with pytest.raises(KeyError, match="trading"):
        KeywordMatch.bind([KeywordMatch(lists=("trading",))], {})


def test_bound_peers_share_one_search_and_nothing_else() -> None:
    signals = [words("alpha"), words("beta", "alpha", match="all"), words("Alpha", case_sensitive=True)]
    bound = KeywordMatch.bind(signals, {})
    request = ask("alpha beta")
    assert [signal.evaluate(request, None).holds for signal in bound] == [True, True, False]
    assert list(bound) == signals, "what binding prepares is no part of equality"
    assert [hash(signal) for signal in bound] == [hash(signal) for signal in signals]
    assert "words" not in schema(KeywordMatch)["properties"]
    assert not any(vars(signal) for signal in signals), "binding leaves the signals it was given alone"


def test_a_crowd_of_hits_hides_no_keyword() -> None:
    text = "a " * 200_000 + "needle"
    verdict = words("a", "needle", match="all").evaluate(ask(text), None)
    assert verdict.holds is True
    assert len(verdict.matches) == 100
    assert verdict.matches[-1].term == "needle"
    assert verdict.matches[-1].start == len(text) - len("needle")


def test_more_hits_than_can_be_checked_are_no_no() -> None:
    request = ask("a" * 100)
    signal = words("a", "b")
    signal._index.effort(request).left = 50
    verdict = signal.evaluate(request, None)
    assert verdict.failed == "too_large"
    assert verdict.holds is None


def test_a_keyword_over_the_border_of_two_chunks_is_found_once() -> None:
    for shift in range(-14, 2):
        text = "x" * ((1 << 16) + shift) + " medical record"
        assert found(words("medical record"), text) == ["medical record"]


def test_what_cannot_be_read_leaves_a_no_open() -> None:
    image = Part("image", "", "messages[0].content[1].image_url")
    message = Message("user", (Part("text", "alpha", "messages[0].content[0].text"), image, image))
    request = ChatRequest("openai_chat", b"", "auto", messages=(message,))
    verdict = words("beta", unreadable="fail").evaluate(request, None)
    assert verdict.holds is None
    assert verdict.failed == "unscannable"
    assert verdict.because == "2 parts could not be read (image)"
    assert words("alpha", "beta", match="all", unreadable="fail").evaluate(request, None).holds is None
    assert words("alpha", unreadable="fail").evaluate(request, None).holds is True
    assert words("beta", unreadable="ignore").evaluate(request, None).holds is False
    assert words("beta").evaluate(request, None).holds is False


@pytest.mark.parametrize(
    ("signal", "sentence"),
    [
        (words("a"), 'the text contains "a"'),
        (words("a", "b"), 'the text contains any of "a", "b"'),
        (words("a", lists=("pay",)), 'the text contains any of "a", the words of list pay'),
        (KeywordMatch(lists=("pay",)), "the text contains any of the words of list pay"),
        (words("a", "b", match="all"), 'the text contains all of "a", "b"'),
        (
            words("a", "b", "c", min_matches=2),
            'the text contains at least 2 different ones of "a", "b", "c"',
        ),
        (words("a", case_sensitive=True), 'the text contains "a", case counts'),
        (words("a", forms="inflected"), 'the text contains "a", plurals and endings included'),
    ],
)
def test_the_condition_reads_back_as_a_clause(signal: KeywordMatch, sentence: str) -> None:
    assert signal.sentence() == sentence


@pytest.mark.parametrize(
    ("signal", "remarks"),
    [
        (words("internal", "medical record"), []),
        (KeywordMatch(), [("keywords", "error")]),
        (words("ok", "\u200b\u00ad"), [("keywords[1]", "error")]),
        (words("ok", " "), [("keywords[1]", "error")]),
        (words("++"), [("keywords[0]", "warning")]),
        (words("Account", "account "), [("keywords[1]", "warning")]),
        (words("Account", "account", case_sensitive=True), []),
        (words("a"), [("keywords[0]", "info")]),
        (words("\u79d8"), []),
        (words("ok", min_matches=0), [("min_matches", "error")]),
        (words("ok", "Ok", min_matches=2), [("keywords[1]", "warning"), ("min_matches", "error")]),
        (words("ok", min_matches=2, lists=("more",)), []),
        (words("ok", "no", min_matches=1, match="all"), [("min_matches", "error")]),
    ],
)
def test_lint_finds_what_cannot_work(signal: KeywordMatch, remarks: list[tuple[str, str]]) -> None:
    assert [(remark.field, remark.severity) for remark in signal.lint()] == remarks


def test_lint_counts_the_words_of_lists_once_they_are_known() -> None:
    (signal,) = KeywordMatch.bind([words("ok", min_matches=3, lists=("more",))], {"more": ["OK", "other"]})
    assert [remark.field for remark in signal.lint()] == ["min_matches"]


def test_strict_from_yaml() -> None:
    assert build(KeywordMatch, {"keywords": ["a"]}) == words("a")
    with pytest.raises(ValidationError):
        build(KeywordMatch, {"keywords": ["a"], "word": "b"})
    with pytest.raises(ValidationError):
        build(KeywordMatch, {"keywords": ["a"], "match": "some"})
    with pytest.raises(ValidationError):
        build(KeywordMatch, {"keywords": ["a"], "forms": "stemmed"})
