import json
from typing import Any

import pytest

from waypost.configurable import build
from waypost.dialects.splice import Change, Insert, Put, Swap, splice
from waypost.mutations.prompts import LABELS
from waypost.mutations.system_prompt import Mode, SystemPrompt, problems, system_prompt_edits, text_of

PROMPT = "Ask for the ticket number."
MODES: tuple[Mode, ...] = ("insert", "replace", "append")
USER = {"role": "user", "content": "hi"}
AT = ("messages", 0, "content")
BUILT_IN = {label: f"built-in {label}" for label in LABELS}


def chat(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"model": "auto", "messages": list(messages)}


def edited(document: dict[str, Any], mode: Mode, prompt: str = PROMPT) -> dict[str, Any]:
    body = json.dumps(document).encode()
    found: dict[str, Any] = json.loads(splice(body, system_prompt_edits(prompt, mode, document)))
    return found


def first(document: dict[str, Any], mode: Mode) -> Any:
    return edited(document, mode)["messages"][0]


@pytest.mark.parametrize("mode", MODES)
def test_without_a_system_prompt_there_will_be_one(mode: Mode) -> None:
    assert edited(chat(USER), mode) == chat({"role": "system", "content": PROMPT}, USER)


@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize(
    ("mode", "content"),
    [("insert", f"{PROMPT}\n\nBe brief."), ("append", f"Be brief.\n\n{PROMPT}"), ("replace", PROMPT)],
)
def test_a_text_gets_it_in_front_behind_or_in_its_place(role: str, mode: Mode, content: str) -> None:
    before = chat({"role": role, "content": "Be brief.", "name": "ops"}, USER)
    assert edited(before, mode) == chat({"role": role, "content": content, "name": "ops"}, USER)


def test_the_bytes_of_the_client_stay() -> None:
    content = rb'"caf\u00e9 \/ \ud83d\ude00"'
    body = (
        rb'{ "messages" : [ {"content":%b,"x":1.50, "role":"system"} ] ,"seed":12345678901234567890}'
        % content
    )
    document = json.loads(body)
    front = splice(body, system_prompt_edits("A", "insert", document))
    assert front == body.replace(rb'"caf', rb'"A\n\ncaf')
    behind = splice(body, system_prompt_edits("A", "append", document))
    assert behind == body.replace(rb'\ude00"', rb'\ude00\n\nA"')


def test_edits_of_a_text_are_changes_in_it() -> None:
    # so that they go together with placeholders for personal data in the same text
    before = chat({"role": "system", "content": "Be 😀."})
    assert system_prompt_edits("A", "insert", before) == (Swap(AT, (Change(0, 0, "A\n\n"),)),)
    assert system_prompt_edits("A", "append", before) == (Swap(AT, (Change(5, 5, "\n\nA"),)),)
    assert system_prompt_edits("A", "replace", before) == (Put(AT, "A"),)


PARTS = [
    {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
    {"type": "image_url", "image_url": {"url": "data:,"}},
]
OWN = {"type": "text", "text": PROMPT}


@pytest.mark.parametrize(
    ("mode", "content"), [("insert", [OWN, *PARTS]), ("append", [*PARTS, OWN]), ("replace", PROMPT)]
)
def test_a_list_gets_a_part_and_keeps_its_own(mode: Mode, content: object) -> None:
    before = chat({"role": "system", "content": PARTS}, USER)
    assert edited(before, mode) == chat({"role": "system", "content": content}, USER)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": ""}, {"content": []}])
def test_content_that_says_nothing_becomes_the_prompt(mode: Mode, content: dict[str, object]) -> None:
    message = {"role": "system", "cache_control": {"type": "ephemeral"}}
    assert first(chat(message | content, USER), mode) == message | {"content": PROMPT}


@pytest.mark.parametrize("mode", ["insert", "append"])
@pytest.mark.parametrize("content", [7, True, {"text": "x"}])
def test_content_of_another_kind_is_left_alone(mode: Mode, content: object) -> None:
    odd = {"role": "system", "content": content}
    assert edited(chat(odd), mode) == chat({"role": "system", "content": PROMPT}, odd)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "before",
    [
        chat(USER),
        chat({"role": "system", "content": "Be brief."}, USER),
        chat({"role": "developer", "content": PARTS}, USER),
        chat({"role": "system", "content": ["Be brief."]}, USER),
        chat({"role": "system"}),
        chat(USER, {"role": "system", "content": "late"}),
        chat(USER, {"role": "developer", "content": "late"}),
    ],
)
def test_it_is_not_added_again(mode: Mode, before: dict[str, Any]) -> None:
    once = edited(before, mode)
    assert once != before
    assert system_prompt_edits(PROMPT, mode, once) == ()


