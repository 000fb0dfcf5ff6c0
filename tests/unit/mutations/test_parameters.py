import json
import math
from typing import Any

import pytest

from waypost.configurable import build
from waypost.dialects.splice import Drop, Put, splice
from waypost.mutations.parameters import (
    MAX_DEFAULT,
    MAX_NAMES,
    Adjustment,
    Limit,
    RequestParameters,
    adjusted,
    parameter_edits,
    problems,
)

CHAT: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}


def block(**values: Any) -> RequestParameters:
    return build(RequestParameters, values)


def shaped(parameters: RequestParameters, **sent: Any) -> tuple[dict[str, Any], list[str]]:
    """What a provider gets beside model and messages, and what is told about it."""
    document = CHAT | sent
    edits, notes = parameter_edits(parameters, document)
    found = json.loads(splice(json.dumps(document).encode(), edits))
    return {name: value for name, value in found.items() if name not in CHAT}, [str(note) for note in notes]


# --- limits ------------------------------------------------------------------------------------------------

SOBER = {"limits": {"temperature": {"min": 0.2, "max": 1}, "n": 2}}


@pytest.mark.parametrize(
    ("sent", "got", "told"),
    [
        ({"temperature": 1.7}, {"temperature": 1}, ["temperature;lowered;from=1.7;to=1"]),
        ({"temperature": 0}, {"temperature": 0.2}, ["temperature;raised;from=0;to=0.2"]),
        ({"temperature": -1e9}, {"temperature": 0.2}, ["temperature;raised;from=-1000000000;to=0.2"]),
        ({"temperature": 1.0}, {"temperature": 1.0}, []),
        ({"temperature": 0.2}, {"temperature": 0.2}, []),
        ({"temperature": None}, {"temperature": None}, []),
        ({"n": 2, "top_p": 5}, {"n": 2, "top_p": 5}, []),
        ({"n": -3}, {"n": -3}, []),  # no lower bound: the provider says what is wrong
        ({"n": 128, "temperature": 2}, {"n": 2, "temperature": 1}, None),
        ({}, {}, []),
    ],
)
def test_a_number_is_held_within_its_limits(
    sent: dict[str, Any], got: dict[str, Any], told: list[str] | None
) -> None:
    result, notes = shaped(block(**SOBER), **sent)
    assert result == got
    assert told is None or notes == told


def test_a_whole_number_is_written_as_one() -> None:
    edits, _ = parameter_edits(block(limits={"n": 2}), CHAT | {"n": 9.0})
    (edit,) = edits
    assert isinstance(edit, Put)
    assert repr(edit.value) == "2"


@pytest.mark.parametrize("value", ["128", "x", True, [9], {"a": 9}, ""])
def test_what_is_no_number_does_not_get_round_a_limit(value: object) -> None:
    # lenient servers read "128" and true as numbers
    assert shaped(block(limits={"n": 2}), n=value) == ({"n": 2}, ["n;replaced;to=2"])
    assert shaped(block(limits={"n": {"min": 1}}), n=value) == ({"n": 1}, ["n;replaced;to=1"])


@pytest.mark.parametrize("name", ["N", "Temperature", "TEMPERATURE"])
def test_another_spelling_does_not_get_round_a_limit(name: str) -> None:
    got, notes = shaped(block(**SOBER), **{name: 1})
    assert got == {}
    assert notes == [f"{name.lower()};removed"]


def test_letters_that_fold_to_others_do_not_either() -> None:
    kelvin, long_s = {"max_to\u212aens": 9}, {"u\u017fer": "x"}
    told = ["max_tokens;removed", "max_tokens;set;to=5"]
    assert shaped(block(limits={"max_tokens": 5}), **kelvin) == ({"max_tokens": 5}, told)
    assert shaped(block(blocked=["user"]), **long_s) == ({}, ["user;removed"])


@pytest.mark.parametrize("huge", [10**400, 10**30, math.inf, 1e308])
def test_numbers_of_any_size(huge: float) -> None:
    # the parser gives floats, infinity for 1E400; others may give ints
    edits, (note,) = parameter_edits(block(limits={"n": 2}), CHAT | {"n": huge})
    assert edits == (Put(("n",), 2),)
    assert len(str(note)) < 60
    _, (raised,) = parameter_edits(block(limits={"n": {"min": 1}}), CHAT | {"n": -huge})
    assert raised.change == "raised"


# --- the length of an answer --------------------------------------------------------------------------------


