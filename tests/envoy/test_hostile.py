"""Clients and providers that do not behave: every answer is still an error of the API or a right one."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.envoy.faulty import Behaviour, Closed, Exchange, answers, completion, fails, respond
from tests.envoy.gateway import Gateway, question
from tests.envoy.world import KEYS, World, chain, model, vault

HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\n"
    b"host: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
)


def with_length(body: bytes, head: bytes = HEAD) -> bytes:
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


ASK = json.dumps(question(chain("out1"))).encode()

BROKEN_HTTP = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /v1/models\r\n\r\n",
    "http/1.0": b"GET /v1/models HTTP/1.0\r\n\r\n",
    "no host": b"GET /v1/models HTTP/1.1\r\n\r\n",
    "two lengths": HEAD + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    "negative length": HEAD + b"content-length: -1\r\n\r\n",
    "length and chunks": HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "space in name": HEAD + b"x-waypost-hop-1 : x\r\n\r\n",
    "nul in value": HEAD + b"x-a: \0\r\n\r\n",
    "folded line": HEAD + b"x-a: b\r\n x-waypost-hop-1: c\r\n\r\n",
    "huge header": HEAD + b"x-a: " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": HEAD + b"".join(b"x-%d: a\r\n" % n for n in range(200)) + b"\r\n",
    "upgrade": b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    "connect": b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("data", BROKEN_HTTP.values(), ids=BROKEN_HTTP.keys())
def test_what_is_not_http_is_an_error_of_the_api(gateway: Gateway, world: World, data: bytes) -> None:
    answer = gateway.raw(data)
    assert 400 <= answer.status < 500
    assert answer.error
    assert world.got() == {}


SMUGGLED = [
    "/v1/chat%2Fcompletions",
    "/v1/chat/completions%00",
    "/v1/chat/completions;x=1",
    "/V1/chat/completions",
    "/v1/chat/completions%3Fx",
    "/v1//../files/chat/completions",
    "/v1/files/../../admin/chat/completions",
    "/v1/models/..%2Fchat/completions",
    "/v1/audio/embeddings",
    "http://127.0.0.1/v1/files",
    "*",
]


@pytest.mark.parametrize("path", SMUGGLED)
def test_a_path_that_only_looks_right_reaches_no_provider(gateway: Gateway, world: World, path: str) -> None:
    answer = gateway.raw(with_length(ASK, HEAD.replace(b"/v1/chat/completions", path.encode())))
    assert answer.status in {400, 404, 405}
    assert answer.error
    assert world.got() == {}


def test_a_request_hidden_in_a_body_is_not_served(gateway: Gateway, world: World) -> None:
    hidden = with_length(ASK)
    assert gateway.conversation(with_length(hidden)).count(b"HTTP/1.1") == 1
    assert world.got() == {}


def test_a_hop_in_a_trailer_changes_nothing(gateway: Gateway, world: World) -> None:
    trailer = b"x-waypost-hop-1: x\r\nx-envoy-attempt-count: 1\r\nauthorization: Bearer CANARY\r\n"
    chunked = b"transfer-encoding: chunked\r\ntrailer: x-waypost-hop-1\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n"
    assert gateway.raw(HEAD + chunked % (len(ASK), ASK, trailer)).status == 200
    assert world.got() == {"out1": 1}
    assert not world["out1"].wait().mentions("CANARY")


def test_pipelined_requests_are_decided_one_by_one(gateway: Gateway, world: World) -> None:
    keep = HEAD.replace(b"close", b"keep-alive")
    words = [chain("out1"), "forbidden", chain("in1"), "opening hours"]
    bodies = [json.dumps(question(word)).encode() for word in words]
    data = b"".join(with_length(body, keep) for body in bodies[:-1]) + with_length(bodies[-1])
    answer = gateway.conversation(data)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert answer.count(b"HTTP/1.1 403") == 1
    assert world.got() == {"out1": 1, "in1": 1}


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(gateway: Gateway, world: World) -> None:
    answer = gateway.conversation(with_length(ASK, HEAD + b"expect: 100-continue\r\n"))
    assert answer.startswith(b"HTTP/1.1 100")
    assert b"This is out1" in answer


HOSTILE_BODIES = {
    "deep": b'{"model":"auto","messages":[{"role":"user","content":"x"}],"a":'
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}",
    "deep and open": b'{"model":"auto","messages":' + b"[" * 1_000_000,
    "many digits": b'{"model":"auto","messages":[{"role":"user","content":"x"}],"seed":'
    + b"9" * 100_000
    + b"}",
    "huge exponent": b'{"model":"auto","messages":[{"role":"user","content":"x"}],"seed":1e999999999}',
    "nan": b'{"model":"auto","messages":[{"role":"user","content":"x"}],"seed":NaN}',
    "lone surrogate": b'{"model":"auto","messages":[{"role":"user","content":"\\ud800"}]}',
    "nul": b'{"model":"auto","messages":[{"role":"user","content":"\\u0000"}]}',
    "raw control": b'{"model":"auto","messages":[{"role":"user","content":"\x01"}]}',
    "not utf-8": b'{"model":"auto","messages":[{"role":"user","content":"\xff"}]}',
    "utf-16": json.dumps(question("x")).encode("utf-16"),
    "bom": b"\xef\xbb\xbf" + json.dumps(question("x")).encode(),
    "trailing": json.dumps(question("x")).encode() + b"{}",
    "comment": b"/* */" + json.dumps(question("x")).encode(),
    "single quotes": b"{'model':'auto'}",
    "model with newline": b'{"model":"auto\\r\\nx-a: b","messages":[{"role":"user","content":"x"}]}',
    "long model": b'{"model":"' + b"m" * 100_000 + b'","messages":[{"role":"user","content":"x"}]}',
    "null message": b'{"model":"auto","messages":[null]}',
    "role of numbers": b'{"model":"auto","messages":[{"role":7,"content":[]}]}',
    "content of numbers": b'{"model":"auto","messages":[{"role":"user","content":{"a":[1,{}]}}]}',
    "empty messages": b'{"model":"auto","messages":[]}',
    "stream of text": b'{"model":"auto","stream":"yes","messages":[{"role":"user","content":"x"}]}',
}


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES.keys())
def test_a_hostile_body_is_refused_or_passed_never_a_crash(
    gateway: Gateway, world: World, body: bytes
) -> None:
    worker = gateway.worker
    response = gateway.post(body)
    assert response.status == 200 or 400 <= response.status < 500
    if response.status == 200:
        assert world.got() == {"out1": 1}
    else:
        assert response.error
        assert world.got() == {}
    assert gateway.worker == worker


EVASIONS = [
    "VAULTIN1",
    "vault\u200bin1",
    "v\u00adaultin1",
    "\uff56\uff41\uff55\uff4c\uff54\uff49\uff4e\uff11",
    "vault\\u0069n1",
]


@pytest.mark.parametrize("text", EVASIONS)
def test_a_boundary_word_in_disguise_stays_inside(gateway: Gateway, world: World, text: str) -> None:
    assert vault("in1") == "vaultin1"
    body = json.dumps(question("W")).replace("W", text).encode()
    assert gateway.post(body).status == 200
    assert world.got() == {"in1": 1}


HIDING_PLACES = [
    {"messages": [{"role": "system", "content": "W"}, {"role": "user", "content": "x"}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "W"}]}]},
    {"messages": [{"role": "assistant", "content": "W"}, {"role": "user", "content": "x"}]},
    {"messages": [{"role": "user", "content": "x", "name": "W"}]},
    {"messages": [{"role": "tool", "tool_call_id": "1", "content": "W"}]},
    {
        "messages": [
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":"W"}'}}
                ],
            }
        ]
    },
    {
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "function", "function": {"name": "f", "description": "W"}}],
    },
    {"messages": [{"role": "user", "content": "x"}], "user": "W"},
    {"messages": [{"role": "user", "content": "x"}], "metadata": {"k": "W"}},
    {"messages": [{"role": "user", "content": "x"}], "unheard_of": {"deep": ["W"]}},
    {"messages": [{"role": "user", "content": "x"}], "prediction": {"type": "content", "content": "W"}},
    {"messages": [{"role": "user", "content": "x", "W": 1}]},
]


@pytest.mark.parametrize("fields", HIDING_PLACES, ids=lambda fields: json.dumps(fields)[:60])
@pytest.mark.parametrize("name", ["auto", model("out1")])
def test_a_boundary_word_anywhere_stays_inside(
    gateway: Gateway, world: World, fields: dict[str, object], name: str
) -> None:
    body = json.dumps({"model": name, **fields}).replace("W", vault("in1"))
    assert gateway.post(body).status == 200
    assert world.got() == {"in1": 1}


def garbage(data: bytes) -> Behaviour:
    """Something that is not HTTP, and the end of the connection."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.send(data)
        exchange.writer.close()
        raise Closed

    return behaviour


