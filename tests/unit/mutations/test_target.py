"""One candidate in every way that a rule may use it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from waypost.dialects.splice import Put, splice
from waypost.mutations.reasoning import FAMILIES, Lora, Reasoning, ReasoningFamily, UseReasoning
from waypost.mutations.target import Target, Use, every, target
from waypost.providers.provider import ProviderKind
from waypost.testing.policies import endpoints

END = replace(endpoints({"a": "external"})["a"], model="wire-a")
QWEN, GPT = FAMILIES["qwen3"], FAMILIES["gpt"]
FINE, BASED = Lora(name="fine"), Lora(name="fine", model="base:fine")


def body(made: Target, **sent: Any) -> dict[str, Any]:
    """What leaves for it of a body with these members."""
    document = {"model": "auto", "messages": []} | sent
    return json.loads(splice(json.dumps(document).encode(), made.edits(document)))


def at(kind: ProviderKind, use: Use, family: ReasoningFamily | None) -> Target:
    return target(replace(END, provider=replace(END.provider, kind=kind)), use, family)


class TestUse:
    @pytest.mark.parametrize(
        ("use", "p_hard", "on"),
        [
            (Use(use_reasoning=True), None, True),
            (Use(use_reasoning=False), 1.0, False),
            (Use("auto"), 0.49, False),
            (Use("auto"), 0.5, True),
            (Use("auto", threshold=0.8), 0.79, False),
            (Use("auto", threshold=0.0), 0.0, True),
            (Use("auto"), None, None),
        ],
    )
    def test_thinking_is_decided_for_one_request(
        self, use: Use, p_hard: float | None, *, on: bool | None
    ) -> None:
        found = use.reasoning(p_hard)
        assert found is not None
        assert found.on is on

    def test_what_says_nothing_decides_nothing(self) -> None:
        assert Use().reasoning(1.0) is None
        assert Use(effort="high", lora=FINE).reasoning(1.0) is None

    def test_the_effort_is_the_files(self) -> None:
        found = Use(use_reasoning=True, effort="high").reasoning(None)
        assert found is not None
        assert found.effort == "high"


class TestBody:
    def test_the_model_is_named_as_its_server_knows_it(self) -> None:
        assert body(target(END, Use(), None)) == {"model": "wire-a", "messages": []}

    @pytest.mark.parametrize(("lora", "wire"), [(FINE, "fine"), (BASED, "base:fine")])
    def test_an_adapter_stands_in_for_its_model(self, lora: Lora, wire: str) -> None:
        assert body(target(END, Use(lora=lora), None))["model"] == wire

    def test_thinking_is_said_in_the_words_of_the_family(self) -> None:
        use = Use(use_reasoning=True, effort="high")
        assert body(at("vllm", use, QWEN))["chat_template_kwargs"] == {"enable_thinking": True}
        assert body(at("openai", use, GPT))["reasoning_effort"] == "high"

    def test_what_the_client_sent_beside_it_stays(self) -> None:
        sent = {"chat_template_kwargs": {"documents": []}, "n": 1}
        found = body(at("vllm", Use(use_reasoning=False), QWEN), **sent)
        assert found["chat_template_kwargs"] == {"documents": [], "enable_thinking": False}
        assert found["n"] == 1

    @pytest.mark.parametrize(
        ("use", "family"),
        [(Use(), QWEN), (Use(use_reasoning=True), None), (Use("auto"), QWEN), (Use(lora=FINE), QWEN)],
    )
    def test_nothing_but_the_name_is_said_where_nothing_is_decided_or_nobody_knows_how(
        self, use: Use, family: ReasoningFamily | None
    ) -> None:
        made = target(END, use, family)
        assert not made.says_more
        assert made.edits({"model": "auto"}) == (Put(("model",), made.model),)

    def test_a_decision_that_a_family_can_tell_needs_the_body(self) -> None:
        assert target(END, Use(use_reasoning=False), QWEN).says_more


class TestKey:
    """What the hop id is made of."""

    def test_an_endpoint_as_it_comes_is_its_name(self) -> None:
        assert target(END, Use(), None).key == "a"
        assert target(END, Use(), QWEN).key == "a"

    def test_what_changes_nothing_on_the_wire_changes_no_key(self) -> None:
        assert target(END, Use(use_reasoning=True), None).key == "a"
        assert target(END, Use("auto"), QWEN).key == "a"

    def test_everything_that_differs_on_the_wire_has_a_key_of_its_own(self) -> None:
        uses = [
            Use(),
            Use(lora=FINE),
            Use(lora=BASED),
            Use(use_reasoning=True, effort="low"),
            Use(use_reasoning=True, effort="high"),
            Use(use_reasoning=False),
            Use(use_reasoning=True, effort="low", lora=FINE),
        ]
        assert len({target(END, use, GPT).key for use in uses}) == len(uses)

    def test_no_name_can_be_taken_for_another_way_to_use_a_model(self) -> None:
        told = target(END, Use(lora=FINE), None)
        other = replace(END, name=told.key.replace("\0", " "))
        assert target(other, Use(), None).key != told.key

    def test_a_family_is_no_part_of_what_a_target_is(self) -> None:
        assert Target(END, "wire-a", QWEN) == Target(END, "wire-a", GPT)


class TestEvery:
    def test_a_use_without_auto_has_one_target(self) -> None:
        use = Use(use_reasoning=True, effort="low")
        assert list(every(END, use, QWEN)) == [target(END, use, QWEN)]

    @pytest.mark.parametrize("threshold", [0.0, 0.01, 0.5, 1.0])
    @pytest.mark.parametrize("p_hard", [None, 0.0, 0.005, 0.3, 0.5, 0.99, 1.0])
    def test_whatever_the_request_its_target_is_listed(self, threshold: float, p_hard: float | None) -> None:
        use = Use("auto", "medium", threshold=threshold)
        listed = {made.key for made in every(END, use, QWEN)}
        assert target(END, use, QWEN, p_hard).key in listed

    @pytest.mark.parametrize("use_reasoning", [None, True, False, "auto"])
    def test_a_listed_target_says_on_the_wire_what_the_chosen_one_says(
        self, use_reasoning: UseReasoning | None
    ) -> None:
        use = Use(use_reasoning, "high", FINE)
        listed = {made.key: made for made in every(END, use, GPT)}
        for p_hard in (None, 0.0, 0.2, 0.5, 0.9):
            chosen = target(END, use, GPT, p_hard)
            assert body(listed[chosen.key]) == body(chosen)


def test_a_reasoning_that_could_not_be_judged_says_nothing() -> None:
    made = Target(END, "wire-a", QWEN, Reasoning(on=None, effort=None, because="not known"))
    assert (made.says_more, made.key) == (False, "a")
