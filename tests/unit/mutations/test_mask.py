"""Personal data becomes placeholders, where it stands and nowhere else."""

import json
import re
from typing import Any

import pytest

from waypost.dialects.openai_chat import parse
from waypost.dialects.splice import splice
from waypost.mutations import mask as module
from waypost.mutations.mask import Find, Masked, mask, united
from waypost.request.chat import Part
from waypost.request.text import read
from waypost.signals.base import Span


def spans(text: str, wanted: dict[str, str]) -> tuple[Span, ...]:
    """Every occurrence of the words given, with its type."""
    return tuple(
        Span(kind, found.start(), found.end(), 0.9)
        for word, kind in wanted.items()
        for found in re.finditer(re.escape(word), text)
    )


def masked(body: Any, wanted: dict[str, str], *, restore: bool = True, again: bool = True) -> Masked:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    parts = read(parse(raw), "all")
    finds = [Find(p, spans(p.text, wanted)) for p in parts if p.is_readable and (again or not p.again)]
    return mask(finds, parts, restore=restore)


def sent(body: Any, result: Masked) -> Any:
    return json.loads(splice(body if isinstance(body, bytes) else json.dumps(body).encode(), result.edits))


def chat(*contents: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": c} for c in contents], **fields}


MAIL = {"ann@example.com": "EMAIL_ADDRESS", "bob@example.com": "EMAIL_ADDRESS", "Ann Lee": "PERSON"}


def test_nothing_found_changes_nothing() -> None:
    assert masked(chat("hello"), MAIL) == Masked()


def test_values_are_numbered_by_first_occurrence_over_the_conversation() -> None:
    body = chat("bob@example.com and Ann Lee", "ann@example.com, not bob@example.com")
    result = masked(body, MAIL)
    contents = [m["content"] for m in sent(body, result)["messages"]]
    assert contents == ["<EMAIL_1> and <PERSON_1>", "<EMAIL_2>, not <EMAIL_1>"]
    assert result.values == {
        "<EMAIL_1>": "bob@example.com",
        "<PERSON_1>": "Ann Lee",
        "<EMAIL_2>": "ann@example.com",
    }
    assert result.counts == {"EMAIL_ADDRESS": 3, "PERSON": 1}
    assert result.stuck == ()


def test_a_conversation_that_grows_keeps_its_numbers() -> None:
    first = masked(chat("ann@example.com"), MAIL)
    then = masked(chat("ann@example.com", "bob@example.com"), MAIL)
    assert first.values.items() <= then.values.items()


def test_order_does_not_depend_on_the_order_of_finds() -> None:
    parts = (Part("text", "bob@example.com", "messages[0].content"), Part("text", "ann@example.com", "user"))
    finds = [Find(part, spans(part.text, MAIL)) for part in parts]
    assert mask(finds, parts, restore=True) == mask(finds[::-1], parts, restore=True)


def test_one_value_in_other_case_width_and_white_space_is_one_value() -> None:
    names = dict.fromkeys(("Ann Lee", "ANN  LEE", "\uff21nn\tLee"), "PERSON")
    body = chat(", ".join(names))
    result = masked(body, names)
    assert sent(body, result)["messages"][0]["content"] == "<PERSON_1>, <PERSON_1>, <PERSON_1>"
    assert result.values == {"<PERSON_1>": "Ann Lee"}


def test_a_number_is_one_value_however_its_digits_are_grouped() -> None:
    body = chat("4012 8888 8888 1881", "and 4012888888881881", "or 4012-8888-8888-1881")
    kinds = dict.fromkeys(("4012 8888 8888 1881", "4012888888881881", "4012-8888-8888-1881"), "CREDIT_CARD")
    result = masked(body, kinds)
    assert list(result.values) == ["<CARD_1>"]
    assert result.counts == {"CREDIT_CARD": 3}


def test_keys_that_differ_in_case_are_two() -> None:
    keys = {"sk-AbCdEf123456": "API_KEY", "sk-abcdef123456": "API_KEY"}
    assert list(masked(chat(" ".join(keys)), keys).values) == ["<API_KEY_1>", "<API_KEY_2>"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("EMAIL_ADDRESS", "EMAIL"), ("PHONE_NUMBER", "PHONE"), ("CREDIT_CARD", "CARD"), ("US_SSN", "SSN")),
        *(("IBAN_CODE", "IBAN"), ("STREET_ADDRESS", "ADDRESS"), ("MEDICAL_RECORD", "MEDICAL_RECORD")),
        *(("our-own type", "OUR_OWN_TYPE"), ("Größe", "GR_SSE"), ("---", "DATA"), ("", "DATA")),
    ],
)
def test_every_type_has_a_name_a_model_can_read(kind: str, name: str) -> None:
    assert list(masked(chat("secret"), {"secret": kind}).values) == [f"<{name}_1>"]


