"""What a name tells about a model."""

import pytest

from waypost.dialects.gemini_models import Family, family_of

FLASH = Family(has_both=False, thinking="budget", can_stop=True, is_signed=False)
ALL = Family(levels=("minimal", "low", "medium", "high"))
OLD = Family(max_tokens=8_192, json_schema=False, has_both=False, thinking="none", is_signed=False)
UNKNOWN = Family(max_tokens=2**31 - 1, json_schema=False, has_both=False, thinking="none", is_signed=False)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gemini-2.5-pro", Family(has_both=False, thinking="budget", least_budget=128, is_signed=False)),
        ("gemini-2.5-flash", FLASH),
        ("gemini-2.5-flash-preview-09-2025", FLASH),
        (
            "gemini-2.5-flash-lite",
            Family(has_both=False, thinking="budget", least_budget=512, can_stop=True, is_signed=False),
        ),
        ("gemini-3-pro-preview", Family(levels=("low", "high"))),
        ("gemini-3.1-pro-preview", Family()),
        ("gemini-3-flash-preview", ALL),
        ("gemini-3.6-flash", ALL),
        ("gemini-3.9-flash-lite", ALL),
        ("models/gemini-3.8-flash", Family()),
        ("Gemini-10.2-flash", Family()),
        ("gemini-flash-latest", Family()),
        ("gemini-pro-latest", Family()),
        ("gemini-2.0-flash", OLD),
        ("gemini-1.5-pro-002", OLD),
        ("gemma-3-27b-it", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_families(model: str, family: Family) -> None:
    assert family_of(model) == family
