import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from waypost.configurable import build
from waypost.dialects.openai_chat import parse
from waypost.dialects.splice import splice
from waypost.mutations.tools import (
    EMBEDDED,
    MAX_TEXT,
    MOST,
    Catalogue,
    Chosen,
    Stocked,
    ToolSettings,
    Wanted,
    choose,
    describe,
    offered,
    wanted,
)
from waypost.request.chat import ChatRequest

CATALOGUE = Path("tools.json")
FILTER = ToolSettings(mode="filter", top_k=3, floor=0.2)
ADD = ToolSettings(mode="add", catalogue=CATALOGUE, top_k=2, floor=0.2)


def tool(name: str, description: str = "", **more: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "description": description or f"does {name}"} | more,
    }


def request(tools: Any = None, text: str = "hello", **more: Any) -> ChatRequest:
    body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
    if tools is not None:
        body["tools"] = tools
    return parse(json.dumps(body | more).encode())


def tools(*names: str) -> list[dict[str, Any]]:
    return [tool(name) for name in names]


def stock(*names: str) -> Catalogue:
    return Catalogue.of(
        Stocked(name, describe(name, f"does {name}"), json.dumps(tool(name))) for name in names
    )


def decided(
    settings: ToolSettings,
    asked: ChatRequest,
    cosines: Sequence[float] | None = None,
    stocked: Catalogue | None = None,
) -> tuple[Chosen, dict[str, Any]]:
    """What was chosen, and the body that leaves."""
    open_ = wanted(settings, asked, "hello", stocked)
    assert open_ is not None
    chosen = choose(open_, cosines)
    return chosen, json.loads(splice(asked.original, chosen.edits))


def names(body: dict[str, Any]) -> list[str]:
    return [each["function"]["name"] for each in body["tools"]]


def whys(chosen: Chosen) -> dict[str, str]:
    return {each.name: each.why for each in (*chosen.kept, *chosen.added, *chosen.dropped)}


# --- settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"top_k": 0}, "top_k must be between 1 and 128"),
        ({"top_k": 129}, "top_k must be"),
        ({"floor": 1.1}, "floor must be between 0 and 1"),
        ({"floor": -0.1}, "floor must be"),
        ({"mode": "add"}, "mode add needs a catalogue"),
        ({"block": ("*_x",)}, "one \\* at the end"),
        ({"allow": ("",)}, "named as it is"),
        ({"mode": "replace"}, "mode"),
        ({"topk": 3}, "topk"),
    ],
)
def test_settings_that_make_no_sense(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(ToolSettings, values)


def test_names_and_beginnings() -> None:
    settings = ToolSettings(allow=("git_*", "search"), block=("git_push",))
    assert [settings.permits(name) for name in ("git_log", "search", "git_push", "searches", "Search")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert not ToolSettings(block=("*",)).permits("anything")
    assert ToolSettings().permits("")


# --- texts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "description", "parameters", "text"),
    [
        ("getWeather", "The weather.", None, "get weather: The weather."),
        ("note_conversion.indian-v2", None, None, "note conversion indian v2: "),
        (
            "search",
            "Finds pages.",
            {"properties": {"q": {"description": "what to find"}, "maxResults": {"type": "integer"}}},
            "search: Finds pages. q - what to find. max results",
        ),
        ("odd", 7, {"properties": [1]}, "odd: "),
        ("odd", "x", {"properties": {"a": None, "b": {"description": 3}}}, "odd: x. a. b"),
    ],
)
def test_the_text_of_a_tool(name: str, description: object, parameters: object, text: str) -> None:
    assert describe(name, description, parameters) == text


def test_texts_are_bounded() -> None:
    properties = {f"parameter{n}": {"description": "x" * 9000} for n in range(5000)}
    assert len(describe("n" * 9000, "d" * 9000, {"properties": properties})) == MAX_TEXT


# --- what a client offers ---------------------------------------------------------------------------------


def test_all_forms_of_tools() -> None:
    asked = request(
        [
            tool("a"),
            {"type": "custom", "custom": {"name": "b", "description": "x"}},
            {"type": "web_search"},
            7,
        ],
        functions=[{"name": "d"}],
    )
    offer = offered(asked)
    assert [(each.name, bool(each.text), each.key, each.place) for each in offer.tools] == [
        ("a", True, "tools", 0),
        ("b", True, "tools", 1),
        ("web_search", False, "tools", 2),
        ("", False, "tools", 3),
        ("d", True, "functions", 0),
    ]
    assert offer.tools[0].size == len(json.dumps(tool("a"), separators=(",", ":")))
    assert offer.lists == {"tools", "functions"}


@pytest.mark.parametrize(
    ("choice", "said", "forced"),
    [
        ("auto", "auto", set()),
        ("none", "none", set()),
        (None, None, set()),
        ({"type": "function", "function": {"name": "a"}}, "some", {"a", "function"}),
        ({"type": "custom", "custom": {"name": "b"}}, "some", {"b", "custom"}),
        ({"type": "web_search"}, "some", {"web_search"}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("a"), tool("b")]}},
            "some",
            {"a", "b", "function", "allowed_tools"},
        ),
        (7, "some", set()),
    ],
)
def test_all_forms_of_a_choice(choice: Any, said: str | None, forced: set[str]) -> None:
    offer = offered(request(tools("a", "b"), tool_choice=choice))
    assert (offer.choice, offer.forced) == (said, forced)


