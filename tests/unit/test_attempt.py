"""One attempt, from the headers Envoy shows to the edits it is told."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from waypost.attempt import FORM, HOPS, Attempt, Form, Hops, attempt, form_id, hops_of
from waypost.errors import ProtocolError, RequestError
from waypost.mutations.reasoning import FAMILIES
from waypost.mutations.target import Target, Use, target
from waypost.providers.chain import MAX_CHAIN, hop_id
from waypost.providers.provider import Account, Endpoint, Provider, Secret
from waypost.providers.sign import CREDENTIALS
from waypost.request.chat import Dialect
from waypost.testing import policies

POLICY = policies.policy({"a": "external", "b": "internal"}, {}, ())
A, B = POLICY.endpoints["a"], POLICY.endpoints["b"]
KNOWN = hops_of([POLICY])


def at(endpoint: Endpoint, **changes: object) -> Endpoint:
    return replace(endpoint, provider=replace(endpoint.provider, **changes))  # type: ignore[arg-type]


def said(chain: str, form: str = "", **own: str) -> dict[str, str]:
    """The headers of a chain whose body is OpenAI's, or what is given."""
    named = {header: hop_id("test", name) for header, name in zip(HOPS, chain, strict=False)}
    return named | {FORM: form or form_id("test", "openai_chat")} | own


def plan(
    number: int,
    chain: str = "ab",
    cluster: str = "",
    form: str = "",
    **changed: Endpoint | Target,
) -> Attempt:
    """The attempt `number` of a chain, with others behind the names where given."""
    made = {name: e if isinstance(e, Target) else target(e, Use(), None) for name, e in changed.items()}
    targets = {**KNOWN.targets, **{hop_id("test", name): each for name, each in made.items()}}
    headers = said(chain, form, **{"x-envoy-attempt-count": str(number)})
    tried = targets[hop_id("test", chain[number - 1])]
    hops = replace(KNOWN, targets=targets)
    return attempt(hops, cluster or tried.endpoint.provider.cluster, headers)


def set_by(planned: Attempt, key: str | None = None) -> dict[str, str]:
    changed, gone = planned.headers(key)
    assert len(dict(changed)) == len(changed)
    assert not set(dict(changed)) & set(gone)
    return dict(changed)


def gone_with(planned: Attempt, key: str | None = None) -> set[str]:
    return set(planned.headers(key)[1])


def test_the_first_attempt_of_several() -> None:
    first = plan(1)
    assert (first.number, first.target.endpoint.name, first.needs_body) == (1, "a", False)
    assert [later.endpoint.name for later in first.later] == ["b"]
    assert set_by(first, "key-a") == {
        ":path": "/v1/chat/completions",
        ":authority": "a-host.invalid",
        "authorization": "Bearer key-a",
    }
    assert gone_with(first, "key-a") == set(CREDENTIALS) - {"authorization"}


def test_a_form_tells_that_what_is_not_found_may_be_what_the_client_named() -> None:
    assert not plan(1).form.native
    assert plan(1, form=form_id("test", "openai_responses", native=True)).form == Form(
        "openai_responses", native=True
    )


def test_the_last_attempt_takes_the_hops_away() -> None:
    last = plan(2)
    assert (last.number, last.target.endpoint.name, last.needs_body, last.later) == (2, "b", True, ())
    assert gone_with(last) == {*CREDENTIALS, *HOPS, FORM}
    assert last.body(b'{"model" : "a", "x": 1E5}').body == b'{"model" : "b", "x": 1E5}'


