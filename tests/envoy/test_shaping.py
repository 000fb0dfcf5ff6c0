"""How a rule or a category shapes its requests, and who gets them: what providers receive.

A word in the text chooses the rule; the word is its name.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.artefact import FOLDER
from tests.envoy.faulty import fails, respond
from tests.envoy.gateway import Gateway, Response, question, serve
from tests.envoy.test_semantic import traced
from tests.envoy.test_serve import config as file_on_free_ports
from tests.envoy.test_serve import run
from tests.envoy.world import KEYS, World
from tests.envoy.world import config as plain_file

PROMPT = "Answer in rhyme."
OWN = "Be brief."
CARD = "4111 1111 1111 1111"

WIRE = {"plain": "o2", "qwen": "qwen3-32b", "gpt": "gpt-5", "oss": "gpt-oss-20b"}
MODELS: dict[str, Any] = {
    "plain": {"provider": "out2", "name": WIRE["plain"]},
    "qwen": {"provider": "out3", "name": WIRE["qwen"], "reasoning_family": "qwen3"},
    "gpt": {"provider": "out1", "name": WIRE["gpt"], "reasoning_family": "gpt"},
    "oss": {
        "provider": "in1",
        "name": WIRE["oss"],
        "reasoning_family": "gpt-oss",
        "loras": [{"name": "legal-de"}, {"name": "tax", "model": "gpt-oss-20b:tax"}],
    },
}

TEMPLATE, EFFORT = "chat_template_kwargs", "reasoning_effort"
FAMILIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "glm": ({TEMPLATE: {"enable_thinking": True}}, {TEMPLATE: {"enable_thinking": False}}),
    "deepseek": ({TEMPLATE: {"thinking": True}}, {TEMPLATE: {"thinking": False}}),
    "mistral": ({EFFORT: "high"}, {}),
    "claude": ({EFFORT: "low"}, {}),
    "gemini": ({EFFORT: "low"}, {}),
    "house": ({TEMPLATE: {"depth": {"level": "high"}}}, {}),
}
"""What a model of a family is told where it is to think a little, and where it is not to think at all."""

HOUSE = {"type": "reasoning_effort", "parameter": "depth.level", "effort_in": "kwargs", "efforts": ["high"]}
MODELS |= {name: {"provider": "in2", "name": name, "reasoning_family": name} for name in FAMILIES}


def rule(word: str, *endpoints: str | dict[str, Any], how: Mapping[str, Any] = {}, **says: Any) -> Any:
    """A rule for texts with this word; `how` goes into its action."""
    route = {"type": "route", "endpoints": list(endpoints), **how}
    return {
        "name": word,
        "conditions": [{"type": "keyword_match", "keywords": [word]}],
        "action": route,
        **says,
    }


def system(mode: str) -> dict[str, Any]:
    return {"text": PROMPT, "mode": mode}


PARAMETERS = {
    "limits": {"max_tokens": 100, "temperature": {"min": 0.2, "max": 0.7}, "n": 1},
    "defaults": {"top_p": 0.5},
    "blocked": ["user", "logit_bias"],
}
MARKS = {
    "request": {"set": {"X-Cost-Centre": "4711", "user-agent": "desk/1"}, "remove": ["traceparent"]},
    "response": {"set": {"X-Served-By": "desk"}, "remove": ["x-vendor-trace"]},
}
THINKS = {"use_reasoning": True, "reasoning_effort": "high"}
LAWYER = {"model": "oss", "lora": "legal-de"}

RULES = [
    rule("whole", "qwen", "gpt", how=THINKS, system_prompt=system("append"), parameters=PARAMETERS,
         headers=MARKS, tools={"block": ["rm_*"]}),
    rule("insert", "plain", "qwen", system_prompt=system("insert")),
    rule("append", "plain", "qwen", system_prompt=system("append")),
    rule("replace", "plain", "qwen", system_prompt=system("replace")),
    rule("rookie", "plain", system_prompt={"builtin": "code_debugging"}),
    rule("frugal", "plain", parameters=PARAMETERS),
    rule("marked", "plain", "gpt", headers=MARKS),
    rule("anonymous", "plain", headers={"request": {"remove": ["User-Agent", "accept"]}}),
    rule("ponder", "qwen", "gpt", how=THINKS),
    rule("muse", "gpt", "qwen", how=THINKS),
    rule("hasty", "qwen", "gpt", how={"use_reasoning": False}),
    rule("mixed", {"model": "qwen", "use_reasoning": False},
         {"model": "gpt", "use_reasoning": True, "reasoning_effort": "max"}),
    rule("untold", "qwen", "gpt"),
    rule("lawful", LAWYER, "qwen", how={"boundary": ["internal", "external"]}),
    rule("appeal", "qwen", LAWYER, how={"boundary": ["internal", "external"]}),
    rule("fiscal", "oss", how={"lora": "tax", **THINKS}),
    rule("careful", "plain", tools={"block": ["rm_*"]}),
    *(rule(f"{name} little", name, how=THINKS | {"reasoning_effort": "low"}) for name in FAMILIES),
    *(rule(f"{name} never", name, how={"use_reasoning": False}) for name in FAMILIES),
    {**rule("forbidden"), "action": {"type": "block", "message": "Not here."}},
]  # fmt: skip


def shaping(world: World, **settings: Any) -> dict[str, Any]:
    """A file with these rules, which asks no classifier."""
    providers = plain_file(world)["providers"]
    own = {"providers": providers, "models": MODELS, "reasoning_families": {"house": HOUSE}}
    return own | {"routing_rules": RULES, "default_model": "plain"} | settings


@pytest.fixture(scope="module")
def shared(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serve(tmp_path_factory.mktemp("shaping"), shaping(whole_world)) as gateway:
        yield gateway
        assert sum(gateway.stats("rejected_header_mutations").values()) == 0


@pytest.fixture
def gateway(shared: Gateway, world: World) -> Gateway:
    return shared


@pytest.fixture(params=[{}, {"stream": True}], ids=["json", "sse"])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Fields of a request that wants its answer whole, or as a stream."""
    return request.param