def test_the_older_choice() -> None:
    offer = offered(request(functions=[{"name": "a"}], function_call={"name": "a"}))
    assert (offer.choice, offer.forced) == ("some", {"a"})


def test_what_was_called_before() -> None:
    calls = [
        {"id": "1", "type": "function", "function": {"name": "a", "arguments": '{"name": "no"}'}},
        {"id": "2", "type": "custom", "custom": {"name": "b", "input": "x"}},
    ]
    messages = [
        {"role": "user", "content": "x", "name": "me"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "assistant", "content": None, "function_call": {"name": "c", "arguments": "{}"}},
        {"role": "tool", "tool_call_id": "1", "name": "d", "content": "x"},
    ]
    body = json.dumps({"model": "auto", "messages": messages}).encode()
    assert offered(parse(body)).used == {"a", "b", "c"}


def test_escaped_keys_are_read() -> None:
    messages = b'[{"role": "user", "content": "x"}]'
    body = b'{"model": "auto", "messages": ' + messages + b', "t\\u006fols": [{"name": "evil"}]}'
    asked = parse(body)
    chosen, left = decided(ToolSettings(block=("evil",)), asked)
    assert whys(chosen) == {"evil": "blocked"}
    assert "tools" not in left


# --- when there is nothing to choose ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (ToolSettings(), request(tools("a", "b"))),
        (FILTER, request()),
        (FILTER, request(tools("a", "b", "c"))),
        (FILTER, request(tools(*"abcd"), tool_choice="none")),
        (ToolSettings(mode="filter", top_k=3, only_auto=True), request(tools(*"abcd"))),
        (ToolSettings(mode="filter", top_k=1), request(tools("a", "b", "c"))),
        (FILTER, request([{"type": "web_search"}] * 9)),
        (FILTER, request(tools(*map(str, range(MOST + 1))))),
        (FILTER, request("tools")),
        (ADD, request()),
        (ADD, request(functions=[{"name": "a"}])),
        (ADD, request(tools("a"), tool_choice="none")),
        (ToolSettings(block=("z",), allow=("a", "b")), request(tools("a", "b"))),
    ],
)
def test_nothing_to_choose(settings: ToolSettings, asked: ChatRequest) -> None:
    assert wanted(settings, asked, "hello", stock("x")) is None


def test_embeddings_have_no_tools() -> None:
    body = {"model": "auto", "input": "x", "tools": tools(*"abcd")}
    asked = parse(json.dumps(body).encode(), "openai_embeddings")
    assert wanted(FILTER, asked, "x") is None


def test_only_auto_acts_on_the_word() -> None:
    settings = ToolSettings(mode="filter", top_k=3, only_auto=True)
    assert wanted(settings, request(tools(*"abcd"), tool_choice="auto"), "x") is not None
    assert wanted(settings, request(tools(*"abcd"), tool_choice="required"), "x") is None


# --- filter -----------------------------------------------------------------------------------------------


def test_the_best_stay_in_their_order() -> None:
    chosen, body = decided(FILTER, request(tools(*"abcdef")), [0.3, 0.9, 0.1, 0.8, 0.2, 0.7])
    assert names(body) == ["b", "d", "f"]
    assert [each.name for each in chosen.dropped] == ["a", "c", "e"]
    assert chosen.kept[0].score == pytest.approx(0.9)
    assert chosen.saved_tokens == 3 * len(json.dumps(tool("a"), separators=(",", ":"))) // 4
    assert chosen.because == f"3 of 6 tools kept, about {chosen.saved_tokens} tokens saved"