def test_a_chain_as_long_as_envoys_matcher_ends() -> None:
    assert set(HOPS) <= gone_with(plan(MAX_CHAIN, chain="ab" * (MAX_CHAIN // 2)))


def test_who_comes_later_is_told_without_those_nobody_knows() -> None:
    assert [later.endpoint.name for later in plan(1, chain="aaxb").later] == ["a", "b"]


@pytest.mark.parametrize(
    ("form", "base", "sent"),
    [
        ("openai_chat", "/v1", "/v1/chat/completions"),
        ("openai_chat", "/openai", "/openai/chat/completions"),
        ("openai_embeddings", "", "/embeddings"),
        ("openai_responses", "/a/b", "/a/b/responses"),
    ],
)
def test_the_path_follows_from_the_form(form: Dialect, base: str, sent: str) -> None:
    planned = plan(1, form=form_id("test", form), a=at(A, base_path=base))
    assert set_by(planned)[":path"] == sent
    assert not planned.needs_body


@pytest.mark.parametrize("form", ["", "openai_chat", form_id("other", "openai_chat"), form_id("test", "x")])  # type: ignore[arg-type]
def test_a_body_of_no_known_form_is_not_sent(form: str) -> None:
    headers = said("a", **{"x-envoy-attempt-count": "1"}) | {FORM: form}
    with pytest.raises(ProtocolError, match="form"):
        attempt(KNOWN, A.provider.cluster, headers)
    del headers[FORM]
    with pytest.raises(ProtocolError, match="form"):
        attempt(KNOWN, A.provider.cluster, headers)


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("openai", "anthropic_messages"),
        ("vllm", "openai_responses"),
        ("anthropic", "openai_embeddings"),
        ("gemini", "anthropic_messages"),
    ],
)
def test_a_form_that_a_provider_cannot_be_told_is_not_sent(kind: str, form: Dialect) -> None:
    with pytest.raises(ProtocolError, match=f"'a' cannot be told what is in form '{form}'"):
        plan(1, form=form_id("test", form), a=at(A, kind=kind))


@pytest.mark.parametrize("count", ["", "0", "-1", "1x", "x", str(MAX_CHAIN + 1), "01", "٢", "3"])
def test_a_count_that_names_no_hop_is_refused(count: str) -> None:
    with pytest.raises(ProtocolError, match="names no endpoint"):
        attempt(KNOWN, A.provider.cluster, said("a", **{"x-envoy-attempt-count": count}))


def test_without_a_count_nothing_is_sent() -> None:
    with pytest.raises(ProtocolError):
        attempt(KNOWN, A.provider.cluster, said("a"))


def test_a_hop_of_an_unknown_revision_is_refused() -> None:
    other = hops_of([replace(POLICY, revision="other")])
    with pytest.raises(ProtocolError, match="names no endpoint"):
        attempt(other, A.provider.cluster, said("a", **{"x-envoy-attempt-count": "1"}))


def test_a_cluster_that_is_not_the_endpoints_own_is_refused() -> None:
    with pytest.raises(ProtocolError, match=f"not at {B.provider.cluster!r}"):
        plan(1, cluster=B.provider.cluster)


def test_a_provider_that_moved_is_not_tried_at_its_old_address() -> None:
    moved = replace(A.provider.hosts[0], host="elsewhere.invalid")
    with pytest.raises(ProtocolError, match="not at"):
        plan(1, cluster=A.provider.cluster, a=at(A, hosts=(moved,)))


FULL = Account((Secret("key"),), "org", "proj", (("x-team", Secret("t")), ("x-region", Secret("r"))))
KINDS = ("openai", "anthropic", "gemini", "azure_openai", "vllm", "openai_compatible")
CHAT = b'{"model": "a", "messages": [{"role": "user", "content": "Hi"}]}'


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_no_provider_sees_anything_of_another(first: str, second: str) -> None:
    """Every ordered pair: what the second attempt leaves in the shared headers is its own or nobody's."""
    ends = {
        "a": at(A, kind=first, name="a-host", account=FULL),
        "b": at(B, kind=second, name="b-host", account=Account((Secret("other"),))),
    }
    known = hops_of([replace(POLICY, providers={e.provider.name: e.provider for e in ends.values()})])
    targets = {hop_id("test", name): target(each, Use(), None) for name, each in ends.items()}

    def step(number: int, chain: str, shared: Mapping[str, str]) -> dict[str, str]:
        here = ends[chain[number - 1]]
        headers = said(chain, **{"x-envoy-attempt-count": str(number)})
        planned = attempt(replace(known, targets=targets), here.provider.cluster, headers)
        changed, gone = planned.headers(f"key of {here.name}")
        left = {k: v for k, v in shared.items() if k not in gone} | dict(changed)
        return left | dict(planned.body(CHAT).headers)

    plain = {"content-type": "application/json", "accept-encoding": "identity"}
    shared = step(2, "ab", step(1, "ab", plain))
    assert shared == step(1, "b", plain)
    assert "key of a" not in str(shared)


def foreign(kind: str, **fields: Any) -> Endpoint:
    return replace(at(A, kind=kind, **fields), model="their-model")


def test_a_foreign_provider_gets_its_own_form_on_every_attempt() -> None:
    claude = foreign("anthropic")
    for number, chain in ((1, "ab"), (2, "ba")):
        planned = plan(number, chain, a=claude)
        assert planned.needs_body
        assert planned.written == "anthropic_messages"
        assert set_by(planned, "k")["x-api-key"] == "k"
        sent = planned.body(CHAT)
        assert json.loads(sent.body)["model"] == "their-model"
        assert dict(sent.headers) == {":path": "/v1/messages", "anthropic-version": "2023-06-01"}
    unusual = plan(1, a=foreign("anthropic", paths={"anthropic_messages": "/ask"})).body(CHAT)
    assert dict(unusual.headers)[":path"] == "/v1/ask"


def test_before_the_body_is_known_a_foreign_request_points_nowhere_in_particular() -> None:
    planned = plan(1, a=foreign("gemini", base_path="/v1beta"))
    assert set_by(planned)[":path"] == "/v1beta"
    assert set_by(plan(1, a=foreign("gemini", base_path="")))[":path"] == "/"
    assert dict(planned.body(CHAT).headers)[":path"] == "/v1beta/models/their-model:generateContent"


def test_a_stream_and_embeddings_have_paths_of_their_own() -> None:
    gemini = foreign("gemini", base_path="/v1beta")
    stream = plan(1, a=gemini).body(CHAT[:-1] + b', "stream": true}')
    assert dict(stream.headers)[":path"] == "/v1beta/models/their-model:streamGenerateContent?alt=sse"
    embeddings = plan(1, form=form_id("test", "openai_embeddings"), a=gemini)
    assert embeddings.written == "gemini_embeddings"
    sent = embeddings.body(b'{"model": "a", "input": "text"}')
    assert dict(sent.headers)[":path"].startswith("/v1beta/models/their-model:")


def test_what_cannot_be_said_is_dropped_and_told_or_refused() -> None:
    odd = CHAT[:-1] + b', "logit_bias": {"1": 2}}'
    assert any(w.startswith("logit_bias") for w in plan(1, a=foreign("anthropic")).body(odd).warnings)
    strict = hops_of([replace(POLICY, strict=True)])
    planned = replace(plan(1, a=foreign("anthropic")), form=strict.forms[form_id("test", "openai_chat")])
    with pytest.raises(RequestError, match="logit_bias"):
        planned.body(odd)


@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
def test_a_foreign_model_gives_as_much_as_the_file_says(kind: str) -> None:
    asked = CHAT[:-1] + b', "max_tokens": 90000}'
    for most, sent in ((98_304, b":90000"), (4_096, b":4096")):
        model = replace(foreign(kind), max_output_tokens=most)
        for number, chain in ((1, "ab"), (2, "ba")):
            made = plan(number, chain, a=model).body(asked)
            assert sent in made.body
            assert bool(made.warnings) == (most < 90_000)


def test_a_body_of_another_client_is_made_plain_for_openai() -> None:
    """It may hold what OpenAI has no word for, so also the first attempt needs it."""
    mixed = form_id("test", "openai_chat", mixed=True)
    planned = plan(1, form=mixed)
    assert planned.needs_body
    assert planned.written is None
    left = json.loads(CHAT)
    left["messages"].insert(
        0, {"role": "assistant", "content": "x", "thinking_blocks": [{"type": "thinking"}]}
    )
    sent = planned.body(json.dumps(left).encode())
    assert b"thinking" not in sent.body
    assert json.loads(sent.body)["model"] == "a"
    assert set_by(planned)[":path"] == "/v1/chat/completions"
    kept = plan(1, form=mixed, a=foreign("anthropic"))
    assert kept.form == Form("openai_chat", mixed=True)


FITTED = form_id("test", "openai_chat", fitted=True)


@pytest.mark.parametrize("kind", ["openai", "azure_openai"])
def test_a_body_that_openai_would_refuse_is_fitted_in_place(kind: str) -> None:
    planned = plan(1, form=FITTED, a=replace(at(A, kind=kind), model="gpt-5"))
    assert planned.needs_body
    assert planned.written is None
    odd = CHAT[:-1] + b' , "temperature":5E-1,  "max_tokens": 7,"x":1E5}'
    sent = planned.body(odd)
    assert sent.body == CHAT.replace(b'"a"', b'"gpt-5"')[:-1] + b',"x":1E5,"max_completion_tokens":7}'
    assert [note.partition(":")[0] for note in sent.warnings] == ["temperature", "max_tokens"]
    # Unless the form says so it is the client's affair.
    assert plan(1, a=planned.target).body(odd).body == odd.replace(b'"a"', b'"gpt-5"')


def test_only_openais_own_models_are_fitted_for() -> None:
    odd = CHAT[:-1] + b', "temperature": 0.5}'
    theirs = plan(1, form=FITTED, a=replace(at(A, kind="vllm"), model="gpt-5"))
    assert not theirs.needs_body
    assert theirs.body(odd).body == odd.replace(b'"a"', b'"gpt-5"')
    taken = plan(1, form=FITTED, a=replace(at(A, kind="openai"), model="gpt-4o"))
    assert taken.body(odd).body == odd.replace(b'"a"', b'"gpt-4o"')
    foreign_one = plan(1, form=FITTED, a=foreign("anthropic"))
    assert json.loads(foreign_one.body(odd).body)["temperature"] == 0.5


def test_an_effort_of_the_files_counts_for_what_is_fitted() -> None:
    thinks = target(
        replace(at(A, kind="openai"), model="gpt-5.2"),
        Use(use_reasoning=True, effort="high"),
        FAMILIES["gpt"],
    )
    sent = json.loads(plan(1, form=FITTED, a=thinks).body(CHAT[:-1] + b', "temperature": 0.5}').body)
    assert "temperature" not in sent
    assert sent["reasoning_effort"] == "high"


def test_a_target_that_is_told_to_think_says_so_in_every_form() -> None:
    use = Use(use_reasoning=True, effort="high")
    claude = target(foreign("anthropic"), use, FAMILIES["claude"])
    assert "thinking" in json.loads(plan(1, a=claude).body(CHAT).body)
    gpt = target(A, use, FAMILIES["gpt"])
    assert json.loads(plan(1, a=gpt).body(CHAT).body)["reasoning_effort"] == "high"
    mixed = plan(1, form=form_id("test", "openai_chat", mixed=True), a=gpt)
    assert json.loads(mixed.body(CHAT).body)["reasoning_effort"] == "high"
    # In a form that knows no such word nothing is put in.
    own = plan(1, form=form_id("test", "openai_responses"), a=gpt)
    assert own.body(CHAT).body == CHAT


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": "a"', b'"text"', b"\xff"])
def test_a_body_that_is_no_request_is_the_clients_fault(body: bytes) -> None:
    for planned in (plan(2), plan(1, a=foreign("anthropic")), plan(1, a=foreign("gemini"))):
        with pytest.raises(RequestError):
            planned.body(body)


def test_hops_of_names_every_endpoint_and_form() -> None:
    assert KNOWN.targets == {hop_id("test", e.name): target(e, Use(), None) for e in (A, B)}
    assert KNOWN.forms[form_id("test", "openai_chat")] == Form("openai_chat")
    assert KNOWN.forms[form_id("test", "openai_chat", mixed=True)] == Form("openai_chat", mixed=True)
    assert KNOWN.forms[FITTED] == Form("openai_chat", fitted=True)
    assert KNOWN.headers == CREDENTIALS


def test_hops_of_several_revisions_stand_side_by_side() -> None:
    strict = replace(POLICY, revision="new", strict=True)
    account = Account(headers=(("x-team", Secret("t")),))
    old: Provider = replace(A.provider, account=account)
    both = hops_of([strict, replace(POLICY, providers={"a-host": old})])
    assert len(both.targets) == 4
    assert both.forms[form_id("new", "openai_chat")].strict
    assert not both.forms[form_id("test", "openai_chat")].strict
    assert both.headers == (*CREDENTIALS, "x-team")


def test_a_form_id_tells_a_provider_nothing() -> None:
    ids = {
        form_id("9f2c", form, mixed=mixed, fitted=fitted)  # type: ignore[arg-type]
        for form in ("openai_chat", "gemini")
        for mixed in (False, True)
        for fitted in (False, True)
    }
    assert len(ids) == 8
    assert not ids & Hops({}, {}).forms.keys()
    assert all(len(each) == 20 and set(each) <= set("0123456789abcdef") for each in ids)
