from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from pydantic import ValidationError

from waypost.configurable import build, schema
from waypost.dialects.servers import SERVERS
from waypost.dialects.splice import Drop, Edit, Put
from waypost.mutations.reasoning import (
    EFFORTS,
    FAMILIES,
    Effort,
    Lora,
    Reasoning,
    ReasoningFamily,
    at_host,
    decide,
    reasoning_edits,
    selected_headers,
    wire_model,
)
from waypost.providers.provider import ProviderKind

QWEN = FAMILIES["qwen3"]
GPT = FAMILIES["gpt"]
DEEPSEEK_API = at_host(FAMILIES["deepseek"], "api.deepseek.com")
OFF = Reasoning(on=False, effort=None, because="")
UNKNOWN = Reasoning(on=None, effort=None, because="")
TOP = Put(("reasoning_effort",), "high")
INNER = Put(("chat_template_kwargs", "reasoning_effort"), "high")


def on(effort: Effort = "high") -> Reasoning:
    return Reasoning(on=True, effort=effort, because="")


def edits(
    family: ReasoningFamily | None, reasoning: Reasoning | None, kind: ProviderKind = "vllm", /, **body: Any
) -> tuple[Edit, ...]:
    return reasoning_edits(family, kind, reasoning, {"model": "auto", **body})


# --- decide ----------------------------------------------------------------------------------------------


def test_a_file_that_says_nothing_decides_nothing() -> None:
    assert decide(None, "high", 0.99) is None


def test_a_switch_in_the_file_does_not_ask_how_hard_the_request_is() -> None:
    assert decide(True, "low", 0.0) == Reasoning(on=True, effort="low", because="use_reasoning: true")
    assert decide(False, "low", 1.0) == Reasoning(on=False, effort=None, because="use_reasoning: false")


def test_without_an_effort_it_is_medium() -> None:
    found = decide(True)
    assert found is not None
    assert found.effort == "medium"


@pytest.mark.parametrize(
    ("p_hard", "effort"), [(0.0, None), (0.59, None), (0.6, "high"), (0.61, "high"), (1.0, "high")]
)
def test_auto_is_on_from_the_threshold_upwards(p_hard: float, effort: Effort | None) -> None:
    found = decide("auto", "high", p_hard, 0.6)
    assert found is not None
    assert (found.on, found.effort) == (effort is not None, effort)
    assert found.because == f"use_reasoning: auto, complexity {p_hard:.2f}, threshold 0.6"


def test_auto_leaves_the_request_alone_when_the_complexity_is_not_known_and_says_so() -> None:
    found = decide("auto", "high", None)
    assert found is not None
    assert (found.on, found.effort) == (None, None)
    assert "not known" in found.because


def test_what_was_decided_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        on().on = False  # pyright: ignore[reportAttributeAccessIssue]


# --- headers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reasoning", [None, OFF, UNKNOWN])
def test_headers_say_off_unless_it_was_switched_on(reasoning: Reasoning | None) -> None:
    assert selected_headers(reasoning, GPT) == {"x-vsr-selected-reasoning": "off"}


def test_headers_name_the_effort_that_was_sent() -> None:
    found = selected_headers(on("low"), FAMILIES["mistral"])
    assert found == {"x-vsr-selected-reasoning": "on", "x-waypost-reasoning": "high"}


@pytest.mark.parametrize("family", [None, QWEN, at_host(QWEN, "api.z.ai")])
def test_headers_name_no_effort_where_none_was_sent(family: ReasoningFamily | None) -> None:
    assert selected_headers(on(), family) == {"x-vsr-selected-reasoning": "on"}


# --- families --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_built_in_families_are_sound(name: str) -> None:
    assert list(FAMILIES[name].lint()) == []


def test_a_block_in_the_notation_of_vllm_semantic_router_is_read() -> None:
    block = {"type": "chat_template_kwargs", "parameter": "enable_thinking"}
    assert build(ReasoningFamily, block) == FAMILIES["qwen3"]
    gpt = build(ReasoningFamily, {"type": "reasoning_effort", "parameter": "reasoning_effort"})
    assert edits(gpt, on(), "openai") == edits(GPT, on(), "openai") == (TOP,)


