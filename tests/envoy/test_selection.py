"""Which of several models gets a request: by score, price, share, ability, and by who served before.

A word in the text chooses the rule. Each rule has models of its own: the gateway remembers how they did.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from tests.envoy.faulty import fails, reset
from tests.envoy.gateway import Gateway, Response, question, serve
from tests.envoy.test_semantic import traced
from tests.envoy.world import World
from tests.envoy.world import config as plain_file

QUALITY = {"type": "scored", "weights": {"quality": 1, "cost": 0, "latency": 0}}
COST = {"type": "scored", "weights": {"quality": 0, "cost": 1, "latency": 0}}
DEAR, CHEAP = {"input": 10, "output": 30}, {"input": 0.1, "output": 0.2}
EITHER = [{"says": {"score": 0.9}}, {"says": {"score": 0.6}}]

RULES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "weighed": (EITHER, {"select": QUALITY}),
    "thrifty": ([{"price": DEAR}, {"price": CHEAP}], {"select": COST}),
    "capped": (
        [{"price": DEAR, "says": {"score": 0.9}}, {"price": CHEAP, "says": {"score": 0.1}}],
        {"select": QUALITY | {"limits": {"max_price_usd": 1}}},
    ),
    "miserly": ([{"price": DEAR}], {"select": COST | {"limits": {"max_price_usd": 0.01}}}),
    "lively": (EITHER, {"select": QUALITY}),
    "strict": (EITHER, {"select": QUALITY | {"limits": {"max_error_rate": 0.2}}}),
    "lonely": ([{}], {"select": QUALITY | {"limits": {"max_error_rate": 0.2}}}),
    "halved": ([{}, {"says": {"percent": 50}}], {"select": "canary"}),
    "moved": ([{}, {"says": {"percent": 100}}], {"select": "canary"}),
    "loyal": ([{}, {"capabilities": {"json_schema": False}}], {"sticky": True}),
    "fickle": ([{"says": {"score": 0.9}}, {"says": {"score": 0.2}}], {"select": QUALITY, "sticky": True}),
    "near": ([{"says": {"score": 0.55}}, {"says": {"score": 0.5}}], {"select": QUALITY, "sticky": True}),
    "able": (
        [
            {"capabilities": {"tools": False, "streaming": False, "json_schema": False, "web_search": False}},
            {"capabilities": {"tools": True}},
        ],
        {},
    ),
    "unable": ([{"capabilities": {"tools": False}}, {"capabilities": {"tools": False}}], {}),
    "newsy": ([{"capabilities": {"web_search": False}}, {"capabilities": {"web_search": True}}],
              {"requires": ["web_search"]}),
    "offline": ([{"capabilities": {"web_search": False}}], {"requires": ["web_search"]}),
    "roomy": ([{"context_window": 300, "max_output_tokens": 100}, {"context_window": 100_000}], {}),
    "mute": ([{"capabilities": {"tools": False}, "provider": "in1"}], {}),
}  # fmt: skip
"""By word: the models in order, the first at out1 and the second at out2, and what the rule says."""


def first(word: str) -> str:
    return f"{word}-1"


def second(word: str) -> str:
    return f"{word}-2"


def selecting(world: World) -> dict[str, Any]:
    models: dict[str, Any] = {"last": {"provider": "out3"}}
    rules: list[Any] = []
    for word, (candidates, says) in RULES.items():
        picks: list[Any] = []
        for number, candidate in enumerate(candidates, 1):
            known = {key: value for key, value in candidate.items() if key != "says"}
            models[f"{word}-{number}"] = {"provider": f"out{number}", **known}
            picks.append({"model": f"{word}-{number}", **candidate.get("says", {})})
        conditions = [{"type": "keyword_match", "keywords": [word]}]
        action = {"type": "route", "endpoints": picks}
        rules.append({"name": word, "conditions": conditions, "action": action, **says})
    providers = plain_file(world)["providers"]
    return {"providers": providers, "models": models, "routing_rules": rules, "default_model": "last"}


@pytest.fixture(scope="module")
def shared(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serve(tmp_path_factory.mktemp("selecting"), selecting(whole_world)) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared: Gateway, world: World) -> Gateway:
    return shared


def served(response: Response) -> str | None:
    """The model that answered."""
    assert response.status == 200, response.body
    return response.header("x-waypost-model")


def turns(text: str, *later: str) -> list[dict[str, Any]]:
    """A conversation that begins with `text`."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": text}]
    for each in later:
        messages += [{"role": "assistant", "content": "Well."}, {"role": "user", "content": each}]
    return messages


def ask(gateway: Gateway, messages: Sequence[Any], **fields: Any) -> Response:
    return gateway.post({"model": "auto", "messages": messages, **fields})


LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
FOUND = [
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "nothing"},
]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


# --- scores, prices, shares


