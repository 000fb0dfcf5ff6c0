"""What leaves: whose bytes, in which form, for whom."""

import json
from dataclasses import replace
from typing import Any

import pytest

from waypost.dialects.reading import read_request
from waypost.errors import RequestError
from waypost.leaving import Leaving, leave
from waypost.mutations.reasoning import FAMILIES
from waypost.mutations.shape import UNSHAPED, Shaped
from waypost.mutations.target import Target, Use, target
from waypost.policy import Policy
from waypost.providers.provider import Endpoint, Host, Provider, ProviderKind
from waypost.request.chat import ChatRequest, Dialect
from waypost.testing import policies

POLICY = policies.policy({"a": "external"}, {}, ())


def at(kind: ProviderKind, name: str = "", **fields: Any) -> Target:
    provider = Provider(name or kind, kind, "https", (Host(f"{name or kind}.invalid", 443),), "/v1", **fields)
    return target(Endpoint(name or kind, provider, f"{name or kind}-model"), Use(), None)


HI = [{"role": "user", "content": "Hi"}]
OPENAI, CLAUDE, GEMINI = at("openai"), at("anthropic"), at("gemini")


def wired(to: Target, model: str) -> Target:
    """The same provider's model of another name."""
    return target(replace(to.endpoint, model=model), Use(), None)


THINKER = wired(at("openai", "thinker"), "gpt-5")


def chat(**fields: Any) -> ChatRequest:
    return read("openai_chat", messages=[{"role": "user", "content": "Hi"}], **fields)


def messages(**fields: Any) -> ChatRequest:
    said = [{"role": "user", "content": "Hi"}]
    return read("anthropic_messages", **{"messages": said, "max_tokens": 9, **fields})


def read(dialect: Dialect, **fields: Any) -> ChatRequest:
    return read_request(json.dumps({"model": "auto", **fields}).encode(), dialect)


def left(
    request: ChatRequest,
    *targets: Target,
    policy: Policy = POLICY,
    shaped: Shaped = UNSHAPED,
    masked: bool = False,
) -> Leaving:
    return leave(policy, request, targets, shaped, masked=masked)


class TestOwnForm:
    def test_the_clients_bytes_leave_where_all_speak_its_form(self) -> None:
        request = messages(system="Be kind", metadata={"user_id": "u"})
        found = left(request, CLAUDE, at("anthropic", "other"))
        assert (found.form, found.mixed, found.dropped) == ("anthropic_messages", False, {})
        assert found.body == request.body.replace(b'"auto"', b'"anthropic-model"')
        assert [t.endpoint.name for t in found.targets] == ["anthropic", "other"]

    def test_a_body_that_names_the_model_is_not_touched(self) -> None:
        request = replace(messages(), model="anthropic-model")
        assert left(request, CLAUDE).body is None

    def test_one_that_does_not_speak_it_is_enough_for_the_neutral_form(self) -> None:
        found = left(messages(), CLAUDE, OPENAI)
        assert (found.form, found.mixed) == ("openai_chat", True)
        assert json.loads(found.body or b"")["model"] == "anthropic-model"
        assert found.spoken(CLAUDE) == "anthropic_messages"
        assert found.spoken(OPENAI) == "openai_chat"

    def test_what_another_provider_thought_is_not_sent_in_the_clients_bytes(self) -> None:
        thought = {"type": "thinking", "thinking": "hm", "signature": ""}
        talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [thought]}]
        found = left(messages(messages=talk), CLAUDE)
        assert (found.form, found.mixed) == ("openai_chat", True)

    def test_what_is_edited_leaves_in_the_neutral_form(self) -> None:
        edited = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Edited"}]}).encode()
        found = left(messages(), CLAUDE, shaped=Shaped(edited))
        assert found.form == "openai_chat"
        assert b"Edited" in (found.body or b"")

    def test_what_was_masked_never_leaves_in_the_clients_bytes(self) -> None:
        assert left(messages(), CLAUDE, masked=True).form == "openai_chat"

    def test_what_only_the_own_form_has_is_sent_to_those_who_speak_it(self) -> None:
        request = messages(tools=[{"type": "web_search_20250305", "name": "web_search"}])
        assert request.sent
        assert request.sent.native
        found = left(request, OPENAI, CLAUDE)
        assert (found.form, [t.endpoint.name for t in found.targets]) == ("anthropic_messages", ["anthropic"])

    @pytest.mark.parametrize("masked", [False, True])
    def test_or_refused_by_its_name(self, *, masked: bool) -> None:
        request = messages(tools=[{"type": "web_search_20250305", "name": "web_search"}])
        with pytest.raises(RequestError) as caught:
            left(request, *((CLAUDE,) if masked else (OPENAI, GEMINI)), masked=masked)
        assert request.sent
        assert (caught.value.status, caught.value.param) == (400, request.sent.native)
        assert ("edits" in caught.value.message) is masked

    def test_what_only_a_provider_keeps_may_be_named_in_it(self) -> None:
        assert not left(messages(), CLAUDE).native
        assert left(messages(container="c1"), CLAUDE).native
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": "Ho"}
        assert left(read("openai_responses", input=[*HI, item]), OPENAI).native
        assert not left(read("openai_responses", input="Hi"), OPENAI).native
        assert not left(read("openai_responses", input=[*HI, item]), GEMINI).native


