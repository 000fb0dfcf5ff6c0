"""A provider of one dialect fails, one of another answers: every ordered pair, every client, every fault."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

import anthropic
import openai
import pytest

from tests.envoy.asking import CHAT, CLIENTS, FORMS, MESSAGES, RESPONSES, Answered, Client, Form
from tests.envoy.faulty import Behaviour, Request, html, reset, respond, silent
from tests.envoy.gateway import Gateway, Response, serve
from tests.envoy.leaks import leaks
from tests.envoy.speaking import CANARY, Says, Script, answers, complaints, cut, fails, says_error
from tests.envoy.world import DIALECT_PAIRS, EU_CHAIN, FIRST, MIXED, SECOND, World, mixed, model, over

PAIR_IDS = [f"{first}-{second}" for first, second in DIALECT_PAIRS]

CHAT_JSON = CLIENTS[0]

each_pair = pytest.mark.parametrize(("first", "second"), DIALECT_PAIRS, ids=PAIR_IDS)
each_client = pytest.mark.parametrize("client", CLIENTS, ids=str)
each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
each_provider = pytest.mark.parametrize("name", FIRST.values())

FAULTS: dict[str, Behaviour] = {
    **{str(status): fails(status) for status in (401, 404, 429, 500, 529)},
    "html": html(502),
    "reset": reset,
}

MORE_FAULTS = FAULTS | {
    **{str(status): fails(status) for status in (403, 408, 502, 503, 504)},
    "empty": respond(500, b""),
    "text": says_error(500, "no object"),
}


@pytest.fixture(scope="module")
def shared_mixed(whole_mixed_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of this file alone: its faults use up many keys, which then rest for a minute."""
    with serve(tmp_path_factory.mktemp("mixed"), mixed(whole_mixed_world)) as gateway:
        yield gateway
        assert sum(gateway.stats("rejected_header_mutations").values()) == 0


def said(answered: Answered, name: str, attempts: int) -> None:
    """The answer is whole, of this provider, and told so."""
    assert answered.text == f"This is {name}"
    assert answered.is_complete
    assert answered.headers["x-waypost-model"] == model(name)
    assert answered.headers["x-waypost-attempts"] == str(attempts)


def reference(gateway: Gateway, world: World, client: Client, chain: tuple[str, str]) -> Request:
    """What the second of a chain gets when it is asked first and nothing has failed."""
    first, second = chain
    said(client.ask(gateway, over(second, first)), second, 1)
    return world[second].requests.pop()


def same(request: Request, other: Request, chain: tuple[str, str]) -> None:
    """Two requests differ in nothing but the word of their chains."""
    first, second = chain
    assert request.path == other.path
    expected = other.body.replace(over(second, first).encode(), over(first, second).encode())
    assert request.body == expected
    wanted = [name for name, _ in other.headers if not name.startswith("x-waypost-")]
    assert sorted(n for n, _ in request.headers if not n.startswith("x-waypost-")) == sorted(wanted)


@each_pair
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_the_next_answers_whatever_it_speaks(
    mixed_gateway: Gateway, mixed_world: World, first: str, second: str, fault: Behaviour
) -> None:
    pair = (first, second)
    other = reference(mixed_gateway, mixed_world, CHAT_JSON, pair)
    mixed_world[first].behaviour = fault
    said(CHAT_JSON.ask(mixed_gateway, over(*pair)), second, 2)
    assert mixed_world.got() == {first: 1, second: 1}
    for name, foe in (pair, pair[::-1]):
        request = mixed_world[name].wait()
        assert complaints(request) == []
        assert leaks(request, name, [foe]) == [], request.head
    same(mixed_world[second].wait(), other, pair)