@pytest.mark.parametrize(
    "block", [{}, {"type": "magic"}, {"type": "thinking", "efforts": ["much"]}, {"type": "thinking", "x": 1}]
)
def test_a_block_that_is_wrong_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        build(ReasoningFamily, block)


@pytest.mark.parametrize("block", [ReasoningFamily, Lora])
def test_every_field_is_described(block: type) -> None:
    assert all(row.get("description") for row in schema(block)["properties"].values())


@pytest.mark.parametrize(
    ("family", "field", "severity"),
    [
        (ReasoningFamily(type="chat_template_kwargs"), "parameter", "error"),
        (ReasoningFamily(type="chat_template_kwargs", parameter=""), "parameter", "error"),
        (ReasoningFamily(type="reasoning_effort", parameter="reasoning..effort"), "parameter", "error"),
        (ReasoningFamily(type="reasoning_effort", parameter="reasoning."), "parameter", "error"),
        (ReasoningFamily(type="thinking", parameter="thinking"), "parameter", "warning"),
        (ReasoningFamily(type="reasoning_effort", efforts=()), "efforts", "error"),
        (ReasoningFamily(type="gemini_level", efforts=()), "efforts", "error"),
        (ReasoningFamily(type="top_level_reasoning_effort", effort_in="both"), "effort_in", "warning"),
    ],
)
def test_a_family_that_cannot_work_is_told(family: ReasoningFamily, field: str, severity: str) -> None:
    assert [(lint.field, lint.severity) for lint in family.lint()] == [(field, severity)]


@pytest.mark.parametrize(
    ("efforts", "sent"),
    [
        (("low", "medium", "high"), ["low", "low", "medium", "high", "high", "high"]),
        (("minimal", "low", "medium", "high"), ["minimal", "low", "medium", "high", "high", "high"]),
        (("high",), ["high"] * 6),
        (("max", "high", "low"), ["low", "low", "high", "high", "max", "max"]),
        (EFFORTS, list(EFFORTS)),
        ((), [None] * 6),
    ],
)
def test_an_effort_the_models_do_not_know_becomes_the_next_higher_one(
    efforts: tuple[Effort, ...], sent: list[Effort | None]
) -> None:
    family = ReasoningFamily(type="thinking", efforts=efforts)
    assert [family.sends(effort) for effort in EFFORTS] == sent


def test_vendors_of_open_models_have_a_switch_of_their_own() -> None:
    assert at_host(QWEN, "10.0.0.5") is QWEN
    assert at_host(QWEN, "API.DeepSeek.com").type == "thinking"
    assert at_host(GPT, "api.deepseek.com").type == "thinking"
    own = ReasoningFamily(type="thinking", efforts=("max",))
    assert at_host(own, "api.deepseek.com") is own
    assert at_host(QWEN, "api.deepseek.com.example.org") is QWEN


# --- bodies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [None, *FAMILIES.values()])
def test_nothing_is_said_where_nothing_was_decided(family: ReasoningFamily | None) -> None:
    for reasoning in (None, UNKNOWN):
        assert edits(family, reasoning, chat_template_kwargs={"a": 1}, reasoning_effort="low") == ()


@pytest.mark.parametrize("reasoning", [on(), OFF])
def test_without_a_family_the_body_stays(reasoning: Reasoning) -> None:
    assert edits(None, reasoning, chat_template_kwargs={"enable_thinking": True}) == ()


SWITCH = ("chat_template_kwargs", "enable_thinking")


@pytest.mark.parametrize(
    ("sent", "switched_on", "switched_off"),
    [
        ({}, (Put(SWITCH, True),), (Put(SWITCH, False),)),
        ({"chat_template_kwargs": None}, (Put(SWITCH, True),), (Put(SWITCH, False),)),
        ({"chat_template_kwargs": {"lang": "de"}}, (Put(SWITCH, True),), (Put(SWITCH, False),)),
        ({"chat_template_kwargs": {"enable_thinking": None}}, (Put(SWITCH, True),), (Put(SWITCH, False),)),
        ({"chat_template_kwargs": {"enable_thinking": True}}, (), ()),
        ({"chat_template_kwargs": {"enable_thinking": 1.0}}, (Put(SWITCH, True),), ()),
        ({"chat_template_kwargs": {"enable_thinking": False}}, (Put(SWITCH, True),), ()),
        ({"chat_template_kwargs": "nonsense"}, (), ()),
        ({"chat_template_kwargs": [{"enable_thinking": True}]}, (), ()),
    ],
)
@pytest.mark.parametrize("kind", ["openai", "vllm", "openai_compatible"])
def test_a_switch_is_merged_and_a_client_that_thinks_is_not_stopped(
    kind: ProviderKind,
    sent: dict[str, Any],
    switched_on: tuple[Edit, ...],
    switched_off: tuple[Edit, ...],
) -> None:
    assert edits(QWEN, on(), kind, **sent) == switched_on
    assert edits(QWEN, OFF, kind, **sent) == switched_off


