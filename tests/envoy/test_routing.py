"""What a client sees when everything is well: rules, models, streams, fixed answers, refusals."""

import json
from typing import Any

import openai
import pytest

from tests.envoy.faulty import stream
from tests.envoy.gateway import Gateway, question
from tests.envoy.world import KEYS, PATHS, WIRE_NAMES, World, chain, model, vault

HELLO = [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize("provider", ["in1", "in2", "out1", "out2", "out3"])
def test_a_rule_leads_to_its_provider(gateway: Gateway, world: World, provider: str) -> None:
    answer = gateway.sdk().chat.completions.create(**question(f"Please go {chain(provider)}!"))
    assert answer.choices[0].message.content == f"This is {provider}"
    assert world.got() == {provider: 1}
    request = world[provider].wait()
    assert request.path == f"{PATHS[provider]}/chat/completions"
    assert request.json["model"] == WIRE_NAMES[provider]
    assert request.header("authorization") == (f"Bearer {KEYS[provider]}" if provider in KEYS else None)
    assert request.header("host") == f"127.0.0.1:{world[provider].port}"


def test_response_headers_tell_the_decision(gateway: Gateway, world: World) -> None:
    response = gateway.ask(chain("in2"))
    assert response.status == 200
    assert response.header("x-waypost-decision") == chain("in2")
    assert response.header("x-waypost-model") == model("in2")
    assert response.header("x-waypost-attempts") == "1"
    assert response.header("x-vsr-selected-model") == WIRE_NAMES["in2"]
    assert response.header("x-vsr-selected-reasoning") == "off"
    assert response.header("x-vsr-injected-system-prompt") == "false"
    assert response.header("x-waypost-request-id") == world["in2"].wait().header("x-request-id")
    assert not [name for name, _ in response.headers if "hop" in name.lower()]


def test_without_a_match_the_default_model_answers(gateway: Gateway, world: World) -> None:
    response = gateway.ask("Why is the sky blue?")
    assert response.header("x-waypost-decision") == "semantic_classification"
    assert world.got() == {"out1": 1}


@pytest.mark.parametrize("name", ["auto", "MoM"])
def test_names_that_ask_for_routing(gateway: Gateway, world: World, name: str) -> None:
    gateway.sdk().chat.completions.create(**question(chain("out2"), name))
    assert world.got() == {"out2": 1}


def test_an_explicit_model_is_honoured(gateway: Gateway, world: World) -> None:
    response = gateway.ask("hello", model("out3"))
    assert response.header("x-waypost-decision") == "explicit_model"
    assert world.got() == {"out3": 1}


def test_an_explicit_model_inside_the_boundary_is_honoured(gateway: Gateway, world: World) -> None:
    assert gateway.ask(vault("in1", "in2"), model("in2")).header("x-waypost-decision") == vault("in1", "in2")
    assert world.got() == {"in2": 1}


def test_an_explicit_model_outside_the_boundary_is_rerouted(gateway: Gateway, world: World) -> None:
    gateway.sdk().chat.completions.create(**question(vault("in1"), model("out1")))
    assert world.got() == {"in1": 1}


def test_an_explicit_model_outside_the_boundary_is_refused_where_the_rule_says_so(
    gateway: Gateway, world: World
) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        gateway.sdk().chat.completions.create(**question("strictsecret", model("out1")))
    assert caught.value.code == "model_outside_boundary"
    assert world.got() == {}


@pytest.mark.parametrize("options", [{}, {"stream": True}])
def test_an_unknown_model_is_a_404(gateway: Gateway, world: World, options: dict[str, Any]) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        gateway.sdk().chat.completions.create(**question("hello", "gpt-unheard-of"), **options)
    assert caught.value.code == "model_not_found"
    assert world.got() == {}


def test_wire_names_are_no_names_for_clients(gateway: Gateway, world: World) -> None:
    assert gateway.ask("hello", WIRE_NAMES["out1"]).status == 404
    assert world.got() == {}


def test_a_stream_arrives_event_by_event(gateway: Gateway, world: World) -> None:
    gate = world["out1"].gate()
    words = ["one", "two", "three"]
    world["out1"].behaviour = stream(words, gate)
    with gateway.sdk().chat.completions.create(**question("hello"), stream=True) as chunks:
        for word in words:  # the provider sends the next event only after this one was read
            gate.open()
            assert next(chunks).choices[0].delta.content == word
        assert next(chunks).choices[0].finish_reason == "stop"
        assert list(chunks) == []


def test_a_stream_is_passed_byte_for_byte(gateway: Gateway, world: World) -> None:
    response = gateway.ask(chain("out2"), stream=True)
    assert response.header("content-type") == "text/event-stream"
    assert response.header("x-waypost-decision") == chain("out2")
    assert response.body.endswith(b"data: [DONE]\n\n")
    events = [json.loads(line[6:]) for line in response.body.decode().split("\n\n")[:-2]]
    assert [e["choices"][0]["delta"].get("content") for e in events] == ["This", "is", "out2", None]


@pytest.mark.parametrize("options", [{}, {"stream": True}])
@pytest.mark.parametrize("name", ["auto", model("out2")])
def test_a_block_reaches_no_provider(
    gateway: Gateway, world: World, options: dict[str, Any], name: str
) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        gateway.sdk().chat.completions.create(**question("this is forbidden", name), **options)
    assert caught.value.code == "blocked"
    assert "Not here." in str(caught.value)
    assert caught.value.response.headers["x-waypost-decision"] == "forbidden"
    assert caught.value.response.headers["x-waypost-request-id"]
    assert world.got() == {}


def test_a_fixed_answer_as_json(gateway: Gateway, world: World) -> None:
    raw = gateway.sdk().chat.completions.with_raw_response.create(**question("your opening hours?"))
    answer = raw.parse()
    assert answer.choices[0].message.content == 'We open at nine. "Quoted" ü.'
    assert answer.choices[0].finish_reason == "stop"
    assert raw.headers["x-waypost-decision"] == "opening-hours"
    assert world.got() == {}


def test_a_fixed_answer_as_a_stream(gateway: Gateway, world: World) -> None:
    chunks = list(
        gateway.sdk().chat.completions.create(
            **question("your opening hours?"), stream=True, stream_options={"include_usage": True}
        )
    )
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == 'We open at nine. "Quoted" ü.'
    assert choices[0].delta.role == "assistant"
    assert choices[-1].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert world.got() == {}


def test_embeddings_follow_rules(gateway: Gateway, world: World) -> None:
    sdk = gateway.sdk()
    plain = sdk.embeddings.create(model=model("out2"), input="hello", encoding_format="float")
    assert plain.data[0].embedding == [0.6, 0.8]
    sdk.embeddings.create(model=model("out2"), input=["fine", vault("in2", "in1"), vault("in1")])
    assert world.got() == {"out2": 1, "in1": 1}
    assert world["in1"].wait().path == "/v1/embeddings"
    assert world["out2"].wait().path == f"{PATHS['out2']}/embeddings"


def test_models_are_listed_and_shown(gateway: Gateway, world: World) -> None:
    sdk = gateway.sdk()
    listed = {entry.id for entry in sdk.models.list()}
    assert {model(name) for name in PATHS} <= listed
    assert {"auto", "MoM"} & listed
    assert sdk.models.retrieve(model("in1")).id == model("in1")
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.models.retrieve("gpt-unheard-of")
    assert caught.value.code == "model_not_found"
    assert world.got() == {}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[1]", None),
        (b'"text"', None),
        (b"\xff\xfe{}", None),
        (b'{"model": "auto", "messages": "hello"}', "messages"),
        (b'{"model": "auto"}', "messages"),
        (b'{"model": 7, "messages": [{"role": "user", "content": "x"}]}', "model"),
        (b'{"model": "auto", "model": "auto", "messages": [{"role": "user", "content": "x"}]}', "model"),
        (b'{"model": "auto", "mod\\u0065l": "x", "messages": [{"role": "user", "content": "x"}]}', "model"),
        (b'{"model": "auto", "messages": [], "messages": [{"role": "user", "content": "x"}]}', "messages"),
    ],
)
def test_a_body_that_is_no_chat_request_is_a_400(
    gateway: Gateway, world: World, body: bytes, param: str | None
) -> None:
    response = gateway.post(body)
    assert response.status == 400
    assert response.error["type"] == "invalid_request_error"
    assert param is None or param in (response.error["param"] or "")
    assert world.got() == {}