@pytest.mark.parametrize(
    ("mode", "content"),
    [
        ("insert", PROMPT),
        ("append", PROMPT),
        ("replace", PROMPT),
        ("insert", f"{PROMPT}\n\nand more"),
        ("append", f"before\n\n{PROMPT}"),
        ("insert", [PROMPT, "and more"]),
        ("append", ["before", OWN]),
        ("insert", [{"type": "text", "text": f"{PROMPT}\n\nand more"}]),
    ],
)
def test_a_client_that_sends_it_back_gets_it_once(mode: Mode, content: object) -> None:
    assert system_prompt_edits(PROMPT, mode, chat({"role": "system", "content": content})) == ()


@pytest.mark.parametrize(
    ("mode", "content"),
    [
        ("insert", f"{PROMPT} And more."),  # goes on without a blank line: another text
        ("insert", f"before\n\n{PROMPT}"),
        ("append", f"{PROMPT}\n\nand more"),
        ("insert", ["before", PROMPT]),
        ("replace", [OWN]),
        ("replace", f"{PROMPT}\n\n"),
    ],
)
def test_elsewhere_or_as_part_of_more_it_does_not_count(mode: Mode, content: object) -> None:
    assert len(system_prompt_edits(PROMPT, mode, chat({"role": "system", "content": content}))) == 1


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (["user"], "system"),
        (["user", "developer"], "developer"),
        (["user", "developer", "system"], "system"),
        (["user", "system"], "system"),
        (["System"], "system"),
        ([None, ["developer"], 3], "system"),
    ],
)
def test_a_new_message_speaks_the_role_of_the_client(roles: list[object], role: str) -> None:
    messages = [{"role": each, "content": "x"} for each in roles]
    assert first(chat(*messages), "insert") == {"role": role, "content": PROMPT}


@pytest.mark.parametrize("messages", [[], ["text"], [None]])
def test_a_list_without_a_first_message_gets_one(messages: list[object]) -> None:
    new = {"role": "system", "content": PROMPT}
    assert system_prompt_edits(PROMPT, "insert", {"messages": messages}) == (Insert(("messages",), 0, new),)


@pytest.mark.parametrize(
    "document", [{"input": "embed me"}, {"messages": "x", "input": []}, {"messages": None}, {}]
)
def test_embeddings_get_none(document: dict[str, object]) -> None:
    assert system_prompt_edits(PROMPT, "insert", document) == ()


def test_no_prompt_no_edits() -> None:
    assert system_prompt_edits("", "replace", chat({"role": "system", "content": "x"})) == ()


# --- the block ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "labels", "text"),
    [
        ({"text": "  Be brief.\n"}, (), "Be brief."),
        ({"text": "Be brief.", "enabled": False}, (), ""),
        ({"builtin": "law"}, (), "built-in law"),
        ({"builtin": "Computer-Science"}, ("law",), "built-in computer science"),
        ({"builtin": "auto"}, ("summarization",), "built-in summarization"),
        ({"builtin": "auto", "enabled": False}, ("law",), ""),
        ({}, ("law",), ""),
    ],
)
def test_what_a_block_says(values: dict[str, object], labels: tuple[str, ...], text: str) -> None:
    block = build(SystemPrompt, values)
    assert text_of(block, labels, BUILT_IN) == text


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ({"text": "x"}, ()),
        ({"builtin": "auto"}, ("law",)),
        ({"builtin": "code_debugging"}, ("law", "math")),
        ({"enabled": False}, ()),
    ],
)
def test_blocks_without_problems(values: dict[str, object], labels: tuple[str, ...]) -> None:
    assert list(problems(build(SystemPrompt, values), labels)) == []


@pytest.mark.parametrize(
    ("values", "labels", "severity", "field", "told"),
    [
        ({"text": "x", "builtin": "law"}, (), "error", "builtin", "a text and a built-in"),
        ({"builtin": "auto"}, (), "error", "builtin", "no domain or intent"),
        ({"builtin": "auto"}, ("law", "math"), "error", "builtin", "several"),
        ({"builtin": "laww"}, (), "error", "builtin", "neither a domain nor an intent"),
        ({"builtin": "zzz", "enabled": False}, (), "error", "builtin", "neither a domain nor an intent"),
        ({}, (), "warning", "text", "says nothing"),
        ({"text": " \n"}, (), "warning", "text", "says nothing"),
    ],
)
def test_problems(
    values: dict[str, object], labels: tuple[str, ...], severity: str, field: str, told: str
) -> None:
    (lint,) = problems(build(SystemPrompt, values), labels)
    assert (lint.severity, lint.field) == (severity, field)
    assert told in lint.message
    assert lint.help


def test_a_misspelled_name_is_recognised() -> None:
    (lint,) = problems(SystemPrompt(builtin="code generatin"))
    assert "'code_generation'" in lint.help
    (unlike,) = problems(SystemPrompt(builtin="zzz"))
    assert "law" in unlike.help


@pytest.mark.parametrize("values", [{"mode": "before"}, {"txt": "x"}, {"text": 3}])
def test_what_a_block_cannot_be(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        build(SystemPrompt, values)