def test_what_stays_is_sent_as_it_came() -> None:
    body = (
        b'{"model":"auto","messages":[{"role":"user","content":"x"}],'
        b'"tools": [ {"name" : "a\\u0062", "n": 1e2} ,{"name":"b"}, {"name":"c"},{"name":"d"} ] }'
    )
    open_ = wanted(FILTER, parse(body), "x")
    assert open_ is not None
    assert splice(body, choose(open_, [0.9, 0.8, 0.1, 0.7]).edits) == body.replace(b' {"name":"c"},', b"")


def test_three_stay_below_the_floor_and_no_more() -> None:
    settings = ToolSettings(mode="filter", top_k=5, floor=0.5)
    _, body = decided(settings, request(tools(*"abcdefg")), [0.1, 0.2, 0.3, 0.4, 0.05, 0.06, 0.07])
    assert names(body) == ["b", "c", "d"]


def test_shared_words_help() -> None:
    asked = request([tool("a"), tool("b"), tool("c", "says hello to somebody"), tool("d")])
    chosen, _ = decided(FILTER, asked, [0.3, 0.3, 0.2, 0.3])
    assert whys(chosen)["c"] == "ranked"
    assert "d" in {each.name for each in chosen.dropped}


def test_needed_tools_stay_whatever_their_rank() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "used", "arguments": "{}"}}
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}],
        "tools": [
            *tools("forced", "used", "named_one", "kept_1", "a", "b", "c", "d"),
            {"type": "web_search"},
        ],
        "tool_choice": {"type": "function", "function": {"name": "forced"}},
    }
    asked = parse(json.dumps(body).encode())
    settings = ToolSettings(mode="filter", top_k=3, always=("kept_*",))
    open_ = wanted(settings, asked, "please use Named_One.")
    assert open_ is not None
    chosen = choose(open_, [0.1, 0.1, 0.1, 0.1, 0.9, 0.8, 0.7, 0.6])
    assert whys(chosen) == {
        "forced": "forced",
        "used": "used",
        "named_one": "named",
        "kept_1": "always",
        "a": "ranked",
        "b": "ranked",
        "c": "ranked",
        "d": "ranked",
        "web_search": "unranked",
    }
    assert [each.name for each in chosen.dropped] == ["d"]


def test_without_an_encoder_all_stay() -> None:
    chosen, body = decided(FILTER, request(tools(*"abcdef")), None)
    assert (chosen.dropped, chosen.edits, len(names(body))) == ((), (), 6)


def test_of_a_long_list_only_some_are_compared() -> None:
    many = [f"t{n}" for n in range(200)]
    asked = request([*tools(*many), tool("greeting", "says hello")])
    open_ = wanted(FILTER, asked, "hello")
    assert open_ is not None
    assert open_.examples is not None
    assert len(open_.examples.texts) == len(open_.places) == EMBEDDED
    assert open_.places[-1] == 200
    kept = choose(open_, [0.5] * EMBEDDED).kept
    assert [each.name for each in kept] == ["t0", "t1", "greeting"]


# --- lists of the operator --------------------------------------------------------------------------------


def test_blocked_tools_leave_in_every_mode_and_without_an_encoder() -> None:
    asked = request(tools(*"abcde"), tool_choice="none")
    for settings in (
        ToolSettings(block=("b", "c")),
        ToolSettings(mode="filter", block=("b", "c")),
        ToolSettings(mode="add", catalogue=CATALOGUE, allow=("a", "d", "e")),
    ):
        chosen, body = decided(settings, asked, None, stock("x"))
        assert names(body) == ["a", "d", "e"]
        assert {each.name for each in chosen.dropped} == {"b", "c"}


def test_nobody_can_insist_on_a_blocked_tool() -> None:
    asked = request(tools("a", "b"), tool_choice={"type": "function", "function": {"name": "b"}})
    _, body = decided(ToolSettings(block=("b",)), asked)
    assert names(body) == ["a"]
    assert "tool_choice" not in body


def test_with_the_last_tool_its_settings_go() -> None:
    asked = request(tools("a"), tool_choice="required", parallel_tool_calls=True, functions=[{"name": "a"}])
    _, body = decided(ToolSettings(block=("a",)), asked)
    assert set(body) == {"model", "messages"}


def test_older_functions_are_filtered_and_blocked_too() -> None:
    old = [each["function"] for each in tools(*"abcdef")]
    asked = request(functions=old, function_call="auto")
    _, body = decided(ToolSettings(mode="filter", top_k=3, block=("a",)), asked, [0.1, 0.9, 0.2, 0.8, 0.7])
    assert [each["name"] for each in body["functions"]] == ["c", "e", "f"]
    assert body["function_call"] == "auto"
    _, body = decided(ToolSettings(block=("*",)), request(functions=old, function_call={"name": "a"}))
    assert set(body) == {"model", "messages"}