def test_a_switch_is_a_boolean_and_not_a_number() -> None:
    (put,) = edits(QWEN, on())
    assert isinstance(put, Put)
    assert put.value is True


def test_ollama_knows_no_template_arguments() -> None:
    assert edits(QWEN, on(), "ollama") == ()
    assert edits(QWEN, OFF, "ollama") == (Put(("reasoning_effort",), "none"),)
    assert edits(QWEN, OFF, "ollama", reasoning_effort="low") == ()
    assert edits(QWEN, OFF, "ollama", reasoning_effort=None) == (Put(("reasoning_effort",), "none"),)


@pytest.mark.parametrize(
    ("kind", "effort_in", "expected"),
    [
        ("openai", "top", (TOP,)),
        ("openai", "kwargs", (TOP,)),
        ("ollama", "both", (TOP,)),
        ("vllm", "top", (TOP,)),
        ("vllm", "kwargs", (INNER,)),
        ("vllm", "both", (TOP, INNER)),
        ("openai_compatible", "kwargs", (INNER,)),
    ],
)
def test_an_effort_stands_where_the_provider_reads_it(
    kind: ProviderKind, effort_in: Any, expected: tuple[Edit, ...]
) -> None:
    family = ReasoningFamily(type="reasoning_effort", effort_in=effort_in)
    assert edits(family, on(), kind) == expected
    assert edits(family, OFF, kind) == ()


def test_an_effort_of_the_client_is_overwritten_wherever_it_stands_so_that_none_contradicts() -> None:
    sent = {"reasoning_effort": "low", "chat_template_kwargs": {"reasoning_effort": "medium"}}
    for effort_in in ("top", "kwargs", "both"):
        assert edits(ReasoningFamily(type="reasoning_effort", effort_in=effort_in), on(), **sent) == (
            TOP,
            INNER,
        )
    assert edits(GPT, on(), reasoning_effort="high") == ()


@pytest.mark.parametrize("family", ["gpt", "gpt-oss", "mistral", "claude", "gemini"])
def test_switched_off_no_effort_is_made_up_and_the_clients_stays(family: str) -> None:
    assert edits(FAMILIES[family], OFF) == ()
    assert edits(FAMILIES[family], OFF, reasoning_effort="high", chat_template_kwargs={"a": 1}) == ()


def test_a_dotted_name_leads_into_an_object() -> None:
    family = ReasoningFamily(type="reasoning_effort", parameter="reasoning.effort", effort_in="both")
    path = ("reasoning", "effort")
    assert edits(family, on(), "openai", reasoning={"summary": "auto"}) == (Put(path, "high"),)
    assert edits(family, on()) == (Put(path, "high"), Put(("chat_template_kwargs", *path), "high"))
    assert edits(family, on(), "openai", reasoning="high") == ()


def test_an_effort_of_the_request_alone_leaves_the_templates_arguments() -> None:
    family = FAMILIES["mistral"]
    assert edits(family, on("low")) == (TOP,)
    sent = {"chat_template_kwargs": {"reasoning_effort": "low", "lang": "de"}}
    assert edits(family, on(), **sent) == (TOP, Drop(("chat_template_kwargs", "reasoning_effort")))
    assert edits(family, OFF, **sent) == ()


KIND = ("thinking", "type")


def test_deepseeks_own_api_gets_its_own_switch_and_no_template_arguments() -> None:
    drop = Drop(("chat_template_kwargs",))
    sent = {"chat_template_kwargs": {"thinking": True}}
    effort = Put(("reasoning_effort",), "high")
    assert edits(DEEPSEEK_API, on("medium"), **sent) == (Put(KIND, "enabled"), effort, drop)
    assert edits(DEEPSEEK_API, OFF, **sent) == (Put(KIND, "disabled"), drop)
    assert edits(DEEPSEEK_API, OFF) == (Put(KIND, "disabled"),)


