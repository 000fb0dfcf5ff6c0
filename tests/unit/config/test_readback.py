from pathlib import Path

import pytest

from tests.unit.config.world import loads, rule
from waypost.config.readback import guards, read_back

WORD = "{type: keyword_match, keywords: [alpha]}"
OTHER = "{type: keyword_match, keywords: [beta, gamma]}"
SEEN = "the text (the conversation without system messages)"
ALL = "the text (everything that would leave)"
ALPHA = f'{SEEN} contains "alpha"'


def sentence(tmp_path: Path, text: str) -> str:
    first, last = read_back(loads(tmp_path, text).policy)
    assert last == "2. semantic_classification: else send to outside (zone external)."
    return first


def test_rule_with_a_boundary_and_an_owner(tmp_path: Path) -> None:
    text = """\
        routing_rules:
          - name: ledgers
            owner: o@example.com
            business_justification: Law 14.
            conditions: [{type: keyword_match, keywords: [ledger, ledgers]}]
            action: {type: route, endpoint: inside}
        """
    assert sentence(tmp_path, text) == (
        '1. ledgers: if the text (everything that would leave) contains any of "ledger", "ledgers",'
        " then send to inside; no attempt may leave zone internal,"
        " and a client's wish for a model elsewhere is not followed."
        " Owner o@example.com. Because: Law 14. If it cannot be judged, it applies."
    )


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ({"endpoint": "outside"}, "send to outside (zone external)."),
        ({"endpoint": "", "endpoints": "[outside, outside-too]"},
         "send to outside, else outside-too (zone external)."),
        ({"endpoint": "", "endpoints": "[{model: outside, optional: true}, outside-too]"},
         "send to outside if it is there, else outside-too (zone external)."),
        (
            {"endpoint": "", "endpoints": "[inside, outside]", "boundary": "[external, internal]"},
            "send to inside, else outside; no attempt may leave the zones external and internal,",
        ),
        ({"type": "block", "endpoint": "", "message": "No."}, 'refuse with status 403: "No.".'),
        ({"type": "respond", "endpoint": "", "message": "Hi"}, 'answer "Hi" and ask no model.'),
    ],
)  # fmt: skip
def test_actions(tmp_path: Path, action: dict[str, str], told: str) -> None:
    text = "routing_rules:\n" + rule("r", WORD, **action)
    assert sentence(tmp_path, text).partition(", then ")[2].startswith(told)


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        (f"[{WORD}, {OTHER}]", f'{SEEN} contains "alpha" and {SEEN} contains any of "beta", "gamma"'),
        (
            f"[any_of: [{WORD}, {OTHER}]]",
            f'({SEEN} contains "alpha" or {SEEN} contains any of "beta", "gamma")',
        ),
        (f"[any_of: [{WORD}]]", f'{SEEN} contains "alpha"'),
        (f"[none_of: [{WORD}]]", f'it is not so that {ALL} contains "alpha"'),
        (
            f"[none_of: [{WORD}, {OTHER}]]",
            f'none of these holds: ({ALL} contains "alpha"; {ALL} contains any of "beta", "gamma")',
        ),
        (
            f"[any_of: [{WORD}, all_of: [{OTHER}, {WORD}]]]",
            f'({SEEN} contains "alpha" or ({SEEN} contains any of "beta", "gamma" and {ALPHA}))',
        ),
        (
            "[{type: keyword_match, keywords: [alpha], scope: last_user}]",
            'the text (the user\'s last message) contains "alpha"',
        ),
        ("[{type: conversation, max_turns: 1}]", "the conversation has at most 1 user turns"),
    ],
)
def test_conditions(tmp_path: Path, conditions: str, told: str) -> None:
    rules = f"routing_rules:\n  - name: r\n    conditions: {conditions}\n"
    text = f"{rules}    action: {{type: route, endpoint: outside}}\n"
    assert sentence(tmp_path, text).startswith(f"1. r: if {told}, then send")
    assert sentence(tmp_path, text).endswith("If it cannot be judged, it is skipped.")