# --- add --------------------------------------------------------------------------------------------------


def test_the_best_of_the_catalogue_are_added_behind() -> None:
    stocked = stock("x", "y", "z", "a")
    chosen, body = decided(ADD, request(tools("a", "b")), [0.3, 0.1, 0.5, 0.9], stocked)
    assert names(body) == ["a", "b", "z", "x"]
    assert body["tools"][2] == tool("z")
    assert chosen.saved_tokens < 0
    assert chosen.because == f"2 of 2 tools kept, 2 added, about {-chosen.saved_tokens} tokens more"


@pytest.mark.parametrize("own", [None, []])
def test_a_request_without_tools_is_given_some(own: Any) -> None:
    _, body = decided(ADD, request(own, tool_choice="auto"), [0.3, 0.1], stock("x", "y"))
    assert names(body) == ["x"]
    assert body["tool_choice"] == "auto"


def test_nothing_fits() -> None:
    chosen, body = decided(ADD, request(tools("a")), [0.1, 0.1], stock("x", "y"))
    assert (chosen.added, chosen.edits) == ((), ())
    assert names(body) == ["a"]


def test_what_the_conversation_called_comes_again() -> None:
    """A model that called an added tool must find it in the next request, or its own call is unknown."""
    call = {"id": "1", "type": "function", "function": {"name": "y", "arguments": "{}"}}
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}],
        "tool_choice": "auto",
    }
    asked = parse(json.dumps(body).encode())
    for cosines in ([0.9, 0.0, 0.0], None):
        chosen, left = decided(ADD, asked, cosines, stock("x", "y", "z"))
        assert "y" in names(left)
        assert whys(chosen)["y"] == "used"


def test_a_forced_tool_is_fetched_and_nothing_ranked() -> None:
    asked = request(tools("a"), tool_choice={"type": "function", "function": {"name": "y"}})
    stocked = stock("x", "y")
    open_ = wanted(ADD, asked, "hello", stocked)
    assert open_ is not None
    assert open_.examples is None
    _, body = decided(ADD, asked, None, stocked)
    assert names(body) == ["a", "y"]


def test_without_an_encoder_only_what_must_be_is_added() -> None:
    settings = ToolSettings(mode="add", catalogue=CATALOGUE, always=("y",))
    _, body = decided(settings, request(tools("a")), None, stock("x", "y"))
    assert names(body) == ["a", "y"]


def test_blocked_tools_are_not_added_and_fill_no_place() -> None:
    settings = ToolSettings(mode="add", catalogue=CATALOGUE, top_k=1, block=("x",), always=("x",))
    _, body = decided(settings, request(tools("a")), [0.9, 0.8], stock("x", "y"))
    assert names(body) == ["a", "y"]


def test_added_tools_may_take_the_place_of_blocked_ones() -> None:
    settings = ToolSettings(mode="add", catalogue=CATALOGUE, block=("a",))
    _, body = decided(settings, request(tools("a"), tool_choice="auto"), [0.9], stock("x"))
    assert names(body) == ["x"]
    assert body["tool_choice"] == "auto"


def test_a_name_that_says_too_much_is_not_shown() -> None:
    chosen, _ = decided(ToolSettings(block=("x",)), request([*tools("x"), tool("my secret: 42!")]))
    assert [each.name for each in chosen.kept] == ["*"]


def test_a_choice_is_read_once() -> None:
    asked = request(tools("a"))
    assert offered(asked) is offered(asked)


def test_long_requests_are_read_at_both_ends() -> None:
    asked = request([*tools(*"abcde"), tool("last")])
    open_ = wanted(FILTER, asked, "x" * 100_000 + " last")
    assert isinstance(open_, Wanted)
    assert len(open_.query) < 40_000
    assert whys(choose(open_, [0.5] * 5 + [0.0]))["last"] == "named"


@pytest.mark.parametrize(
    ("dialect", "chooses"),
    [
        ("openai_chat", True),
        ("anthropic_messages", True),
        ("openai_responses", True),
        ("openai_completions", False),
        ("openai_embeddings", False),
    ],
)
def test_tools_of_every_form_that_has_some(dialect: Any, *, chooses: bool) -> None:
    tool = {"type": "function", "function": {"name": "banned", "parameters": {}}}
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}
    request = replace(parse(json.dumps(body).encode()), dialect=dialect)
    found = wanted(ToolSettings(mode="filter", block=("banned",)), request, "Hi")
    assert (found is not None) is chooses