@each_client
def test_every_client_gets_the_answer_of_the_next(
    mixed_gateway: Gateway, mixed_world: World, client: Client
) -> None:
    for pair in DIALECT_PAIRS:
        first, second = pair
        other = reference(mixed_gateway, mixed_world, client, pair)
        mixed_world[first].script = [fails(503)]
        said(client.ask(mixed_gateway, over(*pair)), second, 2)
        for name, foe in (pair, pair[::-1]):
            request = mixed_world[name].requests[-1]
            assert complaints(request) == [], pair
            assert leaks(request, name, [foe]) == [], request.head
            assert b"Answer in one sentence." in request.body
            assert b'"weather"' in request.body
            assert b"321" in request.body
        same(mixed_world[second].requests[-1], other, pair)
    assert mixed_world.got() == dict.fromkeys([*FIRST.values(), *SECOND.values()], 3)


@pytest.mark.parametrize("fault", MORE_FAULTS.values(), ids=MORE_FAULTS.keys())
def test_every_client_survives_every_fault(
    mixed_gateway: Gateway, mixed_world: World, fault: Behaviour
) -> None:
    """Each client along another order of a chain of three."""
    for client, chain in zip(CLIENTS, permutations(FIRST.values(), 3), strict=True):
        for name in chain[:2]:
            mixed_world[name].behaviour = fault
        mixed_world[chain[2]].behaviour = answers(f"This is {chain[2]}")
        said(client.ask(mixed_gateway, over(*chain)), chain[2], 3)
    requests = [request for name in FIRST.values() for request in mixed_world[name].requests]
    assert len(requests) == 3 * len(CLIENTS)
    assert [wrong for request in requests for wrong in complaints(request)] == []


@each_client
def test_after_a_refused_connection_the_next_answers(
    mixed_gateway: Gateway, mixed_world: World, client: Client
) -> None:
    for dead in FIRST.values():
        for name in SECOND.values():
            answered = client.ask(mixed_gateway, over(f"{dead}dead", name))
            said(answered, name, 2)
            assert leaks(mixed_world[name].requests[-1], name, [dead]) == []


@each_client
def test_after_silence_the_next_answers(hasty: Gateway, mixed_world: World, client: Client) -> None:
    for name in FIRST.values():
        mixed_world[name].behaviour = silent

    def one(pair: tuple[str, str]) -> None:
        said(client.ask(hasty, over(*pair)), pair[1], 2)

    client.ask(hasty, over("openai2"))  # makes the client, which threads must not do
    with ThreadPoolExecutor(9) as pool:
        assert len(list(pool.map(one, DIALECT_PAIRS))) == 9
    assert [mixed_world[name].wait().gone.wait(10) for name in FIRST.values()] == [True] * 3


def test_forty_failovers_between_dialects_at_once(mixed_gateway: Gateway, mixed_world: World) -> None:
    """Each with a text of its own, that must be in what the one gets who answers."""
    for name in FIRST.values():
        mixed_world[name].behaviour = fails(500)

    def one(number: int) -> tuple[int, str | None]:
        form, pair = FORMS[number % 3], DIALECT_PAIRS[number % 9]
        body = form.body(f"{over(*pair)} number-{number}-")
        response = mixed_gateway.post(body, form.path)
        assert form.text(response.json) == f"This is {pair[1]}"
        return response.status, response.header("x-waypost-attempts")

    with ThreadPoolExecutor(40) as pool:
        assert list(pool.map(one, range(90))) == [(200, "2")] * 90
    for number in range(90):
        _, second = DIALECT_PAIRS[number % 9]
        assert sum(r.mentions(f"number-{number}-") for r in mixed_world[second].requests) == 1


# --- what is not retried ----------------------------------------------------------------------------------


@each_provider
@each_form
def test_a_fault_of_the_request_is_told_and_not_retried(
    mixed_gateway: Gateway, mixed_world: World, name: str, form: Form
) -> None:
    other = next(second for second in SECOND.values() if MIXED[second].dialect != MIXED[name].dialect)
    for status in (400, 413, 422):
        mixed_world[name].behaviour = fails(status, "`temperature` is out of range")
        response = mixed_gateway.post(form.body(over(name, other)), form.path)
        assert response.status == status
        form.error(response.json)
    assert mixed_world.got() == {name: 3}