@pytest.mark.parametrize("limited", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("sent", ["max_tokens", "max_completion_tokens"])
def test_both_names_of_the_length_are_one_limit(limited: str, sent: str) -> None:
    parameters = block(limits={limited: 100})
    assert shaped(parameters, **{sent: 4000}) == ({sent: 100}, [f"{sent};lowered;from=4000;to=100"])
    assert shaped(parameters, **{sent: 50}) == ({sent: 50}, [])


def test_both_names_at_once() -> None:
    got, notes = shaped(block(limits={"max_tokens": 100}), max_tokens=7, max_completion_tokens=900)
    assert got == {"max_tokens": 7, "max_completion_tokens": 100}
    assert notes == ["max_completion_tokens;lowered;from=900;to=100"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("sent", [{}, {"max_tokens": None}, {"max_completion_tokens": None}])
def test_a_request_that_names_no_length_is_limited_too(name: str, sent: dict[str, Any]) -> None:
    got, notes = shaped(block(limits={name: 100}), **sent)
    assert got == sent | {name: 100}
    assert notes == [f"{name};set;to=100"]


def test_only_a_largest_length_is_set() -> None:
    assert shaped(block(limits={"max_tokens": {"min": 16}})) == ({}, [])


def test_a_default_length_stands_for_either_name() -> None:
    parameters = block(limits={"max_tokens": 100}, defaults={"max_completion_tokens": 50})
    assert shaped(parameters) == ({"max_completion_tokens": 50}, ["max_completion_tokens;set;to=50"])
    assert shaped(parameters, max_tokens=80) == ({"max_tokens": 80}, [])
    assert shaped(parameters, max_tokens=None) == (
        {"max_tokens": None, "max_completion_tokens": 50},
        ["max_completion_tokens;set;to=50"],
    )


def test_a_length_under_a_blocked_name_becomes_the_limit_under_the_other() -> None:
    parameters = block(limits={"max_completion_tokens": 100}, blocked=["max_tokens"])
    assert shaped(parameters, max_tokens=9000)[0] == {"max_completion_tokens": 100}


def test_a_length_that_is_always_set_tolerates_no_other_name() -> None:
    parameters = block(defaults={"max_tokens": 100}, blocked=["max_tokens"])
    for sent in ({}, {"max_tokens": 9}, {"max_completion_tokens": 9}, {"Max_Tokens": 9}):
        assert shaped(parameters, **sent)[0] == {"max_tokens": 100}


# --- defaults and blocked -----------------------------------------------------------------------------------


def test_defaults_fill_what_is_not_there() -> None:
    parameters = block(defaults={"temperature": 0.3, "stop": ["END"], "store": False})
    assert shaped(parameters, temperature=1, store=None) == (
        {"temperature": 1, "store": False, "stop": ["END"]},
        ["stop;set", "store;set"],
    )


def test_blocked_parameters_are_removed_in_any_spelling() -> None:
    parameters = block(blocked=["user", "logit_bias", "user", "seed"])
    got, notes = shaped(parameters, user="u", User="v", logit_bias={"1": 2}, top_p=1)
    assert got == {"top_p": 1}
    assert notes == ["user;removed", "logit_bias;removed"]


def test_blocked_with_a_default_is_always_the_default() -> None:
    parameters = block(blocked=["service_tier", "n"], defaults={"service_tier": "flex", "n": 1})
    pinned = {"service_tier": "flex", "n": 1}
    assert shaped(parameters)[0] == pinned
    assert shaped(parameters, service_tier="priority", n=4) == (
        pinned,
        ["service_tier;replaced", "n;replaced;from=4;to=1"],
    )
    assert shaped(parameters, service_tier=None, n="1")[0] == pinned
    assert shaped(parameters, Service_Tier="priority", N=4)[0] == pinned
    assert shaped(parameters, n=1.0, service_tier="flex") == (pinned, [])


def test_true_is_not_one() -> None:
    parameters = block(blocked=["logprobs"], defaults={"logprobs": True})
    assert shaped(parameters, logprobs=1) == ({"logprobs": True}, ["logprobs;replaced;from=1"])
    assert shaped(parameters, logprobs=True) == ({"logprobs": True}, [])


def test_the_bytes_of_the_client_stay() -> None:
    body = rb'{ "messages":[{"content":"\u00e9"}], "seed" : 123456789012345678901,"n":5 ,"top_p":0.50}'
    edits, _ = parameter_edits(block(limits={"n": 2}), json.loads(body))
    assert splice(body, edits) == body.replace(b'"n":5', b'"n":2')


@pytest.mark.parametrize("empty", [block(), block(limits={}), block(blocked=())])
def test_an_empty_block_changes_nothing(empty: RequestParameters) -> None:
    assert parameter_edits(empty, CHAT | {"n": 10**9}) == ((), ())


def test_embeddings_get_nothing_new() -> None:
    parameters = block(
        limits={"max_tokens": 5, "dimensions": 256}, defaults={"temperature": 0}, blocked=["user"]
    )
    document = {"model": "auto", "input": ["x"], "user": "u", "dimensions": 4096}
    edits, notes = parameter_edits(parameters, document)
    assert edits == (Drop(("user",)), Put(("dimensions",), 256))
    assert adjusted(notes) == "user;removed, dimensions;lowered;from=4096;to=256"


# --- what is told ------------------------------------------------------------------------------------------


def test_notes_hold_no_value_but_numbers() -> None:
    parameters = block(
        limits={"n": 1}, blocked=["user", "metadata"], defaults={"user": "gateway", "stop": "secret"}
    )
    _, notes = shaped(parameters, n="secret", user="secret", metadata={"secret": "secret"})
    assert len(notes) == 4
    assert "secret" not in "".join(notes)


def test_the_header_has_an_end() -> None:
    notes = [Adjustment("a" * 60, "lowered", 1.5, 1.0) for _ in range(100)]
    text = adjusted(notes)
    assert len(text) < 1020
    assert text.endswith(", more")
    assert adjusted(notes[:2]).count("lowered") == 2
    assert adjusted([]) == ""


# --- what is wrong with a block ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"limits": {"max_tokens": 4096, "temperature": {"min": 0, "max": 0}, "top_k": {"min": -1}}},
        {"defaults": {"stop": ["a"], "response_format": {"type": "json_object"}, "top_p": 0.5}},
        {"blocked": ["user", "tool_choice"], "defaults": {"user": "gateway"}},
        {"limits": {"temperature": 1}, "defaults": {"temperature": 1}},
        {"limits": {"max_tokens": 10}, "defaults": {"max_completion_tokens": 10}},
    ],
)
def test_blocks_without_problems(values: dict[str, Any]) -> None:
    assert list(problems(block(**values))) == []