@pytest.mark.parametrize(
    ("word", "chosen"), [("weighed", first), ("thrifty", second), ("capped", second), ("moved", second)]
)
@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["json", "sse"])
def test_the_better_one_serves_every_request(
    gateway: Gateway, world: World, word: str, chosen: Any, options: dict[str, Any]
) -> None:
    for number in range(4):
        assert served(gateway.ask(f"{word} {number}", **options)) == chosen(word)
    provider = "out1" if chosen is first else "out2"
    assert world.got() == {provider: 4}
    assert {request.json["model"] for request in world[provider].requests} == {chosen(word)}


@pytest.mark.parametrize("word", ["weighed", "thrifty"])
def test_the_others_follow_when_it_fails(gateway: Gateway, world: World, word: str) -> None:
    best, next_ = ("out1", "out2") if word == "weighed" else ("out2", "out1")
    world[best].behaviour = reset
    response = gateway.ask(word)
    assert served(response) == f"{word}-{next_[-1]}"
    assert response.header("x-waypost-attempts") == "2"
    assert world.got() == {best: 1, next_: 1}


def test_limits_on_money_may_leave_nobody(gateway: Gateway, world: World) -> None:
    response = gateway.ask("miserly")
    assert response.status == 503
    assert response.error["code"] == "no_model_within_limits"
    assert response.header("x-waypost-decision") == "miserly"
    assert world.got() == {}


def test_the_command_line_lists_every_candidate(gateway: Gateway, world: World) -> None:
    chosen = traced(gateway, "capped")
    assert served(gateway.ask("capped")) == chosen["chain"][0]["endpoint"] == second("capped")
    dear, cheap = chosen["candidates"]
    assert (dear["endpoint"], cheap["endpoint"]) == (first("capped"), second("capped"))
    assert "USD per million tokens, limit 1" in dear["eliminated"]
    assert (cheap["eliminated"], cheap["score"] is not None) == ("", True)


def test_a_share_is_of_conversations(gateway: Gateway, world: World) -> None:
    found: dict[str, str | None] = {}
    for number in range(24):
        text = f"halved {number}"
        found[text] = served(gateway.ask(text))
        assert served(ask(gateway, turns(text, "go on"))) == found[text]
    assert set(found.values()) == {first("halved"), second("halved")}


def test_a_conversation_may_be_named_by_a_header(gateway: Gateway, world: World) -> None:
    def of(name: str, text: str) -> str | None:
        return served(gateway.post(question(text), x_conversation_id=name))

    found = {name: of(name, "halved") for name in map(str, range(24))}
    assert set(found.values()) == {first("halved"), second("halved")}
    for name in ("3", "4", "5"):
        assert of(name, f"halved, and something else than {name}") == found[name]
    for provider in ("out1", "out2"):
        assert not [r for r in world[provider].requests if r.mentions("conversation-id")]


# --- how models did lately


@pytest.mark.parametrize("word", ["lively", "strict"])
def test_a_model_that_fails_is_asked_last_in_the_end(gateway: Gateway, world: World, word: str) -> None:
    world["out1"].behaviour = fails(503)
    with ThreadPoolExecutor(4) as pool:
        early = list(pool.map(lambda n: gateway.ask(f"{word} {n}"), range(10)))
    assert {(served(response), response.header("x-waypost-attempts")) for response in early} == {
        (second(word), "2")
    }
    world.upstreams["out1"].clear()
    response = gateway.ask(word)
    assert (served(response), response.header("x-waypost-attempts")) == (second(word), "1")
    assert len(world["out1"].requests) == 0