def test_a_missing_model_is_said(gateway: Gateway, world: World) -> None:
    response = gateway.post({"messages": HELLO})
    assert (response.status, response.error["param"]) == (400, "model")
    assert world.got() == {}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/threads", 404),
        ("POST", "/v1/chat/completions/", 404),
        ("POST", "/v1/chat/completions/x", 404),
        ("POST", "/v1/../v1/chat/completionsx", 404),
        ("POST", "/chat/completions", 404),
        ("POST", "/", 404),
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/files", 404),
        ("DELETE", "/v1/files/1", 404),
        ("GET", "/v1/chat/completions", 405),
        ("PUT", "/v1/chat/completions", 405),
        ("GET", "/v1/embeddings", 405),
        ("POST", "/v1/models", 405),
        ("DELETE", f"/v1/models/{model('out1')}", 405),
    ],
)
def test_other_paths_and_methods_are_errors_of_the_api(
    gateway: Gateway, world: World, method: str, path: str, status: int
) -> None:
    body = json.dumps(question("hello")) if method in {"POST", "PUT"} else None
    response = gateway.request(method, path, body, {"content-type": "application/json"})
    assert response.status == status
    assert response.error["type"] == "invalid_request_error"
    assert world.got() == {}


def test_a_head_request_and_an_options_request_reach_no_provider(gateway: Gateway, world: World) -> None:
    for method in ("HEAD", "OPTIONS"):
        assert gateway.request(method, "/v1/chat/completions").status in {404, 405}
    assert world.got() == {}


def test_every_decision_is_on_record(gateway: Gateway, world: World) -> None:
    sent = [gateway.ask(text) for text in (chain("in1"), "forbidden", "opening hours", "sky")]
    ids = [response.header("x-waypost-request-id") for response in sent]

    gateway.until(lambda: all(gateway.records(i, "decision") for i in ids), "four decisions in the audit log")
    found = [gateway.records(i, "decision")[0] for i in ids]
    assert [r["decision"] for r in found] == [
        chain("in1"),
        "forbidden",
        "opening-hours",
        "semantic_classification",
    ]
    assert [r["outcome"] for r in found] == ["forwarded", "blocked", "answered", "forwarded"]
    text = "".join(file.read_text() for file in gateway.state.rglob("*.jsonl"))
    assert not any(key in text for key in KEYS.values())