@pytest.mark.parametrize(
    ("values", "field", "told"),
    [
        ({"blocked": ["user", "model"]}, "blocked[1]", "'model' is not a parameter"),
        ({"blocked": ["Tools"]}, "blocked[0]", "'Tools' is not"),
        ({"defaults": {"stream": True}}, "defaults.stream", "'stream' is not"),
        ({"defaults": {"messages": []}}, "defaults.messages", "'messages' is not"),
        ({"limits": {"model": 3}}, "limits.model", "'model' is not"),
        ({"limits": {"a b": 3}}, "limits", "no name"),
        ({"defaults": {"": 3}}, "defaults", "no name"),
        ({"blocked": ["x.y"]}, "blocked[0]", "no name"),
        ({"blocked": ["a" * 65]}, "blocked[0]", "no name"),
        ({"blocked": [f"a{n}" for n in range(MAX_NAMES + 1)]}, "blocked", f"more than {MAX_NAMES}"),
        ({"limits": {"n": 1, "N": 2}}, "limits.N", "twice"),
        (
            {"limits": {"max_tokens": 1, "max_completion_tokens": 2}},
            "limits.max_completion_tokens",
            "one param",
        ),
        (
            {"defaults": {"max_tokens": 1, "max_completion_tokens": 2}},
            "defaults.max_completion_tokens",
            "one parameter",
        ),
        ({"limits": {"top_p": {}}}, "limits.top_p", "says nothing"),
        ({"limits": {"top_p": {"min": 1, "max": 0.5}}}, "limits.top_p", "above its `max`"),
        ({"limits": {"top_p": math.nan}}, "limits.top_p", "finite"),
        ({"limits": {"top_p": {"min": 0, "max": math.inf}}}, "limits.top_p", "finite"),
        ({"limits": {"max_tokens": 10.5}}, "limits.max_tokens", "whole"),
        ({"limits": {"max_tokens": 0}}, "limits.max_tokens", "no answer"),
        ({"limits": {"n": {"min": 0.5}}}, "limits.n", "whole"),
        ({"limits": {"n": 2}, "blocked": ["n"]}, "limits.n", "blocked"),
        ({"limits": {"n": 2}, "defaults": {"n": 3}}, "defaults.n", "outside its limit"),
        ({"limits": {"n": 2}, "defaults": {"n": "1"}}, "defaults.n", "outside its limit"),
        ({"limits": {"max_tokens": 2}, "defaults": {"max_completion_tokens": 3}}, None, "outside its limit"),
        ({"defaults": {"user": None}}, "defaults.user", "null"),
        ({"defaults": {"top_p": math.nan}}, "defaults.top_p", "no JSON"),
        ({"defaults": {"stop": {1, 2}}}, "defaults.stop", "no JSON"),
        ({"defaults": {"stop": "x" * MAX_DEFAULT}}, "defaults.stop", "longer"),
    ],
)
def test_problems(values: dict[str, Any], field: str | None, told: str) -> None:
    found = list(problems(block(**values)))
    assert len(found) == 1, found
    assert told in found[0].message
    assert field is None or found[0].field == field
    assert found[0].severity == "error"


@pytest.mark.parametrize("name", ["model", "messages", "input", "stream", "tools", "functions"])
def test_every_protected_name_comes_with_a_remedy(name: str) -> None:
    (lint,) = problems(block(blocked=[name]))
    assert lint.help


def test_a_long_name_is_not_said_whole() -> None:
    (lint,) = problems(block(blocked=["a" * 10_000]))
    assert len(lint.message) < 200


@pytest.mark.parametrize(
    "values", [{"limits": {"n": "many"}}, {"limits": {"n": {"most": 3}}}, {"blocked": [1]}, {"allowed": []}]
)
def test_what_a_block_cannot_be(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        block(**values)


def test_a_number_alone_is_the_largest() -> None:
    assert block(limits={"n": 2}) != block(limits={"n": {"min": 2}})
    assert shaped(block(limits={"n": 2}), n=3) == shaped(block(limits={"n": {"max": 2}}), n=3)
    assert block(limits={"n": {"max": 2}}).limits["n"] == Limit(max=2)