class TestNeutralForm:
    def test_a_request_of_openais_form_is_spliced_in_place(self) -> None:
        request = chat(temperature=0.5)
        found = left(request, OPENAI, CLAUDE)
        assert found.body == request.original.replace(b'"auto"', b'"openai-model"')
        assert (found.form, found.mixed) == ("openai_chat", False)

    def test_what_a_provider_is_not_told_is_noted_for_it_alone(self) -> None:
        found = left(chat(seed=7), OPENAI, CLAUDE)
        assert found.dropped[OPENAI.key] == ()
        assert any(note.startswith("seed") for note in found.dropped[CLAUDE.key])

    def test_strict_leaves_those_out_that_cannot_be_told(self) -> None:
        strict = replace(POLICY, strict=True)
        assert left(chat(seed=7), CLAUDE, OPENAI, policy=strict).targets == (OPENAI,)
        with pytest.raises(RequestError) as caught:
            left(chat(seed=7), CLAUDE, policy=strict)
        assert caught.value.param == "seed"

    @pytest.mark.parametrize("found", [CLAUDE, GEMINI])
    def test_how_much_a_model_gives_is_what_the_file_says(self, found: Target) -> None:
        def given(most: int | None) -> Target:
            return replace(found, endpoint=replace(found.endpoint, max_output_tokens=most))

        strict = replace(POLICY, strict=True)
        large, small = given(98_304), given(9)
        assert left(chat(max_tokens=90_000), large, policy=strict).dropped[large.key] == ()
        notes = left(chat(max_tokens=10), small).dropped[small.key]
        assert [note.partition(":")[0] for note in notes] == ["max_tokens"]
        with pytest.raises(RequestError, match="max_tokens"):
            left(chat(max_tokens=10), small, policy=strict)

    def test_one_that_cannot_be_sent_it_is_left_out(self) -> None:
        request = chat(n=2)
        assert left(request, CLAUDE, GEMINI).targets == (GEMINI,)
        with pytest.raises(RequestError) as caught:
            left(request, CLAUDE)
        assert caught.value.status == 400

    def test_a_file_known_by_its_address_goes_to_those_who_fetch_it(self) -> None:
        file = {"type": "document", "source": {"type": "url", "url": "https://files.invalid/a.pdf"}}
        request = messages(messages=[{"role": "user", "content": [file]}])
        assert left(request, OPENAI, CLAUDE).targets == (CLAUDE,)
        with pytest.raises(RequestError, match="cannot fetch"):
            left(request, at("vllm"))

    def test_embeddings_go_to_those_who_make_them(self) -> None:
        request = read("openai_embeddings", input="Hi")
        found = left(request, CLAUDE, GEMINI, OPENAI)
        assert found.form == "openai_embeddings"
        assert found.targets == (GEMINI, OPENAI)
        with pytest.raises(RequestError, match="cannot serve this kind of request"):
            left(request, CLAUDE)

    @pytest.mark.parametrize(
        "said",
        [
            {"thinking_blocks": [{"type": "thinking", "thinking": "Hm", "signature": "c2ln"}]},
            {"tool_calls": [{"id": "call_1__thought__00000000c2ln", "function": {"name": "f"}}]},
        ],
    )
    def test_what_another_provider_said_is_taken_out_for_openai(self, said: dict[str, Any]) -> None:
        talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho", **said}]
        assert left(read("openai_chat", messages=talk), OPENAI).mixed

    def test_openai_itself_is_not_told_what_only_others_understand(self) -> None:
        request = messages(top_k=7, stop_sequences=["a", "b", "c", "d", "e"])
        own, other = left(request, OPENAI), left(request, at("vllm"))
        assert [note.partition(":")[0] for note in own.dropped[OPENAI.key]] == ["top_k", "stop"]
        assert list(other.dropped.values()) == [()]
        with pytest.raises(RequestError, match="top_k"):
            left(request, OPENAI, policy=replace(POLICY, strict=True))

    @pytest.mark.parametrize("kind", ["openai", "vllm"])
    def test_thoughts_are_taken_out_for_openai_itself(self, kind: ProviderKind) -> None:
        talk = [*HI, {"role": "assistant", "content": "Ho", "reasoning_content": "Hm"}]
        assert left(read("openai_chat", messages=talk), at(kind)).mixed is (kind == "openai")

    def test_a_model_of_openai_is_not_told_what_it_refuses_of_its_own_form(self) -> None:
        request = chat(temperature=0.5, max_tokens=9)
        found = left(request, OPENAI, THINKER, CLAUDE)
        assert (found.form, found.mixed, found.fitted) == ("openai_chat", False, True)
        assert found.body == request.original.replace(b'"auto"', b'"openai-model"')
        assert found.dropped[THINKER.key] == (
            "temperature: not sent, the model does not take it",
            "max_tokens: sent as max_completion_tokens",
        )
        assert found.dropped[OPENAI.key] == ()

    @pytest.mark.parametrize(
        ("fields", "to"),
        [
            ({"temperature": 1, "max_completion_tokens": 9}, "gpt-5"),
            ({"temperature": 0.5, "max_tokens": 9}, "gpt-4o"),
            ({"temperature": 0.5, "max_tokens": 9, "stop": "x"}, "our-deployment"),
        ],
    )
    def test_what_it_takes_is_left_alone(self, fields: dict[str, Any], to: str) -> None:
        found = left(chat(**fields), wired(OPENAI, to))
        assert not found.fitted
        assert list(found.dropped.values()) == [()]

    def test_another_server_of_openais_form_is_told_all(self) -> None:
        found = left(chat(temperature=0.5), wired(at("vllm"), "gpt-5"))
        assert (found.fitted, list(found.dropped.values())) == (False, [()])

    def test_who_names_a_model_says_what_it_is_told(self) -> None:
        policy = replace(POLICY, endpoints={"openai": THINKER.endpoint})
        request = replace(chat(temperature=0.5), model="openai")
        found = left(request, THINKER, policy=policy)
        assert (found.fitted, found.dropped) == (False, {THINKER.key: ()})
        # Where a rule sends it to somebody else, the client did not name that one.
        other = wired(at("azure_openai"), "gpt-5")
        assert left(request, other, policy=policy).fitted

    def test_strictly_a_model_that_would_refuse_it_is_left_out(self) -> None:
        strict = replace(POLICY, strict=True)
        found = left(chat(temperature=0.5), THINKER, OPENAI, policy=strict)
        assert (found.targets, found.fitted) == ((OPENAI,), False)
        with pytest.raises(RequestError) as caught:
            left(chat(temperature=0.5), THINKER, policy=strict)
        assert (caught.value.status, caught.value.param) == (400, "temperature")
        assert left(chat(max_tokens=9), THINKER, policy=strict).fitted

    def test_what_the_file_adds_counts_too(self) -> None:
        """A model that samples only while it does not think, told to think by the file."""
        later = wired(OPENAI, "gpt-5.2")
        assert not left(chat(temperature=0.5), later).fitted
        thinks = target(later.endpoint, Use(use_reasoning=True, effort="high"), FAMILIES["gpt"])
        found = left(chat(temperature=0.5), thinks)
        assert found.fitted
        assert found.dropped[thinks.key] == ("temperature: not sent, the model does not take it",)

    def test_only_chats_are_fitted(self) -> None:
        assert not left(read("openai_embeddings", input="Hi", top_k=7), OPENAI).fitted

    def test_who_is_worth_trying_again_comes_again(self) -> None:
        again = at("openai", "twice", retries=1)
        assert left(chat(), again, CLAUDE).targets == (again, again, CLAUDE)
