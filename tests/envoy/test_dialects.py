"""Every client at every kind of provider: in place where both speak the same, translated where not."""

import json
from itertools import permutations
from typing import Any

import anthropic
import openai
import pytest

from tests.envoy.asking import (
    CHAT,
    CLIENTS,
    FORMS,
    MESSAGES,
    RESPONSES,
    Form,
    anthropic_sdk,
    openai_sdk,
    streaming,
)
from tests.envoy.faulty import Behaviour, Closed, Exchange, head, respond, silent
from tests.envoy.gateway import Gateway, Response
from tests.envoy.leaks import leaks
from tests.envoy.speaking import CANARY, Says, Script, complaints, fails, says_error, sends, sse
from tests.envoy.world import DEAD, FIRST, MIXED, World, model, over

each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
each_provider = pytest.mark.parametrize("name", FIRST.values())


@pytest.mark.parametrize("name", MIXED)
def test_every_client_is_served_by_every_kind(mixed_gateway: Gateway, mixed_world: World, name: str) -> None:
    for client in CLIENTS:
        answered = client.ask(mixed_gateway, over(name))
        assert answered.text == f"This is {name}"
        assert answered.is_complete
        assert answered.headers["x-waypost-attempts"] == "1"
        request = mixed_world[name].requests[-1]
        assert complaints(request) == [], client
        assert leaks(request, name, set(MIXED) - {name}) == []
        assert MIXED[name].wire in request.path or request.json["model"] == MIXED[name].wire