def said(text: str, *before: dict[str, Any]) -> list[dict[str, Any]]:
    return [*before, {"role": "user", "content": text}]


def told(response: Response, prefix: str) -> dict[str, str]:
    """Headers of the answer whose names begin so."""
    return {name.lower(): value for name, value in response.headers if name.lower().startswith(prefix)}


def ask(gateway: Gateway, messages: Sequence[Any], **fields: Any) -> Response:
    """A conversation that is answered, in full."""
    response = gateway.post({"model": "auto", "messages": messages, **fields})
    assert response.status == 200, response.body
    assert response.body.endswith(b"data: [DONE]\n\n") == ("stream" in fields)
    return response


# --- system prompts

PLACED = {"insert": f"{PROMPT}\n\n{OWN}", "append": f"{OWN}\n\n{PROMPT}", "replace": PROMPT}


@pytest.mark.parametrize("mode", PLACED)
@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_prompt_beside_the_clients_own(
    gateway: Gateway, world: World, mode: str, role: str, options: dict[str, Any]
) -> None:
    own = {"role": role, "content": OWN, "name": "ops"}
    raw = gateway.sdk().chat.completions.with_raw_response.create(
        model="auto",
        messages=said(mode, own),
        **options,
    )
    assert raw.headers["x-vsr-injected-system-prompt"] == "true"
    answered = raw.parse()
    if options:
        assert [chunk.choices[0].finish_reason for chunk in answered][-1] == "stop"
    else:
        assert answered.choices[0].message.content == "This is out2"
    assert world["out2"].wait().json["messages"] == said(mode, own | {"content": PLACED[mode]})