@pytest.mark.parametrize(
    "written", ["<EMAIL_1>", "<email_1>", r"\<EMAIL\_1\>", "&lt;Email_1&gt;", r"\u003cEMAIL_1\u003e"]
)
def test_what_the_client_wrote_is_not_given_out_if_values_are_put_back(written: str) -> None:
    body = chat("ann@example.com", f"what is {written}?")
    assert list(masked(body, MAIL).values) == ["<EMAIL_2>"]
    assert list(masked(body, MAIL, restore=False).values) == ["<EMAIL_1>"]


def test_what_stands_around_a_find_keeps_its_bytes() -> None:
    content = b'"caf\\u00e9 \\/ ann@example.com \\ud83d\\ude00"'
    body = b'{ "model":"m","messages" :[{"role":"user","content":%b}]}' % content
    result = masked(body, MAIL)
    assert splice(body, result.edits) == body.replace(b"ann@example.com", b"<EMAIL_1>")


def test_overlapping_finds_become_one_of_the_longest_type() -> None:
    found = [Span("PERSON", 0, 3, 0.9), Span("EMAIL_ADDRESS", 0, 15, 0.5), Span("URL", 12, 20, 0.7)]
    assert united(found) == [Span("EMAIL_ADDRESS", 0, 20, 0.9)]
    assert united(found[::-1]) == united(found)
    assert united([Span("A", 0, 2, 1), Span("B", 2, 4, 1)]) == [Span("A", 0, 2, 1), Span("B", 2, 4, 1)]
    assert united([]) == []


def test_a_find_across_parts_is_masked_in_each_of_them() -> None:
    body = chat([{"type": "text", "text": "I am Ann"}, {"type": "text", "text": "Lee, hello"}])
    result = masked(body, {"Ann\u200bLee": "PERSON"})
    texts = [part["text"] for part in sent(body, result)["messages"][0]["content"]]
    assert texts == ["I am <PERSON_1>", "<PERSON_2>, hello"]
    assert result.stuck == ()


def test_a_find_in_the_joined_reading_is_not_counted_twice() -> None:
    body = chat([{"type": "text", "text": "ann@example.com"}, {"type": "text", "text": "bob@example.com"}])
    assert masked(body, MAIL).counts == {"EMAIL_ADDRESS": 2}


def test_a_joined_reading_that_nobody_made_is_stuck() -> None:
    parts = (Part("text", "Ann Lee", "messages[0].content", again=True),)
    result = mask([Find(parts[0], spans("Ann Lee", MAIL))], parts, restore=True)
    assert result.stuck == ("messages[0].content",)


# --- tool calls -------------------------------------------------------------------------------------------


def call(arguments: str, **more: Any) -> dict[str, Any]:
    function = {"name": "send", "arguments": arguments}
    calls = [{"id": "call_1", "type": "function", "function": function, **more}]
    return {"model": "m", "messages": [{"role": "assistant", "content": None, "tool_calls": calls}]}


def arguments_of(body: Any, result: Masked) -> str:
    return sent(body, result)["messages"][0]["tool_calls"][0]["function"]["arguments"]


@pytest.mark.parametrize("again", [False, True])
def test_arguments_stay_json(*, again: bool) -> None:
    body = call('{"to": "ann@example.com", "who": ["Ann Lee"], "n": 1.50}')
    result = masked(body, MAIL, again=again)
    assert arguments_of(body, result) == '{"to": "<EMAIL_1>", "who": ["<PERSON_1>"], "n": 1.50}'


def test_a_number_becomes_a_string() -> None:
    body = call('{"card":4111111111111111,"ok":true}')
    result = masked(body, {"4111111111111111": "CREDIT_CARD", "111,": "PHONE_NUMBER", "true": "PERSON"})
    assert json.loads(arguments_of(body, result)) == {"card": "<CARD_1>", "ok": True}
    assert result.values == {"<CARD_1>": "4111111111111111"}


def test_a_find_across_strings_is_masked_in_each() -> None:
    body = call('{"first":"Ann","last":"Lee"}')
    result = masked(body, {'Ann","last":"Lee': "PERSON"})
    assert json.loads(arguments_of(body, result)) == {"first": "<PERSON_1>", "<PERSON_2>": "<PERSON_3>"}


def test_escaped_letters_are_masked_and_the_value_is_what_they_mean() -> None:
    body = call(json.dumps({"to": "José Müller", "at": "ann@example.com"}).replace("@", r"\u0040"))
    result = masked(body, {"José Müller": "PERSON", **MAIL})
    assert arguments_of(body, result) == '{"to": "<PERSON_1>", "at": "<EMAIL_1>"}'
    assert result.values == {"<PERSON_1>": "José Müller", "<EMAIL_1>": "ann@example.com"}
    assert result.stuck == ()