CATEGORIES = """\
categories:
  - {name: math, model_scores: [{model: outside, score: 1}]}
  - {name: refunds, examples: [Give it back., Refund me.], model_scores: [{model: inside, score: 1}]}
  - {name: other, model_scores: [{model: outside-too, score: 1}, {model: outside, score: 2}]}
"""


def test_categories_read_like_rules(tmp_path: Path) -> None:
    best = (
        "semantic_classification, category {}: if the request is best described as {}, with at least 0.5,"
        " then {}."
    )
    rest = "semantic_classification, category other: if no other category suits the request, then send to"
    assert read_back(loads(tmp_path, CATEGORIES).policy) == [
        "1. " + best.format("math", '"math"', "send to outside (zone external)"),
        "2. "
        + best.format(
            "refunds",
            '"refunds" (like 2 examples)',
            "send to inside; no attempt may leave zone internal",
        ),
        f"3. {rest} outside, else outside-too (zone external).",
        "4. semantic_classification: else send to outside (zone external).",
    ]


def test_without_a_policy_the_protective_default_is_shown_as_what_it_is(tmp_path: Path) -> None:
    (told,) = guards(loads(tmp_path, "keywords: {}\n").policy)
    assert told.startswith(f"before outside, outside-too: if {ALL} contains personal data (")
    assert "CREDIT_CARD" in told
    assert "what was found leaves as placeholders and is put back into the answer." in told
    assert told.endswith("it is the default for zones called external; `pii` changes it.")


@pytest.mark.parametrize(
    ("action", "where", "done"),
    [
        ("block", "inside, outside, outside-too", "the request is refused."),
        ("reroute", "outside, outside-too", "it goes to the next candidate that may have it."),
        ("mask", "inside, outside, outside-too", "what was found leaves as placeholders."),
        ("mask_restore", "inside, outside, outside-too",
         "what was found leaves as placeholders and is put back into the answer."),
    ],
)  # fmt: skip
def test_a_guard_of_personal_data_says_what_happens(
    tmp_path: Path, action: str, where: str, done: str
) -> None:
    (told,) = guards(loads(tmp_path, f"pii: {{action: {action}}}\n").policy)
    assert told.startswith(f"before {where}: if {ALL} contains personal data")
    assert told.endswith(f", {done}")


def test_the_guard_against_attacks_is_read_back(tmp_path: Path) -> None:
    text = "pii: {action: allow}\nprompt_guard: {enabled: true, action: annotate}\n"
    (told,) = guards(loads(tmp_path, text).policy)
    assert told.startswith(f"before inside, outside, outside-too: if {ALL} looks like a jailbreak")
    assert told.endswith(", it passes, and a header says how likely it is an attack.")


def test_guards_of_rules_and_categories_come_last_and_name_them(tmp_path: Path) -> None:
    text = (
        "pii: {action: allow}\nrouting_rules:\n"
        + rule("ledgers", endpoint="outside")
        + "    pii: {action: block}\n"
        + "categories:\n  - {name: law, pii: {action: mask},"
        + " model_scores: [{model: outside, score: 1}]}\n"
    )
    first, second = guards(loads(tmp_path, text).policy)
    assert first.startswith("for rule ledgers, before inside, outside, outside-too: if ")
    assert second.startswith("for category law, before inside, outside, outside-too: if ")


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("{type: language, languages: [de]}", "the text (the user's last message) is written in"),
        ("{type: domain, domains: [math]}", 'the request is about "math" with a probability of at least 0.5'),
        ("{type: similarity, examples: [a b]}", 'the request is like "a b" (cosine of at least 0.6)'),
    ],
)
def test_learned_conditions(tmp_path: Path, condition: str, told: str) -> None:
    assert told in sentence(tmp_path, "routing_rules:\n" + rule("r", condition))