PART = {"type": "text", "text": PROMPT}
PARTS = [{"type": "text", "text": OWN, "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "a"}]


@pytest.mark.parametrize(
    ("mode", "placed"), [("insert", [PART, *PARTS]), ("append", [*PARTS, PART]), ("replace", PROMPT)]
)
def test_a_prompt_beside_parts_is_a_part_of_its_own(
    gateway: Gateway, world: World, mode: str, placed: object
) -> None:
    ask(gateway, said(mode, {"role": "system", "content": PARTS}))
    assert world["out2"].wait().json["messages"] == said(mode, {"role": "system", "content": placed})


@pytest.mark.parametrize("mode", PLACED)
def test_a_prompt_where_the_client_has_none(gateway: Gateway, world: World, mode: str) -> None:
    ask(gateway, said(mode))
    assert world["out2"].wait().json["messages"] == said(mode, {"role": "system", "content": PROMPT})


def test_a_client_that_says_developer_is_not_sent_system(gateway: Gateway, world: World) -> None:
    later = said("insert", {"role": "user", "content": "Hi"}, {"role": "developer", "content": OWN})
    ask(gateway, later)
    assert world["out2"].wait().json["messages"] == [{"role": "developer", "content": PROMPT}, *later]


def test_a_prompt_that_comes_back_is_not_doubled(gateway: Gateway, world: World) -> None:
    messages = said("insert")
    for turn in (1, 2, 3):
        ask(gateway, messages)
        messages = world["out2"].wait(turn).json["messages"]
        messages += said("go on", {"role": "assistant", "content": "This is out2"})
    assert [message["content"] for message in messages].count(PROMPT) == 1


def test_every_attempt_gets_the_prompt_once(gateway: Gateway, world: World, options: dict[str, Any]) -> None:
    world["out2"].behaviour = fails(503)
    response = ask(gateway, said("insert"), **options)
    assert response.header("x-waypost-model") == "qwen"
    for provider in ("out2", "out3"):
        assert world[provider].wait().json["messages"] == said(
            "insert", {"role": "system", "content": PROMPT}
        )


def test_embeddings_get_no_prompt(gateway: Gateway, world: World) -> None:
    response = gateway.post({"model": "auto", "input": "insert"}, "/v1/embeddings")
    assert response.header("x-vsr-injected-system-prompt") == "false"
    assert world["out2"].wait().json == {"model": WIRE["plain"], "input": "insert"}


def test_a_built_in_prompt_of_a_rule(gateway: Gateway, world: World) -> None:
    ask(gateway, said("rookie"))
    prompt, asked = world["out2"].wait().json["messages"]
    assert prompt["role"] == "system"
    assert len(prompt["content"].split()) > 30
    assert asked == said("rookie")[0]


RAW = (
    b'{ "model" : ',
    b' ,\n\t"messages":[ ',
    b'{"role":"user", "content":"insert \\u00e9\\ud83d\\ude00\\/ \xc3\xa9"} ] , "x": [1.00,2 , 3e2]}',
)
"""A body as somebody may write it, without its model and in front of its messages."""


def test_what_stands_around_a_prompt_stays_byte_for_byte(gateway: Gateway, world: World) -> None:
    before, between, after = RAW
    assert gateway.post(before + b'"auto"' + between + after).status == 200
    prompt = json.dumps({"role": "system", "content": PROMPT}, separators=(",", ":")).encode()
    assert world["out2"].wait().body == before + b'"o2"' + between + prompt + b"," + after


def test_a_long_conversation_gets_its_prompt_at_every_attempt(gateway: Gateway, world: World) -> None:
    world["out3"].behaviour = fails(503)
    messages = said(f"whole {'word ' * 600_000}")
    assert ask(gateway, messages).header("x-waypost-model") == "gpt"
    for provider in ("out3", "out1"):
        request = world[provider].wait()
        assert request.header("content-length") == str(len(request.body))
        assert request.json["messages"] == [{"role": "system", "content": PROMPT}, *messages]


# --- parameters


def test_parameters_are_held_within_limits_and_the_client_is_told(
    gateway: Gateway, world: World, options: dict[str, Any]
) -> None:
    raw = gateway.sdk().chat.completions.with_raw_response.create(
        **question("frugal"),
        max_tokens=9000,
        temperature=2,
        user="me",
        logit_bias={"7": -100},
        **options,
    )
    raw.http_response.read()
    assert raw.headers["x-waypost-adjusted"] == (
        "user;removed, logit_bias;removed, max_tokens;lowered;from=9000;to=100, "
        "temperature;lowered;from=2;to=0.7, top_p;set;to=0.5"
    )
    left = {"max_tokens": 100, "temperature": 0.7, "top_p": 0.5}
    assert world["out2"].wait().json == question("frugal", WIRE["plain"], **left, **options)


SENT = {
    "nothing": ({}, {"max_tokens": 100, "top_p": 0.5}),
    "the other name": (
        {"max_completion_tokens": 101, "top_p": 1},
        {"max_completion_tokens": 100, "top_p": 1},
    ),
    "too little": (
        {"temperature": 0, "max_tokens": 1, "top_p": 1},
        {"temperature": 0.2, "max_tokens": 1, "top_p": 1},
    ),
    "null": ({"max_tokens": None, "top_p": None}, {"max_tokens": 100, "top_p": 0.5}),
    "text": ({"max_tokens": "9000", "top_p": 1}, {"max_tokens": 100, "top_p": 1}),
    "other spellings": (
        {"MAX_TOKENS": 9000, "max_tokens": 5, "User": "me", "top_p": 1},
        {"max_tokens": 5, "top_p": 1},
    ),
}


@pytest.mark.parametrize(("sent", "left"), SENT.values(), ids=SENT)
def test_no_spelling_gets_round_a_limit(
    gateway: Gateway, world: World, sent: dict[str, Any], left: dict[str, Any]
) -> None:
    response = gateway.ask("frugal", **sent)
    assert world["out2"].wait().json == question("frugal", WIRE["plain"], **left)
    assert response.header("x-waypost-adjusted")
    assert "me" not in told(response, "x-waypost-adjusted")["x-waypost-adjusted"].split(";")


def test_what_is_within_limits_passes_byte_for_byte(gateway: Gateway, world: World) -> None:
    fine = b'{"messages" : [{"role":"user","content":"frugal"}],"top_p":0.50,"max_tokens":1e2,"model": %b}'
    response = gateway.post(fine % b'"auto"')
    assert response.header("x-waypost-adjusted") is None
    assert world["out2"].wait().body == fine % b'"o2"'


def test_embeddings_lose_what_is_blocked_and_gain_nothing(gateway: Gateway, world: World) -> None:
    response = gateway.post({"model": "auto", "input": ["frugal"], "user": "me"}, "/v1/embeddings")
    assert response.header("x-waypost-adjusted") == "user;removed"
    assert world["out2"].wait().json == {"model": WIRE["plain"], "input": ["frugal"]}


# --- headers

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_headers_of_both_directions(gateway: Gateway, world: World, options: dict[str, Any]) -> None:
    healthy = json.dumps({"choices": []}).encode()
    vendor = {
        "x_served_by": "vendor",
        "x_vendor_trace": "abc",
        "x_kept": "yes",
        "server": "vendor",
        "x_vsr_selected_category": "fake",
    }
    world["out2"].behaviour = (
        respond(200, b"data: [DONE]\n\n", "text/event-stream", **vendor)
        if options
        else respond(200, healthy, **vendor)
    )
    sent = {"x_cost_centre": "1", "x_other": "2", "traceparent": TRACE, "authorization": "Bearer client"}
    response = gateway.post(question("marked", **options), **sent)
    assert response.status == 200
    assert [value for name, value in response.headers if name.lower() == "x-served-by"] == ["desk"]
    assert response.header("x-vendor-trace") is None
    assert (response.header("x-kept"), response.header("server")) == ("yes", "waypost")
    assert response.header("x-vsr-selected-category") is None
    request = world["out2"].wait()
    for name, value in {
        "x-cost-centre": "4711",
        "user-agent": "desk/1",
        "authorization": "Bearer sk-out2",
    }.items():
        assert [v for k, v in request.headers if k == name] == [value]
    assert request.header("traceparent") is None
    assert not request.mentions("x-other")
    assert not request.mentions("x-served-by")
    assert not request.mentions("client")


def test_every_attempt_has_the_headers_and_its_own_credential(gateway: Gateway, world: World) -> None:
    world["out2"].behaviour = fails(429)
    assert gateway.ask("marked").header("x-served-by") == "desk"
    for provider in ("out2", "out1"):
        request = world[provider].wait()
        assert [v for k, v in request.headers if k == "x-cost-centre"] == ["4711"]
        assert [v for k, v in request.headers if k == "authorization"] == [f"Bearer {KEYS[provider]}"]
        assert not [k for other, k in KEYS.items() if other != provider and request.mentions(k)]


def test_an_error_of_the_provider_has_the_headers_too(gateway: Gateway, world: World) -> None:
    world["out2"].behaviour = respond(400, b'{"error":{}}', x_vendor_trace="abc")
    response = gateway.ask("marked")
    assert (response.status, response.header("x-served-by")) == (400, "desk")
    assert response.header("x-vendor-trace") is None


def test_what_another_rule_sets_is_not_there(gateway: Gateway, world: World) -> None:
    gateway.ask("marked")
    response = gateway.ask("untold")
    assert response.header("x-served-by") is None
    assert world["out3"].wait().header("x-cost-centre") is None
    assert world["out3"].wait().header("user-agent") == "waypost"


def test_a_header_of_the_gateways_own_that_is_removed_does_not_leave(gateway: Gateway, world: World) -> None:
    gateway.post(question("anonymous"), accept="application/json")
    request = world["out2"].wait()
    assert request.header("accept") is None
    assert request.header("user-agent") is None


@pytest.mark.parametrize("name", ["Authorization", "cookie", "x-user-openai-key", "x-waypost-hop-1"])
def test_a_file_that_sets_a_credential_does_not_start(tmp_path: Path, name: str) -> None:
    secret = "sk-do-not-show"
    rules = [rule("any", "m", headers={"request": {"set": {name: secret}}})]
    file = file_on_free_ports(tmp_path, routing_rules=rules)
    ended = run("-c", str(file), XDG_RUNTIME_DIR=str(tmp_path))
    assert ended.returncode == 3
    assert repr(name) in ended.stderr
    assert secret not in ended.stderr


# --- reasoning

THINKING = {"chat_template_kwargs": {"enable_thinking": True}}
NOT_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}
WISHES = {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False, "house": 1}}
EAGER = {"reasoning_effort": "high", **THINKING}


