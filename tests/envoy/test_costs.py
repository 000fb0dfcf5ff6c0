"""What an answer cost, as the log and headers tell it, for every form and provider, through Envoy."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.envoy.asking import CHAT, FORMS, Form, streaming
from tests.envoy.gateway import Gateway, serve
from tests.envoy.speaking import Says, Script, cut, fails
from tests.envoy.world import FIRST, SECOND, World, mixed, model, over

PRICE = {"input": 3, "output": 15, "cached_input": 0.5}
DEAR = {"input": 10, "output": 40}
# Every scripted provider counts 11 tokens, 4 of them cached, and 7 back.
COST, SAVED = "0.000128", "0.000262"
UNCACHED, UNCACHED_SAVED = "0.000138", "0.000252"
BASELINE = SECOND["openai"]


@pytest.fixture(scope="module")
def shared(whole_mixed_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    file = mixed(whole_mixed_world)
    for name in FIRST.values():
        file["models"][model(name)]["price"] = PRICE
    file["models"][model(BASELINE)]["price"] = DEAR
    told = {"costs": {"baseline": model(BASELINE), "headers": True}}
    with serve(tmp_path_factory.mktemp("costs"), file | told) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared: Gateway, mixed_world: World) -> Gateway:
    return shared


def result(gateway: Gateway, ident: str | None) -> dict[str, Any]:
    gateway.until(lambda: gateway.records(ident, "result"), "the result is recorded")
    (found,) = gateway.records(ident, "result")
    return found


EACH = pytest.mark.parametrize("name", FIRST.values())
EACH_FORM = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


@EACH
@EACH_FORM
def test_an_answer_in_json_tells_its_cost(gateway: Gateway, form: Form, name: str) -> None:
    response = gateway.post(form.body(over(name)), form.path)
    assert response.status == 200
    assert form.text(response.json) == f"This is {name}"
    assert response.header("x-waypost-cost-usd") == COST
    assert response.header("x-waypost-saved-usd") == SAVED
    told = result(gateway, response.header("x-waypost-request-id"))
    assert (told["prompt_tokens"], told["cached_tokens"], told["completion_tokens"]) == (11, 4, 7)
    assert (told["cost_usd"], told["saved_usd"], told["stream_end"]) == (COST, SAVED, "")
    assert told["model"]


@EACH
@EACH_FORM
def test_a_stream_is_charged_when_it_ended(gateway: Gateway, form: Form, name: str) -> None:
    with streaming(gateway, form, over(name)) as stream:
        events = list(stream)
        ident = stream.response.getheader("x-waypost-request-id")
        assert stream.response.getheader("x-waypost-cost-usd") is None
    assert form.is_end(events[-1])
    told = result(gateway, ident)
    assert (told["prompt_tokens"], told["completion_tokens"], told["stream_end"]) == (11, 7, "complete")
    cost = {None: (UNCACHED, UNCACHED_SAVED), 4: (COST, SAVED)}[told["cached_tokens"]]
    assert (told["cost_usd"], told["saved_usd"]) == cost


@EACH
def test_a_client_that_did_not_ask_gets_no_usage(gateway: Gateway, mixed_world: World, name: str) -> None:
    with streaming(gateway, CHAT, over(name)) as stream:
        events = [event.data for event in stream if isinstance(event.data, dict)]
    assert [event for event in events if event.get("usage") or not event["choices"]] == []
    if FIRST["openai"] == name:
        sent = mixed_world[name].requests[-1].json
        assert sent["stream_options"] == {"include_usage": True}


@EACH
def test_a_client_that_asked_gets_it_once(gateway: Gateway, name: str) -> None:
    asked = {"stream_options": {"include_usage": True}}
    with streaming(gateway, CHAT, over(name), **asked) as stream:
        events = [event.data for event in stream if isinstance(event.data, dict)]
    (told,) = (event["usage"] for event in events if event.get("usage"))
    assert (told["prompt_tokens"], told["completion_tokens"]) == (11, 7)
    assert events[-1]["usage"] == told


def test_the_baseline_saves_nothing(gateway: Gateway) -> None:
    response = gateway.ask(over(BASELINE))
    assert response.header("x-waypost-cost-usd") == "0.00039"
    assert response.header("x-waypost-saved-usd") == "0"


def test_a_model_without_a_price_tells_its_tokens_only(gateway: Gateway) -> None:
    response = gateway.ask(over("azure"))
    assert response.header("x-waypost-cost-usd") is None
    told = result(gateway, response.header("x-waypost-request-id"))
    assert (told["prompt_tokens"], told["cost_usd"], told["saved_usd"]) == (11, None, None)


def test_the_one_that_answered_is_charged(gateway: Gateway, mixed_world: World) -> None:
    first, second = FIRST["anthropic"], SECOND["openai"]
    mixed_world[first].behaviour = fails(503)
    response = gateway.ask(over(first, second))
    assert response.header("x-waypost-attempts") == "2"
    assert response.header("x-waypost-cost-usd") == "0.00039"


def test_an_error_costs_nothing_that_is_known(gateway: Gateway, mixed_world: World) -> None:
    name = FIRST["openai"]
    mixed_world[name].behaviour = fails(400)
    response = gateway.ask(over(name))
    assert response.status == 400
    assert response.header("x-waypost-cost-usd") is None
    assert result(gateway, response.header("x-waypost-request-id"))["cost_usd"] is None


@EACH
@EACH_FORM
def test_a_stream_that_broke_off_is_recorded_as_one(
    gateway: Gateway, mixed_world: World, form: Form, name: str
) -> None:
    gate = mixed_world[name].gate()
    mixed_world[name].behaviour = Script(Says("One two three"), lambda _, e: e[:2], gate, ending=cut)
    gate.open(2)
    with streaming(gateway, form, over(name)) as stream:
        pieces = stream.pieces(form)
        assert next(pieces) == "One"
        gate.open()
        assert list(pieces) == []
        ident = stream.response.getheader("x-waypost-request-id")
    assert stream.is_cut
    told = result(gateway, ident)
    assert told["stream_end"] == "cut"
    # OpenAI's tell it at the end, the others from the first event on
    knows_early = name != FIRST["openai"]
    assert told["prompt_tokens"] == (11 if knows_early else None)
    assert (told["cost_usd"] is not None) is knows_early


@EACH
@EACH_FORM
def test_an_error_in_a_stream_is_recorded_as_one(
    gateway: Gateway, mixed_world: World, form: Form, name: str
) -> None:
    mixed_world[name].behaviour = Script(
        Says("One two three"), lambda tongue, events: [*events[:3], tongue.broken(), *events[3:]]
    )
    with streaming(gateway, form, over(name)) as stream:
        events = list(stream)
        ident = stream.response.getheader("x-waypost-request-id")
    assert form.is_error(events[-1])
    assert result(gateway, ident)["stream_end"] == "error"