async def early_hints(exchange: Exchange) -> None:
    """103, then the answer."""
    await exchange.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
    await answers("This is late")(exchange)


ERROR = json.dumps({"error": {"message": "m", "type": "t", "param": None, "code": "c"}}).encode()
BAD_PROVIDERS = {
    "not http": garbage(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "half a head": garbage(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "two lengths": garbage(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
    "no status": garbage(b"HTTP/1.1\r\n\r\n"),
    "rate limited by another envoy": respond(429, ERROR, x_envoy_ratelimited="true"),
    "overloaded envoy": respond(503, ERROR, x_envoy_overloaded="true"),
    "asks for a long wait": respond(429, ERROR, retry_after="3600"),
    "says do not retry": respond(500, ERROR, x_should_retry="false"),
}


@pytest.mark.parametrize("behaviour", BAD_PROVIDERS.values(), ids=BAD_PROVIDERS.keys())
def test_a_provider_that_makes_no_sense_is_left_for_the_next(
    gateway: Gateway, world: World, behaviour: Behaviour
) -> None:
    world["out1"].behaviour = behaviour
    response = gateway.ask(chain("out1", "out2"))
    assert response.status == 200
    assert response.header("x-waypost-model") == model("out2")
    world["out2"].behaviour = behaviour
    failed = gateway.ask(chain("out1", "out2"))
    assert failed.status >= 429
    assert failed.error


def test_hints_before_the_answer_do_not_disturb(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = early_hints
    assert b"This is late" in gateway.ask("hello").body


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_not_passed_on(gateway: Gateway, world: World, status: int) -> None:
    world["out1"].behaviour = respond(status, b"", location=f"http://127.0.0.1:{world['out2'].port}/v1/x")
    response = gateway.ask("hello")
    assert response.status == 502
    assert response.error
    assert response.header("location") is None
    assert world.got() == {"out1": 1}


def test_what_a_provider_says_in_our_name_is_not_believed(gateway: Gateway, world: World) -> None:
    names = (
        "x-waypost-decision",
        "x-waypost-model",
        "x-waypost-request-id",
        "x-waypost-attempts",
        "x-vsr-selected-model",
    )
    forged = dict.fromkeys((name.replace("-", "_") for name in names), "forged")
    private = {
        "set_cookie": "forged",
        "openai_organization": "forged",
        "x_envoy_upstream_service_time": "forged",
    }
    body = json.dumps(completion("x")).encode()
    world["out1"].behaviour = respond(200, body, **forged, **private, x_waypost_hop_2="forged")
    response = gateway.ask(chain("out1"))
    assert not [(name, value) for name, value in response.headers if "forged" in value]
    for name in names:
        assert [key for key, _ in response.headers if key == name] == [name]


def test_a_provider_that_answers_before_it_has_read_is_left_for_the_next(
    gateway: Gateway, world: World
) -> None:
    world["out1"].behaviour = fails(500)
    body = json.dumps(question(chain("out1", "out2") + " " + "x" * 5_000_000)).encode()
    with ThreadPoolExecutor(4) as pool:
        statuses = [future.result().status for future in [pool.submit(gateway.post, body) for _ in range(4)]]
    assert statuses == [200] * 4


def test_nothing_secret_is_written_down(gateway: Gateway, world: World) -> None:
    prompt = "a-prompt-that-must-stay-private"
    world["out1"].behaviour = fails(401)
    gateway.post(question(f"{prompt} {chain('out1', 'out2')}"), authorization="Bearer CANARY-client-key")
    gateway.post(question(f"{prompt} forbidden"))
    gateway.post(b'{"model": "auto", "messages": "' + prompt.encode())
    gateway.request("GET", f"/v1/models?key=CANARY&q={prompt}")
    written = [
        gateway.envoy_admin("/config_dump"),
        *(
            f.read_text(errors="replace")
            for f in gateway.state.rglob("*")
            if f.is_file() and f.name != "waypost.yaml" and f.suffix != ".key"
        ),
    ]
    for secret in (*KEYS.values(), prompt, "CANARY"):
        assert not [text[:80] for text in written if secret in text]
