"""What got lost is told once each, bounded, and never in a client's own words."""

import json

import pytest

from waypost.dialects.foreign import MAX_WARNINGS, Notes, Reply, dump, encode, mapping, says_nothing, sequence
from waypost.errors import RequestError


def test_notes_are_told_once_and_in_order() -> None:
    notes = Notes(strict=False)
    for param in ("seed", "logit_bias", "seed"):
        notes.add(param, "not sent")
    assert notes.all() == ("seed: not sent", "logit_bias: not sent")


def test_a_name_that_may_say_anything_is_not_repeated() -> None:
    notes = Notes(strict=False)
    notes.add("my secret\r\nx-evil: 1", "not sent")
    notes.add("é" * 3, "not sent")
    assert notes.all() == ("*: not sent",)


def test_notes_are_bounded() -> None:
    notes = Notes(strict=False)
    for n in range(1000):
        notes.add(f"field_{n}", "not sent")
    assert len(notes.all()) == MAX_WARNINGS


def test_strict_refuses_what_would_be_noted() -> None:
    with pytest.raises(RequestError) as caught:
        Notes(strict=True).add("logit_bias", "not sent")
    assert (caught.value.status, caught.value.code, caught.value.param) == (
        400,
        "unsupported_parameter",
        "logit_bias",
    )


def test_half_a_surrogate_pair_is_written_as_an_escape() -> None:
    assert encode(dump({"a": "\ud800é"})) == b'{"a":"\\ud800\xc3\xa9"}'


def test_only_json_containers_are_containers() -> None:
    assert mapping({"a": 1}) == {"a": 1}
    assert sequence([1]) == [1]
    assert mapping([1]) is mapping("a") is sequence({}) is sequence("a") is None


def test_a_wish_is_noted_in_strict_mode_too() -> None:
    notes = Notes(strict=True)
    notes.tell("reasoning_effort", "sent as low")
    assert notes.all() == ("reasoning_effort: sent as low",)


def test_the_model_is_the_providers_word_if_it_has_one() -> None:
    reply = Reply("auto", "id", 0)
    assert reply.model_of("claude-x") == "claude-x"
    assert [reply.model_of(named) for named in (None, "", 7, [], "x" * 10_000)] == ["auto"] * 5


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("anything", None, True),
        ("store", True, True),
        ("stream_options", {"include_usage": True}, True),
        ("presence_penalty", 0.0, True),
        ("presence_penalty", 0.1, False),
        ("modalities", ["text"], True),
        ("modalities", ["text", "audio"], False),
        ("logit_bias", {}, True),
        ("seed", 0, False),
        ("verbosity", [[]], False),
    ],
)
def test_what_may_be_left_out_without_a_word(name: str, value: object, expected: object) -> None:
    assert says_nothing(name, value) is expected


def test_what_some_readers_take_for_the_end_of_a_line_is_escaped() -> None:
    text = "a\u2028b\u2029c\x85d é"
    written = encode(dump({"text": text}))
    assert written.decode().splitlines() == [written.decode()]
    assert json.loads(written) == {"text": text}
    assert "é".encode() in written