def test_a_limit_on_failures_never_leaves_nobody(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = fails(500)
    for _ in range(11):
        assert gateway.ask("lonely").status == 500
    world["out1"].clear()
    assert served(gateway.ask("lonely")) == first("lonely")


def test_an_error_of_the_client_is_no_failure_of_the_model(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = fails(400)
    for number in range(11):
        assert gateway.ask(f"weighed {number}").status == 400
    world["out1"].clear()
    assert served(gateway.ask("weighed")) == first("weighed")


# --- who served before


@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["json", "sse"])
def test_a_conversation_stays_with_the_model_that_served_it(
    gateway: Gateway, world: World, options: dict[str, Any]
) -> None:
    opening = f"loyal {options}"
    world["out1"].script = [fails(503)]
    assert served(ask(gateway, turns(opening), **options)) == second("loyal")
    for later in (["go on"], ["go on", "and on"]):
        response = ask(gateway, turns(opening, *later), **options)
        assert (served(response), response.header("x-waypost-attempts")) == (second("loyal"), "1")
    assert served(ask(gateway, turns("loyal, another one"), **options)) == first("loyal")
    assert served(ask(gateway, turns(opening, "go on"), **options)) == second("loyal")


def test_it_stays_by_the_name_that_a_client_gives_the_conversation(gateway: Gateway, world: World) -> None:
    def of(name: str, text: str) -> str | None:
        return served(gateway.post(question(text), x_session_id=name))

    world["out1"].script = [fails(503)]
    assert of("a", "loyal") == second("loyal")
    assert of("a", "loyal, cut off by the client") == second("loyal")
    assert of("b", "loyal, cut off by the client") == first("loyal")


def test_it_leaves_a_model_that_cannot_serve_a_turn(gateway: Gateway, world: World) -> None:
    world["out1"].script = [fails(503)]
    assert served(ask(gateway, turns("loyal, then a schema"))) == second("loyal")
    asked = turns("loyal, then a schema", "as JSON")
    assert served(ask(gateway, asked, response_format=SCHEMA)) == first("loyal")


def test_a_failed_answer_keeps_nobody(gateway: Gateway, world: World) -> None:
    world["out1"].script = [fails(503)]
    world["out2"].script = [fails(503)]
    assert ask(gateway, turns("loyal, but down")).status == 503
    assert served(ask(gateway, turns("loyal, but down"))) == first("loyal")


def test_it_leaves_for_a_model_that_is_better_by_more_than_the_margin(gateway: Gateway, world: World) -> None:
    for word, later in (("fickle", first), ("near", second)):
        world["out1"].script = [fails(503)]
        assert served(ask(gateway, turns(word))) == second(word)
        assert served(ask(gateway, turns(word, "go on"))) == later(word)


def test_inside_a_tool_loop_it_always_stays(gateway: Gateway, world: World) -> None:
    world["out1"].script = [fails(503)]
    asked = turns("fickle, with tools")
    assert served(ask(gateway, asked, tools=[LOOK])) == second("fickle")
    asked += FOUND
    assert served(ask(gateway, asked, tools=[LOOK])) == second("fickle")
    asked += FOUND
    assert served(ask(gateway, asked, tools=[LOOK])) == second("fickle")
    asked += [{"role": "assistant", "content": "Done."}, {"role": "user", "content": "Thanks, go on."}]
    assert served(ask(gateway, asked, tools=[LOOK])) == first("fickle")


# --- what models can do

ABLE: dict[str, dict[str, Any]] = {
    "tools": {"tools": [LOOK]},
    "streaming": {"stream": True},
    "json_schema": {"response_format": SCHEMA},
    "web_search": {"web_search_options": {}},
}


@pytest.mark.parametrize("fields", ABLE.values(), ids=ABLE)
def test_a_model_that_cannot_is_passed_over(gateway: Gateway, world: World, fields: dict[str, Any]) -> None:
    assert served(gateway.ask("able", **fields)) == second("able")
    assert world.got() == {"out2": 1}


def test_a_model_that_can_keeps_its_place(gateway: Gateway, world: World) -> None:
    assert served(gateway.ask("able", response_format={"type": "json_object"}, tools=[])) == first("able")


def test_who_is_passed_over_is_no_way_out_either(gateway: Gateway, world: World) -> None:
    world["out2"].behaviour = fails(503)
    assert gateway.ask("able", tools=[LOOK]).status == 503
    assert world.got() == {"out2": 1}


def test_calls_in_the_history_are_tools_as_well(gateway: Gateway, world: World) -> None:
    assert served(ask(gateway, [*turns("able"), *FOUND])) == second("able")


@pytest.mark.parametrize(
    ("word", "fields", "lacking"),
    [
        ("unable", {"tools": [LOOK]}, "tools"),
        ("offline", {}, "web_search"),
        ("mute", {"tools": [LOOK]}, "tools"),
    ],
)
def test_what_nobody_can_do_is_for_the_client_to_mend(
    gateway: Gateway, world: World, word: str, fields: dict[str, Any], lacking: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        gateway.sdk().chat.completions.create(**question(word), **fields)
    assert caught.value.code == "no_capable_model"
    assert lacking in caught.value.message
    assert caught.value.response.headers["x-waypost-decision"] == word
    assert world.got() == {}


def test_a_rule_may_require_what_the_request_does_not_say(gateway: Gateway, world: World) -> None:
    assert served(gateway.ask("newsy")) == second("newsy")
    assert world.got() == {"out2": 1}


def test_a_request_that_is_too_long_goes_where_there_is_room(gateway: Gateway, world: World) -> None:
    assert served(gateway.ask("roomy")) == first("roomy")
    assert served(gateway.ask(f"roomy {'word ' * 400}")) == second("roomy")
    assert served(gateway.ask("roomy", max_tokens=99)) == first("roomy")
    assert served(gateway.ask("roomy", max_tokens=101)) == second("roomy")


def test_a_model_that_the_client_names_is_asked_whatever_it_can(gateway: Gateway, world: World) -> None:
    response = gateway.ask("unable", first("unable"), tools=[LOOK])
    assert response.header("x-waypost-decision") == "explicit_model"
    assert world.got() == {"out1": 1}