def test_deepseeks_own_switch_of_a_client_is_kept_where_ours_is_off() -> None:
    assert edits(DEEPSEEK_API, OFF, thinking={"type": "enabled"}, reasoning_effort="max") == ()
    assert edits(DEEPSEEK_API, OFF, thinking=None) == (Put(KIND, "disabled"),)
    sent = {"thinking": {"type": "disabled", "clear_thinking": False}, "reasoning_effort": "high"}
    assert edits(DEEPSEEK_API, on(), **sent) == (Put(KIND, "enabled"),)


def test_an_own_api_without_efforts_gets_the_switch_only() -> None:
    assert edits(at_host(FAMILIES["glm"], "api.z.ai"), on()) == (Put(KIND, "enabled"),)


@pytest.mark.parametrize("family", ["claude", "claude-4.5", "gemini", "gemini-2.5"])
def test_models_with_bodies_of_their_own_take_the_effort_in_openais_shape(family: str) -> None:
    assert edits(FAMILIES[family], on(), "openai_compatible", reasoning_effort="low") == (TOP,)


# --- bodies that are written anew for the provider -------------------------------------------------------


@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
def test_switched_on_a_translated_body_gets_the_familys_effort(kind: ProviderKind) -> None:
    for family in ("claude", "claude-4.5", "gemini", "gemini-2.5", "gemini-2.5-pro", "gpt"):
        assert edits(FAMILIES[family], on(), kind, reasoning_effort="low") == (TOP,)
        assert edits(FAMILIES[family], on(), kind, reasoning_effort="high") == ()
    assert edits(FAMILIES["claude"], on("max"), kind) == (TOP,)
    assert edits(FAMILIES["claude-4.5"], on("max"), kind) == (Put(("reasoning_effort",), "max"),)


@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
def test_switched_off_a_translated_body_says_none_unless_the_client_said_something(
    kind: ProviderKind,
) -> None:
    none = (Put(("reasoning_effort",), "none"),)
    for family in FAMILIES.values():
        assert edits(family, OFF, kind) == none
        assert edits(family, OFF, kind, reasoning_effort=None) == none
        assert edits(family, OFF, kind, reasoning_effort="low") == ()
        assert edits(family, UNKNOWN, kind) == ()


@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
def test_a_family_with_a_switch_only_passes_the_files_effort_on(kind: ProviderKind) -> None:
    assert edits(QWEN, on(), kind) == (TOP,)
    assert edits(QWEN, Reasoning(on=True, effort=None, because=""), kind) == (
        Put(("reasoning_effort",), "medium"),
    )


@pytest.mark.parametrize("model", ["claude-sonnet-5", "claude-opus-4-5", "claude-3-haiku", "glm-5"])
@pytest.mark.parametrize("effort", ["none", *EFFORTS])
def test_anthropics_dialect_understands_every_effort(model: str, effort: str) -> None:
    document = {"messages": [{"role": "user", "content": "hi"}], "reasoning_effort": effort}
    assert SERVERS["anthropic_messages"].write_request(document, model, True, None).body


@pytest.mark.parametrize("model", ["gemini-3-pro", "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.0-flash"])
@pytest.mark.parametrize("effort", ["none", *EFFORTS])
def test_geminis_dialect_understands_every_effort(model: str, effort: str) -> None:
    document = {"messages": [{"role": "user", "content": "hi"}], "reasoning_effort": effort}
    assert SERVERS["gemini"].write_request(document, model, True, None).body


# --- LoRA ------------------------------------------------------------------------------------------------


def test_an_adapter_is_named_on_the_wire_as_its_server_wants_it() -> None:
    assert wire_model("llama-3.1-8b", None) == "llama-3.1-8b"
    assert wire_model("llama-3.1-8b", Lora(name="contracts")) == "contracts"
    sglang = build(Lora, {"name": "contracts", "description": "Clauses", "model": "llama-3.1-8b:contracts"})
    assert wire_model("llama-3.1-8b", sglang) == "llama-3.1-8b:contracts"


def test_an_adapter_without_a_name_is_refused() -> None:
    with pytest.raises(ValidationError):
        build(Lora, {"description": "Clauses"})
