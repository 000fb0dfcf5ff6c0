"""A body is edited, never rewritten: the provider gets the client's bytes, but for the model's name."""

import http.client
import json

import pytest

from tests.envoy.faulty import fails, respond
from tests.envoy.gateway import Gateway, question
from tests.envoy.world import WIRE_NAMES, World, chain, model

ODD = """{
  "stream" : false,  "n":1E0, "temperature":1E5, "seed": 123456789012345678901234567890,
  "top_p": 0.10000000000000000001, "logit_bias": {"50256": -1e2, "a": -0.0},
  "messages" : [ {"content": "%s \\u00e9\\ud83d\\ude00 \\/ é", "role":"user", "zz": null} ],
  "chat_template_kwargs": {"enable_thinking": false, "model": "inner"},
  "extra_body": {"model": "auto", "b": 1, "a": 2}, "x-unknown": [1,  2,3 ],
\t"mod\\u0065l2": "auto",
  "model"  :  %s , "last": ""
}
"""


@pytest.mark.parametrize("provider", ["in1", "in2", "out1", "out2", "out3"])
@pytest.mark.parametrize("asked", ["auto", "MoM"])
def test_only_the_value_of_model_differs(gateway: Gateway, world: World, provider: str, asked: str) -> None:
    sent = ODD % (chain(provider), json.dumps(asked))
    assert gateway.post(sent.encode()).status == 200
    got = world[provider].wait()
    start, end = (part.encode() for part in (ODD % (chain(provider), "\0")).split("\0"))
    assert got.body.startswith(start)
    assert got.body.endswith(end)
    assert json.loads(got.body[len(start) : len(got.body) - len(end)]) == WIRE_NAMES[provider]
    assert got.header("content-length") == str(len(got.body))


def test_the_same_holds_after_a_failover_and_for_embeddings(gateway: Gateway, world: World) -> None:
    sent = '{"encoding_format":"float", "dimensions":1E0,"input":"%s" ,"model": "auto"}'
    world["out1"].behaviour = fails(500)
    assert gateway.post(sent % chain("out1", "in2"), "/v1/embeddings").status == 200
    for name in ("out1", "in2"):
        wire = json.dumps(WIRE_NAMES[name])
        assert world[name].wait().body.decode() == sent.replace('"auto"', wire) % chain("out1", "in2")


def test_an_answer_is_passed_byte_for_byte(gateway: Gateway, world: World) -> None:
    body = b'{ "choices": [],  "model":"whatever it says", "x": 1E400, "id":"\\u0041" }\n\n'
    world["out1"].behaviour = respond(200, body, openai_processing_ms="12", x_provider="kept")
    response = gateway.ask("hello")
    assert response.body == body
    assert response.header("x-provider") == "kept"


def test_an_error_of_the_request_is_passed_on_as_the_provider_said_it(gateway: Gateway, world: World) -> None:
    error = {"message": "too long", "type": "invalid_request_error", "param": "messages", "code": "too_long"}
    world["out1"].behaviour = respond(400, json.dumps({"error": error}).encode())
    response = gateway.ask("hello", model("out1"))
    assert (response.status, response.error["code"]) == (400, "too_long")


def test_chunked_uploads_arrive_whole(gateway: Gateway, world: World) -> None:
    body = json.dumps(question(f"{chain('out2')} {'long ' * 50_000}")).encode()
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:70_000], body[70_000:])
    )
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    connection.putrequest("POST", "/v1/chat/completions")
    connection.putheader("transfer-encoding", "chunked")
    connection.endheaders(chunks + b"0\r\n\r\n")
    response = connection.getresponse()
    assert response.status == 200
    response.read()
    connection.close()
    got = world["out2"].wait()
    assert len(got.body) == len(body) - len('"auto"') + len(json.dumps(WIRE_NAMES["out2"]))
    assert got.json["messages"] == json.loads(body)["messages"]