@each_pair
def test_a_stream_that_has_begun_is_not_begun_again(
    mixed_gateway: Gateway, mixed_world: World, first: str, second: str
) -> None:
    gate = mixed_world[first].gate()
    gate.open(2)
    mixed_world[first].behaviour = Script(Says("one"), lambda _, events: events[:2], gate, cut)
    chunks = iter(mixed_gateway.sdk().chat.completions.create(**CHAT.body(over(first, second)), stream=True))
    assert any(chunk.choices[0].delta.content == "one" for chunk in chunks)
    gate.open()
    with pytest.raises(openai.APIConnectionError):
        list(chunks)
    assert mixed_world.got() == {first: 1}


# --- errors that say another model can do it --------------------------------------------------------------


def _google(code: int, status: str, message: str, reason: str = "") -> Behaviour:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": CANARY}
    error = {"code": code, "message": message, "status": status, "details": [info] if reason else []}
    return says_error(code, {"error": error})


def _anthropic(status: int, kind: str, message: str) -> Behaviour:
    return says_error(status, {"type": "error", "error": {"type": kind, "message": message}})


def _openai(status: int, kind: str, code: str | None, message: str) -> Behaviour:
    return says_error(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})


OVERFLOWS = {
    "openai1": _openai(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
    ),
    "claude1": _anthropic(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    "gemini1": _google(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    ),
}


@pytest.mark.parametrize(("name", "fault"), OVERFLOWS.items(), ids=OVERFLOWS.keys())
def test_what_is_too_long_for_one_goes_to_the_next(
    mixed_gateway: Gateway, mixed_world: World, name: str, fault: Behaviour
) -> None:
    mixed_world[name].behaviour = fault
    for client in CLIENTS:
        for second in SECOND.values():
            said(client.ask(mixed_gateway, over(name, second)), second, 2)


@each_form
@pytest.mark.parametrize(("name", "fault"), OVERFLOWS.items(), ids=OVERFLOWS.keys())
def test_what_is_too_long_for_all_is_told(
    mixed_gateway: Gateway, mixed_world: World, name: str, fault: Behaviour, form: Form
) -> None:
    last = next(other for other in FIRST.values() if other != name)
    for chain in ((name,), (last, name)):
        mixed_world[last].behaviour = OVERFLOWS[last]
        mixed_world[name].behaviour = fault
        response = mixed_gateway.post(form.body(over(*chain)), form.path)
        assert response.status == 400
        kind, message = form.error(response.json)
        assert kind == "invalid_request_error"
        assert "token" in message or "context" in message
        assert "details" not in response.json["error"]
        if form is not MESSAGES:
            assert response.json["error"]["code"] == "context_length_exceeded"


SPENT = {
    "openai1-quota": ("openai1", _openai(429, "insufficient_quota", "insufficient_quota", "Quota exceeded.")),
    "openai1-billing": ("openai1", _openai(402, "billing", None, "Pay first.")),
    "claude1-billing": ("claude1", _anthropic(402, "billing_error", "Your payment failed.")),
    "claude1-credit": (
        "claude1",
        _anthropic(400, "invalid_request_error", "Your credit balance is too low to access the API."),
    ),
    "gemini1-quota": ("gemini1", _google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.")),
    "gemini1-key": (
        "gemini1",
        _google(400, "INVALID_ARGUMENT", "API key not valid.", reason="API_KEY_INVALID"),
    ),
    "gemini1-disabled": ("gemini1", _google(403, "PERMISSION_DENIED", "Not enabled.", "SERVICE_DISABLED")),
}


@pytest.mark.parametrize(("name", "fault"), SPENT.values(), ids=SPENT.keys())
def test_a_provider_that_wants_money_or_another_key_is_passed_over(
    mixed_gateway: Gateway, mixed_world: World, name: str, fault: Behaviour
) -> None:
    for second in SECOND.values():
        mixed_world[name].behaviour = fault
        said(CHAT_JSON.ask(mixed_gateway, over(name, second)), second, 2)


@pytest.mark.parametrize(("name", "fault"), SPENT.values(), ids=SPENT.keys())
def test_the_gateways_own_troubles_are_no_fault_of_the_client(
    mixed_gateway: Gateway, mixed_world: World, name: str, fault: Behaviour
) -> None:
    mixed_world[name].behaviour = fault
    for form in FORMS:
        response = mixed_gateway.post(form.body(over(name)), form.path)
        assert response.status in {429, 502, 503}
        form.error(response.json)
        assert b"API key" not in response.body
        assert b"credit balance" not in response.body


# --- when all fail -----------------------------------------------------------------------------------------


@each_client
def test_when_all_fail_the_client_is_told_in_its_own_form(
    mixed_gateway: Gateway, mixed_world: World, client: Client
) -> None:
    for name in FIRST.values():
        mixed_world[name].behaviour = fails(500)
    form = client.form
    for chain in permutations(FIRST.values(), 3):
        body = form.body(over(*chain)) | {"stream": client.stream}
        response = mixed_gateway.post(body, form.path)
        assert response.status >= 500
        assert response.header("x-should-retry") == "false"
        assert response.header("x-waypost-attempts") == "3"
        form.error(response.json)
        assert not any(MIXED[name].wire.encode() in response.body for name in chain)
    assert mixed_world.got() == dict.fromkeys(FIRST.values(), 6)


def test_the_sdks_do_not_multiply_the_attempts(mixed_gateway: Gateway, mixed_world: World) -> None:
    for name in ("claude1", "gemini1"):
        mixed_world[name].behaviour = fails(500)
    sdk = anthropic.Anthropic(base_url=mixed_gateway.url, api_key="client-key", max_retries=2)
    with sdk, pytest.raises(anthropic.InternalServerError):
        sdk.messages.create(**MESSAGES.body(over("claude1", "gemini1")))
    assert mixed_world.got() == {"claude1": 1, "gemini1": 1}


# --- boundary ----------------------------------------------------------------------------------------------


@each_client
def test_no_dialect_is_a_way_out_of_the_boundary(
    mixed_gateway: Gateway, mixed_world: World, client: Client
) -> None:
    for fault in MORE_FAULTS.values():
        for name in EU_CHAIN:
            mixed_world[name].behaviour = fault
        response = _asked_inside(mixed_gateway, client.form, stream=client.stream)
        assert response.status >= 400
        client.form.error(response.json)
    assert mixed_world.got() == dict.fromkeys(EU_CHAIN, len(MORE_FAULTS))


def test_a_model_outside_the_boundary_is_not_honoured(mixed_gateway: Gateway, mixed_world: World) -> None:
    for form in FORMS:
        for name in FIRST.values():
            response = _asked_inside(mixed_gateway, form, model=model(name))
            assert form.text(response.json).startswith("This is ")
    assert mixed_world.got().keys() <= set(EU_CHAIN)


def _asked_inside(gateway: Gateway, form: Form, **fields: Any) -> Response:
    return gateway.post(form.body("something europeonly") | fields, form.path)


def test_the_result_says_who_answered(mixed_gateway: Gateway, mixed_world: World) -> None:
    mixed_world["openai1"].behaviour = fails(500)
    response = mixed_gateway.post(RESPONSES.body(over("openai1", "claude2")), RESPONSES.path)
    found = response.header("x-waypost-request-id")
    mixed_gateway.until(lambda: mixed_gateway.records(found, "result"), "a result in the audit log")
    (result,) = mixed_gateway.records(found, "result")
    assert (result["attempts"], result["status"], result["outcome"]) == (2, 200, "ok")
    assert "sk-" not in json.dumps(result)