class Road(NamedTuple):
    """A rule, what the client sends, what qwen and gpt are told, and what the answer of gpt tells."""

    word: str
    sent: dict[str, Any]
    qwen: dict[str, Any]
    gpt: dict[str, Any]
    on: str
    effort: str | None


HARDER = {"reasoning_effort": "high"}
ROADS = {
    "on": Road("ponder", {}, THINKING, HARDER, "on", "high"),
    "on overrides the client": Road(
        "ponder",
        WISHES,
        WISHES | {"chat_template_kwargs": {"enable_thinking": True, "house": 1}},
        WISHES | HARDER,
        "on",
        "high",
    ),
    "off": Road("hasty", {}, NOT_THINKING, {}, "off", None),
    "off gives way": Road("hasty", EAGER, EAGER, EAGER, "off", None),
    "each its own": Road("mixed", {}, NOT_THINKING, HARDER, "on", "high"),
    "nothing said": Road("untold", WISHES, WISHES, WISHES, "off", None),
}


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)
def test_each_attempt_is_told_in_its_own_words(
    gateway: Gateway, world: World, options: dict[str, Any], road: Road
) -> None:
    world["out3"].behaviour = fails(503)
    response = ask(gateway, said(road.word), **road.sent, **options)
    asked = {"messages": said(road.word), **options}
    assert world["out3"].wait().json == {"model": WIRE["qwen"], **asked, **road.qwen}
    assert world["out1"].wait().json == {"model": WIRE["gpt"], **asked, **road.gpt}
    assert response.header("x-waypost-attempts") == "2"
    assert response.header("x-vsr-selected-reasoning") == road.on
    assert response.header("x-waypost-reasoning") == road.effort
    assert response.header("x-vsr-selected-model") == WIRE["gpt"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_words_of_its_own(gateway: Gateway, world: World, family: str) -> None:
    little, never = FAMILIES[family]
    ask(gateway, said(f"{family} little"))
    ask(gateway, said(f"{family} never"))
    assert world["in2"].wait(1).json == question(f"{family} little", family, **little)
    assert world["in2"].wait(2).json == question(f"{family} never", family, **never)


def test_a_switch_behind_an_effort(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = fails(503)
    response = ask(gateway, said("muse"))
    assert world["out1"].wait().json == question("muse", WIRE["gpt"], reasoning_effort="high")
    assert world["out3"].wait().json == question("muse", WIRE["qwen"], **THINKING)
    assert response.header("x-vsr-selected-reasoning") == "on"
    assert response.header("x-waypost-reasoning") is None, "a switch has no effort"


def test_a_request_that_says_so_already_keeps_every_byte(gateway: Gateway, world: World) -> None:
    asked = b'"messages" :[{"role":"user","content":"ponder"}], "model":%b}'
    body = b'{"chat_template_kwargs": {"enable_thinking":  true} ,' + asked
    assert gateway.post(body % b'"auto"').header("x-vsr-selected-reasoning") == "on"
    assert world["out3"].wait().body == body % b'"qwen3-32b"'


def test_many_roads_at_once_do_not_mix(gateway: Gateway, world: World) -> None:
    world["out3"].behaviour = fails(503)
    cases = [(road, f"{road.word} {number}") for number in range(8) for road in ROADS.values()]

    def one(case: tuple[Road, str]) -> Response:
        return ask(gateway, said(case[1]), **case[0].sent)

    with ThreadPoolExecutor(12) as pool:
        responses = list(pool.map(one, cases))
    for (road, _), response in zip(cases, responses, strict=True):
        assert response.header("x-vsr-selected-reasoning") == road.on
    for provider, name in (("out3", "qwen"), ("out1", "gpt")):
        wanted = [question(text, WIRE[name], **getattr(road, name)) for road, text in cases]
        assert in_order(r.json for r in world[provider].requests) == in_order(wanted)


def in_order(bodies: Iterable[Any]) -> list[str]:
    """As text, for comparison of two bags of them."""
    return sorted(json.dumps(body, sort_keys=True) for body in bodies)


# --- adapters


def test_an_adapter_is_a_model_on_the_wire(gateway: Gateway, world: World, options: dict[str, Any]) -> None:
    response = ask(gateway, said("lawful"), **options)
    assert world["in1"].wait().json["model"] == "legal-de"
    assert response.header("x-vsr-selected-model") == "legal-de"
    assert response.header("x-waypost-model") == "oss"


def test_an_adapter_goes_by_the_name_that_its_server_wants_and_may_think(
    gateway: Gateway, world: World
) -> None:
    response = ask(gateway, said("fiscal"))
    assert world["in1"].wait().json == question("fiscal", "gpt-oss-20b:tax", reasoning_effort="high")
    assert response.header("x-vsr-selected-model") == "gpt-oss-20b:tax"


@pytest.mark.parametrize(("word", "failing"), [("lawful", "in1"), ("appeal", "out3")])
def test_an_adapter_is_of_its_own_attempt_alone(
    gateway: Gateway, world: World, word: str, failing: str
) -> None:
    world[failing].behaviour = fails(500)
    response = ask(gateway, said(word))
    assert response.header("x-waypost-attempts") == "2"
    assert world["in1"].wait().json == question(word, "legal-de")
    assert world["out3"].wait().json == question(word, WIRE["qwen"])


def test_a_client_may_name_an_adapter(gateway: Gateway, world: World) -> None:
    owners = {model.id: model.owned_by for model in gateway.sdk().models.list()}
    assert owners["tax"] == owners["oss"] == "in1"
    response = gateway.ask("ponder, insert", "tax")
    assert response.header("x-waypost-decision") == "explicit_model"
    assert response.header("x-vsr-selected-model") == "gpt-oss-20b:tax"
    assert world["in1"].wait().json == question("ponder, insert", "gpt-oss-20b:tax")


# --- tools, as far as no classifier is needed


def tool(name: str, description: str = "does something") -> dict[str, Any]:
    function = {"name": name, "description": description, "parameters": {"type": "object", "properties": {}}}
    return {"type": "function", "function": function}


def test_a_blocked_tool_reaches_nobody(gateway: Gateway, world: World) -> None:
    tools = [tool("rm_all"), tool("look"), tool("rm_one")]
    forced = {"type": "function", "function": {"name": "rm_one"}}
    ask(gateway, said("careful"), tools=tools, tool_choice=forced)
    assert world["out2"].wait().json == question("careful", WIRE["plain"], tools=[tools[1]])
    ask(gateway, said("careful"), tools=[tools[0]], tool_choice="auto", parallel_tool_calls=True)
    assert world["out2"].wait(2).json == question("careful", WIRE["plain"])
    assert not gateway.maps(gateway.worker, "onnxruntime"), "a list of names needs no classifier"


# --- models that the client names


@pytest.mark.parametrize("word", ["insert", "frugal", "ponder", "marked", "careful"])
def test_a_named_model_is_asked_as_the_client_says(gateway: Gateway, world: World, word: str) -> None:
    asked = b'{"messages" : [{"role":"user","content":"%b"}], "max_tokens":9000,'
    body = asked + b'"reasoning_effort":"low", "model":%b }'
    response = gateway.post(body % (word.encode(), b'"qwen"'))
    assert response.header("x-waypost-decision") == "explicit_model"
    assert world["out3"].wait().body == body % (word.encode(), b'"qwen3-32b"')
    assert world["out3"].wait().header("x-cost-centre") is None
    assert told(response, "x-vsr-") == {
        "x-vsr-selected-model": WIRE["qwen"],
        "x-vsr-selected-reasoning": "off",
        "x-vsr-injected-system-prompt": "false",
    }
    assert response.header("x-waypost-adjusted") is None
    assert response.header("x-served-by") is None


def test_a_boundary_says_where_and_not_how_a_named_model_is_asked(gateway: Gateway, world: World) -> None:
    response = gateway.ask("fiscal", "oss")
    assert response.header("x-waypost-decision") == "fiscal"
    assert world["in1"].wait().json == question("fiscal", WIRE["oss"])
    assert response.header("x-vsr-selected-reasoning") == "off"


def test_a_named_model_is_guarded_all_the_same(gateway: Gateway, world: World) -> None:
    response = gateway.ask(f"ponder about my card {CARD}", "qwen")
    assert response.header("x-waypost-decision") == "explicit_model"
    assert not world["out3"].wait().mentions(CARD)
    assert response.header("x-waypost-masked")


# --- what answers tell


def test_the_compatible_headers_of_a_good_answer(
    gateway: Gateway, world: World, options: dict[str, Any]
) -> None:
    assert told(ask(gateway, said("whole"), **options), "x-vsr-") == {
        "x-vsr-selected-model": WIRE["qwen"],
        "x-vsr-selected-reasoning": "on",
        "x-vsr-injected-system-prompt": "true",
    }


@pytest.mark.parametrize("status", [400, 422, 500])
def test_errors_tell_none_of_it(gateway: Gateway, world: World, status: int) -> None:
    for provider in ("out1", "out3"):
        world[provider].behaviour = fails(status)
    response = gateway.ask("whole")
    assert response.status == status
    assert told(response, "x-vsr-") == {}


def test_refusals_tell_none_of_it(gateway: Gateway, world: World) -> None:
    assert told(gateway.ask("forbidden"), "x-vsr-") == {}
    assert world.got() == {}


def test_all_of_it_at_once(gateway: Gateway, world: World, options: dict[str, Any]) -> None:
    """Masks, tools, prompt, parameters, headers and reasoning of one request whose first provider fails."""
    world["out3"].behaviour = fails(503)
    own = {"role": "system", "content": OWN}
    tools = [tool("rm_all"), tool("look")]
    asked = said(f"whole: my card is {CARD}", own)
    response = ask(gateway, asked, **options, tools=tools, max_tokens=9000, user="me", seed=1)
    assert response.header("x-waypost-attempts") == "2"
    assert response.header("x-served-by") == "desk"
    assert response.header("x-waypost-masked") == "CREDIT_CARD=1"
    bodies = {provider: world[provider].wait().json for provider in ("out3", "out1")}
    for provider, body in bodies.items():
        prompt, text = body.pop("messages")
        assert prompt == {"role": "system", "content": PLACED["append"]}
        assert text["content"].startswith("whole: my card is <CARD_")
        assert not world[provider].wait().mentions("4111")
        assert world[provider].wait().header("x-cost-centre") == "4711"
        assert (body.pop("tools"), body.pop("stream", None)) == ([tools[1]], options.get("stream"))
        assert body.pop("seed") == 1
    assert bodies["out3"] == {"model": WIRE["qwen"], "max_tokens": 100, "top_p": 0.5, **THINKING}
    # OpenAI's own model takes no `top_p`, and the limit by its newer name.
    assert bodies["out1"] == {"model": WIRE["gpt"], "max_completion_tokens": 100, "reasoning_effort": "high"}


# --- with the classifiers

MATHS = "What is the derivative of x^3 * sin(x)?"
EASY = "What is the capital of France?"
HARD = (
    "Prove that every finite group of order p^2 is abelian, and classify all groups of order p^3 up to"
    " isomorphism."
)
AUTO = {"use_reasoning": "auto"}
NEEDED = {
    "get_weather": "Get the weather forecast of a town: temperature, rain and wind.",
    "book_flight": "Book a flight between two airports.",
    "send_fax": "Send a document to a fax number.",
    "query_sql": "Run a query in the sales database.",
    "play_song": "Play a song on the stereo.",
    "convert_currency": "Convert an amount of money from one currency to another.",
    "rm_files": "Delete files from a disk, also files with the weather of a town.",
    "translate": "Translate a text into another language.",
}
WEATHER = "What will the weather be like in Vienna tomorrow, and will it rain?"


def meaning(world: World) -> dict[str, Any]:
    """The same with what the classifiers decide; they may take almost as long as Envoy waits."""
    catalogue = {"mode": "add", "catalogue": "tools.json", "top_k": 2, "floor": 0, "block": ["rm_*"]}
    bargain = {"type": "cheapest_above", "quality": 0.6}
    own = [
        rule("gauge", "qwen", "gpt", how=AUTO | {"reasoning_effort": "high"}),
        rule("bargain", {"model": "dear", "score": 0.95}, {"model": "cheap", "score": 0.6}, select=bargain),
        rule("thin", "plain", tools={"mode": "filter", "top_k": 3, "block": ["rm_*"]}),
        rule("stock", "plain", tools=catalogue),
    ]
    priced = {
        "dear": {"provider": "out1", "name": "dear", "price": {"input": 10, "output": 30}},
        "cheap": {"provider": "out3", "name": "cheap", "price": {"input": 0.1, "output": 0.2}},
    }
    domains = [
        {"name": "math", "system_prompt": "builtin", "model_scores": [
            {"model": "qwen", "score": 0.9, **THINKS}, {"model": "gpt", "score": 0.8, **THINKS}]},
        {"name": "small talk", "intent": "general_chat", "system_prompt": {"text": PROMPT},
         "parameters": {"limits": {"max_tokens": 50}}, "model_scores": [{**LAWYER, "score": 1}]},
    ]  # fmt: skip
    return shaping(
        world,
        encoder={"artefact": str(FOLDER), "deadline_seconds": 9},
        models=MODELS | priced,
        routing_rules=own,
        categories=domains,
    )


@pytest.fixture(scope="module")
def shared_meaning(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("meaning")
    entries = [{"tool": tool(name, about), "description": about} for name, about in NEEDED.items()]
    (folder / "tools.json").write_text(json.dumps(entries))
    with serve(folder, meaning(whole_world)) as gateway:
        yield gateway
        assert sum(gateway.stats("rejected_header_mutations").values()) == 0


@pytest.fixture
def learned(shared_meaning: Gateway, world: World) -> Gateway:
    return shared_meaning


def test_the_built_in_prompt_of_a_category(learned: Gateway, world: World, options: dict[str, Any]) -> None:
    response = ask(learned, said(MATHS), **options)
    assert told(response, "x-vsr-") == {
        "x-vsr-selected-category": "math",
        "x-vsr-selected-model": WIRE["qwen"],
        "x-vsr-selected-reasoning": "on",
        "x-vsr-injected-system-prompt": "true",
    }
    prompt, asked = world["out3"].wait().json["messages"]
    assert prompt["role"] == "system"
    assert "Answer in the user's language." in prompt["content"]
    assert asked == said(MATHS)[0]


def test_a_category_has_its_prompt_parameters_and_adapter(learned: Gateway, world: World) -> None:
    text = "Hi there, how is your day going?"
    response = ask(learned, said(text), max_tokens=9000)
    assert response.header("x-vsr-selected-category") == response.header("x-waypost-category") == "small talk"
    assert response.header("x-waypost-adjusted") == "max_tokens;lowered;from=9000;to=50"
    messages = said(text, {"role": "system", "content": PROMPT})
    assert world["in1"].wait().json == {"model": "legal-de", "messages": messages, "max_tokens": 50}


@pytest.mark.parametrize("status", [400, 503])
def test_a_category_is_told_of_good_answers_only(learned: Gateway, world: World, status: int) -> None:
    for provider in ("out1", "out3"):
        world[provider].behaviour = fails(status)
    response = learned.ask(MATHS)
    assert (response.status, response.header("x-waypost-category")) == (status, "math")
    assert told(response, "x-vsr-") == {}


@pytest.mark.parametrize(
    ("text", "switch", "effort", "on"),
    [(EASY, NOT_THINKING, {}, "off"), (HARD, THINKING, {"reasoning_effort": "high"}, "on")],
)
def test_a_model_thinks_where_the_request_looks_hard(
    learned: Gateway, world: World, text: str, switch: dict[str, Any], effort: dict[str, Any], on: str
) -> None:
    asked = f"{text} (gauge)"
    response = ask(learned, said(asked))
    assert response.header("x-vsr-selected-reasoning") == on
    world["out3"].behaviour = fails(503)
    response = ask(learned, said(asked))
    assert response.header("x-vsr-selected-reasoning") == on
    assert response.header("x-waypost-reasoning") == effort.get("reasoning_effort")
    assert [r.json for r in world["out3"].requests] == [question(asked, WIRE["qwen"], **switch)] * 2
    assert world["out1"].wait().json == question(asked, WIRE["gpt"], **effort)


def test_auto_respects_the_client_as_off_and_on_do(learned: Gateway, world: World) -> None:
    ask(learned, said(f"{EASY} (gauge)"), **THINKING)
    assert world["out3"].wait().json == question(f"{EASY} (gauge)", WIRE["qwen"], **THINKING)
    ask(learned, said(f"{HARD} (gauge)"), **NOT_THINKING)
    assert world["out3"].wait(2).json == question(f"{HARD} (gauge)", WIRE["qwen"], **THINKING)


@pytest.mark.parametrize(("text", "name"), [(EASY, "cheap"), (HARD, "dear")])
def test_the_cheapest_model_that_is_good_enough(learned: Gateway, world: World, text: str, name: str) -> None:
    assert ask(learned, said(f"{text} (bargain)")).header("x-waypost-model") == name


def test_the_command_line_tells_the_same_choice_with_every_candidate(learned: Gateway, world: World) -> None:
    text = f"{HARD} (bargain)"
    chosen = traced(learned, text)
    first = ask(learned, said(text)).header("x-waypost-model")
    assert [hop["endpoint"] for hop in chosen["chain"]] == [first, "cheap"]
    assert [each["endpoint"] for each in chosen["candidates"]] == ["dear", "cheap"]
    assert all(each["score"] is not None and not each["eliminated"] for each in chosen["candidates"])
    assert chosen["because_chain"].startswith("cheapest with an expected quality of 0.6 at difficulty 0.")


TOOLS = [tool(name, about) for name, about in NEEDED.items()]


def names(request: Mapping[str, Any]) -> list[str]:
    return [each["function"]["name"] for each in request.get("tools", [])]


def test_tools_are_thinned_to_those_that_fit(learned: Gateway, world: World, options: dict[str, Any]) -> None:
    raw = learned.sdk().chat.completions.with_raw_response.create(
        **question(f"{WEATHER} (thin)"),
        tools=TOOLS,
        **options,
    )
    raw.http_response.read()
    got = world["out2"].wait().json
    assert len(got["tools"]) == 3
    assert "get_weather" in names(got)
    assert "rm_files" not in names(got)
    assert got["tools"] == [each for each in TOOLS if each in got["tools"]], "in their order, as they came"


def test_tools_that_are_forced_named_or_used_stay(learned: Gateway, world: World) -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "query_sql", "arguments": "{}"}}]
    earlier = [
        {"role": "user", "content": "How many did we sell?"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "12"},
        {"role": "assistant", "content": "Twelve."},
    ]
    forced = {"type": "function", "function": {"name": "send_fax"}}
    text = f"{WEATHER} (thin) Do not use play_song."
    ask(learned, said(text, *earlier), tools=TOOLS, tool_choice=forced)
    got = world["out2"].wait().json
    assert {"send_fax", "query_sql", "play_song", "get_weather"} <= set(names(got))
    assert got["tool_choice"] == forced
    assert len(got["tools"]) < len(TOOLS) - 1


