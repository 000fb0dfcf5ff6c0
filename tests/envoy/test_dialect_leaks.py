"""Nothing of one provider, and nothing of the client's account, reaches another provider of any dialect."""

import json
from itertools import permutations

import pytest

from tests.envoy.asking import CHAT, FORMS, MESSAGES, Form
from tests.envoy.faulty import Behaviour, reset
from tests.envoy.gateway import Gateway
from tests.envoy.leaks import OPAQUE, leaks
from tests.envoy.speaking import CANARY, answers, complaints, fails, says_error
from tests.envoy.test_isolation import CLIENT_SECRETS
from tests.envoy.world import EU_CHAIN, FIRST, MIXED, SECOND, World, model, over

JSON_TYPE = ("content-type", "application/json")
AUTH = {
    "bearer": ("authorization", "Bearer SECRET-of-the-client"),
    "x-api-key": ("x-api-key", "SECRET-of-the-client"),
    "x-goog-api-key": ("x-goog-api-key", "SECRET-of-the-client"),
    "api-key": ("api-key", "SECRET-of-the-client"),
}
each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


@pytest.mark.parametrize("first", MIXED)
def test_no_kind_leaves_anything_for_another(mixed_gateway: Gateway, mixed_world: World, first: str) -> None:
    """Every ordered pair of kinds, every client, with bodies whose translations have unequal lengths."""
    others = [name for name in MIXED if name != first]
    for second in others:
        for form in FORMS:
            for fault in (fails(500), reset):
                mixed_world[first].script = [fault]
                response = mixed_gateway.post(form.body(f"{over(first, second)} {'p' * 3000}"), form.path)
                assert form.text(response.json) == f"This is {second}", form.name
                assert response.header("x-waypost-model") == model(second)
        assert len(mixed_world[second].requests) == 2 * len(FORMS)
        for request in mixed_world[second].requests:
            assert complaints(request) == []
            assert leaks(request, second, [first]) == [], request.head
            assert request.header("host") == f"127.0.0.1:{mixed_world[second].port}"
            assert not request.mentions(f":{mixed_world[first].port}")
    for request in mixed_world[first].requests:
        assert leaks(request, first, others) == [], request.head


@pytest.mark.parametrize("name", MIXED)
def test_nothing_of_the_client_reaches_a_provider_of_any_kind(
    mixed_gateway: Gateway, mixed_world: World, name: str
) -> None:
    for form in FORMS:
        body = json.dumps(form.body(over(name)))
        headers = [JSON_TYPE, *CLIENT_SECRETS.items()]
        if MIXED[name].kind == form.native == "anthropic":  # version and betas of a body that goes as it is
            headers = [(key, value) for key, value in headers if not key.startswith("anthropic-")]
        path = f"{form.path}?key=CANARY-query&alt=sse&beta=CANARY"
        response = mixed_gateway.request("POST", path, body, headers)
        assert response.status == 200, response.body
        request = mixed_world[name].requests[-1]
        assert not request.mentions("CANARY"), request.head
        assert leaks(request, name, set(MIXED) - {name}) == []


@pytest.mark.parametrize("style", AUTH.values(), ids=AUTH.keys())
def test_every_style_of_a_key_is_taken_and_none_is_forwarded(
    mixed_gateway: Gateway, mixed_world: World, style: tuple[str, str]
) -> None:
    for form in FORMS:
        for name in MIXED:
            body = json.dumps(form.body(over(name)))
            assert mixed_gateway.request("POST", form.path, body, [JSON_TYPE, style]).status == 200
            request = mixed_world[name].requests[-1]
            assert not request.mentions("SECRET")
            assert leaks(request, name, set(MIXED) - {name}) == []


@pytest.mark.parametrize("second", [name for name in SECOND.values() if MIXED[name].kind != "anthropic"])
def test_betas_of_a_client_of_claude_reach_nobody_else(
    mixed_gateway: Gateway, mixed_world: World, second: str
) -> None:
    mixed_world["claude1"].behaviour = fails(500)
    headers = [
        JSON_TYPE,
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "interleaved-thinking-2025-05-14"),
        ("x-stainless-lang", "python"),
        ("anthropic-dangerous-direct-browser-access", "true"),
    ]
    body = json.dumps(MESSAGES.body(over("claude1", second)))
    assert mixed_gateway.request("POST", f"{MESSAGES.path}?beta=true", body, headers).status == 200
    request = mixed_world[second].wait()
    assert not request.mentions("anthropic")
    assert not request.mentions("interleaved")
    assert not request.mentions("stainless")
    assert "beta=true" not in request.path


# --- internal headers ---------------------------------------------------------------------------------------