@pytest.mark.parametrize("names", [("openai1",), ("claude1", "openai1")], ids="-".join)
def test_an_effort_stays_away_from_a_model_that_refuses_it(
    mixed_gateway: Gateway, mixed_world: World, names: tuple[str, ...]
) -> None:
    """Coding agents ask for thoughts whoever answers; GPT-4o refuses a request that does."""
    for name in names[:-1]:
        mixed_world[name].behaviour = fails(503)
    asked = MESSAGES.body(over(*names)) | {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    response = mixed_gateway.post(asked | {"max_tokens": 4096}, MESSAGES.path)
    assert (response.status, MESSAGES.text(response.json)) == (200, "This is openai1")
    assert "reasoning_effort" not in mixed_world["openai1"].requests[-1].json
    dropped = response.header("x-waypost-dropped-params") or ""
    assert "reasoning_effort (not sent, the model does not take it)" in dropped


def _foreign(form: Form) -> list[str]:
    """Whose answers are read; where both speak the same they pass, whatever they are."""
    return [name for name in FIRST.values() if MIXED[name].dialect != form.native]


# --- in place -----------------------------------------------------------------------------------------------

ODD_MESSAGES = """{
  "stream" : %s,  "temperature":1E0, "top_k": 5.0e0, "max_tokens": 64,
  "system": [{"text": "S \\u00e9", "type":"text", "cache_control": {"type":"ephemeral","ttl":"1h"}}],
  "messages" : [ {"content": "%s \\u00e9\\ud83d\\ude00 \\/ é", "role":"user"},
     {"role": "assistant", "content": [{"type":"thinking","thinking":"t","signature":"c2ln"},
       {"type":"text","text":"a"}]}, {"role":"user","content":[{"type":"text","text":"go on"}]} ],
  "metadata": {"user_id": "model"}, "x-unknown": [1,  2,3 ],
  "model"  :  %s , "thinking": {"type": "enabled", "budget_tokens": 1024}
}
"""
ODD_RESPONSES = """{ "store":true,"stream" : %s, "previous_response_id" : "resp_1", "input": "%s",
  "include":["reasoning.encrypted_content"],  "temperature":1E0, "tools":[{"type":"web_search"}],
\t"model": %s,"background":false }"""
ODD_CHAT = """{"stream" : %s, "messages":[{"content" : "%s", "role":"user"}], "temperature":1E0,
  "stream_options": {"include_usage": true},"model" :%s ,"prediction": {"content":"x","type":"content"} }"""

IN_PLACE = [
    (MESSAGES, ODD_MESSAGES, "claude1"),
    (MESSAGES, ODD_MESSAGES, "claude2"),
    (RESPONSES, ODD_RESPONSES, "openai1"),
    (RESPONSES, ODD_RESPONSES, "azure"),
    (CHAT, ODD_CHAT, "openai2"),
    (CHAT, ODD_CHAT, "azure"),
]
in_place = pytest.mark.parametrize(
    ("form", "odd", "name"), IN_PLACE, ids=[f"{form.name}-{name}" for form, _, name in IN_PLACE]
)


@in_place
def test_only_the_value_of_model_differs(
    mixed_gateway: Gateway, mixed_world: World, form: Form, odd: str, name: str
) -> None:
    for stream in ("false", "true"):
        sent = odd % (stream, over(name), '"auto"')
        answer = mixed_gateway.post(sent.encode(), form.path)
        assert answer.status == 200, answer.body
        got = mixed_world[name].requests[-1]
        assert got.body.decode() == odd % (stream, over(name), json.dumps(MIXED[name].wire))
        assert got.header("content-length") == str(len(got.body))


@in_place
def test_the_same_holds_after_a_failover(
    mixed_gateway: Gateway, mixed_world: World, form: Form, odd: str, name: str
) -> None:
    """Between two providers that both understand it nothing is translated."""
    partner = {"anthropic": ("claude1", "claude2"), "openai": ("openai1", "openai2")}[form.native]
    mixed_world[partner[0]].behaviour = fails(500)
    assert mixed_gateway.post((odd % ("false", over(*partner), '"auto"')).encode(), form.path).status == 200
    for one in partner:
        expected = odd % ("false", over(*partner), json.dumps(MIXED[one].wire))
        assert mixed_world[one].wait().body.decode() == expected


ODD_ANSWERS = {
    MESSAGES.name: b'{ "type":"message","content": [{"type":"text" ,"text":"\\u0041"}],\n"x": 1E400,'
    b' "role":"assistant", "model":"whatever"'
    b', "usage":{"input_tokens":1 ,"output_tokens":2}, "stop_reason":"end_turn"}\n\n',
    RESPONSES.name: b'{"object":"response", "output" : [],"status":"completed", "x": 1E400 ,"usage":null}\n',
    CHAT.name: b'{ "choices": [],  "model":"whatever it says", "x": 1E400, "id":"\\u0041" }\n\n',
}


@in_place
def test_an_answer_in_place_is_passed_byte_for_byte(
    mixed_gateway: Gateway, mixed_world: World, form: Form, odd: str, name: str
) -> None:
    body = ODD_ANSWERS[form.name]
    mixed_world[name].behaviour = respond(200, body, request_id="req_7", x_provider="kept")
    response = mixed_gateway.post((odd % ("false", over(name), '"auto"')).encode(), form.path)
    assert response.body == body
    assert response.header("x-provider") == "kept"


@in_place
def test_a_stream_in_place_is_passed_byte_for_byte(
    mixed_gateway: Gateway, mixed_world: World, form: Form, odd: str, name: str
) -> None:
    sent: list[bytes] = []

    def noisy(_: Any, events: list[bytes]) -> list[bytes]:
        sent[:] = [b": hello\r\n\r\n", *events]
        return sent

    mixed_world[name].behaviour = Script(Says("One two."), noisy)
    response = mixed_gateway.post((odd % ("true", over(name), '"auto"')).encode(), form.path)
    assert response.body == b"".join(sent)


# --- what only one kind can do ------------------------------------------------------------------------------

ONLY_RESPONSES: dict[str, Any] = {
    "previous_response_id": "resp_1",
    "conversation": "conv_1",
    "background": True,
    "prompt": {"id": "pmpt_1"},
}


@pytest.mark.parametrize(("field", "value"), ONLY_RESPONSES.items())
def test_what_needs_a_store_is_refused_where_there_is_none(
    mixed_gateway: Gateway, mixed_world: World, field: str, value: Any
) -> None:
    for name in ("claude1", "gemini1"):
        response = mixed_gateway.post(RESPONSES.body(over(name)) | {field: value}, RESPONSES.path)
        assert response.status == 400
        assert field in RESPONSES.error(response.json)[1]
        assert response.json["error"]["param"] == field
    assert mixed_world.got() == {}
    assert mixed_gateway.post(RESPONSES.body(over("openai1")) | {field: value}, RESPONSES.path).status == 200
    assert mixed_world["openai1"].wait().json[field] == value


@pytest.mark.parametrize(
    ("form", "tool", "home"),
    [
        (MESSAGES, {"type": "web_search_20250305", "name": "web_search"}, "claude1"),
        (RESPONSES, {"type": "web_search"}, "openai1"),
        (RESPONSES, {"type": "mcp", "server_label": "x", "server_url": "https://example.com"}, "openai1"),
    ],
    ids=["messages", "responses", "mcp"],
)
def test_tools_that_run_at_the_provider_are_served_at_home_only(
    mixed_gateway: Gateway, mixed_world: World, form: Form, tool: Any, home: str
) -> None:
    for name in FIRST.values():
        response = mixed_gateway.post(form.body(over(name)) | {"tools": [tool]}, form.path)
        assert response.status == (200 if name == home else 400), (name, response.body)
        if name != home:
            assert "tools" in form.error(response.json)[1]
    assert mixed_world.got() == {home: 1}


def test_what_only_one_kind_can_do_goes_to_those_of_the_chain_who_can(
    mixed_gateway: Gateway, mixed_world: World
) -> None:
    """Wherever they stand in it; and if they fail, nobody else is asked."""
    search = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    for form, extra, able in ((RESPONSES, ONLY_RESPONSES, "openai1"), (MESSAGES, search, "claude1")):
        for field, value in extra.items():
            for chain in permutations(FIRST.values(), 3):
                response = mixed_gateway.post(form.body(over(*chain)) | {field: value}, form.path)
                assert form.text(response.json) == f"This is {able}", (chain, field)
            mixed_world[able].script = [fails(500)]
            response = mixed_gateway.post(form.body(over(*chain)) | {field: value}, form.path)
            assert response.status == 500
            form.error(response.json)
        assert mixed_world.got() == {able: 7 * len(extra)}
        mixed_world[able].requests.clear()


def test_betas_go_along_with_a_body_that_stays_as_it_is(mixed_gateway: Gateway, mixed_world: World) -> None:
    mixed_world["claude1"].behaviour = fails(500)
    headers = [("content-type", "application/json"), ("anthropic-beta", "one-2026-01-01,two-2026-01-01")]
    body = json.dumps(MESSAGES.body(over("claude1", "claude2")))
    assert mixed_gateway.request("POST", MESSAGES.path, body, headers).status == 200
    for name in ("claude1", "claude2"):
        assert mixed_world[name].wait().header("anthropic-beta") == "one-2026-01-01,two-2026-01-01"
        assert complaints(mixed_world[name].wait()) == []


def test_nothing_is_stored(mixed_gateway: Gateway, mixed_world: World) -> None:
    for path in ("/v1/responses/resp_1", "/v1/responses/resp_1/input_items"):
        for method in ("GET", "DELETE"):
            response = mixed_gateway.request(method, path)
            assert 400 <= response.status < 500
            assert response.error
    assert mixed_world.got() == {}


def test_no_form_has_a_way_into_the_boundary_of_another_dialect(
    mixed_gateway: Gateway, mixed_world: World
) -> None:
    """What only OpenAI can serve is refused inside a boundary without OpenAI, not sent out of it."""
    mixed_world["openai2"].behaviour = fails(500)
    body = RESPONSES.body("europeonly") | {"previous_response_id": "resp_1"}
    assert mixed_gateway.post(body, RESPONSES.path).status >= 400
    assert mixed_world.got().keys() <= {"openai2"}


# --- errors -------------------------------------------------------------------------------------------------

STATUSES = {
    400: {400},
    401: {502},
    403: {502},
    404: {502},
    413: {413},
    429: {429},
    500: {500},
    529: {503, 529},
}
"""What a client sees of each; a credential and the name of a model are the gateway's, not the client's."""

OPENAI_TYPES = {
    400: {"invalid_request_error"},
    413: {"invalid_request_error"},
    429: {"rate_limit", "rate_limit_error", "requests", "tokens"},
    500: {"server_error"},
    502: {"server_error"},
    503: {"server_error"},
    529: {"server_error"},
}
ANTHROPIC_TYPES = {
    400: {"invalid_request_error"},
    413: {"request_too_large"},
    429: {"rate_limit_error"},
    500: {"api_error"},
    502: {"api_error"},
    503: {"overloaded_error"},
    529: {"overloaded_error"},
}
OPENAI_CLASSES = {400: openai.BadRequestError, 413: openai.APIStatusError, 429: openai.RateLimitError}
ANTHROPIC_CLASSES = {
    400: anthropic.BadRequestError,
    413: anthropic.RequestTooLargeError,
    429: anthropic.RateLimitError,
}


@each_form
def test_a_status_is_told_in_the_words_of_the_client(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    types = ANTHROPIC_TYPES if form is MESSAGES else OPENAI_TYPES
    for status, expected in STATUSES.items():
        for name in FIRST.values():
            mixed_world[name].behaviour = fails(status, "the request has a fault")
            for stream in (False, True):
                response = mixed_gateway.post(form.body(over(name)) | {"stream": stream}, form.path)
                assert response.status in expected, (name, status, response.status, response.body)
                kind, message = form.error(response.json)
                assert kind in types[response.status], (name, status, kind)
                if form.native != MIXED[name].dialect:
                    assert CANARY.encode() not in response.body
                    assert ("the request has a fault" in message) == (status in {400, 413}), message


@each_provider
def test_the_sdks_raise_their_own_classes(mixed_gateway: Gateway, mixed_world: World, name: str) -> None:
    for status in STATUSES:
        mixed_world[name].behaviour = fails(status)
        with pytest.raises(openai.APIStatusError) as of_chat:
            openai_sdk(mixed_gateway).chat.completions.create(**CHAT.body(over(name)))
        seen = of_chat.value.status_code
        assert isinstance(of_chat.value, OPENAI_CLASSES.get(seen, openai.InternalServerError))
        with pytest.raises(openai.APIStatusError) as of_responses:
            openai_sdk(mixed_gateway).responses.create(**RESPONSES.body(over(name)))
        assert type(of_responses.value) is type(of_chat.value)
        with pytest.raises(anthropic.APIStatusError) as of_messages:
            anthropic_sdk(mixed_gateway).messages.create(**MESSAGES.body(over(name)))
        seen = of_messages.value.status_code
        assert isinstance(of_messages.value, ANTHROPIC_CLASSES.get(seen, anthropic.APIStatusError))
        assert of_messages.value.type in ANTHROPIC_TYPES[seen]


WAITS = {("7", 429): "7", ("60", 503): "60", ("3600", 429): "60", ("86400", 503): "60", ("0", 503): "0"}


@each_form
def test_a_time_to_wait_is_passed_on_but_never_a_long_one(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    """An SDK waits as long as it is told, without a limit of its own."""
    for name in FIRST.values():
        for (said, status), told in WAITS.items():
            mixed_world[name].behaviour = fails(status, retry_after=said)
            response = mixed_gateway.post(form.body(over(name)), form.path)
            assert (response.status, response.header("retry-after")) == (status, told)
            assert response.header("x-should-retry") != "false"
        for odd in ("soon", "-1", "99999999999999999999", "1e9", "Wed, 21 Oct 2099 07:28:00 GMT"):
            mixed_world[name].behaviour = fails(503, retry_after=odd)
            told = mixed_gateway.post(form.body(over(name)), form.path).header("retry-after")
            assert told is None or 0 <= int(told) <= 60


@each_form
def test_gemini_says_in_the_body_how_long_to_wait(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    for said, told in (("17s", "17"), ("16.2s", "17"), ("4000s", "60")):
        retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": said}
        error = {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [retry]}
        mixed_world["gemini1"].behaviour = says_error(429, {"error": error})
        response = mixed_gateway.post(form.body(over("gemini1")), form.path)
        assert (response.status, response.header("retry-after")) == (429, told)


BAD_ANSWERS: dict[str, Behaviour] = {
    "html": respond(200, b"<html>maintenance</html>", "text/html"),
    "html that claims to be json": respond(200, b"<html>maintenance</html>"),
    "empty": respond(200, b""),
    "list": respond(200, b"[]"),
    "nothing in it": respond(200, b"{}"),
    "cut": respond(200, b'{"choices": [{"message": {"content": "half'),
    "not utf-8": respond(200, b'{"a": "\xff\xfe"}'),
    "deep": respond(200, b"[" * 100_000),
    "no content": respond(204, b""),
    "redirect": respond(302, b"", location="http://CANARY.example/"),
}


@each_form
def test_an_answer_that_is_none_is_an_error_of_the_clients_form(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    for name in _foreign(form):
        for what, behaviour in BAD_ANSWERS.items():
            mixed_world[name].behaviour = behaviour
            for stream in (False, True):
                response = mixed_gateway.post(form.body(over(name)) | {"stream": stream}, form.path)
                _is_failure(form, response, what)


def _is_failure(form: Form, response: Response, what: str) -> None:
    assert CANARY.encode() not in response.body
    if response.status == 200:  # a stream that had begun
        assert (response.header("content-type") or "").startswith("text/event-stream"), what
        assert b"error" in response.body
        assert b"[DONE]" not in response.body
        return
    assert response.status >= 500, (what, response.status)
    form.error(response.json)


@each_form
def test_an_error_that_claims_to_be_an_answer_is_none(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    for name in _foreign(form):
        bodies = (
            {"error": {"message": CANARY, "type": "server_error", "code": 500, "status": "INTERNAL"}},
            {"type": "error", "error": {"type": "overloaded_error", "message": CANARY}},
        )
        for body in bodies:
            mixed_world[name].behaviour = says_error(200, body)
            response = mixed_gateway.post(form.body(over(name)), form.path)
            assert response.status >= 500
            form.error(response.json)
            assert CANARY.encode() not in response.body


async def _breaks_off(exchange: Exchange) -> None:
    await exchange.send(head(200, {"content-type": "application/json", "content-length": "500"}) + b'{"id": ')
    exchange.writer.close()
    raise Closed


@each_form
def test_a_whole_answer_that_breaks_off_never_looks_whole(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    for name in FIRST.values():
        mixed_world[name].behaviour = _breaks_off
        with streaming(mixed_gateway, form, over(name), stream=False) as answer:
            list(answer)
        assert answer.is_cut or answer.status >= 500


# --- what the gateway says itself ---------------------------------------------------------------------------


@each_form
def test_errors_of_the_gateway_have_the_clients_form(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    cases: dict[int, list[Any]] = {
        404: [form.body("hello") | {"model": "nobody-knows-it"}],
        400: [b"{not json", b"[]", b"", b'{"model": "auto"}', form.body("hello") | {"stream": 7}],
    }
    for status, bodies in cases.items():
        for body in bodies:
            response = mixed_gateway.post(body, form.path)
            assert response.status == status, (body, response.body)
            kind, _ = form.error(response.json)
            expected = "not_found_error" if form is MESSAGES and status == 404 else "invalid_request_error"
            assert kind == expected
    assert mixed_gateway.request("GET", form.path).status == 405
    form.error(mixed_gateway.request("GET", form.path).json)
    assert mixed_world.got() == {}


@each_form
def test_errors_of_envoy_have_the_clients_form(
    mixed_gateway: Gateway, hasty: Gateway, mixed_world: World, form: Form
) -> None:
    for dead in DEAD:
        response = mixed_gateway.post(form.body(over(dead)), form.path)
        assert response.status == 503
        form.error(response.json)
    mixed_world["claude1"].behaviour = silent
    response = hasty.post(form.body(over("claude1")), form.path)
    assert response.status == 504
    form.error(response.json)


# --- what a stream tells of usage ---------------------------------------------------------------------------


@each_provider
def test_usage_is_told_once_and_only_if_asked_for(
    mixed_gateway: Gateway, mixed_world: World, name: str
) -> None:
    for asked in (True, False):
        fields = {"stream_options": {"include_usage": asked}}
        with streaming(mixed_gateway, CHAT, over(name), **fields) as answer:
            events = [event.data for event in answer if isinstance(event.data, dict)]
        told = [event["usage"] for event in events if event.get("usage")]
        if name != "openai1" or asked:
            assert len(told) == asked, (asked, told)
        for usage in told:
            assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (11, 7, 18)
    usage = mixed_gateway.post(CHAT.body(over(name))).json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (11, 7, 18)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 4
    usage = mixed_gateway.post(MESSAGES.body(over(name)), MESSAGES.path).json["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (7, 4, 7)


def test_comments_before_an_answer_do_not_confuse_the_reader(
    mixed_gateway: Gateway, mixed_world: World
) -> None:
    chunk = {"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}]}
    pieces = [b": ping\n\n" * 50, sse(chunk, end="\r\n\r\n")]
    mixed_world["gemini1"].behaviour = sends(pieces)
    with streaming(mixed_gateway, CHAT, over("gemini1")) as answer:
        assert list(answer.pieces(CHAT)) == ["hi"]


def test_a_model_may_be_named_by_every_client(mixed_gateway: Gateway, mixed_world: World) -> None:
    for form in FORMS:
        for name in FIRST.values():
            response = mixed_gateway.post(form.body("hello") | {"model": model(name)}, form.path)
            assert form.text(response.json) == f"This is {name}"