def test_no_client_gets_a_blocked_tool_by_force(learned: Gateway, world: World) -> None:
    forced = {"type": "function", "function": {"name": "rm_files"}}
    ask(learned, said(f"{WEATHER} (thin) Use rm_files."), tools=TOOLS, tool_choice=forced)
    got = world["out2"].wait().json
    assert "rm_files" not in names(got)
    assert "tool_choice" not in got


def test_tools_are_added_from_a_catalogue(learned: Gateway, world: World) -> None:
    ask(learned, said(f"{WEATHER} (stock)"), tools=[tool("mine")], tool_choice="auto")
    got = world["out2"].wait().json
    assert names(got)[0] == "mine"
    assert len(got["tools"]) == 3
    assert TOOLS[0] in got["tools"], "as the catalogue has it"
    assert "rm_files" not in names(got)


def test_nothing_is_added_for_a_client_that_speaks_of_no_tools(learned: Gateway, world: World) -> None:
    ask(learned, said(f"{WEATHER} (stock)"))
    ask(learned, said(f"{WEATHER} (stock)"), tools=[tool("mine")], tool_choice="none")
    assert world["out2"].wait(1).json == question(f"{WEATHER} (stock)", WIRE["plain"])
    assert names(world["out2"].wait(2).json) == ["mine"]