@each_form
def test_hops_and_form_tell_a_provider_nothing(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    chain = ("openai1", "claude1", "gemini1")
    for name in chain[:2]:
        mixed_world[name].behaviour = fails(503)
    assert mixed_gateway.post(form.body(over(*chain)), form.path).status == 200
    for name in chain:
        internal = [(key, value) for key, value in mixed_world[name].wait().headers if key in OPAQUE]
        for _, value in internal:
            assert len(value) == 20
            assert not any(word in value for word in ("openai", "claude", "gemini", "chat"))
    last = [key for key, _ in mixed_world["gemini1"].wait().headers]
    assert not [key for key in last if key.startswith("x-waypost-hop-")]


def _form_of(world: World, gateway: Gateway) -> str:
    """The opaque value of Anthropic's form, as a provider could know it."""
    world["claude1"].behaviour = fails(500)
    gateway.post(MESSAGES.body(over("claude1", "claude2")), MESSAGES.path)
    found = world["claude1"].wait().header("x-waypost-form")
    for name, upstream in world.upstreams.items():
        upstream.clear()
        upstream.behaviour = answers(f"This is {name}")
    return found or "0" * 20


@pytest.mark.parametrize("value", ["REAL", "openai_chat", "anthropic_messages", ""])
def test_a_spoofed_form_changes_nothing(mixed_gateway: Gateway, mixed_world: World, value: str) -> None:
    value = value.replace("REAL", _form_of(mixed_world, mixed_gateway))
    for form in FORMS:
        for name in FIRST.values():
            body = json.dumps(form.body(over(name)))
            headers = [JSON_TYPE, ("x-waypost-form", value), ("X-Waypost-Form", value)]
            response = mixed_gateway.request("POST", form.path, body, headers)
            assert form.text(response.json) == f"This is {name}"
    assert [
        wrong for name in FIRST.values() for r in mixed_world[name].requests for wrong in complaints(r)
    ] == []


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/responses", "/v1/messages/count_tokens", "/v1beta/models"]
)
def test_spoofed_hops_without_a_body_reach_nobody(
    mixed_gateway: Gateway, mixed_world: World, path: str
) -> None:
    mixed_world["openai1"].behaviour = fails(500)
    mixed_gateway.post(CHAT.body(over("openai1", "claude2")), CHAT.path)
    first = mixed_world["openai1"].wait()
    spoof = [(key, value) for key, value in first.headers if key in OPAQUE]
    mixed_world["openai1"].requests.clear()
    mixed_world["claude2"].requests.clear()
    for method in ("GET", "POST", "DELETE"):
        assert mixed_gateway.request(method, path, None, spoof).status >= 400
    assert mixed_world.got() == {}


# --- what clients, logs and records see ---------------------------------------------------------------------

TELLING: dict[str, Behaviour] = {
    **{str(status): fails(status) for status in (401, 403, 404, 429, 500, 503, 529)},
    "list": says_error(500, [CANARY]),
    "text": says_error(500, CANARY),
    "null": says_error(500, None),
}


@pytest.mark.parametrize("name", FIRST.values())
@each_form
def test_errors_tell_nothing_of_the_provider(
    mixed_gateway: Gateway, mixed_world: World, name: str, form: Form
) -> None:
    """Where the client and the provider speak the same, what is about the request passes as it was said."""
    for what, fault in TELLING.items():
        mixed_world[name].behaviour = fault
        response = mixed_gateway.post(form.body(over(name)), form.path)
        assert response.status >= 400
        if form.native != MIXED[name].dialect:
            form.error(response.json)
            assert CANARY.encode() not in response.body, what
        assert not any(MIXED[name].key in value for _, value in response.headers)
        assert MIXED[name].key.encode() not in response.body
        assert str(mixed_world[name].port).encode() not in response.body


def test_no_key_and_no_text_stands_in_log_or_record(mixed_gateway: Gateway, mixed_world: World) -> None:
    for form in FORMS:
        for first in FIRST.values():
            for second in SECOND.values():
                mixed_world[first].script = [fails(500)]
                mixed_gateway.post(form.body(f"{over(first, second)} PROMPT-CANARY"), form.path)
    files = [
        mixed_gateway.log,
        *mixed_gateway.state.rglob("audit-*.jsonl"),
        *mixed_gateway.state.rglob("*.json"),
    ]
    for file in files:
        text = file.read_text()
        assert "PROMPT-CANARY" not in text, file
        assert not [name for name, site in MIXED.items() if site.key in text and file.name != "waypost.yaml"]


def test_a_boundary_holds_for_every_client_and_fault(mixed_gateway: Gateway, mixed_world: World) -> None:
    for form in FORMS:
        for name in (*FIRST.values(), "azure"):
            for inside in EU_CHAIN:
                mixed_world[inside].script = [reset]
            fields = {"model": model(name)}
            assert mixed_gateway.post(form.body("europeonly") | fields, form.path).status >= 500
    assert mixed_world.got().keys() == set(EU_CHAIN)


def test_each_hop_of_a_long_chain_has_its_own_key_only(mixed_gateway: Gateway, mixed_world: World) -> None:
    for chain in permutations(FIRST.values(), 3):
        for name in chain[:2]:
            mixed_world[name].script = [fails(429)]
        assert mixed_gateway.post(MESSAGES.body(over(*chain)), MESSAGES.path).status == 200
        for name in chain:
            request = mixed_world[name].requests[-1]
            assert leaks(request, name, chain) == []
