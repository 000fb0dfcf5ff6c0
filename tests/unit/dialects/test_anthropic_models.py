"""Families by name, as the provider and the clouds spell it."""

import pytest

from waypost.dialects.anthropic_models import UNKNOWN, family_of


@pytest.mark.parametrize(
    ("model", "thinking", "off", "max_tokens"),
    [
        ("claude-3-opus-20240229", "none", "omit", 4_096),
        ("claude-3-5-haiku-latest", "none", "omit", 8_192),
        ("claude-3-7-sonnet-20250219", "budget", "omit", 64_000),
        ("claude-opus-4-20250514", "budget", "omit", 32_000),
        ("claude-4-opus-20250514", "budget", "omit", 32_000),
        ("claude-opus-4-1@20250805", "budget", "omit", 32_000),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "budget", "omit", 64_000),
        ("claude-haiku-4-5", "budget", "omit", 64_000),
        ("anthropic/claude-opus-4.6", "adaptive", "omit", 128_000),
        ("claude-opus-4-8", "adaptive", "omit", 128_000),
        ("claude-sonnet-5", "adaptive", "disabled", 128_000),
        ("claude-opus-5-5", "adaptive", "never", 128_000),
        ("claude-sonnet-5-5", "adaptive", "between_tools", 128_000),
        ("claude-haiku-5-5", "adaptive", "disabled", 128_000),
        ("claude-fable-5", "adaptive", "never", 128_000),
        ("claude-mythos-preview", "adaptive", "never", 128_000),
        ("Claude-Sonnet-Latest", "adaptive", "between_tools", 128_000),
        ("kimi-k2", "budget", "omit", 8_192),
    ],
)
def test_how_a_model_thinks_and_how_much_it_says(
    model: str, thinking: str, off: str, max_tokens: int
) -> None:
    family = family_of(model)
    assert (family.thinking, family.off, family.max_tokens) == (thinking, off, max_tokens)


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-sonnet-4-0", {"samples", "both", "prefills", "forces"}),
        ("claude-sonnet-4-5", {"samples", "prefills", "forces", "has_schema"}),
        ("claude-opus-4-6", {"samples", "forces", "has_schema"}),
        ("claude-opus-4-7", {"forces", "has_schema", "has_xhigh", "has_display"}),
        ("claude-opus-5", {"forces", "has_schema", "has_xhigh", "has_display"}),
        ("claude-haiku-5-5", {"has_schema", "has_xhigh", "has_display"}),
    ],
)
def test_what_a_model_takes(model: str, takes: set[str]) -> None:
    family = family_of(model)
    names = {"samples", "prefills", "forces", "has_schema"}
    if family.thinking == "adaptive":
        names |= {"has_xhigh", "has_display"}
    both = set() if family.samples_once else {"both"}
    assert {name for name in names if getattr(family, name)} | both == takes


@pytest.mark.parametrize("model", ["", "/", "gpt-5", "claud-9"])
def test_what_is_no_claude_speaks_the_older_form(model: str) -> None:
    assert family_of(model) == UNKNOWN
    assert not UNKNOWN.thinks_unasked


def test_some_think_unasked() -> None:
    assert [family_of(f"claude-{name}").thinks_unasked for name in ("opus-4-8", "sonnet-5", "opus-4-5")] == [
        False,
        True,
        False,
    ]