def test_json_in_json_in_json_is_led_back() -> None:
    inner = json.dumps({"a": json.dumps({"b": "Jörg, ann@example.com"})})
    body = call(inner)
    result = masked(body, {"Jörg": "PERSON", **MAIL})
    inside = json.loads(json.loads(arguments_of(body, result))["a"])
    assert inside == {"b": "<PERSON_1>, <EMAIL_1>"}


def test_an_escape_is_never_cut_in_two() -> None:
    body = call(r'{"a":"x\n12 Main St\u00e9\\"}')
    result = masked(body, {r"n12 Main St\u00": "STREET_ADDRESS"}, again=False)
    assert arguments_of(body, result) == r'{"a":"x\n<ADDRESS_1>\\"}'
    assert result.values == {"<ADDRESS_1>": "12 Main Sté"}


def test_finds_that_meet_inside_an_escape_do_not_overlap() -> None:
    text = r'{"a":"x\u00e9y"}'
    part = Part("tool_call", text, "messages[0].tool_calls[0].function.arguments")
    found = (Span("PERSON", 6, 9, 1.0), Span("URL", 9, 14, 1.0))
    changes = mask([Find(part, found)], (part,), restore=True).edits[0].changes
    assert [(change.start, change.end) for change in changes] == [(6, 13), (13, 14)]


def test_arguments_that_are_no_json_are_text() -> None:
    body = call("to=ann@example.com, 4111")
    result = masked(body, {**MAIL, "4111": "CREDIT_CARD"})
    assert arguments_of(body, result) == "to=<EMAIL_1>, <CARD_1>"


def test_the_name_of_a_speaker_has_no_brackets() -> None:
    body = {"model": "m", "messages": [{"role": "user", "name": "Ann_Lee", "content": "I am Ann_Lee"}]}
    result = masked(body, {"Ann_Lee": "PERSON"})
    message = sent(body, result)["messages"][0]
    assert message == {"role": "user", "name": "PERSON_1", "content": "I am <PERSON_1>"}


# --- what cannot be edited --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (call("{}", id="ann@example.com"), "messages[0].tool_calls[0].id"),
        (chat("x", tools=[{"type": "function", "function": {"name": "Ann Lee"}}]), "tools[0].function.name"),
        (
            chat("x", tool_choice={"type": "function", "function": {"name": "Ann Lee"}}),
            "tool_choice.function.name",
        ),
        (chat("x", metadata={"Ann Lee": "x"}), "metadata.* (key)"),
        (chat("x", metadata={"of Ann": "Ann Lee"}), "metadata.*"),
    ],
)
def test_places_that_cannot_be_edited_are_stuck(body: Any, where: str) -> None:
    result = masked(body, MAIL)
    assert (result.stuck, result.edits) == ((where,), ())


def test_metadata_of_the_client_may_be_edited() -> None:
    body = chat("x", metadata={"name": "Ann Lee", "id": "ann@example.com"}, user="bob@example.com")
    result = masked(body, MAIL)
    assert sent(body, result)["metadata"] == {"name": "<PERSON_1>", "id": "<EMAIL_1>"}
    assert sent(body, result)["user"] == "<EMAIL_2>"


@pytest.mark.parametrize("place", [(-1, 2), (0, 99), (3, 3), (4, 2)])
def test_a_find_outside_of_its_text_is_stuck(place: tuple[int, int]) -> None:
    part = Part("text", "hello", "user")
    assert mask([Find(part, (Span("PERSON", *place, 1.0),))], (part,), restore=True).stuck == ("user",)


@pytest.mark.parametrize("where", ["user", "user (unescaped)"])
def test_a_find_in_an_unknown_text_is_stuck(where: str) -> None:
    part = Part("text", "Ann Lee", where, again="(" in where)
    assert mask([Find(part, spans(part.text, MAIL))], (), restore=True).stuck == (where,)


def test_no_more_values_than_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VALUES", 2)
    result = masked(chat("ann@example.com bob@example.com", "Ann Lee", "ann@example.com"), MAIL)
    assert result.stuck == ("messages[1].content",)
    assert len(result.edits) == 2


def test_too_many_escapes_and_tokens_are_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_STEPS", 10)
    where = "messages[0].tool_calls[0].function.arguments"
    assert masked(call(json.dumps(["x"] * 20 + ["Ann Lee"])), MAIL).stuck == (where,)
    assert masked(call(json.dumps(["\n" * 20 + "Ann Lee"])), MAIL, again=False).stuck == (where,)
    assert f"{where} (unescaped)" in masked(call(json.dumps(["\n" * 20 + "Ann Lee"])), MAIL).stuck


def test_a_very_long_value_is_masked_but_not_put_back() -> None:
    long = "x" * (module.MAX_RESTORED + 1)
    body = chat(long)
    result = masked(body, {long: "API_KEY"})
    assert sent(body, result)["messages"][0]["content"] == "<API_KEY_1>"
    assert result.values == {}


def test_values_are_in_no_representation() -> None:
    assert "example" not in repr(masked(chat("ann@example.com"), MAIL))
