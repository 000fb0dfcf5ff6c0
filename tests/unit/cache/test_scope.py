"""Requests share a key if they are equal in all that shapes an answer, and only then."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.cache.scope import TRANSPORT, Road, document, exact_key, partition, shape_of
from waypost.cache.settings import Sharing
from waypost.dialects.openai_chat import parse
from waypost.request.chat import ChatRequest, Identity, Sent

SECRET = b"s" * 32
ROAD = Road("rule", "rev1", "openai", "gpt", "gpt-4o")
ANN = Identity(trusted=True, tenant="acme", user="ann")

BODY: dict[str, Any] = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who was Ada Lovelace?"},
        {"role": "assistant", "content": "A mathematician."},
        {"role": "user", "content": "How old did she become?"},
    ],
    "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
    "tool_choice": "auto",
    "response_format": {"type": "json_object"},
    "temperature": 0.5,
    "top_p": 0.9,
    "seed": 7,
    "max_tokens": 100,
    "stop": ["\n"],
    "n": 1,
    "logprobs": True,
    "reasoning_effort": "low",
    "brand_new": {"deep": [1, 2.5, None, "x"]},
}


def request(body: dict[str, Any] | str, identity: Identity = ANN) -> ChatRequest:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return parse(text.encode(), identity=identity)


def exact(body: dict[str, Any] | str, sharing: Sharing = "tenant", identity: Identity = ANN) -> bytes | None:
    return exact_key(SECRET, sharing, request(body, identity), ROAD)


def part(body: dict[str, Any] | str, sharing: Sharing = "tenant", identity: Identity = ANN) -> bytes | None:
    return partition(SECRET, sharing, request(body, identity), ROAD, "minilm-1", "en")


def said(text: str) -> dict[str, Any]:
    return BODY | {"messages": [*BODY["messages"][:-1], {"role": "user", "content": text}]}


# --- what is equal ----------------------------------------------------------------------------------------


def test_keys_are_32_bytes_and_stable() -> None:
    assert exact(BODY) == exact(BODY)
    assert part(BODY) == part(BODY)
    assert {len(exact(BODY) or b""), len(part(BODY) or b"")} == {32}
    assert exact(BODY) != part(BODY)


@given(st.sampled_from(sorted(TRANSPORT - {"stream"})), st.recursive(st.text() | st.integers(), st.lists))
def test_what_only_travels_shares(name: str, value: object) -> None:
    changed = BODY | {name: value}
    assert exact(changed) == exact(BODY)
    assert part(changed) == part(BODY)


def test_a_stream_shares_with_a_body() -> None:
    assert exact(BODY | {"stream": True, "stream_options": {"include_usage": True}}) == exact(BODY)


def test_order_of_members_and_white_space_do_not_matter() -> None:
    shuffled = json.dumps(dict(reversed(BODY.items())), indent=3)
    assert exact(shuffled) == exact(BODY)


@pytest.mark.parametrize("same", ["1", "1.0", "1e0", "10E-1", "0.1e1", "1.000", "1e+0"])
def test_spellings_of_a_number_are_one(same: str) -> None:
    assert exact(json.dumps(BODY | {"top_p": 0}).replace('"top_p": 0', f'"top_p": {same}')) == exact(
        BODY | {"top_p": 1}
    )


def test_composed_and_decomposed_text_are_one_in_messages_only() -> None:
    assert exact(said("Où est le café ?")) == exact(said(normalize("NFD", "Où est le café ?")))
    assert exact(BODY | {"stop": ["é"]}) != exact(BODY | {"stop": ["e\u0301"]})


def test_one_part_of_text_is_the_text() -> None:
    parts = [{"type": "text", "text": "How old did she become?"}]
    whole = BODY | {"messages": [*BODY["messages"][:-1], {"role": "user", "content": parts}]}
    assert exact(whole) == exact(BODY)
    assert part(whole) == part(BODY)


def test_clients_of_all_chat_forms_share_and_completions_do_not() -> None:
    chat = request(BODY)
    other = replace(chat, dialect="anthropic_messages", sent=Sent(b"{}"))
    text = replace(chat, dialect="openai_completions", sent=Sent(b"{}"))
    assert exact_key(SECRET, "tenant", other, ROAD) == exact_key(SECRET, "tenant", chat, ROAD)
    assert exact_key(SECRET, "tenant", text, ROAD) != exact_key(SECRET, "tenant", chat, ROAD)


def test_headers_that_switch_on_what_changes_answers_count_and_others_do_not() -> None:
    chat = request(BODY)
    beta = replace(chat, headers=(("anthropic-beta", "context-1m"),))
    agent = replace(chat, headers=(("user-agent", "curl"),))
    assert exact_key(SECRET, "tenant", beta, ROAD) != exact_key(SECRET, "tenant", chat, ROAD)
    assert exact_key(SECRET, "tenant", agent, ROAD) == exact_key(SECRET, "tenant", chat, ROAD)


# --- what differs -----------------------------------------------------------------------------------------


def mutated(value: Any, draw: Callable[[Any], Any]) -> Any:
    """The value with one thing in it changed, anywhere."""
    match value:
        case {}:
            changed = changed_object(value, draw)
        case [_, *_]:
            place = draw(st.integers(0, len(value) - 1))
            changed = [*value[:place], mutated(value[place], draw), *value[place + 1 :]]
        case str():
            changed = value + draw(st.text("abc 1", min_size=1, max_size=3))
        case bool():
            changed = not value
        case int() | float():
            changed = value + draw(st.integers(1, 9))
        case _:
            changed = draw(st.sampled_from(["other", 5, True]))
    return changed


def changed_object(value: dict[str, Any], draw: Callable[[Any], Any]) -> dict[str, Any]:
    """With a member more, one less, or another value."""
    how = draw(st.integers(0, 5)) if value else 0
    if how == 0:
        return value | {draw(st.text(min_size=1, max_size=5).filter(lambda name: name not in value)): 1}
    name = draw(st.sampled_from(sorted(value)))
    if how == 1 and name not in {"role", "type", "content", "model", "messages"}:
        return {key: item for key, item in value.items() if key != name}
    return value | {name: mutated(value[name], draw)}


@given(st.data())
def test_a_request_that_differs_in_any_part_has_another_exact_key(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(BODY)))
    changed = BODY | {name: mutated(BODY[name], data.draw)}
    assert exact(changed) != exact(BODY)


@given(st.data())
def test_a_request_that_differs_in_more_than_its_last_turn_is_in_another_partition(
    data: st.DataObject,
) -> None:
    name = data.draw(st.sampled_from(sorted(set(BODY) - {"messages"})))
    assert part(BODY | {name: mutated(BODY[name], data.draw)}) != part(BODY)
    earlier, last = BODY["messages"][:-1], BODY["messages"][-1]
    assert part(BODY | {"messages": [*mutated(earlier, data.draw), last]}) != part(BODY)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_partition_holds_every_wording_of_the_last_turn(one: str, other: str) -> None:
    assert part(said(one)) == part(said(other))
    assert (exact(said(one)) == exact(said(other))) == (normalize("NFC", one) == normalize("NFC", other))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, JSON)
def test_unknown_members_share_only_if_equal(one: object, other: object) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    if same or not numbers_alike(one, other):
        assert (exact(BODY | {"brand_new": one}) == exact(BODY | {"brand_new": other})) is same


def numbers_alike(one: object, other: object) -> bool:
    """Whether two values may be one although they are spelled differently: 1 and 1.0, deep inside."""
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True) and one == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", '"1"'),
        ("1", "true"),
        ("0", "false"),
        ("null", '"null"'),
        ("[]", "{}"),
        ('["a","b"]', '["a,b"]'),
        ('"gap"', "null"),
        ("1e400", "2e400"),
        ("12345678901234567890", "12345678901234567891"),
        ("0.1", "0.10000000000000001"),
        ("1e1", "1"),
        ("-1", "1"),
        ("1.5e-7", "1.5e7"),
        ('{"a":{"b":1}}', '{"a":1,"b":1}'),
    ],
)
def test_values_that_look_alike_are_told_apart(one: str, other: str) -> None:
    body = json.dumps(BODY | {"brand_new": "X"})
    assert exact(body.replace('"X"', one)) != exact(body.replace('"X"', other))


@given(st.integers(4090, 4100), st.sampled_from("acé"))
def test_long_texts_count_to_their_last_character(length: int, last: str) -> None:
    text = "x" * length
    assert exact(BODY | {"stop": [text + last]}) != exact(BODY | {"stop": [text + "b"]})
    assert exact(BODY | {"stop": [text + last]}) == exact(BODY | {"stop": [text + last]})
    shape = shape_of(request(BODY | {"stop": [text * 100]}))
    assert shape is not None
    assert len(shape.whole) < 3000


def test_a_digest_is_no_text() -> None:
    text = "x" * 5000
    digest = "h" + hashlib.sha256(text.encode()).hexdigest()
    assert exact(BODY | {"stop": [text]}) != exact(BODY | {"stop": [digest]})


def test_zero_is_zero_however_it_is_signed() -> None:
    body = json.dumps(BODY | {"seed": "X"})
    assert len({exact(body.replace('"X"', zero)) for zero in ("0", "0.0", "-0", "0e5", "-0.00")}) == 1


def test_a_turn_behind_the_last_user_turn_counts() -> None:
    tail = BODY["messages"] + [{"role": "assistant", "content": "She"}]
    other = BODY["messages"] + [{"role": "assistant", "content": "He"}]
    assert part(BODY | {"messages": tail}) != part(BODY | {"messages": other})


def test_images_beside_the_text_count() -> None:
    def seen(url: str) -> dict[str, Any]:
        parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
        return {"model": "auto", "messages": [{"role": "user", "content": parts}]}

    assert part(seen("http://a/1")) != part(seen("http://a/2"))


@pytest.mark.parametrize("name", [field.name for field in fields(Road)])
def test_every_part_of_the_road_counts(name: str) -> None:
    other = replace(ROAD, **{name: 1 if name == "epoch" else "other"})
    chat = request(BODY)
    assert exact_key(SECRET, "tenant", chat, other) != exact_key(SECRET, "tenant", chat, ROAD)
    assert partition(SECRET, "tenant", chat, other, "m", "en") != partition(
        SECRET, "tenant", chat, ROAD, "m", "en"
    )


def test_encoder_language_and_secret_count() -> None:
    chat = request(BODY)
    ways = [(SECRET, "m1", "en"), (SECRET, "m2", "en"), (SECRET, "m1", "de"), (b"t" * 32, "m1", "en")]
    assert len({partition(key, "tenant", chat, ROAD, model, lang) for key, model, lang in ways}) == 4
    assert exact_key(SECRET, "tenant", chat, ROAD) != exact_key(b"t" * 32, "tenant", chat, ROAD)


# --- who --------------------------------------------------------------------------------------------------

NAMES = st.none() | st.text(max_size=6)
PEOPLE = st.builds(Identity, trusted=st.booleans(), team=NAMES, tenant=NAMES, user=NAMES)


@given(PEOPLE, PEOPLE)
def test_only_those_share_whom_a_trusted_hop_puts_together(one: Identity, other: Identity) -> None:
    here, there = exact(BODY, "tenant", one), exact(BODY, "tenant", other)
    assert (here is None) == (not one.trusted or one.tenant is None)
    if here and there:
        assert (here == there) == (one.tenant == other.tenant)
    here, there = exact(BODY, "user", one), exact(BODY, "user", other)
    assert (here is None) == (not one.trusted or one.user is None)
    if here and there:
        assert (here == there) == ((one.tenant, one.user) == (other.tenant, other.user))
    assert exact(BODY, "global", one) == exact(BODY, "global", other) is not None
    assert (part(BODY, "user", one) is None) == (exact(BODY, "user", one) is None)


def test_a_name_is_never_taken_for_one_of_another_kind() -> None:
    twins = Identity(trusted=True, tenant="x", user="x")
    sharings: tuple[Sharing, ...] = ("user", "tenant", "global")
    assert len({exact(BODY, sharing, twins) for sharing in sharings}) == 3


def test_what_a_client_says_of_itself_gives_no_identity() -> None:
    assert exact(BODY | {"user": "ann"}, "user", Identity()) is None


# --- where there is no key --------------------------------------------------------------------------------


def test_a_body_that_does_not_hold_all_that_leaves_has_no_key() -> None:
    native = replace(request(BODY), sent=Sent(b"{}", native="mcp_servers"))
    assert exact_key(SECRET, "global", native, ROAD) is None
    assert partition(SECRET, "global", native, ROAD, "m", "en") is None


def test_a_body_that_is_nested_too_deeply_has_no_key() -> None:
    deep = "[" * 30_000 + "]" * 30_000
    chat = replace(request(BODY), original=f'{{"model":"auto","messages":[],"x":{deep}}}'.encode())
    assert document(chat) is None
    assert exact_key(SECRET, "global", chat, ROAD) is None
    less = "[" * 900 + "]" * 900
    chat = replace(request(BODY), original=f'{{"model":"auto","messages":[],"x":{less}}}'.encode())
    assert exact_key(SECRET, "global", chat, ROAD) is None


def test_a_request_without_messages_or_user_turn_has_keys_and_no_text() -> None:
    for body in ('{"model":"auto"}', '{"model":"auto","messages":[{"role":"system","content":"x"}]}'):
        chat = replace(request(BODY), original=body.encode())
        shape = shape_of(chat)
        assert shape is not None
        assert shape.said == ""
        assert shape.whole == shape.rest
        assert exact_key(SECRET, "global", chat, ROAD)


def test_the_text_of_the_last_user_turn_is_told() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "user", "content": "before"}, {"role": "user", "content": parts}]
    shape = shape_of(request({"model": "auto", "messages": messages}))
    assert shape is not None
    assert shape.said == "a\nb"
    assert b"before" in shape.rest


def test_text_stands_in_no_key() -> None:
    assert b"acme" not in (exact(BODY) or b"") + (part(BODY) or b"")
